"""From a model on disk to packed weights, a few rows at a time, so that no large float array is ever needed.

Quantised ("q8", "q4"): everything is packed from float32; embedding and head of q4 stay q8, for they are used once
per token and matter most.  Unquantised ("none"): every tensor keeps the numbers it is stored as; GGUF's blocks are
reordered but not changed, and float8 becomes float32.  "f32": everything is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.blocks import pack_blocks
from huozhong.engine.weights.layout import (
    F32,
    CompressedAttentionWeights,
    CompressorWeights,
    DenseWeights,
    GroupedAttentionWeights,
    IndexerWeights,
    LatentAttentionWeights,
    LayerWeights,
    Matrices,
    MixWeights,
    MoeWeights,
    PredictionWeights,
    Weights,
)
from huozhong.engine.weights.quant import BLOCK, Format, New, PackedMatrix, new_array, pack
from huozhong.errors import CheckpointError
from huozhong.formats.source import ModelSource
from huozhong.formats.stored import FLOAT_TYPES
from huozhong.model.architecture import (
    Architecture,
    CompressedAttention,
    GroupedAttention,
    Indexer,
    LatentAttention,
    LayerKind,
)

PackedFormat = Literal["q8", "q4", "none", "f32"]
PACKED_FORMATS: tuple[str, ...] = get_args(PackedFormat)
Progress = Callable[[int, int], None]  # bytes of the source that are done, and how many there are

PIECE = 1 << 20  # numbers packed at once: their copy stays in the caches


def pack_weights(
    source: ModelSource, quantization: PackedFormat, new: New | None = None, progress: Progress | None = None
) -> Weights:
    """Pack a whole model.  new: where packed matrices shall lie; None is memory.  Raises CheckpointError."""
    packer = _Packer(source, quantization, new or new_array, progress)
    a = source.architecture
    table = "q8" if quantization == "q4" else quantization
    embedding = packer.matrix("model.embed_tokens.weight", table)
    return Weights(
        architecture=a,
        format=quantization,
        embedding=embedding,
        layers=tuple(packer.layer(i) for i in range(a.num_layers)),
        norm=packer.vector("model.norm.weight"),
        head=embedding if a.tie_word_embeddings else packer.matrix("lm_head.weight", table),
        prediction=tuple(packer.prediction(a.num_layers + i) for i in range(a.num_nextn_predict_layers)),
        head_mix=None if a.streams is None else packer.mix("model.hc_head.hc_"),
    )


def pack_module(source: ModelSource, quantization: PackedFormat) -> PredictionWeights:
    """Pack the first prediction module of a source that may hold nothing else.  Raises CheckpointError."""
    return _Packer(source, quantization, new_array, None).prediction(source.architecture.num_layers)


@dataclass(frozen=True, eq=False)
class _Part:
    """`count` rows of a tensor from `first` on; order: in this order, counted from `first`."""

    name: str
    first: int
    count: int
    order: NDArray[np.intp] | None = None

    def rows(self, start: int, stop: int) -> slice | NDArray[np.intp]:
        if self.order is not None:
            return self.first + self.order[start:stop]
        return slice(self.first + start, self.first + stop)


class _Packer:
    def __init__(self, source: ModelSource, quantization: str, new: New, progress: Progress | None) -> None:
        self.source, self.quantization, self.new, self.progress = source, quantization, new, progress
        self.architecture: Architecture = source.architecture
        names = source.names()
        self.names = set(names)
        self.total = sum(source.stored(name).data.nbytes for name in names)
        self.done = 0

    # -- parts of a model ----------------------------------------------------------------------------

    def layer(self, layer: int) -> LayerWeights:
        a, prefix = self.architecture, f"model.layers.{layer}."
        is_moe, streams = a.is_moe_layer(layer), a.streams is not None
        attention: LatentAttentionWeights | GroupedAttentionWeights | CompressedAttentionWeights
        if isinstance(a.attention, LatentAttention):
            attention = self._latent(prefix + "self_attn.", a.attention)
        elif isinstance(a.attention, CompressedAttention):
            attention = self._compressed(prefix + "self_attn.", a.attention, a.attention.kinds[layer])
        else:
            attention = self._grouped(prefix + "self_attn.", a.attention)
        return LayerWeights(
            attention_norm=self.vector(prefix + "input_layernorm.weight"),
            attention=attention,
            mlp_norm=self.vector(prefix + "post_attention_layernorm.weight"),
            dense=None if is_moe else self._dense(prefix + "mlp."),
            moe=self._moe(prefix + "mlp.", a.experts is not None and a.experts.looks_up(layer)) if is_moe else None,
            attention_mix=self.mix(prefix + "attn_hc.") if streams else None,
            mlp_mix=self.mix(prefix + "ffn_hc.") if streams else None,
        )

    def mix(self, prefix: str) -> MixWeights:
        matrix = self._keep(pack(self._whole(prefix + "fn"), "f32"))
        return MixWeights(mix=matrix, base=self.vector(prefix + "base"), scale=self.vector(prefix + "scale"))

    def prediction(self, layer: int) -> PredictionWeights:
        prefix = f"model.layers.{layer}."
        return PredictionWeights(
            enorm=self.vector(prefix + "enorm.weight"),
            hnorm=self.vector(prefix + "hnorm.weight"),
            eh_proj=self.matrix(prefix + "eh_proj.weight"),
            layer=self.layer(layer),
            norm=self.vector(prefix + "shared_head.norm.weight"),
        )

    def _latent(self, prefix: str, a: LatentAttention) -> LatentAttentionWeights:
        full_rank = a.q_lora_rank is None
        query = prefix + ("q_proj.weight" if full_rank else "q_a_proj.weight")
        kv_b = self._whole(prefix + "kv_b_proj.weight").reshape(a.num_heads, -1, a.kv_lora_rank)
        key, value = kv_b[:, : a.qk_nope_head_dim], kv_b[:, a.qk_nope_head_dim :]
        exact = self.quantization == "f32" or (
            self.quantization == "none" and self.source.stored(prefix + "kv_b_proj.weight").type in FLOAT_TYPES
        )
        finer: Format = "f32" if exact else "q8"
        return LatentAttentionWeights(
            down=self.matrices([query, prefix + "kv_a_proj_with_mqa.weight"]),
            q_norm=None if full_rank else self.vector(prefix + "q_a_layernorm.weight"),
            q_up=None if full_rank else self.matrix(prefix + "q_b_proj.weight"),
            kv_norm=self.vector(prefix + "kv_a_layernorm.weight"),
            k_up=self._keep(pack(key, finer)),
            v_up=self._keep(pack(value, finer)),
            q_absorb=self._keep(pack(key.swapaxes(1, 2), finer)),
            out=self.matrix(prefix + "o_proj.weight"),
            indexer=None if a.indexer is None else self._indexer(prefix + "indexer.", a.indexer),
        )

    def _indexer(self, prefix: str, indexer: Indexer) -> IndexerWeights | None:
        """None for a layer that has none of its own."""
        if prefix + "wk.weight" not in self.names:
            return None
        order = self._pairs(indexer.head_dim, indexer.interleaved)
        queries = _order_of_heads(indexer.num_heads, order)
        kind = "q8" if self.quantization == "q4" else self.quantization
        (query,) = self._merged([self._part(prefix + "wq_b.weight", queries)], kind)
        (key,) = self._merged([self._part(prefix + "wk.weight", order)], kind)
        return IndexerWeights(
            query=query,
            key=key,
            weights=self._keep(pack(self._whole(prefix + "weights_proj.weight"), "f32")),
            norm=self.vector(prefix + "k_norm.weight")[order],
            bias=self.vector(prefix + "k_norm.bias")[order],
        )

    def _compressed(self, prefix: str, a: CompressedAttention, kind: LayerKind) -> CompressedAttentionWeights:
        groups = [[_Part(prefix + "o_a_proj.weight", g * a.out_rank, a.out_rank)] for g in range(a.out_groups)]
        return CompressedAttentionWeights(
            down=self.matrices([prefix + "q_a_proj.weight", prefix + "kv_proj.weight"]),
            q_norm=self.vector(prefix + "q_a_norm.weight"),
            q_up=self.matrix(prefix + "q_b_proj.weight"),
            kv_norm=self.vector(prefix + "kv_norm.weight"),
            sinks=self.vector(prefix + "sinks"),
            out_groups=self._stack(groups),
            out=self.matrix(prefix + "o_b_proj.weight"),
            compressor=None if kind == "window" else self._compressor(prefix + "compressor.", kind == "sparse"),
        )

    def _compressor(self, prefix: str, sparse: bool) -> CompressorWeights:
        kind, index = "q8" if self.quantization == "q4" else self.quantization, prefix + "indexer."
        places = [prefix, index] if sparse else [prefix]
        parts = [self._part(f"{place}{name}_proj.weight") for place in places for name in ("kv", "gate")]
        weights = None
        if sparse:
            weights = self._keep(pack(self._whole(index + "scorer.weights_proj.weight"), "f32"))
        return CompressorWeights(
            project=self._merged(parts, kind),
            bias=self.vector(prefix + "position_bias"),
            norm=self.vector(prefix + "kv_norm.weight"),
            index_query=self.matrix(index + "q_b_proj.weight", kind) if sparse else None,
            index_weights=weights,
            index_bias=self.vector(index + "position_bias") if sparse else None,
            index_norm=self.vector(index + "kv_norm.weight") if sparse else None,
        )

    def _grouped(self, prefix: str, a: GroupedAttention) -> GroupedAttentionWeights:
        order = self._head_order(a)
        query, key = (_order_of_heads(heads, order) for heads in (a.num_heads, a.num_kv_heads))
        parts = [
            self._part(prefix + "q_proj.weight", query),
            self._part(prefix + "k_proj.weight", key),
            self._part(prefix + "v_proj.weight"),
        ]
        bias = None
        if a.qkv_bias:
            b = [self.vector(f"{prefix}{name}_proj.bias") for name in "qkv"]
            bias = np.concatenate([b[0][query], b[1][key], b[2]])
        return GroupedAttentionWeights(
            qkv=self._merged(parts, self.quantization),
            qkv_bias=bias,
            q_norm=self.vector(prefix + "q_norm.weight")[order] if a.qk_norm else None,
            k_norm=self.vector(prefix + "k_norm.weight")[order] if a.qk_norm else None,
            out=self.matrix(prefix + "o_proj.weight"),
            out_bias=self.vector(prefix + "o_proj.bias") if a.out_bias else None,
        )

    def _head_order(self, a: GroupedAttention) -> NDArray[np.intp]:
        """Where each number of a packed head comes from: pairs that rotate together become neighbours."""
        return self._pairs(a.head_dim, self.architecture.rope.interleaved)

    def _pairs(self, width: int, interleaved: bool) -> NDArray[np.intp]:
        """The order of `width` rows, the first of which rotate: as they are, or in halves."""
        order, dim = np.arange(width), self.architecture.rope.dim
        if not interleaved:
            half = np.arange(dim // 2)
            order[:dim] = np.stack([half, half + dim // 2], axis=1).reshape(-1)
        return order

    def _dense(self, prefix: str) -> DenseWeights:
        gate_up = self.matrices([prefix + "gate_proj.weight", prefix + "up_proj.weight"])
        return DenseWeights(gate_up=gate_up, down=self.matrix(prefix + "down_proj.weight"))

    def _table(self, name: str, experts: int) -> NDArray[np.int32]:
        table = self._whole(name).astype(np.int32)
        if table.min() < 0 or table.max() >= experts:
            raise CheckpointError(
                f"tensor {name!r} names an expert that is not among the {experts}; take a whole copy."
            )
        return table

    def _moe(self, prefix: str, looks_up: bool) -> MoeWeights:
        e = self.architecture.experts
        assert e is not None
        gate_up = [[self._expert(prefix, kind, j) for kind in ("gate", "up")] for j in range(e.count)]
        router = pack(self._whole(prefix + "gate.weight"), "f32")
        return MoeWeights(
            router=self._keep(router),
            router_bias=self.vector(prefix + "gate.e_score_correction_bias") if e.bias and not looks_up else None,
            gate_up=self._stacks(gate_up),
            down=self._stack([[self._expert(prefix, "down", j)] for j in range(e.count)]),
            shared=self._dense(prefix + "shared_experts.") if e.shared_hidden else None,
            table=self._table(prefix + "gate.tid2eid", e.count) if looks_up else None,
        )

    def _expert(self, prefix: str, kind: str, expert: int) -> _Part:
        stacked = f"{prefix}experts.{kind}_proj.weight"
        if stacked not in self.names:
            return self._part(f"{prefix}experts.{expert}.{kind}_proj.weight")
        rows = self.source.stored(stacked).shape[1]
        return _Part(stacked, expert * rows, rows)

    # -- matrices ------------------------------------------------------------------------------------

    def vector(self, name: str) -> F32:
        return np.ascontiguousarray(self._whole(name), dtype=np.float32)

    def matrix(self, name: str, quantization: str | None = None) -> PackedMatrix:
        (matrix,) = self._merged([self._part(name)], quantization or self.quantization)
        return matrix

    def matrices(self, names: list[str]) -> Matrices:
        """Matrices of one input; those that are packed alike become one."""
        return self._merged([self._part(name) for name in names], self.quantization)

    def _merged(self, parts: list[_Part], quantization: str) -> Matrices:
        kinds = [self._kind([part], quantization) for part in parts]
        groups: list[list[_Part]] = []
        for i, part in enumerate(parts):
            if i and kinds[i] == kinds[i - 1]:
                groups[-1].append(part)
            else:
                groups.append([part])
        return tuple(self._pack_stack([group], self._kind(group, quantization)) for group in groups)

    def _stacks(self, experts: list[list[_Part]]) -> Matrices:
        """Matrices of one input for every expert; one stack where gate and up are packed alike."""
        columns = [list(column) for column in zip(*experts, strict=True)]
        kinds = {self._kind(column, self.quantization) for column in columns}
        if len(kinds) == 1:
            return (self._stack(experts),)
        return tuple(self._stack([[part] for part in column]) for column in columns)

    def _stack(self, experts: list[list[_Part]]) -> PackedMatrix:
        every = [part for parts in experts for part in parts]
        return self._pack_stack(experts, self._kind(every, self.quantization))

    def _kind(self, parts: list[_Part], quantization: str) -> str:
        """How parts of one matrix are packed: a format for floats, or the type of blocks to be kept."""
        if quantization != "none":
            return quantization
        types = {self.source.stored(part.name).type for part in parts}
        if len(types) > 1 or types == {"F8_E4M3"}:
            return "f32"
        (type,) = types
        return type.lower() if type in FLOAT_TYPES else type

    def _pack_stack(self, stack: list[list[_Part]], kind: str) -> PackedMatrix:
        """One matrix per list of parts, their rows one after the other; packed piece by piece."""
        rows = sum(part.count for part in stack[0])
        width = self.source.stored(stack[0][0].name).shape[-1]
        step = max(BLOCK, PIECE // width // BLOCK * BLOCK)

        def pieces() -> Iterator[tuple[int, int, PackedMatrix]]:
            for n, parts in enumerate(stack):
                for start in range(0, rows, step):
                    yield n, start, self._pack_rows(parts, start, min(start + step, rows), kind, width)

        return _assemble(pieces(), len(stack), rows, self.new)

    def _pack_rows(self, parts: list[_Part], start: int, stop: int, kind: str, width: int) -> PackedMatrix:
        blocks = kind not in ("f32", "f16", "bf16", "q8", "q4")
        found: list[NDArray[Any]] = []
        for part in parts:
            low, high = max(start, 0), min(stop, part.count)
            start, stop = start - part.count, stop - part.count
            if low >= high:
                continue
            rows = part.rows(low, high)
            stored = self.source.stored(part.name)
            self._count((high - low) * stored.data.shape[1])
            found.append(stored.data[rows] if blocks else self.source.rows(part.name, rows))
        together = np.concatenate(found) if len(found) > 1 else found[0]
        if blocks:
            return pack_blocks(together, kind, width)
        return pack(together, cast(Format, kind))

    def _keep(self, matrix: PackedMatrix) -> PackedMatrix:
        return _assemble(iter([(0, 0, matrix)]), matrix.count, matrix.out_features, self.new)

    def _part(self, name: str, order: NDArray[np.intp] | None = None) -> _Part:
        return _Part(name, 0, len(self.source.stored(name).data), order)

    def _whole(self, name: str) -> F32:
        self._count(self.source.stored(name).data.nbytes)
        return self.source.tensor(name)

    def _count(self, nbytes: int) -> None:
        self.done += nbytes
        if self.progress is not None:
            self.progress(min(self.done, self.total), self.total)


def _order_of_heads(heads: int, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """The order within one head, for the rows of all heads."""
    return (np.arange(heads)[:, None] * len(order) + order).reshape(-1)


def _assemble(pieces: Iterator[tuple[int, int, PackedMatrix]], count: int, rows: int, new: New) -> PackedMatrix:
    """One stack of `count` matrices out of (number in the stack, first row, packed rows).

    Every array of a PackedMatrix begins with [stack, blocks of 16 rows], so pieces are slices of the whole.
    """
    whole: dict[str, NDArray[Any]] = {}
    piece: PackedMatrix | None = None
    for n, row, piece in pieces:
        first = row // BLOCK
        for name, part in (("data", piece.data), ("scales", piece.scales)):
            if part is None:
                continue
            if name not in whole:
                whole[name] = new(part.dtype, (count, -(-rows // BLOCK), *part.shape[2:]))
            whole[name][n : n + len(part), first : first + part.shape[1]] = part
    assert piece is not None
    data, scales = whole["data"], whole.get("scales")
    return PackedMatrix(piece.format, rows, piece.in_features, data, scales, count)
