"""Rows of which it is known what matters in each: the truth that a gate should find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VALUES = 6  # of each field, 0 for what is missing


def switched(rows: int, seed: int, fields: int = 12) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """ids and outcomes where the first field says which three of the others decide: what a gate should find."""
    chance = np.random.default_rng(seed)
    own = chance.integers(1, VALUES, (rows, fields))
    own[:, 0] = chance.integers(1, 3, rows)
    weights = np.random.default_rng(7).normal(size=(fields, VALUES)) * 1.6
    deciding = needed(own)
    logits = (np.take_along_axis(weights.T, own, 0) * deciding)[:, 1:].sum(1)
    outcome = (chance.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    return (own + np.arange(fields) * VALUES).astype(np.int32), outcome


def needed(own: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[rows, fields]: which fields a row's outcome depends on."""
    found = np.zeros(own.shape, bool)
    found[:, 0] = True
    for switch in (1, 2):
        rows = own[:, 0] == switch
        found[np.ix_(rows, range(1 + 3 * (switch - 1), 4 + 3 * (switch - 1)))] = True
    return found
