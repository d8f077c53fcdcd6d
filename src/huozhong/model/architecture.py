"""What the engine can run, as numbers: one frozen `Architecture` for every family of open models.  No torch.

A model is a stack of layers, each attention and a feed-forward part.  Attention is latent (DeepSeek's MLA)
or grouped (GQA: Llama, Qwen); a feed-forward part is dense or a mixture of experts.  `ModelConfig` is what we
train, always DeepSeek-V3; an `Architecture` is what we run, whoever trained it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig, YarnScaling, yarn_mscale
from huozhong.model.page_layout import CacheFormat as CacheFormat
from huozhong.model.page_layout import PageLayout, key_bytes, part_bytes

Family = Literal[
    "deepseek_v3", "deepseek_v32", "deepseek_v4", "glm_moe_dsa", "deepseek_v2", "llama", "qwen2", "qwen3", "qwen3_moe"
]
LayerKind = Literal["window", "sparse", "heavy"]  # of compressed attention


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """What chooses the keys of sparse attention (DeepSeek-V3.2, arXiv:2512.02556, §2.1).

    A row that has more than top_k keys before it attends to the best of them, by the score
    sum over num_heads of weight * max(query . key, 0); queries and keys have head_dim numbers, of which the first
    are rotated.  interleaved: in neighbouring pairs (GLM-5), otherwise in halves.
    shared_layers: whether layer i looks at the keys that the layer before it chose (GLM-5.2); empty: none does.
    """

    num_heads: int
    head_dim: int
    top_k: int
    interleaved: bool = False
    shared_layers: tuple[bool, ...] = ()

    def is_shared(self, layer: int) -> bool:
        """Whether layer `layer` (0-based; MTP modules count on and have their own) has no indexer of its own."""
        return layer < len(self.shared_layers) and self.shared_layers[layer]


@dataclass(frozen=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1).

    q_lora_rank None: no query latent.  indexer None: every row attends to all keys before it.
    """

    num_heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    indexer: Indexer | None = None

    @property
    def qk_head_dim(self) -> int:
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def row_dim(self) -> int:
        """Numbers cached per token and layer: the KV latent and the shared rotary key."""
        return sum(self.row_parts)

    @property
    def row_parts(self) -> tuple[int, ...]:
        """`row_dim` by what lies together: scales of a quantised cache do not cross from one to the next."""
        return self.kv_lora_rank, self.qk_rope_head_dim


@dataclass(frozen=True, kw_only=True)
class GroupedAttention:
    """Grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245): num_heads / num_kv_heads share a key.

    qkv_bias: the three projections add a bias (Qwen2).  out_bias: o_proj does too (some Llamas).
    qk_norm: every head's query and key pass an RMS norm (Qwen3).
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    out_bias: bool = False
    qk_norm: bool = False

    @property
    def row_dim(self) -> int:
        """Numbers cached per token and layer: keys and values of every group."""
        return sum(self.row_parts)

    @property
    def row_parts(self) -> tuple[int, ...]:
        """`row_dim` by what lies together: a key, or a value, of one group."""
        return (self.head_dim,) * (2 * self.num_kv_heads)


@dataclass(frozen=True, kw_only=True)
class Experts:
    """A mixture of experts.

    count, per_token: routed experts, and how many a token meets.  hidden: one expert's inner width.
    shared_hidden: inner width of the shared expert, 0 without one.
    scoring: sigmoid (V3) or softmax over all experts (V2, Qwen3).  bias: experts are chosen by score + bias,
    and weighted without it.  groups, top_groups: experts are chosen inside the best groups; a group's score is
    the sum of its best two (group_score "top2", V3) or its best ("max", V2).
    normalize: weights of the chosen are divided by their sum.  scale: and multiplied by this.
    sqrtsoftplus (V4): sqrt(log(1 + exp(x))).  by_token: whether layer i looks a token's experts up in a table of its
    own (their weights are scores all the same); empty: none does.  limit: where gate (above) and up (both ways) are
    cut off.
    """

    count: int
    per_token: int
    hidden: int
    shared_hidden: int = 0
    scoring: Literal["sigmoid", "softmax", "sqrtsoftplus"] = "sigmoid"
    bias: bool = False
    by_token: tuple[bool, ...] = ()
    limit: float | None = None
    groups: int = 1
    top_groups: int = 1
    group_score: Literal["top2", "max"] = "top2"
    normalize: bool = True
    scale: float = 1.0

    def looks_up(self, layer: int) -> bool:
        """Whether layer `layer` takes a token's experts from its table."""
        return layer < len(self.by_token) and self.by_token[layer]


@dataclass(frozen=True, kw_only=True)
class Llama3Scaling:
    """Llama 3.1's context extension: slow rotations are slowed by `factor`, fast ones kept, the rest blended."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


@dataclass(frozen=True, kw_only=True)
class LinearScaling:
    """Every rotation is slowed by `factor` (position interpolation, Chen et al. 2023)."""

    factor: float


@dataclass(frozen=True, kw_only=True)
class Rope:
    """Rotary position embedding (Su et al. 2021) of the first `dim` numbers of a head.

    interleaved: pairs are neighbours (x[2i], x[2i + 1]); otherwise halves (x[i], x[i + dim / 2]): then packing
    reorders the projections' rows, and everything behind it sees neighbours only.
    factors: GGUF's own slow-down of each frequency [dim / 2], which replaces `scaling`.
    attention_factor: what cosines and sines are multiplied by where that is not what `scaling` says itself.
    """

    dim: int
    theta: float
    interleaved: bool
    scaling: YarnScaling | Llama3Scaling | LinearScaling | None = None
    factors: tuple[float, ...] | None = None
    attention_factor: float | None = None


@dataclass(frozen=True, kw_only=True)
class CompressedAttention:
    """Attention of a window and of compressed entries (DeepSeek-V4): one key for all heads, which is the value too.

    kinds, of each layer: "window" sees the last `window` positions; "sparse" also the entries, one for every
    sparse_rate positions, that its indexer chose; "heavy" also all entries, one for every heavy_rate.
    The last numbers of a head are rotated, as many as `Architecture.rope` says, in layers with entries by
    compress_rope, and the output is rotated back.  Heads leave by out_groups groups, each through out_rank numbers.
    """

    num_heads: int
    head_dim: int
    q_lora_rank: int
    window: int
    out_groups: int
    out_rank: int
    kinds: tuple[LayerKind, ...]
    indexer: Indexer
    compress_rope: Rope
    sparse_rate: int = 4
    heavy_rate: int = 128

    @property
    def row_dim(self) -> int:
        """Numbers cached per token and layer, without entries and what they are made from."""
        return self.head_dim

    @property
    def row_parts(self) -> tuple[int, ...]:
        return (self.head_dim,)

    @property
    def page_step(self) -> int:
        """Pages hold a multiple of so many positions: whole windows, and an indexer's keys in sixteens."""
        return math.lcm(16 * self.sparse_rate, self.heavy_rate)

    def rate(self, kind: LayerKind) -> int:
        """Positions of a window that becomes an entry; 0 without entries."""
        return {"window": 0, "sparse": self.sparse_rate, "heavy": self.heavy_rate}[kind]

    def page_layout(self, kind: LayerKind, page_size: int, format: CacheFormat) -> PageLayout:
        sparse = kind == "sparse"
        numbers = {"window": 0, "sparse": 4 * (self.head_dim + self.indexer.head_dim), "heavy": 3 * self.head_dim}
        return PageLayout(
            page_size=page_size,
            row=part_bytes(self.head_dim, format),
            every=self.rate(kind),
            key=key_bytes(self.indexer.head_dim, format) if sparse else 0,
            open=numbers[kind],
        )


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Hyper-connections (arXiv:2409.19606), as DeepSeek-V4 has them: `count` residual streams.

    What a layer reads is their weighted sum; what it gives is added to each with a weight of its own, and the streams
    are mixed by a matrix that `iterations` rounds make doubly stochastic.  eps: added where is divided.
    """

    count: int
    iterations: int
    eps: float


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that a forward pass needs to know about a model besides its weights.

    experts: None when every layer is dense.  moe_layers: whether layer i routes to experts; empty means that
    none does.  MTP modules count on from num_layers.
    latent_norm_eps: of MLA's latent norms, where it is not rms_norm_eps.
    num_nextn_predict_layers: MTP modules that the file holds.
    """

    MAX_LAYERS: ClassVar[int] = 4096  # a sane bound, so that a nonsensical file cannot make an endless list

    family: Family
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    attention: LatentAttention | GroupedAttention | CompressedAttention
    rope: Rope
    streams: Streams | None = None
    experts: Experts | None = None
    moe_layers: tuple[bool, ...] = ()
    rms_norm_eps: float = 1e-6
    latent_norm_eps: float = 1e-6
    max_position_embeddings: int = 2048
    tie_word_embeddings: bool = False
    num_nextn_predict_layers: int = 0
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.num_layers + self.num_nextn_predict_layers <= self.MAX_LAYERS:
            raise ConfigError(f"the model claims {self.num_layers} layers; 1 to {self.MAX_LAYERS} are possible.")
        if self.rope.dim % 2 or self.rope.theta <= 1:
            raise ConfigError(f"rope: {self.rope.dim} numbers cannot be rotated in pairs at base {self.rope.theta}.")
        if self.rope.factors is not None and len(self.rope.factors) != self.rope.dim // 2:
            raise ConfigError(f"rope: {len(self.rope.factors)} factors for {self.rope.dim // 2} frequencies.")
        a = self.attention
        if isinstance(a, GroupedAttention):
            if a.num_heads % a.num_kv_heads:
                raise ConfigError(
                    f"num_key_value_heads ({a.num_kv_heads}) must divide num_attention_heads ({a.num_heads})."
                )
            if self.rope.dim > a.head_dim:
                raise ConfigError(f"rope: {self.rope.dim} numbers of a head of {a.head_dim} cannot be rotated.")
        elif isinstance(a, CompressedAttention):
            self._check_compressed(a)
        elif self.rope.dim != a.qk_rope_head_dim:
            raise ConfigError(f"rope: {self.rope.dim} numbers, but qk_rope_head_dim is {a.qk_rope_head_dim}.")
        elif a.indexer is not None:
            self._check_indexer(a, a.indexer)
        if any(self.moe_layers):
            self._check_experts()

    def _check_indexer(self, a: LatentAttention, indexer: Indexer) -> None:
        i = indexer
        if a.q_lora_rank is None:
            raise ConfigError("sparse attention needs a query latent (q_lora_rank), from which its indexer reads.")
        if min(i.num_heads, i.top_k) < 1:
            raise ConfigError(f"index_n_heads ({i.num_heads}) and index_topk ({i.top_k}) must be at least 1.")
        if i.head_dim < max(a.qk_rope_head_dim, 1) or i.head_dim % 32:
            raise ConfigError(
                f"index_head_dim is {i.head_dim}; it must be a multiple of 32 and at least qk_rope_head_dim "
                f"({a.qk_rope_head_dim})."
            )
        if i.is_shared(0):
            raise ConfigError("indexer_types: the first layer cannot share the choice of one before it.")
        if i.shared_layers and len(i.shared_layers) != self.num_layers:
            raise ConfigError(f"indexer_types has {len(i.shared_layers)} entries for {self.num_layers} layers.")

    def _check_compressed(self, a: CompressedAttention) -> None:
        if len(a.kinds) != self.num_layers or self.streams is None:
            raise ConfigError(f"layer_types has {len(a.kinds)} entries for {self.num_layers} layers.")
        if self.rope.dim != a.compress_rope.dim or self.rope.dim > min(a.head_dim, a.indexer.head_dim):
            raise ConfigError(f"rope: {self.rope.dim} numbers of a head of {a.head_dim} cannot be rotated.")
        if a.num_heads % a.out_groups:
            raise ConfigError(f"o_groups ({a.out_groups}) must divide num_attention_heads ({a.num_heads}).")
        if a.indexer.head_dim % 32:
            raise ConfigError(f"index_head_dim is {a.indexer.head_dim}; it must be a multiple of 32.")
        if not 1 <= a.sparse_rate <= 4 or not 1 <= a.heavy_rate <= 1024:
            raise ConfigError(
                f"compress_rates are {a.sparse_rate} and {a.heavy_rate}; the first must lie between 1 and 4, "
                "the second between 1 and 1024."
            )
        if self.num_nextn_predict_layers:
            raise ConfigError("prediction modules of compressed attention are not supported.")

    def _check_experts(self) -> None:
        e = self.experts
        if e is None or e.hidden < 1:
            raise ConfigError("a layer routes to experts, but moe_intermediate_size or their number is missing.")
        if not 1 <= e.per_token <= e.count <= 65536:
            raise ConfigError(f"num_experts_per_tok is {e.per_token}; it must lie between 1 and {e.count} experts.")
        if e.groups < 1 or e.count % e.groups or not 1 <= e.top_groups <= e.groups:
            raise ConfigError(
                f"n_group ({e.groups}) must divide the {e.count} experts and be at least topk_group ({e.top_groups})."
            )
        size = e.count // e.groups
        if e.groups > 1 and e.group_score == "top2" and size < 2:
            raise ConfigError("a routing group needs at least 2 experts: its score sums its best two.")
        if e.top_groups * size < e.per_token:
            raise ConfigError("the kept groups (topk_group) hold fewer experts than num_experts_per_tok.")

    @property
    def row_dim(self) -> int:
        """Numbers cached per token and layer."""
        return self.attention.row_dim

    @property
    def softmax_scale(self) -> float:
        """1/sqrt(width of a head's key), times YaRN's squared magnitude correction for MLA."""
        if not isinstance(self.attention, LatentAttention):
            return float(self.attention.head_dim**-0.5)
        scale: float = self.attention.qk_head_dim**-0.5
        yarn = self.rope.scaling
        if isinstance(yarn, YarnScaling) and yarn.mscale_all_dim:
            scale *= yarn_mscale(yarn.factor, yarn.mscale_all_dim) ** 2
        return scale

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer `layer` (0-based; MTP modules count on from num_layers) routes to experts."""
        return layer < len(self.moe_layers) and self.moe_layers[layer]

    @classmethod
    def from_config(cls, config: ModelConfig) -> Architecture:
        """What we train, as what we run."""
        c = config
        layers = min(c.num_hidden_layers + c.num_nextn_predict_layers, cls.MAX_LAYERS + 1)
        experts = None
        if c.n_routed_experts:
            experts = Experts(
                count=c.n_routed_experts,
                per_token=c.num_experts_per_tok,
                hidden=c.moe_intermediate_size,
                shared_hidden=c.n_shared_experts * c.moe_intermediate_size,
                scoring="sigmoid",
                bias=True,
                groups=c.n_group,
                top_groups=c.topk_group,
                group_score="top2",
                normalize=c.norm_topk_prob,
                scale=float(c.routed_scaling_factor),
            )
        return cls(
            family="deepseek_v3",
            vocab_size=c.vocab_size,
            hidden_size=c.hidden_size,
            intermediate_size=c.intermediate_size,
            num_layers=c.num_hidden_layers,
            attention=LatentAttention(
                num_heads=c.num_attention_heads,
                q_lora_rank=c.q_lora_rank,
                kv_lora_rank=c.kv_lora_rank,
                qk_nope_head_dim=c.qk_nope_head_dim,
                qk_rope_head_dim=c.qk_rope_head_dim,
                v_head_dim=c.v_head_dim,
            ),
            rope=Rope(dim=c.qk_rope_head_dim, theta=c.rope_theta, interleaved=True, scaling=c.rope_scaling),
            experts=experts,
            moe_layers=tuple(c.is_moe_layer(i) for i in range(layers)),
            rms_norm_eps=c.rms_norm_eps,
            max_position_embeddings=c.max_position_embeddings,
            tie_word_embeddings=c.tie_word_embeddings,
            num_nextn_predict_layers=c.num_nextn_predict_layers,
            bos_token_id=c.bos_token_id,
            eos_token_ids=() if c.eos_token_id is None else (c.eos_token_id,),
        )


def row_bytes(a: Architecture, format: CacheFormat) -> int:
    """What the cache keeps of one token in one layer; of compressed attention a page's share, rounded up."""
    if isinstance(a.attention, CompressedAttention):
        size = page_size_for(a)
        return -(-page_bytes(a, size, format) // size)
    return sum(part_bytes(width, format) for width in a.attention.row_parts) + index_bytes(a, format)


def page_bytes(a: Architecture, page_size: int, format: CacheFormat) -> int:
    """What the cache keeps of `page_size` tokens in one layer; the same for all layers."""
    if isinstance(c := a.attention, CompressedAttention):
        return max(c.page_layout(kind, page_size, format).size for kind in c.kinds)
    return page_size * row_bytes(a, format)


def index_bytes(a: Architecture, format: CacheFormat) -> int:
    """Of `row_bytes`, what an indexer's key takes: int8 and its scales, unless the cache rounds nothing."""
    indexer = a.attention.indexer if isinstance(a.attention, LatentAttention) else None
    return 0 if indexer is None else key_bytes(indexer.head_dim, format)


def page_size_for(a: Architecture) -> int:
    """Positions of a page of the cache: 64, or as many as whole windows of compressed attention need."""
    return math.lcm(64, a.attention.page_step) if isinstance(a.attention, CompressedAttention) else 64
