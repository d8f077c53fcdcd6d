"""Sell or wait: what a pig is worth today, and what it is expected to be worth if it is sold at the best time later.

A pig grows along a curve, eats, may die, and is sold for what the price then is.  Every week one may sell or wait; the
best rule for that is worked out backwards over simulated prices (least squares over paths, as for American options):
the worth of waiting is estimated from what can be known in that week, and compared with selling.

    P paths   H weeks ahead
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

Floats = NDArray[np.float64]

_GROWN, _PACE = 260.0, 0.0095  # Gompertz: 0.90 kg a day at 110 kg, 0.86 at 130, 0.78 at 150
_EATEN, _BENT = 0.188, 0.6  # feed a day, kg: 3.15 at 110 kg, 3.49 at 130
_DAYS = 7
_LIMITS = {
    "weight": (30.0, 250.0), "feed_price": (0.5, 20.0), "gain": (0.2, 1.5), "eaten": (0.5, 8.0), "daily": (0.0, 30.0),
    "deaths": (0.0, 60.0), "transport": (0.0, 500.0), "heavy_from": (90.0, 250.0), "heavy_cut": (0.0, 5.0),
}  # fmt: skip


@dataclass(frozen=True)
class Pig:
    """One pig of a batch, today, and what it costs to keep.

    weight: kg.  feed_price: yuan a kg.  gain: kg a day that it puts on now, eaten: kg of feed a day that it eats now
    (None: as pigs of this weight do).  daily: yuan a day for work, power, water, interest and the pen.  deaths: of a
    hundred pigs a month.  transport: yuan a head, paid when sold.  heavy_from, heavy_cut: over this weight a buyer pays
    so many percent less for each 10 kg.  most: kg at which it is sold in any case.
    """

    weight: float
    feed_price: float = 3.4
    gain: float | None = None
    eaten: float | None = None
    daily: float = 1.5
    deaths: float = 0.5
    transport: float = 0.0
    heavy_from: float = 130.0
    heavy_cut: float = 1.5
    most: float = 150.0

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise SkillError(
                    f"{_NAMES[name]}是 {value:g}，应在 {least:g} 到 {most:g} 之间。",
                    f"{name.replace('_', ' ')} is {value:g}; it is between {least:g} and {most:g}.",
                )

    def weights(self, weeks: int) -> Floats:
        """Kilograms today and after each week: [weeks + 1]."""
        pace = _PACE if self.gain is None else self.gain / (self.weight * math.log(_GROWN / min(self.weight, 250)))
        days = np.arange(weeks + 1) * _DAYS
        return np.asarray(_GROWN * (self.weight / _GROWN) ** np.exp(-pace * days))

    def keeping(self, weeks: int) -> Floats:
        """Yuan that each of the coming weeks costs: [weeks]."""
        middle = self.weights(weeks)
        middle = (middle[1:] + middle[:-1]) / 2
        scale = _EATEN if self.eaten is None else self.eaten / self.weight**_BENT
        return np.asarray((scale * middle**_BENT * self.feed_price + self.daily) * _DAYS)

    @property
    def alive(self) -> float:
        """How likely it lives through a week."""
        return float((1 - self.deaths / 100) ** (_DAYS / 30))

    def worth(self, price: Floats | float, weight: Floats | float) -> Floats:
        """Yuan for a pig sold at this price of a kilogram."""
        cut = self.heavy_cut / 100 * np.maximum(np.asarray(weight) - self.heavy_from, 0) / 10
        return np.asarray(price * np.asarray(weight) * np.maximum(1 - cut, 0.2) - self.transport)


_NAMES = {
    "weight": "体重", "feed_price": "饲料价", "gain": "日增重", "eaten": "日采食", "daily": "每天的其他花费",
    "deaths": "每月死亡率", "transport": "运费", "heavy_from": "大猪起扣体重", "heavy_cut": "大猪扣价",
}  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """today: yuan for a head sold now.  waiting: yuan expected from waiting and then selling at the best time (costs of
    waiting taken off).  gains_P: of each path, waiting's yuan less today's.  weeks_P: when it was sold.  by_week: yuan
    expected if it is sold after so many weeks whatever comes [H + 1].
    """

    today: float
    waiting: float
    gains: Floats
    weeks: NDArray[np.int64]
    by_week: Floats

    @property
    def sell(self) -> bool:
        return self.waiting <= self.today

    @property
    def gain(self) -> float:
        """Yuan a head that waiting is expected to bring; below nought where selling today is better."""
        return self.waiting - self.today

    @property
    def worse(self) -> float:
        """How often, of all paths, waiting ends below selling today."""
        return float((self.gains < 0).mean())


def decide(pig: Pig, price: float, paths_PH: Floats) -> Decision:
    """Sell now at `price` (yuan a kg), or wait?  paths: simulated prices of the weeks to come."""
    paths, horizon = paths_PH.shape
    weights = pig.weights(horizon)
    allowed = int(np.searchsorted(weights[1:], pig.most, side="right"))  # weeks until it is sold in any case
    horizon = min(horizon, max(allowed, 1))
    cost, alive = pig.keeping(horizon), pig.alive
    walk = np.log(np.concatenate([np.full((paths, 1), price), paths_PH[:, :horizon]], 1))
    worth = np.stack([pig.worth(np.exp(walk[:, h]), weights[h]) for h in range(horizon + 1)], 1)
    today = float(worth[0, 0])
    value, when = worth[:, horizon].copy(), np.full(paths, horizon)
    for h in range(horizon - 1, 0, -1):
        value = alive * value - cost[h]
        hoped = _hoped(walk, h, value)
        stop = worth[:, h] >= hoped
        value = np.where(stop, worth[:, h], value)
        when = np.where(stop, h, when)
    value = alive * value - cost[0]
    kept = np.concatenate([[0.0], np.cumsum(cost[:horizon] * alive ** np.arange(horizon))])
    by_week = worth.mean(0) * alive ** np.arange(horizon + 1) - kept
    return Decision(today, float(value.mean()), value - today, when, by_week)


def _hoped(walk: Floats, h: int, value: Floats) -> Floats:
    """What waiting in week h is worth, as far as the prices until then tell: least squares over all paths."""
    level, moved = walk[:, h] - walk[:, h].mean(), walk[:, h] - walk[:, h - 1]
    moved = moved - moved.mean()
    columns = np.stack([np.ones_like(level), level, level**2, moved, level * moved], 1)
    answer, *_ = np.linalg.lstsq(columns, value, rcond=None)
    return np.asarray(columns @ answer)


def what_if(pig: Pig) -> list[tuple[str, str, Pig]]:
    """The same pig where something else were so: Chinese, English, pig."""
    light = max(pig.weight - 10, 30.0)
    return [
        ("饲料贵一成", "feed 10% dearer", replace(pig, feed_price=pig.feed_price * 1.1)),
        ("饲料便宜一成", "feed 10% cheaper", replace(pig, feed_price=pig.feed_price * 0.9)),
        ("附近有猪病（每月死 5%）", "disease near by (5% die a month)", replace(pig, deaths=max(5.0, pig.deaths))),
        (f"猪轻 10 公斤（{light:g}）", f"10 kg lighter ({light:g})", replace(pig, weight=light)),
        ("运费每头多 30 元", "transport 30 yuan a head more", replace(pig, transport=pig.transport + 30)),
    ]
