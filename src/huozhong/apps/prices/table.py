"""Prices as people have them: a CSV from a spreadsheet, a website or by hand, read into one price a week.

What is understood is said in notes, what is not in one sentence that names the line and what to do.  Nothing is
guessed that changes the answer: two prices for one day, a day that could be a month, a price ten times its neighbours
are asked about.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.cells import (
    UNITS,
    Day,
    is_date_without_year,
    is_missing,
    is_month,
    plain,
    read_date,
    read_number,
    read_unit,
)  # fmt: skip
from huozhong.apps.prices.joined import joined
from huozhong.apps.prices.weeks import Note, Price, enough, no_slips, weekly, without_gaps
from huozhong.errors import SkillError
from huozhong.text.plain import decoded

LARGEST = 5_000_000  # bytes
_PRICE_WORDS = ("外三元", "生猪", "猪", "均价", "价格", "价", "hog", "pig", "price", "close", "value")
# What the last lines of a table begin with that are no price of a day: sums, means, where it is from.
_BELOW = re.compile(
    r"合计|总计|小计|平均|均值|最高|最低|数据来源|资料来源|来源|注|备注|说明|单位|制表|填表"
    r"|(?:total|sum|average|mean|max|min|source|notes?|data)\b",
    re.I,
)
_DATE_WORDS = ("日期", "时间", "周", "date", "week", "day", "time")


@dataclass(frozen=True)
class Prices:
    """One price a week.  dates: a day of each week, in order; values: yuan (or what else) for `unit`.

    filled: weeks that nobody wrote down, put in between.  unit: kilograms that a price is for, None where the file does
    not say.  dated: whether the dates are real or only counted.  notes: what was understood, Chinese and English.
    """

    name: str
    dates: list[datetime.date]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]
    unit: float | None = None
    dated: bool = True
    notes: list[Note] = field(default_factory=list)

    def per_kilogram(self, kilograms: float | None = None) -> NDArray[np.float64]:
        """Prices of a kilogram.  kilograms: what one price is for, where the file does not say."""
        return np.asarray(self.values / (self.unit or kilograms or 1.0))


def read_prices(data: bytes | str, *, name: str = "", column: str = "", only: str = "") -> Prices:
    """Reads a table, or a list of numbers, the newest last.  column: which prices; only: which place or kind.

    Raises `SkillError` with one sentence: what is wrong, where, what to do.
    """
    rows = _rows(_text(data))
    if listed := _listed(rows):
        return _counted(listed, name)
    header, body = _headed(joined(rows))
    dates = _date_column(header, body)
    if only:
        body = [(line, row) for line, row in body if any(plain(cell) == plain(only) for cell in row)]
        if not body:
            raise SkillError(f"没有一行写着“{only[:40]}”。", f"No row says '{only[:40]}'.")
    notes: list[Note] = []
    body = _without_footer(body, notes)
    price = _price_column(header, body, dates, column)
    days = _days(body, dates, notes)
    found, unit = _values(header, body, dates, price, days)
    _one_a_day(found, body, dates, price)
    no_slips(found)
    weeks = weekly(found, notes)
    kept, values, filled = without_gaps(weeks, notes)
    title = name or (header[price] if header else "")
    return Prices(title, kept, values, filled, unit, notes=notes)


def choices(data: bytes | str) -> tuple[list[str], list[str]]:
    """What a table offers: its columns of prices, and the place or kind of every row that has one."""
    rows = _rows(_text(data))
    if _listed(rows):
        return [], []
    header, body = _headed(joined(rows))
    dates = _date_column(header, body)
    numeric = _numeric(body, dates)
    place = _kind_column(body, dates, numeric)
    names = [header[column] for column in numeric if column < len(header)]
    return (names if len(names) > 1 else []), ([] if place is None else [cell for cell in _column(body, place) if cell])


def _text(data: bytes | str) -> str:
    if isinstance(data, bytes):
        if len(data) > LARGEST:
            raise SkillError("文件太大，最多 5 MB。", "The file is too large: at most 5 MB.")
        if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
            raise SkillError(
                "这是 Excel 文件；请在 Excel 里“另存为”CSV 再给我。",
                "This is an Excel file; save it as CSV there first.",
            )
        text = decoded(data)
        if text is None:
            try:
                text = data.decode("gb18030")  # few Chinese characters among many digits
            except UnicodeDecodeError:
                text = None
        if text is None or "\0" in text:
            raise SkillError(
                "读不了这个文件的文字；请另存为 UTF-8 的 CSV。", "The file is no text; save it as CSV in UTF-8."
            )
    else:
        text = data
    if not text.strip():
        raise SkillError("文件是空的。", "The file is empty.")
    return text.removeprefix("\ufeff")


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of every line that says anything."""
    lines = text.splitlines()
    sample = "\n".join(lines[:200])
    counts = {mark: sample.count(mark) for mark in ("\t", ";", "|", "，", ",")}
    mark = next((mark for mark in ("\t", ";", "|", ",", "，") if counts[mark] >= len(lines[:200]) // 2 + 1), "")
    found: list[tuple[int, list[str]]] = []
    if mark in (",", ";", "\t", "|"):
        reader = csv.reader(io.StringIO(text), delimiter=mark)
        try:
            found = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
        except csv.Error as error:
            raise SkillError(
                f"第 {reader.line_num} 行读不懂（{error}）。", f"Line {reader.line_num} cannot be read ({error})."
            ) from None
    else:
        pattern = "，" if mark else r"[ \u3000]{2,}|\s+(?=[\d¥￥.-]+(?:元\S*)?\s*$)"
        found = [(place, re.split(pattern, line.strip())) for place, line in enumerate(lines, 1)]
    return [(line, row) for line, row in found if any(row)]


def _listed(rows: list[tuple[int, list[str]]]) -> list[float]:
    """Nothing but prices, without dates: what somebody wrote down by hand."""
    if len(rows) > 5000:
        return []
    if len(rows) > 1 and all(len(row) == 1 for _, row in rows) and read_number(rows[0][1][0]) is None:
        rows = rows[1:]  # the column's name
    words = [word for _, row in rows for cell in row for word in re.split(r"[\s,，、;；]+", cell) if word]
    numbers, days = [read_number(word) for word in words], [read_date(word) for word in words]
    # 31156 is a day to a spreadsheet and a price of nickel: among others in a single column it is a price
    serial = [day for day in days if day is not None and day.kind == "serial"]
    alone = len(words) == len(rows) and len(serial) < len(words)
    if None in numbers or any(day is not None and not (alone and day.kind == "serial") for day in days):
        return []
    firsts = [read_number(row[0]) for _, row in rows]
    if (
        len(rows) > 2
        and len(rows[0][1]) > 1
        and firsts == [first + place for place, first in enumerate([firsts[0]] * len(rows)) if first is not None]
    ):
        raise SkillError(
            "第一列是序号，不是日期；请把日期写上（2026-11-30），或者只留价格。",
            "The first column only counts; write dates there (2026-11-30), or leave prices alone.",
        )
    return [number for number in numbers if number is not None]


def _counted(values: list[float], name: str) -> Prices:
    """A list without dates: a price a week, the last one this week's."""
    for place, value in enumerate(values, 1):
        if value <= 0:
            raise SkillError(
                f"第 {place} 个价格是 {value:g}，要大于 0。", f"Price {place} is {value:g}; it must be over 0."
            )
    enough(len(values))
    today = datetime.date.today()
    dates = [today - datetime.timedelta(weeks=back) for back in reversed(range(len(values)))]
    note = (
        "没有日期：当作每周一个价，最后一个是本周；春节和季节算不进去。",
        "No dates: taken as one price a week, the last one this week's; the seasons are left out.",
    )
    array = np.array(values)
    return Prices(name, dates, array, np.zeros(len(array), bool), dated=False, notes=[note])


def _headed(rows: list[tuple[int, list[str]]]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header's cells, and the rows below it.  What stands above it (a title, a source) is passed over."""
    for place, (_, row) in enumerate(rows):
        if any(read_date(cell) or is_month(cell) or is_date_without_year(cell) for cell in row):
            header = rows[place - 1][1] if place and len(rows[place - 1][1]) >= 2 else []
            return header, rows[place:]
    raise SkillError(
        "没有找到日期；要有一列写着 2026-11-30 或 2026年11月30日 这样的日期。",
        "There is no date; one column has to hold dates like 2026-11-30.",
    )


def _without_footer(body: list[tuple[int, list[str]]], notes: list[Note]) -> list[tuple[int, list[str]]]:
    """The rows without the last ones that begin with 合计, 数据来源 and the like and hold no date."""
    end = len(body)
    while (
        end
        and _BELOW.match(next((plain(c) for c in body[end - 1][1] if plain(c)), ""))
        and not any(read_date(cell) for cell in body[end - 1][1])
    ):
        end -= 1
    if end < len(body):
        line, row = body[end]
        said = next(cell for cell in row if cell)[:20]
        notes.append(
            (
                f"第 {line} 行（“{said}”）起是表尾，没有算进去。",
                f"From line {line} ('{said}') on it is no price; left out.",
            )
        )
    return body[:end]


def _column(body: list[tuple[int, list[str]]], place: int) -> list[str]:
    return [row[place] if place < len(row) else "" for _, row in body]


def _date_column(header: list[str], body: list[tuple[int, list[str]]]) -> int:
    width = max(len(row) for _, row in body)
    scores = []
    for place in range(width):
        cells = [cell for cell in _column(body, place)[:400] if cell]
        share = sum(read_date(cell) is not None for cell in cells) / max(1, len(cells))
        named = place < len(header) and any(word in header[place].lower() for word in _DATE_WORDS)
        scores.append(share + 0.2 * named)
    best = int(np.argmax(scores))
    if scores[best] >= 0.6:
        return best
    line, first = body[0][0], next(cell for cell in body[0][1] if cell)
    if any(is_month(cell) for cell in body[0][1]):
        raise SkillError(
            f"第 {line} 行的“{first[:20]}”是月份；这里要每周或每天的价格。",
            f"Line {line}: '{first[:20]}' is a month; prices of every week or day are needed.",
        )
    if any(is_date_without_year(cell) for cell in body[0][1]):
        raise SkillError(
            f"第 {line} 行的日期“{first[:20]}”没有年份，请写成 2026-11-30。",
            f"Line {line}: the date '{first[:20]}' has no year; write 2026-11-30.",
        )
    raise SkillError("没有哪一列大多是日期。", "There is no column of dates.")


def _numeric(body: list[tuple[int, list[str]]], dates: int) -> list[int]:
    """The columns that are mostly numbers."""
    found = []
    for place in range(max(len(row) for _, row in body)):
        cells = [cell for cell in _column(body, place)[:400] if not is_missing(cell)]
        share = sum(_number(cell) is not None for cell in cells) / max(1, len(cells))
        if place != dates and cells and share > 0.5:
            found.append(place)
    return found


def _price_column(header: list[str], body: list[tuple[int, list[str]]], dates: int, wanted: str) -> int:
    width = max(len(row) for _, row in body)
    numeric = _numeric(body, dates)
    names = {place: header[place] if place < len(header) else f"第{place + 1}列" for place in range(width)}
    if wanted:
        exact = [place for place in range(width) if names[place].lower() == wanted.lower()]
        near = exact or [place for place in range(width) if wanted.lower() in names[place].lower()]
        if len(near) == 1 and near[0] in numeric:
            return near[0]
        offered = "、".join(names[place] for place in numeric)
        raise SkillError(
            f"没有叫“{wanted[:40]}”的价格列；有：{offered[:200]}。",
            f"There is no column of prices '{wanted[:40]}'; there are: {offered[:200]}.",
        )
    if not numeric:
        raise SkillError("没有哪一列大多是数。", "There is no column of prices.")
    if len(numeric) == 1:
        return numeric[0]
    for word in _PRICE_WORDS:
        fitting = [place for place in numeric if word in names[place].lower()]
        if len(fitting) == 1:
            return fitting[0]
    offered = "、".join(names[place] for place in numeric)
    raise SkillError(
        f"有好几列数：{offered[:200]}；请说明用哪一列（--column 列名）。",
        f"There are several columns of numbers: {offered[:200]}; say which one (--column NAME).",
    )


def _number(cell: str) -> float | None:
    number = read_number(cell)
    if number is None and re.fullmatch(r"\d{1,6},\d{1,2}", plain(cell)):
        number = read_number(cell, decimal_comma=True)
    return number


def _days(body: list[tuple[int, list[str]]], column: int, notes: list[Note]) -> list[datetime.date | None]:
    """The date of every row.  Where day and month could be changed round, the other rows decide, or nobody."""
    read: list[Day | None] = []
    for (line, _), cell in zip(body, _column(body, column), strict=True):
        day = read_date(cell)
        if day is None and not is_missing(cell):
            raise SkillError(
                f"第 {line} 行的日期“{cell[:30]}”读不懂。", f"Line {line}: the date '{cell[:30]}' cannot be read."
            )
        if day is not None and not 1950 <= day.date.year <= 2100:
            raise SkillError(f"第 {line} 行的年份是 {day.date.year}。", f"Line {line}: the year is {day.date.year}.")
        read.append(day)
    kinds = Counter(day.kind for day in read if day)
    if not kinds["either"]:
        return [day.date if day else None for day in read]
    turned = [(day.other or day.date) if day else None for day in read]
    straight = [day.date if day else None for day in read]
    if kinds["month first"] and kinds["day first"]:
        raise SkillError(
            "日期有的月在前、有的日在前，请统一成 2026-11-30。",
            "Some dates begin with the month, others with the day; write all as 2026-11-30.",
        )
    if not kinds["month first"] and not kinds["day first"]:
        raise SkillError(
            "日期分不清月和日（如 03/04/2024），请写成 2024-03-04。",
            "Day and month cannot be told apart (like 03/04/2024); write 2024-03-04.",
        )
    day_first = bool(kinds["day first"])
    notes.append(
        ("日期读作 日/月/年。", "Dates read as day/month/year.")
        if day_first
        else ("日期读作 月/日/年。", "Dates read as month/day/year.")
    )
    return turned if day_first else straight


def _values(
    header: list[str],
    body: list[tuple[int, list[str]]],
    dates: int,
    price: int,
    days: list[datetime.date | None],
) -> tuple[list[Price], float | None]:
    """The prices that are there, and for how many kilograms one is."""
    named = read_unit(header[price]) if price < len(header) else None
    if named is None:
        named = next((unit for place, cell in enumerate(header) if place != dates and (unit := read_unit(cell))), None)
    found: list[Price] = []
    units: list[float | None] = []
    for (line, row), day in zip(body, days, strict=True):
        cell = row[price] if price < len(row) else ""
        if day is None or is_missing(cell):
            continue
        value = _number(cell)
        if value is None:
            raise SkillError(
                f"第 {line} 行的价格“{cell[:30]}”不是一个数。", f"Line {line}: the price '{cell[:30]}' is not a number."
            )
        if value <= 0:
            raise SkillError(
                f"第 {line} 行的价格是 {value:g}，要大于 0。",
                f"Line {line}: the price is {value:g}; it must be over 0.",
            )
        unit = read_unit(cell) or next(
            (
                u
                for place, c in enumerate(row)
                if place != price and (u := read_unit("元/" + c) if c in UNITS else read_unit(c))
            ),
            None,
        )
        units.append(UNITS[unit] if unit else UNITS[named] if named else None)
        found.append(Price(line, day, value, cell))
    enough(len(found))
    known = {unit for unit in units if unit}
    if not known:
        return found, None
    if None in units:
        line = found[units.index(None)].line
        raise SkillError(
            f"第 {line} 行没有写单位，别的行写了；请都写上（元/公斤 或 元/斤）。",
            f"Line {line} has no unit and others have; write it in all of them.",
        )
    one = next(iter(known)) if len(known) == 1 else 1.0
    scaled = [
        Price(p.line, p.date, p.value * one / (unit or one), p.written) for p, unit in zip(found, units, strict=True)
    ]
    return sorted(scaled, key=lambda p: p.date), one


def _one_a_day(found: list[Price], body: list[tuple[int, list[str]]], dates: int, price: int) -> None:
    """Two prices for one day are two places or two kinds, and whoever asks has to say which."""
    found.sort(key=lambda p: p.date)
    for before, after in pairwise(found):
        if before.date == after.date and not math.isclose(before.value, after.value, rel_tol=1e-9):
            place = _kind_column(body, dates, [price])
            if place is not None:
                kinds = Counter(cell for cell in _column(body, place) if cell)
                offered = "、".join(kind for kind, _ in kinds.most_common(12))
                raise SkillError(
                    f"同一天（{after.date}）有几个价格，像是几个地方或品种：{offered}；请说明要哪个（--only 名字）。",
                    f"{after.date} has several prices, of several places or kinds: {offered}; say which (--only NAME).",
                )
            raise SkillError(
                f"第 {before.line} 行和第 {after.line} 行是同一天（{after.date}），"
                f"价格却不同：{before.value:g} 和 {after.value:g}。",
                f"Lines {before.line} and {after.line} are the same day ({after.date}) with two prices: "
                f"{before.value:g} and {after.value:g}.",
            )


def _kind_column(body: list[tuple[int, list[str]]], dates: int, numeric: list[int]) -> int | None:
    """The column that tells rows of one day apart, if there is one: few words, each again and again."""
    for place in range(max(len(row) for _, row in body)):
        words = Counter(cell for cell in _column(body, place) if cell)
        texts = all(read_number(word) is None for word in list(words)[:50])
        if place not in (dates, *numeric) and texts and 2 <= len(words) <= max(60, len(body) // 4):
            return place
    return None
