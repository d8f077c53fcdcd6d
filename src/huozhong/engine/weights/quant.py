"""Weight formats of the CPU kernels: pack, unpack.  The layout here is the contract with kernels/*.h.

A matrix maps I inputs to O outputs.  Its rows are cut into R blocks of 16 outputs, and the 16 rows of a
block lie interleaved, so that one 512-bit load holds the same inputs of 16 rows:

    f32   data float32 [N, R, I, 16]            no scales; sums in float32
    f16   data float16 [N, R, I, 16]            the same, converted when they are read
    bf16  data uint16  [N, R, I, 16]            the same
    q8    data uint8   [N, R, G, 8, 16, 4]      G groups of 32 inputs = 8 quads of 4; a byte is q + 128
    q4    data uint8   [N, R, G, 4, 16, 4]      low nibble: quads 0..3, high: quads 4..7; a nibble is q + 8
    q5_0  data uint8   [N, R, G, 5, 16, 4]      nibbles, then the fifth bits: bit i belongs to quad i; q + 16
          scales float16 [N, R, G, 16]          weight = q * scale
    q4_1  data uint8   [N, R, G, 4, 16, 4]      scales float16 [N, R, G, 2, 16]: weight = q * scale + minimum
    q5_1  data uint8   [N, R, G, 5, 16, 4]      the same, with fifth bits as in q5_0
    iq4_nl data uint8  [N, R, G, 4, 16, 4]      nibbles that stand for the numbers IQ4_VALUES; scales as in q4
    mxfp4 data uint8   [N, R, G, 4, 16, 4]      the same with MXFP4_VALUES; scales are bfloat16 (uint16)
    q4_k  data uint8   [N, R, S, 2368]          S super-blocks of 256 inputs: float16 d [16], dmin [16]; bytes scale
    q5_k  data uint8   [N, R, S, 2880]            [8, 16], minimum [8, 16]; 8 groups as in q4 or q5_0:
                                                  weight = q * (d * scale) - dmin * minimum
    q6_k  data uint8   [N, R, S, 3392]          float16 d [16], 32 bytes unused, int8 scale [16, 16]; 8 groups of
                                                  nibbles [4, 16, 4] and the upper two bits [2, 16, 4] (bits 2 i,
                                                  2 i + 1 of half h belong to quad 4 h + i); q + 32
    q3_k  data uint8   [N, R, S, 1856]          the same head; 8 groups of two bits [2, 16, 4], as q6_k's upper ones,
                                                  and third bits [16, 4], as q5_0's fifth ones; q + 4
    q2_k  data uint8   [N, R, S, 1344]          float16 d [16], dmin [16]; bytes scale + 16 * minimum [16, 16]; 8
                                                  groups of two bits [2, 16, 4]
    iq4_xs data uint8  [N, R, S, 2240]          float16 d [16], 32 bytes unused, int8 scale [8, 16]; 8 groups as in
                                                  iq4_nl
    q8_k  data uint8   [N, R, S, 4416]          float32 d [16], int8 scale [16, 16]; 8 groups as in q8

q8, q4, q4_1, q5_0, q5_1, iq4_nl, mxfp4, iq4_xs and the K-quants hold exactly the values of GGUF's Q8_0, Q4_0, ...,
in another order (`blocks.py`); q8_k those of the IQ1 to IQ3 kinds and TQ, whose codebooks are looked up once. N
matrices of one shape (attention heads, experts) may be stacked in one PackedMatrix. Rows beyond O and inputs
beyond I are zeros. Offsets (128, 8, ...) make bytes unsigned, which is what x86's `vpdpbusd` wants of one operand;
the kernels start a group's integer sum at -offset * sum(x) and so pay nothing for them. Arrays begin at multiples
of 64 bytes, so that no load crosses a cache line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from huozhong.errors import ConfigError
from huozhong.formats.gguf.grids import IQ4_VALUES, MXFP4_VALUES

Format = Literal[
    "f32", "f16", "bf16", "q8", "q4", "q4_1", "q5_0", "q5_1", "iq4_nl", "mxfp4",
    "q4_k", "q5_k", "q6_k", "q2_k", "q3_k", "iq4_xs", "q8_k",
]  # fmt: skip
FORMATS: tuple[str, ...] = get_args(Format)
FLOATS = ("f32", "f16", "bf16")

BLOCK = 16  # output rows interleaved in one block: the float lanes of a 512-bit register
GROUP = 32  # inputs that share one scale
SUPER = 256  # inputs of a K-quant's super-block
HEAD = 320  # bytes of a super-block before its groups
IQ4_XS_HEAD = 192  # iq4_xs has half as many scales
QUADS = {"q8": 8, "q4": 4, "q4_1": 4, "q5_0": 5, "q5_1": 5, "iq4_nl": 4, "mxfp4": 4}  # quads of bytes per group
SUPER_BYTES = {
    "q4_k": HEAD + 8 * 256, "q5_k": HEAD + 8 * 320, "q6_k": HEAD + 8 * 384, "q2_k": HEAD + 8 * 128,
    "q3_k": HEAD + 8 * 192, "iq4_xs": IQ4_XS_HEAD + 8 * 256, "q8_k": HEAD + 8 * 512,
}  # fmt: skip
OFFSETS = {"q8": 128, "q4": 8, "q5_0": 16, "q6_k": 32, "q3_k": 4, "q8_k": 128}  # the others have none
CODEBOOKS = {"iq4_nl": IQ4_VALUES, "iq4_xs": IQ4_VALUES, "mxfp4": MXFP4_VALUES}
MINIMA = ("q4_1", "q5_1")  # with a minimum beside every scale
HALF_SCALED = ("q6_k", "q2_k", "q3_k", "q8_k")  # 16 inputs share a scale
FLOAT16_MAX = 65504.0

Shape = tuple[int, ...]
New = Callable[[DTypeLike, Shape], NDArray[Any]]  # allocates an array at a multiple of 64 bytes


def new_array(dtype: DTypeLike, shape: Shape) -> NDArray[Any]:
    """An array in memory, not initialised, that begins at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    return memory[begin : begin + size].view(dtype).reshape(shape)


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """`count` stacked matrices [out_features, in_features] in one of the formats above."""

    format: Format
    out_features: int
    in_features: int
    data: NDArray[Any]
    scales: NDArray[Any] | None = None
    count: int = 1

    def __post_init__(self) -> None:
        shapes = packed_shapes(self.format, self.out_features, self.in_features, self.count)
        arrays = {"data": self.data, "scales": self.scales}
        for (name, array), (dtype, shape) in zip(arrays.items(), shapes, strict=True):
            if array is None and shape is None:
                continue
            if array is None or shape is None:
                raise ValueError(f"{self.format} {'needs' if array is None else 'has no'} {name}")
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(f"{name} is {array.dtype} {array.shape} instead of {dtype} {shape}")
            if not array.flags.c_contiguous:
                raise ValueError(f"{name} is not contiguous")

    @property
    def nbytes(self) -> int:
        """Bytes of weights and scales that one use of every stacked matrix reads."""
        return self.data.nbytes + (0 if self.scales is None else self.scales.nbytes)


def packed_shapes(
    format: str, out_features: int, in_features: int, count: int = 1
) -> tuple[tuple[np.dtype[Any], Shape], tuple[np.dtype[Any], Shape | None]]:
    """(dtype, shape) of `data` and of `scales` (shape None: there are none).

    ConfigError: an unknown format, or inputs that do not fill a K-quant's super-blocks.
    """
    blocks, groups = -(-out_features // BLOCK), -(-in_features // GROUP)
    byte, half = np.dtype(np.uint8), np.dtype(np.float16)
    if format in FLOATS:
        dtype = np.dtype({"f32": np.float32, "f16": np.float16, "bf16": np.uint16}[format])
        return (dtype, (count, blocks, in_features, BLOCK)), (half, None)
    if format in SUPER_BYTES:
        if in_features % SUPER:
            raise ConfigError(f"{format} needs a multiple of {SUPER} inputs, not {in_features}.")
        return (byte, (count, blocks, in_features // SUPER, SUPER_BYTES[format])), (half, None)
    if format not in QUADS:
        raise ConfigError(f"unknown weight format {format!r}; the formats are {', '.join(FORMATS)}.")
    per_group = (2, BLOCK) if format in MINIMA else (BLOCK,)
    kind = np.dtype(np.uint16) if format == "mxfp4" else half
    return (byte, (count, blocks, groups, QUADS[format], BLOCK, 4)), (kind, (count, blocks, groups, *per_group))


def pack(w: NDArray[np.float32], format: Format, new: New = new_array) -> PackedMatrix:
    """Pack a float matrix [O, I], or a stack of N of them [N, O, I], as f32, f16, bf16, q8 or q4.

    q8: symmetric, scale = max|w| / 127 over a group.  q4: the weight of largest magnitude becomes -8 (as in
    GGUF's Q4_0), so that all 16 levels are used.  Weights are divided by the scale as rounded to float16.
    new: where the packed arrays come from.
    """
    w_NOI = np.ascontiguousarray(w, dtype=np.float32)
    if w_NOI.ndim == 2:
        w_NOI = w_NOI[None]
    assert w_NOI.ndim == 3, w_NOI.shape
    assert min(w_NOI.shape) > 0, w_NOI.shape
    count, out_features, in_features = w_NOI.shape
    packed_shapes(format, 1, SUPER)  # an unknown format is an error here
    if format in FLOATS:
        numbers = w_NOI
        if format == "f16":
            numbers = np.clip(w_NOI, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        elif format == "bf16":
            numbers = _to_bfloat16(w_NOI)  # type: ignore[assignment]
        return pack_floats(numbers, format, new)
    if format not in ("q8", "q4"):
        raise ConfigError(f"{format} is not made from floats here, only read from GGUF; choose q8 or q4.")
    q_NOGK, scales_NOG = _quantize(_pad(w_NOI, in_multiple=GROUP), 8 if format == "q8" else 4)
    scales = filled(new, _blocks(scales_NOG).swapaxes(2, 3))  # [N, R, G, 16]
    data = _interleave_bytes(q_NOGK, format, new)
    return PackedMatrix(format, out_features, in_features, data, scales, count)


def pack_floats(numbers: NDArray[Any], format: Format, new: New = new_array) -> PackedMatrix:
    """Interleave numbers [N, O, I] that are float32, float16 or (uint16) bfloat16 already; values unchanged."""
    count, out_features, in_features = numbers.shape
    data = filled(new, _blocks(_pad(numbers, in_multiple=1)).swapaxes(2, 3))
    return PackedMatrix(format, out_features, in_features, data, None, count)


def unpack(matrix: PackedMatrix) -> NDArray[np.float32]:
    """The float32 weights that the kernels multiply by: [O, I], or [N, O, I] when `count` > 1."""
    if matrix.format in FLOATS:
        data = matrix.data
        if matrix.format == "bf16":
            data = (data.astype(np.uint32) << 16).view(np.float32)
        w: NDArray[Any] = data.astype(np.float32).swapaxes(2, 3).reshape(matrix.count, -1, matrix.in_features)
    else:
        groups = unpack_groups(matrix)
        halves = groups.q.astype(np.float32).reshape(*groups.q.shape[:3], 2, GROUP // 2)
        values = halves * groups.scale[..., None]
        if groups.minimum is not None:
            values = values + groups.minimum[..., None]
        w = values.reshape(*groups.q.shape[:2], -1)
    w = np.ascontiguousarray(w[:, : matrix.out_features, : matrix.in_features])
    return w[0] if matrix.count == 1 else w


class Groups(NamedTuple):
    """An integer format, group by group: weight = q * scale of its half + minimum.

    q: int16 [N, O, G, 32].  scale: float32 [N, O, G, 2]; except in `HALF_SCALED` the halves' are equal.  minimum: the
    same, None where the format has none.
    """

    q: NDArray[np.int16]
    scale: NDArray[np.float32]
    minimum: NDArray[np.float32] | None


def unpack_groups(matrix: PackedMatrix) -> Groups:
    """The integers and scales of any integer format, without the padding rows."""
    if matrix.format in SUPER_BYTES:
        data, scale, minimum = _open_super_blocks(matrix)
    else:
        assert matrix.scales is not None
        data, minimum = matrix.data, None
        numbers = matrix.scales.astype(np.float32)  # [N, R, G, 16]
        if matrix.format == "mxfp4":
            numbers = (matrix.scales.astype(np.uint32) << 16).view(np.float32)
        if matrix.format in MINIMA:
            minimum = np.stack([numbers[:, :, :, 1]] * 2, axis=-1)
            numbers = numbers[:, :, :, 0]
        scale = np.stack([numbers, numbers], axis=-1)
    q = _integers(data, matrix.format).transpose(0, 1, 4, 2, 3, 5)
    count, blocks, _, groups = q.shape[:4]

    def rows(array: NDArray[Any]) -> NDArray[Any]:
        """[N, R, G, 16, ...] -> [N, O, G, ...]"""
        moved = np.moveaxis(array, 3, 2)
        return moved.reshape(count, blocks * BLOCK, groups, *moved.shape[4:])[:, : matrix.out_features]

    q_NOGK = q.reshape(count, blocks * BLOCK, groups, GROUP)[:, : matrix.out_features]
    return Groups(q_NOGK, rows(scale), None if minimum is None else rows(minimum))


def _open_super_blocks(
    matrix: PackedMatrix,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32] | None]:
    """Bytes of the groups [N, R, G, quads, 16, 4], scale and minimum (None: the format has none) [N, R, G, 16, 2]."""
    data = matrix.data
    count, blocks, supers, size = data.shape
    head = IQ4_XS_HEAD if matrix.format == "iq4_xs" else HEAD
    groups = data[..., head:].reshape(count, blocks, supers * 8, (size - head) // (8 * 64), BLOCK, 4)
    d, dmin = (
        np.ascontiguousarray(data[..., i : i + 32]).view(np.float16).astype(np.float32)[:, :, :, None] for i in (0, 32)
    )  # [N, R, S, 1, 16]
    if matrix.format == "q8_k":
        d = np.ascontiguousarray(data[..., :64]).view(np.float32)[:, :, :, None]
    parts = data[..., 64:head].reshape(count, blocks, supers, -1, BLOCK)
    minimum = None
    if matrix.format in ("q4_k", "q5_k"):
        scale, minimum = d * parts[:, :, :, :8], -dmin * parts[:, :, :, 8:]
    elif matrix.format == "q2_k":
        scale, minimum = d * (parts & 15), -dmin * (parts >> 4)
    else:
        scale = d * parts.view(np.int8)

    def halves(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N, R, S, 8 or 16, 16] -> [N, R, G, 16, 2]"""
        pairs = np.repeat(numbers, 16 // numbers.shape[3], axis=3)
        return pairs.reshape(count, blocks, supers * 8, 2, BLOCK).swapaxes(3, 4)

    return groups, halves(scale), None if minimum is None else halves(minimum)


def _integers(data: NDArray[np.uint8], format: str) -> NDArray[np.int16]:
    """Bytes [N, R, G, quads, 16, 4] -> signed integers [N, R, G, 8, 16, 4]."""
    if format in ("q8", "q8_k"):
        return data.astype(np.int16) - 128
    quad = np.arange(8, dtype=np.uint8)[:, None, None]

    def bit(plane: int) -> NDArray[np.int16]:
        return ((data[:, :, :, plane : plane + 1] >> quad) & 1).astype(np.int16)

    def two_bits(plane: int) -> NDArray[np.int16]:
        both = np.repeat(data[:, :, :, plane : plane + 2], 4, axis=3)
        return ((both >> (2 * (quad % 4))) & 3).astype(np.int16)

    if format == "q2_k":
        return two_bits(0)
    if format == "q3_k":
        return (two_bits(0) | bit(2) << 2) - OFFSETS[format]
    nibbles = data[:, :, :, :4]
    q = np.concatenate([nibbles & 15, nibbles >> 4], axis=3).astype(np.int16)
    if format in CODEBOOKS:
        return np.array(CODEBOOKS[format], np.int16)[q]
    if format in ("q5_0", "q5_1", "q5_k"):
        q |= bit(4) << 4
    elif format == "q6_k":
        q |= two_bits(4) << 4
    return q - OFFSETS.get(format, 0)


def _pad(w_NOI: NDArray[Any], in_multiple: int) -> NDArray[Any]:
    _, out_features, in_features = w_NOI.shape
    return np.pad(w_NOI, ((0, 0), (0, -out_features % BLOCK), (0, -in_features % in_multiple)))


def _blocks(rows: NDArray[Any]) -> NDArray[Any]:
    """[N, O, ...] with O a multiple of 16 -> [N, R, 16, ...]."""
    return rows.reshape(rows.shape[0], -1, BLOCK, *rows.shape[2:])


def _quantize(w_NOI: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Integers [N, O, G, 32] in [-127, 127] or [-8, 7], and scales [N, O, G]."""
    w = w_NOI.reshape(*w_NOI.shape[:2], -1, GROUP)
    largest = np.take_along_axis(w, np.abs(w).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    scales = np.abs(largest) / np.float32(127) if bits == 8 else largest / np.float32(-8)
    scales = np.clip(scales, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
    wide = scales.astype(np.float32)[..., None]
    q = np.rint(np.divide(w, wide, out=np.zeros_like(w), where=wide != 0))
    low, high = (-127, 127) if bits == 8 else (-8, 7)
    return np.clip(q, low, high).astype(np.int8), scales


def _interleave_bytes(q_NOGK: NDArray[np.int8], format: Format, new: New) -> NDArray[np.uint8]:
    blocks = _blocks(q_NOGK.reshape(*q_NOGK.shape[:3], 8, 4))  # [N, R, 16, G, 8, 4]
    blocks = blocks.transpose(0, 1, 3, 4, 2, 5)
    if format == "q8":
        return filled(new, (blocks.view(np.uint8) ^ 128))
    nibbles = (blocks + 8).astype(np.uint8)
    return filled(new, nibbles[:, :, :, :4] | (nibbles[:, :, :, 4:] << 4))


def _to_bfloat16(w: NDArray[np.float32]) -> NDArray[np.uint16]:
    """To nearest, ties to even."""
    bits = w.view(np.uint32)
    return ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)


def filled(new: New, array: NDArray[Any]) -> NDArray[Any]:
    """A copy of `array` in memory from `new`."""
    out = new(array.dtype, array.shape)
    out[...] = array
    return out
