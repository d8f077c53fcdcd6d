"""The short floats that NumPy does not have: bfloat16 and two kinds of float8, as bit patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decode_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """float32 of bfloat16 bit patterns; exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def encode_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bit patterns of float32 values rounded to bfloat16, to nearest even; NaN stays NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16
    nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(nan, (bits >> 16) | 0x40, rounded).astype(np.uint16)


def decode_float8(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 of float8 e4m3fn bit patterns: 4 bits of exponent, 3 of fraction, no infinity; exact."""
    return _FLOAT8[bits]


def decode_exponents(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 of float8 e8m0 bit patterns: a power of two, 127 for 1; 255 is NaN.  Exact."""
    powers = np.ldexp(np.float32(1), bits.astype(np.int32) - 127)
    return np.where(bits == 255, np.float32(np.nan), powers)


def _float8_table() -> NDArray[np.float32]:
    codes = np.arange(256)
    exponent, fraction = codes >> 3 & 15, codes & 7
    magnitude = np.where(exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7.0))
    magnitude[codes & 127 == 127] = np.nan
    return np.where(codes & 128, -magnitude, magnitude).astype(np.float32)


_FLOAT8 = _float8_table()
