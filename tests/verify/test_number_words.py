"""English numbers in words."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.verify.number_words import START, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("twenty-three", 23), ("two hundred and five", 205), ("a hundred", 100),
        ("three thousand four hundred twelve", 3412),
        ("two and a half", Fraction(5, 2)), ("three quarters", Fraction(3, 4)), ("one third", Fraction(1, 3)),
        ("a third", Fraction(1, 3)),
        ("half", Fraction(1, 2)), ("half a dozen", 6), ("two dozen", 24), ("a dozen", 12), ("twice", 2),
        ("one million", 10**6),
        ("nine hundred ninety-nine", 999), ("two and three quarters", Fraction(11, 4)),
    ],
)  # fmt: skip
def test_words(text: str, value: Fraction | int) -> None:
    assert START.match(text)
    found = read(text, 0)
    assert found is not None
    assert (found.value, found.end) == (value, len(text))


@pytest.mark.parametrize("text", ["someone", "bone", "often", "a cat", "tend", "and", "quarter", "second"])
def test_other_words_do_not_begin_a_number(text: str) -> None:
    assert START.match(text) is None
