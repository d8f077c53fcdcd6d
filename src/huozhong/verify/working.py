"""What a pupil wrote, step by step: 6x24=144, 144-50=94 or 六乘二十四等于一百四十四, each step checked exactly.

Nothing is known here of what is right for a problem; `read_working` says what was claimed, what each claim really
comes to, and which numbers it took.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from huozhong.errors import DataError
from huozhong.verify import number_words, numerals, units
from huozhong.verify.arithmetic import evaluate
from huozhong.verify.expression import NUMBER, normalise
from huozhong.verify.numbers import number_at, show, tidy

MOST = 2000  # characters that are looked at


@dataclass(frozen=True)
class Claim:
    """`expression = claimed`, as it was written; value: what it comes to; operands: the numbers it takes.

    made: those that stand on its right side where that computes too, as 20 in 36-4×5=36-20.
    """

    written: str
    expression: str
    claimed: Fraction
    value: Fraction
    operands: tuple[Fraction, ...]
    made: tuple[Fraction, ...] = ()

    @property
    def is_right(self) -> bool:
        """Exactly, or rounded to the decimals that were written behind ≈."""
        if "≈" in self.written:
            places = len(self.written.rsplit("≈", 1)[1].partition(".")[2].strip())
            return abs(self.value - self.claimed) <= Fraction(1, 2 * 10**places)
        return self.value == self.claimed


@dataclass(frozen=True)
class Working:
    """claims: the steps, in order; number: what is stated in the end, None for nothing; quantity: with its units.

    sum: one whose result is not written, 36-4×5, as if it claimed what it comes to; 3/4 is a number and none.
    """

    claims: tuple[Claim, ...]
    number: Fraction | None
    quantity: units.Quantity | None = None
    sum: Claim | None = None

    @property
    def first_wrong(self) -> int | None:
        """The place of the first claim that does not hold."""
        return next((at for at, claim in enumerate(self.claims) if not claim.is_right), None)


_WORDS = (
    (re.compile(r"(?<=[\d)%])\s*(?:除以)\s*(?=[\d(])"), "÷"),
    (re.compile(r"(?<=[\d)%])\s*(?:乘以?|[xX])\s*(?=[\d(])"), "×"),
    (re.compile(r"(?<=[\d)%])\s*(?:加上?|plus)\s*(?=[\d(])", re.IGNORECASE), "+"),
    (re.compile(r"(?<=[\d)%])\s*(?:减去?|minus)\s*(?=[\d(])", re.IGNORECASE), "-"),
    (re.compile(r"(?<=[\d)%])\s*(?:times)\s*(?=[\d(])", re.IGNORECASE), "×"),
    (re.compile(r"(?<=[\d)%])\s*(?:divided by)\s*(?=[\d(])", re.IGNORECASE), "÷"),
    (re.compile(r"(?<=[\d)%])\s*(?:等于|等於|得到?|是|就是|equals|is)\s*(?=[\d(-])", re.IGNORECASE), "="),
)
_SPOKEN = re.compile(rf"[{numerals.CHARACTERS}]|{number_words.START.pattern}|(?<![\d.])\.(?=\d)", re.IGNORECASE)
_UNIT = re.compile(
    r"(?<=[\d)%])\s?(?:[（(][\u4e00-\u9fff]{1,4}[)）]|(?!(?:加|减|乘|除|等|得|是))[\u4e00-\u9fff]{1,3}|cm|dm|mm|km|kg|m|g|L)"
    r"\s?(?=[-+*/)=≈])"
)
# 48×2=96 96-6=90: where a result is written and another equation begins; 1 1/2 is one number.
_NEXT = re.compile(r"(?<=[=≈])(\s*-?\d+(?:\.\d+)?%?)(?:\.(?!\d)|\s)\s*(?=[\d(][^=≈\n]*[-+*/×÷][^=≈\n]*[=≈])")
_SIDE = r"[\d(][\d.+\-*/()%^ ]*[\d)%]|\d"
_CHAIN = re.compile(rf"(?:{_SIDE})(?:\s*[=≈]\s*-?(?:{_SIDE}))+")
_WHOLE_SUM = re.compile(r"(?<![\d.=/])[(\d][\d.()% ]*(?:[-+*/][\d.()% ]*)+(?<=[\d)%])(?![\d.])(?!\s*[=≈]\s*[-\d(])")
_COMPUTES = re.compile(r"[\d)%]\s*[-+*/^]")


def read_working(text: str) -> Working:
    """What a pupil's answer claims.  What cannot be read as arithmetic is passed over."""
    text = _seen(tidy(text[:MOST]))
    plain = _in_digits(text) if _SUM_WORDS.search(text) else text
    for pattern, sign in _WORDS:
        plain = pattern.sub(sign, plain)
    plain = _NEXT.sub(r"\1; ", _UNIT.sub("", normalise(plain)))
    claims = [claim for found in _CHAIN.finditer(plain) for claim in _claims(found[0])]
    quantities = units.read(text)[0]
    last = _last_number(text)
    number = claims[-1].claimed if claims else last
    if claims and last is not None and re.search(r"答", text):  # 答：94盒
        number = last
    return Working(tuple(claims), number, quantities[-1] if quantities else None, None if claims else _sum_of(plain))


_SUM_WORDS = re.compile(r"[加减減乘除等得=]|\b(?:times|plus|minus|divided|equals?|is)\b", re.IGNORECASE)
_VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")


def _seen(text: str) -> str:
    """¾ as (3/4), and .75 as 0.75."""

    def plain(found: re.Match[str]) -> str:
        return f"({unicodedata.normalize('NFKC', found[0]).replace(chr(0x2044), '/')})"

    return re.sub(r"(?<![\d.])\.(?=\d)", "0.", _VULGAR.sub(plain, text))


def _in_digits(text: str) -> str:
    """Three times four, 四分之三 and 零点七五 in digits; what is no numeral stays."""
    parts, at = [], 0
    while start := _SPOKEN.search(text, at):
        begin = start.start()
        found = number_at(text, begin)
        written = text[begin : found.end] if found is not None else ""
        # 36 of 三十六除以 and of thirty-six; 一半, 三块五 and the like are no part of a sum in words
        value = numerals.read(written) if found is not None and found.kind == "chinese" else None
        if found is not None and value is None and (found.kind == "english" or "分之" in written):
            value = found.number.value
        if value is None or found is None or found.end <= begin:
            parts.append(text[at : begin + 1])
            at = begin + 1
            continue
        parts += [text[at:begin], show(value, "percent" if written.startswith("百分之") else "fraction")]
        at = found.end
    return "".join((*parts, text[at:]))


def _sum_of(plain: str) -> Claim | None:
    """The only sum of a text; None where there is none, or more than one."""
    found = [one[0].strip() for one in _WHOLE_SUM.finditer(plain)]
    if len(found) != 1:
        return None
    try:
        value = evaluate(found[0])
    except DataError:
        return None
    if re.fullmatch(r"\(?\d+/\d+\)?", found[0]) and value.denominator != 1:
        return None
    return Claim(found[0].replace("*", "×").replace("/", "÷"), found[0], value, value, _operands(found[0]))


def _claims(chain: str) -> list[Claim]:
    """Each side of a chain that computes something is claimed to be the next."""
    sides = re.split(r"([=≈])", chain)
    out = []
    for at in range(0, len(sides) - 2, 2):
        left, sign, right = sides[at].strip(), sides[at + 1], sides[at + 2].strip()
        if not (_COMPUTES.search(left) or _COMPUTES.search(right)):
            continue
        try:
            value, claimed = evaluate(left), evaluate(right)
        except DataError:
            continue
        taken, made = _operands(left), _operands(right)
        written = f"{left}{sign}{right}".replace("*", "×").replace("/", "÷")
        out.append(Claim(written, left, claimed, value, taken + made, made))
    return out


def _operands(side: str) -> tuple[Fraction, ...]:
    """The numbers of a side that computes something."""
    if not _COMPUTES.search(side):
        return ()
    found = re.findall(rf"(?:{NUMBER.pattern})%?", side)
    return tuple(Fraction(one.rstrip("%")) / (100 if one.endswith("%") else 1) for one in found)


def _last_number(text: str) -> Fraction | None:
    last, at = None, 0
    while at < len(text):
        found = number_at(text, at) if not (at and text[at - 1].isascii() and text[at - 1].isalnum()) else None
        if found is None or found.end <= at:
            at += 1
            continue
        written = text[found.start : found.end]
        is_label = text[: found.start].endswith("第") or (
            found.kind == "chinese" and written in "一两十" and len(text) > 6
        )
        if not is_label:
            last = found.number.value
        at = found.end
    return last
