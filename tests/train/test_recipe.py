from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.train.recipe import Recipe, Stretch, load_recipe, parse_recipe


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


def test_stretches_share_out_the_tokens(ramped: Recipe) -> None:
    first, second, rest = Stretch(4, 2, 16, 1), Stretch(2, 4, 32, 1), Stretch(4, 4, 32, None)
    assert ramped.stretches == (first, second, rest)
    assert (ramped.total_steps, ramped.total_tokens, ramped.decay_steps) == (10, 1024, 2)
    assert [ramped.stretch_at(step) for step in (0, 3, 4, 5, 6, 9)] == [first, first, second, second, rest, rest]


def test_a_run_without_ramp_is_one_stretch(recipe: Recipe) -> None:
    assert recipe.stretches == (Stretch(12, 4, 32, None),)
    assert recipe.total_tokens == 12 * 128
    assert "ramp" not in recipe.identity()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"share": 1.0}, "share is 1.0"),
        ({"share": 0.5, "seq_len": 24}, "must divide"),
        ({"share": 0.5, "layer": 1}, "has no key 'layer'"),
        ({"share": 0.5, "layers": 0}, "layers is 0"),
        ({"share": 0.5, "mtp_weight": -0.1}, "mtp_weight is -0.1"),
        ({"share": 0.9, "layers": 1}, "add up"),
    ],
)
def test_wrong_ramps_are_named(part: dict[str, Any], words: str, raw_recipe: dict[str, Any]) -> None:
    raw_recipe["schedule"] = {"total_tokens": 1024}
    raw_recipe["ramp"] = [{"share": 0.1, "layers": 1}, part]
    with pytest.raises(ConfigError, match=words):
        parse_recipe(raw_recipe, "pretrain", where="some.toml")


def test_a_ramp_needs_tokens_a_list_and_a_new_model(raw_recipe: dict[str, Any]) -> None:
    raw_recipe["ramp"] = [{"share": 0.5, "layers": 1}]
    with pytest.raises(ConfigError, match="total_tokens"):
        parse_recipe(raw_recipe, "pretrain")
    raw_recipe["schedule"] = {"total_tokens": 1024}
    with pytest.raises(ConfigError, match=r"under \[\[ramp\]\]"):
        parse_recipe(raw_recipe | {"ramp": {"share": 0.5}}, "pretrain")
    del raw_recipe["model"]
    raw_recipe["run"]["init_from"] = "somewhere"
    with pytest.raises(ConfigError, match="cannot sleep"):
        parse_recipe(raw_recipe, "pretrain")


def test_a_module_alone_has_no_curriculum(raw_recipe: dict[str, Any]) -> None:
    raw_recipe["schedule"] = {"total_tokens": 1024}
    raw_recipe["ramp"] = [{"share": 0.5, "mtp_weight": 0.0}]
    raw_recipe["run"] |= {"init_from": "somewhere"}
    del raw_recipe["model"]
    with pytest.raises(ConfigError, match="for a model that learns"):
        parse_recipe(raw_recipe, "mtp")
