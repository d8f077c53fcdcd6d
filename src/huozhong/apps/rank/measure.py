"""How good an order is: the area under the curve, and whether one model's is really less than another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def auc(outcome: NDArray[np.floating], scores: NDArray[np.floating]) -> float:
    """The chance that a row that counts is scored above one that does not; ties count half."""
    _, ranks, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    good = outcome > 0.5
    n = int(good.sum())
    return float((middle[ranks[good]].sum() - n * (n + 1) / 2) / (n * (len(outcome) - n)))


@dataclass(frozen=True)
class Difference:
    """a's AUC less b's, and the bounds between which it lies in 95 of 100 draws of the rows."""

    mean: float
    low: float
    high: float


def difference(outcome: NDArray[np.floating], a: NDArray[np.floating], b: NDArray[np.floating]) -> Difference:
    """Paired, by DeLong, DeLong & Clarke-Pearson (1988): exact for the variance of such areas, without resampling."""
    good, bad = outcome > 0.5, outcome <= 0.5
    placements = [(_placed(s[good], s[bad]), 1 - _placed(s[bad], s[good])) for s in (a, b)]
    of_good = placements[0][0] - placements[1][0]
    of_bad = placements[0][1] - placements[1][1]
    mean = float(of_good.mean())
    spread = (of_good.var(ddof=1) / len(of_good) + of_bad.var(ddof=1) / len(of_bad)) ** 0.5
    return Difference(mean, mean - 1.96 * float(spread), mean + 1.96 * float(spread))


def _placed(scores: NDArray[np.floating], among: NDArray[np.floating]) -> Floats:
    """For each score the part of the others that lies below it; ties count half."""
    ordered = np.sort(among)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    placed: Floats = below / (2 * len(ordered))
    return placed
