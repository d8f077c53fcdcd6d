"""Every family that the engine runs, in torch, to be trained further: DeepSeek-V2, V3, Llama, Qwen2, Qwen3, Qwen3-MoE.

One module for all, driven by an `Architecture`: what differs is its attention (latent or grouped), its feed-forward
part (dense or experts), biases, norms and rotations.  Read downwards: linear, norm, rotation, attention, feed-forward,
`CausalLM`, loading.  (`transformer` is the model that we pretrain, made for speed; this one is made for every shape.)

Shapes are suffixes of names:

    B batch   T position   N = B·T tokens   D hidden_size   V vocab_size   H heads   E experts   A chosen experts

Names of modules are Hugging Face's.  Weights are float32 and trained, or frozen and small (`frozen.Storage`), with a
low-rank addition that is trained (LoRA, Hu et al. 2021, arXiv:2106.09685); the arithmetic runs in the dtype of x.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from huozhong.model.architecture import (
    Architecture,
    Experts,
    GroupedAttention,
    LatentAttention,
    LinearScaling,
    Llama3Scaling,
    Rope,
)
from huozhong.model.config import YarnScaling, yarn_mscale
from huozhong.model.frozen import Frozen, Storage, frozen_linear

IGNORED = -100  # a target that carries no loss
LOGITS_BYTES = 64 << 20  # float32 logits held at once
SHAPES = 64  # positions that meet the vocabulary are a multiple of it
PIECE = 1 << 22  # numbers read from a file at once


# -- weights ---------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """y = x Wᵀ + b, W trained or frozen, plus scale · (x Aᵀ) Bᵀ where there is an adapter."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.weight: nn.Parameter | None = None
        self.frozen: Frozen | None = None
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.lora_A: nn.Parameter | None = None
        self.lora_B: nn.Parameter | None = None
        self.lora_scale = 0.0

    def adapt(self, rank: int, scale: float) -> None:
        """Add A [rank, inputs], random, and B [outputs, rank], zero: at first nothing changes."""
        bound = self.inputs**-0.5
        self.lora_A = nn.Parameter(torch.empty(rank, self.inputs).uniform_(-bound, bound))
        self.lora_B = nn.Parameter(torch.zeros(self.outputs, rank))
        self.lora_scale = scale

    def forward(self, x: Tensor) -> Tensor:
        if self.frozen is not None:
            y = frozen_linear(x, self.frozen)
        else:
            assert self.weight is not None, "no weights were loaded"
            y = F.linear(x, self.weight.to(x.dtype))
        if self.bias is not None:
            y = y + self.bias.to(x.dtype)
        if self.lora_A is not None and self.lora_B is not None and self.lora_scale:
            y = y + F.linear(F.linear(x, self.lora_A.to(x.dtype)), self.lora_B.to(x.dtype)) * self.lora_scale
        return y


class Embedding(nn.Module):
    """A row [D] per token; trained float32, or frozen (in bfloat16 where the storage is smaller)."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.outputs, self.inputs = count, width
        self.weight: nn.Parameter | None = None
        self.frozen: Frozen | None = None

    def table(self) -> Tensor:
        """[V, D]"""
        if self.frozen is not None:
            return self.frozen.values
        assert self.weight is not None, "no weights were loaded"
        return self.weight

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return F.embedding(tokens_BT, self.table())


class RMSNorm(nn.Module):
    """x / rms(x) · weight; the mean square is taken in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale).to(x.dtype) * self.weight.to(x.dtype)


# -- rotation --------------------------------------------------------------------------------------------


def rope_frequencies(rope: Rope) -> tuple[Tensor, float]:
    """Radians per position of every pair [dim / 2], float32, and the factor on cosines and sines."""
    kept = 1.0 / rope.theta ** (np.arange(0, rope.dim, 2) / rope.dim)
    scaling, factor = rope.scaling, 1.0
    if rope.factors is not None:
        kept = kept / np.array(rope.factors)
    elif isinstance(scaling, LinearScaling):
        kept = kept / scaling.factor
    elif isinstance(scaling, Llama3Scaling):
        turns = scaling.original_max_position_embeddings * kept / (2 * np.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        fast = np.clip((turns - low) / (high - low), 0, 1)
        kept = kept * fast + kept / scaling.factor * (1 - fast)
    elif isinstance(scaling, YarnScaling):
        slow = _yarn_ramp(rope, scaling)
        kept = kept * (1 - slow) + kept / scaling.factor * slow
        factor = yarn_mscale(scaling.factor, 1.0)
        if scaling.mscale and scaling.mscale_all_dim:
            factor = yarn_mscale(scaling.factor, scaling.mscale) / yarn_mscale(scaling.factor, scaling.mscale_all_dim)
    if rope.attention_factor is not None:
        factor = rope.attention_factor
    return torch.from_numpy(kept.astype(np.float32)), factor


def _yarn_ramp(rope: Rope, yarn: YarnScaling) -> np.ndarray:
    """How far each pair is slowed, 0 to 1 (Peng et al. 2023, §3.2)."""

    def pair_that_turns(times: float) -> float:
        wavelength = yarn.original_max_position_embeddings / (times * 2 * math.pi)
        return rope.dim * math.log(wavelength) / (2 * math.log(rope.theta))

    low = max(math.floor(pair_that_turns(yarn.beta_fast)), 0)
    high = min(math.ceil(pair_that_turns(yarn.beta_slow)), rope.dim - 1)
    return np.clip((np.arange(rope.dim // 2) - low) / max(high - low, 0.001), 0, 1)


class Rotation:
    """Cosines and sines of a batch's positions, and how pairs lie in a head."""

    def __init__(self, cos_BTR: Tensor, sin_BTR: Tensor, interleaved: bool) -> None:
        self.cos, self.sin, self.interleaved = cos_BTR[:, :, None], sin_BTR[:, :, None], interleaved

    def __call__(self, x_BTHR: Tensor) -> Tensor:
        """Rotated; interleaved pairs come out as halves, for queries and keys alike, which no product can tell."""
        wide = x_BTHR.float()
        first, second = (wide[..., 0::2], wide[..., 1::2]) if self.interleaved else wide.chunk(2, dim=-1)
        turned = (first * self.cos - second * self.sin, second * self.cos + first * self.sin)
        return torch.cat(turned, dim=-1).to(x_BTHR.dtype)


# -- attention -------------------------------------------------------------------------------------------


class GroupedSelfAttention(nn.Module):
    """Grouped-query attention; per-head norms before the rotation where the family has them (Qwen3)."""

    def __init__(self, a: Architecture, attention: GroupedAttention) -> None:
        super().__init__()
        self.a, self.scale = attention, a.softmax_scale
        heads, keys, width = attention.num_heads, attention.num_kv_heads, attention.head_dim
        self.q_proj = Linear(a.hidden_size, heads * width, attention.qkv_bias)
        self.k_proj = Linear(a.hidden_size, keys * width, attention.qkv_bias)
        self.v_proj = Linear(a.hidden_size, keys * width, attention.qkv_bias)
        self.o_proj = Linear(heads * width, a.hidden_size, attention.out_bias)
        if attention.qk_norm:
            self.q_norm = RMSNorm(width, a.rms_norm_eps)
            self.k_norm = RMSNorm(width, a.rms_norm_eps)

    def forward(self, x_BTD: Tensor, rotate: Rotation, docs: Documents | None) -> Tensor:
        batch, length, _ = x_BTD.shape
        q, k, v = (p(x_BTD).view(batch, length, -1, self.a.head_dim) for p in (self.q_proj, self.k_proj, self.v_proj))
        if self.a.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q), rotate(k)
        shared = self.a.num_heads // self.a.num_kv_heads
        k, v = (x.repeat_interleave(shared, dim=2) for x in (k, v))
        return self.o_proj(_attend(q, k, v, docs, self.scale))


class LatentSelfAttention(nn.Module):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1), un-absorbed."""

    def __init__(self, a: Architecture, attention: LatentAttention) -> None:
        super().__init__()
        self.a, self.scale = attention, a.softmax_scale
        heads, width = attention.num_heads, a.hidden_size
        if attention.q_lora_rank is None:
            self.q_proj = Linear(width, heads * attention.qk_head_dim)
        else:
            self.q_a_proj = Linear(width, attention.q_lora_rank)
            self.q_a_layernorm = RMSNorm(attention.q_lora_rank, a.latent_norm_eps)
            self.q_b_proj = Linear(attention.q_lora_rank, heads * attention.qk_head_dim)
        self.kv_a_proj_with_mqa = Linear(width, attention.row_dim)
        self.kv_a_layernorm = RMSNorm(attention.kv_lora_rank, a.latent_norm_eps)
        self.kv_b_proj = Linear(attention.kv_lora_rank, heads * (attention.qk_nope_head_dim + attention.v_head_dim))
        self.o_proj = Linear(heads * attention.v_head_dim, width)

    def forward(self, x_BTD: Tensor, rotate: Rotation, docs: Documents | None) -> Tensor:
        a = self.a
        batch, length, _ = x_BTD.shape
        if a.q_lora_rank is None:
            q = self.q_proj(x_BTD)
        else:
            q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BTD)))
        q_nope, q_rope = q.view(batch, length, a.num_heads, -1).split([a.qk_nope_head_dim, a.qk_rope_head_dim], dim=-1)
        latent, k_rope = self.kv_a_proj_with_mqa(x_BTD).split([a.kv_lora_rank, a.qk_rope_head_dim], dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).view(batch, length, a.num_heads, -1)
        k_nope, v = kv.split([a.qk_nope_head_dim, a.v_head_dim], dim=-1)
        k_rope = rotate(k_rope[:, :, None]).expand(-1, -1, a.num_heads, -1)
        q, k = torch.cat((q_nope, rotate(q_rope)), dim=-1), torch.cat((k_nope, k_rope), dim=-1)
        return self.o_proj(_attend(q, k, v, docs, self.scale))


class Documents:
    """Which tokens of a row may see each other: those of one document, which lie together.

    Short documents are attended side by side, padded to the longest (place_SL: where their tokens stand in the row;
    back_T: where a token of the row stands among them); where padding would cost more, by a mask over the whole row.
    """

    def __init__(self, doc_BT: Tensor) -> None:
        sizes_S = torch.unique_consecutive(doc_BT.flatten(), return_counts=True)[1]
        longest, length = int(sizes_S.max()), doc_BT.shape[1]
        self.mask: Tensor | None = None
        if len(doc_BT) > 1 or len(sizes_S) * longest**2 > length**2:
            same = doc_BT[:, :, None] == doc_BT[:, None, :]
            self.mask = same.tril()[:, None]
            return
        starts_S = sizes_S.cumsum(0) - sizes_S
        within_L = torch.arange(longest, device=doc_BT.device)
        # what lies behind a document's end is later than all of it, so nothing of it sees that
        self.place_SL = (starts_S[:, None] + within_L).clamp_max(length - 1)
        self.back_T = (within_L < sizes_S[:, None]).flatten().nonzero().squeeze(1)


def _attend(q_BTHK: Tensor, k_BTHK: Tensor, v_BTHv: Tensor, docs: Documents | None, scale: float) -> Tensor:
    """softmax(scale · q kᵀ) v as [B, T, H·v], over what is not later and in the same document."""
    width, mask = v_BTHv.shape[-1], None
    v_BTHv = F.pad(v_BTHv, (0, q_BTHK.shape[-1] - width))  # torch's fused kernels want equal widths
    apart = docs is not None and docs.mask is None
    if docs is not None:
        mask = docs.mask
        if apart:
            q_BTHK, k_BTHK, v_BTHv = (x[0, docs.place_SL] for x in (q_BTHK, k_BTHK, v_BTHv))
    q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTHK, v_BTHv))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale)
    out = out[..., :width].transpose(1, 2).flatten(2)
    return out.flatten(0, 1)[docs.back_T][None] if docs is not None and apart else out


# -- feed-forward ----------------------------------------------------------------------------------------


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x))."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = Linear(width, inner)
        self.up_proj = Linear(width, inner)
        self.down_proj = Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Router(nn.Module):
    """Which experts a token meets, and with what weights; see `architecture.Experts`."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        self.e = experts
        self.weight = nn.Parameter(torch.empty(experts.count, width))
        self.e_score_correction_bias: Tensor | None
        self.register_buffer("e_score_correction_bias", torch.empty(experts.count) if experts.bias else None)

    def forward(self, x_ND: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [N, A] float32 and expert numbers [N, A]."""
        e = self.e
        logits_NE = F.linear(x_ND.float(), self.weight)
        scores_NE = torch.sigmoid(logits_NE) if e.scoring == "sigmoid" else torch.softmax(logits_NE, dim=-1)
        chosen_NA = self._choose(scores_NE.detach())
        weights_NA = scores_NE.gather(1, chosen_NA)
        if e.normalize:
            weights_NA = weights_NA / (weights_NA.sum(-1, keepdim=True) + 1e-20)
        return weights_NA * e.scale, chosen_NA

    def _choose(self, scores_NE: Tensor) -> Tensor:
        e = self.e
        if self.e_score_correction_bias is not None:
            scores_NE = scores_NE + self.e_score_correction_bias
        if e.top_groups < e.groups:
            grouped = scores_NE.view(len(scores_NE), e.groups, -1)
            best = grouped.topk(2, dim=-1).values.sum(-1) if e.group_score == "top2" else grouped.amax(-1)
            dropped = torch.ones_like(best, dtype=torch.bool).scatter(1, best.topk(e.top_groups).indices, False)
            scores_NE = grouped.masked_fill(dropped[..., None], float("-inf")).flatten(1)
        return scores_NE.topk(e.per_token, dim=-1).indices


class MixtureOfExperts(nn.Module):
    """Routed experts, one after the other (only one is unpacked at a time), and a shared one where there is one."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        self.gate = Router(width, experts)
        self.experts = nn.ModuleList([SwiGLU(width, experts.hidden) for _ in range(experts.count)])
        self.shared_experts = SwiGLU(width, experts.shared_hidden) if experts.shared_hidden else None

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_ND = x_BTD.flatten(0, 1)
        weights_NA, chosen_NA = self.gate(x_ND)
        y_ND = torch.zeros_like(x_ND) if self.shared_experts is None else self.shared_experts(x_ND)
        for number in chosen_NA.unique().tolist():
            rows, places = (chosen_NA == number).nonzero(as_tuple=True)
            share = weights_NA[rows, places, None].to(x_ND.dtype)
            y_ND = y_ND.index_add(0, rows, self.experts[number](x_ND[rows]) * share)
        return y_ND.view_as(x_BTD)


# -- the model -------------------------------------------------------------------------------------------


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, a: Architecture, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.self_attn: nn.Module
        if isinstance(a.attention, LatentAttention):
            self.self_attn = LatentSelfAttention(a, a.attention)
        else:
            self.self_attn = GroupedSelfAttention(a, a.attention)
        self.post_attention_layernorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.mlp: nn.Module
        if a.is_moe_layer(layer):
            assert a.experts is not None
            self.mlp = MixtureOfExperts(a.hidden_size, a.experts)
        else:
            self.mlp = SwiGLU(a.hidden_size, a.intermediate_size)

    def forward(self, x_BTD: Tensor, rotate: Rotation, docs: Documents | None) -> Tensor:
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), rotate, docs)
        return x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))


class Decoder(nn.Module):
    """Embedding, blocks and final norm; prediction modules (MTP) are left out."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.embed_tokens = Embedding(a.vocab_size, a.hidden_size)
        self.layers = nn.ModuleList([Block(a, layer) for layer in range(a.num_layers)])
        self.norm = RMSNorm(a.hidden_size, a.rms_norm_eps)


class CausalLM(nn.Module):
    """A language model of any family.

    dtype: of the arithmetic.  recompute: keep only what goes into each block and compute the rest again on the way
    back: a quarter more time, a fraction of the memory.  `load_causal_lm` fills it with weights.
    """

    def __init__(self, architecture: Architecture, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.architecture, self.dtype, self.recompute = architecture, dtype, False
        self.model = Decoder(architecture)
        tied = architecture.tie_word_embeddings
        self.lm_head = None if tied else Embedding(architecture.vocab_size, architecture.hidden_size)
        self._frequencies, self._rope_factor = rope_frequencies(architecture.rope)

    def forward(self, tokens_BT: Tensor, *, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None) -> Tensor:
        """Final-normed hidden states [B, T, D].

        doc_BT: document of each token, neighbours together; attention stays inside one (None: one per row).
        pos_BT: position of each token in its document (None: 0, 1, 2 ...).
        """
        if pos_BT is None:
            pos_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)[None]
        angle = pos_BT[..., None].float() * self._frequencies.to(tokens_BT.device)
        rotate = Rotation(
            angle.cos() * self._rope_factor, angle.sin() * self._rope_factor, self.architecture.rope.interleaved
        )
        docs = None if doc_BT is None else Documents(doc_BT)
        x_BTD = self.model.embed_tokens(tokens_BT).to(self.dtype)
        for block in self.model.layers:
            if self.recompute and torch.is_grad_enabled():
                x_BTD = checkpoint(block, x_BTD, rotate, docs, use_reentrant=False)
            else:
                x_BTD = block(x_BTD, rotate, docs)
        return self.model.norm(x_BTD)

    @property
    def head_weight(self) -> Tensor:
        """The vocabulary projection [V, D]: the embedding itself when tied."""
        return (self.model.embed_tokens if self.lm_head is None else self.lm_head).table()

    def logits(self, hidden: Tensor) -> Tensor:
        """Vocabulary scores [..., V] of final-normed hidden states [..., D]."""
        return F.linear(hidden, self.head_weight.to(hidden.dtype))

    def log_probs(
        self, tokens_BT: Tensor, targets_BT: Tensor, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """log p of every target that is not −100, float32 [M], and where they stand in the flattened batch [M].

        Only these positions meet the vocabulary, some at a time; their logits are computed again on the way back.
        """
        hidden_ND = self(tokens_BT, doc_BT=doc_BT, pos_BT=pos_BT).flatten(0, 1)
        places_M = (targets_BT.flatten() != IGNORED).nonzero().squeeze(1)
        count = len(places_M)
        filled_M = F.pad(places_M, (0, -count % SHAPES))  # few shapes: torch keeps code and memory for each
        targets_M, hidden_MD = targets_BT.flatten()[filled_M].clamp_min(0), hidden_ND[filled_M]
        weight, rows = self.head_weight, max(1, LOGITS_BYTES // (4 * self.architecture.vocab_size))
        parts = [
            checkpoint(_chosen_log_probs, hidden, weight, target, use_reentrant=False)
            for hidden, target in zip(hidden_MD.split(rows), targets_M.split(rows), strict=True)
        ]
        return torch.cat(parts)[:count], places_M


def _chosen_log_probs(hidden_MD: Tensor, weight_VD: Tensor, targets_M: Tensor) -> Tensor:
    logits_MV = F.linear(hidden_MD, weight_VD.to(hidden_MD.dtype))
    return torch.log_softmax(logits_MV, dim=-1, dtype=torch.float32).gather(1, targets_M[:, None]).squeeze(1)


# -- loading ---------------------------------------------------------------------------------------------


class Tensors(Protocol):
    """Where weights come from, by Hugging Face name and in its order of rows (`hf_view.HuggingFaceView`)."""

    def tensor(self, name: str) -> np.ndarray: ...

    def pieces(self, name: str, numbers: int) -> Iterator[np.ndarray]: ...


def load_causal_lm(
    architecture: Architecture, tensors: Tensors, *, storage: Storage | None, dtype: torch.dtype = torch.float32
) -> CausalLM:
    """A model with the weights of `tensors`, on the CPU.

    storage: how matrices are kept, frozen; None: float32, everything to be trained.  Norms, biases and routers are
    float32 in either case.
    """
    with torch.device("meta"):
        model = CausalLM(architecture, dtype=dtype)
    model._frequencies, model._rope_factor = rope_frequencies(architecture.rope)
    train = storage is None
    for name, module in model.named_modules():
        if isinstance(module, Linear | Embedding):
            if storage is not None:
                kept: Storage = "bfloat16" if isinstance(module, Embedding) and storage != "float32" else storage
                module.frozen = Frozen.pack(tensors.pieces(f"{name}.weight", PIECE), kept, module.outputs)
            else:
                module.weight = _parameter(tensors, f"{name}.weight", train)
            if getattr(module, "bias", None) is not None:
                module.bias = _parameter(tensors, f"{name}.bias", train)
        elif isinstance(module, RMSNorm | Router):
            module.weight = _parameter(tensors, f"{name}.weight", train)
            if isinstance(module, Router) and module.e_score_correction_bias is not None:
                module.e_score_correction_bias = torch.from_numpy(tensors.tensor(f"{name}.e_score_correction_bias"))
    return model


def _parameter(tensors: Tensors, name: str, train: bool) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(tensors.tensor(name)), requires_grad=train)
