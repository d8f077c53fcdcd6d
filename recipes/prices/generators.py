"""Series that nobody ever paid: weekly prices made up, many kinds of them, to train the forecaster on.

Every series is drawn with its own habits: momentum, volatility that shifts, thin and fat tails, cycles of three to four
years and others, the year and the Spring Festival, floors of cost, shortages, breaks, prices that are rounded, copied
from last week or smoothed by whoever reports them.  Habits are drawn wide, so that what holds for all of them is learnt
and not the path of any one market.

    B series   T weeks
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.seasons import calendar

Floats = NDArray[np.float64]

BEFORE = 130  # weeks that are made and thrown away, so that no series begins at rest
_FIRST_DAY = datetime.date(1992, 1, 6)
_WEEKS = 3300
_DATES = [_FIRST_DAY + datetime.timedelta(weeks=week) for week in range(_WEEKS)]
_CALENDAR = calendar(_DATES)
_ANGLES = np.array([date.timetuple().tm_yday for date in _DATES]) * (2 * np.pi / 365.25)


@dataclass(frozen=True)
class Made:
    """y_BT: logarithms of prices.  calendar_BTC: their weeks; nothing but noughts where a series has no dates."""

    y: Floats
    calendar: Floats


def make(random: np.random.Generator, count: int, weeks: int) -> Made:
    """So many series of so many weeks."""
    length = weeks + BEFORE
    offset = random.integers(0, _WEEKS - length, count)
    place = offset[:, None] + np.arange(length)
    week_of_year = _ANGLES[place]
    known = random.random(count) < 0.85
    moments = _CALENDAR[place]
    sigma = np.exp(random.uniform(np.log(0.004), np.log(0.06), count))
    shocks = _shocks(random, count, length) * sigma[:, None] * _volatility(random, count, length)
    target = _cycles(random, count, length, sigma) + _seasons(random, week_of_year, moments, sigma)
    y = _walk(random, shocks, target, sigma)
    y += _episodes(random, count, length, sigma)
    y = _reported(random, y, sigma)
    made = y[:, BEFORE:]
    return Made(made, np.where(known[:, None, None], moments[:, BEFORE:], 0.0))


def chance(random: np.random.Generator, count: int, probability: float) -> Floats:
    """1 for the series that have a habit, 0 for the others."""
    return (random.random(count) < probability).astype(float)


def _shocks(random: np.random.Generator, count: int, length: int) -> Floats:
    """Of unit variance: normal, fat-tailed and skewed."""
    freedom = np.exp(random.uniform(np.log(2.6), np.log(40), count))[:, None]
    shocks = random.standard_t(np.broadcast_to(freedom, (count, length))) / np.sqrt(freedom / (freedom - 2))
    shocks = np.clip(shocks, -9, 9)
    lean = (chance(random, count, 0.3) * random.uniform(-0.5, 0.5, count))[:, None]
    leaning = shocks + lean * (shocks**2 - 1)
    return np.asarray(leaning / np.maximum(leaning.std(1, keepdims=True), 1e-9))


def _volatility(random: np.random.Generator, count: int, length: int) -> Floats:
    """By what a week's shock is larger or smaller than usual: drifting, switching between two states, breaking."""
    stay = random.uniform(0.85, 0.995, count)
    size = chance(random, count, 0.8) * np.exp(random.uniform(np.log(0.1), np.log(0.8), count))
    push = size * np.sqrt(1 - stay**2)
    state = random.standard_normal(count) * size
    calm = random.uniform(1 / 150, 1 / 15, count)
    wild = random.uniform(1 / 40, 1 / 5, count)
    louder = 1 + chance(random, count, 0.35) * random.uniform(0.5, 3.5, count)
    is_wild = chance(random, count, 0.3)
    level = np.zeros(count)
    breaks = chance(random, count, 0.3) / random.uniform(100, 400, count)
    found = np.empty((count, length))
    for t in range(length):
        state = stay * state + push * random.standard_normal(count)
        luck = random.random((2, count))
        is_wild = np.where(is_wild > 0, luck[0] > wild, luck[0] < calm).astype(float)
        level = np.where(luck[1] < breaks, random.normal(0, 0.5, count), level)
        found[:, t] = np.exp(state - size**2 / 2 + level) * np.where(is_wild > 0, louder, 1.0)
    return found


def _cycles(random: np.random.Generator, count: int, length: int, sigma: Floats) -> Floats:
    """Where a price would lie without shocks: cycles of 3 to 4 years and others, that wander and lean."""
    weeks = np.arange(length)
    total = np.zeros((count, length))
    for share, low, high in ((0.55, 140, 225), (0.25, 20, 120), (0.25, 60, 400)):
        period = np.exp(random.uniform(np.log(low), np.log(high), count))
        drift = np.cumsum(random.standard_normal((count, length)), 1) * random.uniform(0, 0.06, count)[:, None]
        angle = 2 * np.pi * (random.random(count)[:, None] + weeks / period[:, None]) + drift
        lean = random.uniform(-0.8, 0.8, count)[:, None]
        swell = np.exp(0.3 * np.cumsum(random.standard_normal((count, length)), 1) / np.sqrt(period)[:, None])
        height = chance(random, count, share) * np.exp(random.uniform(np.log(0.5), np.log(9.0), count)) * sigma
        total += height[:, None] * np.minimum(swell, 3) * np.sin(angle + lean * np.sin(angle))
    wander = np.cumsum(random.standard_normal((count, length)), 1) * (sigma * random.uniform(0, 0.5, count))[:, None]
    trend = (weeks - length / 2) * (sigma * random.normal(0, 0.02, count))[:, None]
    return total + wander + trend


def _seasons(random: np.random.Generator, angle: Floats, moments: Floats, sigma: Floats) -> Floats:
    """The year: waves of any form, and for some food prices a rise before the Spring Festival and a fall after it."""
    count = len(angle)
    total = np.zeros_like(angle)
    some = chance(random, count, 0.55) * np.exp(random.uniform(np.log(0.3), np.log(4.0), count)) * sigma
    for harmonic in (1, 2, 3, 4):
        turn = random.uniform(0, 2 * np.pi, count)[:, None]
        size = (some * np.abs(random.standard_normal(count)) / harmonic**1.2)[:, None]
        total += size * np.sin(harmonic * angle + turn)
    # What is sold for a feast: bumps before it, a hollow after; their sizes by chance around that shape.
    shape = np.array([0.6, 0.9, 1.0, 0.3, -0.6, -0.8]) + 0.6 * random.standard_normal((count, 6))
    feast = chance(random, count, 0.45) * np.exp(random.uniform(np.log(0.5), np.log(4.0), count)) * sigma
    return total + feast[:, None] * np.einsum("btk,bk->bt", moments[:, :, -6:], shape) / 2


@dataclass(frozen=True)
class _Habits:
    """How prices of a series move, each a number a series."""

    first: Floats
    second: Floats
    pull: Floats
    memory: Floats
    floor: Floats
    floor_pull: Floats
    answer: Floats
    delay: NDArray[np.int64]
    drift: Floats
    turning: Floats
    own: Floats


def _habits(random: np.random.Generator, count: int, sigma: Floats) -> _Habits:
    kind = random.random(count)
    first = np.where(kind < 0.6, random.uniform(0.15, 0.9, count), random.uniform(-0.3, 0.3, count))
    first = np.where(kind > 0.88, 0.0, first)
    second = np.where(kind > 0.88, 0.0, np.clip(random.normal(0, 0.18, count), -0.45, 0.45))
    return _Habits(
        first=first * (1 - second),  # partial correlations -> coefficients: never explosive
        second=second,
        pull=chance(random, count, 0.65) * np.exp(random.uniform(np.log(0.004), np.log(0.12), count)),
        memory=1 / np.exp(random.uniform(np.log(20), np.log(200), count)),
        floor=-sigma * random.uniform(2, 12, count),
        floor_pull=chance(random, count, 0.35) * random.uniform(0.02, 0.15, count),
        answer=chance(random, count, 0.3) * np.exp(random.uniform(np.log(0.003), np.log(0.03), count)),
        delay=random.integers(30, 70, count),
        drift=chance(random, count, 0.4) * sigma * random.uniform(0.1, 0.9, count),
        turning=1 / random.uniform(8, 60, count),
        own=np.where(random.random(count) < 0.5, 1.0, np.maximum(0.0, 1 - np.abs(first))),
    )


def _walk(random: np.random.Generator, shocks: Floats, target: Floats, sigma: Floats) -> Floats:
    """Momentum, a pull to the target, a floor, supply that answers a price after most of a year, phases of drift."""
    count, length = shocks.shape
    habit = _habits(random, count, sigma)
    y = np.empty((count, length))
    gap = np.zeros(count)  # of the price from its target
    level = np.zeros(count)  # the gap's own slow mean
    last, before = np.zeros(count), np.zeros(count)
    going = random.integers(-1, 2, count)
    gaps = np.zeros((count, length))
    rows = np.arange(count)
    for t in range(length):
        luck = random.random(count) < habit.turning
        going = np.where(luck, random.integers(-1, 2, count), going)
        late = gaps[rows, np.maximum(t - habit.delay, 0)]
        step = habit.first * last + habit.second * before + shocks[:, t] * habit.own
        push = -habit.pull * (gap - level) - habit.answer * late + going * habit.drift * (1 - habit.first)
        push += habit.floor_pull * np.maximum(habit.floor - gap, 0)
        moved = step + push * np.where(habit.own < 1, 1.0, 1 - habit.first)
        last, before = moved, last
        gap = gap + moved
        level += habit.memory * (gap - level)
        gaps[:, t] = gap - level
        y[:, t] = gap
    return y + target


def _episodes(random: np.random.Generator, count: int, length: int, sigma: Floats) -> Floats:
    """A shortage, a glut, a new tax: the price climbs or falls for weeks, and comes back some of the way."""
    total = np.zeros((count, length))
    weeks = np.arange(length)[None, :]
    for _ in range(2):
        begin = random.integers(0, length, count)[:, None]
        rising = np.exp(random.uniform(np.log(1.0), np.log(40), count))[:, None]
        fading = np.exp(random.uniform(np.log(10), np.log(400), count))[:, None]
        size = (chance(random, count, 0.4) * random.standard_t(4, count) * sigma * random.uniform(2, 14, count))[
            :, None
        ]
        there = np.clip((weeks - begin) / rising, 0, 1)
        there = there * there * (3 - 2 * there)
        kept = random.random((count, 1))
        back = np.exp(-np.maximum(weeks - begin - rising, 0) / fading)
        total += size * there * (kept + (1 - kept) * back)
    return total


def _reported(random: np.random.Generator, y: Floats, sigma: Floats) -> Floats:
    """What is written down: averages over days or markets, errors, last week's price again, rounded to a tick."""
    count, length = y.shape
    smooth = (chance(random, count, 0.35) * random.uniform(0.1, 0.6, count))[:, None]
    y = (1 - smooth) * y + smooth * np.roll(y, 1, 1)
    smooth = (chance(random, count, 0.1) * random.uniform(0.1, 0.4, count))[:, None]
    y = (1 - smooth) * y + smooth * np.roll(y, 2, 1)
    noise = (chance(random, count, 0.25) * sigma * random.uniform(0.05, 0.8, count))[:, None]
    # Prices of one shop or place jump and come back: what a week adds is mostly gone in the next.
    jumpy = (chance(random, count, 0.1) * sigma * np.exp(random.uniform(np.log(0.8), np.log(5.0), count)))[:, None]
    y = y + np.hypot(noise, jumpy) * random.standard_normal((count, length))
    sleepy = chance(random, count, 0.12) * random.uniform(0.05, 0.7, count)
    asleep = random.random((count, length)) < sleepy[:, None]
    seen = np.maximum.accumulate(np.where(asleep, 0, np.arange(length)[None, :]), axis=1)
    y = np.take_along_axis(y, seen, axis=1)
    tick = (chance(random, count, 0.3) * sigma * random.uniform(0.05, 1.0, count))[:, None]
    return np.asarray(np.where(tick > 0, np.round(y / np.maximum(tick, 1e-9)) * tick, y), dtype=np.float64)
