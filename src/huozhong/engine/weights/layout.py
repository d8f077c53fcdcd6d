"""A model's weights as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.dspark import BlockWeights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import Architecture

F32 = NDArray[np.float32]

# Matrices that read the same input stand in one tuple: their outputs lie side by side, in its order.
Matrices = tuple[PackedMatrix, ...]


@dataclass(frozen=True, eq=False)
class IndexerWeights:
    """What chooses the keys of one layer's sparse attention.

    query: heads x query latent; key, weights: x hidden.  Its choices are discrete: `weights` is always f32, query and
    key are never coarser than q8.  norm, bias: of keys.  Rotation takes neighbours (x[2i], x[2i + 1]) of each head.
    """

    query: PackedMatrix
    key: PackedMatrix
    weights: PackedMatrix
    norm: F32
    bias: F32


@dataclass(frozen=True, eq=False)
class LatentAttentionWeights:
    """One layer's MLA.  The halves of kv_b_proj lie apart, one matrix per head; the keys' also transposed.

    down: (query or its latent; KV latent and rotary key) x hidden.  q_up, q_norm: None without a query latent.
    k_up [H: nope x latent] and v_up [H: v x latent] expand the latent; q_absorb [H: latent x nope] is k_up
    transposed.  Where weights are quantised in any way these three are q8: they are small, and the absorbed and
    the un-absorbed form must stay close to each other; otherwise they are f32.
    indexer: None where attention is not sparse, or where the layer looks at the keys of the one before.
    """

    down: Matrices
    q_norm: F32 | None
    q_up: PackedMatrix | None
    kv_norm: F32
    k_up: PackedMatrix
    v_up: PackedMatrix
    q_absorb: PackedMatrix
    out: PackedMatrix
    indexer: IndexerWeights | None = None


@dataclass(frozen=True, eq=False)
class GroupedAttentionWeights:
    """One layer's grouped-query attention.

    qkv: (queries; keys; values) x hidden, head by head; one merged matrix where their formats agree.
    qkv_bias: [queries + keys + values].  q_norm, k_norm: [head_dim], of every head's query and key.
    Rows of queries and keys are in an order in which rotation takes neighbours (x[2i], x[2i + 1]).
    """

    qkv: Matrices
    qkv_bias: F32 | None
    q_norm: F32 | None
    k_norm: F32 | None
    out: PackedMatrix
    out_bias: F32 | None


@dataclass(frozen=True, eq=False)
class CompressorWeights:
    """What makes entries of a layer's positions (DeepSeek-V4): each a mix of values by gates, normed and rotated.

    project: (values; gates; of a sparse layer also the indexer's values; its gates) x hidden.  Of sparse layers each is
    twice as wide as an entry: what a position gives to the next window's entry, and what to its own.
    bias [rate, width]: added to the gates by the place in the window.  norm: of entries.
    index_query: heads x query latent; index_weights: heads x hidden, always f32; None where all entries are seen.
    """

    project: Matrices
    bias: F32
    norm: F32
    index_query: PackedMatrix | None = None
    index_weights: PackedMatrix | None = None
    index_bias: F32 | None = None
    index_norm: F32 | None = None


@dataclass(frozen=True, eq=False)
class CompressedAttentionWeights:
    """One layer's attention of a window and of entries (DeepSeek-V4).

    down: (query latent; key) x hidden.  q_up: heads x query latent.  sinks [heads]: scores that have no value.
    out_groups: a stack, for each group of heads one matrix rank x its heads; out: hidden x all ranks.
    compressor: None where a layer sees the window only.
    """

    down: Matrices
    q_norm: F32
    q_up: PackedMatrix
    kv_norm: F32
    sinks: F32
    out_groups: PackedMatrix
    out: PackedMatrix
    compressor: CompressorWeights | None = None


@dataclass(frozen=True, eq=False)
class MixWeights:
    """How streams are weighed (hyper-connections): f32 mix [outputs x streams * hidden], base [outputs], scale.

    Outputs are what a layer reads of each stream, what it gives to each, and how they mix: streams * (2 + streams);
    at the model's end only the first.  scale has a number for each kind.
    """

    mix: PackedMatrix
    base: F32
    scale: F32


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """SwiGLU.  gate_up: (gate; up) x hidden, one merged matrix where their formats agree."""

    gate_up: Matrices
    down: PackedMatrix


@dataclass(frozen=True, eq=False)
class MoeWeights:
    """Experts as stacked matrices; the router stays float32, for its choices are discrete.

    table: int32 [vocabulary, experts per token], where a token says itself which experts it meets.
    """

    router: PackedMatrix
    router_bias: F32 | None
    gate_up: Matrices
    down: PackedMatrix
    shared: DenseWeights | None
    table: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Exactly one of `dense` and `moe` is set.  The mixes are of models with several streams."""

    attention_norm: F32
    attention: LatentAttentionWeights | GroupedAttentionWeights | CompressedAttentionWeights
    mlp_norm: F32
    dense: DenseWeights | None
    moe: MoeWeights | None
    attention_mix: MixWeights | None = None
    mlp_mix: MixWeights | None = None


@dataclass(frozen=True, eq=False)
class PredictionWeights:
    """A multi-token-prediction module (DeepSeek-V3 §2.2): norm(layer(eh_proj [enorm(embedding); hnorm(h)])).

    eh_proj: hidden x 2 hidden.  Embedding and head are the model's own, the head whole (None) or those rows of it that
    a drafter guesses with, for the tokens `guessed` (int32).  mark: of a drafter, what it holds.
    """

    enorm: F32
    hnorm: F32
    eh_proj: PackedMatrix
    layer: LayerWeights
    norm: F32
    head: PackedMatrix | None = None
    guessed: NDArray[np.int32] | None = None
    mark: str = ""


@dataclass(frozen=True, eq=False)
class Mapped:
    """The packed file that arrays are views of.  data: all of it, uint8."""

    path: Path
    data: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Weights:
    """A whole model, packed.  With tied embeddings `embedding` and `head` are one matrix.

    format: how it was quantised ("none": as stored).  prediction: MTP modules, if the model has some.
    head_mix: how several streams become the state behind the last layer.
    mapped: the file that it lies in; None in memory.  expert_memory: bytes for experts, which then stay in that file
    (streaming.py); 0 where all are where their arrays are.  block: a drafter of the DSpark kind beside it.
    """

    architecture: Architecture
    format: str
    embedding: PackedMatrix
    layers: tuple[LayerWeights, ...]
    norm: F32
    head: PackedMatrix
    prediction: tuple[PredictionWeights, ...] = ()
    head_mix: MixWeights | None = None
    mapped: Mapped | None = None
    expert_memory: int = 0
    block: BlockWeights | None = None
