"""What decoders are made of, in torch; read downwards: linear, norm, rotation, attention, feed-forward, block.

`transformer` builds DeepSeek-V3 (arXiv:2412.19437) of them, made for speed, and `families` every other family.

Shapes are suffixes of names:

    B batch   T position   N = B·T tokens   D hidden_size   V vocab_size   H heads
    K qk_head_dim (nope + rope)   R qk_rope_head_dim   L kv_lora_rank   F feed-forward width
    E routed experts   A experts per token   S = N·A (token, expert) pairs, sorted by expert

Weights and gradients are float32; the arithmetic runs in the dtype of what comes in.  Parameter names are
Hugging Face's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.model.architecture import Architecture, Experts, LatentAttention

IGNORED = -100  # a target that carries no loss
BLOCKED_ATTENTION_LIMIT = 1024  # positions; longer rows use torch's fused attention


class Linear(nn.Module):
    """y = x Wᵀ (+ b) with a float32 weight [out, in] that is cast to the dtype of x."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.weight = nn.Parameter(torch.empty(outputs, inputs))

    def product(self, x: Tensor) -> Tensor:
        """x Wᵀ"""
        return F.linear(x, self.weight.to(x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        y = self.product(x)
        return y if self.bias is None else y + self.bias.to(x.dtype)


class RMSNorm(nn.Module):
    """x / rms(x) · weight; the mean square is taken in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale).to(x.dtype) * self.weight.to(x.dtype)


# -- positions -----------------------------------------------------------------------------------------


class Places(Protocol):
    """What a block must know of where its tokens stand."""

    def rotate(self, x_BTHR: Tensor) -> Tensor:
        """Rotated by each token's position; pairs come out as halves."""

    def attend(self, q_BTHK: Tensor, k_BTHK: Tensor, v_BTHv: Tensor, scale: float) -> Tensor:
        """softmax(scale · q kᵀ) v [B, T, H·v] over what each token may see."""


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    """Rotate the pairs of the last axis: (x[j], x[j + R/2]), or (x[2j], x[2j + 1]) where they are interleaved.

    They come out as halves in either case, for queries and keys alike, which no product can tell.
    """
    wide = x.float()
    first, second = (wide[..., 0::2], wide[..., 1::2]) if interleaved else wide.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


# -- attention -----------------------------------------------------------------------------------------


class RotaryLinear(Linear):
    """A projection to heads of which the last `rotary` numbers are rotated, in interleaved pairs: out come halves.

    Scores depend only on which rows form a pair, so the rows of the small weight are reordered on the fly (evens
    first) instead of the big activations.
    """

    def __init__(self, inputs: int, heads: int, plain: int, rotary: int) -> None:
        super().__init__(inputs, heads * (plain + rotary))
        head = torch.cat((torch.arange(plain), plain + torch.arange(rotary).view(-1, 2).T.flatten()))
        rows = torch.arange(heads)[:, None] * (plain + rotary) + head
        self.rows: Tensor
        self.register_buffer("rows", rows.flatten(), persistent=False)

    def product(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight[self.rows].to(x.dtype))


class LatentSelfAttention(nn.Module):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1), un-absorbed.

    linear, rotary: how its matrices are made, from inputs and outputs, and as `RotaryLinear`.
    """

    def __init__(
        self,
        a: Architecture,
        linear: type[Linear] = Linear,
        rotary: Callable[[int, int, int, int], Linear] = RotaryLinear,
    ) -> None:
        super().__init__()
        assert isinstance(a.attention, LatentAttention)
        self.a, self.scale = a.attention, a.softmax_scale
        heads, nope, rope, width = self.a.num_heads, self.a.qk_nope_head_dim, self.a.qk_rope_head_dim, a.hidden_size
        if self.a.q_lora_rank is None:
            self.q_proj = rotary(width, heads, nope, rope)
        else:
            self.q_a_proj = linear(width, self.a.q_lora_rank)
            self.q_a_layernorm = RMSNorm(self.a.q_lora_rank, a.latent_norm_eps)
            self.q_b_proj = rotary(self.a.q_lora_rank, heads, nope, rope)
        self.kv_a_proj_with_mqa = rotary(width, 1, self.a.kv_lora_rank, rope)
        self.kv_a_layernorm = RMSNorm(self.a.kv_lora_rank, a.latent_norm_eps)
        self.kv_b_proj = linear(self.a.kv_lora_rank, heads * (nope + self.a.v_head_dim))
        self.o_proj = linear(heads * self.a.v_head_dim, width)

    def forward(self, x_BTD: Tensor, places: Places) -> Tensor:
        a, (batch, length, _) = self.a, x_BTD.shape
        if a.q_lora_rank is None:
            q = self.q_proj(x_BTD)
        else:
            q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BTD)))
        # widths are spelled out, because a batch of no rows (`train.parallel.shard`) leaves nothing to infer them from
        q_BTHK = q.view(batch, length, a.num_heads, a.qk_head_dim)
        latent = self.kv_a_proj_with_mqa(x_BTD)
        latent_BTL, k_rope_BTR = torch.split(latent, [a.kv_lora_rank, a.qk_rope_head_dim], dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent_BTL))
        kv = kv.view(batch, length, a.num_heads, a.qk_nope_head_dim + a.v_head_dim)
        k_nope, v_BTHv = torch.split(kv, [a.qk_nope_head_dim, a.v_head_dim], dim=-1)
        q_nope, q_rope = torch.split(q_BTHK, [a.qk_nope_head_dim, a.qk_rope_head_dim], dim=-1)
        k_rope = places.rotate(k_rope_BTR[:, :, None]).expand(-1, -1, a.num_heads, -1)
        q_BTHK = torch.cat((q_nope, places.rotate(q_rope)), dim=-1)
        k_BTHK = torch.cat((k_nope, k_rope), dim=-1)
        out: Tensor = self.o_proj(places.attend(q_BTHK, k_BTHK, v_BTHv, self.scale))
        return out


def attend(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTv: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale · q kᵀ + mask) v, causal when mask is None.  Returns [B, H, T, v_head_dim]."""
    if mask is not None and uses_blocks(q_BHTK[:, 0, :, 0]):
        return attend_in_blocks(q_BHTK, k_BHTK, v_BHTv, mask, scale)
    return attend_fused(q_BHTK, k_BHTK, v_BHTv, mask, scale)


def attend_fused(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTv: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The same by torch's kernel."""
    extra = q_BHTK.shape[-1] - v_BHTv.shape[-1]
    if extra > 0:  # torch's fused kernels want equal widths; zeros cost less than the unfused form
        v_BHTv = F.pad(v_BHTv, (0, extra))
    out = F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTv, attn_mask=mask, is_causal=mask is None, scale=scale)
    return out[..., : out.shape[-1] - extra] if extra > 0 else out


def uses_blocks(x_BT: Tensor) -> bool:
    """Whether rows of this length and on this device are attended by `attend_in_blocks`."""
    return x_BT.device.type == "cpu" and x_BT.shape[1] <= BLOCKED_ATTENTION_LIMIT


def attend_in_blocks(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The same for short rows: up to four blocks of queries, each against the keys that it may see.

    Compiled on a CPU it takes 0.4 of the time of torch's fused kernel (256 positions, bf16), but it keeps the
    probabilities for the backward pass, hence BLOCKED_ATTENTION_LIMIT.
    """
    length = q.shape[2]
    step = max(128, -(-length // 4))
    outs = []
    for start in range(0, length, step):
        end = min(start + step, length)
        scores = (q[:, :, start:end] * scale) @ k[:, :, :end].transpose(-1, -2)
        weights = torch.softmax(scores.float() + mask[:, :, start:end, :end], dim=-1)
        outs.append(weights.to(v.dtype) @ v[:, :, :end])
    return torch.cat(outs, dim=2)


# -- feed-forward --------------------------------------------------------------------------------------


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x))."""

    def __init__(self, width: int, inner: int, linear: type[Linear] = Linear) -> None:
        super().__init__()
        self.gate_proj = linear(width, inner)
        self.up_proj = linear(width, inner)
        self.down_proj = linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return down


class Router(nn.Module):
    """Which experts a token meets, and with what weights; `architecture.Experts` says by which rules."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        self.e = experts
        self.weight = nn.Parameter(torch.empty(experts.count, width))
        self.e_score_correction_bias: Tensor | None
        self.register_buffer("e_score_correction_bias", torch.zeros(experts.count) if experts.bias else None)

    def forward(self, x_ND: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [N, A] float32 and expert numbers [N, A] of each token."""
        e = self.e
        logits_NE = F.linear(x_ND.float(), self.weight.float())
        scores_NE = torch.sigmoid(logits_NE) if e.scoring == "sigmoid" else torch.softmax(logits_NE, dim=-1)
        chosen_NA = self.choose(scores_NE.detach())
        weights_NA = scores_NE.gather(1, chosen_NA)
        if e.normalize:
            weights_NA = weights_NA / (weights_NA.sum(-1, keepdim=True) + 1e-20)
        return weights_NA * e.scale, chosen_NA

    def choose(self, scores_NE: Tensor) -> Tensor:
        """The A best experts by score + bias, in the groups with the best (sum of two) scores where there are some."""
        e = self.e
        if self.e_score_correction_bias is not None:
            scores_NE = scores_NE + self.e_score_correction_bias
        if e.top_groups < e.groups:
            grouped = scores_NE.view(-1, e.groups, e.count // e.groups)
            best = grouped.topk(2, dim=-1).values.sum(-1) if e.group_score == "top2" else grouped.amax(-1)
            kept = best.topk(e.top_groups, dim=-1).indices
            dropped = torch.ones_like(best, dtype=torch.bool).scatter(1, kept, False)
            scores_NE = grouped.masked_fill(dropped[..., None], float("-inf")).flatten(1)
        return scores_NE.topk(e.per_token, dim=-1).indices


class StackedExperts(nn.Module):
    """The routed experts of one layer, stacked: gate and up [E, F, D], down [E, D, F].

    That is what grouped products and optimisers want; `state_dict` and `load_state_dict` translate to one tensor per
    expert (`experts.3.gate_proj.weight`).
    """

    PARTS = ("gate_proj", "up_proj", "down_proj")

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        count, inner = experts.count, experts.hidden
        self.gate_proj = nn.Parameter(torch.empty(count, inner, width))
        self.up_proj = nn.Parameter(torch.empty(count, inner, width))
        self.down_proj = nn.Parameter(torch.empty(count, width, inner))
        after_save: Callable[[Any], Any] = self.register_state_dict_post_hook
        before_load: Callable[[Any], Any] = self.register_load_state_dict_pre_hook
        after_save(split_experts)
        before_load(stack_experts)

    def forward(self, x_ND: Tensor, weights_NA: Tensor, chosen_NA: Tensor, load_E: Tensor) -> Tensor:
        """Sort (token, expert) pairs by expert, run each expert on its contiguous rows, add up per token."""
        order_S = chosen_NA.flatten().argsort(stable=True)
        place_S = torch.empty_like(order_S)
        place_S[order_S] = torch.arange(order_S.shape[0], device=order_S.device)
        place_NA = place_S.view_as(chosen_NA)
        ends_E = load_E.cumsum(0).to(torch.int32)
        gate, up, down = (getattr(self, part).to(x_ND.dtype) for part in self.PARTS)
        x_SD = _spread(x_ND, order_S, place_NA)
        gate_SF, up_SF = grouped_linear(x_SD, torch.cat((gate, up), dim=1), ends_E).chunk(2, dim=-1)
        weights_S1 = weights_NA.flatten()[order_S, None].to(x_ND.dtype)
        y_SD = grouped_linear(F.silu(gate_SF) * up_SF * weights_S1, down, ends_E)
        return _collect(y_SD, order_S, place_NA)


def grouped_linear(x_SI: Tensor, weight_EOI: Tensor, ends_E: Tensor) -> Tensor:
    """x Wᵀ with one W per group of rows; group e ends before row ends_E[e].  Returns [S, O]."""
    _, outputs, inputs = weight_EOI.shape
    if inputs % 8 == 0 and outputs % 8 == 0:  # what torch's grouped product asks for
        return F.grouped_mm(x_SI, weight_EOI.transpose(1, 2), offs=ends_E)
    sizes = ends_E.diff(prepend=ends_E.new_zeros(1)).tolist()
    return torch.cat([F.linear(x, weight_EOI[e]) for e, x in enumerate(torch.split(x_SI, sizes))])


class _Spread(torch.autograd.Function):
    """[N, D] to [S, D]: each token's row to the places of its A experts.  Its gradient is `_Collect`.

    By hand, because both directions are then plain reads in a fixed order: fast, and the same bits every
    time, unlike the scattered additions that indexing differentiates into.
    """

    @staticmethod
    def forward(ctx: Any, x_ND: Tensor, order_S: Tensor, place_NA: Tensor) -> Tensor:
        ctx.save_for_backward(order_S, place_NA)
        return x_ND[order_S // place_NA.shape[1]]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        _, place_NA = ctx.saved_tensors
        return grads[0][place_NA].sum(1), None, None


class _Collect(torch.autograd.Function):
    """[S, D] to [N, D]: the sum over a token's A experts.  Its gradient is `_Spread`."""

    @staticmethod
    def forward(ctx: Any, y_SD: Tensor, order_S: Tensor, place_NA: Tensor) -> Tensor:
        ctx.save_for_backward(order_S, place_NA)
        return y_SD[place_NA].sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        order_S, place_NA = ctx.saved_tensors
        return grads[0][order_S // place_NA.shape[1]], None, None


_spread: Callable[[Tensor, Tensor, Tensor], Tensor] = _Spread.apply
_collect: Callable[[Tensor, Tensor, Tensor], Tensor] = _Collect.apply


def split_experts(module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    """Stacks of the experts at `prefix` -> one tensor per expert, in place; the way back is `stack_experts`."""
    for part in StackedExperts.PARTS:
        stacked = state.pop(f"{prefix}{part}")
        for expert, weight in enumerate(stacked):
            state[f"{prefix}{expert}.{part}.weight"] = weight


def stack_experts(module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    for part in StackedExperts.PARTS:
        names = [f"{prefix}{expert}.{part}.weight" for expert in range(len(getattr(module, part)))]
        if all(name in state for name in names):
            state[f"{prefix}{part}"] = torch.stack([state.pop(name) for name in names])


# -- the stack -----------------------------------------------------------------------------------------


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, a: Architecture, self_attn: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.self_attn = self_attn
        self.post_attention_layernorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.mlp = mlp
        self.dropout = 0.0  # see Transformer.drop

    def forward(self, x_BTD: Tensor, places: Places) -> Tensor:
        attended_BTD = self.self_attn(self.input_layernorm(x_BTD), places)
        x_BTD = x_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        return x_BTD + F.dropout(self.mlp(self.post_attention_layernorm(x_BTD)), self.dropout, self.training)


class Decoder(nn.Module):
    """Embedding, blocks and final norm by their names; `LanguageModel` and its kinds run them."""

    def __init__(self, a: Architecture, blocks: Iterable[Block]) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(a.vocab_size, a.hidden_size)
        self.layers = nn.ModuleList(blocks)
        self.norm = RMSNorm(a.hidden_size, a.rms_norm_eps)


class LanguageModel(nn.Module):
    """What every model has: decoder, head, and the rotations of positions.

    dtype: of the arithmetic.  frequencies, rope_factor: as `rope_frequencies` gives them.
    """

    def __init__(
        self,
        a: Architecture,
        blocks: Iterable[Block],
        dtype: torch.dtype,
        rope: tuple[NDArray[np.float32], float],
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.model = Decoder(a, blocks)
        frequencies, self.rope_factor = rope
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.from_numpy(frequencies), persistent=False)
        self.lm_head = None if a.tie_word_embeddings else Linear(a.hidden_size, a.vocab_size)

    @property
    def head_weight(self) -> Tensor:
        """The vocabulary projection [V, D]: the embedding itself when tied."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def logits(self, hidden: Tensor) -> Tensor:
        """Vocabulary scores [..., V] of final-normed hidden states [..., D], in their dtype."""
        return F.linear(hidden, self.head_weight.to(hidden.dtype))

    def embed(self, tokens_BT: Tensor) -> Tensor:
        """[B, T, D] in `dtype`."""
        x_BTD: Tensor = self.model.embed_tokens(tokens_BT)
        return x_BTD.to(self.dtype)

    def rotations(self, tokens_BT: Tensor, pos_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Cosines and sines [B or 1, T, R/2] of the positions (None: 0, 1, 2 ...)."""
        if pos_BT is None:
            pos_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)[None]
        angle_BTr = pos_BT[..., None].float() * self.frequencies
        return angle_BTr.cos() * self.rope_factor, angle_BTr.sin() * self.rope_factor
