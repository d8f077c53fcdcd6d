"""Quantities, sizes, times and names: what a match of the grammar says, or None."""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.apps.live.facts import (
    Amount,
    Clock,
    Count,
    Date,
    Fact,
    Link,
    Per,
    Percent,
    Plain,
    Size,
    Verbatim,
)
from huozhong.apps.live.measures import CONTAINERS, COUNTED, MEASURES, UNITS
from huozhong.apps.live.numbers import DIGIT, digits, number
from huozhong.apps.live.pieces import before, in_units, value_of_group

_PART = {
    "凌晨": "am",
    "清晨": "am",
    "早上": "am",
    "早晨": "am",
    "上午": "am",
    "中午": "pm",
    "下午": "pm",
    "傍晚": "pm",
    "晚上": "pm",
}
_DAY = re.compile(
    r"(?P<pm>今晚|明晚|昨晚|后晚|晚)\s*$|(?P<am>今早|明早|早)\s*$|(?:今天|明天|后天|周.|星期.|每天|到|至|在)\s*$"
)


def half_fact(match: re.Match[str]) -> Fact | None:
    whole = value_of_group(match, "n") if match["n"] else Fraction(0)
    base = in_units(Fraction(1), match["u"])
    if whole is None or base is None:
        return None
    unit = in_units(whole + Fraction(1, 2), match["u"])
    assert unit is not None
    return Amount(*unit, pack=bool(match["pack"]), per=of_one(match))


def of_one(match: re.Match[str]) -> Per | None:
    of = match.groupdict().get("of")
    return Per(Fraction(1), of) if of else None


def amount_fact(match: re.Match[str]) -> Fact | None:
    value, low = value_of_group(match, "n"), value_of_group(match, "low")
    if value is None or (match["low"] and low is None):
        return None
    if match["u"] in ("分", "度") and not match["n"][-1].isdigit() and len(match["n"]) == 1:
        return None
    unit = in_units(value, match["u"])
    if unit is None:
        return None
    if match["minus"]:
        unit = (-unit[0], "°C" if unit[1] == "°" else unit[1])
    lowest = None
    if low is not None:
        lowest = low * value_ratio(value, unit[0])
    times = None
    if match["x"]:
        count = value_of_group(match, "x")
        times = None if count is None else Per(count, match["xu"] or "")
    return Amount(*unit, lowest, times, bool(match["pack"]), of_one(match))


def value_ratio(said: Fraction, shown: Fraction) -> Fraction:
    return shown / said if said else Fraction(1)


def of_amount_fact(match: re.Match[str]) -> Fact | None:
    """一箱5斤, 一盒有24片: what it is for stands first."""
    value = value_of_group(match, "n")
    if value is None:
        return None
    per = Per(Fraction(1), match["fu"])
    unit = match["u"]
    if unit in UNITS and (shown := in_units(value, unit)) is not None:
        return Amount(*shown, per=per)
    return Count(value, unit, per=per) if unit in MEASURES else None


def metres_fact(match: re.Match[str]) -> Fact | None:
    """一米六五, 1米65, 一米八."""
    whole, parts = value_of_group(match, "n"), digits(match["b"])
    return None if whole is None else Amount(whole + Fraction(int(parts), 10 ** len(parts)), "m")


def count_fact(match: re.Match[str]) -> Fact | None:
    value, low = value_of_group(match, "n"), value_of_group(match, "low")
    measure = match["u"]
    if value is None or (match["low"] and low is None):
        return None
    if match["n"] == "一" and measure not in CONTAINERS:
        return None
    if match["n"] in ("十", "百", "千", "万") and measure not in COUNTED:
        return None
    return Count(value, measure, low, of_one(match), bool(match["pack"]))


def packed_fact(match: re.Match[str]) -> Fact | None:
    """2袋*500g."""
    count, value = value_of_group(match, "x"), value_of_group(match, "n")
    unit = None if value is None else in_units(value, match["u"])
    return None if count is None or unit is None else Amount(*unit, times=Per(count, match["xu"]))


def percent_fact(match: re.Match[str]) -> Fact | None:
    value = value_of_group(match, "n")
    if value is None:
        return None
    return Percent(value * 10 if match.groupdict().get("cheng") else value, value_of_group(match, "low"))


def letters_fact(match: re.Match[str]) -> Fact | None:
    last = match.string[match.start() - 1 : match.start()] if match.start() else ""
    glued = last.isascii() and (last.isalpha() or (last.isdigit() and not match[0].endswith("码")))
    return None if glued else Size(match["s"], match.groupdict().get("high") or "")


def size_fact(match: re.Match[str]) -> Fact | None:
    named = {"均": "one", "大": "large", "中": "medium", "小": "small", "加大": "extra large"}
    if match["n"] in named:
        return Size(named[match["n"]])
    value, high = value_of_group(match, "n"), value_of_group(match, "high")
    if value is None or (match["high"] and high is None):
        return None
    shown = [str(int(one)) if one.denominator == 1 else str(float(one)) for one in (value, high) if one is not None]
    return Size(shown[0], shown[1] if len(shown) > 1 else "")


def clock_fact(match: re.Match[str]) -> Fact | None:
    hour = value_of_group(match, "h")
    if hour is None or hour > 24 or hour.denominator != 1:
        return None
    groups = match.groupdict()
    said = groups.get("m") or ""
    half = {
        "半": Fraction(30),
        "一刻": Fraction(15),
        "三刻": Fraction(45),
        "整": Fraction(0),
        "钟": Fraction(0),
        "": Fraction(0),
    }
    minute = half[said] if said in half else number(said.removesuffix("分").lstrip("零") or "零零")
    if minute is None or minute > 59:
        return None
    part = _PART.get(groups.get("part") or "", "")
    day = _DAY.search(before(match, 4))
    if not part and day is not None:
        part = "pm" if day["pm"] else "am" if day["am"] else ""
    if (
        "点" in match[0]
        and not said
        and not part
        and day is None
        and (hour < 3 or not re.match("[开准到前后发截见上下结、，。,.!！]|$", match.string[match.end() :]))
    ):
        return None
    if part == "pm" and groups.get("part") == "中午" and hour in (11, 10):
        part = "am"
    return Clock(int(hour), int(minute), part if hour <= 12 else "")  # type: ignore[arg-type]


def date_fact(match: re.Match[str]) -> Fact | None:
    month, day = value_of_group(match, "month"), value_of_group(match, "day")
    year = match.groupdict().get("year")
    if month is None or day is None or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return Date(int(month), int(day), int(digits(year)) if year else None)


def year_fact(match: re.Match[str]) -> Fact | None:
    return Verbatim(digits(match["year"]))


def some_fact(match: re.Match[str]) -> Fact | None:
    """两三天, 五六斤: two figures in a row."""
    low, high = value_of_group(match, "low"), value_of_group(match, "n")
    if low is None or high is None or high != low + 1:
        return None
    shown = in_units(high, match["u"])
    if shown is not None:
        return Amount(*shown, low=low * value_ratio(high, shown[0]))
    return Count(high, match["u"], low)


def link_fact(match: re.Match[str]) -> Fact | None:
    value = value_of_group(match, "n")
    return None if value is None or value.denominator != 1 else Link(int(value), bool(match["link"]))


def festival_fact(match: re.Match[str]) -> Fact | None:
    return Verbatim("11.11" if match["n"] in ("十一", "11") else "12.12")


def latin_fact(match: re.Match[str]) -> Fact | None:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    word = match[0]
    if (before.isascii() and before.isalnum()) or word.lower() in (
        "t",
        "vs",
        "ok",
        "hi",
        "hello",
        "bye",
        "pk",
        "no",
        "yes",
        "diy",
    ):
        return None
    return Verbatim(word)


def telephone_fact(match: re.Match[str]) -> Fact | None:
    return Verbatim(digits(match[0]))


def plain_fact(match: re.Match[str]) -> Fact | None:
    said = match["n"]
    value = number(said)
    if value is None or (said in DIGIT and len(said) == 1) or said in ("十", "十万", "万"):
        return None
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    if before.isascii() and (before.isalpha() or (before in "." and before)):
        return None
    return Verbatim(said) if re.match(r"0\d", said) else Plain(value)
