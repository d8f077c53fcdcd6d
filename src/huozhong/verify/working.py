"""What a pupil wrote, step by step: 6x24=144, 144-50=94 or 六乘二十四等于一百四十四, each step checked exactly.

Nothing is known here of what is right for a problem; `read_working` says what was claimed, what each claim really
comes to, and which numbers it took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.errors import DataError
from huozhong.verify import numerals, units
from huozhong.verify.arithmetic import evaluate
from huozhong.verify.expression import NUMBER, normalise
from huozhong.verify.numbers import number_at, tidy

MOST = 2000  # characters that are looked at


@dataclass(frozen=True)
class Claim:
    """`expression = claimed`, as it was written; value: what it comes to; operands: the numbers it takes."""

    written: str
    expression: str
    claimed: Fraction
    value: Fraction
    operands: tuple[Fraction, ...]

    @property
    def is_right(self) -> bool:
        """Exactly, or rounded to the decimals that were written behind ≈."""
        if "≈" in self.written:
            places = len(self.written.rsplit("≈", 1)[1].partition(".")[2].strip())
            return abs(self.value - self.claimed) <= Fraction(1, 2 * 10**places)
        return self.value == self.claimed


@dataclass(frozen=True)
class Working:
    """claims: the steps, in order; number: what is stated in the end, None for nothing; quantity: with its units."""

    claims: tuple[Claim, ...]
    number: Fraction | None
    quantity: units.Quantity | None = None

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
_NUMERAL = re.compile(f"[{numerals.CHARACTERS}]+")
_UNIT = re.compile(
    r"(?<=[\d)%])\s?(?:[（(][\u4e00-\u9fff]{1,4}[)）]|(?!(?:加|减|乘|除|等|得|是))[\u4e00-\u9fff]{1,3}|cm|dm|mm|km|kg|m|g|L)"
    r"\s?(?=[-+*/)=≈])"
)
_SIDE = r"[\d(][\d.+\-*/()%^ ]*[\d)%]|\d"
_CHAIN = re.compile(rf"(?:{_SIDE})(?:\s*[=≈]\s*-?(?:{_SIDE}))+")
_COMPUTES = re.compile(r"[\d)%]\s*[-+*/^]")


def read_working(text: str) -> Working:
    """What a pupil's answer claims.  What cannot be read as arithmetic is passed over."""
    text = tidy(text[:MOST])
    plain = _NUMERAL.sub(_in_digits, text) if re.search("[加减乘除等得=]", text) else text
    for pattern, sign in _WORDS:
        plain = pattern.sub(sign, plain)
    plain = _UNIT.sub("", normalise(plain))
    claims = [claim for found in _CHAIN.finditer(plain) for claim in _claims(found[0])]
    quantities = units.read(text)[0]
    last = _last_number(text)
    number = claims[-1].claimed if claims else last
    if claims and last is not None and re.search(r"答", text):  # 答：94盒
        number = last
    return Working(tuple(claims), number, quantities[-1] if quantities else None)


def _in_digits(found: re.Match[str]) -> str:
    value = numerals.read(found[0])
    return found[0] if value is None or value.denominator != 1 else str(value)


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
        operands = tuple(
            Fraction(one.rstrip("%")) / (100 if one.endswith("%") else 1)
            for side in (left, right)
            if _COMPUTES.search(side)
            for one in re.findall(rf"(?:{NUMBER.pattern})%?", side)
        )
        out.append(Claim(f"{left}{sign}{right}".replace("*", "×").replace("/", "÷"), left, claimed, value, operands))
    return out


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
