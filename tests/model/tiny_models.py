"""Tiny configurations, and models whose every path carries signal."""

from __future__ import annotations

from typing import Any

import torch

from huozhong.model.config import ModelConfig
from huozhong.model.transformer import Transformer


def tiny_config(**changes: Any) -> ModelConfig:
    """Two dense layers of width 32."""
    values: dict[str, Any] = {
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 8, "v_head_dim": 8, "max_position_embeddings": 128,
    }  # fmt: skip
    return ModelConfig(**(values | changes))


def moe_config(**changes: Any) -> ModelConfig:
    """One dense layer and one of eight experts, two of which a token meets."""
    values: dict[str, Any] = {
        "moe_intermediate_size": 16,
        "n_shared_experts": 1,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "first_k_dense_replace": 1,
    }
    return tiny_config(**(values | changes))


def lively_model(
    config: ModelConfig, *, dtype: torch.dtype = torch.float32, seed: int = 0, spread: float = 0.15
) -> Transformer:
    """A model with no weight at zero or one, so that every tensor matters to the output."""
    torch.manual_seed(seed)
    model = Transformer(config, dtype=dtype)
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
            elif "correction_bias" in name:
                weight.uniform_(-0.2, 0.2)
            else:
                weight.normal_(0.0, spread)
    return model
