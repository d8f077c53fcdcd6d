"""The lowest rung: logistic regression over the fields' values, one weight each.

Fitted by L-BFGS (Liu & Nocedal 1989) on the whole table with a ridge penalty; a row is a sum of as many weights as
there are fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.fields import Ids

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Logistic:
    """weights: one for every value of every field; bias."""

    weights: Floats32
    bias: float
    num_fields: int

    def scores(self, ids: Ids) -> Floats32:
        """The log-odds of every row."""
        summed: Floats32 = self.weights[ids].sum(axis=1, dtype=np.float32) + np.float32(self.bias)
        return summed

    @property
    def multiply_adds(self) -> int:
        """Additions that a row takes: unlike the others it has nothing to multiply."""
        return self.num_fields

    def parts(self, ids: Ids) -> Floats32:
        """[rows, fields]: what every field adds to a row's log-odds."""
        return self.weights[ids]


def fit_logistic(ids: Ids, outcome: Floats, num_values: int, ridge: float, steps: int = 100) -> Logistic:
    """Fit weights to outcomes of 0 and 1; ridge: the penalty on a squared weight, in rows."""
    flat = ids.ravel()
    fields = ids.shape[1]

    def loss(point: Floats) -> tuple[float, Floats]:
        logits = point[:-1][ids].sum(axis=1) + point[-1]
        chance = sigmoid(logits)
        errors = chance - outcome
        value = float(np.logaddexp(0, logits).sum() - (outcome * logits).sum() + ridge / 2 * (point[:-1] ** 2).sum())
        slope = np.bincount(flat, weights=np.repeat(errors, fields), minlength=num_values)
        return value, np.r_[slope + ridge * point[:-1], errors.sum()]

    start = np.zeros(num_values + 1)
    average = min(max(outcome.mean(), 1e-6), 1 - 1e-6)
    start[-1] = np.log(average / (1 - average))
    found = lbfgs(loss, start, steps)
    return Logistic(found[:-1].astype(np.float32), float(found[-1]), fields)


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Chances of log-odds, without overflow."""
    chances: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return chances


def lbfgs(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, steps: int, memory: int = 8) -> Floats:
    """The least point of a smooth convex function that gives its value and slope, from `start`."""
    point, (value, slope) = start, loss(start)
    moves: list[tuple[Floats, Floats, float]] = []
    for _ in range(steps):
        direction = -_scaled(slope, moves)
        steep = float(slope @ direction)
        size = 1.0 if moves else min(1.0, 1 / np.abs(slope).max())
        for _ in range(30):
            nearer, (less, turned) = (beyond := point + size * direction), loss(beyond)
            if less <= value + 1e-4 * size * steep:
                break
            size /= 2
        else:
            return point
        step, change = nearer - point, turned - slope
        if (curve := float(step @ change)) > 1e-12:
            moves = [*moves[1 - memory :], (step, change, 1 / curve)]
        done = value - less < 1e-7 * abs(value)
        point, value, slope = nearer, less, turned
        if done:
            break
    return point


def _scaled(slope: Floats, moves: list[tuple[Floats, Floats, float]]) -> Floats:
    """The inverse Hessian's estimate, applied: the two loops of L-BFGS."""
    scaled, alphas = slope.copy(), []
    for step, change, inverse in reversed(moves):
        alphas.append(alpha := inverse * float(step @ scaled))
        scaled -= alpha * change
    if moves:
        step, change, inverse = moves[-1]
        scaled /= inverse * float(change @ change)
    for (step, change, inverse), alpha in zip(moves, reversed(alphas), strict=True):
        scaled += (alpha - inverse * float(change @ scaled)) * step
    return scaled
