"""benchmarks/long_context.py: its random models compute, in every kind of cache, and are what they stand for."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import long_context

from huozhong.engine.runner import Chunk
from huozhong.model.tensors import expected_tensors

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.mark.parametrize("cache", ["f32", "f16", "q8"])
def test_random_models_compute(cache: Any) -> None:
    """A narrow model with V3.2's indexer: sparse and dense answer with numbers, and not with the same ones."""
    whole = long_context.shape(1, 8)
    attention = dataclasses.replace(whole.attention, num_heads=2, q_lora_rank=64, kv_lora_rank=512)
    narrow = dataclasses.replace(whole, hidden_size=64, attention=attention)
    narrow = dataclasses.replace(narrow, experts=dataclasses.replace(narrow.experts, hidden=32, shared_hidden=32))
    tokens, pages = np.arange(3, dtype=np.int32), np.arange(65, dtype=np.int32)
    for prefill in (True, False):
        found = []
        for runner in long_context.runners(narrow, 4096, cache):
            (logits,) = runner.forward([Chunk(tokens, 4096, pages, "all", prefill)])
            assert logits is not None
            assert np.isfinite(logits).all()
            assert 0.01 < logits.std() < 100
            found.append(logits)
        assert np.abs(found[0] - found[1]).max() > 1e-4


def test_a_layer_is_deepseeks() -> None:
    """The shapes of V3.2's tensors, but for the number of experts to choose from."""
    names = {name: shape for name, shape in expected_tensors(long_context.shape(1, 256)) if ".layers.0." in name}
    assert names["model.layers.0.self_attn.q_b_proj.weight"] == (24576, 1536)
    assert names["model.layers.0.self_attn.indexer.wq_b.weight"] == (8192, 1536)
    assert names["model.layers.0.mlp.experts.255.down_proj.weight"] == (7168, 2048)
    met = sum(np.prod(shape) for name, shape in names.items() if ".experts." not in name or int(name.split(".")[5]) < 8)
    assert met == pytest.approx(602e6, rel=0.02)  # of 37 billion in 61 layers
