"""Tables whose truth is known: a village shop's till, and rows of which each one shows what matters in it."""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

KINDS = {
    "调料": ["酱油", "醋", "盐"],
    "零食": ["瓜子", "饼干", "糖果"],
    "农资": ["化肥", "种子", "地膜"],
}
TASTES = {"老人": "调料", "孩子": "零食", "中年": "农资"}


def till(days: int = 120) -> str:
    """What was bought, day by day: nine of ten times what somebody of that age likes."""
    chance = random.Random(3)
    people = [(f"{family}{n}", age) for family in "赵钱孙李" for n, age in zip("一二三", TASTES, strict=True)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["日期", "顾客", "年龄", "商品", "类别", "数量"])
    for day in range(days):
        for _ in range(12):
            name, age = chance.choice(people)
            kind = TASTES[age] if chance.random() < 0.9 else chance.choice([*KINDS])
            bought = (date(2025, 1, 1) + timedelta(day)).isoformat()
            writer.writerow([bought, name, age, chance.choice(KINDS[kind]), kind, chance.randint(1, 3)])
    return out.getvalue()


def switched(rows: int, seed: int, fields: int = 12, values: int = 6) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """ids and outcomes where the first field says which three of the others decide: what a gate should find."""
    chance = np.random.default_rng(seed)
    own = chance.integers(1, values, (rows, fields))
    own[:, 0] = chance.integers(1, 3, rows)
    weights = np.random.default_rng(7).normal(size=(fields, values)) * 1.6
    deciding = needed(own)
    logits = (np.take_along_axis(weights.T, own, 0) * deciding)[:, 1:].sum(1)
    outcome = (chance.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    return (own + np.arange(fields) * values).astype(np.int32), outcome


def needed(own: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[rows, fields]: which fields a row's outcome depends on."""
    found = np.zeros(own.shape, bool)
    found[:, 0] = True
    for switch in (1, 2):
        rows = own[:, 0] == switch
        found[np.ix_(rows, range(1 + 3 * (switch - 1), 4 + 3 * (switch - 1)))] = True
    return found
