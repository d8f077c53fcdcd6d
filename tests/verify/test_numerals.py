"""Chinese numerals: what is written is read back, and what is no numeral is not read."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.verify import numerals

TRADITIONAL = str.maketrans("两万亿点", "兩萬億點")


@given(st.integers(0, 10**12), st.booleans())
def test_what_is_written_is_read_back(value: int, financial: bool) -> None:
    assert numerals.read_whole(numerals.write_whole(value, financial=financial)) == value


@given(st.integers(0, 10**12))
def test_traditional_characters_and_the_two_of_speech(value: int) -> None:
    written = numerals.write_whole(value)
    assert numerals.read_whole(written.translate(TRADITIONAL)) == value
    assert numerals.read_whole(re.sub("^二(?=[百千万亿])|(?<=[万亿千])二(?=[千百])", "两", written)) == value


@given(st.integers(0, 10**9), st.integers(0, 4))
def test_decimals(value: int, places: int) -> None:
    number = Fraction(value, 10**places)
    assert numerals.read(numerals.write(number)) == number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("两百零五", 205), ("一百八", 180), ("三千五", 3500), ("两万五", 25000), ("廿三", 23), ("二〇二四", 2024),
        ("十", 10),
        ("壹仟零壹拾", 1010), ("兩萬", 20000), ("贰拾叁", 23), ("一百十五", 115), ("一亿零三", 10**8 + 3), ("〇", 0),
    ],
)  # fmt: skip
def test_as_people_write_them(text: str, value: int) -> None:
    assert numerals.read_whole(text) == value


@pytest.mark.parametrize(
    "text", ["", "百", "千", "百千", "三二", "十万百", "一百零", "一万十", "零五零", "两两", "一二三", "点五", "甲"]
)
def test_what_is_no_numeral(text: str) -> None:
    assert numerals.read(text) is None


def test_fractions_and_numbers_below_zero_are_written() -> None:
    assert numerals.write(Fraction(-3, 4)) == "负零点七五"
    assert numerals.write(Fraction(7, 3)) == "二又三分之一"


def test_too_large_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not between"):
        numerals.write_whole(10**16)
