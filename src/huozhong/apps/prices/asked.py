"""A question about prices, answered: the one way in for the terminal, the app and other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from huozhong.apps.prices.backtest import Fan, Known, forecast, know
from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.paths import simulate
from huozhong.apps.prices.sell import Decision, Pig, decide, what_if
from huozhong.apps.prices.table import Prices, choices, read_prices
from huozhong.errors import SkillError

_SAID = {"公斤": 1.0, "千克": 1.0, "kg": 1.0, "斤": 0.5, "jin": 0.5, "吨": 1000.0, "t": 1000.0}
_LIKELY = (5.0, 60.0)  # yuan for a kilogram of live pig


@dataclass(frozen=True)
class Answer:
    """kilograms: what one price is for, None where nobody said; decision: sell or wait, if there is a pig."""

    prices: Prices
    known: Known
    fan: Fan
    kilograms: float | None
    decision: Decision | None
    others: tuple[tuple[str, str, Decision], ...] = ()


def kilograms_of(unit: str) -> float | None:
    """Of how much a price is, as people say it; None where nothing is said."""
    word = unit.strip().lower().removeprefix("元/").removeprefix("元").removeprefix("/").strip()
    if not word:
        return None
    if word not in _SAID:
        raise SkillError(
            f"单位“{unit[:20]}”不认识，请写 公斤 或 斤。", f"The unit '{unit[:20]}' is not known; write kg or jin."
        )
    return _SAID[word]


def answer(prices: Prices, unit: str = "", pig: Pig | None = None, days: int | None = None) -> Answer:
    """The forecast, and where there is a pig: sell or wait.  days: how long it may be kept at most.

    Raises `SkillError`, e.g. where prices are no price of live pigs in the unit that was said.
    """
    said = kilograms_of(unit)
    if said and prices.unit and said != prices.unit:
        raise SkillError("表里写的单位和你选的不一样。", "The table's unit is not the one that you chose.")
    kilograms = prices.unit or said
    known = know(prices)
    fan = forecast(known)
    if pig is None:
        return Answer(prices, known, fan, kilograms, None)
    kilogram = float(prices.per_kilogram(kilograms)[-1])
    if not _LIKELY[0] <= kilogram <= _LIKELY[1]:
        raise SkillError(
            f"最后一个价格合 {kilogram:.2f} 元/公斤，不像活猪的价；请检查单位（公斤还是斤）。",
            f"The last price is {kilogram:.2f} yuan/kg, hardly one of live pigs; check the unit (kg or jin).",
        )
    if days is not None and not 7 <= days <= 7 * HORIZON:
        raise SkillError(
            f"最多再养的天数在 7 到 {7 * HORIZON} 之间。", f"Days to keep it are between 7 and {7 * HORIZON}."
        )
    weeks = HORIZON if days is None else days // 7
    paths = simulate(fan.quantiles, known.y)[:, :weeks] / (kilograms or 1.0)
    decision = decide(pig, kilogram, paths)
    others = tuple((zh, en, decide(other, kilogram, paths)) for zh, en, other in what_if(pig))
    return Answer(prices, known, fan, kilograms, decision, others)


def every_series(data: bytes, column: str, only: str) -> Iterator[Prices]:
    """The series of a table, one by one: its columns of prices, or the places in it."""
    columns, kinds = choices(data)
    if kinds and not only:
        found = [(column, kind, kind) for kind, count in Counter(kinds).items() if count >= 8]
    elif columns and not column:
        found = [(name, only, name) for name in columns]
    else:
        found = [(column, only, "")]
    for one, kind, name in found:
        yield read_prices(data, name=name, column=one, only=kind)
