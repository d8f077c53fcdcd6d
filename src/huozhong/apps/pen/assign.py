"""Who is who at the lowest cost: the Hungarian method, by shortest augmenting paths (Jonker and Volgenant 1987)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(costs: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Pairs (row, column), each row and column once at most: as many as can be paired at a finite cost, and of those
    ways the cheapest.

    costs: [rows, columns]; inf (or NaN) where a pair is out of the question.
    """
    costs = np.asarray(costs, np.float64)
    if costs.ndim != 2 or 0 in costs.shape:
        return []
    if costs.shape[0] > costs.shape[1]:
        return sorted((row, column) for column, row in assign(costs.T))
    finite = np.isfinite(costs)
    if not finite.any():
        return []
    shifted = costs - costs[finite].min()
    # dearer than all that could be saved elsewhere, so that no finite pair is given up for the sake of others
    never = 2.0 * (float(shifted[finite].max()) + 1.0) * (min(costs.shape) + 1)
    columns = _columns(np.where(finite, shifted, never))
    return [(row, int(column)) for row, column in enumerate(columns) if finite[row, column]]


def _columns(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The column of each row, rows no more than columns, all costs finite."""
    rows, many = costs.shape
    u, v = np.zeros(rows + 1), np.zeros(many + 1)
    owner, way = np.full(many + 1, rows), np.full(many + 1, many)  # column `many` and row `rows` stand for nobody
    for row in range(rows):
        owner[many] = row
        here = many
        best, used = np.full(many + 1, np.inf), np.zeros(many + 1, bool)
        while owner[here] != rows:
            used[here] = True
            now = owner[here]
            reduced = costs[now] - u[now] - v[:many]
            better = ~used[:many] & (reduced < best[:many])
            best[:many][better] = reduced[better]
            way[:many][better] = here
            free = np.where(used[:many], np.inf, best[:many])
            there = int(np.argmin(free))
            step = free[there]
            u[owner[used]] += step
            v[used] -= step
            best[:many][~used[:many]] -= step
            here = there
        while here != many:
            before = way[here]
            owner[here] = owner[before]
            here = before
    found = np.full(rows, -1)
    for column in range(many):
        if owner[column] != rows:
            found[owner[column]] = column
    return found
