"""One forecast out of several: how much each member counts, and how wide the band is, as its own past says.

Weights minimise the loss that the mix would have had in the past, held back towards weights that stand for no
knowledge by a term that fades with the number of independent windows.  The naive forecast is a member, so the mix
leaves it only as far as the past has paid for it.

    N forecasts of the past   M members   H HORIZON   Q LEVELS
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.members import MEMBERS
from huozhong.apps.prices.network import LEVELS, MIDDLE

Floats = NDArray[np.float64]

# What members count where a series' own past says nothing.  On made-up series a network that counts 0.55 or 0.7
# loses the same to 0.1%; little hangs on it.
PRIOR = np.array([0.65, 0.15, 0.08, 0.04, 0.08])
APART = 4  # weeks between the past forecasts that are counted
_HOLD = 0.4  # how much the prior holds back, of the naive loss, at one window of eight weeks
_BAND_HOLD = 6.0  # the same for the width of the band
_LATE = 104.0  # half-life, in weeks, of what the past says
_ROUNDS = 50
_LOW, _HIGH = LEVELS.index(0.1), LEVELS.index(0.9)
assert len(PRIOR) == len(MEMBERS)


def pinball(quantiles: Floats, came: Floats) -> Floats:
    """Twice the pinball loss, mean over the levels: [..., Q] against [...].  In units of the logarithm."""
    off = came[..., None] - quantiles
    levels = np.array(LEVELS)
    return np.asarray(2 * np.maximum(levels * off, (levels - 1) * off).mean(-1))


def weigh(past_MNHQ: Floats, came_NH: Floats, age_N: Floats) -> Floats:
    """What each member counts: M numbers that add up to 1.

    past: members' forecasts; came: what came, NaN where nobody knows yet; age: weeks since each forecast.
    """
    known = np.isfinite(came_NH)
    late = 0.5 ** (age_N / _LATE)
    worth = known * late[:, None]
    windows = worth.sum() * APART / HORIZON**2  # forecasts of eight weeks that do not overlap
    if windows <= 0:
        return PRIOR
    came = np.where(known, came_NH, 0.0)
    usual = (worth * pinball(past_MNHQ[-1], came)).sum()  # the naive member's loss
    levels = np.array(LEVELS)
    scaled = worth[..., None] / max(usual, 1e-12) * (2 / len(LEVELS))
    weights, log_prior = PRIOR.copy(), np.log(PRIOR)
    hold = _HOLD / windows
    best, least = PRIOR, np.inf
    for turn in range(_ROUNDS):
        off = came[..., None] - np.tensordot(weights, past_MNHQ, 1)
        away = np.log(weights) - log_prior
        loss = float((np.maximum(levels * off, (levels - 1) * off) * scaled).sum() + hold * (weights @ away))
        if loss < least:
            best, least = weights, loss
        slope = np.where(off < 0, 1 - levels, -levels) * scaled
        gradient = (past_MNHQ * slope).sum((1, 2, 3)) + hold * away
        step = gradient - gradient @ weights
        # Shorter and shorter steps, none of which turns the weights over.
        step *= min(1.0, 1.5 / max(float(np.abs(step).max()), 1e-9)) / (1 + turn / 8)
        weights = np.maximum(weights * np.exp(-step), 1e-4)
        weights = weights / weights.sum()
    return best


def widen(past_NHQ: Floats, came_NH: Floats, age_N: Floats) -> float:
    """By what the band has to be wider, so that it would have held eight of ten in the past (1: it did)."""
    known = np.isfinite(came_NH)
    late = np.broadcast_to(0.5 ** (age_N / _LATE)[:, None], came_NH.shape)[known]
    if not known.any():
        return 1.0
    middle = past_NHQ[..., MIDDLE][known]
    off = came_NH[known] - middle
    side = np.where(off > 0, past_NHQ[..., _HIGH][known] - middle, middle - past_NHQ[..., _LOW][known])
    ratio = np.abs(off) / np.maximum(side, 1e-9)
    order = np.argsort(ratio)
    place = np.searchsorted(np.cumsum(late[order]), 0.8 * late.sum())
    needed = ratio[order][min(place, len(order) - 1)]
    windows = late.sum() * APART / HORIZON**2
    trust = windows / (windows + _BAND_HOLD)
    return float(np.exp(trust * np.log(np.clip(needed, 0.5, 2.0))))


def widened(quantiles: Floats, by: float) -> Floats:
    """The same middle, the rest further from it by a factor."""
    middle = quantiles[..., MIDDLE : MIDDLE + 1]
    return np.asarray(middle + by * (quantiles - middle))
