"""GGUF's blocks in the kernels' order: the same numbers, interleaved; nothing is rounded.

A row of a GGUF tensor is a run of blocks, each of 32 or 256 weights with their scales (ggml's block_q4_0 ...).
`pack_blocks` only moves bits (and looks up the codebooks of the IQ1 to IQ3 kinds): `quant.unpack` of its result is
what GGUF's own dequantisation gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.quant import (
    BLOCK,
    FLOATS,
    GROUP,
    HEAD,
    IQ4_XS_HEAD,
    SUPER,
    SUPER_BYTES,
    Format,
    New,
    PackedMatrix,
    new_array,
    packed_shapes,
)
from huozhong.errors import ConfigError
from huozhong.formats.gguf.blocks import mxfp4_scales
from huozhong.formats.gguf.integers import scaled_integers

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

_LOW = np.uint32(0x0F0F0F0F)

# GGUF type -> (format here, weights per block, bytes per block)
TYPES: dict[str, tuple[Format, int, int]] = {
    "F32": ("f32", 1, 4), "F16": ("f16", 1, 2), "BF16": ("bf16", 1, 2),
    "Q4_0": ("q4", 32, 18), "Q4_1": ("q4_1", 32, 20), "Q5_0": ("q5_0", 32, 22), "Q8_0": ("q8", 32, 34),
    "Q4_K": ("q4_k", 256, 144), "Q5_K": ("q5_k", 256, 176), "Q6_K": ("q6_k", 256, 210),
    "Q5_1": ("q5_1", 32, 24), "IQ4_NL": ("iq4_nl", 32, 18), "MXFP4": ("mxfp4", 32, 17),
    "Q2_K": ("q2_k", 256, 84), "Q3_K": ("q3_k", 256, 110), "IQ4_XS": ("iq4_xs", 256, 136),
    "IQ3_S": ("q8_k", 256, 110), "IQ3_XXS": ("q8_k", 256, 98), "IQ2_S": ("q8_k", 256, 82), "IQ2_XS": ("q8_k", 256, 74),
    "IQ2_XXS": ("q8_k", 256, 66), "IQ1_M": ("q8_k", 256, 56), "IQ1_S": ("q8_k", 256, 50),
    "TQ1_0": ("q8_k", 256, 54), "TQ2_0": ("q8_k", 256, 66),
}  # fmt: skip
_PIECE = 1 << 17  # bytes moved at a time: what lies in between stays in the second-level cache


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
    for n, first, last in _pieces(count, out_features, data.shape[-1]):
        blocks = _rows_of_blocks(rows[n, first:last], weights, size)  # [R, 16, blocks of a row, bytes]
        place = slice(first // BLOCK, first // BLOCK + len(blocks))
        if format == "q8_k":
            _scaled_integers(blocks, type, packed[n, place])
        else:
            _INTERLEAVE[format](blocks, packed[n, place], None if scales is None else scales[n, place])
    return PackedMatrix(format, out_features, in_features, packed, scales, count)


def _pieces(count: int, out_features: int, row_bytes: int) -> Iterator[tuple[int, int, int]]:
    rows = max(_PIECE // max(row_bytes, 1) // BLOCK, 1) * BLOCK
    for n in range(count):
        for first in range(0, out_features, rows):
            yield n, first, min(first + rows, out_features)


def _rows_of_blocks(rows: U8, weights: int, size: int) -> U8:
    """[O, bytes] -> [R, 16, blocks of a row, bytes of a block], padded with rows of zeros."""
    missing = -len(rows) % BLOCK
    if missing:
        rows = np.concatenate([rows, np.zeros((missing, rows.shape[1]), np.uint8)])
    return np.ascontiguousarray(rows).reshape(-1, BLOCK, rows.shape[1] // size, size)


# Most of what follows treats four bytes as one word: the packed order has the same four inputs of 16 rows side by
# side, and bits are moved in words that lie in that order already.


def _fields(blocks: U8, layout: dict[str, tuple[int, int]]) -> dict[str, NDArray[Any]]:
    """Parts of every block: name -> (bytes of a number, how many): arrays [R, 16, blocks(, how many)]."""
    kinds = {1: np.uint8, 2: np.uint16, 4: np.uint32}
    parts = [(name, kinds[size], (number,) if number > 1 else ()) for name, (size, number) in layout.items()]
    record = blocks.view(np.dtype(parts))[..., 0]
    return {name: record[name] for name in layout}


def _side_by_side(words: NDArray[Any]) -> NDArray[Any]:
    """[R, 16, blocks, words] -> [R, blocks, words, 16], contiguous."""
    return np.ascontiguousarray(words.transpose(0, 2, 3, 1))


def _floats(blocks: U8, data: NDArray[Any], scales: None) -> None:
    numbers = blocks.view(data.dtype)[..., 0]  # [R, 16, I]
    data[...] = numbers.swapaxes(1, 2)


def _halves(numbers: NDArray[np.uint16], scales: NDArray[np.float16]) -> None:
    """Float16 bits [R, 16, G] -> scales [R, G, 16]."""
    scales.view(np.uint16)[...] = numbers.swapaxes(1, 2)


def _quads(words: U32, data: U8) -> None:
    """words [R, 16, G, quads] -> the packed bytes [R, G, quads, 16, 4]."""
    data.view(np.uint32)[..., 0] = words.transpose(0, 2, 3, 1)


def _q4_0(blocks: U8, data: U8, scales: NDArray[Any]) -> None:
    part = _fields(blocks, {"d": (2, 1), "q": (4, 4)})
    _halves(part["d"], scales)
    _quads(part["q"], data)  # byte j holds inputs j and j + 16 of a group, as the kernels want them


def _q4_1(blocks: U8, data: U8, scales: NDArray[Any]) -> None:
    part = _fields(blocks, {"d": (2, 1), "m": (2, 1), "q": (4, 4)})
    _halves(part["d"], scales[:, :, 0])
    _halves(part["m"], scales[:, :, 1])
    _quads(part["q"], data)


def _q5_0(blocks: U8, data: U8, scales: NDArray[Any]) -> None:
    part = _fields(blocks, {"d": (2, 1), "h": (1, 4), "q": (4, 4)})
    _halves(part["d"], scales)
    _quads(part["q"], data[:, :, :4])
    _fifth_bits(part["h"], data)


def _q5_1(blocks: U8, data: U8, scales: NDArray[Any]) -> None:
    part = _fields(blocks, {"d": (2, 1), "m": (2, 1), "h": (1, 4), "q": (4, 4)})
    _halves(part["d"], scales[:, :, 0])
    _halves(part["m"], scales[:, :, 1])
    _quads(part["q"], data[:, :, :4])
    _fifth_bits(part["h"], data)


def _fifth_bits(packed: U8, data: U8) -> None:
    """A bit for each input of a group, [R, 16, G, 4 bytes], as the fifth plane of the packed bytes."""
    fifth = _TWO_QUADS[packed[..., 0]]  # [R, 16, G]
    for i in (1, 2, 3):
        fifth |= _TWO_QUADS[packed[..., i]] << np.uint32(2 * i)
    data.view(np.uint32)[:, :, 4, :, 0] = fifth.swapaxes(1, 2)


def _mxfp4(blocks: U8, data: U8, scales: NDArray[np.uint16]) -> None:
    factors = np.ascontiguousarray(mxfp4_scales(blocks[..., 0])).view(np.uint32)  # all of them are bfloat16
    scales[...] = (factors >> np.uint32(16)).swapaxes(1, 2)
    _quads(np.ascontiguousarray(blocks[..., 1:]).view(np.uint32), data)


def _two_quads() -> U32:
    """A byte of Q5_0's fifth bits, those of 8 inputs -> bits 0 and 1 of the four bytes of the packed plane."""
    byte = np.arange(256, dtype=np.uint32)
    words = np.zeros(256, np.uint32)
    for j in range(4):
        words |= (byte >> j & 1) << (8 * j) | (byte >> (4 + j) & 1) << (8 * j + 1)
    return words


_TWO_QUADS = _two_quads()


def _q8_0(blocks: U8, data: U8, scales: NDArray[Any]) -> None:
    part = _fields(blocks, {"d": (2, 1), "q": (4, 8)})
    _halves(part["d"], scales)
    np.bitwise_xor(part["q"].transpose(0, 2, 3, 1), np.uint32(0x80808080), out=data.view(np.uint32)[..., 0])  # q + 128


def _low_nibbles(first: U32, second: U32, out: U32) -> None:
    """Low nibbles of inputs 0 to 15 and 16 to 31 of a group, as the packed bytes."""
    np.bitwise_and(first, _LOW, out=out)
    out |= (second & _LOW) << np.uint32(4)


def _high_nibbles(first: U32, second: U32, out: U32) -> None:
    np.bitwise_and(first >> np.uint32(4), _LOW, out=out)
    out |= second & ~_LOW


def _transpose_bits(words: U32, steps: tuple[tuple[int, int, int], ...]) -> None:
    """In place, words [..., n, 16]: field g of word i goes to field i of word g, in each of the four bytes.

    steps: (distance of words, distance of bits, mask of the lower fields); see "Hacker's Delight", 7-3.
    """
    for rows, bits, mask in steps:
        pairs = words.reshape(*words.shape[:-2], -1, 2, rows, BLOCK)
        a, b = pairs[..., 0, :, :], pairs[..., 1, :, :]
        swap = ((a >> np.uint32(bits)) ^ b) & np.uint32(mask)
        b ^= swap
        a ^= swap << np.uint32(bits)


_BITS = ((4, 4, 0x0F0F0F0F), (2, 2, 0x33333333), (1, 1, 0x55555555))
_PAIRS_OF_BITS = ((2, 4, 0x0F0F0F0F), (1, 2, 0x33333333))


def _super_groups(data: U8, quads: int, head: int = HEAD) -> U32:
    """The groups of super-blocks [R, S, bytes] as words [R, S, 8, quads, 16] (a view)."""
    return data.view(np.uint32)[..., head // 4 :].reshape(*data.shape[:2], 8, quads, BLOCK)


def _q4_k_scales(packed: U32) -> tuple[U8, U8]:
    """Twelve bytes as three words [R, 16, S, 3] -> eight 6-bit scales and eight 6-bit minima (get_scale_min_k4)."""
    low, middle, high = (np.ascontiguousarray(packed[..., i]) for i in range(3))
    six, two = np.uint32(0x3F3F3F3F), np.uint32(0x30303030)
    scale = np.stack([low & six, high & _LOW | low >> np.uint32(2) & two], axis=-1)
    minimum = np.stack([middle & six, high >> np.uint32(4) & _LOW | middle >> np.uint32(2) & two], axis=-1)
    return scale.view(np.uint8), minimum.view(np.uint8)


def _bytes(numbers: U8, data: U8) -> None:
    """numbers [R, 16, S, n] -> data [R, S, n * 16]."""
    data.reshape(*data.shape[:2], -1, BLOCK)[...] = numbers.transpose(0, 2, 3, 1)


def _q45_k(blocks: U8, data: U8, five: bool) -> None:
    fifth = {"h": (4, 8)} if five else {}
    part = _fields(blocks, {"d": (2, 2), "s": (4, 3)} | fifth | {"q": (4, 32)})
    data.view(np.uint16)[..., :32].reshape(*data.shape[:2], 2, BLOCK)[...] = part["d"].transpose(0, 2, 3, 1)
    scale, minimum = _q4_k_scales(part["s"])
    _bytes(scale, data[..., 64:192])
    _bytes(minimum, data[..., 192:HEAD])
    groups = _super_groups(data, 5 if five else 4)
    # Four chunks of 32 bytes: the low nibbles are one group, the high ones the next.
    chunks = _side_by_side(part["q"]).reshape(*data.shape[:2], 4, 2, 4, BLOCK)
    first, second = chunks[:, :, :, 0], chunks[:, :, :, 1]
    _low_nibbles(first, second, groups[:, :, 0::2, :4])
    _high_nibbles(first, second, groups[:, :, 1::2, :4])
    if five:  # bit g of byte k belongs to input k of group g; packed: bit i of byte j to input 4 i + j
        planes = _side_by_side(part["h"])
        _transpose_bits(planes, _BITS)
        groups[:, :, :, 4] = planes


def _q4_k(blocks: U8, data: U8, scales: None) -> None:
    _q45_k(blocks, data, five=False)


def _q5_k(blocks: U8, data: U8, scales: None) -> None:
    _q45_k(blocks, data, five=True)


def _q6_k(blocks: U8, data: U8, scales: None) -> None:
    part = _fields(blocks, {"l": (4, 32), "h": (4, 16), "s": (1, 16), "d": (2, 1)})
    data.view(np.uint16)[..., :16] = part["d"].swapaxes(1, 2)
    data[..., 32:64] = 0
    _bytes(part["s"], data[..., 64:HEAD])
    # Two halves of 128 inputs; in each, groups 0 and 1 are low nibbles of 2 x 32 bytes, groups 2 and 3 the high ones.
    groups = _super_groups(data, 6).reshape(*data.shape[:2], 2, 2, 2, 6, BLOCK)
    low = _side_by_side(part["l"]).reshape(*data.shape[:2], 2, 2, 2, 4, BLOCK)
    first, second = low[:, :, :, :, 0], low[:, :, :, :, 1]
    _low_nibbles(first, second, groups[:, :, :, 0, :, :4])
    _high_nibbles(first, second, groups[:, :, :, 1, :, :4])
    _two_bits(part["h"], groups.reshape(*data.shape[:2], 8, 6, BLOCK)[..., 4:, :])


def _two_bits(words: U32, planes: U32) -> None:
    """Two bits of every input, [R, 16, S, 16 words], to planes [R, S, 8, 2, 16].

    Bits 2 g of byte l of a half of 128 inputs belong to input l of group g; packed: bits 2 i of byte j to input
    4 i + j, 16 inputs a plane.
    """
    upper = _side_by_side(words).reshape(*planes.shape[:2], 2, 2, 4, BLOCK)
    _transpose_bits(upper, _PAIRS_OF_BITS)
    planes.reshape(*planes.shape[:2], 2, 4, 2, BLOCK)[...] = upper.swapaxes(3, 4)


def _q2_k(blocks: U8, data: U8, scales: None) -> None:
    part = _fields(blocks, {"s": (1, 16), "q": (4, 16), "d": (2, 2)})
    data.view(np.uint16)[..., :32].reshape(*data.shape[:2], 2, BLOCK)[...] = part["d"].transpose(0, 2, 3, 1)
    _bytes(part["s"], data[..., 64:HEAD])
    _two_bits(part["q"], _super_groups(data, 2))


def _d_and_scales(d: NDArray[np.uint16], scale: U8, data: U8, head: int = HEAD) -> None:
    data.view(np.uint16)[..., :16] = d.swapaxes(1, 2)
    data[..., 32:64] = 0
    _bytes(scale, data[..., 64:head])


def _q3_k(blocks: U8, data: U8, scales: None) -> None:
    part = _fields(blocks, {"h": (4, 8), "q": (4, 16), "s": (1, 12), "d": (2, 1)})
    s = part["s"]  # low halves of scales 0 to 7 and, above them, 8 to 15; the upper two bits of i, i + 4, ... in byte i
    low = np.concatenate([s[..., :8] & 15, s[..., :8] >> 4], axis=-1)
    high = np.concatenate([s[..., 8:] >> shift & 3 for shift in (0, 2, 4, 6)], axis=-1)
    _d_and_scales(part["d"], (low | high << 4) - np.uint8(32), data)
    groups = _super_groups(data, 3)
    _two_bits(part["q"], groups[:, :, :, :2])
    planes = _side_by_side(part["h"])
    _transpose_bits(planes, _BITS)
    groups[:, :, :, 2] = planes


def _iq4_xs(blocks: U8, data: U8, scales: None) -> None:
    part = _fields(blocks, {"d": (2, 1), "h": (2, 1), "l": (1, 4), "q": (4, 32)})
    low = np.stack([part["l"] & 15, part["l"] >> 4], axis=-1).reshape(*part["l"].shape[:3], 8)
    high = part["h"][..., None] >> np.arange(0, 16, 2, dtype=np.uint16) & 3
    _d_and_scales(part["d"], (low | high.astype(np.uint8) << 4) - np.uint8(32), data, IQ4_XS_HEAD)
    groups = _super_groups(data, 4, IQ4_XS_HEAD)
    groups[...] = _side_by_side(part["q"]).reshape(groups.shape)  # byte j of a group: inputs j and j + 16


def _scaled_integers(blocks: U8, type: str, data: U8) -> None:
    """Blocks of a kind with a codebook: the numbers are looked up, and kept as q8_k."""
    d, scale, q = scaled_integers(blocks.reshape(-1, blocks.shape[-1]), type)
    shape = blocks.shape[:3]  # [R, 16, S]
    data.view(np.float32)[..., :16] = d.reshape(shape).swapaxes(1, 2)
    _bytes(scale.view(np.uint8).reshape(*shape, 16), data[..., 64:HEAD])
    groups = _super_groups(data, 8)
    words = _side_by_side(q.view(np.uint32).reshape(*shape, 64)).reshape(groups.shape)
    np.bitwise_xor(words, np.uint32(0x80808080), out=groups)  # q + 128


_INTERLEAVE: dict[str, Any] = {
    **dict.fromkeys(FLOATS, _floats), "q4": _q4_0, "q4_1": _q4_1, "q5_0": _q5_0, "q8": _q8_0,
    "q4_k": _q4_k, "q5_k": _q5_k, "q6_k": _q6_k, "q5_1": _q5_1, "iq4_nl": _q4_0, "mxfp4": _mxfp4,
    "q2_k": _q2_k, "q3_k": _q3_k, "iq4_xs": _iq4_xs,
}  # fmt: skip
assert set(SUPER_BYTES) - {"q8_k"} < set(_INTERLEAVE)
assert SUPER == 8 * GROUP
