"""Single ops on the kernels in use, by reference.py's names and signatures: for tests and benchmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference
from huozhong.engine.kernels.batch import RowSpan
from huozhong.engine.kernels.cache_rows import rounded
from huozhong.engine.kernels.choose import native, used
from huozhong.engine.kernels.matrix import native_matrix
from huozhong.engine.weights.layout import LatentAttentionWeights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import CacheFormat, Experts

F32 = NDArray[np.float32]


def linear(x_TI: F32, matrix: PackedMatrix, index: int = 0, num_threads: int = 1) -> F32:
    if used() == "reference":
        return reference.linear(x_TI, matrix, index)
    return native.linear(x_TI, native_matrix(matrix), index, num_threads)


def largest(x: F32, num_threads: int = 1) -> float:
    """The largest number of x [N].  It reads memory as fast as it goes: what benchmarks compare with."""
    return reference.largest(x) if used() == "reference" else native.largest(x, num_threads)


def embed(tokens_T: NDArray[np.int32], matrix: PackedMatrix) -> F32:
    if used() == "reference":
        return reference.embed(tokens_T, matrix)
    return native.embed(tokens_T, native_matrix(matrix))


def quantize_rows(x_TI: F32) -> tuple[NDArray[np.int8], F32]:
    return reference.quantize_rows(x_TI) if used() == "reference" else native.quantize_rows(x_TI)


def rms_norm(x_TD: F32, weight_D: F32, eps: float) -> F32:
    if used() == "reference":
        return reference.rms_norm(x_TD, weight_D, eps)
    return native.rms_norm(x_TD, weight_D, eps)


def silu_mul(gate_up_TI: F32) -> F32:
    return reference.silu_mul(gate_up_TI) if used() == "reference" else native.silu_mul(gate_up_TI)


def rotate(x_THK: F32, rope: F32, positions_T: NDArray[np.int64]) -> F32:
    if used() == "reference":
        return reference.rotate(x_THK, rope, positions_T)
    return native.rotate(x_THK, rope, positions_T.astype(np.int32))


def route(logits_TE: F32, bias_E: F32 | None, experts: Experts) -> tuple[NDArray[np.int32], F32]:
    e = experts
    if used() == "reference":
        return reference.route(logits_TE, bias_E, e)
    return native.route(
        logits_TE,
        bias_E,
        per_token=e.per_token,
        groups=e.groups,
        top_groups=e.top_groups,
        softmax=e.scoring == "softmax",
        best_two=e.group_score == "top2",
        normalize=e.normalize,
        scale=e.scale,
    )


def attend_prefill(
    q_THK: F32,
    w: LatentAttentionWeights,
    cache_PSC: F32,
    span: RowSpan,
    scale: float,
    num_threads: int = 1,
    cache_format: CacheFormat = "f32",
) -> F32:
    if used() == "reference":
        return reference.attend_prefill(q_THK, w, _kept(cache_PSC, w, cache_format), span, scale)
    k_up, v_up = native_matrix(w.k_up), native_matrix(w.v_up)
    return native.attend(q_THK, k_up, None, v_up, cache_PSC, span.pages, span.start, cache_format, scale, num_threads)


def attend_decode(
    q_THK: F32,
    w: LatentAttentionWeights,
    cache_PSC: F32,
    span: RowSpan,
    scale: float,
    num_threads: int = 1,
    cache_format: CacheFormat = "f32",
) -> F32:
    if used() == "reference":
        return reference.attend_decode(q_THK, w, _kept(cache_PSC, w, cache_format), span, scale)
    k_up, v_up, q_absorb = native_matrix(w.k_up), native_matrix(w.v_up), native_matrix(w.q_absorb)
    return native.attend(
        q_THK, k_up, q_absorb, v_up, cache_PSC, span.pages, span.start, cache_format, scale, num_threads
    )


def _kept(cache_PSC: F32, w: LatentAttentionWeights, format: CacheFormat) -> F32:
    rank, width = w.k_up.in_features, cache_PSC.shape[2]
    return rounded(cache_PSC.reshape(-1, width), (rank, width - rank), format).reshape(cache_PSC.shape)


def attend_grouped(
    q_THK: F32,
    kv_NPGK: F32,
    span: RowSpan,
    scale: float,
    cache_format: CacheFormat,
    page_size: int,
    num_threads: int = 1,
) -> F32:
    """Rows at positions span.start ... against keys and values [N, 2, G, K] of all positions up to the last."""
    if used() == "reference":
        cached = rounded(kv_NPGK.reshape(-1, kv_NPGK.shape[3]), kv_NPGK.shape[3:], cache_format).reshape(kv_NPGK.shape)
        return reference.attend_grouped(q_THK, cached[:, 0], cached[:, 1], span.start, scale)
    return native.attend_grouped(
        q_THK, kv_NPGK, span.start, span.prefill, cache_format, page_size, span.pages, scale, num_threads
    )
