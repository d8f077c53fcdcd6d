"""Sell or wait, where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.members import spread_out
from huozhong.apps.prices.paths import correlation, share_above, simulate
from huozhong.apps.prices.sell import Pig, decide, what_if
from huozhong.errors import SkillError

STEPS = np.arange(1, HORIZON + 1)


def fan(drift: float = 0.0, spread: float = 0.03) -> np.ndarray:
    """Quantiles of a price of 15 yuan that is expected to move by `drift` a week."""
    return spread_out((np.log(15.0) + drift * STEPS)[None], (spread * np.sqrt(STEPS))[None])[0]


def history(momentum: float = 0.0) -> np.ndarray:
    random, steps = np.random.default_rng(3), [0.0]
    for _ in range(300):
        steps.append(momentum * steps[-1] + random.normal(0, 0.02))
    return np.cumsum(steps)


def test_paths_keep_to_the_fan_and_hang_together() -> None:
    paths = np.log(simulate(fan(0.01), history(0.6), paths=20_000))
    for level, place in ((0.1, 1), (0.5, 5), (0.9, 9)):
        np.testing.assert_allclose(np.quantile(paths, level, axis=0), fan(0.01)[:, place], atol=0.004)
    together, apart = np.corrcoef(paths.T)[6, 7], np.corrcoef(np.log(simulate(fan(), history(), paths=20_000)).T)[0, 7]
    assert together > 0.9
    assert apart == pytest.approx(np.sqrt(1 / 8), abs=0.12)
    assert correlation(np.zeros(3)).shape == (HORIZON, HORIZON)


def test_the_share_above_a_price_is_the_quantiles_own() -> None:
    one = fan()[3]
    for level, value in ((0.05, one[0]), (0.5, one[5]), (0.9, one[9])):
        assert share_above(one, value) == pytest.approx(1 - level, abs=1e-6)
    assert share_above(one, one[-1] + 1) < 0.001


def test_with_a_price_that_is_certain_the_best_week_is_found_by_trying_all() -> None:
    for drift in (-0.02, 0.0, 0.01, 0.03):
        price = 15.0 * np.exp(drift * STEPS)
        paths = np.repeat(price[None], 400, 0) * np.exp(np.random.default_rng(0).normal(0, 1e-6, (400, HORIZON)))
        pig = Pig(100.0, deaths=2.0)
        found = decide(pig, 15.0, paths)
        weights, cost = pig.weights(HORIZON), pig.keeping(HORIZON)
        worths = [float(pig.worth(15.0, 100.0))]
        spent, alive = 0.0, 1.0
        for week in range(1, HORIZON + 1):
            spent += alive * cost[week - 1]
            alive *= pig.alive
            if weights[week] <= pig.most:
                worths.append(alive * float(pig.worth(price[week - 1], weights[week])) - spent)
        assert max(worths[1:]) == pytest.approx(found.waiting, rel=1e-3)
        assert found.sell == (worths[0] >= max(worths[1:]))


def test_waiting_may_be_worth_more_than_any_fixed_week() -> None:
    found = decide(Pig(100.0), 15.0, simulate(fan(0.0, 0.05), history()))
    assert found.waiting > found.by_week[1:].max()


def test_what_is_dearer_or_riskier_makes_waiting_worth_less() -> None:
    paths = simulate(fan(), history())
    gain = decide(Pig(105.0), 15.0, paths).gain
    others = {english: decide(pig, 15.0, paths).gain for _, english, pig in what_if(Pig(105.0))}
    assert others["feed 10% dearer"] < gain < others["feed 10% cheaper"]
    assert others["disease near by (5% die a month)"] < gain
    lighter = next(value for english, value in others.items() if "lighter" in english)
    assert lighter > gain


def test_a_pig_that_is_too_heavy_is_sold() -> None:
    assert decide(Pig(160.0), 15.0, simulate(fan(), history())).sell


def test_own_growth_and_appetite_are_taken() -> None:
    pig = Pig(110.0, gain=0.7, eaten=3.5)
    assert pig.weights(1)[1] == pytest.approx(110 + 7 * 0.7, abs=0.1)
    assert pig.keeping(1)[0] == pytest.approx(7 * (3.5 * 3.4 + 1.5), rel=0.02)


@pytest.mark.parametrize(("field", "value"), [("weight", 5.0), ("feed_price", 340.0), ("deaths", -1.0), ("gain", 9.0)])
def test_what_no_pig_is_is_refused(field: str, value: float) -> None:
    with pytest.raises(SkillError, match="is between") as told:
        Pig(**({"weight": 110.0} | {field: value}))
    assert "之间" in told.value.chinese
