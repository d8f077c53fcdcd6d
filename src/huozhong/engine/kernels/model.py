"""A whole model on the kernels in use: a forward pass is one call."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference, reference_matrices
from huozhong.engine.kernels.batch import ForwardBatch, PagedCache
from huozhong.engine.kernels.choose import native, used
from huozhong.engine.kernels.compressed import CompressedModel
from huozhong.engine.kernels.matrix import native_matrix
from huozhong.engine.kernels.native_compressed import compressed_arrays, compressed_numbers, mix_arrays
from huozhong.engine.weights.layout import IndexerWeights, LayerWeights, Weights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.engine.weights.streaming import READERS
from huozhong.errors import CheckpointError
from huozhong.model.architecture import Architecture, CompressedAttention, GroupedAttention, LatentAttention, LayerKind

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class ExpertStats:
    """Experts that stay on the disk: counters since the start.

    hits: wanted and in memory.  misses: wanted, and not there yet.  guesses: chosen ahead and not taken back; ahead:
    of those, wanted then, there already or on their way.  bytes: read, in `reads`.  waited: seconds in which a layer
    stood still.  busy: seconds in which something was read; reading: those of each read, added up, so that over `busy`
    it is how many there were at a time.
    slots: experts that memory holds, of `expert_bytes` each.  direct: read past the system's page cache.
    """

    hits: int
    ahead: int
    misses: int
    reads: int
    bytes: int
    guesses: int
    waited: float
    busy: float
    reading: float
    slots: int
    expert_bytes: int
    direct: bool


IN_MEMORY = ExpertStats(0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0, False)


class RunnableModel(Protocol):
    """What `load` returns."""

    def forward(self, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        """Logits [len(batch.logit_rows), V] and hidden states [len(batch.hidden_rows), D]; fills the cache."""

    def forward_tapped(self, cache: PagedCache, batch: ForwardBatch, taps: I32) -> tuple[F32, F32, F32]:
        """The same, and what goes out of the layers `taps` at hidden_rows, side by side: [hidden_rows, taps * D]."""

    def draft(self, module: int, states_TD: F32, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        """The same from an MTP module: states_TD are the hidden states at the batch's positions, and its tokens
        those that follow there.  Fills the module's own layer of the cache."""

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, p_min: float, cache: PagedCache, batch: ForwardBatch
    ) -> tuple[I32, F32]:
        """Tokens [S, largest limit] that the module guesses after each span, one from the other, and the probability it
        gives each (0 where it stopped: behind limits[s], or where their product fell below `p_min`).

        states_TD and batch: as for `draft`; the page tables reach as far as the guesses.  vocab: the tokens looked at
        are those below it; a module that has a head of its own looks at its own tokens.
        """

    def experts(self) -> ExpertStats | None:
        """How experts were read that stay on the disk; None where they are in memory."""


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """A disk that fails is told in a sentence."""
    try:
        yield
    except native.ReadError as error:
        raise CheckpointError(f"the model's experts cannot be read from the disk: {error}.") from None


def load(weights: Weights, rope: F32, num_threads: int, compress_rope: F32 | None = None) -> RunnableModel:
    """A model ready to run on the kernels in use.  rope: see `rope_table`; compress_rope: of layers with entries."""
    if used() != "reference":
        return _NativeModel(weights, rope, num_threads, compress_rope)
    if compress_rope is not None:
        return CompressedModel(weights, rope, compress_rope)
    return _ReferenceModel(weights, rope)


class _ReferenceModel:
    def __init__(self, weights: Weights, rope: F32) -> None:
        self._weights, self._rope = weights, rope

    def forward(self, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        return reference.forward(self._weights, self._rope, _rows(cache), batch)[:2]

    def forward_tapped(self, cache: PagedCache, batch: ForwardBatch, taps: I32) -> tuple[F32, F32, F32]:
        return reference.forward(self._weights, self._rope, _rows(cache), batch, taps.tolist())

    def draft(self, module: int, states_TD: F32, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        w = self._weights
        own_PSC = _rows(cache)[len(w.layers) + module]
        h_TD = reference.draft_hidden(w, w.prediction[module], self._rope, own_PSC, states_TD, batch)
        return reference_matrices.linear(h_TD[batch.logit_rows], w.head), h_TD[batch.hidden_rows]

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, p_min: float, cache: PagedCache, batch: ForwardBatch
    ) -> tuple[I32, F32]:
        w = self._weights
        own_PSC = _rows(cache)[len(w.layers) + module]
        m = w.prediction[module]
        return reference.draft_ahead(w, m, self._rope, own_PSC, states_TD, batch, limits, vocab, p_min)

    def experts(self) -> None:
        """The reference reads them where they are."""


def _rows(cache: PagedCache) -> reference.CacheRows:
    """The reference's layout of pages: [layers, pages, page_size, row]."""
    rows = cache.pages.view({"f32": np.float32, "f16": np.float16, "q8": np.uint8}[cache.format])
    return rows.reshape(*rows.shape[:2], cache.page_size, -1)


class _NativeModel:
    """Hands the packed arrays to C++ once; a forward pass is then one call."""

    def __init__(self, weights: Weights, rope: F32, num_threads: int, compress_rope: F32 | None) -> None:
        self._threads = num_threads
        self._model = native.Model(
            config=_config_numbers(weights.architecture),
            embedding=native_matrix(weights.embedding),
            norm=weights.norm,
            head=native_matrix(weights.head),
            rope=rope,
        )
        if weights.expert_memory:
            assert weights.mapped is not None
            with _disk():
                self._model.stream(str(weights.mapped.path), weights.mapped.data, weights.expert_memory, READERS)
        if compress_rope is not None:
            end = mix_arrays("head_mix", weights.head_mix)
            self._model.add_streams({name: _to_native(array) for name, array in end.items()}, compress_rope)
        attention = weights.architecture.attention
        kinds = attention.kinds if isinstance(attention, CompressedAttention) else (None,) * len(weights.layers)
        for layer, kind in zip(weights.layers, kinds, strict=True):
            self._model.add_layer(_layer_arrays(layer, kind))
        for m in weights.prediction:
            arrays = {"enorm": m.enorm, "hnorm": m.hnorm, "norm": m.norm, "eh_proj": native_matrix(m.eh_proj)}
            if m.head is not None:
                arrays |= {"head": native_matrix(m.head), "guessed": m.guessed}
            self._model.add_prediction(arrays | {"layer": _layer_arrays(m.layer)})
        with _disk():
            self._model.open()

    def experts(self) -> ExpertStats | None:
        told = self._model.shelf_stats()
        return ExpertStats(**told) if told else None

    def forward(self, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        with _disk():
            return self._model.forward(*self._arguments(cache, batch))

    def forward_tapped(self, cache: PagedCache, batch: ForwardBatch, taps: I32) -> tuple[F32, F32, F32]:
        with _disk():
            return self._model.forward_tapped(*self._arguments(cache, batch), taps)

    def draft(self, module: int, states_TD: F32, cache: PagedCache, batch: ForwardBatch) -> tuple[F32, F32]:
        with _disk():
            return self._model.draft(module, states_TD, *self._arguments(cache, batch))

    def draft_ahead(
        self, module: int, states_TD: F32, limits: I32, vocab: int, p_min: float, cache: PagedCache, batch: ForwardBatch
    ) -> tuple[I32, F32]:
        with _disk():
            return self._model.draft_ahead(module, states_TD, limits, vocab, p_min, *self._arguments(cache, batch))

    def _arguments(self, cache: PagedCache, batch: ForwardBatch) -> tuple[U8, int, str, I32, I64, I32, I32, I32, int]:
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
    if isinstance(a, CompressedAttention):
        return numbers | compressed_numbers(c)
    if isinstance(a, GroupedAttention):
        return numbers | {"grouped": True, "kv_heads": a.num_kv_heads, "dim": a.head_dim}
    assert isinstance(a, LatentAttention)
    i = a.indexer
    return numbers | {
        "index_heads": 0 if i is None else i.num_heads,
        "index_dim": 0 if i is None else i.head_dim,
        "index_top": 0 if i is None else i.top_k,
        "grouped": False,
        "rank": a.kv_lora_rank,
        "q_rank": a.q_lora_rank or 0,
        "nope": a.qk_nope_head_dim,
        "v": a.v_head_dim,
        "latent_eps": float(c.latent_norm_eps),
    }


def _layer_arrays(layer: LayerWeights, kind: LayerKind | None = None) -> dict[str, object]:
    """What PyModel::add_layer reads; what a layer does not have is left out."""
    arrays: dict[str, object] = {"attention_norm": layer.attention_norm, "mlp_norm": layer.mlp_norm}
    if kind is not None:
        arrays |= compressed_arrays(layer, kind)
    else:
        arrays |= {f.name: getattr(layer.attention, f.name) for f in dataclasses.fields(layer.attention)}
    if (indexer := arrays.pop("indexer", None)) is not None:
        assert isinstance(indexer, IndexerWeights)
        arrays |= {f"index_{f.name}": getattr(indexer, f.name) for f in dataclasses.fields(indexer)}
    if layer.moe is not None:
        m = layer.moe
        arrays |= {"router": m.router, "router_bias": m.router_bias, "gate_up": m.gate_up, "mlp_down": m.down}
        arrays["table"] = m.table
        if m.shared is not None:
            arrays |= {"shared_gate_up": m.shared.gate_up, "shared_down": m.shared.down}
    elif layer.dense is not None:
        arrays |= {"gate_up": layer.dense.gate_up, "mlp_down": layer.dense.down}
    return {name: _to_native(array) for name, array in arrays.items() if array is not None}


def _to_native(array: object) -> object:
    if isinstance(array, tuple):
        return tuple(native_matrix(part) for part in array)
    return native_matrix(array) if isinstance(array, PackedMatrix) else array
