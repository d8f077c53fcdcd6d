"""The network in NumPy says what torch's own LSTM says with the same weights."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import torch

from huozhong.apps.prices import network
from huozhong.apps.prices.features import FEATURES, HORIZON, look
from huozhong.apps.prices.network import HIDDEN, LEVELS, forecast_all, weights
from huozhong.apps.prices.seasons import calendar


def by_torch(x: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The reference: torch's LSTM, the head read off its definition."""
    lstm = torch.nn.LSTM(FEATURES, HIDDEN, num_layers=2, batch_first=True)
    named = {name.removeprefix("lstm_"): torch.tensor(w) for name, w in arrays.items() if "lstm" in name}
    lstm.load_state_dict(named)
    with torch.no_grad():
        told, _ = lstm(torch.tensor(x))
        raw = torch.cat([told, torch.tensor(x)], -1) @ torch.tensor(arrays["head_weight"]).T
        raw = (raw + torch.tensor(arrays["head_bias"])).unflatten(-1, (HORIZON, len(LEVELS)))
    middle = len(LEVELS) // 2
    found = torch.empty_like(raw)
    found[..., middle] = raw[..., middle]
    for away in range(1, middle + 1):
        softly = torch.nn.functional.softplus
        found[..., middle - away] = found[..., middle - away + 1] - softly(raw[..., middle - away])
        found[..., middle + away] = found[..., middle + away - 1] + softly(raw[..., middle + away])
    return found.numpy()


def test_numpy_and_torch_agree() -> None:
    x = np.random.default_rng(0).normal(0, 1, (3, 90, FEATURES)).astype(np.float32)
    for arrays in weights():
        np.testing.assert_allclose(network.network(x, arrays), by_torch(x, arrays), atol=2e-4)


def test_the_weights_are_small() -> None:
    file = Path(network.__file__).with_name("weights.npz")
    assert file.stat().st_size <= 300_000
    assert all(np.isfinite(array).all() for arrays in weights() for array in arrays.values())


def test_a_forecast_is_the_mean_of_the_networks() -> None:
    y = np.log(15) + np.cumsum(np.random.default_rng(2).normal(0, 0.02, (1, 90)), 1)
    moments = np.zeros((1, 90, 10))
    seen = look(y, moments)
    one_by_one = [network.network(seen.x.astype(np.float32), arrays) for arrays in weights()]
    assert len(one_by_one) >= 2
    spread = seen.scale[:, :, None, None] * np.sqrt(np.arange(1, HORIZON + 1))[:, None]
    expected = y[:, :, None, None] + np.stack(one_by_one).astype(np.float64).mean(0) * spread
    np.testing.assert_allclose(forecast_all(y, moments), expected, atol=1e-6)


def test_quantiles_are_in_order_and_of_the_price() -> None:
    y = np.log(15) + np.cumsum(np.random.default_rng(1).normal(0, 0.02, (2, 150)), 1)
    days = [datetime.date(2022, 1, 7) + datetime.timedelta(weeks=week) for week in range(150)]
    fan = forecast_all(y, np.broadcast_to(calendar(days), (2, 150, 10)))
    assert fan.shape == (2, 150, HORIZON, len(LEVELS))
    assert (np.diff(fan, axis=-1) > 0).all()
    assert np.abs(fan[:, -1] - y[:, -1:, None]).max() < 1.0
