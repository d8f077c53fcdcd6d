"""The layers of DeepSeek-V3 (arXiv:2412.19437, §2.1) in torch; read downwards: linear, norm, rotation, attention
(MLA), feed-forward (SwiGLU or mixture of experts).  `transformer` stacks them.

Shapes are suffixes of names:

    B batch   T position   N = B·T tokens   D hidden_size   V vocab_size   H heads
    K qk_head_dim (nope + rope)   R qk_rope_head_dim   L kv_lora_rank   F feed-forward width
    E routed experts   A num_experts_per_tok   S = N·A (token, expert) pairs, sorted by expert

Weights and gradients are float32; the arithmetic runs in the dtype of what comes in.  Parameter names are
Hugging Face's.  In memory the routed experts of a layer are three stacked parameters
(`experts.gate_proj` [E, F, D] ...), which is what grouped products and optimisers want; `state_dict` and
`load_state_dict` translate to one tensor per expert (`experts.3.gate_proj.weight`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from huozhong.model.config import ModelConfig, yarn_mscale

LATENT_NORM_EPS = 1e-6  # Hugging Face's latent norms ignore rms_norm_eps
BLOCKED_ATTENTION_LIMIT = 1024  # positions; longer rows use torch's fused attention


class Linear(nn.Module):
    """y = x Wᵀ with a float32 weight [out, in] that is cast to the dtype of x."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


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


def rope_frequencies(config: ModelConfig) -> tuple[Tensor, float]:
    """Angles per position [R/2] (float32) and the factor on cos and sin.

    With YaRN (Peng et al. 2023, §3.2) slow dimensions are interpolated by `factor`, fast ones kept, with a
    linear ramp between the dimensions that turn `beta_fast` and `beta_slow` times in the original context.
    """
    width = config.qk_rope_head_dim
    base = config.rope_theta
    kept_R2 = 1.0 / base ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    yarn = config.rope_scaling
    if yarn is None:
        return kept_R2, 1.0

    def dimension_that_turns(turns: float) -> float:
        wavelength = yarn.original_max_position_embeddings / (turns * 2 * math.pi)
        return width * math.log(wavelength) / (2 * math.log(base))

    low = max(math.floor(dimension_that_turns(yarn.beta_fast)), 0)
    high = min(math.ceil(dimension_that_turns(yarn.beta_slow)), width - 1)
    ramp_R2 = ((torch.arange(width // 2) - low) / max(high - low, 0.001)).clamp(0, 1)
    mixed_R2 = kept_R2 / yarn.factor * ramp_R2 + kept_R2 * (1 - ramp_R2)
    if yarn.mscale and yarn.mscale_all_dim:
        factor = yarn_mscale(yarn.factor, yarn.mscale) / yarn_mscale(yarn.factor, yarn.mscale_all_dim)
    else:
        factor = yarn_mscale(yarn.factor, 1.0)
    return mixed_R2, factor


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs (x[j], x[j + R/2]) of the last axis; `Attention` says why they are not interleaved."""
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


# -- attention -----------------------------------------------------------------------------------------


class Attention(nn.Module):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1), un-absorbed.

    Checkpoints interleave rotary pairs: (0, 1), (2, 3) ...  Scores depend only on which rows form a pair, so
    the rows of the small weights are reordered on the fly (evens first) instead of the big activations.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        heads, width = config.num_attention_heads, config.hidden_size
        if config.q_lora_rank is None:
            self.q_proj = Linear(width, heads * config.qk_head_dim)
        else:
            self.q_a_proj = Linear(width, config.q_lora_rank)
            self.q_a_layernorm = RMSNorm(config.q_lora_rank, LATENT_NORM_EPS)
            self.q_b_proj = Linear(config.q_lora_rank, heads * config.qk_head_dim)
        self.kv_a_proj_with_mqa = Linear(width, config.latent_dim)
        self.kv_a_layernorm = RMSNorm(config.kv_lora_rank, LATENT_NORM_EPS)
        self.kv_b_proj = Linear(config.kv_lora_rank, heads * (config.qk_nope_head_dim + config.v_head_dim))
        self.o_proj = Linear(heads * config.v_head_dim, width)
        rope = torch.arange(config.qk_rope_head_dim).view(-1, 2).T.flatten()
        head = torch.cat((torch.arange(config.qk_nope_head_dim), config.qk_nope_head_dim + rope))
        rows = torch.arange(heads)[:, None] * config.qk_head_dim + head
        self.q_rows: Tensor
        self.kv_rows: Tensor
        self.register_buffer("q_rows", rows.flatten(), persistent=False)
        latent = torch.cat((torch.arange(config.kv_lora_rank), config.kv_lora_rank + rope))
        self.register_buffer("kv_rows", latent, persistent=False)

    def forward(self, x_BTD: Tensor, cos_BTR: Tensor, sin_BTR: Tensor, mask: Tensor | None) -> Tensor:
        """mask: additive [B, 1, T, T], or None for plain causal attention."""
        c = self.config
        batch, length, _ = x_BTD.shape
        heads = c.num_attention_heads
        if c.q_lora_rank is None:
            queries, q_weight = x_BTD, self.q_proj.weight
        else:
            queries, q_weight = self.q_a_layernorm(self.q_a_proj(x_BTD)), self.q_b_proj.weight
        q_BTHK = F.linear(queries, q_weight[self.q_rows].to(x_BTD.dtype)).view(batch, length, heads, c.qk_head_dim)
        latent = F.linear(x_BTD, self.kv_a_proj_with_mqa.weight[self.kv_rows].to(x_BTD.dtype))
        latent_BTL, k_rope_BTR = latent.split([c.kv_lora_rank, c.qk_rope_head_dim], dim=-1)
        # widths are spelled out, because a batch of no rows (`train.shard`) leaves nothing to infer them from
        kv = self.kv_b_proj(self.kv_a_layernorm(latent_BTL))
        kv = kv.view(batch, length, heads, c.qk_nope_head_dim + c.v_head_dim)
        k_nope, v_BTHv = kv.split([c.qk_nope_head_dim, c.v_head_dim], dim=-1)
        q_nope, q_rope = q_BTHK.split([c.qk_nope_head_dim, c.qk_rope_head_dim], dim=-1)

        q_rope = rotate(q_rope, cos_BTR[:, :, None], sin_BTR[:, :, None])
        k_rope = rotate(k_rope_BTR, cos_BTR, sin_BTR)[:, :, None].expand(-1, -1, heads, -1)
        q = torch.cat((q_nope, q_rope), dim=-1).transpose(1, 2)
        k = torch.cat((k_nope, k_rope), dim=-1).transpose(1, 2)
        v = v_BTHv.transpose(1, 2)
        out = attend(q, k, v, mask, c.softmax_scale)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, heads * c.v_head_dim))


def attend(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTv: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale · q kᵀ + mask) v, causal when mask is None.  Returns [B, H, T, v_head_dim]."""
    if mask is not None and uses_blocks(q_BHTK[:, 0, :, 0]):
        return attend_in_blocks(q_BHTK, k_BHTK, v_BHTv, mask, scale)
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

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = Linear(width, inner)
        self.up_proj = Linear(width, inner)
        self.down_proj = Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Router(nn.Module):
    """Sigmoid scores, group-limited choice, and the balancing bias that only the choice sees (§2.1.2)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        experts = config.n_routed_experts
        self.weight = nn.Parameter(torch.empty(experts, config.hidden_size))
        self.e_score_correction_bias: Tensor
        self.load: Tensor
        self.register_buffer("e_score_correction_bias", torch.zeros(experts))
        self.register_buffer("load", torch.zeros(experts), persistent=False)

    def forward(self, x_ND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights [N, A] float32 and expert numbers [N, A] of each token; tokens per expert [E]."""
        c = self.config
        scores_NE = torch.sigmoid(F.linear(x_ND.float(), self.weight.float()))
        chosen_NA = self.choose(scores_NE.detach())
        weights_NA = scores_NE.gather(1, chosen_NA)
        if c.norm_topk_prob:
            weights_NA = weights_NA / (weights_NA.sum(-1, keepdim=True) + 1e-20)
        everyone = torch.arange(c.n_routed_experts, device=chosen_NA.device)
        load_E = (chosen_NA.flatten()[:, None] == everyone).sum(0)
        if self.training and not recomputing():
            self.load += load_E
        return weights_NA * c.routed_scaling_factor, chosen_NA, load_E

    def choose(self, scores_NE: Tensor) -> Tensor:
        """The A best experts by score + bias in the `topk_group` groups with the best sum of two scores."""
        c = self.config
        biased_NE = scores_NE + self.e_score_correction_bias
        if c.topk_group < c.n_group:
            grouped = biased_NE.view(-1, c.n_group, c.experts_per_group)
            group_score = grouped.topk(2, dim=-1).values.sum(-1)
            kept = group_score.topk(c.topk_group, dim=-1).indices
            dropped = torch.ones_like(group_score, dtype=torch.bool).scatter(1, kept, False)
            biased_NE = grouped.masked_fill(dropped[..., None], float("-inf")).flatten(1)
        return biased_NE.topk(c.num_experts_per_tok, dim=-1).indices


def recomputing() -> bool:
    """Whether this forward runs in a backward pass, repeating what activation checkpointing dropped."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


class Experts(nn.Module):
    """The routed experts of one layer, stacked: gate and up [E, F, D], down [E, D, F]."""

    PARTS = ("gate_proj", "up_proj", "down_proj")

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        experts, width, inner = config.n_routed_experts, config.hidden_size, config.moe_intermediate_size
        self.gate_proj = nn.Parameter(torch.empty(experts, inner, width))
        self.up_proj = nn.Parameter(torch.empty(experts, inner, width))
        self.down_proj = nn.Parameter(torch.empty(experts, width, inner))
        self.register_state_dict_post_hook(split_experts)
        self.register_load_state_dict_pre_hook(stack_experts)

    def forward(self, x_ND: Tensor, weights_NA: Tensor, chosen_NA: Tensor, load_E: Tensor) -> Tensor:
        """Sort (token, expert) pairs by expert, run each expert on its contiguous rows, add up per token."""
        order_S = chosen_NA.flatten().argsort(stable=True)
        place_S = torch.empty_like(order_S)
        place_S[order_S] = torch.arange(order_S.shape[0], device=order_S.device)
        place_NA = place_S.view_as(chosen_NA)
        ends_E = load_E.cumsum(0).to(torch.int32)
        gate, up, down = (getattr(self, part).to(x_ND.dtype) for part in self.PARTS)
        x_SD: Tensor = _Spread.apply(x_ND, order_S, place_NA)
        gate_SF, up_SF = grouped_linear(x_SD, torch.cat((gate, up), dim=1), ends_E).chunk(2, dim=-1)
        weights_S1 = weights_NA.flatten()[order_S, None].to(x_ND.dtype)
        y_SD = grouped_linear(F.silu(gate_SF) * up_SF * weights_S1, down, ends_E)
        y_ND: Tensor = _Collect.apply(y_SD, order_S, place_NA)
        return y_ND


def grouped_linear(x_SI: Tensor, weight_EOI: Tensor, ends_E: Tensor) -> Tensor:
    """x Wᵀ with one W per group of rows; group e ends before row ends_E[e].  Returns [S, O]."""
    _, outputs, inputs = weight_EOI.shape
    if inputs % 8 == 0 and outputs % 8 == 0:  # what torch's grouped product asks for
        return F.grouped_mm(x_SI, weight_EOI.transpose(1, 2), offs=ends_E)
    sizes = ends_E.diff(prepend=ends_E.new_zeros(1)).tolist()
    return torch.cat([F.linear(x, weight_EOI[e]) for e, x in enumerate(x_SI.split(sizes))])


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


def split_experts(module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    """Stacks of the experts at `prefix` -> one tensor per expert, in place; the way back is `stack_experts`."""
    for part in Experts.PARTS:
        stacked = state.pop(f"{prefix}{part}")
        for expert, weight in enumerate(stacked):
            state[f"{prefix}{expert}.{part}.weight"] = weight


def stack_experts(module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    for part in Experts.PARTS:
        names = [f"{prefix}{expert}.{part}.weight" for expert in range(len(getattr(module, part)))]
        if all(name in state for name in names):
            state[f"{prefix}{part}"] = torch.stack([state.pop(name) for name in names])


class MixtureOfExperts(nn.Module):
    """Routed experts plus `n_shared_experts` that see every token (as one wide SwiGLU)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = Router(config)
        self.experts = Experts(config)
        self.shared_experts = None
        if config.n_shared_experts:
            inner = config.moe_intermediate_size * config.n_shared_experts
            self.shared_experts = SwiGLU(config.hidden_size, inner)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_ND = x_BTD.flatten(0, 1)
        y_ND = self.experts(x_ND, *self.gate(x_ND))
        if self.shared_experts is not None:
            y_ND = y_ND + self.shared_experts(x_ND)
        return y_ND.view_as(x_BTD)
