"""What a model takes: parameters, operations, memory, and bytes read for each token.  Nothing is loaded.

`count_parameters` and `flops_per_token` ask a config; `footprint` asks a model on disk, which also says how its
tensors are stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from huozhong.model.architecture import Architecture, CacheFormat, LatentAttention, row_bytes
from huozhong.model.config import ModelConfig
from huozhong.model.tensors import TABLE, Shape, expected_tensors

Packing = Literal["stored", "q8", "q4"]
# Bytes per weight of the engine's formats: a group of 32 weights and its half-precision scale.
_PACKED = {"q8": 34 / 32, "q4": 18 / 32}
# Bytes per weight of a file's formats as the engine holds them; float8 is unpacked to float32.
_FLOATS = {"F32": 4.0, "F16": 2.0, "BF16": 2.0, "F8_E4M3": 4.0}
STORED = _FLOATS | {  # blocks of 32, or 16 rows of blocks of 256
    "Q4_0": 18 / 32, "Q4_1": 20 / 32, "Q5_0": 22 / 32, "Q5_1": 24 / 32, "Q8_0": 34 / 32,
    "IQ4_NL": 18 / 32, "MXFP4": 18 / 32, "IQ4_XS": 2240 / 4096,
    "Q2_K": 1344 / 4096, "Q3_K": 1856 / 4096, "Q4_K": 2368 / 4096, "Q5_K": 2880 / 4096, "Q6_K": 3392 / 4096,
}  # fmt: skip
# Their codebooks are looked up once: 8 bits a number from then on.
STORED |= dict.fromkeys(
    ("IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S", "TQ1_0", "TQ2_0"), 4416 / 4096
)
_EMBEDDING = "model.embed_tokens.weight"
_EXACT = ("mlp.gate.weight", "weights_proj.weight", "hc.fn", "hc_fn", ".position_bias", TABLE)  # 4 bytes a number


# -- of a config -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of weights, prediction modules included.

    total: all (a tied head counts once).  active: those that one token meets; of the routed experts,
    `num_experts_per_tok` per layer.  embedding: the input embedding, which is looked up, not multiplied.
    matrices: active weights that are multiplied with, the vocabulary projection once (tied or not).
    """

    total: int
    active: int
    embedding: int
    matrices: int


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Count the weights of a config; the balancing bias is counted too, as it is stored."""
    a = Architecture.from_config(config)
    total, active, vectors = 0, 0.0, 0
    for name, shape in expected_tensors(a):
        size = math.prod(shape)
        total += size
        active += size * _share(a, name)
        vectors += size if len(shape) == 1 else 0
    embedding = config.vocab_size * config.hidden_size
    matrices = round(active) - vectors - (0 if config.tie_word_embeddings else embedding)
    return ParameterCount(total, round(active), embedding, matrices)


def num_parameters(config: ModelConfig) -> int:
    """All weights of a config."""
    return count_parameters(config).total


def flops_per_token(config: ModelConfig, length: int, *, training: bool = True) -> float:
    """Floating point operations per token, a multiply-add as two, averaged over a row of `length` positions.

    Forward: 2 per multiplied weight, and for causal attention (un-absorbed) H·(qk + v) per earlier position,
    two operations each, over length/2 positions on average.  Training: three times that (Kaplan et al. 2020,
    arXiv:2001.08361, §2.1).  Prediction modules and their use of the head are counted when there are any.
    """
    modules = config.num_nextn_predict_layers
    weights = count_parameters(config).matrices + modules * config.vocab_size * config.hidden_size
    layers = config.num_hidden_layers + modules
    attention = layers * config.num_attention_heads * (config.qk_head_dim + config.v_head_dim) * length / 2
    return (6 if training else 2) * (weights + attention)


# -- of a model on disk ----------------------------------------------------------------------------------


class StoredTensor(Protocol):
    """type: F32, BF16 ... or a GGUF block format.  shape: outermost dimension first."""

    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> Shape: ...


class StoredModel(Protocol):
    """What is asked of a model on disk (`formats.source.ModelSource`)."""

    @property
    def architecture(self) -> Architecture: ...
    def names(self) -> list[str]: ...
    def stored(self, name: str) -> StoredTensor: ...


@dataclass(frozen=True)
class Footprint:
    """A model in numbers.

    total, active: parameters, and those that one token meets.  memory: bytes of the weights by packing.
    read: bytes of weights that the computation of one token reads, by packing.  experts: bytes of the routed experts,
    which may stay on the disk.
    Of prediction modules (MTP) only the first runs, to guess ahead: it takes memory and counts nowhere else.
    types: how the matrices are stored, the commonest first.
    """

    total: int
    active: int
    memory: dict[Packing, int]
    read: dict[Packing, int]
    experts: dict[Packing, int]
    types: tuple[str, ...]


def footprint(source: StoredModel) -> Footprint:
    """Count the tensors of a model."""
    a = source.architecture
    total = active = 0.0
    memory: dict[Packing, float] = {"stored": 0.0, "q8": 0.0, "q4": 0.0}
    read, experts = dict(memory), dict(memory)
    types: dict[str, int] = {}
    for name in source.names():
        module = _layer(name) - a.num_layers
        if module > 0:
            continue
        stored = source.stored(name)
        size, share = math.prod(stored.shape), _share(a, name)
        met = share if name != _EMBEDDING or a.tie_word_embeddings else 0.0  # one row of it is looked up
        if module < 0:
            total += size
            active += size * share
            if len(stored.shape) > 1 and not name.endswith(TABLE):
                types[stored.type] = types.get(stored.type, 0) + size
        else:
            met = 0.0
        for packing in memory:
            count = _bytes(name, stored, packing)
            memory[packing] += count * (1 + _kept_again(a, name))
            read[packing] += count * met
            experts[packing] += count if _share(a, name) < 1 else 0
    return Footprint(
        round(total),
        round(active),
        {p: round(b) for p, b in memory.items()},
        {p: round(b) for p, b in read.items()},
        {p: round(b) for p, b in experts.items()},
        tuple(sorted(types, key=lambda kind: -types[kind])),
    )


def cache_bytes(a: Architecture, tokens: int, format: CacheFormat = "f16") -> int:
    """What the cache of `tokens` tokens takes."""
    layers = a.num_layers + min(a.num_nextn_predict_layers, 1)  # the first prediction module keeps its own
    return layers * row_bytes(a, format) * tokens


def _layer(name: str) -> int:
    """The layer a tensor belongs to; -1 for those of no layer, which come before all."""
    layer = name.removeprefix("model.layers.").split(".")[0]
    return int(layer) if layer.isdecimal() else -1


def _share(a: Architecture, name: str) -> float:
    """The part of a tensor that one token meets: of the routed experts, those it is sent to."""
    if a.experts is None or ".mlp.experts." not in name:
        return 1.0
    return a.experts.per_token / a.experts.count


def _bytes(name: str, stored: StoredTensor, packing: Packing) -> float:
    size = math.prod(stored.shape)
    if len(stored.shape) == 1 or name.endswith(_EXACT):
        return 4.0 * size  # vectors and what makes choices are float32, whatever the rest is
    per_weight = STORED[stored.type] if packing == "stored" else _PACKED[packing]
    if packing == "q4" and (name in (_EMBEDDING, "lm_head.weight") or ".indexer." in name or ".compressor." in name):
        per_weight = _PACKED["q8"]
    if name.endswith("kv_b_proj.weight"):  # q8 when anything is quantised, else float32
        per_weight = 4.0 if packing == "stored" and stored.type in _FLOATS else _PACKED["q8"]
    return per_weight * size


def _kept_again(a: Architecture, name: str) -> float:
    """The part of a tensor that memory holds twice: the keys' half of kv_b_proj, plain and transposed."""
    latent = a.attention
    if not isinstance(latent, LatentAttention) or not name.endswith("kv_b_proj.weight"):
        return 0.0
    return latent.qk_nope_head_dim / (latent.qk_nope_head_dim + latent.v_head_dim)
