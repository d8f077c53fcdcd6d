"""Adapters between PEFT and us: what one writes, the other computes, or says in one sentence that it cannot."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from tests.engine.test_architectures import GQA, MLA
from tests.train.adapt.adapting import opened, run, settings
from torch import Tensor

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.hf.export import export_hf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.adapt.examples import Example
from huozhong.train.adapt.lora import add_adapters, load_adapter, merged, read_adapter
from huozhong.train.adapt.tasks import SftTask

# Every other warning is an error here: PEFT only warns of adapters that it finds no place for.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

SIZES = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "norm_topk_prob": True}
CONFIGS: dict[str, Any] = {
    "deepseek_v3": lambda: transformers.DeepseekV3Config(**(MLA | SIZES), n_group=4, topk_group=2),
    "deepseek_v3, dense": lambda: transformers.DeepseekV3Config(
        **(MLA | SIZES | {"first_k_dense_replace": 3}), n_group=4, topk_group=2
    ),
    "llama": lambda: transformers.LlamaConfig(**(GQA | SIZES)),
    "qwen2": lambda: transformers.Qwen2Config(**(GQA | SIZES), tie_word_embeddings=True),
    "qwen3": lambda: transformers.Qwen3Config(**(GQA | SIZES)),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(
        **(GQA | SIZES | EXPERTS), mlp_only_layers=[0], decoder_sparse_step=1
    ),
}
TOKENS = torch.arange(3, 43)[None]


@pytest.fixture(scope="module")
def folders(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model of each kind, with a tokenizer."""
    found = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        folder = tmp_path_factory.mktemp("models") / name.partition(",")[0]
        model = transformers.AutoModelForCausalLM.from_config(config(), dtype=torch.float32)
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.normal_(0.0, 0.1)
        model.save_pretrained(folder)
        for file, content in tokenizer.files().items():
            (folder / file).write_bytes(content)
        found[name] = folder
    return found


@pytest.fixture(scope="module")
def task() -> SftTask:
    """Tokens after other tokens: there is something to learn, whatever it means."""
    examples = []
    for i in range(24):
        ids = [1, *(10 + (7 * i + 3 * j) % 200 for j in range(12)), *range(50 + i % 5, 58 + i % 5), 2]
        examples.append(Example(ids, [j > 12 for j in range(len(ids))], "x", "", i))
    return SftTask(examples[6:], examples[:6])


def loaded(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.no_grad()
def logits(model: Any) -> Tensor:
    if isinstance(model, CausalLM):
        return model.logits(model(TOKENS))
    found: Tensor = model(TOKENS).logits
    return found


def whole(base: Path, adapter: Path, out: Path, scale: float) -> Any:
    """The base with our adapter merged by us, in float32, as transformers reads it."""
    stored, _ = read_adapter(adapter)
    view = HuggingFaceView(open_model(base), lambda name, values: merged(name, values, stored, scale))
    export_hf(view, out, small_files={}, dtype="float32")
    return loaded(out)


# -- from us to PEFT -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_peft_computes_what_we_merge(kind: str, folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    base, out = folders[kind], tmp_path / "run"
    done = run(base, task, settings(out, rank=4, alpha=12.0, epochs=2))
    assert done.model is not None
    stored, config = read_adapter(out / "adapter")
    assert all(values.abs().max() > 1e-3 for values in stored.values())
    assert (config["r"], config["lora_alpha"]) == (4, 12)

    ours = logits(whole(base, out / "adapter", tmp_path / "merged", 3.0))
    assert (ours - logits(loaded(base))).abs().max() > 0.5
    theirs = peft.PeftModel.from_pretrained(loaded(base), out / "adapter").eval()
    torch.testing.assert_close(logits(theirs), ours, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits(theirs.merge_and_unload()), ours, atol=1e-4, rtol=1e-4)
    alone = peft.AutoPeftModelForCausalLM.from_pretrained(out / "adapter", dtype=torch.float32).eval()
    torch.testing.assert_close(logits(alone), ours, atol=1e-4, rtol=1e-4)  # it finds the base itself
    served = logits(loaded(done.model))  # bfloat16, in which some tokens meet another expert
    assert (served - ours).norm() < 0.15 * ours.norm()


def test_an_adapter_made_on_a_gguf_file_fits_the_folder(
    folders: dict[str, Path], task: SftTask, tmp_path: Path
) -> None:
    """Llama's queries and keys lie in another order in such a file, and their adapters must not."""
    source = open_model(folders["llama"])
    vocabulary = vocab_metadata(source.small_files(), source.architecture.vocab_size)
    export_gguf(source, tmp_path / "base.gguf", "f32", vocabulary=vocabulary)
    run(tmp_path / "base.gguf", task, settings(tmp_path / "run", epochs=1))
    theirs = peft.PeftModel.from_pretrained(loaded(folders["llama"]), tmp_path / "run" / "adapter").eval()
    ours = logits(whole(folders["llama"], tmp_path / "run" / "adapter", tmp_path / "merged", 2.0))
    torch.testing.assert_close(logits(theirs), ours, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "deepseek_v3", "qwen3_moe"])
def test_peft_computes_adapters_of_the_upper_layers(
    kind: str, folders: dict[str, Path], task: SftTask, tmp_path: Path
) -> None:
    """And puts none on the others, which it would warn of."""
    base, out = folders[kind], tmp_path / "run"
    run(base, task, settings(out, rank=4, alpha=12.0, epochs=1, layers=2))
    _, config = read_adapter(out / "adapter")
    assert config["layers_to_transform"] == [1, 2]
    ours = logits(whole(base, out / "adapter", tmp_path / "merged", 3.0))
    assert (ours - logits(loaded(base))).abs().max() > 0.1
    theirs = peft.PeftModel.from_pretrained(loaded(base), out / "adapter").eval()
    torch.testing.assert_close(logits(theirs), ours, atol=1e-4, rtol=1e-4)


# -- from PEFT to us -------------------------------------------------------------------------------------


def by_peft(base: Path, out: Path, *, task_type: str = "CAUSAL_LM", **options: Any) -> Any:
    """A model with an adapter that PEFT made and saved in `out`, every weight of it random."""
    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, lora_alpha=6, task_type=task_type, **options)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # it remarks on some of what is to be refused
        model = peft.get_peft_model(loaded(base), config)
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(0.0, 0.2)
        model.save_pretrained(out)
    return model.eval()


def with_adapters(base: Path, rank: int = 4, alpha: float = 6.0) -> CausalLM:
    view, _ = opened(base)
    model = load_causal_lm(view.architecture, view, storage="float32")
    add_adapters(model, rank, alpha, seed=1)
    return model


@pytest.mark.parametrize(("kind", "targets"), [
    ("llama", ["q_proj", "v_proj"]), ("qwen2", "all-linear"), ("qwen3", ["k_proj", "up_proj", "down_proj"]),
    ("deepseek_v3", ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]),
    ("qwen3_moe", r".*\.(q_proj|o_proj)"),
])  # fmt: skip
def test_we_compute_what_peft_made(kind: str, targets: Any, folders: dict[str, Path], tmp_path: Path) -> None:
    theirs = by_peft(folders[kind], tmp_path / "theirs", target_modules=targets, lora_dropout=0.1)
    ours = with_adapters(folders[kind])
    load_adapter(ours, tmp_path / "theirs")
    torch.testing.assert_close(logits(ours), logits(theirs), atol=1e-4, rtol=1e-4)
    assert (logits(ours) - logits(loaded(folders[kind]))).abs().max() > 0.5


def test_we_compute_what_peft_made_of_the_upper_layers(folders: dict[str, Path], tmp_path: Path) -> None:
    theirs = by_peft(
        folders["llama"], tmp_path / "theirs", target_modules=["q_proj", "up_proj"], layers_to_transform=[1, 2]
    )
    ours = with_adapters(folders["llama"])
    load_adapter(ours, tmp_path / "theirs")
    torch.testing.assert_close(logits(ours), logits(theirs), atol=1e-4, rtol=1e-4)


def test_adapting_goes_on_from_it(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """At a rate of next to nothing the model that comes out is PEFT's, and so is the adapter."""
    theirs = by_peft(folders["llama"], tmp_path / "theirs", target_modules=["q_proj", "v_proj"])
    wish = settings(tmp_path / "run", rank=4, alpha=6.0, adapter=tmp_path / "theirs", epochs=1, lr=1e-9)
    done = run(folders["llama"], task, wish)
    assert done.model is not None
    assert (logits(loaded(done.model)) - logits(theirs)).norm() < 0.05 * logits(theirs).norm()
    again = peft.PeftModel.from_pretrained(loaded(folders["llama"]), tmp_path / "run" / "adapter").eval()
    torch.testing.assert_close(logits(again), logits(theirs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("options", "words"), [
    ({"use_dora": True}, "use_dora is True, and only plain LoRA is supported; merge it with PEFT"),
    ({"use_rslora": True}, "use_rslora is True"),
    ({"bias": "lora_only"}, "bias is 'lora_only'"),
    ({"lora_bias": True}, "lora_bias is True"),
    ({"modules_to_save": ["lm_head"]}, r"modules_to_save is \['lm_head'\]"),
    ({"rank_pattern": {"q_proj": 2}}, "rank_pattern is"),
    ({"alpha_pattern": {"q_proj": 2}}, "alpha_pattern is"),
    ({"layer_replication": [(0, 3), (2, 3)]}, "layer_replication is"),
    ({"trainable_token_indices": [3, 4]}, "trainable_token_indices is"),
    ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
    ({"task_type": "FEATURE_EXTRACTION"}, "task_type is 'FEATURE_EXTRACTION'"),
])  # fmt: skip
def test_what_asks_for_more_is_refused(
    options: dict[str, Any], words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    by_peft(folders["qwen2"], tmp_path / "theirs", target_modules=["q_proj", "v_proj"], **options)
    with pytest.raises(CheckpointError, match=words):
        load_adapter(with_adapters(folders["qwen2"]), tmp_path / "theirs")


def test_another_method_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    config = peft.IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj"], feedforward_modules=[])
    peft.get_peft_model(loaded(folders["qwen2"]), config).save_pretrained(tmp_path / "theirs")
    with pytest.raises(CheckpointError, match="r is None; a LoRA's rank"):
        read_adapter(tmp_path / "theirs")


@pytest.mark.parametrize(("kind", "targets", "words"), [
    ("deepseek_v3", ["gate_proj", "up_proj", "down_proj"], "alpha_pattern is .*gate_up_proj.*only plain LoRA"),
    ("qwen3_moe", ["q_proj", "down_proj"], r"experts\.lora_A is no matrix that gets an adapter here"),
    ("llama", ["lm_head", "q_proj"], r"tensor 'base_model\.model\.lm_head\.[\w.]+' is not an adapter's"),
    ("llama", ["embed_tokens"], r"embed_tokens\.[\w.]+' is not an adapter's"),
    ("llama", ["layers.1.self_attn.q_proj"], "layers.2.self_attn.q_proj.lora_A is missing"),
])  # fmt: skip
def test_other_places_are_refused(
    kind: str, targets: list[str], words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    by_peft(folders[kind], tmp_path / "theirs", target_modules=targets)
    with pytest.raises((ConfigError, CheckpointError), match=words):
        load_adapter(with_adapters(folders[kind]), tmp_path / "theirs")


def test_another_model_or_scale_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    by_peft(folders["llama"], tmp_path / "theirs", target_modules=["q_proj", "v_proj"])
    with pytest.raises(ConfigError, match=r"is \[4, 64\]; \[8, 64\] is needed"):
        load_adapter(with_adapters(folders["llama"], rank=8), tmp_path / "theirs")
    with pytest.raises(ConfigError, match=r"scales by 1\.5 \(lora_alpha / r\), not by 2"):
        load_adapter(with_adapters(folders["llama"], alpha=8.0), tmp_path / "theirs")
    with pytest.raises(ConfigError, match="does not fit this model"):
        load_adapter(with_adapters(folders["deepseek_v3"]), tmp_path / "theirs")
