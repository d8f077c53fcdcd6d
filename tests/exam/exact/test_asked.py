"""The 500 questions: how many, always the same for a seed, and their gold worked out by themselves."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

import pytest

from huozhong.exam.exact.asked import COUNTS, asked
from huozhong.exam.exact.writing import in_chinese, shown


def test_500_of_every_kind_no_two_alike() -> None:
    questions = asked(0)
    assert len(questions) == 500
    assert Counter(q.kind for q in questions) == COUNTS
    assert len({q.text for q in questions}) == 500
    assert sum(q.text.isascii() for q in questions) > 25


def test_the_seed_decides() -> None:
    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_gold_can_be_read() -> None:
    for question in asked(3):
        kind, _, wanted = question.gold.partition(" ")
        assert kind in ("number", "text", "one", "numbers", "sign", "yes", "no", "order", "product"), question
        assert bool(wanted) == (kind not in ("yes", "no"))
        assert "{" not in question.text
        if kind == "number":
            assert re.fullmatch(r"-?\d+(?:\.\d+)?%?|-?\d+/\d+", wanted), question


@pytest.mark.parametrize(
    ("value", "written"), [(Fraction(3, 4), "0.75"), (Fraction(1, 3), "1/3"), (5, "5"), (Fraction(-1, 2), "-0.5")]
)
def test_numbers_in_digits(value: Fraction | int, written: str) -> None:
    assert shown(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(15, "十五"), (205, "二百零五"), (30050, "三万零五十"), (110010, "十一万零一十"), (0, "零")]
)
def test_numbers_in_words(value: int, written: str) -> None:
    assert in_chinese(value) == written
