"""Forecasts of the past know nothing of what came after; the mix is what its past has paid for."""

from __future__ import annotations

import numpy as np
from tests.apps.prices.made import weekly

from huozhong.apps.prices.backtest import backtest, bootstrap, forecast, know, origins_of
from huozhong.apps.prices.combine import PRIOR, pinball, weigh, widen, widened
from huozhong.apps.prices.judge import judge
from huozhong.apps.prices.members import MEMBERS, autoregression, spread_out
from huozhong.apps.prices.network import LEVELS, MIDDLE
from huozhong.apps.prices.peers import light_fans
from huozhong.apps.prices.table import read_prices


def test_what_came_later_changes_no_forecast_of_the_past() -> None:
    prices = read_prices(weekly())
    whole = backtest(know(prices), np.array([120, 150]))
    lines = weekly().splitlines()
    cut = read_prices("\n".join(lines[:122]))  # the header and 121 weeks
    here = forecast(know(cut))
    np.testing.assert_allclose(here.quantiles, whole.fans["ours"][0], rtol=1e-6)
    np.testing.assert_allclose(here.weights, whole.weights[0], rtol=1e-6)
    other = read_prices("\n".join([*lines[:122], *(line.replace(",1", ",2") for line in lines[122:])]))
    np.testing.assert_allclose(backtest(know(other), np.array([120])).fans["ours"][0], whole.fans["ours"][0], rtol=1e-6)


def test_peers_know_nothing_later_either() -> None:
    y = np.log(read_prices(weekly()).values)
    for name, fan in light_fans(y[:151], np.array([120, 150])).items():
        np.testing.assert_allclose(fan, light_fans(y, np.array([120, 150]))[name], rtol=1e-9)


def test_an_autoregression_is_found_again() -> None:
    random, r = np.random.default_rng(2), [0.0, 0.0]
    for _ in range(3000):
        r.append(0.5 * r[-1] + 0.2 * r[-2] + random.normal(0, 0.02))
    y = np.cumsum(r)
    middle, spread = autoregression(y)
    steps = [y[-1] - y[-2], y[-2] - y[-3]]
    assert middle[-1, 0] - y[-1] == np.float64(middle[-1, 0] - y[-1])
    np.testing.assert_allclose(middle[-1, 0] - y[-1], 0.5 * steps[0] + 0.2 * steps[1], atol=0.004)
    np.testing.assert_allclose(spread[-1, 0], 0.02, rtol=0.05)
    ahead = np.array([y[t + 8] for t in range(100, 2900)])
    inside = np.abs(ahead - middle[100:2900, 7]) < 1.2816 * spread[100:2900, 7]
    assert abs(inside.mean() - 0.8) < 0.04


def fans_of(came: np.ndarray, offsets: list[float]) -> np.ndarray:
    """Members that are off by so much, each with the same spread: [M, N, H, Q]."""
    return np.stack([spread_out(came + offset, np.full(came.shape, 0.02)) for offset in offsets])


def test_weights_go_where_the_past_was_right_and_stay_where_it_says_nothing() -> None:
    came = np.random.default_rng(4).normal(0, 0.02, (120, 8))
    fans = fans_of(np.zeros_like(came), [0.15, 0.0, 0.15, 0.15, 0.15])
    late = weigh(fans, came, np.arange(240, 0, -2.0))
    assert late[MEMBERS.index("arima")] > 0.8
    np.testing.assert_allclose(weigh(fans[:, :0], came[:0], np.zeros(0)), PRIOR)
    few = weigh(fans[:, :3], came[:3], np.array([6.0, 4.0, 2.0]))
    assert np.abs(few - PRIOR).sum() < np.abs(late - PRIOR).sum()


def test_where_naive_is_best_the_mix_is_not_much_worse() -> None:
    came = np.random.default_rng(4).normal(0, 0.02, (120, 8))
    fans = fans_of(np.zeros_like(came), [0.1, -0.1, 0.08, 0.2, 0.0])
    weights = weigh(fans, came, np.arange(240, 0, -2.0))
    mixed = pinball(np.tensordot(weights, fans, 1), came).mean()
    assert mixed < 1.02 * pinball(fans[-1], came).mean()


def test_a_band_that_was_too_narrow_is_widened_until_it_holds() -> None:
    came = np.random.default_rng(4).normal(0, 0.03, (150, 8))
    narrow = spread_out(np.zeros_like(came), np.full(came.shape, 0.02))
    by = widen(narrow, came, np.arange(300, 0, -2.0))
    assert 1.2 < by < 1.6
    wider = widened(narrow, by)
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    held = ((wider[..., low] < came) & (came < wider[..., high])).mean()
    assert 0.74 < held < 0.86
    np.testing.assert_allclose(wider[..., MIDDLE], narrow[..., MIDDLE])


def test_pinball_is_the_definition() -> None:
    quantiles, came = np.linspace(-1, 1, 11)[None], np.array([0.3])
    by_hand = np.mean([max(q * (0.3 - v), (q - 1) * (0.3 - v)) for q, v in zip(LEVELS, quantiles[0], strict=True)])
    np.testing.assert_allclose(pinball(quantiles, came)[0], 2 * by_hand)


def test_weeks_that_were_filled_in_are_neither_forecast_nor_judged() -> None:
    lines = weekly().splitlines()
    holes = read_prices("\n".join(line for place, line in enumerate(lines) if place not in (141, 142, 160)))
    known = know(holes)
    origins = origins_of(known, every=1)
    assert not set(origins) & {140, 141, 159}
    past = backtest(known, np.array([139]))
    assert np.isnan(past.came[0, :2]).all()
    assert np.isfinite(past.came[0, 2:]).all()


def test_the_interval_of_a_ratio_holds_it() -> None:
    random = np.random.default_rng(3)
    under = random.gamma(4, 1, 60)
    low, high = bootstrap(0.9 * under + random.normal(0, 0.2, 60), under, 6)
    assert low < 0.9 < high
    assert high - low < 0.2


def test_a_series_is_judged_in_all_its_parts() -> None:
    prices = read_prices(weekly())
    judged = judge(know(prices), "a", every=8, kilogram=prices.per_kilogram())
    assert [score.name for score in judged.members] == list(MEMBERS)
    assert {score.name for score in judged.peers} == {"Naive", "RWD", "ARIMA(2,1,0)", "Theta", "ETS", "ARIMA"}
    assert judged.peers[0].loss == min(score.loss for score in judged.peers)
    assert 0.5 < judged.covered <= 1
    assert judged.earned is not None
    assert judged.earned.rules[110] > 500
    assert all(low <= ratio <= high for ratio, low, high in (judged.earned.ratio, judged.earned.over_best))
