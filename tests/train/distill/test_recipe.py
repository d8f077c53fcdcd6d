"""What a user gets wrong in a recipe of distillation."""

from __future__ import annotations

import tomllib

import pytest
from tests.train.distill.conftest import LOGITS, STUDENT, TEACHER

from huozhong.errors import ConfigError
from huozhong.train.distill.recipe import parse_distill_recipe


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('[teacher]\nmodel = "x" -> [teacher]', "needs url"),
        ("[questions] -> [question]", r"unknown section \[question\]"),
        ('seq_len = 96 -> seq_len = 96\ntrain = [{ path = "x" }]', "take it out"),
        ('choose = "shortest" -> choose = "best"', "shortest, diverse"),
        ("mtp_weight = 0.0 -> mtp_weight = 0.1", "mtp_weight must be 0"),
        ("weight = 0.9 -> weight = 0.0", "above 0"),
        ("samples = 3 -> samples = 0", "at least 1"),
    ],
)
def test_mistakes_in_a_recipe_are_named(change: str, said: str) -> None:
    text = (STUDENT + TEACHER + 'choose = "shortest"\n' + LOGITS).format(folder="f").replace("f/teacher", "x", 1)
    old, new = change.split(" -> ")
    assert old in text
    with pytest.raises(ConfigError, match=said):
        parse_distill_recipe(tomllib.loads(text.replace(old, new, 1)))


def test_a_teacher_needs_questions_and_there_must_be_one() -> None:
    raw = tomllib.loads((STUDENT + TEACHER).format(folder="f"))
    with pytest.raises(ConfigError, match=r"\[questions\] is missing"):
        parse_distill_recipe({k: v for k, v in raw.items() if k != "questions"})
    with pytest.raises(ConfigError, match="names no teacher"):
        parse_distill_recipe({k: v for k, v in raw.items() if k not in ("questions", "teacher")})
