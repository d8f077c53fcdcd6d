"""Models of every architecture as GGUF files, laid out as llama.cpp's converter does, against transformers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.oracles import make_model, oracle
from tests.engine.weights.gguf_blocks import random_rows
from transformers import (
    DeepseekV2Config,
    DeepseekV3Config,
    Glm4MoeLiteConfig,
    LlamaConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    YoutuConfig,
)

from huozhong.engine import kernels
from huozhong.engine.llm import LLM
from huozhong.engine.requests import SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.blocks import TYPES
from huozhong.engine.weights.layout import GroupedAttentionWeights, LatentAttentionWeights
from huozhong.engine.weights.load import load_weights
from huozhong.engine.weights.quant import unpack
from huozhong.formats.gguf.blocks import quantize
from huozhong.formats.gguf.file import NewTensor, write_gguf
from huozhong.formats.gguf.names import gguf_name
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.source import open_model
from huozhong.model.architecture import LatentAttention
from huozhong.model.footprint import footprint

VOCAB, PAGE, PROMPT = 96, 16, 40
PAGES = np.array([5, 2, 7, 0, 3, 1], np.int32)
COMMON: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2,
    "attn_implementation": "eager",
}  # fmt: skip
GQA: dict[str, Any] = COMMON | {"num_key_value_heads": 2}
MLA: dict[str, Any] = COMMON | {
    "num_key_value_heads": 4,
    "kv_lora_rank": 32,
    "q_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
    "n_shared_experts": 2,
}
YARN = {
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0,
    "mscale": 0.707, "mscale_all_dim": 0.707,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 5000.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
MODELS: dict[str, tuple[str, Any, dict[str, Any]]] = {  # GGUF's name, transformers' config, keys of its own
    "llama": ("llama", LlamaConfig(**GQA, tie_word_embeddings=True, rope_parameters=LLAMA3), {}),
    "qwen2": ("qwen2", Qwen2Config(**GQA), {}),
    "qwen2_yarn": (
        "qwen2", Qwen2Config(**GQA, rope_parameters={k: v for k, v in YARN.items() if "mscale" not in k}),
        {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64},
    ),
    "qwen3": ("qwen3", Qwen3Config(**GQA, head_dim=32), {"attention.key_length": 32, "attention.value_length": 32}),
    "qwen3moe": (
        "qwen3moe",
        Qwen3MoeConfig(
            **GQA, head_dim=32, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=32, norm_topk_prob=True
        ),
        {"attention.key_length": 32, "expert_count": 8, "expert_used_count": 3, "expert_feed_forward_length": 32},
    ),
    "deepseek2_softmax": (
        "deepseek2", DeepseekV2Config(**(MLA | {"q_lora_rank": None}), rope_parameters=YARN),
        {
            "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64,
            "rope.scaling.yarn_log_multiplier": 0.0707,
        },
    ),
    "deepseek2_sigmoid": (
        "deepseek2", DeepseekV3Config(**MLA, n_group=4, topk_group=2, num_mtp_layers=0),
        {
            "attention.q_lora_rank": 64, "expert_gating_func": 2, "expert_weights_norm": True,
            "expert_weights_scale": 2.5, "expert_group_count": 4, "expert_group_used_count": 2,
        },
    ),
    "glm_flash": (
        "deepseek2", Glm4MoeLiteConfig(**(MLA | {"v_head_dim": 48}), mlp_layer_types=["dense", "sparse"]),
        {
            "attention.q_lora_rank": 64, "expert_gating_func": 2, "expert_weights_norm": True,
            "expert_weights_scale": 1.8, "expert_group_count": 1, "expert_group_used_count": 1,
        },
    ),
    "youtu": (  # without experts, but for the keys that llama.cpp asks every deepseek2 for
        "deepseek2", YoutuConfig(**{k: v for k, v in MLA.items() if "expert" not in k}),
        {
            "attention.q_lora_rank": 64, "leading_dense_block_count": 2, "expert_count": None,
            "expert_used_count": None, "expert_feed_forward_length": 96, "expert_shared_count": 0,
        },
    ),
}  # fmt: skip


def metadata(word: str, config: Any, more: dict[str, Any], split: bool) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "block_count": config.num_hidden_layers, "context_length": 256, "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size, "attention.head_count": config.num_attention_heads,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.freq_base": config.rope_parameters["rope_theta"],
    }  # fmt: skip
    if word != "deepseek2":
        keys["attention.head_count_kv"] = config.num_key_value_heads
    else:
        key, rank = config.qk_nope_head_dim + config.qk_rope_head_dim, config.kv_lora_rank
        keys |= {
            "attention.kv_lora_rank": rank,
            "rope.dimension_count": config.qk_rope_head_dim,
            "attention.head_count_kv": 1 if split else config.num_attention_heads,
            "attention.key_length": rank + config.qk_rope_head_dim if split else key,
            "attention.value_length": rank if split else config.v_head_dim,
            "leading_dense_block_count": 1,
            "expert_count": 8,
            "expert_used_count": 3,
            "expert_feed_forward_length": 32,
            "expert_shared_count": 2,
        }
        if split:
            keys |= {"attention.key_length_mla": key, "attention.value_length_mla": config.v_head_dim}
    given = {f"{word}.{key}": value for key, value in (keys | more).items() if value is not None}
    return {"general.architecture": word} | given


def write(folder: Path, name: str, type: str = "F32", split: bool = False) -> tuple[Any, Path]:
    """(the transformers model, its GGUF file).  split: MLA's newer layout."""
    word, config, more = MODELS[name]
    model = make_model(config, seed=5, spread=0.12)
    model.save_pretrained(folder / name)
    source = open_model(folder / name)
    tensors: dict[str, np.ndarray] = {}
    stacks: dict[str, list[np.ndarray]] = {}
    for full in source.names():
        value = source.tensor(full)
        if ".mlp.experts." in full:
            before, _, after = full.partition(".experts.")
            stacks.setdefault(f"{before}.experts.{after.partition('.')[2]}", []).append(value)
        elif word == "llama" and full.endswith(("q_proj.weight", "k_proj.weight")):
            tensors[full] = neighbours(value, config.head_dim)
        elif split and full.endswith("kv_b_proj.weight"):
            halves = value.reshape(config.num_attention_heads, -1, config.kv_lora_rank)
            nope = config.qk_nope_head_dim
            tensors[full.replace("kv_b", "k_b")] = halves[:, :nope].swapaxes(1, 2)
            tensors[full.replace("kv_b", "v_b")] = halves[:, nope:]
        else:
            tensors[full] = value
    tensors |= {full: np.stack(values) for full, values in stacks.items()}
    written = [packed(str(gguf_name(full)), value, type) for full, value in tensors.items()]
    if name == "llama":
        plain = 1.0 / 5000.0 ** (np.arange(0, 16, 2) / 16)
        factors = plain / model.model.rotary_emb.inv_freq.numpy()
        written.append(packed("rope_freqs.weight", factors.astype(np.float32), "F32"))
    path = folder / f"{name}.gguf"
    write_gguf(path, metadata(word, config, more, split), written)
    return model, path


def neighbours(value: np.ndarray, head_dim: int) -> np.ndarray:
    """Rows as llama.cpp wants Llama's: pairs that rotate together side by side."""
    return value.reshape(-1, 2, head_dim // 2, value.shape[1]).swapaxes(1, 2).reshape(value.shape)


def packed(name: str, value: np.ndarray, type: str) -> NewTensor:
    if value.ndim == 1 or "ffn_gate_inp" in name:
        type = "F32"
    data = quantize(np.ascontiguousarray(value), type)
    return NewTensor(name, type, value.shape, lambda: data)


def tokens_of(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, VOCAB, n).astype(np.int32)


def logits_of(path: Path, tokens: np.ndarray, quantization: Any = None) -> np.ndarray:
    runner = Runner(load_weights(path, quantization, path.parent / "cache"), 8, PAGE)
    first = runner.forward([Chunk(tokens[:PROMPT], 0, PAGES, "all", prefill=True)])[0]
    second = runner.forward([Chunk(tokens[PROMPT:], PROMPT, PAGES, "all", prefill=False)])[0]
    assert first is not None
    assert second is not None
    return np.concatenate([first, second])


NEWER = ("deepseek2_softmax", "deepseek2_sigmoid", "glm_flash", "youtu")
CASES = [(name, False) for name in MODELS if name not in ("glm_flash", "youtu")] + [(name, True) for name in NEWER]


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize(("name", "split"), CASES)
def test_logits_are_those_of_transformers(tmp_path: Path, name: str, split: bool, kernel: str) -> None:
    kernels.use(kernel)
    model, path = write(tmp_path, name, split=split)
    tokens = tokens_of(PROMPT + 8)
    np.testing.assert_allclose(logits_of(path, tokens), oracle(model, tokens), atol=1e-3)


@pytest.mark.parametrize("type", ["Q4_0", "Q8_0", "BF16", "F16"])
@pytest.mark.parametrize("name", ["llama", "qwen3moe", "deepseek2_sigmoid"])
def test_weights_are_the_files_own(tmp_path: Path, name: str, type: str) -> None:
    """Unquantised, a block keeps its type and its values, also where rows are put in another order."""
    _, path = write(tmp_path, name, type, split=True)
    source, weights = open_model(path), load_weights(path, None, tmp_path / "cache")
    assert weights.format == "none"
    format = {"Q4_0": "q4", "Q8_0": "q8", "BF16": "bf16", "F16": "f16"}[type]
    assert weights.embedding.format == format
    np.testing.assert_array_equal(unpack(weights.embedding), source.tensor("model.embed_tokens.weight"))
    attention, prefix = weights.layers[1].attention, "model.layers.1."
    if isinstance(attention, GroupedAttentionWeights):
        rows = np.concatenate([source.tensor(f"{prefix}self_attn.{part}_proj.weight") for part in "qkv"])
        if name != "llama":  # its rows lie as they should already
            order = np.arange(6 * 32).reshape(6, 2, 16).swapaxes(1, 2).reshape(-1)
            rows[: 6 * 32] = rows[order]
        np.testing.assert_array_equal(unpack(attention.qkv[0]), rows)
    else:
        assert isinstance(attention, LatentAttentionWeights)
        down = [source.tensor(f"{prefix}self_attn.{part}.weight") for part in ("q_a_proj", "kv_a_proj_with_mqa")]
        np.testing.assert_array_equal(unpack(attention.down[0]), np.concatenate(down))
        assert attention.k_up.format == ("q8" if type.startswith("Q") else "f32")
    if (moe := weights.layers[1].moe) is not None:
        parts = [source.tensor(f"{prefix}mlp.experts.{part}_proj.weight") for part in ("gate", "up")]
        np.testing.assert_array_equal(unpack(moe.gate_up[0]), np.concatenate(parts, axis=1))


def test_a_gguf_file_may_be_quantised_again(tmp_path: Path) -> None:
    model, path = write(tmp_path, "qwen3", "F16")
    tokens = tokens_of(PROMPT + 8)
    expected = oracle(model, tokens)
    found = logits_of(path, tokens, "q8")
    assert 0 < np.sqrt(np.mean((found - expected) ** 2)) / expected.std() < 0.1


def test_llm_answers_from_a_gguf_file(tiny_folder: Path, tmp_path: Path) -> None:
    """Tokenizer, template and end tokens come from the file; greedy answers are the folder's."""
    source = open_model(tiny_folder)
    a = source.architecture
    assert isinstance(a.attention, LatentAttention)
    keys = {
        "block_count": a.num_layers, "context_length": 256, "embedding_length": a.hidden_size,
        "feed_forward_length": a.intermediate_size, "attention.head_count": a.attention.num_heads,
        "attention.layer_norm_rms_epsilon": 1e-6, "attention.q_lora_rank": a.attention.q_lora_rank,
        "attention.kv_lora_rank": a.attention.kv_lora_rank, "attention.key_length": a.attention.qk_head_dim,
        "attention.value_length": a.attention.v_head_dim, "rope.dimension_count": a.rope.dim,
        "expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 16, "expert_shared_count": 1,
        "expert_gating_func": 2, "expert_weights_norm": True,
    }  # fmt: skip
    tensors: list[NewTensor] = []
    stacks: dict[str, list[np.ndarray]] = {}
    for name in source.names():
        before, found, after = name.partition(".experts.")
        if found:
            stacks.setdefault(f"{before}.experts.{after.partition('.')[2]}", []).append(source.tensor(name))
        else:
            tensors.append(packed(str(gguf_name(name)), source.tensor(name), "F32"))
    tensors += [packed(str(gguf_name(name)), np.stack(values), "F32") for name, values in stacks.items()]
    words = vocab_metadata(source.small_files(), a.vocab_size)
    file = tmp_path / "tiny.gguf"
    words |= {"general.architecture": "deepseek2"} | {f"deepseek2.{key}": value for key, value in keys.items()}
    write_gguf(file, words, tensors)
    params = SamplingParams(temperature=0, max_tokens=12)
    with LLM(file, cache_dir=tmp_path) as ours, LLM(tiny_folder, quantization="none", cache_dir=tmp_path) as theirs:
        assert ours.name == "tiny"
        message = [{"role": "user", "content": "春眠不觉晓"}]
        assert ours.prompt(message) == theirs.prompt(message)
        assert ours.chat(message, params).token_ids == theirs.chat(message, params).token_ids


def test_a_file_may_mix_every_block_type(tmp_path: Path) -> None:
    """As llama-quantize mixes them: nothing is lost.  (What is computed with each: kernels/test_ops.py.)"""
    more = {"hidden_size": 256, "intermediate_size": 512, "num_key_value_heads": 4, "num_hidden_layers": 4}
    config = LlamaConfig(**(COMMON | more))
    folder = tmp_path / "llama"
    make_model(config, seed=5, spread=0.12).save_pretrained(folder)
    kinds = [type for type in TYPES if type not in ("F32", "F16", "BF16")]
    source, names = open_model(folder), itertools.cycle(kinds)
    tensors = []
    for name in source.names():
        shape = source.stored(name).shape
        if len(shape) == 1:
            tensors.append(packed(str(gguf_name(name)), source.tensor(name), "F32"))
            continue
        type = next(names)
        rows = random_rows(type, shape[0], shape[1])
        tensors.append(NewTensor(str(gguf_name(name)), type, shape, lambda rows=rows: rows))
    path = tmp_path / "mixed.gguf"
    write_gguf(path, metadata("llama", config, {}, False), tensors)
    weights, stored = load_weights(path, None, tmp_path / "cache"), open_model(path)
    for i, layer in enumerate(weights.layers):
        assert layer.dense is not None
        down, out = (f"model.layers.{i}.{part}.weight" for part in ("mlp.down_proj", "self_attn.o_proj"))
        np.testing.assert_array_equal(unpack(layer.dense.down), stored.tensor(down))
        np.testing.assert_array_equal(unpack(layer.attention.out), stored.tensor(out))
        parts = [unpack(matrix) for matrix in layer.dense.gate_up]
        halves = [stored.tensor(f"model.layers.{i}.mlp.{part}_proj.weight") for part in ("gate", "up")]
        np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(halves))
    assert set(footprint(stored).types) == set(kinds)
    assert np.isfinite(logits_of(path, tokens_of(PROMPT + 8))).all()
