"""What the network sees of a week is known in that week."""

from __future__ import annotations

import datetime

import numpy as np

from huozhong.apps.prices.features import FEATURES, look
from huozhong.apps.prices.seasons import calendar, festival_weeks


def walk(count: int, weeks: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(1).normal(0, 0.02, (count, weeks)), 1)


def weeks_from(day: datetime.date, count: int) -> list[datetime.date]:
    return [day + datetime.timedelta(weeks=week) for week in range(count)]


def test_no_number_changes_when_later_weeks_do() -> None:
    y = walk(3, 260)
    seasons = np.broadcast_to(calendar(weeks_from(datetime.date(2015, 1, 2), 260)), (3, 260, 10))
    before = look(y, seasons)
    for now in (1, 20, 60, 200):
        other = y.copy()
        other[:, now + 1 :] += np.random.default_rng(now).normal(0, 1, other[:, now + 1 :].shape)
        after = look(other, seasons)
        np.testing.assert_allclose(after.x[:, : now + 1], before.x[:, : now + 1], atol=1e-9)
        np.testing.assert_allclose(after.scale[:, : now + 1], before.scale[:, : now + 1])


def test_the_money_does_not_matter() -> None:
    y, nothing = walk(2, 120), np.zeros((2, 120, 10))
    np.testing.assert_allclose(look(y + 5.0, nothing).x, look(y, nothing).x, atol=1e-6)
    twice = look(2 * y, nothing)
    np.testing.assert_allclose(twice.scale[:, 40:], 2 * look(y, nothing).scale[:, 40:], rtol=1e-3)
    assert twice.x.shape == (2, 120, FEATURES)


def test_a_price_that_stands_still_gives_numbers() -> None:
    seen = look(np.zeros((1, 60)), np.zeros((1, 60, 10)))
    assert np.isfinite(seen.x).all()
    assert (seen.scale > 0).all()


def test_the_festival_is_where_it_was() -> None:
    days = [datetime.date(2024, 2, 10), datetime.date(2026, 2, 17), datetime.date(2020, 1, 18)]
    np.testing.assert_allclose(festival_weeks(days), [0.0, 0.0, -1.0])
