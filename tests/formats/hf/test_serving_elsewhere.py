"""What vLLM 0.33.0 and SGLang 0.5.23 need of a DeepSeek folder, as read in their loaders, and that ours have it.

Neither can be run in these tests, so what was read is held here, a reason beside each key and name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from safetensors import safe_open
from tests.model.tiny_models import moe_config, tiny_config

import huozhong
from huozhong.formats.checkpoint import CheckpointReader, expected_tensors, write_checkpoint
from huozhong.formats.hf.export import export_hf
from huozhong.formats.source import open_model
from huozhong.model.config import ModelConfig, YarnScaling

EMBER = Path(huozhong.__file__).parent / "models" / "ember"
YARN = YarnScaling(factor=4.0, original_max_position_embeddings=32)
CONFIGS: dict[str, ModelConfig] = {
    "dense": tiny_config(),
    "dense, own head, yarn": tiny_config(tie_word_embeddings=False, rope_scaling=YARN),
    "dense, a module": tiny_config(num_nextn_predict_layers=1),
    "experts": moe_config(),
    "experts, no query rank, a module": moe_config(
        num_nextn_predict_layers=1, tie_word_embeddings=False, n_group=4, topk_group=2, q_lora_rank=None
    ),
}

# Key of config.json -> (what it must be, why).  "V": vLLM, "S": SGLang.  Both read it through AutoConfig.
NEEDED: dict[str, tuple[Any, str]] = {
    "architectures": (["DeepseekV3ForCausalLM"], "V and S choose the model's class by it"),
    "model_type": ("deepseek_v3", "AutoConfig; V: whether attention is latent, and the rewrite to deepseek_mtp"),
    "hidden_act": ("silu", "V and S refuse any other"),
    "vocab_size": (int, "V and S"),
    "hidden_size": (int, "V and S"),
    "intermediate_size": (int, "V and S, dense layers"),
    "num_hidden_layers": (int, "V and S; where modules begin"),
    "num_attention_heads": (int, "V and S; a multiple of the tensor-parallel size"),
    "num_key_value_heads": (int, "V: the cache without latent attention"),
    "q_lora_rank": ((int, type(None)), "V and S: null means q_proj; a missing key would be transformers' 1536"),
    "kv_lora_rank": (int, "V and S"),
    "qk_nope_head_dim": (int, "V and S"),
    "qk_rope_head_dim": (int, "V and S"),
    "v_head_dim": (int, "V and S"),
    "rms_norm_eps": (1e-6, "V and S norm the latents with it, transformers with 1e-6: only this value is the same"),
    "max_position_embeddings": (int, "V and S: how long a request may be"),
    "rope_interleave": (True, "S: false would pair halves; V always pairs neighbours"),
    "tie_word_embeddings": (bool, "S shares the embedding then; V does not"),
    "n_routed_experts": (int, "V and S add to it while loading, so null fails, in a dense model too"),
    "n_shared_experts": (int, "transformers multiplies by it; V and S would take null"),
    "num_experts_per_tok": (int, "V and S"),
    "moe_intermediate_size": (int, "V and S"),
    "moe_layer_freq": (1, "S has no default and takes a layer's number modulo it"),
    "first_k_dense_replace": (int, "V and S: with n_routed_experts not null, this alone says that a layer is dense"),
    "n_group": (int, "S has no default"),
    "topk_group": (int, "S has no default"),
    "norm_topk_prob": (bool, "V and S have no default"),
    "routed_scaling_factor": (float, "S has no default"),
    "scoring_func": ("sigmoid", "V: softmax is the default; S has none"),
    "topk_method": ("noaux_tc", "V and S make room for e_score_correction_bias by it; S has no default"),
    "num_nextn_predict_layers": (int, "V and S pass over the modules' tensors by it; transformers 5.24 supposes one"),
}  # fmt: skip
# What their rotary embedding reads of YaRN (S by name and with no default: the first two).
NEEDED_OF_YARN = (
    "factor", "original_max_position_embeddings", "rope_type", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
)  # fmt: skip


def folders(config: ModelConfig, tmp_path: Path) -> tuple[Path, Path]:
    """As training writes it, and exported from that.  Only an export repeats a tied head."""
    numbers = np.random.default_rng(0)
    tensors = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in expected_tensors(config).items()}
    write_checkpoint(tmp_path / "trained", config, tensors)
    export_hf(open_model(tmp_path / "trained"), tmp_path / "exported", small_files={})
    return tmp_path / "trained", tmp_path / "exported"


def exported_ember(tmp_path: Path) -> Path:
    source = open_model(EMBER)
    export_hf(source, tmp_path / "ember", small_files=source.small_files())
    return tmp_path / "ember"


def check_config(folder: Path, config: ModelConfig) -> None:
    raw = json.loads((folder / "config.json").read_text())
    for key, (wanted, why) in NEEDED.items():
        assert key in raw, f"{key}: {why}"
        if isinstance(wanted, type | tuple):
            assert isinstance(raw[key], wanted), f"{key}: {why}"
        else:
            assert raw[key] == wanted, f"{key}: {why}"
    modules = config.num_nextn_predict_layers
    assert raw["num_nextn_predict_layers"] == modules
    for layer in range(config.num_hidden_layers + modules):  # V and S both ask exactly this; n_routed_experts may be 0
        sparse = raw["n_routed_experts"] is not None and layer >= raw["first_k_dense_replace"]
        assert sparse == config.is_moe_layer(layer), layer

    theirs = transformers.AutoConfig.from_pretrained(folder)
    assert theirs.rope_parameters["rope_theta"] == config.rope_theta  # V and S read it there, not at the top
    if config.rope_scaling is None:
        assert theirs.rope_parameters["rope_type"] == "default"
    else:
        assert all(key in theirs.rope_parameters for key in NEEDED_OF_YARN)
        assert theirs.rope_parameters["rope_type"] == "yarn"  # V and S turn it into DeepSeek's
    for key in ("moe_layer_freq", "scoring_func", "topk_method"):  # no fields of transformers' class, yet kept
        assert getattr(theirs, key) == raw[key]


def check_tensors(folder: Path, config: ModelConfig) -> None:
    with safe_open(folder / "model.safetensors", "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        dtypes = {name: file.get_slice(name).get_dtype() for name in shapes}
        head, embedding = (file.get_tensor(name) for name in ("lm_head.weight", "model.embed_tokens.weight"))
    # V gives every DeepSeek model a head of its own, loads "lm_head.weight" into it, and does not miss it when it is
    # not there; if it is the embedding, V ties them itself.  S passes over it where they are tied.
    assert shapes["lm_head.weight"] == (config.vocab_size, config.hidden_size)
    assert bool((head == embedding).all()) == config.tie_word_embeddings
    # Names and shapes are DeepSeek's: what V and S fuse (q_a with kv_a, gate with up, experts) they fuse from these.
    assert shapes.items() >= expected_tensors(config).items()
    last = config.num_hidden_layers + config.num_nextn_predict_layers
    for name in shapes.keys() - expected_tensors(config).keys() - {"lm_head.weight"}:
        # more than these would be an unknown parameter to V; a module's copies are taken from the main model
        assert name.endswith((".embed_tokens.weight", ".shared_head.head.weight")), name
        assert config.num_hidden_layers <= int(name.split(".")[2]) < last, name
    biases = [name for name in shapes if name.endswith("e_score_correction_bias")]
    assert all(dtypes[name] == "F32" for name in biases)  # V and S keep it so: bfloat16 would change choices
    assert set(dtypes.values()) <= {"F32", "BF16"}
    for layer in range(config.num_hidden_layers, last):
        for part in ("enorm", "hnorm", "eh_proj", "shared_head.norm", "input_layernorm", "self_attn.o_proj"):
            assert f"model.layers.{layer}.{part}.weight" in shapes


@pytest.mark.parametrize("case", CONFIGS)
def test_folders_have_what_is_read(case: str, tmp_path: Path) -> None:
    config = CONFIGS[case]
    trained, exported = folders(config, tmp_path)
    check_tensors(exported, config)
    if not config.tie_word_embeddings:
        check_tensors(trained, config)
    for folder in (trained, exported):
        check_config(folder, config)
        there = CheckpointReader(folder).config  # and they are still ours
        assert there.to_hf() == config.to_hf()
        assert set(CheckpointReader(folder).names()) == set(expected_tensors(config))


def test_ember_has_what_is_read(tmp_path: Path) -> None:
    folder, config = exported_ember(tmp_path), CheckpointReader(EMBER).config
    check_config(folder, config)
    check_tensors(folder, config)
    assert transformers.AutoTokenizer.from_pretrained(folder).chat_template  # V and S serve chat by it


def test_transformers_ties_what_is_written_twice(tmp_path: Path) -> None:
    _, info = transformers.DeepseekV3ForCausalLM.from_pretrained(exported_ember(tmp_path), output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_modules_that_are_not_there_are_not_announced(tmp_path: Path) -> None:
    """transformers drops them on saving but keeps the key; V and S would look for them when asked to guess ahead."""
    first, _ = folders(CONFIGS["dense, a module"], tmp_path)
    transformers.DeepseekV3ForCausalLM.from_pretrained(first).save_pretrained(tmp_path / "saved")
    export_hf(open_model(tmp_path / "saved"), tmp_path / "again", small_files={})
    raw = json.loads((tmp_path / "again" / "config.json").read_text())
    assert (raw["num_nextn_predict_layers"], raw["first_k_dense_replace"]) == (0, 2)
