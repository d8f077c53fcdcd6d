"""The config of a new model."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.train.config import build_config
from huozhong.train.recipe import parse_recipe
from huozhong.train.sizes import SIZES

IDS = {"vocab_size": 320, "bos_id": 1, "eos_id": 2, "pad_id": 0}


@pytest.mark.parametrize("size", SIZES)
def test_named_sizes_build(size: str, raw_recipe: dict[str, Any]) -> None:
    raw_recipe["model"] = {"size": size, "num_hidden_layers": 3}
    config = build_config(parse_recipe(raw_recipe, "pretrain"), **IDS)
    assert config.num_hidden_layers == 3
    assert config.hidden_size == SIZES[size]["hidden_size"]
    assert (config.vocab_size, config.eos_token_id) == (320, 2)


def test_impossible_models_are_named(raw_recipe: dict[str, Any]) -> None:
    for values, word in (
        ({"size": "huge"}, "'huge' is unknown"),
        ({"size": "spark", "vocab_size": 100}, "tokenizer has 320"),
        ({"size": "spark", "max_position_embeddings": 16}, "seq_len"),
        ({"hidden_size": 32}, "intermediate_size is missing"),
    ):
        raw_recipe["model"] = values
        with pytest.raises(ConfigError, match=word):
            build_config(parse_recipe(raw_recipe, "pretrain"), **IDS)
