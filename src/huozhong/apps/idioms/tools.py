"""Idioms by table: whether four characters are one, and which begin with a character."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from huozhong.acts.tables import idioms as known_idioms
from huozhong.skills.tools import Tool
from huozhong.verify.distress.normal import simplified

MOST = 20


@cache
def _by_first() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for idiom in known_idioms():
        found.setdefault(idiom[0], []).append(idiom)
    return found


def idioms(text: str) -> dict[str, Any]:
    """idiom: the text as the table writes it, simplified and without signs.  known: whether it is in the table.

    meaning: its own.  next: some that begin with its end.
    """
    text = re.sub(r"\W", "", str(text)).translate(simplified())
    return {
        "idiom": text,
        "known": text in known_idioms(),
        "meaning": known_idioms().get(text, ""),
        "next": _by_first().get(text[-1:], [])[:MOST],
    }


TOOLS = {"idioms": Tool(idioms, "查成语", "look idioms up")}
