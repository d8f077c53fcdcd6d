"""What the model writes for a problem in words: the numbers of its question and, in their letters, what to do."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from string import ascii_lowercase

from normal import normal_form

from huozhong.acts.solve import Node, Operation, Unsolvable, leaves, write
from huozhong.verify.numbers import Number, first_line, mentions, told

# What a plan may hold without being told: counts of everyday life, units, a circle's π.
_KNOWN = {
    Fraction(text)
    for text in "1 2 3 4 5 6 7 8 9 10 12 15 20 24 25 30 31 50 60 90 100 180 360 365 366 1000 3600 10000 100000 1000000 3.14 0.5 0.1 0.01 1/2 1/3 1/4".split()
}


def plan_of(questions: str | list[str], equation: Node) -> tuple[str, str] | None:
    """The first line and the plan; None where the plan needs a number that the questions do not tell.

    questions: the one that is asked, or the one before and the one that is asked.
    """
    texts = [questions] if isinstance(questions, str) else questions
    numbers = list(dict.fromkeys(number for text in texts for number in told(text)))
    if not numbers or len(numbers) > 20:
        return None
    letters = {(number.value, number.style): letter for number, letter in zip(numbers, ascii_lowercase, strict=False)}
    by_value: dict[Fraction, str] = {}
    for number, letter in zip(numbers, ascii_lowercase, strict=False):
        by_value.setdefault(number.value, letter)
    names: dict[Number, str] = {}
    for leaf in leaves(equation):
        letter = letters.get((leaf.value, leaf.style))
        if letter is None and leaf.value not in _KNOWN:
            letter = by_value.get(leaf.value)
            if letter is None:
                return None
        if letter is not None:
            names[leaf] = letter
    places = {leaf: ord(letter) for leaf, letter in names.items()}
    try:
        return first_line(numbers), write(normal_form(equation, places.get), names)
    except Unsolvable:
        return None


def uses_letter(plan: str) -> bool:
    return bool(re.search("[a-z]", plan))


# -- numbers as people write them -------------------------------------------------------------------------

_DIGITS = "零一二三四五六七八九"
_MEASURE = re.compile(
    "[个只本张支条根块辆台棵件套双把间位瓶杯盒箱袋包桶筐篮盘碗份朵页行排次颗道段门岁天元角米千厘分小升人名头匹艘层圈队组倍]"
)
_FULL = str.maketrans("0123456789%", "０１２３４５６７８９％")


def in_chinese(value: int) -> str:
    """Below ten thousand: 二十三, 一百零五, 三千二百."""
    if value < 20:
        return _DIGITS[value] if value < 10 else "十" + (_DIGITS[value - 10] if value > 10 else "")
    text, zero = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, size)
        if digit:
            text += ("零" if zero else "") + _DIGITS[digit] + name
            zero = False
        elif text and value:
            zero = True
    return text


def _spoken(text: str, number_text: str, number_value: Fraction, style: str, after: str, rng: random.Random) -> str:
    if style == "percent" and (number_value * 100).denominator == 1:
        return rng.choice(
            (
                "百分之" + in_chinese(int(number_value * 100)),
                number_text.translate(_FULL),
                f"百分之{int(number_value * 100)}",
            )
        )
    if style == "fraction" and number_value < 1 and number_value.denominator < 100:
        top, bottom = number_value.numerator, number_value.denominator
        return rng.choice((f"{in_chinese(bottom)}分之{in_chinese(top)}", f"{top}/{bottom}", f"{bottom}分之{top}"))
    if style == "decimal" and number_value.denominator == 1 and number_value < 10_000 and _MEASURE.match(after):
        value = int(number_value)
        word = "两" if value == 2 else in_chinese(value) if value <= 100 or rng.random() < 0.3 else number_text
        return word if rng.random() < 0.75 else number_text.translate(_FULL)
    return number_text


def spoken(question: str, rng: random.Random, share: float = 0.6) -> str:
    """The question with some numbers in words or full-width; as it was where that tells other numbers."""
    said, at = [], 0
    found = mentions(question)
    for one in found:
        written = question[one.start : one.end]
        new = written
        if rng.random() < share and written[0] in "0123456789(":
            new = _spoken(question, written, one.number.value, one.number.style, question[one.end : one.end + 1], rng)
        said += [question[at : one.start], new]
        at = one.end
    changed = "".join([*said, question[at:]])
    return changed if told(changed) == told(question) else question


def operation(op: str, left: Node, right: Node) -> Node:
    return Operation(op, left, right)
