from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.train.config import build_config
from huozhong.train.recipe import load_recipe, parse_recipe
from huozhong.train.sizes import SIZES

IDS = {"vocab_size": 320, "bos_id": 1, "eos_id": 2, "pad_id": 0}


def test_derived_numbers(raw_recipe: dict[str, Any]) -> None:
    recipe = parse_recipe(raw_recipe, "pretrain")
    assert (recipe.rows_per_step, recipe.micro_batches, recipe.tokens_per_step) == (4, 2, 128)
    assert (recipe.total_steps, recipe.decay_steps) == (12, 3)
    raw_recipe["schedule"] = {"total_tokens": 1e4}
    assert parse_recipe(raw_recipe, "pretrain").total_steps == 78


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("micro_batch = 2 -> micro_batch = 2\nlr = 1", ["[optim]", "'lr'", "muon_lr", "recipe.toml"]),
        ("weight = 2.0 -> wieght = 2.0", ["[data] train[0]", "'wieght'"]),
        ("seq_len = 32 -> seq_length = 32", ["[data]", "'seq_length'"]),
        ("hidden_size = 32 -> hiden_size = 32", ["[model]", "'hiden_size'"]),
        ("[schedule] -> [schedul]", ["unknown section [schedul]"]),
        ("muon_lr = 0.01 -> ", ["[optim] muon_lr is missing"]),
        ("seed = 3 -> seed = true", ["[run] seed", "whole number"]),
        ("seed = 3 -> seed = 3.5", ["[run] seed", "whole number"]),
        ('device = "cpu" -> device = "tpu"', ["[run] device", "auto, cpu, cuda"]),
        ("total_steps = 12 -> total_steps = 12\ntotal_tokens = 9", ["exactly one of total_tokens"]),
        ("warmup_steps = 2 -> warmup_steps = 11", ["warmup_steps (11)", "do not fit into 12 steps"]),
        ("micro_batch = 2 -> micro_batch = 0", ["[optim] micro_batch is 0"]),
        ("seed = 3 -> seed = ", ["not valid TOML"]),
    ],
)
def test_wrong_recipes_are_named(change: str, words: list[str], recipe_file: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError) as error:
        load_recipe(recipe_file(change), "pretrain")
    for word in [*words, "recipe.toml"]:
        assert word in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load_recipe(tmp_path / "nowhere.toml", "pretrain")


def test_sft_needs_a_model_to_start_from(raw_recipe: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="init_from is missing"):
        parse_recipe(raw_recipe, "sft")
    raw_recipe["run"]["init_from"] = "somewhere"
    with pytest.raises(ConfigError, match="exclude each other"):
        parse_recipe(raw_recipe, "sft")


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


def test_identity_leaves_out_what_may_change(raw_recipe: dict[str, Any]) -> None:
    before = parse_recipe(raw_recipe, "pretrain").identity()
    raw_recipe["run"]["checkpoint_steps"] = 99
    raw_recipe["cost"] = {"price_per_kwh": 2.0}
    assert parse_recipe(raw_recipe, "pretrain").identity() == before
    raw_recipe["optim"]["muon_lr"] = 0.5
    assert parse_recipe(raw_recipe, "pretrain").identity() != before


def test_a_recipe_may_carry_its_release_gate(raw_recipe: dict[str, Any]) -> None:
    """Training does not look at it; `huozhong eval --gate RECIPE.toml` does."""
    assert parse_recipe(raw_recipe | {"gate": {"two_step": {"correct": 0.95}}}, "pretrain") == parse_recipe(
        raw_recipe, "pretrain"
    )
