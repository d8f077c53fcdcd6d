"""The int8 rows of a cache, in NumPy: what the kernels keep in their own order.

A row's numbers come in parts (`row_parts` of its attention).  A part is its int8 numbers, a byte of nothing behind an
odd number of them, and a float16 scale for each 32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.quant import GROUP
from huozhong.model.architecture import CacheFormat

F32 = NDArray[np.float32]


def quantize_part(x_NC: F32) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Numbers [N, C] as int8 and scales [N, groups]: x ≈ q * scale, |q| <= 127."""
    count, width = x_NC.shape
    x_NGK = np.pad(x_NC, ((0, 0), (0, -width % GROUP))).reshape(count, -1, GROUP)
    largest = np.float32(np.finfo(np.float16).max)
    with np.errstate(over="ignore"):
        scale_NG = np.minimum((np.abs(x_NGK).max(axis=2) / np.float32(127)).astype(np.float16), largest)
    wide = scale_NG.astype(np.float32)
    inverse_NG = np.divide(np.float32(1), wide, out=np.zeros_like(wide), where=wide > 0)
    q_NGK = np.clip(np.rint(x_NGK * inverse_NG[..., None]), -127, 127).astype(np.int8)
    return q_NGK.reshape(count, -1)[:, :width], scale_NG.astype(np.float16)


def pack_rows(x_NC: F32, parts: Sequence[int]) -> NDArray[np.uint8]:
    """Rows as bytes [N, row_bytes]."""
    pieces: list[NDArray[np.uint8]] = []
    for part in np.split(x_NC, np.cumsum(parts)[:-1], axis=1):
        q, scale = quantize_part(part)
        pieces += [np.pad(q, ((0, 0), (0, q.shape[1] % 2))).view(np.uint8), np.ascontiguousarray(scale).view(np.uint8)]
    return np.concatenate(pieces, axis=1)


def unpack_rows(rows_NB: NDArray[np.uint8], parts: Sequence[int]) -> F32:
    """The numbers of `pack_rows`' bytes, [N, sum(parts)]."""
    out: list[F32] = []
    at = 0
    for width in parts:
        q = rows_NB[:, at : at + width].view(np.int8).astype(np.float32)
        at += width + width % 2
        groups = -(-width // GROUP)
        scale = np.ascontiguousarray(rows_NB[:, at : at + 2 * groups]).view(np.float16).astype(np.float32)
        at += 2 * groups
        out.append(q * np.repeat(scale, GROUP, axis=1)[:, :width])
    return np.concatenate(out, axis=1)


def rounded(x_NC: F32, parts: Sequence[int], format: CacheFormat) -> F32:
    """What comes back from a cache of `format`."""
    if format == "q8":
        return unpack_rows(pack_rows(x_NC, parts), parts)
    return x_NC.astype({"f32": np.float32, "f16": np.float16}[format]).astype(np.float32)
