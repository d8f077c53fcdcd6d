"""Made-up prices: every habit is in them, the same seed makes the same; and what is trained is what runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recipes.prices import train as trainer
from recipes.prices.generators import make
from recipes.prices.train import Network, batch_of, pinball, train, trained, write

from huozhong.apps.prices import network
from huozhong.apps.prices.features import FEATURES, HORIZON


def test_the_same_seed_makes_the_same_series_and_another_one_others() -> None:
    one, again, other = (make(np.random.default_rng(seed), 20, 150) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.y, again.y)
    assert not np.allclose(one.y, other.y)
    assert one.y.shape == (20, 150)
    assert np.isfinite(one.y).all()


def test_momentum_still_prices_fat_tails_and_missing_dates_are_all_there() -> None:
    made = make(np.random.default_rng(3), 300, 300)
    r = np.diff(made.y, axis=1)
    r = r - r.mean(1, keepdims=True)
    momentum = (r[:, 1:] * r[:, :-1]).sum(1) / (r**2).sum(1)
    assert np.quantile(momentum, 0.1) < 0.0 < 0.5 < np.quantile(momentum, 0.8)
    tails = (r**4).mean(1) / (r**2).mean(1) ** 2
    assert np.quantile(tails, 0.05) < 4 < 6 < np.quantile(tails, 0.9)
    still = (np.diff(made.y, axis=1) == 0).mean(1)
    assert 0.02 < (still > 0.1).mean() < 0.5
    undated = ~made.calendar.any((1, 2))
    assert 0.05 < undated.mean() < 0.3


def loss(made: Network, x: torch.Tensor, came: torch.Tensor) -> float:
    with torch.no_grad():
        return float(pinball(made(x), came))


def test_a_short_training_learns_goes_on_and_is_run_by_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WEEKS": 60, "BATCH": 8, "FRESH": 16, "HELD_OUT": 4}.items():
        monkeypatch.setattr(trainer, name, value)
    x, came = batch_of(np.random.default_rng(9), 16)
    torch.manual_seed(1)
    before = loss(Network(), x, came)
    made = train(tmp_path, 6, 5.0, 1, False)
    assert loss(made, x, came) < before
    assert torch.load(tmp_path / "state.pt", weights_only=True)["done"] == 6
    again = train(tmp_path, 6, 5.0, 1, False)  # nothing is left to be done
    for name, value in made.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
        torch.testing.assert_close(trained(tmp_path).state_dict()[name], value)
    write([Network(), made], tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        arrays = {name: file[name][1].astype(np.float32) for name in file.files}
    some = np.random.default_rng(0).normal(0, 1, (2, 30, FEATURES)).astype(np.float32)
    with torch.no_grad():
        expected = made(torch.tensor(some)).numpy()
    found = network.network(some, arrays)
    assert found.shape == (2, 30, HORIZON, 11)
    np.testing.assert_allclose(found, expected, atol=0.02)  # 16 bits a weight
