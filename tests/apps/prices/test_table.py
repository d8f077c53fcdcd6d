"""Prices as people have them, read; and what is said where they cannot be."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from huozhong.apps.prices.table import read_prices
from huozhong.errors import SkillError

FIRST = datetime.date(2024, 1, 5)


def table(
    form: str = "%Y-%m-%d",
    *,
    head: str = "日期,价格\n",
    mark: str = ",",
    step: int = 7,
    count: int = 12,
    cell: Callable[[int], str] = lambda week: f"{14 + week / 10:.1f}",
) -> str:
    days = [(FIRST + datetime.timedelta(step * place)).strftime(form) for place in range(count)]
    return head + "\n".join(f"{day}{mark}{cell(place)}" for place, day in enumerate(days))


@pytest.mark.parametrize(
    "text",
    [
        table(),
        table("%Y/%m/%d", head="date,price\n"),
        table("%Y.%m.%d", mark="\t", head="日期\t价格\n"),
        table("%Y年%m月%d日", head="中国某县生猪周价\n来源：某处\n日期,价格\n"),
        table("%Y%m%d"),
        table("%d/%m/%Y", head="date,price\n", count=12),
        table("%m/%d/%Y", head="date,price\n", count=12),
        table("%b %d %Y", head="date,price\n"),
        table("%d-%b-%Y", head="date,price\n"),
        table("%G-W%V", head="week,price\n"),
        table("%G年第%V周", head="周,价格\n"),
        table("%Y-%m-%d 00:00:00", head="date,price\n"),
        table(mark="  ", head=""),
        table(mark=";", head="date;price\n", cell=lambda week: f"{14 + week / 10:.1f}".replace(".", ",")),
        "\n".join(reversed(table(head="").splitlines())),
        "日期,价格\n" + "\n".join(f"{45296 + 7 * week},{14 + week / 10:.1f}" for week in range(12)),
    ],
)
def test_dates_in_any_form_are_the_same_series(text: str) -> None:
    prices = read_prices(text)
    np.testing.assert_allclose(prices.values, 14 + np.arange(12) / 10)
    assert abs((prices.dates[0] - FIRST).days) <= 1
    assert (prices.dates[-1] - prices.dates[0]).days == 77
    assert not prices.filled.any()


def test_gbk_and_marks_of_money_and_thousands() -> None:
    text = table(head="日期,均价（元/吨）\n", cell=lambda week: f'"￥{1400 + week:,}.50"')
    prices = read_prices(text.encode("gbk"))
    assert prices.unit == 1000.0
    np.testing.assert_allclose(prices.per_kilogram()[[0, -1]], [1.4005, 1.4115])


@pytest.mark.parametrize(
    ("head", "cell", "first"),
    [
        ("日期,价格(元/公斤)\n", "14", 14.0),
        ("日期,价格(元/斤)\n", "7", 14.0),
        ("date,price yuan/kg\n", "14", 14.0),
        ("日期,价格\n", "7元/斤", 14.0),
        ("日期,价格\n", "7元每500克", 14.0),
    ],
)
def test_what_a_price_is_for_is_read(head: str, cell: str, first: float) -> None:
    assert read_prices(table(head=head, cell=lambda week: cell)).per_kilogram()[0] == pytest.approx(first)


def test_cells_of_either_unit_are_made_one() -> None:
    prices = read_prices(table(cell=lambda week: "14元/公斤" if week % 2 else "7元/斤"))
    np.testing.assert_allclose(prices.per_kilogram(), 14.0)


def test_days_become_weeks_and_missing_weeks_are_filled_and_told() -> None:
    daily = read_prices(table(step=1, count=70, cell=lambda day: f"{10 + (day // 7) + (day % 7 == 3) * 0.7:.2f}"))
    assert len(daily.values) == 11
    assert "每天" in daily.notes[0][0]
    gap = read_prices(table(count=20, cell=lambda week: "" if week in (5, 6) else "14.0"))
    assert gap.filled.sum() == 2
    assert list(np.flatnonzero(gap.filled)) == [5, 6]
    assert "2" in gap.notes[0][1]


def test_after_a_long_gap_only_what_follows_counts() -> None:
    prices = read_prices(table(count=40, cell=lambda week: "" if 10 <= week < 25 else f"{10 + week}"))
    assert len(prices.values) == 15
    assert prices.values[0] == pytest.approx(35)


def test_numbers_alone_are_a_price_a_week_until_now() -> None:
    prices = read_prices("14.2 14.5 14.1，14.0\n13.8 13.9、14.4 14.8")
    assert not prices.dated
    assert prices.values[-1] == 14.8
    assert prices.dates[-1] == datetime.date.today()


PLACES = "日期,地区,价格\n" + "\n".join(
    f"{FIRST + datetime.timedelta(7 * week)},{place},{price}"
    for week in range(10)
    for place, price in (("山东", 14.1), ("河南", 13.9))
)


def test_one_place_of_several_and_one_column_of_several() -> None:
    assert read_prices(PLACES, only="河南").values[0] == pytest.approx(13.9)
    two = table(head="日期,玉米,生猪\n", cell=lambda week: f"2.4,{14 + week}")
    assert read_prices(two).values[0] == pytest.approx(14)
    assert read_prices(two, column="玉米").values[0] == pytest.approx(2.4)


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        ("", "空", "empty"),
        (b"PK\x03\x04 a workbook", "Excel", "Excel"),
        ("甲,乙\n丙,丁", "日期", "no date"),
        (table("%Y-%m", step=31), "月份", "month"),
        (table("%m月%d日"), "没有年份", "no year"),
        (table(count=5), "至少要 8 周", "at least 8"),
        (table(step=31, count=20), "每 31 天", "about every 31 days"),
        (table("%d/%m/%Y", count=8) + "\n" + table("%m/%d/%Y", head=""), "月在前", "month"),
        (table(cell=lambda week: "十四" if week == 5 else "14"), "第 7 行", "Line 7"),
        (table(cell=lambda week: "0" if week == 5 else "14"), "第 7 行", "Line 7"),
        (table(cell=lambda week: "140" if week == 5 else "14"), "第 7 行", "Line 7"),
        (table().replace("2024-02-02", "2024-02-32"), "第 6 行", "Line 6"),
        (table() + "\n2024-01-05,15", "同一天", "same day"),
        (PLACES, "山东、河南", "several places"),
        (table(head="日期,玉米,豆粕\n", cell=lambda week: "2.4,3.5"), "玉米、豆粕", "several columns"),
        ("1,14\n2,15\n3,14\n4,15\n5,14\n6,15\n7,14\n8,13", "序号", "only counts"),
        (table(cell=lambda week: "14元/公斤" if week else "14"), "没有写单位", "no unit"),
    ],
)
def test_one_sentence_says_what_is_wrong(text: str | bytes, chinese: str, english: str) -> None:
    with pytest.raises(SkillError) as told:
        read_prices(text)
    assert chinese in told.value.chinese
    assert english in str(told.value)


def test_a_column_or_place_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SkillError, match=r"there are: 玉米、生猪"):
        read_prices(table(head="日期,玉米,生猪\n", cell=lambda week: "2.4,14"), column="牛")
    with pytest.raises(SkillError, match=r"No row says"):
        read_prices(PLACES, only="四川")


def test_a_price_that_a_spreadsheet_would_take_for_a_day() -> None:
    """31156 counts days to 1985; in a list of prices of nickel it is one of them."""
    values = [28764.0 + 299 * (place % 9) for place in range(40)]
    assert 31156.0 in values
    assert read_prices("\n".join(map(str, values))).values.tolist() == values


@pytest.mark.parametrize("name", ["price", "外三元（元/公斤）", "﻿价格"])
def test_a_column_of_prices_may_have_a_name(name: str) -> None:
    """2064.12 alone could be a month, too."""
    values = [2064.12 + 3.5 * (place % 9) for place in range(40)]
    assert read_prices(f"{name}\n" + "\n".join(map(str, values))).values.tolist() == values


DAYS = [FIRST + datetime.timedelta(7 * place) for place in range(12)]


@pytest.mark.parametrize(
    "form",
    ["%d-%b-%y", "%Y-%m-%d 星期五", "%Y/%m/%d(周五)", "%Y-%m-%d Friday", "%a"],
)
def test_days_with_their_weekday_and_years_of_two_digits(form: str) -> None:
    if form == "%a":  # a weekday alone is no date
        with pytest.raises(SkillError, match="no date"):
            read_prices(table(form))
        return
    assert read_prices(table(form)).dates == DAYS


def test_a_week_that_ends_in_the_next_year() -> None:
    begin = datetime.date(2024, 11, 4)
    for form in ("{0:%Y-%m-%d}~{1:%m-%d}", "{0:%Y.%m.%d}-{1:%m.%d}", "{0:%Y年%m月%d日}—{1:%m月%d日}"):
        weeks = [begin + datetime.timedelta(7 * place) for place in range(14)]
        said = [form.format(day, day + datetime.timedelta(6)) for day in weeks]
        text = "日期,价格(元/公斤)\n" + "\n".join(f"{one},{15 + place / 10:.1f}" for place, one in enumerate(said))
        read = read_prices(text)
        assert read.dates == [day + datetime.timedelta(6) for day in weeks], form
        assert np.allclose(read.values, [15 + place / 10 for place in range(14)])


def test_weeks_counted_in_their_month() -> None:
    thursdays = [datetime.date(2024, 1, 4) + datetime.timedelta(7 * place) for place in range(14)]
    cells = [f"{day.year}年{day.month}月第{'一二三四五'[(day.day - 1) // 7]}周" for day in thursdays]
    text = "日期,价格\n" + "\n".join(f"{cell},{15 + place / 10:.1f}" for place, cell in enumerate(cells))
    assert read_prices(text).dates == thursdays


@pytest.mark.parametrize(
    "below",
    ["合计,\n", "平均,15.20\n", "数据来源：农业农村部,\n", "注：周均价\n来源：某网\n", "Source: the ministry,\n"],
)
def test_what_stands_below_a_table_is_no_price(below: str) -> None:
    read = read_prices(table() + "\n" + below)
    assert read.dates == DAYS
    assert np.allclose(read.values, [14 + week / 10 for week in range(12)])
    assert any("第 14 行" in zh and "line 14" in en for zh, en in read.notes)


def test_a_word_within_a_table_is_still_asked_about() -> None:
    lines = table().splitlines()
    with pytest.raises(SkillError, match="Line 6"):
        read_prices("\n".join([*lines[:5], "小计,15.0", *lines[5:]]))


def test_months_as_spreadsheets_show_them_and_spans_without_a_year_are_named_as_such() -> None:
    months = "\n".join(f"{name}-24,15.0" for name in ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep"))
    with pytest.raises(SkillError, match="'Jan-24' is a month"):
        read_prices("Date,Price\n" + months)
    spans = "\n".join(f"3月{day}日—3月{day + 1}日,15.0" for day in range(1, 20))
    with pytest.raises(SkillError, match="no year"):
        read_prices("时间,价格\n" + spans)
