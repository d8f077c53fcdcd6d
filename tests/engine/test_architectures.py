"""Every architecture against transformers on small random models, on every kernel set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tests.engine.oracles import make_model, oracle
from transformers import (
    DeepseekV2Config,
    DeepseekV3Config,
    Glm4MoeLiteConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    YoutuConfig,
)

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.load import load_weights

VOCAB, PAGE, PROMPT, NEW = 96, 16, 40, 16
COMMON: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
    "num_attention_heads": 4, "max_position_embeddings": 256, "initializer_range": 0.15, "bos_token_id": 1,
    "eos_token_id": 2, "attn_implementation": "eager",
}  # fmt: skip
GQA: dict[str, Any] = COMMON | {"num_key_value_heads": 2}
MLA: dict[str, Any] = COMMON | {
    "num_key_value_heads": 4,
    "kv_lora_rank": 24,
    "q_lora_rank": 40,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 20,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 24,
    "first_k_dense_replace": 1,
    "n_shared_experts": 2,
}
YARN = {
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 10000.0,
    "beta_fast": 32, "beta_slow": 1,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 5000.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
CONFIGS: dict[str, PreTrainedConfig] = {
    "deepseek_v2_lite": DeepseekV2Config(**(MLA | {"q_lora_rank": None, "routed_scaling_factor": 1.0})),
    "deepseek_v2_groups_yarn": DeepseekV2Config(
        **MLA, topk_method="group_limited_greedy", n_group=4, topk_group=2, routed_scaling_factor=3.0,
        rope_parameters=YARN | {"mscale": 0.707, "mscale_all_dim": 0.8},
    ),
    "deepseek_v3": DeepseekV3Config(**MLA, n_group=4, topk_group=2, num_mtp_layers=0),
    "deepseek_v3_yarn": DeepseekV3Config(
        **MLA, n_group=2, topk_group=1, num_mtp_layers=0, rope_parameters=YARN | {"mscale": 1.0, "mscale_all_dim": 1.0},
    ),
    "glm4_moe_lite": Glm4MoeLiteConfig(  # GLM-4.7-Flash: values wider than keys, heads that are no power of two
        **(MLA | {"num_attention_heads": 5, "num_key_value_heads": 5, "qk_nope_head_dim": 24, "v_head_dim": 32}),
        mlp_layer_types=["dense", "dense", "sparse"], rms_norm_eps=1e-5,
    ),
    "youtu": YoutuConfig(**{k: v for k, v in MLA.items() if "expert" not in k}, tie_word_embeddings=True),
    "moonlight": DeepseekV3Config(
        **(MLA | {"q_lora_rank": None}), n_group=1, topk_group=1, num_mtp_layers=0, routed_scaling_factor=2.446,
        rms_norm_eps=1e-5,
    ),
    "llama3": LlamaConfig(**GQA, rope_parameters=LLAMA3),
    "llama_linear_bias_tied": LlamaConfig(
        **GQA, attention_bias=True, tie_word_embeddings=True, head_dim=16,
        rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0},
    ),
    "mistral": MistralConfig(**GQA, head_dim=16, sliding_window=None),
    "qwen2_tied": Qwen2Config(**GQA, tie_word_embeddings=True),
    "qwen2_yarn": Qwen2Config(**GQA, rope_parameters=YARN),
    "qwen2_yarn_factor": Qwen2Config(**GQA, rope_parameters=YARN | {"attention_factor": 1.2}),
    "qwen3": Qwen3Config(**GQA, head_dim=16),
    "qwen3_moe": Qwen3MoeConfig(
        **GQA, head_dim=16, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24, norm_topk_prob=True,
        mlp_only_layers=[1],
    ),
    "qwen3_moe_sparse": Qwen3MoeConfig(
        **GQA, head_dim=16, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=24, decoder_sparse_step=2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(CONFIGS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = make_model(CONFIGS[request.param])
    folder = tmp_path_factory.mktemp("model") / request.param
    model.save_pretrained(folder)
    return model, folder


def tokens_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, VOCAB, n).astype(np.int32)


def runner_of(folder: Path, quantization: str = "none") -> Runner:
    return Runner(load_weights(folder, quantization, folder.parent / "cache"), 8, PAGE)  # type: ignore[arg-type]


PAGES = np.array([5, 2, 7, 0, 3, 1], np.int32)


@pytest.mark.parametrize("name", kernels.available())
def test_logits_are_those_of_transformers(pair: tuple[Any, Path], name: str) -> None:
    model, folder = pair
    kernels.use(name)
    tokens = tokens_of(PROMPT + 8)
    expected = oracle(model, tokens)
    runner = runner_of(folder)
    (first,) = runner.forward([Chunk(tokens[:PROMPT], 0, PAGES, "all", prefill=True)])
    (second,) = runner.forward([Chunk(tokens[PROMPT:], PROMPT, PAGES, "all", prefill=False)])
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(np.concatenate([first, second]), expected, atol=1e-3)


@pytest.mark.parametrize("name", kernels.available())
def test_greedy_tokens_are_those_of_transformers(pair: tuple[Any, Path], name: str) -> None:
    model, folder = pair
    kernels.use(name)
    prompt = tokens_of(PROMPT, seed=1)
    expected = prompt
    for _ in range(NEW):
        expected = np.append(expected, np.int32(oracle(model, expected)[-1].argmax()))
    runner = runner_of(folder)
    found = prompt
    logits = runner.forward([Chunk(prompt, 0, PAGES, "last", prefill=True)])[0]
    for _ in range(NEW):
        assert logits is not None
        found = np.append(found, np.int32(logits.argmax()))
        logits = runner.forward([Chunk(found[-1:], len(found) - 1, PAGES, "last", prefill=False)])[0]
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("name", kernels.available())
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_numbers(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    """Sharded, too.  Transformers reads the same folder as float32, so that it rounds nothing but the weights."""
    kernels.use(name)
    model = make_model(CONFIGS["qwen3"]).to(dtype)
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert (tmp_path / "model" / "model.safetensors.index.json").is_file()
    tokens = tokens_of(PROMPT)
    reread = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    expected = oracle(reread, tokens)
    runner = runner_of(tmp_path / "model")
    assert runner.weights.embedding.format == {torch.bfloat16: "bf16", torch.float16: "f16"}[dtype]
    (found,) = runner.forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    np.testing.assert_allclose(found, expected, atol=1e-3)


def float8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """DeepSeek's storage: e4m3, and what each 128 x 128 block has to be multiplied by."""
    rows, columns = (-(-size // 128) for size in weight.shape)
    scale = torch.empty(rows, columns)
    stored = torch.empty(weight.shape, dtype=torch.float8_e4m3fn)
    for r in range(rows):
        for c in range(columns):
            block = (slice(128 * r, 128 * r + 128), slice(128 * c, 128 * c + 128))
            scale[r, c] = weight[block].abs().max() / 448
            stored[block] = (weight[block] / scale[r, c]).to(torch.float8_e4m3fn)
    return stored, scale


@pytest.mark.parametrize("name", kernels.available())
def test_float8_with_block_scales(tmp_path: Path, name: str) -> None:
    from safetensors.torch import load_file, save_file

    kernels.use(name)
    config = DeepseekV3Config(
        **(MLA | {"hidden_size": 160, "intermediate_size": 200}), n_group=4, topk_group=2, num_mtp_layers=0
    )
    model = make_model(config)
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    rounded = {}
    for key, value in list(tensors.items()):
        if "_proj" in key:
            stored, scale = float8(value)
            tensors[key], tensors[key + "_scale_inv"] = stored, scale
            spread = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)
            rounded[key] = stored.float() * spread[: value.shape[0], : value.shape[1]]
    save_file(rounded | {k: v for k, v in tensors.items() if "_proj" not in k}, folder / "model.safetensors")
    expected_model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    save_file(tensors, folder / "model.safetensors")
    raw = json.loads((folder / "config.json").read_text())
    raw["quantization_config"] = {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [128, 128],
    }
    (folder / "config.json").write_text(json.dumps(raw))
    tokens = tokens_of(PROMPT)
    (found,) = runner_of(folder).forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    np.testing.assert_allclose(found, oracle(expected_model, tokens), atol=1e-3)


@pytest.mark.parametrize("quantization", ["q8", "q4"])
def test_quantised_models_stay_near(pair: tuple[Any, Path], quantization: str) -> None:
    """Root mean square distance of the logits, relative to their spread.  Experts near a tie amplify it."""
    model, folder = pair
    tokens = tokens_of(PROMPT)
    expected = oracle(model, tokens)
    (found,) = runner_of(folder, quantization).forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    assert found is not None
    distance = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert 0 < distance < {"q8": 0.2, "q4": 1.0}[quantization]
