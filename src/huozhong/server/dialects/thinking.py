"""Whether it is thought before an answer, and for how long: every dialect's words for that, read alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from huozhong.errors import RequestError

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
# Tokens of a thought; the levels above are as long as the model likes.
_TOKENS = {"low": 512, "medium": 2048}


def effort_thinks(effort: Effort) -> bool:
    return effort not in ("none", "minimal")


def effort_tokens(effort: Effort | None, max_tokens: int | None) -> int | None:
    """How many tokens a thought of that effort has at most: no more than half of all, so that an answer begins."""
    limit = _TOKENS.get(effort or "")
    return limit if limit is None or max_tokens is None or max_tokens < 1 else min(limit, max_tokens // 2)


def one_switch(given: Mapping[str, bool | None], effort: Effort | None, effort_name: str) -> bool | None:
    """What the fields say that turn thinking on and off; None where all are silent.  Raises where two differ."""
    said = {name: value for name, value in given.items() if value is not None}
    if effort is not None and (effort == "none" or not said):
        said[effort_name] = effort_thinks(effort)
    if len(set(said.values())) > 1:
        first, second = list(said)[:1] + [name for name in said if said[name] != next(iter(said.values()))][:1]
        raise RequestError(f"'{first}' and '{second}' contradict each other; give one of them.", param=second)
    return next(iter(said.values()), None)


def one_budget(given: Mapping[str, int | None]) -> int | None:
    """What the fields say that limit a thought; None or -1 is no limit.  Raises where two differ."""
    said = {name: value for name, value in given.items() if value is not None}
    if len(set(said.values())) > 1:
        first, second = list(said)[:2]
        raise RequestError(f"'{first}' and '{second}' differ; they mean the same: give one.", param=second)
    for name, value in said.items():
        if value < -1:
            raise RequestError(f"'{name}' is {value}; it must be a number of tokens, or -1 for no limit.", param=name)
    budget = next(iter(said.values()), None)
    return None if budget == -1 else budget
