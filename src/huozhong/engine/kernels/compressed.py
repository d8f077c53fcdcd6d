"""DeepSeek-V4's forward pass in NumPy, the twin of compressed.cpp; its own steps are in reference_compressed.py.

Every step of a row depends on positions alone: pieces, company, shared prompts and refused guesses change no bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference, reference_matrices
from huozhong.engine.kernels import reference_compressed as steps
from huozhong.engine.kernels.batch import ForwardBatch, PagedCache, RowSpan
from huozhong.engine.kernels.compressed_entries import Entries, IndexQueries
from huozhong.engine.kernels.compressed_pages import LayerPages
from huozhong.engine.weights.layout import (
    CompressedAttentionWeights,
    CompressorWeights,
    LayerWeights,
    Matrices,
    MoeWeights,
    Weights,
)
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import CompressedAttention, Experts, LayerKind

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class CompressedModel:
    """See `RunnableModel`; a model of this kind has no prediction modules."""

    def __init__(self, weights: Weights, rope: F32, compress_rope: F32) -> None:
        attention = weights.architecture.attention
        assert isinstance(attention, CompressedAttention)
        assert weights.head_mix is not None
        self._weights, self._attention = weights, attention
        self._ropes = {"window": rope, "sparse": compress_rope, "heavy": compress_rope}

    def forward(self, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        w, a = self._weights, self._weights.architecture
        assert a.streams is not None
        assert w.head_mix is not None
        x_TSD = np.repeat(reference.embed(batch.tokens_T, w.embedding)[:, None], a.streams.count, axis=1)
        for number, layer in enumerate(w.layers):
            x_TSD = self._layer(x_TSD, layer, number, cache, batch)
        x_TD = steps.collapse_streams(x_TSD, w.head_mix, a.streams, a.rms_norm_eps, self._linear)
        h_TD = self._norm(x_TD, w.norm)
        return self._linear(h_TD[batch.logit_rows], w.head), h_TD[batch.hidden_rows]

    def forward_tapped(self, cache: PagedCache, batch: ForwardBatch, taps: I32) -> tuple[F32, F32, F32]:
        raise AssertionError("no drafter is let in beside it")

    def draft(self, module: int, states_TD: F32, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        raise AssertionError("there are no prediction modules")

    def draft_ahead(
        self,
        module: int,
        states_TD: F32,
        limits: NDArray[np.int32],
        vocab: int,
        p_min: float,
        cache: PagedCache,
        batch: ForwardBatch,
    ) -> tuple[NDArray[np.int32], F32]:
        raise AssertionError("there are no prediction modules")

    def experts(self) -> None:
        """They are read where they are."""

    # -- a layer -----------------------------------------------------------------------------------

    def _layer(self, x_TSD: F32, layer: LayerWeights, number: int, cache: PagedCache, batch: ForwardBatch) -> F32:
        a = self._weights.architecture
        assert a.streams is not None
        assert layer.attention_mix is not None
        assert layer.mlp_mix is not None
        assert isinstance(layer.attention, CompressedAttentionWeights)
        kind = self._attention.kinds[number]
        read_TD, give_TS, comb_TSS = steps.mix_streams(
            x_TSD, layer.attention_mix, a.streams, a.rms_norm_eps, self._linear
        )
        h_TD = self._norm(read_TD, layer.attention_norm)
        pages = self._pages(cache, number, kind)
        y_TD = self._attend(h_TD, layer.attention, kind, pages, batch)
        x_TSD = steps.spread_streams(x_TSD, y_TD, give_TS, comb_TSS)
        read_TD, give_TS, comb_TSS = steps.mix_streams(x_TSD, layer.mlp_mix, a.streams, a.rms_norm_eps, self._linear)
        assert layer.moe is not None
        assert a.experts is not None
        y_TD = self._moe(self._norm(read_TD, layer.mlp_norm), batch.tokens_T, layer.moe, a.experts)
        return steps.spread_streams(x_TSD, y_TD, give_TS, comb_TSS)

    def _pages(self, cache: PagedCache, number: int, kind: LayerKind) -> LayerPages:
        a = self._attention
        layout = a.page_layout(kind, cache.page_size, cache.format)
        return LayerPages(cache.pages[number], layout, cache.format, a.head_dim, a.indexer.head_dim)

    def _attend(
        self, h_TD: F32, w: CompressedAttentionWeights, kind: LayerKind, pages: LayerPages, batch: ForwardBatch
    ) -> F32:
        a, eps, rope = self._attention, self._weights.architecture.rms_norm_eps, self._ropes[kind]
        positions_T = np.concatenate([np.arange(s.start, s.end) for s in batch.spans])
        latent, key_TK = np.split(self._linears(h_TD, w.down), [a.q_lora_rank], axis=1)
        latent = self._norm(np.ascontiguousarray(latent), w.q_norm)
        q_THK = self._linear(latent, w.q_up).reshape(-1, a.num_heads, a.head_dim)
        q_THK = steps.rotate_last(steps.unit_rows(q_THK, eps), rope, positions_T)
        key_TK = self._norm(np.ascontiguousarray(key_TK), w.kv_norm)
        key_TK = steps.rotate_last(key_TK[:, None], rope, positions_T)[:, 0]
        entries = None
        if w.compressor is not None:
            entries = self._entries(h_TD, latent, w.compressor, pages, rope, positions_T)
        y_THK = np.empty_like(q_THK)
        for span in batch.spans:
            rows = slice(span.first_row, span.first_row + span.length)
            pages.write_rows(span, key_TK[rows])
            if entries is not None:
                entries.add(span)
            y_THK[rows] = self._look(q_THK[rows], w.sinks, span, pages, entries)
        y_THK = steps.rotate_last(y_THK, rope, positions_T, inverse=True)
        groups_TGI = y_THK.reshape(len(y_THK), a.out_groups, -1)
        parts = [self._linear(groups_TGI[:, g], w.out_groups, g) for g in range(a.out_groups)]
        return self._linear(np.concatenate(parts, axis=1), w.out)

    def _entries(
        self, h_TD: F32, latent: F32, w: CompressorWeights, pages: LayerPages, rope: F32, positions_T: I64
    ) -> Entries:
        a, eps, queries = self._attention, self._weights.architecture.rms_norm_eps, None
        if w.index_query is not None:
            assert w.index_weights is not None
            heads, width = a.indexer.num_heads, a.indexer.head_dim
            q_TIJ = self._linear(latent, w.index_query).reshape(-1, heads, width)
            weights_TI = self._linear(h_TD, w.index_weights) * np.float32((heads * width) ** -0.5)
            queries = IndexQueries(steps.rotate_last(q_TIJ, rope, positions_T), weights_TI)
        return Entries(a, w, pages, rope, eps, self._linears(h_TD, w.project), queries)

    def _look(self, q_THK: F32, sinks_H: F32, span: RowSpan, pages: LayerPages, entries: Entries | None) -> F32:
        """What each row of a span sees: the last positions, then entries."""
        window, scale = self._attention.window, self._weights.architecture.softmax_scale
        first = max(span.start - window + 1, 0)
        rows_NK = pages.read_rows(span, first, span.end)
        if entries is not None:
            entries_NK = pages.read_entries(span, span.end // entries.rate)
        out = np.empty_like(q_THK)
        for t, q_HK in enumerate(q_THK):
            position = span.start + t
            keys_NK = rows_NK[max(position - window + 1, 0) - first : position + 1 - first]
            if entries is not None:
                keys_NK = np.concatenate([keys_NK, entries.seen(span, entries_NK, span.first_row + t, position)])
            out[t] = steps.attend_sinks(q_HK, keys_NK, sinks_H, scale)
        return out

    def _moe(self, h_TD: F32, tokens_T: NDArray[np.int32], w: MoeWeights, experts: Experts) -> F32:
        """Each row's experts, weighted, added in the order of their choice; then the shared one."""
        logits = self._linear(h_TD, w.router)
        if w.table is None:
            experts_TK, weights_TK = steps.route_by_score(logits, w.router_bias, experts)
        else:
            experts_TK, weights_TK = steps.route_by_token(logits, w.table[tokens_T], experts)
        limit = np.inf if experts.limit is None else experts.limit
        out_TKD = np.empty((*experts_TK.shape, h_TD.shape[1]), np.float32)
        for expert in np.unique(experts_TK):
            rows, slots = np.nonzero(experts_TK == expert)
            inner = steps.clamped_silu_mul(self._linears(h_TD[rows], w.gate_up, int(expert)), limit)
            out_TKD[rows, slots] = self._linear(inner, w.down, int(expert))
        y_TD = steps.weighted(weights_TK, out_TKD)
        if w.shared is None:
            return y_TD
        return y_TD + self._linear(steps.clamped_silu_mul(self._linears(h_TD, w.shared.gate_up), limit), w.shared.down)

    # -- products ----------------------------------------------------------------------------------

    def _norm(self, x_TD: F32, weight_D: F32) -> F32:
        return reference.rms_norm(x_TD, weight_D, self._weights.architecture.rms_norm_eps)

    def _linear(self, x_TI: F32, matrix: PackedMatrix, index: int = 0) -> F32:
        return reference_matrices.linear(x_TI, matrix, index)

    def _linears(self, x_TI: F32, matrices: Matrices, index: int = 0) -> F32:
        return np.concatenate([self._linear(x_TI, matrix, index) for matrix in matrices], axis=1)
