"""Which keys a row of sparse attention looks at: the twin of sparse.cpp, read by reference.py.

An indexer's keys lie behind a cached row's other numbers: as float32 where the cache is, as int8 with a scale for each
32 otherwise.  Shape letters: reference.py's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.batch import ForwardBatch, RowSpan
from huozhong.engine.kernels.cache_rows import quantize_part
from huozhong.engine.weights.quant import GROUP

F32 = NDArray[np.float32]
Chosen = dict[int, NDArray[np.intp]]  # by row of the batch: positions, in order


def write_keys(cache_PSC: NDArray[Any], keys_TK: F32, batch: ForwardBatch) -> None:
    """Put every row's key behind its cached row."""
    rows: NDArray[Any] = keys_TK
    if cache_PSC.dtype != np.float32:
        q, scale = quantize_part(keys_TK)
        rows = np.concatenate([q.view(np.uint8), np.ascontiguousarray(scale).view(np.uint8)], axis=1)
        rows = np.ascontiguousarray(rows).view(cache_PSC.dtype)
    size = cache_PSC.shape[1]
    for span in batch.spans:
        positions = np.arange(span.start, span.end)
        own = rows[span.first_row :][: span.length]
        cache_PSC[span.pages[positions // size], positions % size, -rows.shape[1] :] = own


class IndexKeys:
    """The keys of one sequence so far, as the cache keeps them."""

    def __init__(self, cache_PSC: NDArray[Any], span: RowSpan, width: int) -> None:
        size, positions = cache_PSC.shape[1], np.arange(span.end)
        kept = width * 4 if cache_PSC.dtype == np.float32 else width + width // GROUP * 2
        rows = cache_PSC[span.pages[positions // size], positions % size, -(kept // cache_PSC.itemsize) :]
        self.floats: F32 | None = None
        if cache_PSC.dtype == np.float32:
            self.floats = np.ascontiguousarray(rows)
            return
        octets = np.ascontiguousarray(rows).view(np.uint8)
        self.q_NGK = octets[:, :width].view(np.int8).reshape(span.end, -1, GROUP).astype(np.float64)
        self.scale_NG = np.ascontiguousarray(octets[:, width:]).view(np.float16).astype(np.float32)

    def dots(self, q_HK: F32, quantized: tuple[NDArray[np.int8], F32]) -> F32:
        """Products [H, N] of a row's queries, also given as int8 and scales."""
        if self.floats is not None:
            return q_HK @ self.floats.T
        return int8_dots(quantized, self.q_NGK, self.scale_NG)


def int8_dots(quantized: tuple[NDArray[np.int8], F32], keys_NGK: NDArray[np.float64], scales_NG: F32) -> F32:
    """Products [H, N] of int8 queries and keys, in groups with a scale each."""
    xq_HGK, xs_HG = quantized
    y_HN = np.zeros((len(xq_HGK), len(keys_NGK)), np.float32)
    for g in range(xq_HGK.shape[1]):
        scale_HN = scales_NG[:, g] * xs_HG[:, g : g + 1]
        y_HN = (xq_HGK[:, g].astype(np.float64) @ keys_NGK[:, g].T * scale_HN + y_HN).astype(np.float32)
    return y_HN


def index_scores(dots_HN: F32, weights_H: F32) -> F32:
    """What the heads together think of each key: [N]."""
    scores_N = np.zeros(dots_HN.shape[1], np.float32)
    for dots_N, weight in zip(dots_HN, weights_H, strict=True):
        scores_N = (np.maximum(dots_N, 0).astype(np.float64) * weight + scores_N).astype(np.float32)
    return scores_N


def best(scores_N: F32, top: int) -> NDArray[np.intp]:
    """Positions of the `top` largest scores, in order; of equals the earlier ones, NaN last."""
    return np.sort(np.argsort(-scores_N, kind="stable")[:top])
