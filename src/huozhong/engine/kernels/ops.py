"""Single ops on the kernels in use, by reference.py's names and signatures: for tests and benchmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference, reference_matrices
from huozhong.engine.kernels.batch import ForwardBatch, RowSpan
from huozhong.engine.kernels.cache_rows import rounded
from huozhong.engine.kernels.choose import native, used
from huozhong.engine.kernels.matrix import native_matrix
from huozhong.engine.kernels.reference_sparse import IndexKeys, best, index_scores, write_keys
from huozhong.engine.weights.layout import LatentAttentionWeights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import CacheFormat, Experts

F32 = NDArray[np.float32]


def linear(x_TI: F32, matrix: PackedMatrix, index: int = 0, num_threads: int = 1) -> F32:
    if used() == "reference":
        return reference_matrices.linear(x_TI, matrix, index)
    return native.linear(x_TI, native_matrix(matrix), index, num_threads)


def largest(x: F32, num_threads: int = 1) -> float:
    """The largest number of x [N].  It reads memory as fast as it goes: what benchmarks compare with."""
    return reference.largest(x) if used() == "reference" else native.largest(x, num_threads)


def embed(tokens_T: NDArray[np.int32], matrix: PackedMatrix) -> F32:
    if used() == "reference":
        return reference.embed(tokens_T, matrix)
    return native.embed(tokens_T, native_matrix(matrix))


def quantize_rows(x_TI: F32) -> tuple[NDArray[np.int8], F32]:
    return reference_matrices.quantize_rows(x_TI) if used() == "reference" else native.quantize_rows(x_TI)


def rms_norm(x_TD: F32, weight_D: F32, eps: float) -> F32:
    if used() == "reference":
        return reference.rms_norm(x_TD, weight_D, eps)
    return native.rms_norm(x_TD, weight_D, eps)


def layer_norm(x_TD: F32, weight_D: F32, bias_D: F32, eps: float) -> F32:
    if used() == "reference":
        return reference.layer_norm(x_TD, weight_D, bias_D, eps)
    return native.layer_norm(x_TD, weight_D, bias_D, eps)


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


def choose_keys(
    q_THK: F32,
    weights_TH: F32,
    keys_NK: F32,
    top: int,
    cache_format: CacheFormat,
    page_size: int,
    pages: NDArray[np.int32],
    num_threads: int = 1,
) -> NDArray[np.int32]:
    """Positions [T, top] that the last T rows of a sequence of N look at; N - T >= top."""
    rows, start = len(q_THK), len(keys_NK) - len(q_THK)
    if used() == "reference":
        dtype = {"f32": np.float32, "f16": np.float16, "q8": np.uint8}[cache_format]
        width = keys_NK.shape[1]
        octets = width * 4 if cache_format == "f32" else width + width // 32 * 2
        cache_PSC = np.zeros((len(pages), page_size, octets // np.dtype(dtype).itemsize), dtype)
        whole = RowSpan(0, len(keys_NK), 0, False, pages)
        none = np.zeros(0, np.int32)
        write_keys(cache_PSC, keys_NK, ForwardBatch(none, (whole,), none, none))
        keys = IndexKeys(cache_PSC, whole, width)
        found = []
        for t, q_HK in enumerate(q_THK):
            dots_HN = keys.dots(q_HK, reference_matrices.quantize_rows(q_HK))[:, : start + t + 1]
            found.append(best(index_scores(dots_HN, weights_TH[t]), top))
        return np.array(found, np.int32).reshape(rows, top)
    return native.choose_keys(q_THK, weights_TH, keys_NK, start, top, cache_format, page_size, pages, num_threads)
