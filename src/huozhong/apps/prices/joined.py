"""A date whose parts stand in columns of their own - 年 and 周, 年 and 月 and 日, 年 and "1月6日" - as one column."""

from __future__ import annotations

import re

from huozhong.apps.prices.cells import plain

Rows = list[tuple[int, list[str]]]

_YEAR = frozenset(("年", "年份", "年度", "year"))
_WEEK = frozenset(("周", "周次", "周数", "第几周", "week", "week no", "week number"))
_MONTH = frozenset(("月", "月份", "month"))
_DAY = frozenset(("日", "号", "day"))
_DATE = frozenset(("日期", "月日", "时间", "date"))
_LOOKED_AT = 10  # rows, in which a header is looked for
_NAME = "日期"


def joined(rows: Rows) -> Rows:
    """The table with one column of dates where its header names their parts; otherwise as it was.

    A year that stands only in the first of its rows (a merged cell of a spreadsheet) counts for those below it.
    """
    for place, (line, header) in enumerate(rows[:_LOOKED_AT]):
        names = [plain(cell).lower() for cell in header]
        if (parts := _parts(names)) is None:
            continue
        year, others = parts
        kept, carried = [*rows[:place], (line, _without(header, year, others, _NAME))], ""
        for number, row in rows[place + 1 :]:
            padded = row + [""] * (len(header) - len(row))
            found = re.match(r"(\d{4})\s*年?$", plain(padded[year]))
            carried = found[1] if found else "" if plain(padded[year]) else carried
            date = _one(carried, [plain(padded[other]) for other in others])
            kept.append((number, _without(padded, year, others, date or padded[year])))
        return kept
    return rows


def _parts(names: list[str]) -> tuple[int, list[int]] | None:
    """Where the year stands, and where the rest of a date does."""
    year = _place(names, _YEAR)
    if year is None:
        return None
    month, day, week, date = (_place(names, kind) for kind in (_MONTH, _DAY, _WEEK, _DATE))
    if month is not None and day is not None:
        return year, [month, day]
    if month is None and week is not None:
        return year, [week]
    return (year, [date]) if date is not None and month is None else None


def _place(names: list[str], kind: frozenset[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in kind), None)


def _one(year: str, others: list[str]) -> str:
    """The date in one cell; "" where the parts are none, a whole date as it is."""
    if len(others) == 2:
        month, day = (re.match(r"(\d{1,2})\s*[月日号]?$", other) for other in others)
        return f"{year}-{month[1]}-{day[1]}" if year and month and day else ""
    if re.match(r"\d{4}", others[0]):
        return others[0]
    if week := re.match(r"(?:第|w)?\s*(\d{1,2})\s*周?$", others[0].lower()):
        return f"{year}-W{week[1]}" if year else ""
    day = re.match(r"(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?$", others[0])
    return f"{year}-{day[1]}-{day[2]}" if year and day else ""


def _without(row: list[str], year: int, others: list[int], date: str) -> list[str]:
    return [date if place == year else cell for place, cell in enumerate(row) if place not in others]
