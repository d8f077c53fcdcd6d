"""A cell of somebody's table: a date in any of the forms people write, a price with its unit."""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import NamedTuple

_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?(?:[ T]\s*\d{1,2}:\d.*)?$")
_SHORT_YEAR = re.compile(r"(\d{2})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?$")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_WEEK = re.compile(r"(\d{4})\s*(?:年\s*第?\s*(\d{1,2})\s*周|[-/ ]?\s*[Ww](?:eek|k)?\s*(\d{1,2}))$")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4}|\d{2})(?:[ T]\s*\d{1,2}:\d.*)?$")
_NAMED = re.compile(
    r"(?:(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ ,-]+(\d{4}|\d{2})|([A-Za-z]{3,9})\.?[ ](\d{1,2}),?[ ]+(\d{4}))$"
)
_NAMED_MONTH = re.compile(r"(?:([A-Za-z]{3,9})\.?[ -](?:\d{4}|\d{2})|(?:\d{4}|\d{2})[ -]([A-Za-z]{3,9}))$")
_MONTH_WEEK = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月(?:份)?\s*第?\s*([1-5一二三四五])\s*周$")
_WEEKDAY = re.compile(
    r"\s*[(,]?\s*(?:(?:星期|周)[一二三四五六日天]|(?:mon|tues?|wed|thu|fri|sat|sun)[a-z]*)\.?\)?$", re.I
)
_SHORT_END = re.compile(
    r"(\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*[日号]?)\s*[-]\s*(\d{1,2}\s*[-/.月]\s*\d.*)$"
)
_MONTH_ONLY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*月?$")
_NO_YEAR = re.compile(r"(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?$")
_SERIAL = re.compile(r"([34]\d{4})(?:\.0+)?$")  # days since 1899-12-30, as spreadsheets keep them: 1982 to 2036
_RANGE = re.compile(r"\s*(?:~|—|–|至|到|--| - )\s*")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+")
_MISSING = frozenset(
    ("", "-", "--", "—", "——", "/", "n/a", "na", "nan", "null", "none", "无", "缺", "暂无", "...", "…", "#n/a")
)

# In how many kilograms a price is said; what is written after the stroke or the 每.
UNITS = {
    "公斤": 1.0,
    "千克": 1.0,
    "kg": 1.0,
    "斤": 0.5,
    "市斤": 0.5,
    "500克": 0.5,
    "500g": 0.5,
    "吨": 1000.0,
    "t": 1000.0,
}
_UNIT = re.compile(
    r"(?:元|块|¥|￥|rmb|cny|yuan)?\s*(?:/|／|每|per|一)\s*(公斤|千克|kg|市斤|斤|500克|500g|吨|t\b)(?:\s*元)?", re.I
)


class Day(NamedTuple):
    """A date, and how it was written.  other: the same cell read with day and month changed round."""

    date: datetime.date
    kind: str
    other: datetime.date | None = None


def plain(text: str) -> str:
    """The cell with ordinary digits, signs and spaces."""
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u3000", " ")
    return text.strip().strip("'\"‘’“”").strip()


def is_missing(text: str) -> bool:
    return plain(text).lower() in _MISSING


def read_date(text: str) -> Day | None:
    """What date a cell is; of a span of days the last one; None where it is none."""
    text = plain(text)
    if day := _one_date(text) or _one_date(_WEEKDAY.sub("", text)):
        return day
    ends = _SHORT_END.match(text)
    parts = list(ends.groups()) if ends else _RANGE.split(text)
    if len(parts) == 2 and (begin := _one_date(parts[0])):
        if end := _one_date(parts[1]):
            return end
        if short := _NO_YEAR.match(parts[1]):  # 2024-01-01~01-07
            over = int(short[1]) < begin.date.month  # 2024-12-30~01-05 ends in the next year
            return _made(begin.date.year + over, short[1], short[2], "range")
    return None


def is_month(text: str) -> bool:
    """Whether a cell is a month without a day."""
    text = plain(text)
    if named := _NAMED_MONTH.match(text):  # Jan-24, as spreadsheets show a month
        return (named[1] or named[2]).lower()[:3] in _MONTHS
    found = _MONTH_ONLY.match(text)
    return found is not None and 1900 < int(found[1]) < 2100 and 1 <= int(found[2]) <= 12


def is_date_without_year(text: str) -> bool:
    text = _RANGE.split(plain(text))[0]  # 12月31日—1月6日 has none either
    found = _NO_YEAR.match(text)
    return found is not None and "." not in text and 1 <= int(found[1]) <= 12 and 1 <= int(found[2]) <= 31


def _one_date(text: str) -> Day | None:
    if found := _YEAR_FIRST.match(text):
        return _made(int(found[1]), found[2], found[3], "year first")
    if found := _SHORT_YEAR.match(text):
        return _made(2000 + int(found[1]), found[2], found[3], "year first")
    if found := _COMPACT.match(text):
        return _made(int(found[1]), found[2], found[3], "compact")
    if found := _WEEK.match(text):
        return _week(int(found[1]), int(found[2] or found[3]))
    if found := _MONTH_WEEK.match(text):
        return _month_week(int(found[1]), int(found[2]), "一二三四五".find(found[3]) + 1 or int(found[3]))
    if found := _NAMED.match(text):
        day, name, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        month = name.lower()[:3]
        return (
            _made(int(year) + (2000 if len(year) == 2 else 0), str(_MONTHS.index(month) + 1), day, "named")
            if month in _MONTHS
            else None
        )
    if found := _YEAR_LAST.match(text):
        year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
        month_first = _made(year, found[1], found[2], "month first")
        day_first = _made(year, found[2], found[1], "day first")
        if month_first and day_first:
            same = month_first.date == day_first.date
            return Day(month_first.date, "same" if same else "either", day_first.date)
        return month_first or day_first
    if found := _SERIAL.match(text):
        return Day(datetime.date(1899, 12, 30) + datetime.timedelta(int(found[1])), "serial")
    return None


def _made(year: int, month: str, day: str, kind: str) -> Day | None:
    try:
        return Day(datetime.date(year, int(month), int(day)), kind)
    except ValueError:
        return None


def _week(year: int, week: int) -> Day | None:
    try:
        return Day(datetime.date.fromisocalendar(year, week, 5), "week")
    except ValueError:
        return None


def _month_week(year: int, month: int, week: int) -> Day | None:
    """2024年1月第3周, as the ministry's weekly reports count: prices are collected on Thursdays, so the third one."""
    first = _made(year, str(month), "1", "week")
    if first is None:
        return None
    last = (datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(1)).day
    day = 1 + (3 - first.date.weekday()) % 7 + 7 * (week - 1)
    return _made(year, str(month), str(min(day, last)), "week")  # who counts other weekdays has a fifth more often


def read_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number of a cell: 1,234.5, ¥14.20, 14.2元/公斤, １４．２; None where there is not exactly one."""
    text = plain(text)
    text = _UNIT.sub("", text)
    text = re.sub(r"元|块钱?|[¥￥$€]|rmb|cny|yuan", "", text, flags=re.I).strip()
    if decimal_comma:
        text = text.replace(".", "").replace(",", ".")
    return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


def read_unit(text: str) -> str | None:
    """Of how much a price is, if the text says so: one of UNITS."""
    found = _UNIT.search(plain(text))
    return found[1].lower() if found else None
