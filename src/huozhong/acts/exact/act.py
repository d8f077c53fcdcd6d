"""The exact acts by their labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from huozhong.acts import labels
from huozhong.acts.exact import (
    average,
    calculate,
    calendar,
    check,
    clock,
    compare,
    convert,
    equation,
    factors,
    formula,
    pair,
    rate,
    rewrite,
)
from huozhong.acts.exact.done import Done

LONGEST = 400  # characters of a question that is one sum or one conversion
_ENDLESS = re.compile(r"\d[.．]\d+(?:…|\.{3})\s*[^\s？?。]")  # 0.33…和1/3: which number is meant is not written
_ACTS: Mapping[str, Callable[[str], Done | None]] = {
    labels.CALCULATE: calculate.done,
    labels.CONVERT: convert.done,
    labels.COMPARE: compare.done,
    labels.REWRITE: rewrite.done,
    labels.EQUATION: equation.done,
    labels.FACTORS: factors.done,
    labels.AVERAGE: average.done,
    labels.FORMULA: formula.done,
    labels.CHECK: check.done,
    labels.PAIR: pair.done,
    labels.RATE: rate.done,
    labels.CLOCK: lambda question: clock.done(question) or calendar.done(question),
}


def do(label: str, question: str) -> Done | None:
    """What `label` says is to be done with the question; None when the question is not unmistakably of that kind."""
    act = _ACTS.get(label)
    if act is None or len(question) > LONGEST or _ENDLESS.search(question):
        return None
    return act(question)


def kinds_possible(question: str) -> list[str]:
    """The exact labels that are possible for a question."""
    return [label for label in labels.EXACT_ACTS if do(label, question) is not None]
