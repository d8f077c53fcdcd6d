"""Small random DeepSeek-V4 models: every kind of layer, windows that a short text crosses many times."""

from __future__ import annotations

from typing import Any

from transformers import DeepseekV4Config

VOCAB = 96
KINDS = ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"]
YARN = {
    "rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 32, "beta_fast": 32, "beta_slow": 1,
}  # fmt: skip


def v4_config(**changes: Any) -> DeepseekV4Config:
    """A window, then both kinds of entries twice; the first layer's experts come from its table."""
    kinds = changes.pop("kinds", [*KINDS, *KINDS[1:]])
    values: dict[str, Any] = {
        "vocab_size": VOCAB, "hidden_size": 48, "moe_intermediate_size": 24, "num_hidden_layers": len(kinds),
        "num_attention_heads": 4, "head_dim": 32, "q_lora_rank": 40, "n_routed_experts": 8, "num_experts_per_tok": 3,
        "partial_rotary_factor": 0.25, "layer_types": kinds, "sliding_window": 12, "o_groups": 2, "o_lora_rank": 20,
        "mlp_layer_types": ["hash_moe"] + ["moe"] * (len(kinds) - 1),
        "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 16},
        "index_n_heads": 16, "index_head_dim": 32, "index_topk": 6, "hc_sinkhorn_iters": 5, "swiglu_limit": 0.5,
        "max_position_embeddings": 512, "rope_parameters": YARN, "bos_token_id": 1, "eos_token_id": 2,
        "attn_implementation": "eager",
    }  # fmt: skip
    return DeepseekV4Config(**(values | changes))
