"""A number told by what becomes of it: 乘10是160, □+4=20, 减1的一半是7, 比15大比17小, 把61倒过来.

Beside `verify.told_sums`, which reads what two told numbers come to: here the number itself is not there, and is found
by going backwards from the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from huozhong.verify.told_sums import LARGEST, Operand, Sum

_ROOM = 2  # whole numbers between two bounds that still say which

_IS = re.compile(
    r"\s*(?:\S{0,3}?)(?:[，,]?\s*(?:就|正好|刚好|恰好|结果|最后)?\s*(?:是|等于|等於|得到?|为|有|成|变成|＝|=)|\s+(?:is|equals|gives|makes))\s*",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"(?:(?P<add>加上?|\+|plus)|(?P<take>减去?|-|minus)|(?P<times>乘以?|×|\*|times|multiplied by)"
    r"|(?P<over>除以|÷|/|divided by))"
    r"\s*(?:以|上|去)?\s*$",
    re.IGNORECASE,
)
_HALF = re.compile(r"\s*(?:的|再|之后|以后)*\s*(?P<what>一半|两倍|2倍)")


def riddles(text: str, operands: Sequence[Operand]) -> Iterator[Sum]:
    """Every number that a tidy text tells by what becomes of it; operands: its numbers, in order."""
    operands = [one for one in operands if not re.match("一?半", text[one.start : one.start + 2])]
    for one, other in pairwise(operands):
        yield from _backwards(text, one, other)
        yield from _bounds(text, one, other)
    yield from _many_joined(text, operands)
    digits = [one for one in operands if text[one.start : one.end] != "一"]  # 第一个数字, 最后一个
    for one, other in pairwise(digits):
        if _LAST.search(text, one.end, other.start) or _TOGETHER.match(text, other.end):
            yield from _joined(text, one, other)
    for one in operands:
        yield from _reversed(text, one)
        yield from _coefficient(text, one)


def _backwards(text: str, one: Operand, other: Operand) -> Iterator[Sum]:
    """乘10是160, 加4的一半是10: from the result to what was begun with."""
    start = max(0, one.start - 14)
    done = _DONE.search(text[start : one.start])
    if done is None:
        return
    value, at = other.value, one.end
    if half := _HALF.match(text, at):
        value, at = (value * 2 if half["what"] == "一半" else value / 2), half.end()
    if _IS.fullmatch(text, at, other.start) is None:
        return
    begun = {
        "add": value - one.value, "take": value + one.value, "over": value * one.value,
        "times": value / one.value if one.value else None,
    }[str(done.lastgroup)]  # fmt: skip
    if begun is not None and abs(begun) <= LARGEST and not re.search(r"\d\s*$", text[: start + done.start()]):
        yield Sum(start + done.start(), other.end, begun)


_BOUNDS = re.compile(
    r"\s*(?:个|元|米)?\s*(?:(?P<above>以上|大|多)\s*[，,、]?\s*(?:又|也|但|还|而)?\s*(?:比)\s*|[<＜]\s*[^<＜\d]{0,4}\s*[<＜]\s*"
    r"|(?P<below>小|少)\s*[，,、]?\s*(?:又|也|但|还|而)?\s*(?:比)\s*)",
)
_LIMITS = re.compile(r"(?:大于|多于|超过|more than|greater than|above)\s*$", re.IGNORECASE)
_UNTIL = re.compile(
    r"\s*\S?\s*[，,、]?\s*(?:又|也|但|还|而|不到|and|but)*\s*(?:小于|少于|不到|不足|less than|below)?\s*", re.IGNORECASE
)


def _bounds(text: str, one: Operand, other: Operand) -> Iterator[Sum]:
    """15<□<17, 比15大比17小, 大于15小于17: bounds so near that little is left."""
    between = text[one.end : other.start]
    low, high = sorted((one.value, other.value))
    if not 0 < high - low <= _ROOM + 1 or low.denominator != 1 or high.denominator != 1:
        return
    before = text[max(0, one.start - 10) : one.start]
    is_bound = _BOUNDS.fullmatch(between) is not None or (
        _LIMITS.search(before) is not None and len(between) > 1 and _UNTIL.fullmatch(between) is not None
    )
    if is_bound:
        yield from (Sum(one.start, other.end, low + at) for at in range(1, int(high - low)))


_TURNED = re.compile(
    r"\D{0,6}(?:倒过来|反过来|颠倒|倒着[读写念看]|反着[读写念看]|对调|交换|backwards?|reversed)", re.IGNORECASE
)


def _reversed(text: str, one: Operand) -> Iterator[Sum]:
    """把61倒过来, 61 backwards."""
    if one.value.denominator == 1 and one.value > 9 and _TURNED.match(text, one.end):
        yield Sum(one.start, one.end, Fraction(int(str(one.value.numerator)[::-1])))


_LAST = re.compile(r"末尾|末位|最后(?:一|那)?[个位]|个位|尾巴|尾数|结尾|[后後]面")
_TOGETHER = re.compile(r"\S{0,4}?(?:写|放|连|拼|排)(?:在一起|起来|成)")


def _joined(text: str, one: Operand, other: Operand) -> Iterator[Sum]:
    """前面是1，末尾是6."""
    if other.start - one.end <= 16 and one.value.denominator == other.value.denominator == 1 and other.value < 10:
        yield Sum(one.start, other.end, Fraction(int(f"{abs(one.value)}{abs(other.value)}")))


def _many_joined(text: str, operands: Sequence[Operand]) -> Iterator[Sum]:
    """把1和2和6写在一起."""
    for at in range(len(operands) - 1):
        digits, last = str(operands[at].value), operands[at]
        for one in operands[at + 1 : at + 6]:
            if one.start - last.end > 3 or one.value.denominator != 1 or not 0 <= one.value < 10:
                break
            digits, last = digits + str(one.value), one
            if digits.isdecimal() and _TOGETHER.match(text, last.end):
                yield Sum(operands[at].start, last.end, Fraction(int(digits)))


def _coefficient(text: str, one: Operand) -> Iterator[Sum]:
    """2x=32, 3(  )=48."""
    if (found := re.match(r"\s*[xXyY□]\s*[=＝]\s*(\d+)(?![\d.])", text[one.end :])) and one.value:
        yield Sum(one.start, one.end + found.end(), Fraction(found[1]) / one.value)
