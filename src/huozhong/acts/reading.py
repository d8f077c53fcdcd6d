"""A question as the model is shown it: without the result that it claims, and in one unit of each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from huozhong.acts.asked import is_follow_up
from huozhong.acts.claims import claim
from huozhong.acts.one_unit import OneUnit, in_one_unit, like_before
from huozhong.acts.told_times import lasting
from huozhong.text.language import is_english


@dataclass(frozen=True)
class Reading:
    """units: the problem in one unit, with what was converted; claimed: what it is said to come to, None for none."""

    units: OneUnit
    claimed: Fraction | None = None

    @property
    def text(self) -> str:
        """What the model is shown, and its letters are told of."""
        return self.units.text


_SPACE = re.compile(r"(?<=[^\x00-\x7f])[ \u3000\t]+(?=[^\x00-\x7f]|\d)|(?<=\d)[ \u3000\t]+(?=[^\x00-\x7f×÷])")
_SHORT = 4  # characters: what is shorter is no clause


def _without_spaces(text: str) -> str:
    """6箱 一共多少个 without its space; a space between two clauses is a comma that was not typed."""
    if is_english(text) or not _SPACE.search(text):
        return text
    first, *rest = _SPACE.split(text)
    for piece in rest:
        borders = first[-1:] in "，。；、：？！,;" or piece[:1] in "，。；、：？！,;"
        is_clause = min(len(re.split("[，。；、：？！,;]", first)[-1]), len(piece)) >= _SHORT
        first += ("，" if is_clause and not borders else "") + piece
    return first


@lru_cache(maxsize=256)
def read(question: str, before: str = "") -> Reading:
    """before: the question before this one, whose units a follow-up takes."""
    found = claim(question)
    problem = _without_spaces(found.problem if found is not None and found.problem else question)
    fact: tuple[str, ...] = ()
    if (lasted := lasting(problem)) is not None:
        problem, fact = lasted[0], (lasted[1],)
    units = in_one_unit(problem)
    if before and not units.facts and is_follow_up(problem):
        units = like_before(problem, before)
    if fact:
        units = replace(units, facts=(*fact, *units.facts))
    return Reading(units, found.value if found is not None and found.problem else None)


def shown(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A conversation with its questions as the model is shown them."""
    before, out = "", []
    for message in messages:
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            text = read(content, before).text
            before = content
            message = message if text == content else {**message, "content": text}
        out.append(message)
    return out
