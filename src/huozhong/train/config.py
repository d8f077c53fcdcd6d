"""The config of a model that begins afresh."""

from __future__ import annotations

import dataclasses

from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig
from huozhong.train.recipe import Recipe
from huozhong.train.sizes import SIZES


def build_config(
    recipe: Recipe, *, vocab_size: int, bos_id: int | None, eos_id: int | None, pad_id: int | None
) -> ModelConfig:
    """The ModelConfig of a fresh run; vocabulary and token ids are the tokenizer's unless the recipe says more."""
    assert recipe.model is not None
    values = dict(recipe.model)
    size = values.pop("size", None)
    usual = {
        "vocab_size": vocab_size,
        "bos_token_id": bos_id,
        "eos_token_id": eos_id,
        "pad_token_id": pad_id,
        "max_position_embeddings": max(2048, recipe.data.seq_len),
    }
    merged = {**usual, **(SIZES[size] if size is not None else {}), **values}
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
