"""Assignments are the cheapest there are, by trying all of them."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from huozhong.apps.pen.assign import assign


def by_trying(costs: np.ndarray) -> tuple[int, float]:
    """The most pairs that can be made, and the least that as many cost."""
    rows, columns = costs.shape
    for many in range(min(rows, columns), 0, -1):
        sums = [
            sum(costs[row, column] for row, column in zip(chosen, order, strict=True))
            for chosen in combinations(range(rows), many)
            for order in permutations(range(columns), many)
        ]
        if np.isfinite(min(sums)):
            return many, float(min(sums))
    return 0, 0.0


@pytest.mark.parametrize("seed", range(60))
def test_as_many_pairs_as_can_be_and_the_cheapest(seed: int) -> None:
    random = np.random.default_rng(seed)
    costs = random.normal(0, 1, (int(random.integers(1, 6)), int(random.integers(1, 6))))
    costs[random.random(costs.shape) < (0, 0.3, 0.7)[seed % 3]] = np.inf
    pairs = assign(costs)
    many, least = by_trying(costs)
    assert len(pairs) == many
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == many
    assert sum(costs[pair] for pair in pairs) == pytest.approx(least)


def test_large_ones_are_no_dearer_than_any_swap_of_two() -> None:
    random = np.random.default_rng(1)
    costs = random.random((60, 80))
    pairs = dict(assign(costs))
    assert len(pairs) == 60
    for one in range(60):
        for other in range(one):
            kept = costs[one, pairs[one]] + costs[other, pairs[other]]
            assert kept <= costs[one, pairs[other]] + costs[other, pairs[one]] + 1e-9


def test_nothing_to_assign() -> None:
    assert assign(np.zeros((0, 3))) == []
    assert assign(np.full((2, 2), np.inf)) == []
    assert assign(np.full((2, 2), np.nan)) == []
