"""The engine's forward pass in plain NumPy: every kernel's slow twin, read top to bottom.

Shape letters: T rows (tokens), D hidden, I in, O out, H heads, N keys or stacked matrices, K a head's width,
C latent row (KV latent and rotary key), P pages, S slots of a page, E experts, V vocabulary.

A row's result never depends on the rows beside it: sums run in a fixed order per row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.batch import Batch, Span
from huozhong.engine.quant import GROUP, PackedMatrix, unpack, unpack_integers

if TYPE_CHECKING:  # the shapes of weights only; weights.py needs nothing of the kernels
    from huozhong.engine.weights import AttentionWeights, DenseWeights, MoeWeights, Weights
    from huozhong.model.config import ModelConfig

F32 = NDArray[np.float32]
LATENT_NORM_EPS = 1e-6  # transformers' DeepseekV3 gives its latent norms this, whatever rms_norm_eps says


def forward(weights: Weights, rope: F32, cache_LPSC: F32, batch: Batch) -> F32:
    """Logits [len(batch.logit_rows), V]; writes the batch's latent rows into the cache.

    rope: [positions, 2, qk_rope_head_dim / 2], cosines and sines.
    """
    return linear(hidden(weights, rope, cache_LPSC, batch), weights.head)


def hidden(weights: Weights, rope: F32, cache_LPSC: F32, batch: Batch) -> F32:
    """Like `forward`, without the last matrix: states after the final norm, [len(batch.logit_rows), D]."""
    config = weights.config
    x_TD = embed(batch.tokens_T, weights.embedding)
    for layer, cache_PSC in zip(weights.layers, cache_LPSC, strict=True):
        h_TD = rms_norm(x_TD, layer.attention_norm, config.rms_norm_eps)
        x_TD = x_TD + attention(h_TD, layer.attention, rope, cache_PSC, batch, config)
        h_TD = rms_norm(x_TD, layer.mlp_norm, config.rms_norm_eps)
        x_TD = x_TD + (dense(h_TD, layer.dense) if layer.moe is None else moe(h_TD, layer.moe, config))
    return rms_norm(x_TD[batch.logit_rows], weights.norm, config.rms_norm_eps)


# -- attention (MLA) -------------------------------------------------------------------------------


def attention(
    x_TD: F32, w: AttentionWeights, rope: F32, cache_PSC: F32, batch: Batch, config: ModelConfig
) -> F32:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1) over the paged latent cache."""
    c = config
    down = linear(x_TD, w.down)  # the query (or its latent), the KV latent and the rotary key together
    width = down.shape[1]
    q, latent, rotary = np.split(down, [width - c.latent_dim, width - c.qk_rope_head_dim], axis=1)
    if w.q_up is not None:
        q = linear(rms_norm(q, w.q_norm, LATENT_NORM_EPS), w.q_up)
    positions_T = np.concatenate([np.arange(s.start, s.end) for s in batch.spans])
    q_THK = np.ascontiguousarray(q).reshape(len(x_TD), c.num_attention_heads, c.qk_head_dim)
    q_THK[..., c.qk_nope_head_dim :] = rotate(q_THK[..., c.qk_nope_head_dim :], rope, positions_T)
    rotary = rotate(rotary[:, None], rope, positions_T)[:, 0]
    latent = rms_norm(latent, w.kv_norm, LATENT_NORM_EPS)
    write_cache(cache_PSC, np.concatenate([latent, rotary], axis=1), batch)
    y_THK = np.empty((len(x_TD), c.num_attention_heads, c.v_head_dim), np.float32)
    for span in batch.spans:
        rows = slice(span.first_row, span.first_row + span.length)
        attend = attend_prefill if span.prefill else attend_decode
        y_THK[rows] = attend(q_THK[rows], w, cache_PSC, span, c.softmax_scale)
    return linear(y_THK.reshape(len(x_TD), -1), w.out)


def attend_prefill(q_THK: F32, w: AttentionWeights, cache_PSC: F32, span: Span, scale: float) -> F32:
    """Un-absorbed: keys and values of every head are expanded from the latent."""
    latent_NC, rotary_NK = _read_cache(cache_PSC, span, w.k_up.in_features)
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


def attend_decode(q_THK: F32, w: AttentionWeights, cache_PSC: F32, span: Span, scale: float) -> F32:
    """Absorbed: queries are mapped into the latent space, where all heads share the cached rows."""
    latent_NC, rotary_NK = _read_cache(cache_PSC, span, w.k_up.in_features)
    nope = w.k_up.out_features
    q_THC = np.concatenate([linear_stack(q_THK[..., :nope], w.q_absorb), q_THK[..., nope:]], axis=2)
    row_NC = np.concatenate([latent_NC, rotary_NK], axis=1)
    mixed_THC = np.empty((*q_THC.shape[:2], latent_NC.shape[1]), np.float32)
    for t, q_HC in enumerate(q_THC):
        n = span.start + t + 1
        scores_HN = np.einsum("hc,nc->hn", q_HC, row_NC[:n]) * np.float32(scale)
        mixed_THC[t] = np.einsum("hn,nc->hc", _softmax(scores_HN), latent_NC[:n])
    return linear_stack(mixed_THC, w.v_up)


def write_cache(cache_PSC: F32, rows_TC: F32, batch: Batch) -> None:
    size = cache_PSC.shape[1]
    for span in batch.spans:
        positions = np.arange(span.start, span.end)
        cache_PSC[span.pages[positions // size], positions % size] = rows_TC[span.first_row :][: span.length]


def _read_cache(cache_PSC: F32, span: Span, latent: int) -> tuple[F32, F32]:
    positions = np.arange(span.end)
    size = cache_PSC.shape[1]
    rows_NC = cache_PSC[span.pages[positions // size], positions % size].astype(np.float32)
    return np.ascontiguousarray(rows_NC[:, :latent]), rows_NC[:, latent:]


def _softmax(scores_HN: F32) -> F32:
    p = np.exp(scores_HN - scores_HN.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


# -- feed-forward ----------------------------------------------------------------------------------


def dense(x_TD: F32, w: DenseWeights | None) -> F32:
    """SwiGLU: down(silu(gate x) * up x); gate and up are one matrix, gate first."""
    assert w is not None
    return linear(silu_mul(linear(x_TD, w.gate_up)), w.down)


def moe(x_TD: F32, w: MoeWeights, config: ModelConfig) -> F32:
    """Each row's chosen experts, weighted, added in the order of their choice; then the shared expert."""
    experts_TK, weights_TK = route(linear(x_TD, w.router), w.router_bias, config)
    y_TD = np.zeros_like(x_TD)
    for t, x_D in enumerate(x_TD):
        for expert, weight in zip(experts_TK[t], weights_TK[t], strict=True):
            hidden = silu_mul(linear(x_D[None], w.gate_up, expert))
            y_TD[t] += weight * linear(hidden, w.down, expert)[0]
    return y_TD if w.shared is None else y_TD + dense(x_TD, w.shared)


def route(logits_TE: F32, bias_E: F32, config: ModelConfig) -> tuple[NDArray[np.int32], F32]:
    """Chosen experts [T, k], best first (equal scores: the lower number), and their weights [T, k].

    DeepSeek-V3 §2.1.2: scores s = sigmoid(logits); chosen by s + bias inside the best groups (a group's score
    is the sum of its best two), weighted by s alone.
    """
    c = config
    s_TE = _sigmoid(logits_TE)
    choice_TE = s_TE + bias_E
    if c.n_group > 1:
        grouped = choice_TE.reshape(len(s_TE), c.n_group, c.experts_per_group)
        group_score = np.sort(grouped, axis=2)[..., -2:].sum(axis=2)
        kept = np.argsort(-group_score, axis=1, kind="stable")[:, : c.topk_group]
        masked = np.full_like(grouped, -np.inf)
        rows = np.arange(len(s_TE))[:, None]
        masked[rows, kept] = grouped[rows, kept]
        choice_TE = masked.reshape(choice_TE.shape)
    experts_TK = np.argsort(-choice_TE, axis=1, kind="stable")[:, : c.num_experts_per_tok]
    weights_TK = np.take_along_axis(s_TE, experts_TK, axis=1)
    if c.norm_topk_prob:
        weights_TK = weights_TK / (weights_TK.sum(axis=1, keepdims=True) + np.float32(1e-20))
    return experts_TK.astype(np.int32), weights_TK * np.float32(c.routed_scaling_factor)


def silu_mul(gate_up_TI: F32) -> F32:
    """[T, 2 F] -> silu(first half) * second half, [T, F]."""
    gate, up = np.split(gate_up_TI, 2, axis=1)
    return gate * _sigmoid(gate) * up


def _sigmoid(x: F32) -> F32:
    with np.errstate(over="ignore"):
        return np.float32(1) / (np.float32(1) + np.exp(-x))


# -- rows ------------------------------------------------------------------------------------------


def largest(x: F32) -> np.float32:
    """The largest number of x [N]; -infinity if there is none."""
    return x.max(initial=np.float32(-np.inf))


def embed(tokens_T: NDArray[np.int32], matrix: PackedMatrix) -> F32:
    """Rows of the embedding table, dequantised: [T, D]."""
    block, lane = tokens_T // 16, tokens_T % 16
    if matrix.format == "f32":
        return np.ascontiguousarray(matrix.data[0, block, :, lane])
    scales = None if matrix.scales is None else np.ascontiguousarray(matrix.scales[:, block])
    data = np.ascontiguousarray(matrix.data[:, block])
    picked = PackedMatrix(matrix.format, 16 * len(tokens_T), matrix.in_features, data, scales)
    return unpack(picked)[np.arange(len(tokens_T)) * 16 + lane]


def rms_norm(x_TD: F32, weight_D: F32 | None, eps: float) -> F32:
    """x / sqrt(mean(x²) + eps) * weight."""
    assert weight_D is not None
    return x_TD / np.sqrt(np.mean(x_TD * x_TD, axis=-1, keepdims=True) + np.float32(eps)) * weight_D


def rotate(x_THK: F32, rope: F32, positions_T: NDArray[np.int64]) -> F32:
    """Rotary embedding of interleaved pairs (x[2i], x[2i+1]) at each row's position."""
    cos, sin = rope[positions_T, 0][:, None], rope[positions_T, 1][:, None]
    even, odd = x_THK[..., ::2], x_THK[..., 1::2]
    out = np.empty_like(x_THK)
    out[..., ::2] = even * cos - odd * sin
    out[..., 1::2] = even * sin + odd * cos
    return out


# -- matrices --------------------------------------------------------------------------------------


def linear(x_TI: F32, matrix: PackedMatrix, index: int = 0) -> F32:
    """y = W x for every row: [T, I] -> [T, O], with matrix number `index` of a stack."""
    if matrix.format == "f32":
        w_OI = matrix.data[index].swapaxes(1, 2).reshape(-1, matrix.in_features)[: matrix.out_features]
        return np.array([w_OI @ x_I for x_I in x_TI], np.float32).reshape(len(x_TI), matrix.out_features)
    xq_TGK, xs_TG = quantize_rows(x_TI)
    one = PackedMatrix(
        matrix.format, matrix.out_features, matrix.in_features, matrix.data[index : index + 1],
        None if matrix.scales is None else matrix.scales[index : index + 1],
    )
    wq_NOGK, ws_NOG = unpack_integers(one)
    # float32 holds these integer sums exactly: 32 * 127 * 127 < 2**24
    sums_GTO = xq_TGK.astype(np.float32).swapaxes(0, 1) @ wq_NOGK[0].astype(np.float32).transpose(1, 2, 0)
    y_TO = np.zeros((len(x_TI), matrix.out_features), np.float32)
    for g, sums_TO in enumerate(sums_GTO):
        scale_TO = ws_NOG[0, :, g].astype(np.float32) * xs_TG[:, g : g + 1]
        # one fused multiply-add per group: the product is exact in float64
        y_TO = (sums_TO.astype(np.float64) * scale_TO + y_TO).astype(np.float32)
    return y_TO


def linear_stack(x_TNI: F32, matrix: PackedMatrix) -> F32:
    """Slice n of every row through matrix n of the stack: [T, N, I] -> [T, N, O]."""
    return np.stack([linear(x_TNI[:, n], matrix, n) for n in range(matrix.count)], axis=1)


def linear_shared(x_TI: F32, matrix: PackedMatrix) -> F32:
    """Every row through every matrix of the stack: [T, I] -> [T, N, O]."""
    return np.stack([linear(x_TI, matrix, n) for n in range(matrix.count)], axis=1)


def quantize_rows(x_TI: F32) -> tuple[NDArray[np.int8], F32]:
    """Activations as int8 [T, G, 32] with one float scale per group [T, G]: x ≈ q * scale, |q| <= 127."""
    x_TGK = np.pad(x_TI, ((0, 0), (0, -x_TI.shape[1] % GROUP))).reshape(len(x_TI), -1, GROUP)
    largest_TG = np.abs(x_TGK).max(axis=2)
    inverse_TG = np.divide(np.float32(127), largest_TG, out=np.zeros_like(largest_TG), where=largest_TG > 0)
    return np.rint(x_TGK * inverse_TG[..., None]).astype(np.int8), largest_TG / np.float32(127)
