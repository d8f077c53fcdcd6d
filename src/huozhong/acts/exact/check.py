"""CHECK: 3+5=9对吗, 12×12是不是144, 1千米=100米对吗, 36÷5=7……1, is 3+5=9 right?

Somebody says what a sum comes to and wants to know whether that is so.  It is worked out and held against what was
said; several in one message are answered one by one.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.asking import asked, numbers_in, simple
from huozhong.acts.exact.calculate import read_sum
from huozhong.acts.exact.done import Done, decimal, finish, said, said_en, text_of
from huozhong.verify.numbers import decimals_of
from huozhong.verify.units import Quantity, Unit, convert, quantity_at

_DOUBT = (
    r"(?:这[样个道]?题?|我)?(?:算|做|写|答|说|列|得)?[得的]?(?:这样)?(?:是|都|全)?(?:对不对|对没对|对了?[吗吧么嘛]"
    r"|对还是错|对或错|对错|"
    r"是不是(?:正确|对)?的?|是否(?:正确|对)|正确吗|正不正确|没错[吧吗]|错了?[吗没]|有没有(?:算)?错|成立吗|是吗|是吧"
    r"|吗|吧|么)[呀啊呢哦啦]?"
)
_DOUBT_EN = (
    r"(?:is|are|am|does|do)?\s*(?:that|this|it|i|they|these)?\s*(?:right|correct|true|wrong|or false|isn'?t it|equal)\b"
)
_ENDS = re.compile(rf"[\s,，。.!！?？:：、~～]*(?:{_DOUBT}|{_DOUBT_EN})?[\s,，。.!！?？~～]*$", re.IGNORECASE)
_STARTS = re.compile(
    r"^[\s,，:：]*(?:(?:请|帮我|帮忙|麻烦)*(?:判断|检查|验算|看看|核对|对一对)(?:一下|对错|题)?|是不是|是否|对不对"
    r"|下面|这道?题?|我算(?:的|得|出)?(?:是)?|老师说|"
    r"(?:is|does|are|check(?: if| whether| that)?|true or false|is it (?:true|right|correct)(?: that)?|i (?:got|think"
    r"|say)(?: that)?)(?![a-z]))"
    r"[\s,，:：]*",
    re.IGNORECASE,
)
_RELATION = re.compile(
    r"是不是(?:等于|大于|小于|=)?|是否(?:等于|大于|小于|=)?|不等于|等于|大于|小于|[≈=＝><≠]|约等于|约是|得出|得到|得"
    r"|是|equals?|is (?:equal to|more than|less than"
    r"|greater than)|is|equal|makes?|gives?",
    re.IGNORECASE,
)
_SIGNS = {
    "大于": ">", "小于": "<", "≠": "≠", "不等于": "≠", "≈": "≈", "约等于": "≈", "约是": "≈", ">": ">", "<": "<",
    "more than": ">", "greater than": ">", "less than": "<",
}  # fmt: skip
_SPLIT = re.compile(r"[,，;；、。\n]|\band\b|和|还有")
_REST = re.compile(r"(\d+)\s*(?:[.…·]{2,}|…|余数?|r(?:emainder)?)\s*(\d+)", re.IGNORECASE)
_ASKS = re.compile(r"[一这某]个?数|几|多少|求|[xX]\s*[=＝]|\bwhat\b|how many", re.IGNORECASE)
_IS_DOUBT = re.compile(
    r"[吗么吧?？]|是不是|是否|对不对|对吧|是吧|没错|正确|判断|检查|验算|\b(?:right|correct|true|check)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class _Side:
    """What stands on one side: its value, how it is written, and the unit of a quantity."""

    value: Fraction
    written: str
    lines: tuple[str, ...] = ()
    quantity: Quantity | None = None


def done(question: str) -> Done | None:
    """Whether what is said about sums is so, or None where nothing of the kind is said."""
    english = asked(question).english
    text = simple(question).strip()
    doubt = _IS_DOUBT.search(text) is not None
    text = _ENDS.sub("", text)
    while (shorter := _STARTS.sub("", text)) != text:
        text = shorter
    text = _ENDS.sub("", text)
    if _ASKS.search(text):
        return None
    if not text or not re.search(r"[\d零一二三四五六七八九十百半]|[a-z]{3}", text):
        return None
    claims = [one] if (one := _judged(text, english, doubt)) else _several(text, english)
    if not claims:
        return None
    lines = tuple(line for claim in claims for line in claim[0])
    sentences = [claim[1] for claim in claims]
    if len(claims) == 1:
        return finish(english, lines, sentences[0], claims[0][2])
    right = sum(claim[3] for claim in claims)
    short = f"{right} of {len(claims)} are right" if english else f"{len(claims)}个里对了{right}个"
    return finish(english, lines, ("; " if english else "；").join(sentences), short)


_Judged = tuple[tuple[str, ...], str, str, bool]  # lines, sentence, short answer, whether it is so


def _several(text: str, english: bool) -> list[_Judged]:
    pieces = [piece.strip() for piece in _SPLIT.split(text) if piece.strip()]
    if len(pieces) < 2:
        return []
    found = [_judged(piece, english, False) for piece in pieces]
    return [one for one in found if one is not None] if all(found) else []


def _judged(text: str, english: bool, doubt: bool) -> _Judged | None:
    for relation in _RELATION.finditer(text):
        word = relation[0].lower()
        if word in ("是", "得", "is", "make", "makes") and not doubt:
            continue
        left, right = text[: relation.start()].strip(" ,，"), text[relation.end() :].strip(" ,，")
        sign = next((value for key, value in _SIGNS.items() if key in word), "=")
        if sign == "=" and (rest := _REST.fullmatch(right)):
            return _with_rest(left, rest, english)
        a, b = _side(left, english), _side(right, english)
        if a is None or b is None or (a.quantity is None) != (b.quantity is None):
            continue
        if a.quantity is None and not a.lines and not b.lines and sign == "=" and word in ("是", "is", "得"):
            continue  # 3是3: nothing is worked out
        if a.quantity is not None and b.quantity is not None:
            return _of_quantities(a, b, a.quantity, b.quantity, sign, english)
        return _of_numbers(a, b, sign, english)
    return None


def _side(text: str, english: bool) -> _Side | None:
    """A sum, a bare number or a quantity that is all of the text."""
    if not text:
        return None
    quantity = quantity_at(text, 0)
    if quantity is not None and quantity.end == len(text):
        return _Side(quantity.base, text, (), quantity)
    found, rest = numbers_in(text)
    if len(found) == 1 and not rest.strip():
        return _Side(found[0].value, found[0].written.strip("()"))
    if (step := read_sum(text, english)) is not None:
        return _Side(step[1].value, step[0], step[1].lines)
    return None


def _of_numbers(a: _Side, b: _Side, sign: str, english: bool) -> _Judged:
    lines = tuple(dict.fromkeys((*a.lines, *b.lines)))
    show = said_en if english else said
    sums = [f"{side.written}={show(side.value)}" for side in (a, b) if side.lines]
    true = _holds(a.value, b.value, sign)
    working = ("; " if english else "，").join(sums)
    if sign in "=≈" and not b.lines:
        if sign == "≈":
            working += f"≈{decimal(a.value, decimals_of(b.value) or 0)}"
        return lines, working or _compared(a, b, english), (_en if english else _zh)(true, show(a.value)), true
    real = f"{a.written}{'=' if a.value == b.value else '>' if a.value > b.value else '<'}{b.written}"
    return (
        lines,
        (f"{working}, so {real}" if english else f"{working}，所以{real}") if working else real,
        (_en(true, real) if english else _zh(true, real)),
        true,
    )


def _compared(a: _Side, b: _Side, english: bool) -> str:
    if a.value == b.value:
        return f"{a.written} is {b.written}" if english else f"{a.written}和{b.written}一样大"
    return f"{a.written}{'>' if a.value > b.value else '<'}{b.written}"


def _holds(a: Fraction, b: Fraction, sign: str) -> bool:
    if sign == "≈":
        places = decimals_of(b)
        return places is not None and Fraction(decimal(a, places)) == b
    return bool({"=": operator.eq, "≠": operator.ne, ">": operator.gt, "<": operator.lt}[sign](a, b))


def _zh(true: bool, real: str) -> str:
    return f"对，是{real}" if true else f"不对，应该是{real}"


def _en(true: bool, real: str) -> str:
    return f"right, it is {real}" if true else f"not right, it is {real}"


def _with_rest(left: str, rest: re.Match[str], english: bool) -> _Judged | None:
    """36÷5=7……1"""
    step = read_sum(left, english)
    parts = re.fullmatch(r"(\d+)÷(\d+)", step[0]) if step else None
    if parts is None:
        return None
    quotient, remainder = divmod(int(parts[1]), int(parts[2]))
    true = (quotient, remainder) == (int(rest[1]), int(rest[2]))
    real = f"{quotient} remainder {remainder}" if english else f"{quotient}余{remainder}"
    line = f"{parts[1]}÷{parts[2]}={quotient}……{remainder}"
    return (line,), line, (_en if english else _zh)(true, real), true


def _of_quantities(left: _Side, right: _Side, a: Quantity, b: Quantity, sign: str, english: bool) -> _Judged | None:
    """1千米=100米: told in the unit of the right side."""
    if a.kind != b.kind or a.kind == "temperature" or sign == "≈":
        return None
    unit = b.parts[-1][1]
    true = _holds(a.base, b.base, sign)
    first, second = left.written, right.written
    worth = _amount(convert(a, unit), unit, english)
    fact = f"{first} = {worth}" if english else f"{first}={worth}"
    if sign == "=":
        return (), fact, (_en if english else _zh)(true, worth), true
    mark = "=" if a.base == b.base else ">" if a.base > b.base else "<"
    real = f"{first}{mark}{second}"
    return (
        (),
        f"{fact}，所以{real}" if not english else f"{fact}, so {real}",
        (_en if english else _zh)(true, real),
        true,
    )


def _amount(value: Fraction, unit: Unit, english: bool) -> str:
    return f"{said_en(value)} {unit.en if value == 1 else unit.plural}" if english else f"{text_of(value)}{unit.zh}"
