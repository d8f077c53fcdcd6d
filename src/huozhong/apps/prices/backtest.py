"""What the forecaster would have said in the past, of each week knowing nothing of the weeks after it, and what came.

The same code makes today's forecast: it is the backtest's last week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.combine import APART, PRIOR, pinball, weigh, widen, widened
from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.members import MEMBERS, members
from huozhong.apps.prices.network import LEVELS
from huozhong.apps.prices.seasons import CALENDAR, calendar
from huozhong.apps.prices.table import Prices

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRST = 104  # weeks of history before the backtest's first forecast, where there are enough
_WARM = 16  # weeks after which members' past forecasts are counted
_MOST_PAST = 80  # past forecasts that decide, at most
_LOW, _HIGH = LEVELS.index(0.1), LEVELS.index(0.9)


@dataclass(frozen=True)
class Known:
    """A series as forecasters see it: y_T logarithms, calendar_TC, filled_T, and every member's fans [M, T, H, Q]."""

    y: Floats
    calendar: Floats
    filled: NDArray[np.bool_]
    fans: Floats

    def came(self, origins: Ints, now: int) -> Floats:
        """[N, H]: what came after each origin, NaN where that is after `now` or nobody wrote it down."""
        places = origins[:, None] + np.arange(1, HORIZON + 1)
        inside = np.minimum(places, len(self.y) - 1)
        return np.where((places <= now) & ~self.filled[inside], self.y[inside], np.nan)


@dataclass(frozen=True)
class Fan:
    """A forecast: quantiles [H, Q] of the logarithm of the price, what each member counted, how much it was widened."""

    quantiles: Floats
    weights: Floats
    widened: float

    def prices(self) -> Floats:
        """[H, Q] in the series' own money."""
        return np.asarray(np.exp(self.quantiles))


def know(prices: Prices) -> Known:
    """Everything that the members say of a series, for every week of it."""
    y = np.log(prices.values)
    seasons = calendar(prices.dates) if prices.dated else np.zeros((len(y), CALENDAR))
    fans = members(y, seasons)
    return Known(y, seasons, prices.filled, np.stack([fans[name] for name in MEMBERS]))


def forecast(known: Known, now: int | None = None) -> Fan:
    """The forecast of week `now` (the last one): members weighed, and the band set, by what they said before it."""
    now = len(known.y) - 1 if now is None else now
    begin = max(_WARM, now - APART * _MOST_PAST)
    origins = np.arange(begin + (now - 1 - begin) % APART, now, APART) if now > begin else np.empty(0, np.int64)
    origins = origins[~known.filled[origins]]
    if not len(origins):
        mix = np.tensordot(PRIOR, known.fans[:, now], 1)
        return Fan(mix, PRIOR, 1.0)
    age = (now - origins).astype(float)
    came, past = known.came(origins, now), known.fans[:, origins]
    weights = weigh(past, came, age)
    by = widen(np.tensordot(weights, past, 1), came, age)
    return Fan(widened(np.tensordot(weights, known.fans[:, now], 1), by), weights, by)


@dataclass(frozen=True)
class Backtest:
    """Forecasts of the past beside what came.

    origins_N: weeks in which was forecast; came_NH: logarithms, NaN where nobody wrote a price down; fans: by name
    [N, H, Q] - "ours" and every member; weights_NM and widened_N of ours.
    """

    origins: Ints
    came: Floats
    fans: dict[str, Floats]
    weights: Floats
    widened: Floats

    def loss(self, name: str) -> Floats:
        """[N]: twice the pinball loss of each forecast, mean over its weeks; of the logarithm (0.05: about 5%)."""
        return np.asarray(np.nanmean(pinball(self.fans[name], self.came), 1))

    def covered(self, name: str = "ours") -> Floats:
        """[N, H]: 1 where what came lay in the band of eight in ten, 0 where not, NaN where nobody knows."""
        fan = self.fans[name]
        inside = (fan[..., _LOW] <= self.came) & (self.came <= fan[..., _HIGH])
        return np.where(np.isfinite(self.came), inside.astype(float), np.nan)


def origins_of(known: Known, every: int = 4, first: int = FIRST) -> Ints:
    """The weeks of a backtest: every so many, whole eight weeks before the end, none that was filled in."""
    last = len(known.y) - HORIZON
    begin = min(first, max(_WARM, last // 2))
    found = np.arange(begin, last, every)
    return found[~known.filled[found]]


def backtest(known: Known, origins: Ints) -> Backtest:
    """Forecasts again in each of these weeks, knowing nothing later."""
    ours = [forecast(known, int(now)) for now in origins]
    fans = {name: known.fans[place, origins] for place, name in enumerate(MEMBERS)}
    return Backtest(
        origins,
        known.came(origins, len(known.y) - 1),
        {"ours": np.stack([fan.quantiles for fan in ours]), **fans},
        np.stack([fan.weights for fan in ours]),
        np.array([fan.widened for fan in ours]),
    )


def bootstrap(
    ratio_of: NDArray[np.float64], under: NDArray[np.float64], block: int, seed: int = 0
) -> tuple[float, float]:
    """The 95% interval of sum(ratio_of) / sum(under): blocks of neighbours drawn again, 2,000 times.

    Forecasts that overlap err together; drawn one by one they would look surer than they are.
    """
    random = np.random.default_rng(seed)
    count = len(under)
    block = max(1, min(block, count))
    draws = -(-count // block)
    begin = random.integers(0, count, (2000, draws, 1))
    places = ((begin + np.arange(block)) % count).reshape(2000, -1)[:, :count]
    ratios = ratio_of[places].sum(1) / np.maximum(under[places].sum(1), 1e-12)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)
