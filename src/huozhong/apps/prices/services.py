"""POST /v1/forecast: the same answer for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huozhong.errors import SkillError
from huozhong.skills.trusted import Service

_PIG = ("weight", "feed_price", "gain", "eaten", "daily", "deaths", "transport")


def forecast(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """{"table": a CSV or a list of prices, ...} -> quantiles of eight weeks, and with a weight sell or wait."""
    from huozhong.apps.prices.asked import answer
    from huozhong.apps.prices.printed import forecast_json
    from huozhong.apps.prices.sell import Pig
    from huozhong.apps.prices.table import read_prices

    table = body.get("table")
    if not isinstance(table, str):
        raise SkillError("table 是一段文字：CSV，或者一列价格。", "'table' is a text: a CSV, or a list of prices.")
    texts = {key: body.get(key, "") for key in ("column", "only", "unit")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise SkillError(f"{key} 是一段文字。", f"'{key}' is a text.")
    pig = {key: _number(body, key) for key in _PIG if body.get(key) is not None}
    if pig and "weight" not in pig:
        raise SkillError("说了猪的事，就要写 weight（公斤）。", "With anything about a pig, give its 'weight' in kg.")
    days = body.get("days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int)):
        raise SkillError("days 是一个整数。", "'days' is a whole number.")
    prices = read_prices(table, column=texts["column"], only=texts["only"])
    return forecast_json(answer(prices, texts["unit"], Pig(**pig) if pig else None, days))


def _number(body: dict[str, Any], key: str) -> float:
    value = body[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SkillError(f"{key} 是一个数。", f"'{key}' is a number.")
    return float(value)


_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
SERVICES = {
    "forecast": Service(
        forecast,
        "Eight weeks of a price from its past, as quantiles; with a pig's weight, whether to sell it now or to wait.",
        {
            "table": {"type": "string", "description": "a CSV of dates and prices, or prices alone, one a week"},
            **dict.fromkeys(("column", "only", "unit"), _TEXT),
            **dict.fromkeys(_PIG, _NUMBER),
            "days": {"type": "integer", "minimum": 7, "maximum": 56},
        },
        ("table",),
    )
}
