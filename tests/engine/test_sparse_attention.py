"""DeepSeek's sparse attention (V3.2, GLM-5) against transformers on small random models, on every kernel set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.oracles import make_model, oracle
from transformers import DeepseekV32Config, GlmMoeDsaConfig, PreTrainedConfig

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.load import load_weights

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


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = kernels.used()
    yield
    kernels.use(before)


@pytest.fixture(scope="module", params=list(CONFIGS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = make_model(CONFIGS[request.param])
    folder = tmp_path_factory.mktemp("model") / request.param
    model.save_pretrained(folder)
    return model, folder


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
