"""How numbers stand in an answer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.acts.exact.done import decimal, factor, finish, is_short, mixed, text_of


@pytest.mark.parametrize(
    ("value", "places", "written"),
    [
        ("3.14159", 2, "3.14"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("0.005", 2, "0.01"),
        ("-0.001", 2, "0.00"),
        ("7", 2, "7.00"),
    ],
)
def test_rounding_is_what_schools_do(value: str, places: int, written: str) -> None:
    assert decimal(Fraction(value), places) == written


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=5000))
def test_what_is_written_means_the_value(value: Fraction) -> None:
    assert Fraction(text_of(value)) == value
    assert ("/" in text_of(value)) == (not is_short(value))


def test_operands_and_mixed_numbers() -> None:
    assert factor(Fraction(-3)) == "(-3)"
    assert factor(Fraction(1, 3)) == "(1/3)"
    assert mixed(Fraction(-5, 3)) == "-1又2/3"
    assert mixed(Fraction(1, 3)) == "1/3"


def test_an_answer_ends_with_what_was_asked() -> None:
    assert finish(False, ("1+1=2",), "1+1=2", "2").answer == "1+1=2。答：2。"
    assert finish(True, ("1+1=2",), "1+1=2", "2").answer == "1+1=2. Answer: 2."
