"""Entries of compressed attention: made from open windows while rows come, and chosen by those that look at them.

Shape letters: reference_compressed.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference_compressed as steps
from huozhong.engine.kernels.batch import RowSpan
from huozhong.engine.kernels.compressed_pages import LayerPages
from huozhong.engine.kernels.reference import rms_norm
from huozhong.engine.kernels.reference_matrices import quantize_rows
from huozhong.engine.kernels.reference_sparse import best, index_scores
from huozhong.engine.weights.layout import CompressorWeights
from huozhong.model.architecture import CompressedAttention

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class IndexQueries:
    """What a sparse layer's rows look for: rotated queries [T, I, J], and how much each head counts [T, I]."""

    queries_TIJ: F32
    weights_TI: F32


@dataclass(frozen=True, eq=False)
class Entries:
    """One layer's entries in one pass.

    projected: what the rows give to entries (`CompressorWeights.project`).  queries: None where all entries are seen.
    rope: of layers with entries.
    """

    attention: CompressedAttention
    w: CompressorWeights
    pages: LayerPages
    rope: F32
    eps: float
    projected_TX: F32
    queries: IndexQueries | None

    @property
    def rate(self) -> int:
        return self.attention.heavy_rate if self.queries is None else self.attention.sparse_rate

    def add(self, span: RowSpan) -> None:
        """Take the span's rows in, one after the other; every window that ends becomes an entry."""
        for row in range(span.first_row, span.first_row + span.length):
            position = span.start + row - span.first_row
            if self.queries is None:
                self._add_heavy(span, position, self.projected_TX[row])
            else:
                self._add_sparse(span, position, self.projected_TX[row])

    def seen(self, span: RowSpan, entries_NK: F32, row: int, position: int) -> F32:
        """Of the span's entries those that a row attends to, in order."""
        there = (position + 1) // self.rate
        if self.queries is None or there <= self.attention.indexer.top_k:
            return entries_NK[:there]
        q_IJ, weights_I = self.queries.queries_TIJ[row], self.queries.weights_TI[row]
        dots_IN = self.pages.key_dots(span, there, q_IJ, quantize_rows(q_IJ))
        return entries_NK[best(index_scores(dots_IN, weights_I), self.attention.indexer.top_k)]

    # -- windows -----------------------------------------------------------------------------------

    def _add_heavy(self, span: RowSpan, position: int, projected: F32) -> None:
        width, place = self.attention.head_dim, position % self.rate
        values, gates = projected[:width], projected[width:] + self.w.bias[place]
        before = steps.begin_heavy(width)
        if place:
            before = self.pages.open_state(span, position - 1).reshape(3, width)
        state = steps.add_heavy(before, values, gates)
        self.pages.open_state(span, position)[:] = state.reshape(-1)
        if place == self.rate - 1:
            self._end(span, position, steps.end_heavy(state))

    def _add_sparse(self, span: RowSpan, position: int, projected: F32) -> None:
        width, index, rate = 2 * self.attention.head_dim, 2 * self.attention.indexer.head_dim, self.rate
        w, place = self.w, position % rate
        assert w.index_bias is not None
        assert w.index_norm is not None
        values, gates, index_values, index_gates = np.split(projected, np.cumsum([width, width, index]))
        parts = [values, gates + w.bias[place], index_values, index_gates + w.index_bias[place]]
        self.pages.open_state(span, position)[:] = np.concatenate(parts)
        if place < rate - 1:
            return
        states = [self.pages.open_state(span, p) for p in range(max(position - 2 * rate + 1, 0), position + 1)]
        halves: list[F32] = []
        for part in np.split(np.stack(states), np.cumsum([width, width, index]), axis=1):
            half = part.shape[1] // 2  # the window before gives its first half
            halves.append(np.concatenate([part[:-rate, :half], part[-rate:, half:]]))
        self._end(span, position, steps.mix_sparse(halves[0], halves[1]))
        key = self._finished(steps.mix_sparse(halves[2], halves[3]), w.index_norm, position)
        self.pages.write_key(span, position // rate, key)

    def _end(self, span: RowSpan, position: int, mixed_K: F32) -> None:
        self.pages.write_entry(span, position // self.rate, self._finished(mixed_K, self.w.norm, position))

    def _finished(self, mixed: F32, norm: F32, position: int) -> F32:
        """Normed, and rotated at the first position of the window that ends at `position`."""
        first = np.array([position - self.rate + 1])
        rotated_11K = steps.rotate_last(rms_norm(mixed[None], norm, self.eps)[None], self.rope, first)
        return rotated_11K.reshape(-1)
