"""A village shop's till, of which it is known who likes what."""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta

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
