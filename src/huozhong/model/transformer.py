"""DeepSeek-V3 (arXiv:2412.19437, §2) in torch: the readable reference, and what is trained.

Read it downwards: norm, rotation, attention (MLA), feed-forward (SwiGLU or mixture of experts), block,
multi-token prediction, decoder, `Transformer`, loss, loading and saving.

Shapes are suffixes of names:

    B batch   T position   N = B·T tokens   D hidden_size   V vocab_size   H heads
    K qk_head_dim (nope + rope)   R qk_rope_head_dim   L kv_lora_rank   F feed-forward width
    E routed experts   A num_experts_per_tok   S = N·A (token, expert) pairs, sorted by expert

Weights and gradients are float32; the arithmetic runs in `dtype` (bfloat16 for training, float32 to compare
with others).  `state_dict` names are Hugging Face's.  In memory the routed experts of a layer are three
stacked parameters (`mlp.experts.gate_proj` [E, F, D] ...), which is what grouped products and optimisers
want; `state_dict` and `load_state_dict` translate to one tensor per expert
(`mlp.experts.3.gate_proj.weight`).

To train fast: `model = Transformer(config, dtype=torch.bfloat16); model.compile()`, then `model.loss(...)`;
`compile` compiles the decoder in place, names stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from huozhong.model.checkpoint import CheckpointReader, write_checkpoint
from huozhong.model.config import ModelConfig, yarn_mscale

LATENT_NORM_EPS = 1e-6  # Hugging Face's latent norms ignore rms_norm_eps
IGNORED = -100  # a target that carries no loss
BLOCKED_ATTENTION_LIMIT = 1024  # positions; longer rows use torch's fused attention
LOGITS_BYTES = 16 << 20  # float32 logits held at once; small enough to stay in the last-level cache


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
        q_BTHK = F.linear(queries, q_weight[self.q_rows].to(x_BTD.dtype)).view(batch, length, heads, -1)
        latent = F.linear(x_BTD, self.kv_a_proj_with_mqa.weight[self.kv_rows].to(x_BTD.dtype))
        latent_BTL, k_rope_BTR = latent.split([c.kv_lora_rank, c.qk_rope_head_dim], dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent_BTL)).view(batch, length, heads, -1)
        k_nope, v_BTHv = kv.split([c.qk_nope_head_dim, c.v_head_dim], dim=-1)
        q_nope, q_rope = q_BTHK.split([c.qk_nope_head_dim, c.qk_rope_head_dim], dim=-1)

        q_rope = rotate(q_rope, cos_BTR[:, :, None], sin_BTR[:, :, None])
        k_rope = rotate(k_rope_BTR, cos_BTR, sin_BTR)[:, :, None].expand(-1, -1, heads, -1)
        q = torch.cat((q_nope, q_rope), dim=-1).transpose(1, 2)
        k = torch.cat((k_nope, k_rope), dim=-1).transpose(1, 2)
        v = v_BTHv.transpose(1, 2)
        out = attend(q, k, v, mask, c.softmax_scale)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


def attend(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTv: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(scale · q kᵀ + mask) v, causal when mask is None.  Returns [B, H, T, v_head_dim]."""
    if mask is not None and uses_blocks(q_BHTK[:, 0, :, 0]):
        return attend_in_blocks(q_BHTK, k_BHTK, v_BHTv, mask, scale)
    extra = q_BHTK.shape[-1] - v_BHTv.shape[-1]
    if extra > 0:  # torch's fused kernels want equal widths; zeros cost less than the unfused form
        v_BHTv = F.pad(v_BHTv, (0, extra))
    out = F.scaled_dot_product_attention(
        q_BHTK, k_BHTK, v_BHTv, attn_mask=mask, is_causal=mask is None, scale=scale
    )
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
        self.register_state_dict_post_hook(_split_experts)
        self.register_load_state_dict_pre_hook(_stack_experts)

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


def _split_experts(module: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    for part in Experts.PARTS:
        stacked = state.pop(f"{prefix}{part}")
        for expert, weight in enumerate(stacked):
            state[f"{prefix}{expert}.{part}.weight"] = weight


def _stack_experts(module: nn.Module, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
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


# -- the stack -----------------------------------------------------------------------------------------


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp: nn.Module
        if config.is_moe_layer(layer):
            self.mlp = MixtureOfExperts(config)
        else:
            self.mlp = SwiGLU(config.hidden_size, config.intermediate_size)

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), cos, sin, mask)
        return x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))


class PredictionModule(Block):
    """Multi-token prediction (§2.2): predicts one token further than the module before it.

    It joins the hidden state at t with the embedding of the next known token and runs one block.  Embedding
    and head are the main model's; checkpoints carry duplicates for engines that want them.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__(config, layer)
        self.enorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.hnorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.eh_proj = Linear(2 * config.hidden_size, config.hidden_size)
        self.shared_head = nn.ModuleDict({"norm": RMSNorm(config.hidden_size, config.rms_norm_eps)})

    def join(self, next_embedding_BTD: Tensor, hidden_BTD: Tensor) -> Tensor:
        """eh_proj[enorm(embedding) ; hnorm(hidden)], embedding first."""
        return self.eh_proj(torch.cat((self.enorm(next_embedding_BTD), self.hnorm(hidden_BTD)), dim=-1))


class Decoder(nn.Module):
    """Embedding, blocks and final norm; the prediction modules follow the blocks in `layers`."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        main, extra = config.num_hidden_layers, config.num_nextn_predict_layers
        blocks: list[Block] = [Block(config, layer) for layer in range(main)]
        blocks += [PredictionModule(config, main + k) for k in range(extra)]
        self.layers = nn.ModuleList(blocks)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, tokens_BT: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, predict: bool
    ) -> list[Tensor]:
        """Final-normed states [B, T, D]: the main one, then (if `predict`) one per prediction module."""
        main = self.config.num_hidden_layers
        x_BTD = self.embed_tokens(tokens_BT).to(self.dtype)
        for block in self.layers[:main]:
            x_BTD = block(x_BTD, cos, sin, mask)
        hidden = self.norm(x_BTD)
        hiddens = [hidden]
        if predict:
            for depth, module in enumerate(self.layers[main:], start=1):
                module = cast(PredictionModule, module)
                ahead = F.pad(tokens_BT[:, depth:], (0, depth))  # the padded end carries no loss
                hidden = module.join(self.embed_tokens(ahead).to(self.dtype), hidden)
                hidden = module(hidden, cos, sin, mask)
                hiddens.append(module.shared_head["norm"](hidden))
        return hiddens


def document_mask(doc_BT: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive [B, 1, T, T]: 0 where the key is not later and in the same document, else −inf."""
    same = doc_BT[:, :, None] == doc_BT[:, None, :]
    causal = torch.ones(same.shape[-2:], dtype=torch.bool, device=doc_BT.device).tril()
    mask = torch.zeros(same.shape, dtype=dtype, device=doc_BT.device)
    return mask.masked_fill(~(same & causal), float("-inf"))[:, None]


# -- the model -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossParts:
    """Sums of cross entropies in nats, so that micro-batches add up exactly.

    Minimise `total / token_count` with the token count of the whole batch.

    total: main + mtp_weight · mean of mtp, with a gradient.  main: sum over `token_count` targets.
    mtp: one sum per prediction module, over `mtp_counts[k]` targets.  All scalars float32; the parts carry
    no gradient.
    """

    total: Tensor
    main: Tensor
    mtp: tuple[Tensor, ...]
    token_count: int
    mtp_counts: tuple[int, ...]


class Transformer(nn.Module):
    """DeepSeek-V3 for causal language modelling.

    config: the architecture.  dtype: of the arithmetic; the weights are always float32.

    Initialisation: matrices and embeddings normal(0, initializer_range), norms one, and the matrices that
    write into the residual stream (`o_proj`, every `down_proj`) zero, so that a new model starts as its
    embedding and each block earns its contribution.
    """

    def __init__(self, config: ModelConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config, dtype)
        frequencies, self.rope_factor = rope_frequencies(config)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.lm_head = None if config.tie_word_embeddings else Linear(config.hidden_size, config.vocab_size)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new weights from torch's global generator."""
        for name, parameter in self.named_parameters():
            if "norm" in name:
                parameter.fill_(1.0)
            elif "o_proj" in name or "down_proj" in name:
                parameter.zero_()
            else:
                parameter.normal_(0.0, self.config.initializer_range)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the arithmetic."""
        return self.model.dtype

    @property
    def head_weight(self) -> Tensor:
        """The vocabulary projection [V, D]: the embedding itself when tied."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def compile(self, **options: Any) -> None:
        """torch.compile the decoder in place; the loss head is hand-fused and stays eager."""
        self.model.compile(**options)

    def forward(
        self, tokens_BT: Tensor, *, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None
    ) -> Tensor:
        """Final-normed hidden states [B, T, D] in `dtype`.

        doc_BT: document number of each token; attention stays inside a document (None: one per row).
        pos_BT: position of each token in its document (None: 0, 1, 2 ...).
        """
        return self._decode(tokens_BT, doc_BT, pos_BT, False)[0]

    def _decode(
        self, tokens_BT: Tensor, doc_BT: Tensor | None, pos_BT: Tensor | None, predict: bool
    ) -> list[Tensor]:
        """Rotations and mask are made here, outside what `compile` compiles: fused into each layer's kernels
        they would be computed again for every layer and head."""
        if pos_BT is None:
            pos_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)[None]
        angle_BTr = pos_BT[..., None].float() * self.frequencies
        cos, sin = angle_BTr.cos() * self.rope_factor, angle_BTr.sin() * self.rope_factor
        if doc_BT is None and uses_blocks(tokens_BT):
            doc_BT = torch.zeros_like(tokens_BT[:1])
        mask = None if doc_BT is None else document_mask(doc_BT, self.dtype)
        hiddens: list[Tensor] = self.model(tokens_BT, cos, sin, mask, predict)
        return hiddens

    def logits(self, hidden: Tensor) -> Tensor:
        """Vocabulary scores [..., V] of final-normed hidden states [..., D], in their dtype."""
        return F.linear(hidden, self.head_weight.to(hidden.dtype))

    def loss(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        doc_BT: Tensor | None = None,
        pos_BT: Tensor | None = None,
        mtp_weight: float = 0.0,
    ) -> LossParts:
        """Cross entropy of targets_BT (the token after each position; −100: no loss), summed.

        mtp_weight: λ of the prediction modules' mean loss (0: they do not run).  Module k predicts
        targets shifted by k; positions whose shift leaves the row or the document carry no loss.
        """
        hiddens = self._decode(tokens_BT, doc_BT, pos_BT, mtp_weight > 0)
        targets_BT = targets_BT.long()
        sums, counts = [], []
        for depth, hidden_BTD in enumerate(hiddens):
            shifted_BT = shift_targets(targets_BT, doc_BT, depth)
            total, count = cross_entropy_sum(hidden_BTD, self.head_weight, shifted_BT)
            sums.append(total)
            counts.append(count)
        total = sums[0]
        if len(sums) > 1:
            total = total + mtp_weight / (len(sums) - 1) * torch.stack(sums[1:]).sum()
        parts = [part.detach() for part in sums]
        return LossParts(total, parts[0], tuple(parts[1:]), counts[0], tuple(counts[1:]))

    @torch.no_grad()
    def update_expert_bias(self, gamma: float = 1e-3) -> list[Tensor]:
        """Balance the experts (arXiv:2408.15664): once per optimiser step, b += γ·sign(mean load − load).

        Returns the loads [E] (tokens per expert since the last call) of each mixture layer, and clears them.
        """
        loads = []
        for router in self.modules():
            if isinstance(router, Router):
                load = router.load.clone()
                bias = router.e_score_correction_bias
                bias += gamma * torch.sign(load.mean() - load)
                bias -= bias.mean()
                router.load.zero_()
                loads.append(load)
        return loads


def shift_targets(targets_BT: Tensor, doc_BT: Tensor | None, depth: int) -> Tensor:
    """Targets `depth` tokens further on; −100 where that leaves the row or the document."""
    depth = min(depth, targets_BT.shape[1])
    if depth == 0:
        return targets_BT
    shifted = F.pad(targets_BT[:, depth:], (0, depth), value=IGNORED)
    if doc_BT is not None:
        crosses = doc_BT[:, depth:] != doc_BT[:, :-depth]
        shifted = shifted.masked_fill(F.pad(crosses, (0, depth), value=True), IGNORED)
    return shifted


# -- loss ----------------------------------------------------------------------------------------------


def cross_entropy_sum(hidden_BTD: Tensor, weight_VD: Tensor, targets_BT: Tensor) -> tuple[Tensor, int]:
    """Sum of −log softmax(hidden weightᵀ)[target] (float32 scalar) and how many targets counted.

    Only positions that carry a loss are projected, `LOGITS_BYTES` of them at a time.
    """
    hidden_ND, targets_N = hidden_BTD.flatten(0, 1), targets_BT.flatten()
    kept = (targets_N != IGNORED).nonzero().squeeze(1)
    count = kept.numel()
    if count < targets_N.numel():
        hidden_ND, targets_N = hidden_ND[kept], targets_N[kept]
    total: Tensor = _CrossEntropySum.apply(hidden_ND, weight_VD, targets_N, torch.is_grad_enabled())
    return total, count


class _CrossEntropySum(torch.autograd.Function):
    """Computes its gradients on the way forward, chunk by chunk: logits are made once and never kept."""

    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, backward: bool) -> Tensor:
        weight = weight_VD.to(hidden_ND.dtype)
        rows = max(1, LOGITS_BYTES // (4 * weight.shape[0]))
        total = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        d_hidden = torch.empty_like(hidden_ND) if backward else None
        d_weight = torch.zeros_like(weight_VD) if backward else None
        for start in range(0, hidden_ND.shape[0], rows):
            hidden, target = hidden_ND[start : start + rows], targets_N[start : start + rows, None]
            log_probs = F.log_softmax(F.linear(hidden, weight), dim=-1, dtype=torch.float32)
            chosen = log_probs.gather(1, target)
            total -= chosen.sum()
            if d_hidden is None or d_weight is None:
                continue
            error = log_probs.exp_()
            error.scatter_add_(1, target, torch.full_like(chosen, -1.0))
            error = error.to(hidden.dtype)
            torch.mm(error, weight, out=d_hidden[start : start + rows])
            d_weight += error.T @ hidden
        if d_hidden is not None and d_weight is not None:
            ctx.save_for_backward(d_hidden, d_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * grads[0].to(d_hidden.dtype), d_weight * grads[0], None, None


# -- use -----------------------------------------------------------------------------------------------


@torch.no_grad()
def generate(
    model: Transformer, tokens: list[int], max_new_tokens: int, eos_token_id: int | None = None
) -> list[int]:
    """Greedy continuation of `tokens`, without them; stops after `eos_token_id`.  Recomputes everything."""
    training = model.training
    model.eval()
    new: list[int] = []
    while len(new) < max_new_tokens and (not new or new[-1] != eos_token_id):
        hidden_BTD = model(torch.tensor([tokens + new]))
        new.append(int(model.logits(hidden_BTD[0, -1]).argmax()))
    model.train(training)
    return new


def load_transformer(folder: str | Path, dtype: torch.dtype = torch.float32) -> Transformer:
    """Read a Hugging Face folder.  dtype: of the arithmetic.  Raises CheckpointError or ConfigError."""
    reader = CheckpointReader(folder)
    model = Transformer(reader.config, dtype=dtype)
    model.load_state_dict({name: torch.from_numpy(reader.tensor(name)) for name in model.state_dict()})
    return model


def save_transformer(
    model: Transformer,
    folder: str | Path,
    extra_files: Mapping[str, bytes] | None = None,
    dtype: str = "bfloat16",
) -> None:
    """Write a Hugging Face folder, atomically.  extra_files: name to content (tokenizer.json ...)."""
    state = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
    write_checkpoint(folder, model.config, state, dtype=dtype, extra_files=extra_files or {})
