"""The one parser: its normal spelling, and what its two builders make of an expression."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.errors import DataError
from huozhong.verify.expression import MAX_DEPTH, MAX_LENGTH, Canonical, Exact, Parser, normalise, read_fraction, spell


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("１２×（３＋４）", "12*(3+4)"),
        ("8÷2－1＝3％", "8/2-1=3%"),
        ("1,234,567", "1234567"),
        ("12,34", "12,34"),
        (r"\frac{3}{4}", "((3)/(4))"),
        ("2**3", "2^3"),
        ("**粗体**", "粗体"),
        ("3 x 4", "3 * 4"),
        ("5²", "5^2"),
    ],
)
def test_one_spelling_for_all(text: str, normal: str) -> None:
    assert normalise(text) == normal


def exact(text: str) -> Fraction:
    return Parser(text, Exact()).parse()


def canonical(text: str) -> str:
    return spell(Parser(text, Canonical()).parse())


def test_both_builders_read_the_same_grammar() -> None:
    assert exact("2+3*4^2-10%") == Fraction(499, 10)
    assert exact("3(1/2)") == exact("3又1/2") == Fraction(7, 2)
    assert canonical("1+2+3") == canonical("3+(1+2)") == canonical("2+1+3")
    assert canonical("6/2*3") == canonical("3*6/2")
    assert canonical("6/(2*3)") != canonical("6/2*3")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1/0", "divides by zero"),
        ("2^0.5", "a power that is not a whole number"),
        ("9^99999", "a power that is too large"),
        ("(1+2", "a bracket that is not closed"),
        ("1+*2", "has '*' where a number should be"),
        ("1+", "ends where a number should be"),
        ("2(3+4)", "an unexpected '(' at character 2"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "nested more than"),
    ],
)
def test_an_error_quotes_the_expression(text: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        exact(text)
    assert sentence in str(caught.value)
    assert f"'{text[:80]}" in str(caught.value)


def test_too_long_is_said_before_it_is_read() -> None:
    with pytest.raises(DataError, match="longer than"):
        Parser("1+" * MAX_LENGTH, Exact())


def test_a_fraction_is_two_whole_numbers() -> None:
    assert read_fraction("(3)/(4)") == Fraction(3, 4)
