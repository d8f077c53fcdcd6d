"""The engine's forward pass in plain NumPy: every kernel's slow twin, read top to bottom.

Shape letters: T rows (tokens), D hidden, I in, O out, H heads, G groups of heads, N keys or stacked matrices,
K a head's width, C a cached row, L layers, P pages, S slots of a page, E experts, V vocabulary.

A row's result never depends on the rows beside it: sums run in a fixed order per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.batch import ForwardBatch, RowSpan
from huozhong.engine.kernels.cache_rows import pack_rows, unpack_rows
from huozhong.engine.kernels.reference_matrices import linear, linear_shared, linear_stack, linears, quantize_rows
from huozhong.engine.kernels.reference_sparse import Chosen, IndexKeys, best, index_scores, write_keys
from huozhong.engine.weights.layout import (
    DenseWeights,
    GroupedAttentionWeights,
    IndexerWeights,
    LatentAttentionWeights,
    LayerWeights,
    MoeWeights,
    PredictionWeights,
    Weights,
)
from huozhong.engine.weights.quant import BLOCK, PackedMatrix, unpack
from huozhong.model.architecture import Architecture, Experts, GroupedAttention, Indexer, LatentAttention

F32 = NDArray[np.float32]
INDEX_EPS = 1e-6  # of the norm of an indexer's keys
CacheRows = NDArray[Any]  # rows of float32, float16, or bytes (cache_rows.py); what is read is computed with in float32


def forward(
    weights: Weights, rope: F32, cache_LPSC: CacheRows, batch: ForwardBatch, taps: Sequence[int] = ()
) -> tuple[F32, F32, F32]:
    """Logits [len(batch.logit_rows), V], hidden states [len(batch.hidden_rows), D] behind the last norm, and what goes
    out of the layers `taps`, side by side: [len(batch.hidden_rows), taps * D].

    Writes the batch's rows into the cache, which may have more layers than the model: those of its MTP modules.
    rope: [positions, 2, rope.dim / 2], cosines and sines.
    """
    architecture = weights.architecture
    x_TD = embed(batch.tokens_T, weights.embedding)
    chosen: Chosen = {}
    width = x_TD.shape[1]
    tapped = np.zeros((len(batch.hidden_rows), len(taps) * width), np.float32)
    for number, (layer, cache_PSC) in enumerate(zip(weights.layers, cache_LPSC, strict=False)):
        x_TD = block(x_TD, layer, rope, cache_PSC, batch, architecture, chosen)
        if number in taps:
            at = taps.index(number) * width
            tapped[:, at : at + width] = x_TD[batch.hidden_rows]
    h_TD = rms_norm(x_TD, weights.norm, architecture.rms_norm_eps)
    return linear(h_TD[batch.logit_rows], weights.head), h_TD[batch.hidden_rows], tapped


def draft_hidden(
    weights: Weights, module: PredictionWeights, rope: F32, cache_PSC: CacheRows, hidden_TD: F32, batch: ForwardBatch
) -> F32:
    """One MTP module (DeepSeek-V3 §2.2): its normed hidden states [T, D], which the model's head turns to logits.

    Row t guesses the token after the next: batch.tokens_T[t] is the token that follows the one at the row's
    position, hidden_TD[t] the normed hidden state at that position, of the model or of the module before.
    cache_PSC: the module's own layer of the cache, at the same positions.
    """
    eps = weights.architecture.rms_norm_eps
    embedded = rms_norm(embed(batch.tokens_T, weights.embedding), module.enorm, eps)
    both = np.concatenate([embedded, rms_norm(hidden_TD, module.hnorm, eps)], axis=1)
    x_TD = block(linear(both, module.eh_proj), module.layer, rope, cache_PSC, batch, weights.architecture, {})
    return rms_norm(x_TD, module.norm, eps)


def draft_ahead(
    weights: Weights,
    module: PredictionWeights,
    rope: F32,
    cache_PSC: CacheRows,
    states_TD: F32,
    batch: ForwardBatch,
    limits: NDArray[np.int32],
    vocab: int,
    p_min: float,
) -> tuple[NDArray[np.int32], F32]:
    """Guesses of a module, one from the other: tokens and probabilities [S, largest limit]; see `RunnableModel`."""
    tokens_SK = np.zeros((len(batch.spans), limits.max()), np.int32)
    probabilities_SK = np.zeros(tokens_SK.shape, np.float32)
    hidden_TD = draft_hidden(weights, module, rope, cache_PSC, states_TD, batch)
    for s, span in enumerate(batch.spans):
        state_D = hidden_TD[span.first_row + span.length - 1]
        for k in range(limits[s]):
            logits_V = linear(state_D[None], module.head or weights.head)[0]
            logits_V = logits_V[:vocab] if module.guessed is None else logits_V[: len(module.guessed)]
            best = logits_V.argmax()
            tokens_SK[s, k] = token = best if module.guessed is None else module.guessed[best]
            probabilities_SK[s, k] = 1 / np.exp(logits_V - logits_V[best]).sum()
            if k + 1 == limits[s] or probabilities_SK[s, : k + 1].prod() < p_min:
                break
            one = np.array([token], np.int32)
            ahead = ForwardBatch(one, (RowSpan(0, 1, span.end + k, False, span.pages),), one[:0], one[:0])
            state_D = draft_hidden(weights, module, rope, cache_PSC, state_D[None], ahead)[0]
    return tokens_SK, probabilities_SK


def block(
    x_TD: F32,
    layer: LayerWeights,
    rope: F32,
    cache_PSC: CacheRows,
    batch: ForwardBatch,
    architecture: Architecture,
    chosen: Chosen,
) -> F32:
    """One layer: attention, then the feed-forward part, each on normed input and added to what came in.

    chosen: keys of sparse attention, which layers without an indexer take from the one before.
    """
    a, eps = architecture, architecture.rms_norm_eps
    h_TD = rms_norm(x_TD, layer.attention_norm, eps)
    if isinstance(layer.attention, LatentAttentionWeights):
        x_TD = x_TD + latent_attention(h_TD, layer.attention, rope, cache_PSC, batch, a, chosen)
    else:
        assert isinstance(layer.attention, GroupedAttentionWeights)
        x_TD = x_TD + grouped_attention(h_TD, layer.attention, rope, cache_PSC, batch, a)
    h_TD = rms_norm(x_TD, layer.mlp_norm, eps)
    if layer.moe is None:
        return x_TD + dense(h_TD, layer.dense)
    assert a.experts is not None
    return x_TD + moe(h_TD, layer.moe, a.experts)


# -- attention -------------------------------------------------------------------------------------


def latent_attention(
    x_TD: F32,
    w: LatentAttentionWeights,
    rope: F32,
    cache_PSC: CacheRows,
    batch: ForwardBatch,
    architecture: Architecture,
    chosen: Chosen,
) -> F32:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1) over the paged latent cache.

    With an indexer (DeepSeek-V3.2, arXiv:2512.02556, §2.1) rows that have more than top_k keys before them attend to
    those that it chose; such rows are always absorbed.
    """
    a, eps = architecture.attention, architecture.latent_norm_eps
    assert isinstance(a, LatentAttention)
    down = linears(x_TD, w.down)  # the query (or its latent), the KV latent and the rotary key together
    width = down.shape[1]
    q, latent, rotary = np.split(down, [width - a.row_dim, width - a.qk_rope_head_dim], axis=1)
    positions_T = _positions(batch)
    if w.q_up is not None:
        query_latent = rms_norm(q, w.q_norm, eps)
        q = linear(query_latent, w.q_up)
        if w.indexer is not None:
            choose_keys(x_TD, query_latent, w.indexer, a.indexer, rope, cache_PSC, batch, chosen)
    q_THK = np.ascontiguousarray(q).reshape(len(x_TD), a.num_heads, a.qk_head_dim)
    q_THK[..., a.qk_nope_head_dim :] = rotate(q_THK[..., a.qk_nope_head_dim :], rope, positions_T)
    rotary = rotate(rotary[:, None], rope, positions_T)[:, 0]
    latent = rms_norm(latent, w.kv_norm, eps)
    write_cache(cache_PSC, np.concatenate([latent, rotary], axis=1), batch, a.row_parts)
    y_THK = np.empty((len(x_TD), a.num_heads, a.v_head_dim), np.float32)
    scale = architecture.softmax_scale
    for span in batch.spans:
        all_keys = span.length if a.indexer is None else min(max(a.indexer.top_k - span.start, 0), span.length)
        rows = slice(span.first_row, span.first_row + all_keys)
        seen = replace(span, length=all_keys)
        if span.prefill:
            y_THK[rows] = attend_prefill(q_THK[rows], w, cache_PSC, seen, scale)
        else:
            y_THK[rows] = attend_decode(q_THK[rows], w, cache_PSC, seen, scale)
        for row in range(rows.stop, span.first_row + span.length):
            y_THK[row] = attend_decode(q_THK[row : row + 1], w, cache_PSC, span, scale, chosen[row])[0]
    return linear(y_THK.reshape(len(x_TD), -1), w.out)


def choose_keys(
    x_TD: F32,
    query_latent: F32,
    w: IndexerWeights,
    indexer: Indexer | None,
    rope: F32,
    cache_PSC: CacheRows,
    batch: ForwardBatch,
    chosen: Chosen,
) -> None:
    """What each row attends to that has more than top_k keys before it, by its number in the batch."""
    assert indexer is not None
    heads, width, positions_T = indexer.num_heads, indexer.head_dim, _positions(batch)
    key_TK = layer_norm(linear(x_TD, w.key), w.norm, w.bias, INDEX_EPS)
    write_keys(cache_PSC, rotate_first(key_TK[:, None], rope, positions_T)[:, 0], batch)
    q_THK = rotate_first(linear(query_latent, w.query).reshape(-1, heads, width), rope, positions_T)
    weights_TH = linear(x_TD, w.weights) * np.float32((heads * width) ** -0.5)
    for span in batch.spans:
        keys = IndexKeys(cache_PSC, span, width)
        for n in range(max(span.start, indexer.top_k) + 1, span.end + 1):
            row = span.first_row + n - 1 - span.start
            dots_HN = keys.dots(q_THK[row], quantize_rows(q_THK[row]))[:, :n]
            chosen[row] = best(index_scores(dots_HN, weights_TH[row]), indexer.top_k)


def grouped_attention(
    x_TD: F32,
    w: GroupedAttentionWeights,
    rope: F32,
    cache_PSC: CacheRows,
    batch: ForwardBatch,
    architecture: Architecture,
) -> F32:
    """Grouped-query attention; a cached row is the keys of all groups, rotated, then their values."""
    a, eps = architecture.attention, architecture.rms_norm_eps
    assert isinstance(a, GroupedAttention)
    qkv = linears(x_TD, w.qkv)
    if w.qkv_bias is not None:
        qkv = qkv + w.qkv_bias
    heads_THK = qkv.reshape(len(x_TD), -1, a.head_dim)
    q_THK, k_TGK, v_TGK = np.split(heads_THK, [a.num_heads, a.num_heads + a.num_kv_heads], axis=1)
    if w.q_norm is not None:
        q_THK, k_TGK = rms_norm(q_THK, w.q_norm, eps), rms_norm(k_TGK, w.k_norm, eps)
    positions_T = _positions(batch)
    q_THK, k_TGK = rotate_first(q_THK, rope, positions_T), rotate_first(k_TGK, rope, positions_T)
    write_cache(cache_PSC, np.concatenate([k_TGK, v_TGK], axis=1).reshape(len(x_TD), -1), batch, a.row_parts)
    y_THK = np.empty((len(x_TD), a.num_heads, a.head_dim), np.float32)
    for span in batch.spans:
        rows = slice(span.first_row, span.first_row + span.length)
        keys, values = np.split(_read_cache(cache_PSC, span, a.row_parts), 2, axis=1)
        shape = (span.end, a.num_kv_heads, a.head_dim)
        y_THK[rows] = attend_grouped(
            q_THK[rows], keys.reshape(shape), values.reshape(shape), span.start, architecture.softmax_scale
        )
    y_TD = linear(y_THK.reshape(len(x_TD), -1), w.out)
    return y_TD if w.out_bias is None else y_TD + w.out_bias


def attend_grouped(q_THK: F32, key_NGK: F32, value_NGK: F32, start: int, scale: float) -> F32:
    """Each query's mix of the values up to its own position, `start` for the first: [T, H, K] -> [T, H, K].

    Heads of one group are neighbours: group g is read by heads g H / G to (g + 1) H / G.
    """
    rows, heads, width = q_THK.shape
    groups = key_NGK.shape[1]
    q_TGJK = q_THK.reshape(rows, groups, heads // groups, width)
    out = np.empty_like(q_TGJK)
    for t, q_GJK in enumerate(q_TGJK):
        n = start + t + 1
        scores = np.einsum("gjk,ngk->gjn", q_GJK, key_NGK[:n]) * np.float32(scale)
        p = _softmax(scores.reshape(heads, n)).reshape(scores.shape)
        out[t] = np.einsum("gjn,ngk->gjk", p, value_NGK[:n])
    return out.reshape(rows, heads, width)


def attend_prefill(q_THK: F32, w: LatentAttentionWeights, cache_PSC: CacheRows, span: RowSpan, scale: float) -> F32:
    """Un-absorbed: keys and values of every head are expanded from the latent."""
    latent_NC, rotary_NK = _read_latent(q_THK, w, cache_PSC, span)
    key_NHK = linear_shared(latent_NC, w.k_up)
    value_NHK = linear_shared(latent_NC, w.v_up)
    heads = key_NHK.shape[1]
    rotary_NHK = np.broadcast_to(rotary_NK[:, None], (len(rotary_NK), heads, rotary_NK.shape[1]))
    key_NHK = np.concatenate([key_NHK, rotary_NHK], axis=2)
    out = np.empty((len(q_THK), heads, value_NHK.shape[2]), np.float32)
    for t, q_HK in enumerate(q_THK):
        n = span.start + t + 1
        scores_HN = np.einsum("hk,nhk->hn", q_HK, key_NHK[:n]) * np.float32(scale)
        out[t] = np.einsum("hn,nhk->hk", _softmax(scores_HN), value_NHK[:n])
    return out


def attend_decode(
    q_THK: F32,
    w: LatentAttentionWeights,
    cache_PSC: CacheRows,
    span: RowSpan,
    scale: float,
    chosen: NDArray[np.intp] | None = None,
) -> F32:
    """Absorbed: queries are mapped into the latent space, where all heads share the cached rows.

    chosen: positions that all of the queries attend to; None: every one up to their own.
    """
    latent_NC, rotary_NK = _read_latent(q_THK, w, cache_PSC, span)
    nope = w.k_up.out_features
    q_THC = np.concatenate([linear_stack(q_THK[..., :nope], w.q_absorb), q_THK[..., nope:]], axis=2)
    row_NC = np.concatenate([latent_NC, rotary_NK], axis=1)
    mixed_THC = np.empty((*q_THC.shape[:2], latent_NC.shape[1]), np.float32)
    for t, q_HC in enumerate(q_THC):
        seen = slice(span.start + t + 1) if chosen is None else chosen
        scores_HN = np.einsum("hc,nc->hn", q_HC, row_NC[seen]) * np.float32(scale)
        mixed_THC[t] = np.einsum("hn,nc->hc", _softmax(scores_HN), latent_NC[seen])
    return linear_stack(mixed_THC, w.v_up)


def _positions(batch: ForwardBatch) -> NDArray[np.int64]:
    return np.concatenate([np.arange(s.start, s.end) for s in batch.spans])


def write_cache(cache_PSC: CacheRows, rows_TC: F32, batch: ForwardBatch, parts: tuple[int, ...]) -> None:
    size = cache_PSC.shape[1]
    rows: CacheRows = pack_rows(rows_TC, parts) if cache_PSC.dtype == np.uint8 else rows_TC
    for span in batch.spans:
        positions = np.arange(span.start, span.end)
        own = rows[span.first_row :][: span.length]
        cache_PSC[span.pages[positions // size], positions % size, : rows.shape[1]] = own


def _read_cache(cache_PSC: CacheRows, span: RowSpan, parts: tuple[int, ...]) -> F32:
    """The span's rows so far, [N, sum(parts)]."""
    positions = np.arange(span.end)
    size = cache_PSC.shape[1]
    rows = cache_PSC[span.pages[positions // size], positions % size]
    return unpack_rows(rows, parts) if rows.dtype == np.uint8 else rows[:, : sum(parts)].astype(np.float32)


def _read_latent(q_THK: F32, w: LatentAttentionWeights, cache_PSC: CacheRows, span: RowSpan) -> tuple[F32, F32]:
    """The span's latents so far, and the rotary keys."""
    rank, rope = w.k_up.in_features, q_THK.shape[2] - w.k_up.out_features
    rows_NC = _read_cache(cache_PSC, span, (rank, rope))
    return np.ascontiguousarray(rows_NC[:, :rank]), rows_NC[:, rank:]


def _softmax(scores_HN: F32) -> F32:
    p_HN: F32 = np.exp(scores_HN - scores_HN.max(axis=1, keepdims=True))
    total_H1: F32 = p_HN.sum(axis=1, keepdims=True)
    return p_HN / total_H1


# -- feed-forward ----------------------------------------------------------------------------------


def dense(x_TD: F32, w: DenseWeights | None) -> F32:
    """SwiGLU: down(silu(gate x) * up x)."""
    assert w is not None
    return linear(silu_mul(linears(x_TD, w.gate_up)), w.down)


def moe(x_TD: F32, w: MoeWeights, experts: Experts) -> F32:
    """Each row's chosen experts, weighted, added in the order of their choice; then the shared expert."""
    experts_TK, weights_TK = route(linear(x_TD, w.router), w.router_bias, experts)
    y_TD = np.zeros_like(x_TD)
    for t, x_D in enumerate(x_TD):
        for expert, weight in zip(experts_TK[t], weights_TK[t], strict=True):
            inner = silu_mul(linears(x_D[None], w.gate_up, expert))
            y_TD[t] += weight * linear(inner, w.down, expert)[0]
    return y_TD if w.shared is None else y_TD + dense(x_TD, w.shared)


def route(logits_TE: F32, bias_E: F32 | None, experts: Experts) -> tuple[NDArray[np.int32], F32]:
    """Chosen experts [T, k], best first (equal scores: the lower number), and their weights [T, k].

    Scores are sigmoids or a softmax of the logits; experts are chosen by score + bias inside the best groups and
    weighted by the score alone (`Experts`; DeepSeek-V3 §2.1.2, DeepSeek-V2 §2.2).
    """
    e = experts
    s_TE = _sigmoid(logits_TE) if e.scoring == "sigmoid" else _softmax(logits_TE)
    choice_TE = s_TE if bias_E is None else s_TE + bias_E
    if e.groups > 1:
        grouped = choice_TE.reshape(len(s_TE), e.groups, -1)
        best = 2 if e.group_score == "top2" else 1
        group_score = np.sort(grouped, axis=2)[..., -best:].sum(axis=2)
        kept = np.argsort(-group_score, axis=1, kind="stable")[:, : e.top_groups]
        masked = np.full_like(grouped, -np.inf)
        rows = np.arange(len(s_TE))[:, None]
        masked[rows, kept] = grouped[rows, kept]
        choice_TE = masked.reshape(choice_TE.shape)
    experts_TK = np.argsort(-choice_TE, axis=1, kind="stable")[:, : e.per_token]
    weights_TK = np.take_along_axis(s_TE, experts_TK, axis=1)
    if e.normalize:
        weights_TK = weights_TK / (weights_TK.sum(axis=1, keepdims=True) + np.float32(1e-20))
    return experts_TK.astype(np.int32), weights_TK * np.float32(e.scale)


def silu_mul(gate_up_TI: F32) -> F32:
    """[T, 2 F] -> silu(first half) * second half, [T, F]."""
    gate, up = np.split(gate_up_TI, 2, axis=1)
    return gate * _sigmoid(gate) * up


def _sigmoid(x: F32) -> F32:
    with np.errstate(over="ignore"):
        return np.float32(1) / (np.float32(1) + np.exp(-x))


# -- rows ------------------------------------------------------------------------------------------


def largest(x: F32) -> float:
    """The largest number of x [N]; -infinity if there is none."""
    return float(x.max(initial=np.float32(-np.inf)))


def embed(tokens_T: NDArray[np.int32], matrix: PackedMatrix) -> F32:
    """Rows of the embedding table, dequantised: [T, D]."""
    block, lane = tokens_T // BLOCK, tokens_T % BLOCK
    scales = None if matrix.scales is None else np.ascontiguousarray(matrix.scales[:, block])
    data = np.ascontiguousarray(matrix.data[:, block])
    picked = PackedMatrix(matrix.format, BLOCK * len(tokens_T), matrix.in_features, data, scales)
    rows: F32 = unpack(picked)[np.arange(len(tokens_T)) * BLOCK + lane]
    return rows


def rms_norm(x_TD: F32, weight_D: F32 | None, eps: float) -> F32:
    """x / sqrt(mean(x²) + eps) * weight."""
    assert weight_D is not None
    mean_T1: F32 = np.mean(x_TD * x_TD, axis=-1, keepdims=True)
    root_T1: F32 = np.sqrt(mean_T1 + np.float32(eps))
    return x_TD / root_T1 * weight_D


def layer_norm(x_TD: F32, weight_D: F32, bias_D: F32, eps: float) -> F32:
    """(x - mean) / sqrt(variance + eps) * weight + bias."""
    centred_TD: F32 = x_TD - np.mean(x_TD, axis=-1, keepdims=True)
    variance_T1: F32 = np.mean(centred_TD * centred_TD, axis=-1, keepdims=True)
    normed_TD: F32 = centred_TD / np.sqrt(variance_T1 + np.float32(eps)) * weight_D + bias_D
    return normed_TD


def rotate(x_THK: F32, rope: F32, positions_T: NDArray[np.int64]) -> F32:
    """Rotary embedding of interleaved pairs (x[2i], x[2i+1]) at each row's position."""
    cos, sin = rope[positions_T, 0][:, None], rope[positions_T, 1][:, None]
    even, odd = x_THK[..., ::2], x_THK[..., 1::2]
    out = np.empty_like(x_THK)
    out[..., ::2] = even * cos - odd * sin
    out[..., 1::2] = even * sin + odd * cos
    return out


def rotate_first(x_THK: F32, rope: F32, positions_T: NDArray[np.int64]) -> F32:
    """`rotate` of as many numbers of a head as the table has; what is behind them stays."""
    width = 2 * rope.shape[2]
    return np.concatenate([rotate(x_THK[..., :width], rope, positions_T), x_THK[..., width:]], axis=2)
