"""A made-up table of weekly prices for tests: momentum, a cycle, a year."""

from __future__ import annotations

import datetime

import numpy as np


def weekly(count: int = 200, seed: int = 5, first: datetime.date = datetime.date(2022, 1, 7)) -> str:
    """A CSV of so many weeks, yuan a kilogram."""
    random, moved, level, lines = np.random.default_rng(seed), 0.0, np.log(15.0), ["日期,生猪（元/公斤）"]
    for week in range(count):
        moved = 0.6 * moved + random.normal(0, 0.015) - 0.01 * (level - np.log(15.0))
        level += moved
        lines.append(f"{first + datetime.timedelta(weeks=week)},{np.exp(level):.2f}")
    return "\n".join(lines)
