"""What a user gets wrong in a recipe of reinforcement."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.train.rl.recipe import parse_rl_recipe


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("grpo", "clip", 0.2, r"\[grpo\] has no key 'clip'"),
        ("grpo", "clip_low", 1.5, "below 1"),
        ("grpo", "old", "engine", "trainer, sampler"),
        ("rewards", "beauty", 1.0, "'beauty'"),
        ("rewards", "answer", "yes", "must be a number"),
        ("rollout", "samples", 1, "at least 2"),
        ("rollout", "temperature", 0.0, "above 0"),
        ("rollout", "max_tokens", 32, "room for a question"),
        ("rollout", "margin", 9, "larger than max_tokens"),
        ("problems", "train", [], "train is empty"),
        ("curriculum", "focus", 1.5, "between 0 and 1"),
        ("optim", "momentum", 1.0, r"\[0, 1\)"),
        ("schedule", "total_tokens", 5, "exactly one"),
        ("schedule", "warmup_steps", 6, "do not fit"),
        ("teacher", "url", "x", r"unknown section \[teacher\]"),
    ],
)
def test_mistakes_in_a_recipe_are_named(raw: dict[str, Any], section: str, key: str, value: Any, said: str) -> None:
    raw.setdefault(section, {})[key] = value
    with pytest.raises(ConfigError, match=said):
        parse_rl_recipe(raw, where="rl.toml")


def test_without_a_model_to_start_from(raw: dict[str, Any]) -> None:
    del raw["run"]["init_from"]
    with pytest.raises(ConfigError, match="init_from is missing"):
        parse_rl_recipe(raw)
