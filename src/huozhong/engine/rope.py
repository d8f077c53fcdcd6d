"""Rotary position embedding as a table of cosines and sines, with every way of extending a context."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from huozhong.model.architecture import LinearScaling, Llama3Scaling, Rope
from huozhong.model.config import YarnScaling, yarn_mscale

_PIECE = 4096


def rope_table(rope: Rope, positions: int) -> NDArray[np.float32]:
    """Cosines and sines [positions, 2, rope.dim / 2], float32.

    Angles are float32 products, as in transformers, so that far positions agree with it.
    """
    frequency, magnitude = _frequencies(rope).astype(np.float32), _magnitude(rope)
    table = np.empty((positions, 2, rope.dim // 2), np.float32)
    for first in range(0, positions, _PIECE):  # a context of 160,000 needs no large arrays of doubles
        rows = table[first : first + _PIECE]
        angle = (np.arange(first, first + len(rows), dtype=np.float32)[:, None] * frequency).astype(np.float64)
        rows[:, 0] = np.cos(angle) * magnitude
        rows[:, 1] = np.sin(angle) * magnitude
    return table


def _frequencies(rope: Rope) -> NDArray[np.float64]:
    """Radians per position of every pair [dim / 2]."""
    frequency = 1.0 / rope.theta ** (np.arange(0, rope.dim, 2) / rope.dim)
    scaling = rope.scaling
    if rope.factors is not None:
        return frequency / np.array(rope.factors, np.float64)
    if isinstance(scaling, LinearScaling):
        return frequency / scaling.factor
    if isinstance(scaling, Llama3Scaling):
        # How often a pair turns within the original context, from "low" (slow: scaled) to "high" (fast: kept).
        turns = scaling.original_max_position_embeddings * frequency / (2 * np.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        kept = np.clip((turns - low) / (high - low), 0, 1)
        return frequency * kept + frequency / scaling.factor * (1 - kept)
    if isinstance(scaling, YarnScaling):
        return frequency * (1 - (ramp := _yarn_ramp(rope, scaling))) + frequency / scaling.factor * ramp
    return frequency


def _yarn_ramp(rope: Rope, yarn: YarnScaling) -> NDArray[np.float64]:
    """How far each pair is interpolated, 0 to 1 (Peng et al. 2023, §3.2)."""
    low, high = (
        rope.dim * math.log(yarn.original_max_position_embeddings / (beta * 2 * math.pi)) / (2 * math.log(rope.theta))
        for beta in (yarn.beta_fast, yarn.beta_slow)
    )
    low, high = max(math.floor(low), 0), min(math.ceil(high), rope.dim - 1)
    return np.clip((np.arange(rope.dim // 2) - low) / max(high - low, 0.001), 0, 1)


def _magnitude(rope: Rope) -> float:
    """What YaRN multiplies cosines and sines by; DeepSeek moves part of it into the softmax scale."""
    if rope.attention_factor is not None:
        return rope.attention_factor
    yarn = rope.scaling
    if not isinstance(yarn, YarnScaling):
        return 1.0
    if yarn.mscale and yarn.mscale_all_dim:
        return yarn_mscale(yarn.factor, yarn.mscale) / yarn_mscale(yarn.factor, yarn.mscale_all_dim)
    return yarn_mscale(yarn.factor, 1.0)
