"""Named sizes of the house, for `[model] size = "..."` in a recipe (keys beside it override single numbers), and the
config of a model that begins afresh.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig

if TYPE_CHECKING:
    from huozhong.train.recipe import Recipe

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


def build_config(
    recipe: Recipe, *, vocab_size: int, bos_id: int | None, eos_id: int | None, pad_id: int | None
) -> ModelConfig:
    """The ModelConfig of a fresh run; vocabulary and token ids are the tokenizer's unless the recipe
    says more.
    """
    assert recipe.model is not None
    values = dict(recipe.model)
    size = values.pop("size", None)
    merged = {**(SIZES[size] if size is not None else {}), **values}
    for key, value in (
        ("vocab_size", vocab_size),
        ("bos_token_id", bos_id),
        ("eos_token_id", eos_id),
        ("pad_token_id", pad_id),
        ("max_position_embeddings", max(2048, recipe.data.seq_len)),
    ):
        merged.setdefault(key, value)
    if merged["vocab_size"] < vocab_size:
        raise ConfigError(
            f"[model] vocab_size is {merged['vocab_size']}, but the tokenizer has {vocab_size} tokens; leave it out."
        )
    missing = [
        f.name for f in dataclasses.fields(ModelConfig) if f.default is dataclasses.MISSING and f.name not in merged
    ]
    if missing:
        raise ConfigError(f"[model] {missing[0]} is missing; give it, or a size: {', '.join(SIZES)}.")
    config = ModelConfig(**merged)
    for part in recipe.ramp:
        if part.layers is not None and part.layers > config.num_hidden_layers:
            raise ConfigError(
                f"[[ramp]] layers ({part.layers}) is more than the model has ({config.num_hidden_layers})."
            )
    if recipe.data.seq_len > config.max_position_embeddings:
        raise ConfigError(
            f"[data] seq_len ({recipe.data.seq_len}) is longer than the model's max_position_embeddings "
            f"({config.max_position_embeddings}); lower one or raise the other."
        )
    return config
