"""The block formats of GGUF: packed bytes -> float32, and for the simple formats back.  NumPy only.

A row of numbers is cut into blocks of 32 or 256.  A block is a few bytes: one or two half-precision factors, for
the K formats also a small scale (and offset) for each group of 16 or 32, and the low bits of every number.
In the pictures below `d` and `m` are those factors and `q` the stored whole number.

    F32 F16 BF16 I32   plain numbers (I32 of tables only)       block 1
    Q4_0  d q[16]                  d·(q - 8)                    32 numbers, 18 bytes; the low halves come first
    Q4_1  d m q[16]                d·q + m                      32, 20
    Q5_0  d high[4] q[16]          d·(q - 16)                   32, 22
    Q8_0  d q[32]                  d·q, q signed                32, 34
    IQ4_NL  d q[16]                d·IQ4_VALUES[q]             32, 18
    MXFP4   e q[16]                2^(e - 128)·MXFP4_VALUES[q] 32, 17
    Q2_K  scales[16] q[64] d m     (d·scale)·q - (m·min)       256, 84; 16 groups of 16
    Q4_K  d m scales[12] q[128]    (d·scale)·q - (m·min)        256, 144; 8 groups of 32
    Q5_K  d m scales[12] high[32] q[128]  the same              256, 176
    Q6_K  q[128] high[64] scales[16] d    (d·scale)·(q - 32)    256, 210; 16 groups of 16

Q3_K, IQ4_XS, IQ1 to IQ3 and TQ are in `integers.py`.
The order of the float32 operations is part of the format here: results are the reference's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from huozhong.formats.floats import decode_bfloat16, encode_bfloat16
from huozhong.formats.gguf.bits import F32, U8, bits, half, nibbles
from huozhong.formats.gguf.grids import IQ4_VALUES, MXFP4_VALUES
from huozhong.formats.gguf.integers import INTEGER_TYPES
from huozhong.formats.gguf.integers import values as integer_values

_CHUNK = 1 << 13  # blocks unpacked at a time: the working arrays stay small whatever the tensor's size


@dataclass(frozen=True)
class BlockFormat:
    """One format: `size` numbers lie in `bytes` bytes.  code: its number in a GGUF file."""

    code: int
    size: int
    bytes: int


FORMATS: dict[str, BlockFormat] = {
    "F32": BlockFormat(0, 1, 4),
    "I32": BlockFormat(26, 1, 4),
    "F16": BlockFormat(1, 1, 2),
    "BF16": BlockFormat(30, 1, 2),
    "Q4_0": BlockFormat(2, 32, 18),
    "Q4_1": BlockFormat(3, 32, 20),
    "Q5_0": BlockFormat(6, 32, 22),
    "Q8_0": BlockFormat(8, 32, 34),
    "Q4_K": BlockFormat(12, 256, 144),
    "Q5_K": BlockFormat(13, 256, 176),
    "Q6_K": BlockFormat(14, 256, 210),
    "Q5_1": BlockFormat(7, 32, 24),
    "Q2_K": BlockFormat(10, 256, 84),
    "Q3_K": BlockFormat(11, 256, 110),
    "IQ4_NL": BlockFormat(20, 32, 18),
    "IQ4_XS": BlockFormat(23, 256, 136),
    "MXFP4": BlockFormat(39, 32, 17),
    "IQ3_S": BlockFormat(21, 256, 110),
    "IQ3_XXS": BlockFormat(18, 256, 98),
    "IQ2_S": BlockFormat(22, 256, 82),
    "IQ2_XS": BlockFormat(17, 256, 74),
    "IQ2_XXS": BlockFormat(16, 256, 66),
    "IQ1_M": BlockFormat(29, 256, 56),
    "IQ1_S": BlockFormat(19, 256, 50),
    "TQ1_0": BlockFormat(34, 256, 54),
    "TQ2_0": BlockFormat(35, 256, 66),
}
# Formats that exist and that we do not read; only their names, for the error.
OTHER_FORMATS: dict[int, str] = {
    9: "Q8_1", 15: "Q8_K", 24: "I8", 25: "I16", 27: "I64", 28: "F64", 40: "NVFP4", 41: "Q1_0",
}  # fmt: skip


def row_bytes(type: str, width: int) -> int:
    """Bytes of a row of `width` numbers, which must be whole blocks."""
    form = FORMATS[type]
    assert width % form.size == 0, f"{width} numbers are not whole blocks of {type}"
    return width // form.size * form.bytes


def dequantize(data: U8, type: str) -> F32:
    """float32 [..., n] of packed rows, uint8 [..., bytes of n numbers], in the format `type`."""
    form = FORMATS[type]
    assert data.dtype == np.uint8, f"packed rows are bytes, not {data.dtype}"
    assert data.shape[-1] % form.bytes == 0, f"{data.shape[-1]} bytes are not whole blocks of {type}"
    blocks = np.ascontiguousarray(data).reshape(-1, form.bytes)
    out = np.empty((len(blocks), form.size), np.float32)
    unpack = _UNPACK[type]
    chunk = _CHUNK * max(1, 32 // form.size)
    with np.errstate(all="ignore"):  # a factor may be infinite or NaN; that is then what the file says
        for start in range(0, len(blocks), chunk):
            out[start : start + chunk] = unpack(blocks[start : start + chunk])
    return out.reshape(*data.shape[:-1], data.shape[-1] // form.bytes * form.size)


def _f32(blocks: U8) -> F32:
    return blocks.view("<f4")


def _i32(blocks: U8) -> F32:
    return blocks.view("<i4").astype(np.float32)


def _f16(blocks: U8) -> F32:
    return blocks.view("<f2").astype(np.float32)


def _bf16(blocks: U8) -> F32:
    return decode_bfloat16(blocks.view("<u2"))


def _q4_0(blocks: U8) -> F32:
    q = nibbles(blocks[:, 2:], 16).astype(np.float32) - np.float32(8)
    return half(blocks, 0) * q


def _q4_1(blocks: U8) -> F32:
    q = nibbles(blocks[:, 4:], 16).astype(np.float32)
    return half(blocks, 0) * q + half(blocks, 2)


def _q5_0(blocks: U8) -> F32:
    high = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    q = (nibbles(blocks[:, 6:], 16) | (high << 4)).astype(np.float32) - np.float32(16)
    return half(blocks, 0) * q


def _q5_1(blocks: U8) -> F32:
    high = np.unpackbits(blocks[:, 4:8], axis=1, bitorder="little")
    q = (nibbles(blocks[:, 8:], 16) | (high << 4)).astype(np.float32)
    return half(blocks, 0) * q + half(blocks, 2)


def _iq4_nl(blocks: U8) -> F32:
    return half(blocks, 0) * np.array(IQ4_VALUES, np.float32)[nibbles(blocks[:, 2:], 16)]


def mxfp4_scales(exponents: U8) -> F32:
    """2^(e - 128) of MXFP4's exponents, any shape; the last two are below float32's normal numbers."""
    e = exponents.astype(np.uint32)
    return np.where(e < 2, np.uint32(0x00200000) << e, (e - np.uint32(1)) << np.uint32(23)).view(np.float32)


def _mxfp4(blocks: U8) -> F32:
    return mxfp4_scales(blocks[:, :1]) * np.array(MXFP4_VALUES, np.float32)[nibbles(blocks[:, 1:], 16)]


def _q8_0(blocks: U8) -> F32:
    return blocks[:, 2:].view(np.int8).astype(np.float32) * half(blocks, 0)


def _k_scales(blocks: U8) -> tuple[F32, F32]:
    """Six-bit scales and offsets of 8 groups from the 12 bytes at 4, as float32 [blocks, 8, 1] each.

    Bytes 0-3 hold the low six bits of the first four scales and bytes 4-7 those of the first four offsets;
    the last four have their low halves in bytes 8-11 (scale low, offset high) and their two highest
    bits on top of bytes 0-3 and 4-7.
    """
    first, second, third = blocks[:, 4:8], blocks[:, 8:12], blocks[:, 12:16]
    scale = np.concatenate([first & 0x3F, (third & 0x0F) | ((first >> 2) & 0x30)], axis=1)
    offset = np.concatenate([second & 0x3F, (third >> 4) | ((second >> 2) & 0x30)], axis=1)
    d = half(blocks, 0) * scale.astype(np.float32)
    m = half(blocks, 2) * offset.astype(np.float32)
    return d[:, :, None], m[:, :, None]


def _q2_k(blocks: U8) -> F32:
    scale, offset = blocks[:, :16] & 0x0F, blocks[:, :16] >> 4
    d = half(blocks, 80) * scale.astype(np.float32)
    m = half(blocks, 82) * offset.astype(np.float32)
    q = bits(blocks[:, 16:80], 2, 32).reshape(-1, 16, 16).astype(np.float32)
    return (d[:, :, None] * q - m[:, :, None]).reshape(-1, 256)


def _q4_k(blocks: U8) -> F32:
    d, m = _k_scales(blocks)
    q = nibbles(blocks[:, 16:], 32).reshape(-1, 8, 32).astype(np.float32)
    return (d * q - m).reshape(-1, 256)


def _q5_k(blocks: U8) -> F32:
    d, m = _k_scales(blocks)
    q = nibbles(blocks[:, 48:], 32) | (bits(blocks[:, 16:48], 1, 32) << 4)
    return (d * q.reshape(-1, 8, 32).astype(np.float32) - m).reshape(-1, 256)


def _q6_k(blocks: U8) -> F32:
    q = nibbles(blocks[:, :128], 64) | (bits(blocks[:, 128:192], 2, 32) << 4)
    scale = blocks[:, 192:208].view(np.int8).astype(np.float32)
    d = half(blocks, 208) * scale
    values = q.reshape(-1, 16, 16).astype(np.float32) - np.float32(32)
    return (d[:, :, None] * values).reshape(-1, 256)


_UNPACK: dict[str, Callable[[U8], F32]] = {
    "F32": _f32, "I32": _i32, "F16": _f16, "BF16": _bf16, "Q4_0": _q4_0, "Q4_1": _q4_1, "Q5_0": _q5_0, "Q8_0": _q8_0,
    "Q4_K": _q4_k, "Q5_K": _q5_k, "Q6_K": _q6_k,
    "Q5_1": _q5_1, "Q2_K": _q2_k, "IQ4_NL": _iq4_nl, "MXFP4": _mxfp4,
    **{type: partial(integer_values, type=type) for type in INTEGER_TYPES},
}  # fmt: skip


# -- the way back, for the formats that we write ---------------------------------------------------------

WRITABLE = ("F32", "F16", "BF16", "Q8_0", "Q4_0")


def quantize(values: F32, type: str) -> U8:
    """uint8 [..., bytes] of float32 [..., n], rounded into one of the `WRITABLE` formats.

    n must be whole blocks.  Numbers beyond half precision's range become infinite in F16.
    """
    form = FORMATS[type]
    values = np.ascontiguousarray(values, dtype=np.float32)
    assert type in WRITABLE, f"{type} is read but not written"
    blocks = values.reshape(-1, form.size)
    out = np.empty((len(blocks), form.bytes), np.uint8)
    chunk = _CHUNK * max(1, 32 // form.size)
    with np.errstate(all="ignore"):
        for start in range(0, len(blocks), chunk):
            out[start : start + chunk] = _PACK[type](blocks[start : start + chunk])
    return out.reshape(*values.shape[:-1], row_bytes(type, values.shape[-1]))


def _pack_f16(blocks: F32) -> U8:
    return blocks.astype("<f2").view(np.uint8)


def _pack_bf16(blocks: F32) -> U8:
    return encode_bfloat16(blocks).astype("<u2").view(np.uint8)


def _inverse(d: F32) -> F32:
    return np.where(d == 0, np.float32(0), np.float32(1) / d)


def _pack_q8_0(blocks: F32) -> U8:
    d = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = blocks * _inverse(d)
    q = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)  # halves away from zero
    return np.concatenate([d.astype("<f2").view(np.uint8), q.view(np.uint8)], axis=1)


def _pack_q4_0(blocks: F32) -> U8:
    """The number of largest magnitude becomes exactly -8 times the factor, whatever its sign."""
    at = np.abs(blocks).argmax(axis=1, keepdims=True)
    d = np.take_along_axis(blocks, at, axis=1) / np.float32(-8)
    q = np.trunc(blocks * _inverse(d) + np.float32(8.5)).astype(np.uint8).clip(0, 15)
    return np.concatenate([d.astype("<f2").view(np.uint8), q[:, :16] | (q[:, 16:] << 4)], axis=1)


_PACK: dict[str, Callable[[F32], U8]] = {
    "F32": lambda blocks: blocks.astype("<f4").view(np.uint8),
    "F16": _pack_f16,
    "BF16": _pack_bf16,
    "Q8_0": _pack_q8_0,
    "Q4_0": _pack_q4_0,
}
