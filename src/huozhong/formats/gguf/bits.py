"""Small moves that the block formats share: halves, nibbles, runs of bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def half(blocks: U8, at: int) -> F32:
    """The half-precision factor at byte `at` of every block, as float32 [blocks, 1]."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def nibbles(packed: U8, run: int) -> U8:
    """uint8 [blocks, 2 * bytes]: of every `run` bytes first the low halves, then the high ones."""
    groups = packed.reshape(len(packed), -1, 1, run)
    both = np.concatenate([groups & 0x0F, groups >> 4], axis=2)
    return both.reshape(len(packed), -1)


def bits(packed: U8, width: int, run: int) -> U8:
    """uint8 [blocks, ...]: of every `run` bytes first their lowest `width` bits, then the next ones, and so on."""
    groups = packed.reshape(len(packed), -1, 1, run)
    shifts = np.arange(0, 8, width, dtype=np.uint8).reshape(1, 1, -1, 1)
    return ((groups >> shifts) & np.uint8((1 << width) - 1)).reshape(len(packed), -1)
