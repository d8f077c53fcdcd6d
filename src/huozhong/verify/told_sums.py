"""Sums that a text tells instead of their result: 12+4, 二十减四, 比15多1, 4个4, 8的两倍, 15和17之间的数, half of 32.

They are read for what they come to and nothing else: `sums` gives every value that a piece of the text can be meant
to come to, so a sum of three numbers gives those of its parts as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from huozhong.errors import DataError
from huozhong.verify.arithmetic import evaluate

MOST = 6  # numbers of one sum
LARGEST = 10**15


Written = Literal["digits", "chinese", "english", "fraction"]


@dataclass(frozen=True)
class Operand:
    """A number at `text[start:end]`, and the form in which it is written."""

    start: int
    end: int
    value: Fraction
    form: Written


@dataclass(frozen=True)
class Sum:
    """`text[start:end]` comes to `value`."""

    start: int
    end: int
    value: Fraction


# Between two numbers: a measure word, then what is done.
_THING = (
    r"\s*(?:[(（]?(?:(?!(?:加|减|乘|除|多|少|的|去|和|与|个))[\u4e00-\u9fff]){0,3}[)）]?|[个個](?=\s*[^\s\d])"
    r"|[a-z]{1,10}(?=\s))?\s*"
)
_DOES: tuple[tuple[str, str], ...] = (
    (r"(?:再|又|还)?(?:加上?|添上?|多出?了?|大)|\+|plus|and then|added? to", "+"),
    (r"(?:再|又|还)?(?:减去?|减掉|去掉|拿走|扣除|少了?|小|吃掉|用掉|去)|-|minus|take away", "-"),
    (r"(?:再)?乘(?:以|上)?|×|\*|[xX]|times|multiplied by", "×"),
    (r"(?:再)?除以|÷|/|divided by|平均分成", "÷"),
    (r"除(?!以)", "除"),
    (r"的|[个個]", "×"),
)
_LINK = re.compile(
    rf"{_THING}(?:"
    + "|".join(f"(?P<op{at}>{words})" for at, (words, _) in enumerate(_DOES))
    + r")\s*(?:了|上)?\s*[(（]?\s*",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\s*\S{0,2}?\s*(?:和|与|與|跟|同|加|及|到|至|、|and|,)\s*", re.IGNORECASE)
_OF_PAIR = re.compile(
    r"\s*\S{0,2}?(?:两个?数)?\s*(?:的|之|相)?\s*(?P<what>和|差|积|商|加|减|乘|除|之间|中间|当中|正中)"
)
_BEFORE_PAIR = re.compile(r"(?P<what>sum|difference|product|quotient)\s+of\s*$|(?P<between>between)\s*$", re.IGNORECASE)
_AFTER = re.compile(
    r"\s*(?:的|之)?\s*(?:"
    r"(?P<next>(?:后面|后边|之后|后|下面|下)(?:紧跟着?|紧接着?|相邻)?的?(?:那|一|1)?[一1]?个?(?:整|自然)?数)"
    r"|(?P<previous>(?:前面|前边|之前|前|上面|上)(?:紧挨着?|相邻)?的?(?:那|一|1)?[一1]?个?(?:整|自然)?数)"
    r"|(?P<square>平方)|(?P<cube>立方)|(?P<half>一半)|(?P<double>翻倍|翻一番|翻番|加倍|双倍)|(?P<squared>squared)"
    r"|(?P<cubed>cubed)|(?P<doubled>doubled)|(?P<halved>halved))",
    re.IGNORECASE,
)
_UNARY = re.compile(
    r"(?:(?P<double>double(?: of)?|twice)|(?P<half>half of|half)|(?P<triple>triple(?: of)?)"
    r"|(?P<after>(?:number |comes )?(?:right )?after)"
    r"|(?P<before>(?:number |comes )?(?:right )?before)|(?P<halfis>一半\S{0,2}[是为]|half (?:of it )?is)"
    r"|(?P<root>√))\s*$",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\s*[a-z]{0,8}\s*(?P<more>more|greater|bigger) than\s*|\s*[a-z]{0,8}\s*(?P<less>less|fewer|smaller) than\s*", re.I
)
# 再加4就是20, 差4个到20, 去掉4剩12
_MAKES = re.compile(
    r"\s*[个只本元米块人张支页]?\s*[，,]?\s*(?:以?后|之后)?(?:就|正好|刚好|恰好|才|便)?(?:是|到|有|等于|够|满|成|剩下?|得)\s*(?:了)?\s*"
)
_ADDED = re.compile(r"(?:再加上?|加上?|还?差|再添上?|添上?|再来|再多)\s*$")
_TAKEN = re.compile(r"(?:减去?|去掉|拿走|少了?|扣掉|吃掉)\s*$")
_TIMES_IS = re.compile(r"\s*倍\S{0,2}?[是为等于]+\s*")
_SYMBOLS = re.compile(r"\d[\d.]*%?[\d.+\-×÷*/()%^\s]*[\d)%]|\([\d.+\-×÷*/()%^\s]*[\d)%]")


def sums(text: str, operands: Sequence[Operand]) -> Iterator[Sum]:
    """Every sum of a tidy text; operands: its numbers, in order."""
    for at in range(len(operands)):
        yield from _chains(text, operands[at : at + MOST])
        yield from _alone(text, operands[at])
        if at + 1 < len(operands):
            yield from _of_two(text, operands[at], operands[at + 1])
    for found in _SYMBOLS.finditer(text):
        value = _value(found[0])
        if value is not None:
            yield Sum(found.start(), found.end(), value)


def _value(expression: str) -> Fraction | None:
    if not re.search(r"[\d)%]\s*[-+×÷*/^]", expression):
        return None
    if re.fullmatch(r"\d+\s*-\s*\d+\s*-\s*\d+", expression):  # a date
        return None
    try:
        value = evaluate(expression)
    except DataError:
        return None
    return value if abs(value) <= LARGEST else None


def _chains(text: str, operands: Sequence[Operand]) -> Iterator[Sum]:
    """From the first number on: what comes to something with one more, two more, and so on."""
    values, signs = [operands[0].value], []
    for before, now in pairwise(operands):
        link = _LINK.fullmatch(text, before.end, now.start)
        if link is None:
            return
        sign = next(sign for at, (_, sign) in enumerate(_DOES) if link[f"op{at}"] is not None)
        if not _multiplies(link["op5"], text, now):
            return
        signs.append(sign)
        values.append(now.value)
        value = _worked(values, signs)
        if value is not None:
            yield Sum(operands[0].start, now.end, value)


def _multiplies(word: str | None, text: str, now: Operand) -> bool:
    """15的两倍 and 20的五分之四 multiply, 15的3个 does not; 3个5 does, 3个5月 does not."""
    after = text[now.end : now.end + 2]
    if word == "的":
        return after.startswith("倍") or now.value.denominator != 1
    return word is None or not re.match("年级|月|班|号|天|元|米", after)


def _worked(values: Sequence[Fraction], signs: Sequence[str]) -> Fraction | None:
    """× and ÷ first."""
    terms = [values[0]]
    for sign, value in zip(signs, values[1:], strict=True):
        if sign == "×":
            terms[-1] *= value
        elif sign in "÷除":
            top, bottom = (terms[-1], value) if sign == "÷" else (value, terms[-1])
            if bottom == 0:
                return None
            terms[-1] = top / bottom
        else:
            terms.append(value if sign == "+" else -value)
        if abs(terms[-1]) > LARGEST:
            return None
    return sum(terms, Fraction(0))


def _alone(text: str, one: Operand) -> Iterator[Sum]:
    value = one.value
    if after := _AFTER.match(text, one.end):
        changed = {
            "next": value + 1, "previous": value - 1, "square": value**2, "cube": value**3, "half": value / 2,
            "double": value * 2, "squared": value**2, "cubed": value**3, "doubled": value * 2, "halved": value / 2,
        }  # fmt: skip
        name = str(after.lastgroup)
        if abs(value) <= 10**5:
            yield Sum(one.start, after.end(), changed[name])
    start = max(0, one.start - 24)
    if before := _UNARY.search(text[start : one.start]):
        changed = {
            "double": value * 2, "half": value / 2, "triple": value * 3, "after": value + 1, "before": value - 1,
            "halfis": value * 2,
        }  # fmt: skip
        name = str(before.lastgroup)
        if name == "root":
            root = Fraction(round(float(value) ** 0.5)) if value <= 10**12 else Fraction(-1)
            changed["root"] = root if root * root == value else Fraction(-1)
        yield Sum(start + before.start(), one.end, changed[name])


def _of_two(text: str, one: Operand, other: Operand) -> Iterator[Sum]:
    a, b = one.value, other.value
    between = text[one.end : other.start]
    before = text[max(0, one.start - 24) : one.start]
    if _PAIR.fullmatch(between):
        yield from _of_pair(text, one, other, before)
    if more := _MORE.fullmatch(between):
        yield Sum(one.start, other.end, b + a if more["more"] else b - a)
    if re.fullmatch(r"\s*(?:th)?\s*of\s*", between) and a.denominator != 1:
        yield Sum(one.start, other.end, a * b)
    if re.fullmatch(r"\s*的\s*", between) and b.denominator != 1:
        yield Sum(one.start, other.end, a * b)
    if _MAKES.fullmatch(between):
        if added := _ADDED.search(before):
            yield Sum(one.start - len(before) + added.start(), other.end, b - a)
        elif taken := _TAKEN.search(before):
            yield Sum(one.start - len(before) + taken.start(), other.end, b + a)
    if _TIMES_IS.fullmatch(between) and a:
        yield Sum(one.start, other.end, b / a)
    if re.fullmatch(r"\s*\S?\s*(?:还|只)?差\s*", between):  # 20差4
        yield Sum(one.start, other.end, a - b)


def _of_pair(text: str, one: Operand, other: Operand, before: str) -> Iterator[Sum]:
    a, b = one.value, other.value
    results = {"和": a + b, "加": a + b, "差": abs(a - b), "减": a - b, "积": a * b, "乘": a * b}
    if b:
        results |= {"商": a / b, "除": a / b}
    results |= dict.fromkeys(("之间", "中间", "当中", "正中"), (a + b) / 2)
    if (after := _OF_PAIR.match(text, other.end)) and after["what"] in results:
        yield Sum(one.start, after.end(), results[after["what"]])
    if found := _BEFORE_PAIR.search(before):
        name = "之间" if found["between"] else {"s": "和", "d": "差", "p": "积", "q": "商"}[found["what"][0].lower()]
        if name in results:
            yield Sum(one.start - len(before) + found.start(), other.end, results[name])
