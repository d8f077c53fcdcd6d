from __future__ import annotations

import numpy as np

from huozhong.apps.rank.history import PRIOR, history, history_now


def test_nothing_of_a_row_or_a_later_one_is_said_of_it() -> None:
    """Against the plainest way to count it, row by row; and changing the last rows changes nothing before them."""
    chance = np.random.default_rng(0)
    keys = [str(n) for n in chance.integers(0, 5, 60)]
    outcome, counted = chance.integers(0, 2, 60).astype(float), (chance.random(60) < 0.7).astype(float)
    moment = np.sort(chance.random(60)) * 1e7 + 1.7e9
    told, totals = history(keys, outcome, moment, counted)
    for row in range(60):
        earlier = [n for n in range(row) if keys[n] == keys[row] and counted[n]]
        before = [n for n in range(row) if counted[n]]
        average = (sum(outcome[n] for n in before) + PRIOR * 0.5) / (len(before) + PRIOR)
        assert told["count"][row] == len(earlier)
        mean = (sum(outcome[n] for n in earlier) + PRIOR * average) / (len(earlier) + PRIOR)
        assert abs(told["mean"][row] - mean) < 1e-9
        since = (moment[row] - moment[earlier[-1]]) / 86_400 if earlier else np.nan
        np.testing.assert_allclose(told["days since"][row], since)
    changed = np.r_[outcome[:-5], 1 - outcome[-5:]]
    again, _ = history(keys, changed, moment, counted)
    for name in told:
        np.testing.assert_array_equal(told[name][:-5], again[name][:-5])
    now = history_now(["3", "never"], totals, np.array([moment[-1], moment[-1]]))
    assert now["count"][1] == 0
    assert now["count"][0] == sum(c for key, c in zip(keys, counted, strict=True) if key == "3")
    assert np.isnan(now["days since"][1])
