"""Weight formats of the CPU kernels: pack, unpack.  The layout here is the contract with kernels/*.h.

A matrix maps I inputs to O outputs.  Its rows are cut into R blocks of 16 outputs, and the 16 rows of a
block lie interleaved, so that one 512-bit load holds the same inputs of 16 rows:

    f32  data float32 [N, R, I, 16]             no scales; sums in float32
    q8   data uint8   [N, R, G, 8, 16, 4]       G groups of 32 inputs = 8 quads of 4; a byte is q + 128
    q4   data uint8   [N, R, G, 4, 16, 4]       low nibble: quads 0..3, high: quads 4..7; a nibble is q + 8
         scales float16 [N, R, G, 16]           weight = q * scale

N matrices of one shape (attention heads, experts) may be stacked in one PackedMatrix.  Rows beyond O and
inputs beyond I are zeros.  The offsets (128, 8) make bytes unsigned, which is what x86's `vpdpbusd` wants of
one operand; the kernels start a group's integer sum at -offset * sum(x) and so pay nothing for them.  Arrays
begin at multiples of 64 bytes, so that no load crosses a cache line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import ConfigError

Format = Literal["f32", "q8", "q4"]
FORMATS: tuple[str, ...] = get_args(Format)

BLOCK = 16  # output rows interleaved in one block: the float lanes of a 512-bit register
GROUP = 32  # inputs that share one scale
FLOAT16_MAX = 65504.0


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """`count` stacked matrices [out_features, in_features] in one of the formats above."""

    format: Format
    out_features: int
    in_features: int
    data: NDArray[Any]
    scales: NDArray[np.float16] | None = None
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
) -> tuple[tuple[np.dtype, tuple[int, ...]], tuple[np.dtype, tuple[int, ...] | None]]:
    """(dtype, shape) of `data` and of `scales` (shape None: there are none).  Unknown format: ConfigError."""
    blocks, groups = -(-out_features // BLOCK), -(-in_features // GROUP)
    half = np.dtype(np.float16)
    if format == "f32":
        return (np.dtype(np.float32), (count, blocks, in_features, BLOCK)), (half, None)
    quads = {"q8": 8, "q4": 4}.get(format)
    if quads is None:
        raise ConfigError(f"unknown weight format {format!r}; the formats are {', '.join(FORMATS)}.")
    return (
        (np.dtype(np.uint8), (count, blocks, groups, quads, BLOCK, 4)),
        (half, (count, blocks, groups, BLOCK)),
    )


def pack(w: NDArray[np.float32], format: Format) -> PackedMatrix:
    """Pack a float matrix [O, I], or a stack of N of them [N, O, I].

    q8: symmetric, scale = max|w| / 127 over a group.  q4: the weight of largest magnitude becomes -8 (as in
    GGUF's Q4_0), so that all 16 levels are used.  Weights are divided by the scale as rounded to float16.
    """
    w_NOI = np.ascontiguousarray(w, dtype=np.float32)
    if w_NOI.ndim == 2:
        w_NOI = w_NOI[None]
    assert w_NOI.ndim == 3, w_NOI.shape
    assert min(w_NOI.shape) > 0, w_NOI.shape
    count, out_features, in_features = w_NOI.shape
    if format == "f32":
        return PackedMatrix(format, out_features, in_features, _interleave_f32(w_NOI), None, count)
    packed_shapes(format, 1, 1)  # an unknown format is an error here
    q_NOGK, scales_NOG = _quantize(_pad(w_NOI, in_multiple=GROUP), 8 if format == "q8" else 4)
    scales = _aligned(_blocks(scales_NOG).swapaxes(2, 3))  # [N, R, G, 16]
    data = _interleave_bytes(q_NOGK, format)
    return PackedMatrix(format, out_features, in_features, data, scales, count)


def unpack(matrix: PackedMatrix) -> NDArray[np.float32]:
    """The float32 weights that the kernels multiply by: [O, I], or [N, O, I] when `count` > 1."""
    if matrix.format == "f32":
        w: NDArray = matrix.data.swapaxes(2, 3).reshape(matrix.count, -1, matrix.in_features)
    else:
        q_NOGK, scales_NOG = unpack_integers(matrix)
        w_NOGK = q_NOGK.astype(np.float32) * scales_NOG[..., None].astype(np.float32)
        w = w_NOGK.reshape(*q_NOGK.shape[:2], -1)
    w = np.ascontiguousarray(w[:, : matrix.out_features, : matrix.in_features])
    return w[0] if matrix.count == 1 else w


def unpack_integers(matrix: PackedMatrix) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """q8 or q4 as signed integers [N, O, G, 32] and scales [N, O, G], without the padding rows."""
    assert matrix.scales is not None
    data = matrix.data
    if matrix.format == "q4":
        data = np.concatenate([data & 15, data >> 4], axis=3)  # [N, R, G, 8, 16, 4]
    count, blocks, groups = data.shape[:3]
    offset = 128 if matrix.format == "q8" else 8
    q = (data.astype(np.int16) - offset).astype(np.int8).transpose(0, 1, 4, 2, 3, 5)
    q_NOGK = q.reshape(count, blocks * BLOCK, groups, GROUP)[:, : matrix.out_features]
    scales_NOG = matrix.scales.swapaxes(2, 3).reshape(count, blocks * BLOCK, groups)[:, : matrix.out_features]
    return q_NOGK, scales_NOG


def _pad(w_NOI: NDArray[np.float32], in_multiple: int) -> NDArray[np.float32]:
    _, out_features, in_features = w_NOI.shape
    return np.pad(w_NOI, ((0, 0), (0, -out_features % BLOCK), (0, -in_features % in_multiple)))


def _blocks(rows: NDArray) -> NDArray:
    """[N, O, ...] with O a multiple of 16 -> [N, R, 16, ...]."""
    return rows.reshape(rows.shape[0], -1, BLOCK, *rows.shape[2:])


def _interleave_f32(w_NOI: NDArray[np.float32]) -> NDArray[np.float32]:
    return _aligned(_blocks(_pad(w_NOI, in_multiple=1)).swapaxes(2, 3))


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


def _interleave_bytes(q_NOGK: NDArray[np.int8], format: Format) -> NDArray[np.uint8]:
    blocks = _blocks(q_NOGK.reshape(*q_NOGK.shape[:3], 8, 4))  # [N, R, 16, G, 8, 4]
    blocks = blocks.transpose(0, 1, 3, 4, 2, 5)
    if format == "q8":
        return _aligned((blocks.astype(np.int16) + 128).astype(np.uint8))
    nibbles = (blocks + 8).astype(np.uint8)
    return _aligned(nibbles[:, :, :, :4] | (nibbles[:, :, :, 4:] << 4))


def _aligned(array: NDArray) -> NDArray:
    """A contiguous copy that begins at a multiple of 64 bytes."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    out = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    out[...] = array
    return out
