from __future__ import annotations

import numpy as np
import pytest
import torch

from huozhong.apps.rank.logistic import fit_logistic, sigmoid
from huozhong.apps.rank.measure import auc, difference


def test_the_fit_is_the_least_point_of_its_penalised_loss() -> None:
    """torch's own L-BFGS is the oracle."""
    chance = np.random.default_rng(1)
    ids = (chance.integers(0, 5, (400, 3)) + np.array([0, 5, 10])).astype(np.int32)
    outcome = (chance.random(400) < sigmoid(chance.normal(size=15)[ids].sum(1))).astype(float)
    model = fit_logistic(ids, outcome, 15, ridge=2.0)
    weights = torch.zeros(16, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = weights[torch.from_numpy(ids.astype(np.int64))].sum(1) + weights[15]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(outcome), reduction="sum")
        loss = loss + weights[:15].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(model.weights, weights.detach().numpy()[:15], atol=5e-3)


def test_areas_and_their_differences() -> None:
    chance = np.random.default_rng(0)
    outcome = chance.integers(0, 2, 600).astype(float)
    a = outcome + chance.normal(size=600)
    b = np.round(outcome + 1.5 * chance.normal(size=600), 1)  # with ties
    good, bad = b[outcome == 1], b[outcome == 0]
    plain = np.mean((good[:, None] > bad) + 0.5 * (good[:, None] == bad))
    assert auc(outcome, b) == pytest.approx(plain)
    told = difference(outcome, a, b)
    assert told.mean == pytest.approx(auc(outcome, a) - auc(outcome, b))
    draws = []
    for _ in range(300):
        rows = chance.integers(0, 600, 600)
        draws.append(auc(outcome[rows], a[rows]) - auc(outcome[rows], b[rows]))
    assert (told.high - told.low) / 3.92 == pytest.approx(np.std(draws), rel=0.2)
