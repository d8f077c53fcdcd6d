"""Units: exact factors, names in both languages, quantities that belong together."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.verify.units import NAMES, convert, read, split


def value_in(text: str, unit: str) -> Fraction:
    quantities, _ = read(text)
    assert len(quantities) == 1, text
    return convert(quantities[0], NAMES[unit])


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5千克", "克", 5000), ("五公斤", "斤", 10), ("3米5厘米", "厘米", 305), ("2小时30分", "分钟", 150),
        ("1时15分", "分钟", 75),
        ("5元4角", "元", "5.4"), ("5元4角3分", "分", 543), ("二两", "克", 100), ("半小时", "分钟", 30),
        ("两个半小时", "分钟", 150),
        ("2公顷", "平方米", 20000), ("3立方米", "升", 3000), ("1 foot", "厘米", "30.48"),
        ("1 lb", "克", "453.59237"), ("1 gallon", "升", "3.785411784"),
        ("1 mile", "米", "1609.344"), ("5 feet 2 inches", "inch", 62), ("$3", "cent", 300), ("1GB", "MB", 1024),
        ("72km/h", "米/秒", 20),
        ("100°C", "°F", 212), ("32华氏度", "摄氏度", 0), ("零下40摄氏度", "华氏度", -40), ("1斤", "两", 10),
        ("1亩", "公顷", Fraction(1, 15)),
        ("3 m²", "平方分米", 300), ("11分9秒", "秒", 669), ("1.5 tonnes", "kg", 1500), ("1刻钟", "分钟", 15),
    ],
)  # fmt: skip
def test_exact(text: str, unit: str, value: int | str | Fraction) -> None:
    if unit == "米/秒":
        quantities, _ = read(text)
        assert quantities[0].base == Fraction(value)
    else:
        assert value_in(text, unit) == Fraction(value)


def test_a_minute_and_a_tenth_of_a_jiao_have_one_name() -> None:
    assert read("5分等于多少秒")[0][0].kind == "time"
    assert read("5分等于多少角")[0][0].kind == "money"


def test_a_ton_depends_on_its_company() -> None:
    assert read("2 tons to pounds")[0][0].base == 2 * Fraction("907184.74")
    assert read("2 tons to kilograms")[0][0].base == 2_000_000


@pytest.mark.parametrize("text", ["5个时间", "3里面", "5分数", "2天平", "4元旦", "8日元", "6年级", "10分母"])
def test_parts_of_other_words_are_no_units(text: str) -> None:
    assert read(text)[0] == []


@given(st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(NAMES)), st.fractions(0, 1000, max_denominator=100))
def test_there_and_back(a: str, b: str, value: Fraction) -> None:
    """So many of one unit, put into another of its kind and back, are as many."""
    first, second = NAMES[a], NAMES[b]
    if first.kind == second.kind:
        there = (value * first.factor + first.offset - second.offset) / second.factor
        assert (there * second.factor + second.offset - first.offset) / first.factor == value


@given(st.integers(0, 10**6))
def test_split_adds_up(base: int) -> None:
    units = [NAMES["千米"], NAMES["米"], NAMES["厘米"]]
    parts = split(Fraction(base, 100), units)
    assert parts is not None
    assert sum(part * unit.factor for part, unit in zip(parts, units, strict=True)) == Fraction(base, 100)
    assert all(part.denominator == 1 for part in parts)


@pytest.mark.parametrize("text", ["零" * 1400, "好" * 20000, "几米" * 700, "三" * 1400])
def test_a_long_text_takes_no_time_that_grows_with_its_square(text: str) -> None:
    """Each of these took more than twenty seconds of a processor, or minutes."""
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 10
