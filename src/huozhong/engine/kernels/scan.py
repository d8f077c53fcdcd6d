"""Vectors as codes on the kernels in use: rotations, codes, what is searched for, the scan, exact products.

`reference_scan.py` says what is computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference_scan
from huozhong.engine.kernels.choose import native, used
from huozhong.engine.kernels.reference_scan import LANES, PLANES, ROTATIONS, rotated

__all__ = ["LANES", "Rotation", "Search", "encode_rows", "half_dots", "scan_codes", "searched"]

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]

# From so many numbers on, a code takes as many bits as the vector has numbers, its two factors included: what 32 of
# the coordinates add is less than what they cost.
_FACTORS_WITHIN = 256


@dataclass(frozen=True)
class Rotation:
    """A rotation of vectors of `dim` numbers that a seed decides.

    width: dim filled up to a multiple of 32.  words: words of 32 bits that a code has beside its factors.
    signs, order [3, width]: the rounds.
    """

    dim: int
    width: int
    words: int
    signs: F32
    order: NDArray[np.int32]

    @classmethod
    def of(cls, dim: int, seed: int) -> Rotation:
        width = -(-dim // 32) * 32
        words = width // 32 - (dim >= _FACTORS_WITHIN)
        drawn = _split_mix(seed, 2 * ROTATIONS * width).reshape(2, ROTATIONS, width)
        signs = np.where(drawn[0] >> np.uint64(63), np.float32(-1), np.float32(1)).astype(np.float32)
        return cls(dim, width, words, signs, np.argsort(drawn[1], axis=1, kind="stable").astype(np.int32))

    @property
    def code_bytes(self) -> int:
        """What a vector takes in memory."""
        return 4 * (self.words + 1)


def _split_mix(seed: int, n: int) -> NDArray[np.uint64]:
    """n numbers of 64 bits (SplitMix64, Steele, Lea and Flood 2014): the same in every version of NumPy."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class Search:
    """A vector that is searched for, in whole numbers.

    planes [words, 5]: the bits of its coordinates.  step: what the lowest bit is worth.  base: what every estimate must
    be increased by.  apart: its distance to the centre.
    """

    planes: U32
    step: float
    base: float
    apart: float


def searched(unit_D: F32, centre_D: F32, rotation: Rotation) -> Search:
    """What a vector of length 1 looks like to `scan_codes`."""
    x = np.zeros((rotation.width, 1), np.float32)
    x[: rotation.dim, 0] = unit_D - centre_D
    y = rotated(x, rotation.signs, rotation.order)[: 32 * rotation.words, 0]
    levels = (1 << PLANES) - 1
    step = max(float(np.abs(y).max()), 1e-12) / levels
    # Odd numbers from -levels to levels; their bits as u, v = 2 u - levels.
    u = np.clip(np.rint((y / step + levels) / 2), 0, levels).astype(np.uint32)
    bits = (~u[:, None] >> np.arange(PLANES, dtype=np.uint32)) & 1
    packed = bits.reshape(rotation.words, 32, PLANES) << np.arange(32, dtype=np.uint32)[:, None]
    planes = np.bitwise_or.reduce(packed, axis=1).astype(np.uint32)
    return Search(planes, step, float(unit_D @ centre_D), math.sqrt(float(x[:, 0] @ x[:, 0])))


def encode_rows(
    rows_ND: F32, centre_D: F32, rotation: Rotation, num_threads: int = 1
) -> tuple[NDArray[np.uint16], U32]:
    """Rows as float16 of length 1 and as codes.  ValueError names a row without a direction: zero, or not finite."""
    r = rotation
    if used() == "reference":
        units, codes, wrong = reference_scan.encode_rows(rows_ND, centre_D, r.signs, r.order, r.words)
    else:
        units, codes, wrong = native.encode_rows(rows_ND, centre_D, r.signs, r.order, r.words, num_threads)
    if wrong >= 0:
        block = rows_ND[wrong : wrong + LANES].astype(np.float64)
        square = (block * block).sum(1)
        at = wrong + int(np.argmin((square > 1e-30) & (square < 1e30)))
        raise ValueError(f"row {at} has no direction: its numbers are all zero, or not finite")
    return units, codes


def scan_codes(chunks: list[U32], what: Search, keep: int, num_threads: int = 1) -> tuple[NDArray[np.int64], F32]:
    """The `keep` rows that seem most alike, and how alike they seem, best first."""
    if used() == "reference":
        rows, score = reference_scan.scan_codes(chunks, what.planes, what.step, keep)
    else:
        rows, score = native.scan_codes(chunks, what.planes, what.step, keep, num_threads)
    return rows, score + np.float32(what.base)


def half_dots(bytes_: NDArray[np.uint8], offsets: NDArray[np.int64], x: F32, num_threads: int = 1) -> F32:
    """Products of x with rows of float16 in a file's bytes, each beginning at one of `offsets`."""
    if used() == "reference":
        return reference_scan.half_dots(bytes_, offsets, x)
    return native.half_dots(bytes_, offsets, x, num_threads)
