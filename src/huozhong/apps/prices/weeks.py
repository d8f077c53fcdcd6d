"""Prices of days or weeks, as they were written down, made into one price a week."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

LEAST = 8  # weeks
LONGEST_GAP = 8  # weeks that are filled in between two prices
_JUMP = math.log(6)  # against both neighbours: a point in the wrong place

Note = tuple[str, str]  # Chinese, English


@dataclass(frozen=True)
class Price:
    """line: of the file; written: as it stands there."""

    line: int
    date: datetime.date
    value: float
    written: str


def enough(weeks: int) -> None:
    """Raises `SkillError` where there are too few to say anything."""
    if weeks < LEAST:
        raise SkillError(
            f"只有 {weeks} 周的价格，至少要 {LEAST} 周；越多越准，最好三年以上。",
            f"There are only {weeks} weeks of prices; at least {LEAST} are needed, three years or more are better.",
        )


def no_slips(found: list[Price]) -> None:
    """Raises `SkillError` for a price that is far from both its neighbours, on the same side."""
    for before, here, after in zip(found, found[1:], found[2:], strict=False):
        up, down = math.log(here.value / before.value), math.log(here.value / after.value)
        if min(abs(up), abs(down)) > _JUMP and up * down > 0:
            raise SkillError(
                f"第 {here.line} 行的价格 {here.written[:20]} 和前后（{before.value:g}、{after.value:g}）差太多，"
                "是不是写错了？",
                f"Line {here.line}: {here.written[:20]} stands between {before.value:g} and {after.value:g}; a slip?",
            )


def weekly(found: list[Price], notes: list[Note]) -> dict[int, tuple[datetime.date, float]]:
    """Week number -> its last day in the file and the mean of its prices."""
    unique = sorted({p.date for p in found})
    gaps = [(after - before).days for before, after in pairwise(unique)]
    usual = float(np.median(gaps)) if gaps else 7.0
    if usual > 8.5:
        raise SkillError(
            f"价格大约每 {usual:.0f} 天一个；这里要每周或每天的。",
            f"There is a price about every {usual:.0f} days; prices of every week or day are needed.",
        )
    if usual < 5:
        notes.append(("每天的价格已合成每周的平均。", "Prices of days are taken together as means of weeks."))
        first = unique[0] - datetime.timedelta(unique[0].weekday())
        number = {date: (date - first).days // 7 for date in unique}
    else:
        number = {date: round((date - unique[0]).days / 7) for date in unique}
    weeks: dict[int, list[Price]] = {}
    for price in found:
        weeks.setdefault(number[price.date], []).append(price)
    return {
        week: (max(p.date for p in those), float(np.mean([p.value for p in those]))) for week, those in weeks.items()
    }


def without_gaps(
    weeks: dict[int, tuple[datetime.date, float]], notes: list[Note]
) -> tuple[list[datetime.date], NDArray[np.float64], NDArray[np.bool_]]:
    """A price for every week; after a long gap only what comes after it."""
    numbers = sorted(weeks)
    begin = 0
    for place in range(1, len(numbers)):
        if numbers[place] - numbers[place - 1] - 1 > LONGEST_GAP:
            begin = place
    if begin:
        date = weeks[numbers[begin]][0]
        notes.append(
            (f"{date} 以前断了 {numbers[begin] - numbers[begin - 1] - 1} 周，只用这以后的。",
             f"{numbers[begin] - numbers[begin - 1] - 1} weeks are missing before {date}; only what follows is used.")
        )  # fmt: skip
    numbers = numbers[begin:]
    enough(len(numbers))
    every = np.arange(numbers[0], numbers[-1] + 1)
    known = np.log([weeks[number][1] for number in numbers])
    values = np.exp(np.interp(every, numbers, known))
    filled = ~np.isin(every, numbers)
    if filled.any():
        notes.append(
            (f"缺 {int(filled.sum())} 周，用前后的价格补上；回测不算这些周。",
             f"{int(filled.sum())} weeks are missing and filled in between; the backtest leaves them out.")
        )  # fmt: skip
    first = weeks[numbers[0]][0]
    dates = [
        weeks[int(n)][0] if int(n) in weeks else first + datetime.timedelta(weeks=int(n) - numbers[0]) for n in every
    ]
    return dates, values, filled
