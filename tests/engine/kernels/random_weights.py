"""Random arrays and attention weights, for the tests of the kernels."""

from __future__ import annotations

import numpy as np

from huozhong.engine.weights.layout import LatentAttentionWeights
from huozhong.engine.weights.quant import PackedMatrix, pack


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def attention_weights(format: str, heads: int, rank: int, nope: int, v: int) -> LatentAttentionWeights:
    key, value = normal(heads, nope, rank, seed=2), normal(heads, v, rank, seed=3)
    unused: PackedMatrix = pack(normal(1, 1), "f32")
    return LatentAttentionWeights(
        down=(unused,),
        q_norm=None,
        q_up=None,
        kv_norm=np.ones(1, np.float32),
        out=unused,
        k_up=pack(key, format),
        v_up=pack(value, format),
        q_absorb=pack(key.swapaxes(1, 2), format),  # type: ignore[arg-type]
    )
