"""Prices that might come: paths of eight weeks that keep to a fan, and hang together as the series does.

P paths   H HORIZON   Q LEVELS
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.members import normal

Floats = NDArray[np.float64]

PATHS = 2000


def correlation(y_T: Floats) -> Floats:
    """[H, H]: how the price after so many weeks goes with that after so many others, by the series' own momentum."""
    r = np.diff(y_T[-260:])
    centred = r - r.mean() if len(r) else np.zeros(1)
    square = float(centred @ centred)
    lag = float(centred[1:] @ centred[:-1]) / square if square > 0 else 0.0
    # A few weeks say little about momentum; what they say is drawn towards none.
    phi = float(np.clip(lag * len(r) / (len(r) + 20), -0.3, 0.85))
    reach = np.cumsum(phi ** np.arange(HORIZON))
    effect = np.array([[reach[h - s] if s <= h else 0.0 for s in range(HORIZON)] for h in range(HORIZON)])
    covariance = effect @ effect.T
    spread = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / spread[:, None] / spread[None, :])


@cache
def _draws(paths: int, seed: int) -> Floats:
    """Standard normal draws in pairs of opposite sign: the mean of a few is exact."""
    half = np.random.default_rng(seed).standard_normal((paths // 2, HORIZON))
    return np.concatenate([half, -half])


def simulate(fan_HQ: Floats, y_T: Floats, paths: int = PATHS, seed: int = 0) -> Floats:
    """[P, H] prices: each week's spread is the fan's, and neighbouring weeks go together.

    fan: quantiles of the logarithm of the price; y: the logarithms so far.
    """
    z = _draws(paths, seed) @ np.linalg.cholesky(correlation(y_T) + 1e-9 * np.eye(HORIZON)).T
    found = np.empty_like(z)
    for h in range(HORIZON):
        found[:, h] = _of_normal(z[:, h], fan_HQ[h])
    return np.asarray(np.exp(found))


def _of_normal(z: Floats, quantiles: Floats) -> Floats:
    """The fan's value at a standard normal's; outside its last levels as steep as between the last two."""
    at = normal()
    inside = np.interp(z, at, quantiles)
    low = (quantiles[1] - quantiles[0]) / (at[1] - at[0])
    high = (quantiles[-1] - quantiles[-2]) / (at[-1] - at[-2])
    return np.asarray(inside + low * np.minimum(z - at[0], 0) + high * np.maximum(z - at[-1], 0))


def share_above(fan_Q: Floats, value: float) -> float:
    """How likely a week's logarithm of the price is above a value, by its quantiles."""
    at = normal()
    steps = np.maximum(np.diff(quantiles_in_order(fan_Q)), 1e-12)
    order = np.concatenate([[fan_Q[0]], fan_Q[0] + np.cumsum(steps)])
    if value < order[0]:
        z = at[0] + (value - order[0]) / steps[0] * (at[1] - at[0])
    elif value > order[-1]:
        z = at[-1] + (value - order[-1]) / steps[-1] * (at[-1] - at[-2])
    else:
        z = float(np.interp(value, order, at))
    return 1 - NormalDist().cdf(float(z))


def quantiles_in_order(fan_Q: Floats) -> Floats:
    """The same, where rounding has turned two neighbours round."""
    return np.maximum.accumulate(fan_Q)
