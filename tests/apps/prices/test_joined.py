"""Dates whose parts stand in columns of their own."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from huozhong.apps.prices.table import read_prices
from huozhong.errors import SkillError

DAYS = [datetime.date(2023, 12, 1) + datetime.timedelta(7 * place) for place in range(12)]  # Fridays


def _week(day: datetime.date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year},第{week}周"


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("年份,周次", _week),
        ("年,周", lambda day: _week(day).replace("第", "").replace("周", "")),
        ("年,月,日", lambda day: f"{day.year},{day.month},{day.day}"),
        ("年份,月份,日", lambda day: f"{day.year}年,{day.month}月,{day.day}日"),
        ("年份,日期", lambda day: f"{day.year},{day.month}月{day.day}日"),
        ("年份,日期", lambda day: f"{day.year},{day:%Y-%m-%d}"),
        ("Year,Month,Day", lambda day: f"{day.year},{day.month},{day.day}"),
    ],
)
@pytest.mark.parametrize("merged", [False, True])
def test_the_parts_are_one_date(head: str, cells: Callable[[datetime.date], str], merged: bool) -> None:
    lines, before = [], ""
    for place, day in enumerate(DAYS):
        year, comma, rest = cells(day).partition(",")
        shown = "" if merged and year == before else year  # a merged cell's year stands in its first row alone
        before = year
        lines.append(f"{shown}{comma}{rest},{14 + place / 10:.1f}")
    read = read_prices(f"某县周报\n{head},价格(元/公斤)\n" + "\n".join(lines))
    assert read.dates == DAYS
    assert read.unit == 1.0
    assert np.allclose(read.values, [14 + place / 10 for place in range(12)])


def test_a_part_that_is_none_is_named_with_its_line() -> None:
    rows = [f"{day.year},{day.month},{day.day},15.0" for day in DAYS]
    rows[4] = "2023,12,某日,15.0"
    with pytest.raises(SkillError, match="Line 6"):
        read_prices("年,月,日,价格\n" + "\n".join(rows))


def test_years_beside_months_alone_are_left_for_the_sentence_about_months() -> None:
    with pytest.raises(SkillError):
        read_prices("年,月,价格\n" + "\n".join(f"2023,{month},15.0" for month in range(1, 13)))
