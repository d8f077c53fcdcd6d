"""DeepSeek-V4's own steps in plain NumPy, read by compressed.py: streams, compression, attention with sinks, routing.

Shape letters: T rows (tokens), S streams, D hidden, H heads, K a head's width, I indexer heads, J their width, N keys
or positions, R positions of a window, E experts, V vocabulary.

A row's result never depends on the rows beside it: sums run in a fixed order per row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.layout import MixWeights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import Experts, Streams

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Linear = Callable[[F32, PackedMatrix], F32]

# -- streams ---------------------------------------------------------------------------------------


def mix_streams(x_TSD: F32, w: MixWeights, streams: Streams, norm_eps: float, linear: Linear) -> tuple[F32, F32, F32]:
    """What a layer reads [T, D]; how much of what it gives each stream gets [T, S]; how the streams mix [T, S, S].

    The last is doubly stochastic but for rounding: rows and columns are divided by their sums by turns (Sinkhorn).
    """
    count, eps = streams.count, np.float32(streams.eps)
    u = linear(unit_rows(x_TSD.reshape(len(x_TSD), -1), norm_eps), w.mix)
    read, give, comb = np.split(u, [count, 2 * count], axis=1)
    base_read, base_give, base_comb = np.split(w.base, [count, 2 * count])
    read_TS = sigmoid(read * w.scale[0] + base_read) + eps
    give_TS = np.float32(2) * sigmoid(give * w.scale[1] + base_give)
    comb_TSS = softmax((comb * w.scale[2] + base_comb).reshape(-1, count, count)) + eps
    comb_TSS = comb_TSS / (comb_TSS.sum(axis=1, keepdims=True) + eps)
    for _ in range(streams.iterations - 1):
        comb_TSS = comb_TSS / (comb_TSS.sum(axis=2, keepdims=True) + eps)
        comb_TSS = comb_TSS / (comb_TSS.sum(axis=1, keepdims=True) + eps)
    return weighted(read_TS, x_TSD), give_TS, comb_TSS


def spread_streams(x_TSD: F32, y_TD: F32, give_TS: F32, comb_TSS: F32) -> F32:
    """The streams behind a layer: mixed, and to each what the layer gives it."""
    mixed = np.stack([weighted(comb_TSS[:, :, k], x_TSD) for k in range(x_TSD.shape[1])], axis=1)
    out: F32 = give_TS[:, :, None] * y_TD[:, None] + mixed
    return out


def collapse_streams(x_TSD: F32, w: MixWeights, streams: Streams, norm_eps: float, linear: Linear) -> F32:
    """One stream of all, behind the last layer: [T, D]."""
    u_TS = linear(unit_rows(x_TSD.reshape(len(x_TSD), -1), norm_eps), w.mix)
    return weighted(sigmoid(u_TS * w.scale[0] + w.base) + np.float32(streams.eps), x_TSD)


def weighted(weights_TS: F32, x_TSD: F32) -> F32:
    """Sum over streams, one after the other: [T, D]."""
    out = weights_TS[:, :1] * x_TSD[:, 0]
    for s in range(1, x_TSD.shape[1]):
        out = out + weights_TS[:, s : s + 1] * x_TSD[:, s]
    return out


def unit_rows(x: F32, eps: float) -> F32:
    """x / sqrt(mean(x²) + eps) along the last axis: a norm without weights."""
    mean: F32 = np.mean(x * x, axis=-1, keepdims=True)
    root: F32 = np.sqrt(mean + np.float32(eps))
    return x / root


# -- rotation --------------------------------------------------------------------------------------


def rotate_last(x_THK: F32, rope: F32, positions_T: NDArray[np.int64], *, inverse: bool = False) -> F32:
    """Neighbouring pairs of the last numbers of every head, as many as the table has, at each row's position.

    inverse: the other way round.
    """
    width = 2 * rope.shape[2]
    cos, sin = rope[positions_T, 0][:, None], rope[positions_T, 1][:, None]
    if inverse:
        sin = -sin
    out = x_THK.copy()
    even, odd = x_THK[..., -width::2], x_THK[..., x_THK.shape[2] - width + 1 :: 2]
    out[..., -width::2] = even * cos - odd * sin
    out[..., x_THK.shape[2] - width + 1 :: 2] = even * sin + odd * cos
    return out


# -- compression -----------------------------------------------------------------------------------


def begin_heavy(width: int) -> F32:
    """The state [3, width] of a window of a heavy layer before its first position: largest gate, sum, weighted sum."""
    state = np.zeros((3, width), np.float32)
    state[0] = -np.inf
    return state


def add_heavy(state_3K: F32, values_K: F32, gates_K: F32) -> F32:
    """The state with one position more: a softmax over the window's gates, number by number, as they come."""
    largest = np.maximum(state_3K[0], gates_K)
    kept, new = np.exp(state_3K[0] - largest), np.exp(gates_K - largest)
    return np.stack([largest, state_3K[1] * kept + new, state_3K[2] * kept + values_K * new])


def end_heavy(state_3K: F32) -> F32:
    """What the window's values are together: [K]."""
    mixed: F32 = state_3K[2] / state_3K[1]
    return mixed


def mix_sparse(values_NK: F32, gates_NK: F32) -> F32:
    """The values of up to two windows of a sparse layer, mixed by a softmax of their gates, number by number: [K]."""
    weights = np.exp(gates_NK - gates_NK.max(axis=0))
    total, mixed = np.zeros_like(weights[0]), np.zeros_like(weights[0])
    for weight, value in zip(weights, values_NK, strict=True):
        total, mixed = total + weight, mixed + weight * value
    out: F32 = mixed / total
    return out


def compress_heavy(values_NK: F32, gates_NK: F32, rate: int) -> F32:
    """The entries [N // rate, K] of a whole sequence, before norm and rotation; gates with their bias."""
    out = [begin_heavy(values_NK.shape[1])] * (len(values_NK) // rate)
    for n in range(len(out) * rate):
        out[n // rate] = add_heavy(out[n // rate], values_NK[n], gates_NK[n])
    return np.array([end_heavy(state) for state in out], np.float32).reshape(len(out), values_NK.shape[1])


def compress_sparse(values_NK: F32, gates_NK: F32, rate: int) -> F32:
    """The entries [N // rate, K / 2]: of the window before the first halves, of its own the second; gates with bias."""
    half, out = values_NK.shape[1] // 2, []
    for end in range(rate, len(values_NK) + 1, rate):
        parts = []
        for x in (values_NK, gates_NK):
            before = x[max(end - 2 * rate, 0) : end - rate, :half]
            parts.append(np.concatenate([before, x[end - rate : end, half:]]))
        out.append(mix_sparse(parts[0], parts[1]))
    return np.array(out, np.float32).reshape(len(out), half)


# -- attention -------------------------------------------------------------------------------------


def attend_sinks(q_HK: F32, rows_NK: F32, sinks_H: F32, scale: float) -> F32:
    """Each head's mix of rows that are keys and values; a sink takes a share of the weights and gives nothing."""
    scores_HN = np.einsum("hk,nk->hn", q_HK, rows_NK) * np.float32(scale)
    largest_H1 = np.maximum(scores_HN.max(axis=1), sinks_H)[:, None]
    p_HN: F32 = np.exp(scores_HN - largest_H1)
    total_H1 = p_HN.sum(axis=1, keepdims=True) + np.exp(sinks_H[:, None] - largest_H1)
    out: F32 = np.einsum("hn,nk->hk", p_HN / total_H1, rows_NK)
    return out


# -- experts ---------------------------------------------------------------------------------------


def route_by_score(logits_TE: F32, bias_E: F32 | None, experts: Experts) -> tuple[I32, F32]:
    """Chosen experts [T, k] by score and bias, best first (equal scores: the lower number), and their weights."""
    s_TE = sqrt_softplus(logits_TE)
    choice_TE = s_TE if bias_E is None else s_TE + bias_E
    return _weights(s_TE, np.argsort(-choice_TE, axis=1, kind="stable")[:, : experts.per_token], experts)


def route_by_token(logits_TE: F32, table_TK: I32, experts: Experts) -> tuple[I32, F32]:
    """The experts that the tokens' rows of a table name, and their weights."""
    return _weights(sqrt_softplus(logits_TE), table_TK, experts)


def _weights(s_TE: F32, experts_TK: NDArray[np.signedinteger], experts: Experts) -> tuple[I32, F32]:
    weights_TK = np.take_along_axis(s_TE, experts_TK.astype(np.intp), axis=1)
    weights_TK = weights_TK / (weights_TK.sum(axis=1, keepdims=True) + np.float32(1e-20))
    return experts_TK.astype(np.int32), weights_TK * np.float32(experts.scale)


def clamped_silu_mul(gate_up_TI: F32, limit: float) -> F32:
    """[T, 2 F] -> silu(first half, at most `limit`) * second half (within `limit` of 0), [T, F]."""
    gate, up = np.split(gate_up_TI, 2, axis=1)
    gate, up = np.minimum(gate, np.float32(limit)), np.clip(up, np.float32(-limit), np.float32(limit))
    return gate * sigmoid(gate) * up


# -- numbers ---------------------------------------------------------------------------------------


def sqrt_softplus(x: F32) -> F32:
    """sqrt(log(1 + exp(x)))."""
    with np.errstate(over="ignore"):
        soft: F32 = np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, np.float32(20)))))
    root: F32 = np.sqrt(soft)
    return root


def sigmoid(x: F32) -> F32:
    with np.errstate(over="ignore"):
        return np.float32(1) / (np.float32(1) + np.exp(-x))


def softmax(x: F32) -> F32:
    """Along the last axis."""
    p: F32 = np.exp(x - x.max(axis=-1, keepdims=True))
    total: F32 = p.sum(axis=-1, keepdims=True)
    return p / total
