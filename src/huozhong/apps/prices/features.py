"""What the network sees of a series: numbers of every week that know nothing of the weeks after it.

    B series   T weeks   F = FEATURES

All is said in units of the series' own weekly movement, so that a price of eggs in yuan and one of oil in dollars look
alike.  Training and forecasting use this file alike; `tests/apps/prices/test_features.py` holds that no number of a
week changes when later weeks do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.seasons import CALENDAR

Floats = NDArray[np.float64]

HORIZON = 8  # weeks
_WINDOWS = (26, 52, 104, 208)  # weeks whose mean the price is held against
_STEPS = (1, 4, 8)  # weeks ahead, for momentum and for what the same weeks brought in earlier years
_BACK = (2, 4, 8, 16)  # weeks over which the price has moved
_YEAR, _YEARS = 52, 4
_FAST, _SLOW, _MEMORY = 6.0, 40.0, 104.0  # half-lives in weeks: of movement, of movement, of momentum
_LEAST = 2e-4  # of a week's movement in logarithms: a price that stands still is not divided by nothing

FEATURES = 5 + 2 + len(_STEPS) + len(_WINDOWS) + 1 + len(_BACK) + len(_STEPS) + 1 + 1 + CALENDAR


@dataclass(frozen=True)
class Seen:
    """x_BTF: what the network sees.  scale_BT: a week's usual movement (of the logarithm), as known in that week."""

    x: Floats
    scale: Floats


def look(y_BT: Floats, calendar_BTC: Floats) -> Seen:
    """Logarithms of weekly prices and `seasons.calendar` of their weeks -> what the network sees."""
    count = y_BT.shape[1]
    r = np.diff(y_BT, axis=1, prepend=y_BT[:, :1])
    fast, slow, still = _variances(r)
    scale = np.sqrt(slow)
    unit = r / scale
    first, second = _momentum(r)
    columns = [
        np.arcsinh(unit),
        np.log(fast / slow) / 2,
        still,
        np.broadcast_to(np.log1p(np.minimum(np.arange(count), 400)) / 6, y_BT.shape),
        np.arcsinh((r - _before(r, 1)) / scale),
        first,
        second,
    ]
    columns += [step / (scale * np.sqrt(h)) for h, step in zip(_STEPS, ahead(r, first, second, _STEPS), strict=True)]
    columns += [(y_BT - _mean(y_BT, window)) / (scale * np.sqrt(window)) for window in _WINDOWS]
    columns.append(_place(y_BT, _WINDOWS[-1]))
    columns += [np.arcsinh((y_BT - _before(y_BT, back)) / (scale * np.sqrt(back))) for back in _BACK]
    seasons, years = _last_years(y_BT)
    columns += [np.arcsinh(season / (scale * np.sqrt(h))) for h, season in zip(_STEPS, seasons, strict=True)]
    columns += [years, np.any(calendar_BTC != 0, axis=-1).astype(float)]
    x = np.concatenate([np.stack(columns, -1), calendar_BTC], -1)
    assert x.shape[-1] == FEATURES
    return Seen(np.clip(x, -6, 6), scale)


def ahead(r_BT: Floats, first: Floats, second: Floats, steps: tuple[int, ...]) -> list[Floats]:
    """How far the price goes in so many weeks if its movement goes on by r = first·r₋₁ + second·r₋₂."""
    last, before = r_BT, _before(r_BT, 1)
    total, found = np.zeros_like(r_BT), []
    for week in range(1, max(steps) + 1):
        last, before = first * last + second * before, last
        total = total + last
        if week in steps:
            found.append(total)
    return found


def _variances(r: Floats) -> tuple[Floats, Floats, Floats]:
    """Of the weekly movement: fast and slow means of its square, and the share of weeks without any."""
    usual = np.zeros(len(r))
    fast, slow, still = np.empty_like(r), np.empty_like(r), np.empty_like(r)
    weight = {"fast": 0.0, "slow": 0.0}
    sums = {"fast": usual.copy(), "slow": usual.copy(), "still": usual.copy()}
    keep_fast, keep_slow = 0.5 ** (1 / _FAST), 0.5 ** (1 / _SLOW)
    for t in range(r.shape[1]):
        if t:  # the first week has no movement
            square = r[:, t] ** 2
            sums["fast"] = sums["fast"] * keep_fast + square
            sums["slow"] = sums["slow"] * keep_slow + square
            sums["still"] = sums["still"] * keep_slow + (np.abs(r[:, t]) < 1e-9)
            weight["fast"] = weight["fast"] * keep_fast + 1
            weight["slow"] = weight["slow"] * keep_slow + 1
        slow[:, t] = sums["slow"] / max(weight["slow"], 1) + _LEAST**2
        # A few weeks alone say little: the fast mean leans on the slow one.
        fast[:, t] = (sums["fast"] + 2 * slow[:, t]) / (weight["fast"] + 2)
        still[:, t] = sums["still"] / max(weight["slow"], 1)
    return fast, slow, still


def _momentum(r: Floats) -> tuple[Floats, Floats]:
    """The two coefficients of r on its last two values, as all weeks so far say, the late ones more."""
    one, two = _before(r, 1), _before(r, 2)
    keep = 0.5 ** (1 / _MEMORY)
    a = _fading(one * one, keep)
    b = _fading(one * two, keep)
    c = _fading(two * two, keep)
    d = _fading(r * one, keep)
    e = _fading(r * two, keep)
    ridge = 0.03 * a + _LEAST**2 + 3 * a / (_fading(np.ones_like(r), keep) + 1)
    a, c = a + ridge, c + ridge
    determinant = a * c - b * b
    first, second = (d * c - e * b) / determinant, (a * e - b * d) / determinant
    return np.clip(first, -0.95, 0.95), np.clip(second, -0.6, 0.6)


def _fading(values: Floats, keep: float) -> Floats:
    sums = np.empty_like(values)
    total = np.zeros(len(values))
    for t in range(values.shape[1]):
        total = total * keep + values[:, t]
        sums[:, t] = total
    return sums


def _before(values: Floats, weeks: int) -> Floats:
    """The value so many weeks ago; the first one where there is none so old."""
    return values[:, np.maximum(np.arange(values.shape[1]) - weeks, 0)]


def _mean(values: Floats, window: int) -> Floats:
    """Of the last `window` weeks, or of as many as there are."""
    total = np.cumsum(values, axis=1)
    place = np.arange(values.shape[1])
    older = np.where(place >= window, total[:, np.maximum(place - window, 0)], 0.0)
    return (total - older) / np.minimum(place + 1, window)


def _place(values: Floats, window: int) -> Floats:
    """Where between the lowest (-1) and the highest (1) of the last `window` weeks the price is."""
    padded = np.pad(values, ((0, 0), (window - 1, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)
    low, high = views.min(-1), views.max(-1)
    return np.asarray(2 * (values - low) / np.maximum(high - low, 1e-9) - 1)


def _last_years(y: Floats) -> tuple[list[Floats], Floats]:
    """What the next weeks brought in earlier years, on average, and of how many years that is known (0 to 1)."""
    count = y.shape[1]
    place = np.arange(count)
    found = [np.zeros_like(y) for _ in _STEPS]
    years = np.zeros(count)
    for year in range(1, _YEARS + 1):
        begin = place - year * _YEAR
        there = begin >= 0
        years += there
        for total, h in zip(found, _STEPS, strict=True):
            total += np.where(there, y[:, np.maximum(begin + h, 0)] - y[:, np.maximum(begin, 0)], 0.0)
    return [total / (years + 1) for total in found], np.broadcast_to(years / _YEARS, y.shape)
