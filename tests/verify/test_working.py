"""A pupil's steps, read and checked exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.verify.working import read_working


@pytest.mark.parametrize(
    ("text", "values", "first_wrong", "number"),
    [
        ("6×24=144, 144-50=94", [144, 94], None, 94),
        ("6x24=144，144-50=94", [144, 94], None, 94),
        ("6*24=144\n144-50=94\n答：94盒", [144, 94], None, 94),
        ("６×２４＝１４４", [144], None, 144),
        ("6×24=134, 134-50=84", [144, 84], 0, 84),
        ("6×24=144, 144-50=84", [144, 94], 1, 84),
        ("6箱×24盒=144盒，144盒-50盒=94盒", [144, 94], None, 94),
        ("六乘二十四等于一百四十四", [144], None, 144),
        ("6乘24得144，再用144减50得94", [144, 94], None, 94),
        ("6×24-50=94", [94], None, 94),
        ("6×24=144-50=94", [144, 94], 0, 94),
        ("94", [], None, 94),
        ("是九十四吗", [], None, 94),
        ("我算出来是 94 盒", [], None, 94),
        ("告诉我答案", [], None, None),
        ("第2步不会", [], None, None),
        ("10÷3≈3.33", [Fraction(10, 3)], None, Fraction("3.33")),
        ("10÷3=3.33", [Fraction(10, 3)], 0, Fraction("3.33")),
        ("5÷0=0", [], None, 0),
        ("6 times 24 is 144", [144], None, 144),
        ("", [], None, None),
    ],
)
def test_steps_are_read(text: str, values: list[Fraction], first_wrong: int | None, number: Fraction | None) -> None:
    found = read_working(text)
    assert [claim.value for claim in found.claims] == values
    assert found.first_wrong == first_wrong
    assert found.number == number


def test_the_numbers_a_step_takes_are_told() -> None:
    assert read_working("7×24=168").claims[0].operands == (7, 24)


def test_an_answer_may_have_two_units() -> None:
    quantity = read_working("2小时40分").quantity
    assert quantity is not None
    assert quantity.base == 160 * 60
