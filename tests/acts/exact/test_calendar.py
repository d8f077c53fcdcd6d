"""Days, months, years and days of the week, against Python's own calendar."""

from __future__ import annotations

import calendar
import datetime

import pytest

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.acts.exact.calendar import days_between


def short(question: str) -> str | None:
    done = do(labels.CLOCK, question)
    return None if done is None else done.short


def test_leap_years() -> None:
    for year in (1900, 2000, 2023, 2024, 2100, 2400):
        leap = calendar.isleap(year)
        assert short(f"{year}年是闰年吗") == f"{year}年{'是闰年' if leap else '不是闰年，是平年'}"
        assert short(f"is {year} a leap year?") == f"{year} is {'' if leap else 'not '}a leap year"
        assert short(f"{year}年有多少天") == f"{365 + leap}天"


def test_the_days_of_months() -> None:
    for month in range(1, 13):
        assert short(f"2024年{month}月有几天") == f"{calendar.monthrange(2024, month)[1]}天"
    assert short("二月有多少天") == "28天（闰年29天）"
    assert short("4月有几天") == "30天"
    assert short("How many days are there in February 2023?") == "28 days"
    assert short("3月有几个星期") == "4个星期零3天"


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("今天星期三，再过10天是星期几？", "星期六"),
        ("今天是星期三，100天后是星期几", "星期五"),
        ("昨天是星期五，后天是星期几", "星期一"),
        ("明天是星期一，今天星期几", "星期日"),
        ("今天周二，3天前是周几", "星期六"),
        ("今天礼拜四，过两个星期是礼拜几", "星期四"),
        ("5月1日是星期一，5月20日是星期几", "星期六"),
        ("Today is Wednesday. What day is it in 10 days?", "Saturday"),
        ("If today is Monday, what day will it be 100 days from now?", "Wednesday"),
    ],
)
def test_days_of_the_week(question: str, day: str) -> None:
    assert short(question) == day


def test_the_day_of_a_date() -> None:
    for date in (datetime.date(2024, 10, 1), datetime.date(2000, 2, 29), datetime.date(1949, 10, 1)):
        asked = f"{date.year}年{date.month}月{date.day}日是星期几"
        assert short(asked) == f"星期{'一二三四五六日'[date.weekday()]}"


def test_from_one_date_to_another() -> None:
    assert short("从3月5日到4月2日有多少天") == "28天（头尾都算是29天）"
    assert short("从2月5日到4月2日有多少天") is None  # hangs on the year
    assert short("2024年2月5日到4月2日有多少天") == "57天（头尾都算是58天）"
    assert short("5月20日再过15天是几月几日") == "6月4日"
    assert days_between("小明从2月1日到2月10日每天看书") == (9, 2, 13)


@pytest.mark.parametrize(
    "question",
    [
        "今天星期几",
        "2024年有12个月，一共有几天",
        "小明今年8岁，4年后几岁",
        "星期一看了12页，星期二看了15页，一共几页",
        "2月30日是星期几",
    ],
)
def test_what_nobody_could_tell(question: str) -> None:
    assert short(question) is None
