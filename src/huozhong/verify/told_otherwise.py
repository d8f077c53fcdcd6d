"""Numbers told in ways that are neither a sum nor a riddle: 2的4次方, 256的平方根, 4 times itself, a dozen and four.

Beside `verify.told_sums` and `verify.told_riddles`; as there, every value that a piece can be meant to come to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from huozhong.verify import number_words
from huozhong.verify.told_sums import LARGEST, Operand, Sum

_IT = r"\s*(?:答案|结果|得数|这个数|那个数|它|□|[xX]|the answer|it|this number|the number)\s*"
_IS = r"\s*(?:是|等于|得|剩|[=＝]|is|equals|gives|makes|leaves)\s*"
_POWER = re.compile(r"\s*的\s*|\s*to the (?:power(?: of)?)?\s*", re.IGNORECASE)
_OVER = re.compile(r"\s*(?:out of|over|in every)\s*", re.IGNORECASE)
_SHORT_OF = re.compile(r"\s*(?:short of|shy of|away from)\s*", re.IGNORECASE)
_LESS_IT = re.compile(rf"\s*(?:减去?|减掉|-|minus|take away){_IT}{_IS}", re.IGNORECASE)
_OVER_IT = re.compile(rf"\s*(?:除以|÷|/|divided by){_IT}{_IS}", re.IGNORECASE)
_AND = re.compile(r"\s*(?:and|又)?\s*", re.IGNORECASE)
_THEN = re.compile(r"\s*[，,、]?\s*(?:再|然后|接着|跟着|后)\s*(?:写|填|跟|接)(?:上|着|个)?\s*")
_GET = re.compile(r"[^.。!！?？\d]{0,20}?\b(?:you get|you have|to get|it (?:is|makes|gives|becomes))\s*", re.IGNORECASE)
_ADD = re.compile(r"\b(?:add|put on|adding)\s*$", re.IGNORECASE)
_TAKE = re.compile(r"\b(?:take away|take|subtract|taking)\s*$", re.IGNORECASE)
_SMALLEST, _LARGEST = re.compile(r"最小\S{0,4}比\s*$"), re.compile(r"最大\S{0,4}比\s*$")
_TURNED = re.compile(
    r"(?:倒过来|反过来|颠倒|倒着)\S{0,4}?(?:是|成|为|得|写|读)\s*$|backwards? (?:it )?(?:is|reads)\s*$"
)
_ALONE = (
    (re.compile(r"\s*的?(?:算术)?平方根"), "root"),
    (
        re.compile(r"\s*(?:再)?乘(?:以|上)?\s*它?(?:自己|本身|自身)|\s*(?:times|multiplied by) itself", re.IGNORECASE),
        "self",
    ),
    (re.compile(r"\s*(?:with|and) an? (?:zero|nought|0)(?! point)", re.IGNORECASE), "zero"),
    (re.compile(r"\s*tens(?![A-Za-z])", re.IGNORECASE), "zero"),
)
_BINARY = re.compile(
    r"(?<!\d)([01]{2,20})\s*[(（]?(?:二进制|binary|in base (?:2|two))|二进制\D{0,6}?([01]{2,20})(?!\d)"
)
_CLOCKED = re.compile(r"(?<![\d.])(\d+)点(\d+)(?!\s*[\d分])")
_CUT = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,9}(?:[-·.*_][A-Za-z]{2,9})+(?![A-Za-z])")


def told_otherwise(text: str, operands: Sequence[Operand]) -> Iterator[Sum]:
    """Every number that a tidy text tells so; operands: its numbers, in order."""
    for one, other in pairwise(operands):
        yield from _of_two(text, one, other)
    for one in operands:
        yield from _alone(text, one)
    for found in _BINARY.finditer(text):
        yield Sum(found.start(), found.end(), Fraction(int(found[1] or found[2], 2)))
    for found in _CLOCKED.finditer(text):
        yield Sum(found.start(), found.end(), Fraction(f"{found[1]}.{found[2]}"))
    for found in _CUT.finditer(text):  # six-teen
        letters = re.sub("[^A-Za-z]", "", found[0])
        words = number_words.read(letters, 0) if number_words.START.match(letters) else None
        if words is not None and words.end == len(letters):
            yield Sum(found.start(), found.end(), words.value)


def _of_two(text: str, one: Operand, other: Operand) -> Iterator[Sum]:
    a, b, between = one.value, other.value, text[one.end : other.start]
    before = text[max(0, one.start - 16) : one.start]
    values: list[Fraction] = []
    if _POWER.fullmatch(between) and ("power" in between or re.match(r"\s*(?:次方|次幂|th)", text[other.end :])):
        values += [a**b.numerator] if b.denominator == 1 and 1 < b <= 20 and abs(a) <= 1000 else []
    if _OVER.fullmatch(between) and b:
        values.append(a / b)
    if _SHORT_OF.fullmatch(between) or _LESS_IT.fullmatch(between):
        values += [abs(b - a)]
    if _OVER_IT.fullmatch(between) and b:
        values.append(a / b)
    if between and _AND.fullmatch(between) and _is_large(text[one.start : one.end], b):
        values.append(a + b)
    if _THEN.fullmatch(between) and b < 10 and a.denominator == b.denominator == 1:
        values.append(Fraction(int(f"{abs(a)}{abs(b)}")))
    if _GET.fullmatch(between):
        values += [b - a] if _ADD.search(before) else [b + a] if _TAKE.search(before) else []
    yield from (Sum(one.start, other.end, value) for value in values if abs(value) <= LARGEST)


def _is_large(written: str, rest: Fraction) -> bool:
    """A dozen, 2 hundred: what may stand before a rest; or any number before a half."""
    return re.search(r"(?:dozen|hundred|thousand)$", written, re.IGNORECASE) is not None or 0 < rest < 1


def _alone(text: str, one: Operand) -> Iterator[Sum]:
    value = one.value
    before = text[max(0, one.start - 16) : one.start]
    if _SMALLEST.search(before) and re.match(r"\S?大", text[one.end :]):
        yield Sum(one.start, one.end, value + 1)
    if _LARGEST.search(before) and re.match(r"\S?小", text[one.end :]):
        yield Sum(one.start, one.end, value - 1)
    if value.denominator != 1 or not 0 <= value <= 10**12:
        return
    if _TURNED.search(before) and value > 9:
        yield Sum(one.start, one.end, Fraction(int(str(value)[::-1])))
    for pattern, what in _ALONE:
        if found := pattern.match(text, one.end):
            root = round(float(value) ** 0.5)
            if what == "root" and root * root != value:
                continue
            made = {"root": Fraction(root), "self": value * value, "zero": value * 10}[what]
            yield Sum(one.start, found.end(), made)
