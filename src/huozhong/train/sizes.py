"""Named sizes of the house, for `[model] size = "..."` in a recipe; keys beside it override single numbers."""

from __future__ import annotations

from typing import Any

SIZES: dict[str, dict[str, Any]] = {
    "spark": {  # about 4M without embeddings: minutes on two cores, for trying things
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "q_lora_rank": 128,
        "kv_lora_rank": 64,
        "qk_nope_head_dim": 48,
        "qk_rope_head_dim": 16,
        "v_head_dim": 64,
    },
    "ember": {  # about 15M without embeddings
        "hidden_size": 384,
        "intermediate_size": 1024,
        "num_hidden_layers": 10,
        "num_attention_heads": 6,
        "q_lora_rank": 192,
        "kv_lora_rank": 96,
        "qk_nope_head_dim": 48,
        "qk_rope_head_dim": 16,
        "v_head_dim": 64,
    },
    "flame": {  # about 85M without embeddings: for a machine with a GPU
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "q_lora_rank": 384,
        "kv_lora_rank": 192,
        "qk_nope_head_dim": 48,
        "qk_rope_head_dim": 16,
        "v_head_dim": 64,
    },
}
