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
        ("6×24=134 134-50=84", [144, 84], 0, 84),
        ("3 x 9 = 27. 45 - 27 = 22", [27, 18], 1, 22),
        ("5×2/5=2 25-2=23", [2, 23], None, 23),
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


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("3÷4=四分之三", [("3÷4", Fraction(3, 4))]),
        ("三除以四等于零点七五", [("3÷4", Fraction(3, 4))]),
        ("三除以四等于四分之三", [("3÷4", Fraction(3, 4))]),
        ("十五除以四分之三等于二十", [("15÷(3÷4)", Fraction(20))]),
        ("3÷4=¾", [("3÷4", Fraction(3, 4))]),
        ("3÷4=.75", [("3÷4", Fraction(3, 4))]),
        ("four times five is twenty", [("4×5", Fraction(20))]),
        ("thirty-six minus twenty equals sixteen", [("36-20", Fraction(16))]),
        ("一百二十乘百分之三十等于三十六", [("120×30%", Fraction(36))]),
    ],
)
def test_sums_in_words_with_fractions_and_decimals(text: str, claims: list[tuple[str, Fraction]]) -> None:
    read = read_working(text)
    assert [(one.written.partition("=")[0], one.claimed) for one in read.claims] == claims
    assert all(one.is_right for one in read.claims)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("36-4×5", 16),
        ("36-20", 16),
        ("列式：(36-4)×5", 160),
        ("4×5=", 20),
        ("72/2", 36),
        ("3/4", None),
        ("16", None),
        ("4×5=20", None),
        ("1+2，3+4", None),
    ],
)
def test_a_sum_without_its_result(text: str, value: int | None) -> None:
    read = read_working(text).sum
    assert (None if read is None else read.value) == value


def test_numbers_of_a_right_side_are_made_and_not_taken() -> None:
    first, second = read_working("36-4×5=36-20=16").claims
    assert first.made == (36, 20)
    assert second.made == ()
    assert read_working("twelve point five").number == Fraction(25, 2)
    assert read_working("¾").number == Fraction(3, 4)
    assert read_working(".75").number == Fraction(3, 4)
