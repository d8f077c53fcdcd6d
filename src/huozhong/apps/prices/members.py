"""The simple forecasters beside the network: each gives, for every week, the quantiles of the eight weeks after it.

Everything is fitted on the weeks up to that one and on nothing later, for all weeks at once: sums that grow.

    T weeks   H HORIZON   Q LEVELS
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.network import LEVELS, forecast_all

Floats = NDArray[np.float64]

MEMBERS = ("lstm", "arima", "theta", "drift", "naive")
_LEAST = 1e-4
_STEPS = np.arange(1, HORIZON + 1)
_ALPHAS = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0])


def members(y_T: Floats, calendar_TC: Floats) -> dict[str, Floats]:
    """Every member's quantiles [T, H, Q] of the logarithm of the price.  y: logarithms of weekly prices."""
    theta_middle, theta_spread = theta(y_T)
    ar_middle, ar_spread = autoregression(y_T)
    naive_spread = _movement(y_T)[:, None] * np.sqrt(_STEPS)
    drift_middle, drift_spread = drift(y_T)
    still = np.broadcast_to(y_T[:, None], (len(y_T), HORIZON))
    shifting = _shifting(y_T)[:, None]
    return {
        "lstm": forecast_all(y_T[None], calendar_TC[None])[0],
        "arima": spread_out(ar_middle, ar_spread * shifting),
        "theta": spread_out(theta_middle, theta_spread * shifting),
        "drift": spread_out(drift_middle, drift_spread * shifting),
        "naive": spread_out(still, naive_spread * shifting),
    }


@cache
def normal() -> Floats:
    """The quantiles of the standard normal at LEVELS."""
    return np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def spread_out(middle_TH: Floats, spread_TH: Floats) -> Floats:
    """A normal fan: [T, H, Q]."""
    return np.asarray(middle_TH[:, :, None] + np.maximum(spread_TH, _LEAST)[:, :, None] * normal())


def drift(y: Floats) -> tuple[Floats, Floats]:
    """A random walk with drift: middles and spreads, both [T, H]."""
    r = np.diff(y, prepend=y[0])
    weeks = np.maximum(np.arange(len(y)), 1)
    mean = (y - y[0]) / weeks
    variance = np.maximum(np.cumsum(r * r) / weeks - mean**2, 0)
    spread = np.sqrt(variance)[:, None] * np.sqrt(_STEPS * (1 + _STEPS / weeks[:, None]))
    return y[:, None] + mean[:, None] * _STEPS, spread


def autoregression(y: Floats) -> tuple[Floats, Floats]:
    """ARIMA(2,1,0) by least squares: r = a·r₋₁ + b·r₋₂.  Middles and spreads, both [T, H]."""
    r = np.diff(y, prepend=y[0])
    one, two = np.concatenate([[0.0], r[:-1]]), np.concatenate([[0.0, 0.0], r[:-2]])
    there = np.arange(len(y)) >= 3  # weeks whose movement has two before it
    sums = {
        name: np.cumsum(np.where(there, product, 0.0))
        for name, product in {
            "aa": one * one, "ab": one * two, "bb": two * two, "ya": r * one, "yb": r * two, "yy": r * r,
        }.items()
    }  # fmt: skip
    ridge = 0.02 * sums["aa"] + _LEAST**2
    aa, bb = sums["aa"] + ridge, sums["bb"] + ridge
    determinant = aa * bb - sums["ab"] ** 2
    a = (sums["ya"] * bb - sums["yb"] * sums["ab"]) / determinant
    b = np.clip((aa * sums["yb"] - sums["ab"] * sums["ya"]) / determinant, -0.9, 0.9)
    a = np.clip(a, -0.98 * (1 - b), 0.98 * (1 - b))  # stationary: |a| < 1 - b
    count = np.maximum(np.cumsum(there) - 2, 1)
    left = sums["yy"] - 2 * a * sums["ya"] - 2 * b * sums["yb"]
    left = left + a * a * sums["aa"] + 2 * a * b * sums["ab"] + b * b * sums["bb"]
    sigma = np.sqrt(np.maximum(left, 0) / count)
    sigma[:12] = np.maximum(sigma[:12], _movement(y)[:12])
    middle, spread = np.empty((len(y), HORIZON)), np.empty((len(y), HORIZON))
    last, before, total = r, one, y.copy()
    psi_last, psi_before = np.ones(len(y)), np.zeros(len(y))
    reach, variance = np.ones(len(y)), np.zeros(len(y))
    for h in range(HORIZON):
        last, before = a * last + b * before, last
        total = total + last
        middle[:, h] = total
        variance = variance + reach**2
        spread[:, h] = sigma * np.sqrt(variance)
        psi_last, psi_before = a * psi_last + b * psi_before, psi_last
        reach = reach + psi_last
    return middle, spread


def theta(y: Floats) -> tuple[Floats, Floats]:
    """The theta method: simple smoothing, and half of the straight line's slope.  Middles and spreads, both [T, H]."""
    count = len(y)
    levels = np.empty((count, len(_ALPHAS)))
    levels[0] = y[0]
    errors = np.zeros_like(levels)
    for t in range(1, count):
        error = y[t] - levels[t - 1]
        levels[t] = levels[t - 1] + _ALPHAS * error
        errors[t] = errors[t - 1] + error**2
    best = errors.argmin(1)
    rows, weeks = np.arange(count), np.arange(count, dtype=float)
    alpha, level = _ALPHAS[best], levels[rows, best]
    n = weeks + 1
    mean_week = weeks / 2
    slope = np.cumsum(weeks * y) / n - mean_week * np.cumsum(y) / n
    slope = slope / np.maximum((n * n - 1) / 12, 1)
    middle = level[:, None] + slope[:, None] / 2 * (_STEPS - 1 + 1 / alpha[:, None])
    sigma = np.sqrt(errors[rows, best] / np.maximum(weeks, 1))
    return middle, sigma[:, None] * np.sqrt(1 + (_STEPS - 1) * alpha[:, None] ** 2)


def _movement(y: Floats) -> Floats:
    """A week's usual movement, over all weeks so far."""
    r = np.diff(y, prepend=y[0])
    return np.sqrt(np.cumsum(r * r) / np.maximum(np.arange(len(y)), 1))


def _shifting(y: Floats, half_life: float = 20.0) -> Floats:
    """By how much the late weeks moved more than all so far, half believed."""
    r2 = np.diff(y, prepend=y[0]) ** 2
    keep, total, weight = 0.5 ** (1 / half_life), 0.0, 0.0
    late = np.empty(len(y))
    usual = _movement(y) ** 2 + _LEAST**2
    for t in range(len(y)):
        total, weight = total * keep + r2[t], weight * keep + (t > 0)
        late[t] = (total + 8 * usual[t]) / (weight + 8)
    return np.asarray(np.clip((late / usual) ** 0.35, 0.6, 1.8))
