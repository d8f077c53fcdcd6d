"""The block formats whose numbers are d · scale · q, with whole q: packed bytes -> those three.  NumPy only.

All are blocks of 256.  The pictures are as in `blocks.py`; `i` are indices into a codebook (`grids.py`), `sign` sign
bits, `seven` seven of them (the eighth makes their number even), s four or three bits that stand for 2 s + 1.

    Q3_K     high[32] q[64] scales[12] d       d·(scale - 32)·(q - 4)             110 bytes; 16 groups of 16
    IQ4_XS   d high[2] low[4] q[128]           d·(scale - 32)·IQ4_VALUES[q]       136; 8 groups of 32
    IQ2_XXS  d 8 x (i[4], seven[4] and s)      d/8·(2 s + 1)·±grid[i]             66; 8 groups of 32
    IQ2_XS   d (i, seven)[32] s[8]             the same                           74; 16 groups of 16
    IQ2_S    d i[32] sign[32] high[8] s[8]     the same                           82; 16 groups of 16
    IQ3_XXS  d i[64] 8 x (seven[4] and s)      d/4·(2 s + 1)·±grid[i]             98; 8 groups of 32
    IQ3_S    d i[64] high[8] sign[32] s[4]     d·(2 s + 1)·±grid[i]               110; 8 groups of 32
    IQ1_S    d i[32] (high, s, side)[8]        d/8·(2 s + 1)·(8 grid[i] ± 1)      50; 8 groups of 32
    IQ1_M    i[32] (high, side)[16] s and d[8] the same                           56; 16 groups of 16
    TQ1_0    q[48] q[4] d                      d·(q - 1), five to a byte          54
    TQ2_0    q[64] d                           d·(q - 1)                          66

Every product is exact in float32, so their order is free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from huozhong.formats.gguf.bits import F32, U8, bits, half, nibbles
from huozhong.formats.gguf.grids import IQ4_VALUES, grid

I8 = NDArray[np.int8]
_EIGHTH = np.float32(0.125)


class ScaledIntegers(NamedTuple):
    """Weight = d * scale * q.  d: float32 [blocks].  scale: int8 [blocks, 16].  q: int8 [blocks, 256]."""

    d: F32
    scale: I8
    q: I8


def scaled_integers(blocks: U8, type: str) -> ScaledIntegers:
    """Open blocks, uint8 [blocks, bytes], of one of the types in `INTEGER_TYPES`."""
    d, scale, q = _OPEN[type](blocks)
    if scale.shape[1] < 16:
        scale = np.repeat(scale, 16 // scale.shape[1], axis=1)
    return ScaledIntegers(d.reshape(-1), scale.astype(np.int8), q.reshape(len(blocks), 256).astype(np.int8, copy=False))


def values(blocks: U8, type: str) -> F32:
    """The numbers of blocks, float32 [blocks, 256]."""
    d, scale, q = scaled_integers(blocks, type)
    factors = d[:, None] * scale.astype(np.float32)
    return (factors[:, :, None] * q.reshape(-1, 16, 16).astype(np.float32)).reshape(-1, 256)


_Opened = tuple[F32, NDArray[Any], NDArray[Any]]  # d, a scale for each of 1, 8 or 16 groups, whole numbers


def _q3_k(blocks: U8) -> _Opened:
    low = nibbles(blocks[:, 96:104], 8)
    high = bits(blocks[:, 104:108], 2, 4)
    scale = (low | (high << 4)).astype(np.int8) - np.int8(32)
    q = bits(blocks[:, 32:96], 2, 32) | (bits(blocks[:, :32], 1, 32) << 2)
    return half(blocks, 108), scale, q.astype(np.int8) - np.int8(4)


def _iq4_xs(blocks: U8) -> _Opened:
    low = nibbles(blocks[:, 4:8], 1)
    high = bits(blocks[:, 2:4], 2, 1)
    scale = (low | (high << 4)).astype(np.int8) - np.int8(32)
    return half(blocks, 0), scale, np.array(IQ4_VALUES, np.int8)[nibbles(blocks[:, 8:], 16)]


def _signed(numbers: I8, sign: U8) -> I8:
    """Groups of numbers [blocks, indices, 4 or 8] with sign bits [blocks, bytes], one byte for each eight."""
    negative = np.unpackbits(sign, axis=1, bitorder="little").reshape(numbers.shape).view(np.int8)
    return (numbers ^ -negative) + negative


def _eight_signs(seven: NDArray[Any]) -> U8:
    """Seven sign bits, and the eighth, which makes their number even."""
    parity = seven ^ (seven >> 4)
    parity ^= parity >> 2
    parity ^= parity >> 1
    eight: U8 = (seven | (parity & 1) << 7).astype(np.uint8)
    return eight


def _words(blocks: U8, first: int, last: int, kind: str) -> NDArray[Any]:
    return np.ascontiguousarray(blocks[:, first:last]).view(kind)


def _signs_and_scale(words: NDArray[np.uint32]) -> tuple[U8, NDArray[Any]]:
    """Words [blocks, 8] of four times seven sign bits and a scale -> signs [blocks, 32], 2 s + 1."""
    seven = (words[:, :, None] >> np.array([0, 7, 14, 21], np.uint32)) & 0x7F
    return _eight_signs(seven.astype(np.uint8)).reshape(len(words), 32), 2 * (words >> 28) + 1


def _iq2_xxs(blocks: U8) -> _Opened:
    pairs = blocks[:, 2:].reshape(len(blocks), 8, 8)
    sign, scale = _signs_and_scale(np.ascontiguousarray(pairs[:, :, 4:]).view("<u4")[:, :, 0])
    numbers = grid("IQ2_XXS")[pairs[:, :, :4].reshape(len(blocks), 32)]
    return half(blocks, 0) * _EIGHTH, scale, _signed(numbers, sign)


def _iq2_xs(blocks: U8) -> _Opened:
    both = _words(blocks, 2, 66, "<u2")
    sign = _eight_signs((both >> 9).astype(np.uint8))
    return half(blocks, 0) * _EIGHTH, 2 * nibbles(blocks[:, 66:], 1) + 1, _signed(grid("IQ2_XS")[both & 511], sign)


def _iq2_s(blocks: U8) -> _Opened:
    index = blocks[:, 2:34].astype(np.uint16) | bits(blocks[:, 66:74], 2, 1).astype(np.uint16) << 8
    return (
        half(blocks, 0) * _EIGHTH,
        2 * nibbles(blocks[:, 74:], 1) + 1,
        _signed(grid("IQ2_S")[index], blocks[:, 34:66]),
    )


def _iq3_xxs(blocks: U8) -> _Opened:
    sign, scale = _signs_and_scale(_words(blocks, 66, 98, "<u4"))
    return half(blocks, 0) * np.float32(0.25), scale, _signed(grid("IQ3_XXS")[blocks[:, 2:66]], sign)


def _iq3_s(blocks: U8) -> _Opened:
    index = blocks[:, 2:66].astype(np.uint16) | bits(blocks[:, 66:74], 1, 1).astype(np.uint16) << 8
    return half(blocks, 0), 2 * nibbles(blocks[:, 106:], 1) + 1, _signed(grid("IQ3_S")[index], blocks[:, 74:106])


def _beside(index: NDArray[Any], side: NDArray[Any]) -> I8:
    """8 grid[index] + 1, or - 1 where `side` is not 0: IQ1's numbers lie an eighth beside -1, 0 and 1."""
    step = np.where(side == 0, np.int8(1), np.int8(-1))
    numbers: I8 = grid("IQ1_S")[index] * np.int8(8) + step[..., None]
    return numbers


def _iq1_s(blocks: U8) -> _Opened:
    words = _words(blocks, 34, 50, "<u2")
    high = ((words[:, :, None] >> np.array([0, 3, 6, 9], np.uint16)) & 7).reshape(len(blocks), 32)
    side = np.repeat(words >> 15, 4, axis=1)
    return half(blocks, 0) * _EIGHTH, 2 * ((words >> 12) & 7) + 1, _beside(blocks[:, 2:34] | high << 8, side)


def _iq1_m(blocks: U8) -> _Opened:
    """d lies in the upper four bits of the four words, whose other bits are four scales of three each."""
    words = _words(blocks, 48, 56, "<u2")
    top = words >> 12
    d = top[:, 0] | top[:, 1] << 4 | top[:, 2] << 8 | top[:, 3] << 12
    scale = ((words[:, :, None] >> np.array([0, 3, 6, 9], np.uint16)) & 7).reshape(len(blocks), 16)
    high = nibbles(blocks[:, 32:48], 1).astype(np.uint16)
    index = blocks[:, :32] | (high & 7) << 8
    return d.view("<f2").astype(np.float32) * _EIGHTH, 2 * scale + 1, _beside(index, high & 8)


def _no_scale(blocks: U8) -> NDArray[Any]:
    return np.ones((len(blocks), 1), np.int8)


def _tq1_0(blocks: U8) -> _Opened:
    """Five numbers of three values are a byte, as a fraction of 256: times three, the whole part is the next one."""

    def thirds(packed: U8, count: int, run: int) -> U8:
        powers = np.array([1, 3, 9, 27, 81][:count], np.uint8).reshape(1, 1, -1, 1)
        return (packed.reshape(len(packed), -1, 1, run) * powers).reshape(len(packed), -1)

    parts = [thirds(blocks[:, :32], 5, 32), thirds(blocks[:, 32:48], 5, 16), thirds(blocks[:, 48:52], 4, 4)]
    q = (np.concatenate(parts, axis=1).astype(np.uint16) * 3 >> 8).astype(np.int8)
    return half(blocks, 52), _no_scale(blocks), q - np.int8(1)


def _tq2_0(blocks: U8) -> _Opened:
    return half(blocks, 64), _no_scale(blocks), bits(blocks[:, :64], 2, 32).astype(np.int8) - np.int8(1)


_OPEN: dict[str, Callable[[U8], _Opened]] = {
    "Q3_K": _q3_k, "IQ4_XS": _iq4_xs, "IQ2_XXS": _iq2_xxs, "IQ2_XS": _iq2_xs, "IQ2_S": _iq2_s, "IQ3_XXS": _iq3_xxs,
    "IQ3_S": _iq3_s, "IQ1_S": _iq1_s, "IQ1_M": _iq1_m, "TQ1_0": _tq1_0, "TQ2_0": _tq2_0,
}  # fmt: skip
INTEGER_TYPES = tuple(_OPEN)
