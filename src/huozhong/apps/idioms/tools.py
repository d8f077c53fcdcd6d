"""Idioms by table: whether four characters are one, and which begin with a character."""

from __future__ import annotations

from functools import cache
from typing import Any

from huozhong.acts.tables import idioms as known_idioms
from huozhong.skills.tools import Tool

MOST = 20


@cache
def _by_first() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for idiom in known_idioms():
        found.setdefault(idiom[0], []).append(idiom)
    return found


def idioms(text: str) -> dict[str, Any]:
    """known: whether the text is an idiom of the table.  meaning: its own.  next: some that begin with its end."""
    text = str(text).strip()
    return {
        "known": text in known_idioms(),
        "meaning": known_idioms().get(text, ""),
        "next": _by_first().get(text[-1:], [])[:MOST],
    }


TOOLS = {"idioms": Tool(idioms, "查成语", "look idioms up")}
