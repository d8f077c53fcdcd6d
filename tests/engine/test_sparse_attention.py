"""DeepSeek's sparse attention (V3.2, GLM-5) against transformers on small random models, on every kernel set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import transformers
from tests.engine.oracles import make_model, oracle
from tests.engine.sparse_models import add_indexers
from tests.model.tiny_models import lively_model, moe_config
from transformers import DeepseekV32Config, GlmMoeDsaConfig, PreTrainedConfig

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.layout import LayerWeights
from huozhong.engine.weights.load import load_weights
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.hf.export import export_hf
from huozhong.formats.source import open_model
from huozhong.model.rope import rope_table
from huozhong.train.model_folder import save_transformer

VOCAB, PAGE, TOP = 96, 16, 24
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 4, "kv_lora_rank": 24, "q_lora_rank": 40, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 20, "n_routed_experts": 8, "num_experts_per_tok": 3, "n_group": 2,
    "topk_group": 1, "moe_intermediate_size": 24, "n_shared_experts": 1, "max_position_embeddings": 256,
    "initializer_range": 0.15, "bos_token_id": 1, "eos_token_id": 2, "attn_implementation": "eager",
    "index_topk": TOP, "index_head_dim": 32, "index_n_heads": 16,
}  # fmt: skip
YARN = {
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 10000.0,
    "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
}  # fmt: skip
KINDS = ["dense", "sparse", "sparse"]
CONFIGS: dict[str, PreTrainedConfig] = {
    "deepseek_v32": DeepseekV32Config(**SIZES, mlp_layer_types=KINDS),
    "deepseek_v32_yarn": DeepseekV32Config(**SIZES, mlp_layer_types=KINDS, rope_parameters=YARN),
    "glm_moe_dsa": GlmMoeDsaConfig(**SIZES, mlp_layer_types=KINDS, rms_norm_eps=1e-5),
    "glm_moe_dsa_shared": GlmMoeDsaConfig(**SIZES, mlp_layer_types=KINDS, indexer_types=["full", "shared", "full"]),
}
PAGES = np.array([5, 2, 7, 0, 3, 1], np.int32)


@pytest.fixture(scope="module", params=list(CONFIGS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = make_model(CONFIGS[request.param])
    folder = tmp_path_factory.mktemp("model") / request.param
    model.save_pretrained(folder)
    return model, folder


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DeepSeek-V3 of ours in which attention matters."""
    folder = tmp_path_factory.mktemp("model") / "lively"
    save_transformer(lively_model(moe_config(vocab_size=VOCAB)), folder, dtype="float32")
    return folder


def tokens_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, VOCAB, n).astype(np.int32)


def runner_of(folder: Path, quantization: str = "none", **options: Any) -> Runner:
    weights = load_weights(folder, quantization, folder.parent / "cache")  # type: ignore[arg-type]
    return Runner(weights, 8, PAGE, **options)


@pytest.mark.parametrize("name", kernels.available())
@pytest.mark.parametrize("length", [TOP - 2, 70])
def test_logits_are_those_of_transformers(pair: tuple[Any, Path], name: str, length: int) -> None:
    """A prompt that is shorter than what the indexer leaves, and one that is longer; then generated rows."""
    model, folder = pair
    kernels.use(name)
    tokens = tokens_of(length + 8)
    expected = oracle(model, tokens)
    runner = runner_of(folder)
    (first,) = runner.forward([Chunk(tokens[:length], 0, PAGES, "all", prefill=True)])
    (second,) = runner.forward([Chunk(tokens[length:], length, PAGES, "all", prefill=False)])
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(np.concatenate([first, second]), expected, atol=1e-3)


def test_greedy_tokens_are_those_of_transformers(pair: tuple[Any, Path]) -> None:
    """Token by token, from a prompt that is shorter than what the indexer leaves to one that is longer."""
    model, folder = pair
    prompt = tokens_of(TOP - 6, seed=1)
    expected = prompt
    for _ in range(16):
        expected = np.append(expected, np.int32(oracle(model, expected)[-1].argmax()))
    runner = runner_of(folder)
    found = prompt
    logits = runner.forward([Chunk(prompt, 0, PAGES, "last", prefill=True)])[0]
    for _ in range(16):
        assert logits is not None
        found = np.append(found, np.int32(logits.argmax()))
        logits = runner.forward([Chunk(found[-1:], len(found) - 1, PAGES, "last", prefill=False)])[0]
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("quantization", ["q8", "q4"])
def test_quantised_models_stay_near(pair: tuple[Any, Path], quantization: str) -> None:
    model, folder = pair
    tokens = tokens_of(70)
    expected = oracle(model, tokens)
    (found,) = runner_of(folder, quantization, cache_format="f16").forward(
        [Chunk(tokens, 0, PAGES, "all", prefill=True)]
    )
    assert found is not None
    distance = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert 0 < distance < {"q8": 0.3, "q4": 1.2}[quantization]  # keys near a tie amplify it, as experts do


@pytest.mark.parametrize("name", kernels.available())
@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
def test_rows_that_see_every_key_have_the_bits_of_dense_attention(
    lively: Path, tmp_path: Path, name: str, cache_format: Any
) -> None:
    kernels.use(name)
    sparse = runner_of(add_indexers(lively, tmp_path / "sparse", top_k=TOP), "q8", cache_format=cache_format)
    dense = runner_of(lively, "q8", cache_format=cache_format)
    tokens = tokens_of(TOP + 20)
    prompt = Chunk(tokens[: TOP - 4], 0, PAGES, "all", prefill=True)
    generated = Chunk(tokens[TOP - 4 :], TOP - 4, PAGES, "all", prefill=False)
    found = [np.concatenate([*runner.forward([prompt]), *runner.forward([generated])]) for runner in (sparse, dense)]
    np.testing.assert_array_equal(found[0][:TOP], found[1][:TOP])
    assert np.abs(found[0][TOP:] - found[1][TOP:]).max(axis=1).min() > 1e-3  # and these do not see every key


@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
@pytest.mark.parametrize("quantization", ["f32", "q8"])
def test_chunks_company_and_threads_change_no_bit(
    lively: Path, tmp_path: Path, quantization: str, cache_format: Any
) -> None:
    """Prompts that cross the number of keys that is left, whole and in pieces, alone and beside others."""
    folder = add_indexers(lively, tmp_path / "sparse", top_k=TOP)
    tokens, other = tokens_of(80), tokens_of(50, seed=3)
    mine, yours = PAGES, np.array([4, 6], np.int32)

    def run(pieces: list[int], threads: int, beside: bool) -> np.ndarray:
        weights = load_weights(folder, quantization, tmp_path / "cache")  # type: ignore[arg-type]
        runner = Runner(weights, 8, PAGE, threads, cache_format)
        out, at, theirs = [], 0, 0
        for piece in pieces:
            chunks = [Chunk(tokens[at : at + piece], at, mine, "all", prefill=at + piece <= 64)]
            if beside and theirs < 32:
                chunks.insert(0, Chunk(other[theirs : theirs + 4], theirs, yours, "none", prefill=theirs < 12))
                theirs += 4
            out.append(runner.forward(chunks)[-1])
            at += piece
        return np.concatenate(out)  # type: ignore[arg-type]

    whole = run([64, 16], 1, False)
    for pieces in ([20, 10, 34, 1, 15], [23, 1, 1, 39, 4, 12], [64] + [1] * 16):
        np.testing.assert_array_equal(run(pieces, 3, True), whole)


def test_a_gguf_file_is_the_same_model(pair: tuple[Any, Path], tmp_path: Path) -> None:
    """Both ways, with llama.cpp's names and keys, as the gguf package reads them."""
    model, folder = pair
    source = open_model(folder)
    export_gguf(source, tmp_path / "m.gguf", "f32", vocabulary={})
    there = open_model(tmp_path / "m.gguf")
    a, b = source.architecture, there.architecture
    assert (b.family, b.attention) == (a.family, a.attention)
    np.testing.assert_allclose(rope_table(b.rope, 80), rope_table(a.rope, 80), atol=1e-6)
    for name in source.names():
        if ".experts." not in name:  # which are one tensor there
            np.testing.assert_array_equal(there.tensor(name), source.tensor(name), err_msg=name)
    tokens = tokens_of(70)
    (found,) = runner_of(tmp_path / "m.gguf").forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    np.testing.assert_allclose(found, oracle(model, tokens), atol=1e-3)

    file = gguf.GGUFReader(tmp_path / "m.gguf")
    word = {"deepseek_v32": "deepseek32", "glm_moe_dsa": "glm-dsa"}[a.family]
    keys = {"head_count": 16, "key_length": 32, "top_k": TOP}
    for key, value in keys.items():
        assert file.fields[f"{word}.attention.indexer.{key}"].contents() == value
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GLM_DSA, a.num_layers)
    wanted = {
        f"{names.get_name(name.rpartition('.')[0])}.{name.rpartition('.')[2]}"
        for name in source.names()
        if "indexer" in name
    }
    assert wanted <= {tensor.name for tensor in file.tensors}
    assert len(wanted) == 5 * (2 if "shared" in str(folder) else 3)
    export_hf(there, tmp_path / "back", small_files={}, dtype="float32")
    back = open_model(tmp_path / "back")
    assert back.architecture.attention == a.attention
    transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back")


def test_prediction_modules_travel_too(tmp_path: Path) -> None:
    """A module has an indexer of its own, in folders and in GGUF files; what it guesses changes no answer."""
    config = moe_config(vocab_size=VOCAB, num_nextn_predict_layers=1)
    save_transformer(lively_model(config), tmp_path / "dense", dtype="float32")
    folder = add_indexers(tmp_path / "dense", tmp_path / "sparse", top_k=TOP)
    source = open_model(folder)
    export_gguf(source, tmp_path / "m.gguf", "f32", vocabulary={})
    there = open_model(tmp_path / "m.gguf")
    assert there.architecture.num_nextn_predict_layers == source.architecture.num_nextn_predict_layers == 1
    tokens = tokens_of(70)
    drafts = []
    for path in (folder, tmp_path / "m.gguf"):
        runner = runner_of(path)
        chunk = Chunk(tokens[:-1], 0, PAGES, "hidden", prefill=True)
        (states,) = runner.forward([chunk])
        assert states is not None
        drafts.append(runner.draft([Chunk(tokens[1:], 0, PAGES, "all", prefill=True)], [states])[0])
    np.testing.assert_array_equal(drafts[0], drafts[1])


def test_layers_that_have_nothing_to_look_at_are_exceptions(tmp_path: Path) -> None:
    config = moe_config(vocab_size=VOCAB, num_nextn_predict_layers=1)
    save_transformer(lively_model(config), tmp_path / "dense", dtype="float32")
    whole = load_weights(add_indexers(tmp_path / "dense", tmp_path / "sparse", top_k=TOP), "q8", tmp_path / "cache")

    def without(layer: LayerWeights) -> LayerWeights:
        return replace(layer, attention=replace(layer.attention, indexer=None))  # type: ignore[call-arg]

    kernels.use(kernels.available()[0])
    with pytest.raises(ValueError, match="first layer needs an indexer"):
        Runner(replace(whole, layers=(without(whole.layers[0]), *whole.layers[1:])), 8, PAGE)
    module = replace(whole.prediction[0], layer=without(whole.prediction[0].layer))
    with pytest.raises(ValueError, match="an indexer of its own"):
        Runner(replace(whole, prediction=(module,)), 8, PAGE)
    shares = replace(whole, layers=(whole.layers[0], *map(without, whole.layers[1:])))
    assert Runner(shares, 8, PAGE).forward([Chunk(tokens_of(60), 0, PAGES, "last", prefill=True)])[0] is not None
    with pytest.raises(AssertionError):
        Runner(whole, 8, 24)
