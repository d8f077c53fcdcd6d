"""How good the forecasts of the past were, beside those of others, with how sure one can be of that.

N forecasts   H HORIZON
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.backtest import Backtest, Known, backtest, bootstrap, forecast, origins_of
from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.paths import simulate
from huozhong.apps.prices.peers import light_fans
from huozhong.apps.prices.sell import Pig, decide
from huozhong.errors import SkillError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fans = Callable[[Floats, Ints], dict[str, Floats]]

LEAST_WEEKS = 60
BLOCK_WEEKS = 26  # forecasts that near one another err together
RULES = (110, 115, 120, 125, 130)  # kg
START = 90.0  # kg at which a batch is looked at first


@dataclass(frozen=True)
class Score:
    """One forecaster's.  loss: twice the pinball loss of the logarithm, mean; covered: of the band of eight in ten.

    ratio: our loss over its; low, high: the ratio's 95% interval.
    """

    name: str
    loss: float
    covered: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Earned:
    """What batches brought a head, yuan, less feed and keeping from START kg on.

    rules: by weight, the mean; ours: the mean; best: of the weights the one that brought most, known only afterwards;
    ratio: ours over the rule of 110 kg, with its interval; over_best: over the best one.
    """

    batches: int
    rules: dict[int, float]
    ours: float
    ratio: tuple[float, float, float]
    over_best: tuple[float, float, float]
    weight: float

    @property
    def best(self) -> int:
        return max(self.rules, key=lambda weight: self.rules[weight])


@dataclass(frozen=True)
class Judged:
    """A series judged.  every: weeks between forecasts; by_week: of the band, for each week ahead [H]; scores: peers
    first, the best of them first, then what the forecast is made of."""

    name: str
    weeks: int
    every: int
    past: Backtest
    peers: list[Score]
    members: list[Score]
    covered: float
    covered_interval: tuple[float, float]
    by_week: Floats
    earned: Earned | None

    @property
    def loss(self) -> float:
        return float(self.past.loss("ours").mean())


def judge(
    known: Known,
    name: str,
    *,
    every: int = 4,
    fans: Fans = light_fans,
    kilogram: Floats | None = None,
    pig: Pig | None = None,
) -> Judged:
    """Forecasts again in weeks of the past.  fans: the peers'; kilogram: prices of one, for `Earned`.

    Raises `SkillError` where the series is too short to say anything.
    """
    if len(known.y) < LEAST_WEEKS:
        raise SkillError(
            f"只有 {len(known.y)} 周，回测至少要 {LEAST_WEEKS} 周。",
            f"There are {len(known.y)} weeks; a backtest needs at least {LEAST_WEEKS}.",
        )
    origins = origins_of(known, every)
    past = backtest(known, origins)
    usable = np.isfinite(past.came).any(1)
    if not usable.all():
        past = backtest(known, origins[usable])
    block = max(1, BLOCK_WEEKS // every)
    ours = past.loss("ours")
    past.fans.update({f"peer {peer}": fan for peer, fan in fans(known.y, past.origins).items()})
    scores = {one: _score(past, one, ours, block) for one in past.fans if one != "ours"}
    peers = sorted((score for one, score in scores.items() if one.startswith("peer ")), key=lambda score: score.loss)
    covered = past.covered()
    known_here = np.isfinite(covered)
    inside = np.where(known_here, covered, 0.0).sum(1)
    interval = bootstrap(inside, known_here.sum(1).astype(float), block)
    earned = None if kilogram is None else earnings(known, kilogram, pig or Pig(START))
    return Judged(
        name, len(known.y), every, past, peers, [s for one, s in scores.items() if not one.startswith("peer ")],
        float(np.nanmean(covered)), interval, np.nanmean(covered, 0), earned,
    )  # fmt: skip


def _score(past: Backtest, name: str, ours: Floats, block: int) -> Score:
    loss = past.loss(name)
    low, high = bootstrap(ours, loss, block)
    covered = float(np.nanmean(past.covered(name)))
    return Score(name.removeprefix("peer "), float(loss.mean()), covered, float(ours.sum() / loss.sum()), low, high)


def earnings(known: Known, kilogram: Floats, pig: Pig, every: int = 2) -> Earned | None:
    """Batches of pigs through the past: each is START kg in some week, and sold by our rule, or at a fixed weight.

    Prices are what they were; feed and keeping as `pig` says.  None where the series is too short.
    """
    begin, last = min(104, max(26, len(known.y) // 2)), len(known.y) - HORIZON - 1
    starts = np.arange(begin, last, every)
    if len(starts) < 8:
        return None
    young = Pig(
        START, pig.feed_price, None, None, pig.daily, pig.deaths, pig.transport, pig.heavy_from, pig.heavy_cut, pig.most
    )
    weights = young.weights(HORIZON)
    shift = float(np.log(kilogram[0]) - known.y[0])
    paths: dict[int, Floats] = {}

    def sold_by_rule(start: int) -> int:
        for week in range(HORIZON):
            now = start + week
            if now not in paths:
                # The weights of members change slowly: a fan a week, made once for all batches.
                paths[now] = simulate(forecast(known, now).quantiles + shift, known.y[: now + 1], 600)
            here = Pig(**{**young.__dict__, "weight": float(weights[week])})
            if weights[week] >= pig.most or decide(here, float(kilogram[now]), paths[now]).sell:
                return week
        return HORIZON

    ours, heavy = [], []
    for start in starts:
        week = sold_by_rule(int(start))
        ours.append(_brought(young, kilogram, int(start), week))
        heavy.append(weights[week])
    rules = {}
    for weight in RULES:
        week = int(np.searchsorted(weights, weight))
        rules[weight] = np.array([_brought(young, kilogram, int(start), min(week, HORIZON)) for start in starts])
    mine = np.array(ours)
    block = max(1, BLOCK_WEEKS // every)
    best = max(RULES, key=lambda weight: float(rules[weight].mean()))

    def over(other: Floats) -> tuple[float, float, float]:
        return (float(mine.sum() / other.sum()), *bootstrap(mine, other, block))

    means = {weight: float(values.mean()) for weight, values in rules.items()}
    return Earned(
        len(starts), means, float(mine.mean()), over(rules[RULES[0]]), over(rules[best]), float(np.mean(heavy))
    )


def _brought(pig: Pig, kilogram: Floats, start: int, weeks: int) -> float:
    """Yuan a head of a batch that is sold after so many weeks: what is alive, less what it cost."""
    alive, spent, cost = 1.0, 0.0, pig.keeping(max(weeks, 1))
    for week in range(weeks):
        spent += alive * float(cost[week])
        alive *= pig.alive
    return alive * float(pig.worth(float(kilogram[start + weeks]), pig.weights(weeks)[weeks])) - spent
