"""The NumPy twin of scan.inl and encode.inl: vectors as one bit a coordinate, and what can be estimated from that.

A vector u of length 1 is moved by the centre c and rotated: x = R (u - c).  Of the first B coordinates (32 for each
word) only the signs s are kept, and two numbers: scale = |u - c|^2 / sum |x_i| and offset = c . (u - c).  For a vector
q of length 1, rotated the same way, scale * (s . R (q - c)) + offset + q . c estimates q . u, and over random rotations
its mean is right (Gao and Long 2024, "RaBitQ"; the coordinates that are left out change nothing in their proof).

Every function gives the native one's bits: sums over coordinates are taken in their order, one lane a vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]

LANES = 16  # vectors that lie interleaved
PLANES = 5  # bits of each coordinate of what is searched for
ROTATIONS = 3


def hadamard(x_DN: F32, n: int, first: int) -> None:
    """The Hadamard transform of n rows (a power of two) from `first` on, divided by the root of n, in place."""
    h = 1
    while h < n:
        pairs = x_DN[first : first + n].reshape(n // (2 * h), 2, h, -1)
        pairs[:, 0], pairs[:, 1] = pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]
        h *= 2
    x_DN[first : first + n] *= np.float32(1) / np.sqrt(np.float32(n))


def rotated(x_DN: F32, signs: F32, order: NDArray[np.int32]) -> F32:
    """Columns x [width, N] rotated: other signs, another order, Hadamard transforms; three times."""
    width = len(x_DN)
    power = 1 << (width.bit_length() - 1)
    for sign, places in zip(signs, order, strict=True):
        x_DN = x_DN[places] * sign[:, None]
        hadamard(x_DN, power, 0)
        if power < width:
            hadamard(x_DN, power, width - power)
    return x_DN


def encode_rows(
    rows_ND: F32, centre_D: F32, signs: F32, order: NDArray[np.int32], words: int
) -> tuple[NDArray[np.uint16], U32, int]:
    """Unit rows [N, width] as float16's bits, blocks of codes [N / 16, words + 1, 16], and a row without a direction.

    The last is the first row of that row's block of 16, or -1.  A block's last row of words holds 16 scales and 16
    offsets in float16; a lane without a vector has the offset minus infinity.
    """
    count, dim = rows_ND.shape
    width = signs.shape[1]
    blocks = -(-count // LANES)
    x_DN = np.zeros((width, blocks * LANES), np.float32)
    x_DN[:dim, :count] = rows_ND.T
    with np.errstate(over="ignore", invalid="ignore"):
        square_N = _sum(x_DN[:dim] * x_DN[:dim])
    wrong = np.flatnonzero(~((square_N[:count] > 1e-30) & (square_N[:count] < 1e30)))
    if len(wrong):
        return np.zeros((count, width), np.uint16), _no_codes(blocks, words), int(wrong[0]) // LANES * LANES
    there = np.arange(blocks * LANES) < count
    inverse_N = np.zeros_like(square_N)
    inverse_N[there] = np.float32(1) / np.sqrt(square_N[there])
    x_DN *= inverse_N
    units = x_DN[:, :count].T.astype(np.float16).view(np.uint16)
    x_DN[:dim] -= centre_D[:, None]
    square_N, along_N = _sum(x_DN[:dim] * x_DN[:dim]), _sum(centre_D[:, None] * x_DN[:dim])
    y_DN = rotated(x_DN, signs, order)[: 32 * words]
    size_N = _sum(np.abs(y_DN))
    scale_N = np.divide(square_N, size_N, out=np.zeros_like(size_N), where=there & (size_N > 0))
    codes = _no_codes(blocks, words)
    bits = np.signbit(y_DN).reshape(words, 32, blocks, LANES).astype(np.uint32)
    codes[:, :words] = np.bitwise_or.reduce(bits << np.arange(32, dtype=np.uint32)[:, None, None], axis=1).swapaxes(
        0, 1
    )
    factors = factors_of(codes)
    factors[:, 0] = scale_N.astype(np.float16).reshape(blocks, LANES)
    factors[:, 1] = np.where(there, along_N.astype(np.float16), np.float16(-np.inf)).reshape(blocks, LANES)
    return np.ascontiguousarray(units), codes, -1


def factors_of(codes: U32) -> NDArray[np.float16]:
    """The scales and offsets [blocks, 2, 16] of blocks of codes; writing into them changes the codes."""
    return codes[:, -1].view(np.float16).reshape(len(codes), 2, LANES)


def _no_codes(blocks: int, words: int) -> U32:
    return np.zeros((blocks, words + 1, LANES), np.uint32)


def _sum(x_DN: F32) -> F32:
    """Sums of columns, the first row first."""
    total = np.zeros(x_DN.shape[1], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for row in x_DN:
            total += row
    return total


def scan_codes(chunks: list[U32], planes: U32, step: float, keep: int) -> tuple[NDArray[np.int64], F32]:
    """The `keep` rows with the highest estimates, best first, of equals the earlier; rows count through all chunks."""
    scores = [_estimates(codes, planes, np.float32(step)) for codes in chunks]
    score = np.concatenate(scores) if scores else np.zeros(0, np.float32)
    rows = np.flatnonzero(score > -np.inf)
    rows = rows[np.argsort(-score[rows], kind="stable")[:keep]]
    return rows.astype(np.int64), score[rows]


def _estimates(codes: U32, planes: U32, step: np.float32) -> F32:
    words = len(planes)
    most = np.float32(((1 << PLANES) - 1) * 32 * words)
    differ = np.zeros((len(codes), LANES), np.int64)
    for p in range(PLANES):
        counts = np.bitwise_count if hasattr(np, "bitwise_count") else _bitwise_count
        differ += counts(codes[:, :words] ^ planes[None, :, p, None]).sum(1, dtype=np.int64) << (p + 1)
    factors = factors_of(codes).astype(np.float32)
    return np.asarray(factors[:, 1] + factors[:, 0] * (step * (most - differ.astype(np.float32)))).reshape(-1)


def _bitwise_count(x: NDArray[Any]) -> NDArray[Any]:
    """NumPy 2's, for NumPy 1."""
    bits = np.unpackbits(np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, 4), axis=-1)
    return np.asarray(bits.sum(-1))


def half_dots(bytes_: NDArray[np.uint8], offsets: NDArray[np.int64], x: F32) -> F32:
    """Products of x [n] with rows of float16 that lie in a file's bytes, each beginning at one of `offsets`."""
    rows = np.empty((len(offsets), len(x)), np.float16)
    for row, at in zip(rows, offsets, strict=True):
        row[:] = bytes_[at : at + 2 * len(x)].view(np.float16)
    lanes = np.zeros((len(offsets), LANES), np.float32)
    products = rows.astype(np.float32) * x
    for i in range(0, len(x), LANES):
        lanes += products[:, i : i + LANES]
    for half in (8, 4, 2, 1):
        lanes = lanes[:, :half] + lanes[:, half : 2 * half]
    return np.ascontiguousarray(lanes[:, 0])
