"""GGUF's blocks in the kernels' order: the same numbers, interleaved; nothing is rounded.

A row of a GGUF tensor is a run of blocks, each of 32 or 256 weights with their scales (ggml's block_q4_0 ...).
`pack_blocks` only moves bits: `quant.unpack` of its result is what GGUF's own dequantisation gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.quant import (
    BLOCK,
    FLOATS,
    GROUP,
    HEAD,
    RECORDS,
    SUPER,
    Format,
    New,
    PackedMatrix,
    new_array,
    packed_shapes,
)
from huozhong.errors import ConfigError

U8 = NDArray[np.uint8]

# GGUF type -> (format here, weights per block, bytes per block)
TYPES: dict[str, tuple[Format, int, int]] = {
    "F32": ("f32", 1, 4), "F16": ("f16", 1, 2), "BF16": ("bf16", 1, 2),
    "Q4_0": ("q4", 32, 18), "Q4_1": ("q4_1", 32, 20), "Q5_0": ("q5_0", 32, 22), "Q8_0": ("q8", 32, 34),
    "Q4_K": ("q4_k", 256, 144), "Q5_K": ("q5_k", 256, 176), "Q6_K": ("q6_k", 256, 210),
}  # fmt: skip
_ROWS = 2048  # rows moved at a time: what lies in between stays small


def pack_blocks(data: U8, type: str, in_features: int, new: New = new_array) -> PackedMatrix:
    """Pack rows of GGUF blocks, uint8 [O, bytes of a row] or a stack [N, O, bytes], values unchanged.

    type: GGUF's name, one of `TYPES`.  new: where the packed arrays come from.  Raises ConfigError for another
    type or a row of the wrong length.
    """
    if type not in TYPES:
        raise ConfigError(f"weights of type {type} are not supported; the types are {', '.join(TYPES)}.")
    format, weights, size = TYPES[type]
    if in_features % weights or data.shape[-1] != in_features // weights * size:
        raise ConfigError(f"{data.shape[-1]} bytes are not a row of {in_features} weights of type {type}.")
    rows = data if data.ndim == 3 else data[None]
    count, out_features = rows.shape[:2]
    (dtype, shape), (half, scales_shape) = packed_shapes(format, out_features, in_features, count)
    packed = new(dtype, shape)
    scales = None if scales_shape is None else new(half, scales_shape)
    for n, first, last in _pieces(count, out_features):
        blocks = _rows_of_blocks(rows[n, first:last], weights, size)  # [R, 16, blocks of a row, bytes]
        place = slice(first // BLOCK, first // BLOCK + len(blocks))
        _INTERLEAVE[format](blocks, packed[n, place], None if scales is None else scales[n, place])
    return PackedMatrix(format, out_features, in_features, packed, scales, count)


def _pieces(count: int, out_features: int) -> Iterator[tuple[int, int, int]]:
    for n in range(count):
        for first in range(0, out_features, _ROWS):
            yield n, first, min(first + _ROWS, out_features)


def _rows_of_blocks(rows: U8, weights: int, size: int) -> U8:
    """[O, bytes] -> [R, 16, blocks of a row, bytes of a block], padded with rows of zeros."""
    missing = -len(rows) % BLOCK
    if missing:
        rows = np.concatenate([rows, np.zeros((missing, rows.shape[1]), np.uint8)])
    return np.ascontiguousarray(rows).reshape(-1, BLOCK, rows.shape[1] // size, size)


def _floats(blocks: U8, data: NDArray[Any], scales: None) -> None:
    numbers = np.ascontiguousarray(blocks).view(data.dtype)[..., 0]  # [R, 16, I]
    data[...] = numbers.swapaxes(1, 2)


def _halves(blocks: U8, first: int) -> NDArray[np.float16]:
    """The float16 at byte `first` of every block: [R, 16, blocks]."""
    return np.ascontiguousarray(blocks[..., first : first + 2]).view(np.float16)[..., 0]


def _scales(blocks: U8) -> NDArray[np.float16]:
    return _halves(blocks, 0).swapaxes(1, 2)


def _nibbles(qs: U8, data: U8) -> None:
    """qs [R, 16, G, 16]: byte j holds inputs j and j + 16 of a group, as the kernels want them."""
    words = np.ascontiguousarray(qs).view(np.uint32)  # [R, 16, G, 4]
    data.view(np.uint32)[..., 0] = words.transpose(0, 2, 3, 1)


def _q4_0(blocks: U8, data: U8, scales: NDArray) -> None:
    scales[...] = _scales(blocks)
    _nibbles(blocks[..., 2:], data)


def _q4_1(blocks: U8, data: U8, scales: NDArray) -> None:
    scales[:, :, 0] = _scales(blocks)
    scales[:, :, 1] = _halves(blocks, 2).swapaxes(1, 2)
    _nibbles(blocks[..., 4:], data)


def _q5_0(blocks: U8, data: U8, scales: NDArray) -> None:
    scales[...] = _scales(blocks)
    _nibbles(blocks[..., 6:], data[:, :, :4])
    bits = np.unpackbits(blocks[..., 2:6], axis=-1, bitorder="little")  # [R, 16, G, 32]
    _fifth(bits, data[:, :, 4])


def _q8_0(blocks: U8, data: U8, scales: NDArray) -> None:
    scales[...] = _scales(blocks)
    words = np.ascontiguousarray(blocks[..., 2:]).view(np.uint32)  # [R, 16, G, 8]
    data.view(np.uint32)[..., 0] = words.transpose(0, 2, 3, 1) ^ 0x80808080  # q + 128


def _fifth(bits_RLGK: U8, plane: U8) -> None:
    """Fifth bits of a group's 32 inputs -> plane [R, G, 16, 4]: bit i of byte j belongs to input 4 i + j."""
    quads = bits_RLGK.reshape(*bits_RLGK.shape[:3], 8, 4)
    weights = (1 << np.arange(8, dtype=np.uint8))[:, None]
    plane[...] = (quads * weights).sum(axis=3, dtype=np.uint8).swapaxes(1, 2)


def _upper_two(bits_RLGK: U8, plane: U8) -> None:
    """Two bits of 16 inputs (of a half group) -> plane [R, G, 16, 4]: bits 2 i of byte j: input 4 i + j."""
    quads = bits_RLGK.reshape(*bits_RLGK.shape[:3], 4, 4)
    shifts = (2 * np.arange(4, dtype=np.uint8))[:, None]
    plane[...] = (quads << shifts).sum(axis=3, dtype=np.uint8).swapaxes(1, 2)


def _split(q_RLGK: U8) -> U8:
    """Low nibbles of 32 inputs -> 16 bytes as `_nibbles` wants them."""
    low, high = q_RLGK[..., :16] & np.uint8(15), q_RLGK[..., 16:] << np.uint8(4)
    return np.bitwise_or(low, high)


def _records(data: U8, quads: int) -> U8:
    """The groups' bytes of records [R, S, bytes], as [R, 8 S, quads, 16, 4] (a view)."""
    count, records = data.shape[:2]
    groups = data[..., HEAD:]
    step = data.strides
    shape = (count, records, 8, quads, BLOCK, 4)
    return np.lib.stride_tricks.as_strided(groups, shape, (step[0], step[1], quads * 64, 64, 4, 1))


def _head(data: U8, at: int, halves: NDArray[np.float16]) -> None:
    """Write float16 [R, 16, S] at byte `at` of the records."""
    data[..., at : at + 32] = np.ascontiguousarray(halves.swapaxes(1, 2)).view(np.uint8)


def _q4_k_scales(packed: U8) -> tuple[U8, U8]:
    """Twelve bytes -> eight 6-bit scales and eight 6-bit minima (ggml's get_scale_min_k4)."""
    low, middle, high = packed[..., :4], packed[..., 4:8], packed[..., 8:]
    scale = np.concatenate([low & 63, (high & 15) | ((low >> 6) << 4)], axis=-1)
    least = np.concatenate([middle & 63, (high >> 4) | ((middle >> 6) << 4)], axis=-1)
    return scale, least


def _k_groups(qs: U8) -> U8:
    """qs [R, 16, S, 128]: 64 inputs in 32 bytes, the first 32 low -> [R, 16, S, 8, 32] of 4 bits."""
    chunks = qs.reshape(*qs.shape[:3], 4, 1, 32)
    return np.concatenate([chunks & 15, chunks >> 4], axis=4).reshape(*qs.shape[:3], 8, 32)


def _q45_k(blocks: U8, data: U8, five: bool) -> None:
    _head(data, 0, _halves(blocks, 0))
    _head(data, 32, _halves(blocks, 2))
    scale, least = _q4_k_scales(blocks[..., 4:16])  # [R, 16, S, 8]
    for at, part in ((64, scale), (192, least)):
        data[..., at : at + 128] = part.transpose(0, 2, 3, 1).reshape(*data.shape[:2], 128)
    q = _k_groups(blocks[..., 48 if five else 16 :])
    groups = _records(data, 5 if five else 4)
    flat = (*q.shape[:2], -1, GROUP)
    split = _split(q.reshape(flat)).reshape(*q.shape[:4], 16)  # [R, 16, S, 8, 16]
    groups[:, :, :, :4] = split.reshape(*q.shape[:4], 4, 4).transpose(0, 2, 3, 4, 1, 5)
    if five:
        qh = blocks[..., 16:48][..., None, :]  # [R, 16, S, 1, 32]
        bits = (qh >> np.arange(8, dtype=np.uint8)[:, None]) & 1
        plane = np.empty((q.shape[0], q.shape[2] * 8, BLOCK, 4), np.uint8)
        _fifth(bits.reshape(flat), plane)
        groups[:, :, :, 4] = plane.reshape(q.shape[0], q.shape[2], 8, BLOCK, 4)


def _q4_k(blocks: U8, data: U8, scales: None) -> None:
    _q45_k(blocks, data, five=False)


def _q5_k(blocks: U8, data: U8, scales: None) -> None:
    _q45_k(blocks, data, five=True)


def _q6_k(blocks: U8, data: U8, scales: None) -> None:
    _head(data, 0, _halves(blocks, 208))
    data[..., 32:64] = 0
    data[..., 64:HEAD] = blocks[..., 192:208].transpose(0, 2, 3, 1).reshape(*data.shape[:2], 256)
    ql = blocks[..., :128].reshape(*blocks.shape[:3], 2, 64)  # two halves of 128 inputs
    qh = blocks[..., 128:192].reshape(*blocks.shape[:3], 2, 32)
    low = np.stack([ql[..., :32] & 15, ql[..., 32:] & 15, ql[..., :32] >> 4, ql[..., 32:] >> 4], axis=4)
    upper = np.stack([qh & 3, qh >> 2 & 3, qh >> 4 & 3, qh >> 6], axis=4)  # [R, 16, S, 2, 4, 32]
    flat = (*blocks.shape[:2], -1, GROUP)
    shape = (*blocks.shape[:3], 8)
    groups = _records(data, 6)
    split = _split(low.reshape(flat)).reshape(*shape, 4, 4)
    groups[:, :, :, :4] = split.transpose(0, 2, 3, 4, 1, 5)
    plane = np.empty((blocks.shape[0], blocks.shape[2] * 8, BLOCK, 4), np.uint8)
    for half in (0, 1):
        _upper_two(upper.reshape(flat)[..., 16 * half : 16 * half + 16], plane)
        groups[:, :, :, 4 + half] = plane.reshape(blocks.shape[0], blocks.shape[2], 8, BLOCK, 4)


_INTERLEAVE: dict[str, Any] = {
    **dict.fromkeys(FLOATS, _floats), "q4": _q4_0, "q4_1": _q4_1, "q5_0": _q5_0, "q8": _q8_0,
    "q4_k": _q4_k, "q5_k": _q5_k, "q6_k": _q6_k,
}  # fmt: skip
assert set(RECORDS) < set(_INTERLEAVE)
assert SUPER == 8 * GROUP
