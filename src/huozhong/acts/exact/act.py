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
from huozhong.verify import number_words, numerals

LONGEST = 400  # characters of a question that is one sum or one conversion
_ENDLESS = re.compile(r"\d[.．]\d+(?:…|\.{3})\s*[^\s？?。]")  # 0.33…和1/3: which number is meant is not written
MOST_HAN = 60  # of a question that is no story: none of the exam's has half as many
_HAN = re.compile("[\u4e00-\u9fff]")
_STORIES = (labels.CLOCK, labels.PAIR)  # 小明8:20出门，…, 鸡兔同笼
_WITHOUT_NUMBERS = (labels.CONVERT, labels.FORMULA, labels.CLOCK)  # 千克和克的进率, 三角形的面积公式, 闰年有几天
_NUMBER = re.compile(
    rf"[\d０-９半{numerals.CHARACTERS}]|[½¼¾⅓⅔①-⑩]|{number_words.START.pattern}", re.IGNORECASE
)  # what every other act begins with
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
    if label not in _STORIES and len(_HAN.findall(question)) > MOST_HAN:
        return None
    if label not in _WITHOUT_NUMBERS and not _NUMBER.search(question):
        return None
    return act(question)


def kinds_possible(question: str) -> list[str]:
    """The exact labels that are possible for a question."""
    return [label for label in labels.EXACT_ACTS if do(label, question) is not None]
