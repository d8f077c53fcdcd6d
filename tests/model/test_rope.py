"""Rotation tables against transformers' frequencies, for every way of extending a context."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.model.architecture import Rope
from huozhong.model.rope import rope_table

YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"rope_type": "default"},
    "linear": {"rope_type": "linear", "factor": 3.0},
    "llama3": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 512,
    },
    "yarn": YARN,
    "yarn-attention-factor": YARN | {"attention_factor": 0.9},
    "yarn-mscale": YARN | {"mscale": 0.7, "mscale_all_dim": 1.1, "beta_fast": 16, "beta_slow": 2},
    "yarn-mscale-alone": YARN | {"mscale_all_dim": 1.1},
}  # fmt: skip


@pytest.mark.parametrize("name", list(SETTINGS))
def test_table_is_that_of_transformers(name: str) -> None:
    settings = SETTINGS[name] | {"rope_theta": 50000.0}
    config = LlamaConfig(hidden_size=128, num_attention_heads=2, max_position_embeddings=4096, rope_parameters=settings)
    positions = torch.tensor([[0, 1, 7, 500, 4095]])
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1), positions)
    rope = architecture_from_hf(config.to_dict()).rope
    assert rope.dim == 64
    table = rope_table(rope, 4096)[positions[0].numpy()]  # at 4095, float32 angles are 2.4e-4 apart
    np.testing.assert_allclose(table[:, 0], cos[0, :, :32].numpy(), atol=5e-4)
    np.testing.assert_allclose(table[:, 1], sin[0, :, :32].numpy(), atol=5e-4)


def test_pieces_are_the_whole() -> None:
    rope = Rope(dim=8, theta=10000.0, interleaved=True)
    np.testing.assert_array_equal(rope_table(rope, 9000)[:5], rope_table(rope, 5))
    assert rope_table(rope, 9000)[8999, 0, 0] == np.float32(np.cos(8999.0))


def test_gguf_factors_slow_each_frequency() -> None:
    factors = (1.0, 2.0, 4.0, 8.0)
    plain = Rope(dim=8, theta=10000.0, interleaved=True)
    slowed = rope_table(Rope(dim=8, theta=10000.0, interleaved=True, factors=factors), 64)
    for pair, factor in enumerate(factors):
        expected = rope_table(plain, 64)[np.arange(0, 64 // int(factor)), :, pair]
        np.testing.assert_allclose(slowed[:: int(factor), :, pair], expected, atol=1e-6)
