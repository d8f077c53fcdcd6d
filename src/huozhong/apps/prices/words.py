"""The forecast and the advice in plain words: Chinese or English, no more certain than they are."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from huozhong.apps.prices.backtest import Fan
from huozhong.apps.prices.cells import read_unit
from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.network import LEVELS, MIDDLE
from huozhong.apps.prices.paths import share_above
from huozhong.apps.prices.sell import Decision
from huozhong.apps.prices.table import Prices
from huozhong.skills.fan import FanChart

_LOW, _HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
_NEAR = (LEVELS.index(0.3), LEVELS.index(0.7))
SHOWN = 26  # weeks of the past in the chart
SURE_ENOUGH = 8.0  # yuan a head, below which it makes no difference


@dataclass(frozen=True)
class Said:
    """A text in either language."""

    zh: str
    en: str

    def __add__(self, other: Said) -> Said:
        return Said(self.zh + other.zh, self.en + other.en)

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


def weeks_ahead(prices: Prices) -> list[datetime.date]:
    return [prices.dates[-1] + datetime.timedelta(weeks=week) for week in range(1, HORIZON + 1)]


def unit_of(kilograms: float | None) -> Said:
    """Of which money and weight the numbers are."""
    match kilograms:
        case 1.0:
            return Said("元/公斤", "yuan/kg")
        case 0.5:
            return Said("元/斤", "yuan/jin (500 g)")
        case 1000.0:
            return Said("元/吨", "yuan/t")
    return Said("（单位同你的表）", "(in your table's unit)")


def chart_of(prices: Prices, fan: Fan, kilograms: float | None, language: str = "zh") -> FanChart:
    """The last half year and the eight weeks to come."""
    past = list(zip(prices.dates, prices.values, strict=True))[-SHOWN:]
    rows = fan.prices()
    name = prices.name if len(prices.name) <= 16 else prices.name[:15] + "…"
    title = name if read_unit(name) else f"{name} {unit_of(kilograms).in_language(language)}".strip()
    places = (_LOW, _NEAR[0], MIDDLE, _NEAR[1], _HIGH)
    return FanChart(
        title,
        tuple((f"{date:%m-%d}", round(float(value), 2)) for date, value in past),
        tuple(
            (f"{date:%m-%d}", tuple(round(float(row[place]), 2) for place in places))
            for date, row in zip(weeks_ahead(prices), rows, strict=True)
        ),
    )


def outlook(prices: Prices, fan: Fan, kilograms: float | None) -> Said:
    """Where the price may be in four and in eight weeks."""
    now, unit = float(prices.values[-1]), unit_of(kilograms)
    rows, said = fan.prices(), Said("", "")
    for week in (4, 8):
        low, middle, high = rows[week - 1, _LOW], rows[week - 1, MIDDLE], rows[week - 1, _HIGH]
        said += Said(
            f"{_weeks_zh(week)}后：十次里大约有八次落在 **{low:.2f}–{high:.2f}** {unit.zh}之间，"
            f"高于和低于 {middle:.2f} 的机会各一半。\n\n",
            f"In {week} weeks: about eight times in ten between **{low:.2f} and {high:.2f}** {unit.en}, "
            f"as often above {middle:.2f} as below.\n\n",
        )
    higher = round(10 * share_above(fan.quantiles[-1], float(np.log(now))))
    said += Said(
        f"现在是 {now:.2f}。八周后比现在高：十次里大约 {higher} 次。",
        f"It is {now:.2f} now. In eight weeks it is higher: about {higher} times in ten.",
    )
    return said


def _weeks_zh(week: int) -> str:
    return {4: "四周", 8: "八周"}.get(week, f"{week} 周")


def advice(decision: Decision) -> Said:
    """Sell or wait, in yuan a head, and how often that goes wrong."""
    gain = decision.gain
    if decision.sell:
        said = Said(
            f"**建议：现在就卖。** 每头大约卖 {decision.today:.0f} 元。"
            f"再养一周以上，平均每头反而少 {max(-gain, 0):.0f} 元。",
            f"**Advice: sell now.** About {decision.today:.0f} yuan a head. Waiting a week or more loses "
            f"{max(-gain, 0):.0f} yuan a head on average.",
        )
    else:
        weeks = float(np.mean(decision.weeks))
        said = Said(
            f"**建议：再等等。** 现在卖每头约 {decision.today:.0f} 元；边看边等（平均约 {weeks:.0f} 周），"
            f"扣掉饲料和死亡风险，平均每头多 **{gain:.0f} 元**。",
            f"**Advice: wait.** About {decision.today:.0f} yuan a head now; waiting with open eyes (about "
            f"{weeks:.0f} weeks on average) brings **{gain:.0f} yuan** a head more, feed and deaths taken off.",
        )
    said += _how_often_worse(round(10 * decision.worse))
    said += _between(*(float(value) for value in np.quantile(decision.gains, [0.1, 0.9])))
    if abs(gain) < SURE_ENOUGH:
        said += Said("\n\n差别很小，怎么方便怎么来。", "\n\nThe difference is small: do what suits you.")
    return said


def _how_often_worse(times: int) -> Said:
    if times >= 10:
        return Said("\n\n等的话，几乎每次都比现在卖少", "\n\nWaiting nearly always ends below selling now")
    if times <= 0:
        return Said("\n\n等的话，几乎不会比现在卖少", "\n\nWaiting hardly ever ends below selling now")
    return Said(
        f"\n\n等的话，十次里大约有 {times} 次比现在卖还少",
        f"\n\nOf ten times, waiting ends below selling now about {times} times",
    )


def _between(low: float, high: float) -> Said:
    """Where eight of ten outcomes lie, in yuan a head beside selling now."""
    if high <= 0:
        return Said(
            f"；十次里有八次少 {-high:.0f} 到 {-low:.0f} 元。",
            f"; eight times in ten it is {-high:.0f} to {-low:.0f} yuan less.",
        )
    if low >= 0:
        return Said(
            f"；十次里有八次多 {low:.0f} 到 {high:.0f} 元。",
            f"; eight times in ten it is {low:.0f} to {high:.0f} yuan more.",
        )
    return Said(
        f"；十次里有八次在少 {-low:.0f} 元到多 {high:.0f} 元之间。",
        f"; eight times in ten it is between {-low:.0f} yuan less and {high:.0f} yuan more.",
    )


DISCLAIMER = Said(
    "价格谁也说不准：这是按过去的走势算的可能，不是保证，也不是买卖建议的全部。猪病、政策、天灾算不进去。每周把新价格填上再看一次。",
    "Nobody knows the price: these are chances computed from its past, no promise. Disease, policy and weather are not "
    "in them. Come back with the new price every week.",
)
