"""What the app `prices` asks for: a forecast and an answer to "sell or wait", as Markdown."""

from __future__ import annotations

import datetime
import re
from typing import Any

from huozhong.apps.prices import words
from huozhong.apps.prices.asked import Answer, answer, kilograms_of
from huozhong.apps.prices.cells import read_number
from huozhong.apps.prices.sell import Pig
from huozhong.apps.prices.table import read_prices
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool

_KEPT_WEEKS = 600
_PIG = ("weight", "feed_price", "gain", "deaths", "transport")


def prices_outlook(text: str, asked: dict[str, Any], kept: str = "") -> dict[str, str]:
    """A table of prices, or the newest price alone where a table was kept -> {"answer", "table" to be kept}.

    asked: unit, only, language ("zh" or "en"), and of a pig weight, feed_price, gain, deaths, transport, days; each may
    be left out.
    """
    language = "en" if asked.get("language") == "en" else "zh"
    only = str(asked.get("only") or "")
    unit = str(asked.get("unit") or "")
    prices = _read(_with_newest(str(text or ""), kept), only)
    given = {key: float(asked[key]) for key in _PIG if asked.get(key) is not None}
    pig = Pig(**given) if "weight" in given else None
    days = None if asked.get("days") is None else int(asked["days"])
    found = answer(prices, unit, pig, days)
    table = "\n".join(
        f"{date},{value:.4f}" for date, value in list(zip(prices.dates, prices.values, strict=True))[-_KEPT_WEEKS:]
    )
    head = f"date,price {words.unit_of(prices.unit or kilograms_of(unit)).zh}\n"
    return {"answer": markdown(found, language), "table": head + table if prices.dated else ""}


def markdown(found: Answer, language: str) -> str:
    """The advice, the picture, the chances, what would change them, and how far that can be trusted."""
    zh = language == "zh"
    parts = []
    if found.decision is not None:
        parts.append(words.advice(found.decision).in_language(language))
    chart = words.chart_of(found.prices, found.fan, found.kilograms, language)
    parts.append(f"```fan\n{chart.text()}\n```")
    parts.append(
        "深色带：十次里有四次在里面；整个扇面：十次里有八次。"
        if zh
        else "Dark band: four times in ten inside; the whole fan: eight times in ten."
    )
    parts.append(words.outlook(found.prices, found.fan, found.kilograms).in_language(language))
    if found.decision is not None:
        parts.append("**要是……**" if zh else "**What if ...**")
        others = (_other(chinese if zh else english, one.gain, zh) for chinese, english, one in found.others)
        parts.append("\n".join(others))
    if found.prices.notes:
        parts.append("\n".join("- " + (note[0] if zh else note[1]) for note in found.prices.notes))
    parts.append(words.DISCLAIMER.in_language(language))
    return "\n\n".join(parts)


def _other(name: str, gain: float, zh: bool) -> str:
    if gain > 0:
        return f"- {name}：等，平均每头多 {gain:.0f} 元" if zh else f"- {name}: wait, {gain:.0f} yuan a head more"
    return f"- {name}：卖，等会少 {-gain:.0f} 元" if zh else f"- {name}: sell, waiting loses {-gain:.0f} yuan"


def _with_newest(text: str, kept: str) -> str:
    """What was kept, with this week's price after it, where no more than a few prices were filled in."""
    text = text.strip()
    if not kept:
        return text
    if not text:
        return kept
    numbers = [read_number(word) for word in re.split(r"[\s,，、;；]+", text) if word]
    if len(numbers) != 1 or numbers[0] is None:
        return text
    lines = kept.splitlines()
    today = datetime.date.today()
    last = datetime.date.fromisoformat(lines[-1].partition(",")[0])
    if (today - last).days < 4:  # this week's, put right
        lines.pop()
    return "\n".join([*lines, f"{today},{numbers[0]}"])


def _read(text: str, only: str) -> Any:
    """The table; `only` may be the name of a column or of a place in it."""
    if not only:
        return read_prices(text)
    try:
        return read_prices(text, column=only)
    except SkillError as no_column:
        try:
            return read_prices(text, only=only)
        except SkillError as no_place:
            raise (no_place if "several" in str(no_column) else no_column) from None


TOOLS = {"prices_outlook": Tool(prices_outlook, "按过去的价格算以后八周", "compute eight weeks of prices")}
