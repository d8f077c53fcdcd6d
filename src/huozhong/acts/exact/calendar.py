"""CLOCK, days: 今天星期三，再过10天星期几, 2024年2月有几天, 2100年是闰年吗, 3月5日到4月2日多少天, 2024年10月1日星期几.

The Gregorian calendar, exactly.  What day it is today nobody here can know; that is `tables`' to say.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable

from huozhong.acts.exact.asking import asked, simple
from huozhong.acts.exact.done import Done, finish
from huozhong.acts.exact.small_words import rest_of
from huozhong.verify import numerals
from huozhong.verify.numbers import number_at

_DAYS_ZH = "一二三四五六日"
_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_EN = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
              "November", "December")  # fmt: skip
_WEEKDAY = r"(?:星期|礼拜|周)([一二三四五六日天1-7])(?![月年天号])"
_RELATIVE = {"大前天": -3, "前天": -2, "昨天": -1, "今天": 0, "今日": 0, "明天": 1, "后天": 2, "大后天": 3}
_NAMED_DAY = re.compile("大前天|大后天|前天|昨天|今天|今日|明天|后天")
_NAMED_DAY_EN = re.compile(r"\b(the day before yesterday|the day after tomorrow|yesterday|today|tomorrow)\b", re.I)
_RELATIVE_EN = {"the day before yesterday": -2, "yesterday": -1, "today": 0, "tomorrow": 1, "the day after tomorrow": 2}
_YEAR = r"(?:(?<!\d)(\d{4})\s*年?|([零〇一二三四五六七八九]{4})年)"
_MONTH = r"(?:(\d{1,2})|([一二两三四五六七八九十]{1,2}))\s*月份?"
_DATE = re.compile(
    r"(?:(?P<y>\d{4})\s*[年/.-]\s*)?(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})\s*(?:月|[/-])\s*(?P<d>\d{1,2}"
    r"|[一二三四五六七八九十廿]{1,3})\s*(?:日|号|(?=[^\d.]|$))"
)
_DATE_EN = re.compile(
    rf"\b(?P<m>{'|'.join(_MONTHS_EN)}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>\d{{4}}))?\b", re.IGNORECASE
)
_ASKS_WEEKDAY = re.compile(r"(?:星期|礼拜|周)几|what day|which day|day of the week", re.IGNORECASE)
_ASKS_DAYS = re.compile(r"(?:多少|几)(?:个)?(?:天|日)|天数|how many days", re.IGNORECASE)
_ASKS_WEEKS = re.compile(r"(?:多少|几)个?(?:整)?(?:星期|礼拜|周)(?:零?(?:多少|几)天)?|how many weeks", re.IGNORECASE)
_ASKS_DATE = re.compile(r"几月几[日号]|几号|什么日子|哪一?天|what date|which date", re.IGNORECASE)


def done(question: str) -> Done | None:
    """What is asked about days, or None."""
    text = simple(question).strip()
    if not re.search(r"年|月|日|号|星期|礼拜|周|天|day|year|month", text, re.IGNORECASE) or len(text) > 80:
        return None
    english = asked(question).english
    for kind in _KINDS:
        if (found := kind(text, english)) is not None:
            return found
    return None


# -- leap years and the days of a month or a year ---------------------------------------------------------------

_LEAP = re.compile(r"闰年|平年|leap year", re.IGNORECASE)


def _leap(text: str, english: bool) -> Done | None:
    """2100年是闰年吗"""
    if not _LEAP.search(text):
        return None
    year = _year(text)
    if year is None:
        if re.search(r"(?:闰年|平年|leap year)", text, re.IGNORECASE) and _ASKS_DAYS.search(text):
            leap = bool(re.search(r"闰年|leap", text, re.IGNORECASE))
            in_february = bool(re.search(r"[二2]月|february", text, re.IGNORECASE))
            days = (29 if leap else 28) if in_february else 366 if leap else 365
            name = ("闰年" if leap else "平年") + "二月" * in_february
            if english:
                what = "February of a leap year" if in_february else "A leap year"
                return finish(True, (), f"{what} has {days} days", f"{days} days")
            return finish(False, (), f"{name}有{days}天", f"{days}天")
        return None
    if rest_of(re.sub(r"\d{4}", "", text), english, _LEAP_WORDS):
        return None
    leap, (line, why) = calendar.isleap(year), _why(year)
    if english:
        return finish(True, (line,), why[1], f"{year} is {'' if leap else 'not '}a leap year")
    return finish(False, (line,), why[0], f"{year}年{'是闰年' if leap else '不是闰年，是平年'}")


_LEAP_WORDS = re.compile(
    r"闰年|平年|年份|年|属于|[零〇一二三四五六七八九]{4}|\bleap\b|\byears?\b|\ban?\b|还是", re.IGNORECASE
)


def _why(year: int) -> tuple[str, tuple[str, str]]:
    divisor = 400 if year % 100 == 0 else 4
    whole, rest = divmod(year, divisor)
    line = f"{year}÷{divisor}={whole}" + (f"……{rest}" if rest else "")
    if divisor == 400:
        zh = f"整百年要能被400整除才是闰年，{line}"
        return line, (zh, f"A year of whole hundreds must be a multiple of 400; {line}")
    return line, (f"年份能被4整除的是闰年，{line}", f"A leap year is a multiple of 4; {line}")


def _year(text: str) -> int | None:
    found = re.search(_YEAR, text)
    if found is None:
        return None
    year = int(found[1]) if found[1] else numerals.read_whole(found[2])
    return year if year is not None and 1 <= year <= 9999 else None


def _days_of(text: str, english: bool) -> Done | None:
    """2024年2月有几天, 4月有多少天, 2023年有多少天"""
    weeks = _ASKS_WEEKS.search(text) is not None
    if not (weeks or _ASKS_DAYS.search(text)) or _DATE.search(text) or _DATE_EN.search(text):
        return None
    year = _year(text)
    month = _month(text, english)
    rest = re.sub(_MONTH, "", re.sub(_YEAR, "", _ASKS_WEEKS.sub("", _ASKS_DAYS.sub("", text))))
    if english:
        rest = re.sub("|".join(_MONTHS_EN), "", rest, flags=re.IGNORECASE)
    if rest_of(rest, english, re.compile(r"全年|一年|年|整个|这个?月|份|月|\bmonth\b|\byear\b", re.IGNORECASE)):
        return None
    if month is None and year is None and re.search(r"一年|1年|\ba year\b", text, re.IGNORECASE):
        if english:
            return finish(True, (), "A year has 365 days, a leap year 366", "365 days (366 in a leap year)")
        return finish(False, (), "平年有365天，闰年有366天", "365天（闰年366天）")
    if month is None and year is not None:
        days, (line, why) = 366 if calendar.isleap(year) else 365, _why(year)
        if english:
            return finish(True, (line,), f"{why[1]}, so {year} has {days} days", f"{days} days")
        return finish(False, (line,), f"{why[0]}，所以{year}年有{days}天", f"{days}天")
    if month is None or not 1 <= month <= 12:
        return None
    name = _MONTHS_EN[month - 1] if english else f"{month}月"
    if month == 2 and year is None:
        if english:
            return finish(True, (), "February has 28 days, and 29 in a leap year", "28 days (29 in a leap year)")
        return finish(False, (), "平年的2月有28天，闰年的2月有29天", "28天（闰年29天）")
    days = calendar.monthrange(year or 2023, month)[1]
    if weeks:
        return _weeks_of(name, days, english)
    if month == 2 and year is not None:
        line, why = _why(year)
        if english:
            return finish(True, (line,), f"{why[1]}, so February {year} has {days} days", f"{days} days")
        return finish(False, (line,), f"{why[0]}，所以{year}年2月有{days}天", f"{days}天")
    if english:
        return finish(True, (), f"{name} has {days} days", f"{days} days")
    return finish(False, (), f"{name}是{'大' if days == 31 else '小'}月，有{days}天", f"{days}天")


def _weeks_of(name: str, days: int, english: bool) -> Done:
    """3月有几个星期零几天"""
    line = f"{days}÷7=4" + f"……{days - 28}" * (days > 28)
    if english:
        return finish(True, (line,), f"{name} has {days} days; {line}", f"4 weeks and {days - 28} days")
    short = "4个星期" + f"零{days - 28}天" * (days > 28)
    return finish(False, (line,), f"{name}有{days}天，{line}", short)


def _month(text: str, english: bool) -> int | None:
    if english:
        named = re.search("|".join(_MONTHS_EN), text, re.IGNORECASE)
        return [name.lower() for name in _MONTHS_EN].index(named[0].lower()) + 1 if named else None
    found = re.search(_MONTH, text)
    if found is None or re.search(r"[个几多]\s*$", text[: found.start()]):
        return None
    return int(found[1]) if found[1] else numerals.read_whole(found[2])


# -- days of the week -------------------------------------------------------------------------------------------


def _weekday(text: str, english: bool) -> Done | None:
    """今天星期三，再过10天星期几"""
    if not _ASKS_WEEKDAY.search(text):
        return None
    base = _base_day(text, english)
    if base is None:
        return None
    weekday, at, start, end = base
    rest = text[:start] + "," + text[end:]
    moved = _moved(rest, at, english)
    if moved is None:
        return None
    days, left = moved
    if rest_of(left, english, _WEEK_WORDS):
        return None
    day = (weekday + days) % 7
    weeks, over = divmod(abs(days), 7)
    lines = [f"{abs(days)}÷7={weeks}" + (f"……{over}" if over else "")] if abs(days) >= 7 else []
    if english:
        name, was = _DAYS_EN[day], _DAYS_EN[weekday]
        way = f"{abs(days)} days {'after' if days >= 0 else 'before'} {was} it is {name}"
        said = f"{lines[0]} weeks and days; {way}" if lines else way
        return finish(True, lines, said, name)
    name, was = f"星期{_DAYS_ZH[day]}", f"星期{_DAYS_ZH[weekday]}"
    way = f"{was}{'往后' if days >= 0 else '往前'}数{abs(days)}天，是{name}"
    if lines:
        way = f"一个星期有7天，{lines[0]}，" + (
            f"从{was}{'往后' if days >= 0 else '往前'}数{over}天，是{name}" if over else f"还是{name}"
        )
    return finish(False, lines, way, name)


_WEEK_WORDS = re.compile(
    r"星期|礼拜|周|几|那|天|日|是|往后|往前|数|起|开始|算|经过|今年|今天|[，,。]|\b(?:week|weekday|day|days|of|later"
    r"|from|now|today|be|it)\b",
    re.IGNORECASE,
)


def _base_day(text: str, english: bool) -> tuple[int, int, int, int] | None:
    """The day of the week that is told, how far from today it is, and where that stands."""
    if english:
        name = "|".join(_DAYS_EN)
        found = re.search(rf"({_NAMED_DAY_EN.pattern})?(?: is| was|'s)?(?: a)? ?\b({name})\b", text, re.IGNORECASE)
        if found is None:
            return None
        weekday = [day.lower() for day in _DAYS_EN].index(found[3].lower())
        return weekday, _RELATIVE_EN.get((found[1] or "today").lower(), 0), found.start(), found.end()
    found = re.search(rf"({_NAMED_DAY.pattern})?(?:刚好|正好)?是?{_WEEKDAY}", text)
    if found is None:
        return None
    weekday = _DAYS_ZH.find("日" if found[2] in "天日7" else found[2])
    if found[2].isdigit():
        weekday = int(found[2]) - 1
    return weekday, _RELATIVE.get(found[1] or "今天", 0), found.start(), found.end()


_LATER = re.compile(
    r"(?:再?过|经过|往后数?|又过了?)?\s*(?P<n>[\d零一二两三四五六七八九十百千]+)\s*(?P<w>天|日|个?星期|个?礼拜"
    r"|周)(?P<way>之?后|以后|过后|之?前|以前)?"
)
_LATER_EN = re.compile(
    r"(?:in )?\b(?P<n>\d+|[a-z-]+) (?P<w>days?|weeks?)\b(?: (?P<way>later|from now|after|before|ago|earlier))?", re.I
)


def _counted(text: str, english: bool) -> tuple[int, str] | None:
    """再过10天, 2 weeks ago: how many days that is, and the words around it."""
    for found in (_LATER_EN if english else _LATER).finditer(text):
        number = number_at(found["n"])
        if number is None or number.end != len(found["n"]) or number.number.value.denominator != 1:
            continue
        way = (found["way"] or "").lower()
        if not way and not re.match(r"再?过|经过|往后|又过|in ", found[0], re.IGNORECASE):
            continue
        days = int(number.number.value) * (1 if re.match("天|日|day", found["w"], re.IGNORECASE) else 7)
        back = re.search("前|before|ago|earlier", way) is not None
        return -days if back else days, f"{text[: found.start()]} {text[found.end() :]}"
    return None


def _moved(text: str, base: int, english: bool) -> tuple[int, str] | None:
    """How many days the asked day is after the told one, and the rest of the words."""
    pattern = _NAMED_DAY_EN if english else _NAMED_DAY
    counted = _counted(text, english)
    if counted is not None:
        return counted[0], pattern.sub(" ", counted[1], count=1)
    named = pattern.search(text)
    if named is None:
        return None
    place = _RELATIVE_EN[named[0].lower()] if english else _RELATIVE[named[0]]
    return place - base, text.replace(named[0], " ", 1)


# -- dates ------------------------------------------------------------------------------------------------------


def _dates(text: str, english: bool) -> list[tuple[int | None, int, int, int, int]]:
    """Year (None: not said), month, day, start and end of each date; a later one is in the year of the first."""
    found = []
    year: int | None = None
    for match in (_DATE_EN if english else _DATE).finditer(text):
        month = [name.lower() for name in _MONTHS_EN].index(match["m"].lower()) + 1 if english else _whole(match["m"])
        day = _whole(match["d"])
        year = int(match["y"]) if match["y"] else year
        if month is None or day is None or not 1 <= month <= 12:
            continue
        if not 1 <= day <= calendar.monthrange(year or 2024, month)[1]:
            continue
        found.append((year, month, day, match.start(), match.end()))
    return found


def _whole(written: str) -> int | None:
    return int(written) if written.isdigit() else numerals.read_whole(written)


def _of_date(text: str, english: bool) -> Done | None:
    """2024年10月1日星期几; 5月1日是星期一，5月20日星期几; 3月5日到4月2日几天; 5月20日再过15天是几月几日"""
    dates = _dates(text, english)
    if not dates or len(dates) > 2:
        return None
    rest = text
    for date in reversed(dates):
        rest = rest[: date[3]] + " , " + rest[date[4] :]
    if len(dates) == 2 and (_ASKS_WEEKDAY.search(text) or _ASKS_DAYS.search(text)):
        return _of_two(text, rest, dates, english)
    year, month, day, *_ = dates[0]
    if len(dates) == 1 and _ASKS_WEEKDAY.search(text) and year is not None:
        if rest_of(_ASKS_WEEKDAY.sub("", rest), english, _WEEK_WORDS):
            return None
        weekday = datetime.date(year, month, day).weekday()
        if english:
            said = f"{_MONTHS_EN[month - 1]} {day}, {year} is a {_DAYS_EN[weekday]}"
            return finish(True, (), said, _DAYS_EN[weekday])
        return finish(
            False, (), f"按公历推算，{year}年{month}月{day}日是星期{_DAYS_ZH[weekday]}", f"星期{_DAYS_ZH[weekday]}"
        )
    if len(dates) == 1 and _ASKS_DATE.search(text):
        return _later_date(text, rest, dates[0], english)
    return None


def _span(dates: list[tuple[int | None, int, int, int, int]]) -> int | None:
    """Days from the first to the second; None where it hangs on a leap year that is not told."""
    (first_year, *first), (second_year, *second) = dates
    spans = set()
    for year in (2023, 2024) if first_year is None else (first_year,):
        try:
            start = datetime.date(year, first[0], first[1])
            end = datetime.date(second_year or year, second[0], second[1])
        except ValueError:
            continue
        spans.add((end - start).days)
    return spans.pop() if len(spans) == 1 else None


def days_between(text: str) -> tuple[int, int, int] | None:
    """Days from one date to the next in 从2月1日到2月10日, and where that stands; None where it is not written so."""
    dates = _dates(text, False)
    if len(dates) != 2 or not re.fullmatch(r"\s*(?:到|至|[-~～—]+)\s*", text[dates[0][4] : dates[1][3]]):
        return None
    days = _span(dates)
    start = dates[0][3] - (text[: dates[0][3]].endswith("从"))
    return None if days is None or days < 0 else (days, start, dates[1][4])


def _of_two(text: str, rest: str, dates: list[tuple[int | None, int, int, int, int]], english: bool) -> Done | None:
    days = _span(dates)
    if days is None or days < 0:
        return None
    if _ASKS_WEEKDAY.search(text):
        base = _base_day(rest, english)
        if base is None:
            return None
        left = _ASKS_WEEKDAY.sub("", rest[: base[2]] + rest[base[3] :])
        if rest_of(left, english, _WEEK_WORDS):
            return None
        weeks, over = divmod(days, 7)
        line = f"{days}÷7={weeks}" + (f"……{over}" if over else "")
        day = (base[0] + days) % 7
        if english:
            return finish(True, (line,), f"It is {days} days later; {line}", _DAYS_EN[day])
        return finish(
            False, (line,), f"相隔{days}天，{line}，从星期{_DAYS_ZH[base[0]]}往后数{over}天", f"星期{_DAYS_ZH[day]}"
        )
    if rest_of(_ASKS_DAYS.sub("", rest), english, _SPAN_WORDS):
        return None
    if english:
        return finish(
            True, (), f"{days} days pass; with both ends it is {days + 1}", f"{days} days ({days + 1} with both ends)"
        )
    return finish(False, (), f"经过{days}天，如果头尾两天都算，是{days + 1}天", f"{days}天（头尾都算是{days + 1}天）")


_SPAN_WORDS = re.compile(
    r"到|至|从|经过|过了?|相隔|相差|之间|一共|共|距离|还有|隔|天|\b(?:from|to|till|until|between|and|there|are|pass"
    r"|is)\b",
    re.I,
)


def _later_date(text: str, rest: str, date: tuple[int | None, int, int, int, int], english: bool) -> Done | None:
    counted = _counted(rest, english)
    if counted is None:
        return None
    count, left = counted
    if rest_of(_ASKS_DATE.sub("", left), english, _WEEK_WORDS) or abs(count) > 10**5:
        return None
    ends = set()
    for year in (2023, 2024) if date[0] is None else (date[0],):
        try:
            end = datetime.date(year, date[1], date[2]) + datetime.timedelta(count)
        except (ValueError, OverflowError):
            continue
        ends.add((end.year - year, end.month, end.day))
    if len(ends) != 1:
        return None
    years, month, day = ends.pop()
    if english:
        name = f"{_MONTHS_EN[month - 1]} {day}" + (f", {date[0] + years}" if date[0] else "")
        return finish(True, (), f"{abs(count)} days {'later' if count > 0 else 'before'} it is {name}", name)
    which = f"{date[0] + years}年" if date[0] else {0: "", 1: "第二年", -1: "前一年"}.get(years, f"{years}年后")
    short = f"{which}{month}月{day}日"
    return finish(
        False, (), f"{date[1]}月{date[2]}日{'往后' if count > 0 else '往前'}数{abs(count)}天，是{short}", short
    )


_KINDS: tuple[Callable[[str, bool], Done | None], ...] = (_leap, _days_of, _of_date, _weekday)
