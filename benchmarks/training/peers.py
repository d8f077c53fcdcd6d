"""The two peers as models: GPT-2 (Radford et al. 2019) and what is usual since LLaMA (Touvron et al. 2023).

They get what ours gets: our attention (documents do not see each other), our fused loss head, bf16 arithmetic over
float32 weights, torch.compile.  So what is compared is recipe and architecture, not who wrote the faster kernel.

Shapes: B rows, T positions, D width, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from huozhong.model.layers import RMSNorm, attend, rotate
from huozhong.model.transformer import LossParts, cross_entropy_sum, document_mask


@dataclass(frozen=True, kw_only=True)
class PeerConfig:
    """kind: "gpt2" (learned positions, LayerNorm, GELU, biases) or "llama" (RoPE, RMSNorm, SwiGLU, none)."""

    kind: Literal["gpt2", "llama"]
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_positions: int
    init_std: float = 0.02

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads


class Linear(nn.Module):
    """y = x Wᵀ (+ b) with float32 weights, cast to the dtype of x."""

    def __init__(self, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class LayerNorm(nn.Module):
    """GPT-2's, taken in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.float(), self.weight.shape, self.weight, self.bias).to(x.dtype)


def _norm(config: PeerConfig) -> nn.Module:
    return LayerNorm(config.hidden_size) if config.kind == "gpt2" else RMSNorm(config.hidden_size, 1e-6)


class Attention(nn.Module):
    """Multi-head attention; "llama" rotates queries and keys."""

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.config = config
        bias = config.kind == "gpt2"
        self.qkv = Linear(config.hidden_size, 3 * config.hidden_size, bias)
        self.out_proj = Linear(config.hidden_size, config.hidden_size, bias)

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x_BTD.shape
        heads = self.config.num_attention_heads
        q, k, v = self.qkv(x_BTD).view(batch, length, 3, heads, -1).unbind(2)
        if self.config.kind == "llama":
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        out = attend(q, k, v, mask, self.config.head_dim**-0.5)
        return self.out_proj(out.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    """GELU (tanh form, as published) or SwiGLU."""

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.gated = config.kind == "llama"
        width, inner, bias = config.hidden_size, config.intermediate_size, config.kind == "gpt2"
        self.up = Linear(width, 2 * inner if self.gated else inner, bias)
        self.out_proj = Linear(inner, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(x)
        if self.gated:
            gate, value = y.chunk(2, dim=-1)
            return self.out_proj(F.silu(gate) * value)
        return self.out_proj(F.gelu(y, approximate="tanh"))


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.norm1, self.attention = _norm(config), Attention(config)
        self.norm2, self.feed_forward = _norm(config), FeedForward(config)

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        x_BTD = x_BTD + self.attention(self.norm1(x_BTD), cos, sin, mask)
        return x_BTD + self.feed_forward(self.norm2(x_BTD))


class Body(nn.Module):
    """Embeddings, blocks, final norm."""

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = nn.Embedding(config.max_positions, config.hidden_size) if config.kind == "gpt2" else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = _norm(config)

    def forward(self, tokens_BT: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        x_BTD = self.embed(tokens_BT)
        if self.positions is not None:
            x_BTD = x_BTD + self.positions.weight[: tokens_BT.shape[1]]
        x_BTD = x_BTD.to(torch.bfloat16)
        for block in self.blocks:
            x_BTD = block(x_BTD, cos, sin, mask)
        return self.norm(x_BTD)


class Peer(nn.Module):
    """The face that the scorer and the loop know from `Transformer`: `loss`, `compile`.  The head is tied.

    Initialisation as published: normal(0, 0.02), biases zero, and the two matrices of a block that write into
    the residual stream divided by sqrt(2 · layers).
    """

    def __init__(self, config: PeerConfig) -> None:
        super().__init__()
        self.config = config
        self.body = Body(config)
        std = config.init_std
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim == 2:
                    residual = name.endswith("out_proj.weight")
                    weight.normal_(0, std / math.sqrt(2 * config.num_hidden_layers) if residual else std)
        half = config.head_dim // 2
        angles = torch.arange(config.max_positions)[:, None] * 10000.0 ** (-torch.arange(half) / half)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", angles.cos()[:, None], persistent=False)
        self.register_buffer("sin", angles.sin()[:, None], persistent=False)

    def compile(self, **options: Any) -> None:
        for block in self.body.blocks:
            block.compile(**options)

    def forget_compiled(self) -> None:
        for block in self.body.blocks:
            block._compiled_call_impl = None

    def wake(self, layers: int | None) -> None:
        assert layers is None, "peers have no ramp"

    def expert_loads(self) -> list[Tensor]:
        return []

    def update_expert_bias(self, gamma: float) -> list[Tensor]:
        return []

    def loss(self, tokens_BT: Tensor, targets_BT: Tensor, doc_BT: Tensor) -> LossParts:
        """Summed cross entropy, as `Transformer.loss`."""
        length = tokens_BT.shape[1]
        mask = document_mask(doc_BT, torch.bfloat16)
        hidden = self.body(tokens_BT, self.cos[:length], self.sin[:length], mask)
        total, count = cross_entropy_sum(hidden, self.body.embed.weight, targets_BT.long())
        return LossParts(total, total.detach(), (), count, ())


def parameters(config: PeerConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in Peer(config).parameters())


def flops_per_token(config: PeerConfig, length: int) -> float:
    """Training operations per token by the same rule as `huozhong.model.footprint.flops_per_token`."""
    width, layers = config.hidden_size, config.num_hidden_layers
    feed = (3 if config.kind == "llama" else 2) * width * config.intermediate_size
    weights = layers * (4 * width * width + feed) + config.vocab_size * width
    attention = layers * 2 * width * length / 2
    return 6 * (weights + attention)
