"""Rotary position embedding (Su et al. 2021) as numbers, with every way of extending a context.  No torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from huozhong.model.architecture import LinearScaling, Llama3Scaling, Rope
from huozhong.model.config import YarnScaling, yarn_mscale

_PIECE = 4096  # positions


def rope_table(rope: Rope, positions: int) -> NDArray[np.float32]:
    """Cosines and sines [positions, 2, rope.dim / 2], float32.

    Angles are float32 products, as in transformers, so that far positions agree with it.
    """
    frequencies, factor = rope_frequencies(rope)
    table = np.empty((positions, 2, rope.dim // 2), np.float32)
    for first in range(0, positions, _PIECE):  # a context of 160,000 needs no large arrays of doubles
        rows = table[first : first + _PIECE]
        angles = (np.arange(first, first + len(rows), dtype=np.float32)[:, None] * frequencies).astype(np.float64)
        rows[:, 0] = np.cos(angles) * factor
        rows[:, 1] = np.sin(angles) * factor
    return table


def rope_frequencies(rope: Rope, dtype: DTypeLike = np.float64) -> tuple[NDArray[np.float32], float]:
    """Radians per position of every pair [rope.dim / 2], and what cosines and sines are multiplied by.

    dtype: of the arithmetic.  The models that we pretrain use float32, as transformers does: the last bit differs.
    """
    plain = 1.0 / rope.theta ** (np.arange(0, rope.dim, 2).astype(dtype) / rope.dim)
    scaling = rope.scaling
    if rope.factors is not None:
        found = plain / np.array(rope.factors)
    elif isinstance(scaling, LinearScaling):
        found = plain / scaling.factor
    elif isinstance(scaling, Llama3Scaling):
        turns = scaling.original_max_position_embeddings * plain / (2 * np.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        kept = np.clip((turns - low) / (high - low), 0, 1)
        found = plain * kept + plain / scaling.factor * (1 - kept)
    elif isinstance(scaling, YarnScaling):
        slowed = _yarn_ramp(rope, scaling, dtype)
        found = plain * (1 - slowed) + plain / scaling.factor * slowed
    else:
        found = plain
    return found.astype(np.float32), _magnitude(rope)


def _yarn_ramp(rope: Rope, yarn: YarnScaling, dtype: DTypeLike) -> NDArray[Any]:
    """How far each pair is slowed, 0 to 1 (Peng et al. 2023, §3.2): linearly between the pairs that turn `beta_fast`
    and `beta_slow` times in the original context.
    """
    low, high = (
        rope.dim * math.log(yarn.original_max_position_embeddings / (beta * 2 * math.pi)) / (2 * math.log(rope.theta))
        for beta in (yarn.beta_fast, yarn.beta_slow)
    )
    first, last = max(math.floor(low), 0), min(math.ceil(high), rope.dim - 1)
    return np.clip((np.arange(rope.dim // 2).astype(dtype) - first) / max(last - first, 0.001), 0, 1)


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
