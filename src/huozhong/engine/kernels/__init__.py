"""The door to the CPU kernels: the ops of `reference.py`, computed by the native module.

Which instruction set they use is chosen when the module is loaded: the first of `available()`, or what the
environment variable HUOZHONG_KERNELS names.  "reference" is the NumPy twin; it is also what runs where the
native module was not built, hundreds of times slower.
"""

from __future__ import annotations

import dataclasses
import os
import weakref
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference
from huozhong.engine.kernels.batch import Batch, Cache, Span
from huozhong.engine.kernels.cached import rounded
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.errors import KernelError
from huozhong.model.architecture import CacheFormat, GroupedAttention

try:
    import huozhong.engine._kernels as native
except ModuleNotFoundError:  # a source tree that was not built
    native = None

if TYPE_CHECKING:
    from huozhong.engine.weights.layout import LatentAttentionWeights, LayerWeights, Weights
    from huozhong.model.architecture import Architecture, Experts

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

_matrices: weakref.WeakKeyDictionary[PackedMatrix, object] = weakref.WeakKeyDictionary()
_used = "reference"


def available() -> list[str]:
    """The kernels this machine can run, fastest first."""
    return [*(native.available() if native else []), "reference"]


def used() -> str:
    """The kernels in use."""
    return _used


def use(name: str) -> None:
    """Use the kernels `name`, one of `available()`.  Models loaded before stay native, or reference."""
    global _used
    if name not in available():
        names = ", ".join(available())
        raise KernelError(f"this machine cannot run the kernels {name!r}; HUOZHONG_KERNELS can be {names}.")
    if name != "reference":
        native.use(name)
    _used = name


def arithmetic() -> str:
    """How prompts are computed: sets of one kind agree in every bit."""
    return {"reference": "reference", "avx512bf16": "bf16"}.get(_used, "float")


class RunnableModel(Protocol):
    """What `load` returns."""

    def forward(self, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        """Logits [len(batch.logit_rows), V] and hidden states [len(batch.hidden_rows), D]; fills the cache."""

    def draft(self, module: int, states_TD: F32, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        """The same from an MTP module: states_TD are the hidden states at the batch's positions, and its tokens
        those that follow there.  Fills the module's own layer of the cache."""

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, least: float, cache: Cache, batch: Batch
    ) -> tuple[I32, F32]:
        """Tokens [S, largest limit] that the module guesses after each span, one from the other, and how likely it
        finds each (0 where it stopped: behind limits[s], or where the product of the chances fell below `least`).

        states_TD and batch: as for `draft`; the page tables reach as far as the guesses.  vocab: the tokens looked at
        are those below it.
        """


def load(weights: Weights, rope: F32, num_threads: int) -> RunnableModel:
    """A model ready to run on the kernels in use.  rope: see `runner.rope_table`."""
    if _used == "reference":
        return _ReferenceModel(weights, rope)
    return _NativeModel(weights, rope, num_threads)


class _ReferenceModel:
    def __init__(self, weights: Weights, rope: F32) -> None:
        self._weights, self._rope = weights, rope

    def forward(self, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        return reference.forward(self._weights, self._rope, _rows(cache), batch)

    def draft(self, module: int, states_TD: F32, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        w = self._weights
        own_PSC = _rows(cache)[len(w.layers) + module]
        h_TD = reference.draft_hidden(w, w.prediction[module], self._rope, own_PSC, states_TD, batch)
        return reference.linear(h_TD[batch.logit_rows], w.head), h_TD[batch.hidden_rows]

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, least: float, cache: Cache, batch: Batch
    ) -> tuple[I32, F32]:
        w = self._weights
        own_PSC = _rows(cache)[len(w.layers) + module]
        m = w.prediction[module]
        return reference.draft_ahead(w, m, self._rope, own_PSC, states_TD, batch, limits, vocab, least)


def _rows(cache: Cache) -> NDArray:
    """The reference's layout of pages: [layers, pages, page_size, row]."""
    rows = cache.pages.view({"f32": np.float32, "f16": np.float16, "q8": np.uint8}[cache.format])
    return rows.reshape(*rows.shape[:2], cache.page_size, -1)


class _NativeModel:
    """Hands the packed arrays to C++ once; a forward pass is then one call."""

    def __init__(self, weights: Weights, rope: F32, num_threads: int) -> None:
        self._threads = num_threads
        self._model = native.Model(
            config=_config_numbers(weights.architecture),
            embedding=_matrix(weights.embedding),
            norm=weights.norm,
            head=_matrix(weights.head),
            rope=rope,
        )
        for layer in weights.layers:
            self._model.add_layer(_layer_arrays(layer))
        for m in weights.prediction:
            arrays = {"enorm": m.enorm, "hnorm": m.hnorm, "norm": m.norm, "eh_proj": _matrix(m.eh_proj)}
            self._model.add_prediction(arrays | {"layer": _layer_arrays(m.layer)})

    def forward(self, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        return self._model.forward(*self._arguments(cache, batch))

    def draft(self, module: int, states_TD: F32, cache: Cache, batch: Batch) -> tuple[F32, F32]:
        return self._model.draft(module, states_TD, *self._arguments(cache, batch))

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, least: float, cache: Cache, batch: Batch
    ) -> tuple[I32, F32]:
        return self._model.draft_ahead(module, states_TD, limits, vocab, least, *self._arguments(cache, batch))

    def _arguments(self, cache: Cache, batch: Batch) -> tuple[object, ...]:
        spans, first_page = [], 0
        for s in batch.spans:
            spans.append((s.first_row, s.length, s.start, s.prefill, first_page, len(s.pages)))
            first_page += len(s.pages)
        pages = batch.spans[0].pages if len(spans) == 1 else np.concatenate([s.pages for s in batch.spans])
        return (
            cache.pages,
            cache.page_size,
            cache.format,
            batch.tokens_T,
            np.array(spans, np.int64),
            pages,
            batch.logit_rows,
            batch.hidden_rows,
            self._threads,
        )


def _config_numbers(c: Architecture) -> dict[str, int | float | bool]:
    a, e = c.attention, c.experts
    numbers: dict[str, int | float | bool] = {
        "vocab": c.vocab_size,
        "hidden": c.hidden_size,
        "heads": a.num_heads,
        "rope": c.rope.dim,
        "eps": float(c.rms_norm_eps),
        "softmax_scale": float(c.softmax_scale),
        "experts": 0 if e is None else e.count,
        "experts_per_token": 0 if e is None else e.per_token,
        "groups": 1 if e is None else e.groups,
        "top_groups": 1 if e is None else e.top_groups,
        "softmax_scores": e is not None and e.scoring == "softmax",
        "best_two": e is not None and e.group_score == "top2",
        "normalize": e is not None and e.normalize,
        "routed_scale": 1.0 if e is None else float(e.scale),
    }
    if isinstance(a, GroupedAttention):
        return numbers | {"grouped": True, "kv_heads": a.num_kv_heads, "dim": a.head_dim}
    return numbers | {
        "grouped": False,
        "rank": a.kv_lora_rank,
        "q_rank": a.q_lora_rank or 0,
        "nope": a.qk_nope_head_dim,
        "v": a.v_head_dim,
        "latent_eps": float(c.latent_norm_eps),
    }


def _layer_arrays(layer: LayerWeights) -> dict[str, object]:
    """What PyModel::add_layer reads; what a layer does not have is left out."""
    arrays: dict[str, object] = {"attention_norm": layer.attention_norm, "mlp_norm": layer.mlp_norm}
    arrays |= {f.name: getattr(layer.attention, f.name) for f in dataclasses.fields(layer.attention)}
    if layer.moe is not None:
        m = layer.moe
        arrays |= {"router": m.router, "router_bias": m.router_bias, "gate_up": m.gate_up, "mlp_down": m.down}
        if m.shared is not None:
            arrays |= {"shared_gate_up": m.shared.gate_up, "shared_down": m.shared.down}
    elif layer.dense is not None:
        arrays |= {"gate_up": layer.dense.gate_up, "mlp_down": layer.dense.down}
    return {name: _native(array) for name, array in arrays.items() if array is not None}


def _native(array: object) -> object:
    if isinstance(array, tuple):
        return tuple(_matrix(part) for part in array)
    return _matrix(array) if isinstance(array, PackedMatrix) else array


def _matrix(matrix: PackedMatrix) -> object:
    if (found := _matrices.get(matrix)) is None:
        data = matrix.data.reshape(-1).view(np.uint8)
        scales = None if matrix.scales is None else matrix.scales.reshape(-1).view(np.uint16)
        m = matrix
        found = native.Matrix(m.format, m.out_features, m.in_features, m.count, data, scales)
        _matrices[matrix] = found
    return found


# -- single ops: reference.py's names and signatures, for tests and benchmarks ---------------------------


def linear(x_TI: F32, matrix: PackedMatrix, index: int = 0, num_threads: int = 1) -> F32:
    if _used == "reference":
        return reference.linear(x_TI, matrix, index)
    return native.linear(x_TI, _matrix(matrix), index, num_threads)


def largest(x: F32, num_threads: int = 1) -> float:
    """The largest number of x [N].  It reads memory as fast as it goes: what benchmarks compare with."""
    return float(reference.largest(x) if _used == "reference" else native.largest(x, num_threads))


def embed(tokens_T: NDArray[np.int32], matrix: PackedMatrix) -> F32:
    if _used == "reference":
        return reference.embed(tokens_T, matrix)
    return native.embed(tokens_T, _matrix(matrix))


def quantize_rows(x_TI: F32) -> tuple[NDArray[np.int8], F32]:
    return reference.quantize_rows(x_TI) if _used == "reference" else native.quantize_rows(x_TI)


def rms_norm(x_TD: F32, weight_D: F32, eps: float) -> F32:
    if _used == "reference":
        return reference.rms_norm(x_TD, weight_D, eps)
    return native.rms_norm(x_TD, weight_D, eps)


def silu_mul(gate_up_TI: F32) -> F32:
    return reference.silu_mul(gate_up_TI) if _used == "reference" else native.silu_mul(gate_up_TI)


def rotate(x_THK: F32, rope: F32, positions_T: NDArray[np.int64]) -> F32:
    if _used == "reference":
        return reference.rotate(x_THK, rope, positions_T)
    return native.rotate(x_THK, rope, positions_T.astype(np.int32))


def route(logits_TE: F32, bias_E: F32 | None, experts: Experts) -> tuple[NDArray[np.int32], F32]:
    e = experts
    if _used == "reference":
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
    span: Span,
    scale: float,
    num_threads: int = 1,
    cache_format: CacheFormat = "f32",
) -> F32:
    if _used == "reference":
        return reference.attend_prefill(q_THK, w, _kept(cache_PSC, w, cache_format), span, scale)
    k_up, v_up = _matrix(w.k_up), _matrix(w.v_up)
    return native.attend(q_THK, k_up, None, v_up, cache_PSC, span.pages, span.start, cache_format, scale, num_threads)


def attend_decode(
    q_THK: F32,
    w: LatentAttentionWeights,
    cache_PSC: F32,
    span: Span,
    scale: float,
    num_threads: int = 1,
    cache_format: CacheFormat = "f32",
) -> F32:
    if _used == "reference":
        return reference.attend_decode(q_THK, w, _kept(cache_PSC, w, cache_format), span, scale)
    k_up, v_up, q_absorb = _matrix(w.k_up), _matrix(w.v_up), _matrix(w.q_absorb)
    return native.attend(
        q_THK, k_up, q_absorb, v_up, cache_PSC, span.pages, span.start, cache_format, scale, num_threads
    )


def _kept(cache_PSC: F32, w: LatentAttentionWeights, format: CacheFormat) -> F32:
    rank, width = w.k_up.in_features, cache_PSC.shape[2]
    return rounded(cache_PSC.reshape(-1, width), (rank, width - rank), format).reshape(cache_PSC.shape)


def attend_grouped(
    q_THK: F32, kv_NPGK: F32, span: Span, scale: float, cache_format: CacheFormat, page_size: int, num_threads: int = 1
) -> F32:
    """Rows at positions span.start ... against keys and values [N, 2, G, K] of all positions up to the last."""
    if _used == "reference":
        cached = rounded(kv_NPGK.reshape(-1, kv_NPGK.shape[3]), kv_NPGK.shape[3:], cache_format).reshape(kv_NPGK.shape)
        return reference.attend_grouped(q_THK, cached[:, 0], cached[:, 1], span.start, scale)
    return native.attend_grouped(
        q_THK, kv_NPGK, span.start, span.prefill, cache_format, page_size, span.pages, scale, num_threads
    )


use(os.environ.get("HUOZHONG_KERNELS") or available()[0])
