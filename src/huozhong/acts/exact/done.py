"""What an exact act gives back, and how numbers are written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify.numbers import decimals_of

PLACES = 6  # a decimal with more places is said as a fraction


@dataclass(frozen=True)
class Done:
    """lines: the working, each line a true equality; answer: what is said; short: the bare result."""

    lines: tuple[str, ...]
    answer: str
    short: str


def text_of(value: Fraction) -> str:
    """A value as it is written in a sentence: 12, 0.75, -3, 10/3."""
    if value.denominator == 1:
        return str(value.numerator)
    places = decimals_of(value)
    if places is None or places > PLACES:
        return f"{value.numerator}/{value.denominator}"
    return decimal(value, places)


def mixed(value: Fraction) -> str:
    """5/3 as 1又2/3; everything else as `text_of` has it."""
    written = text_of(value)
    whole, rest = divmod(abs(value.numerator), value.denominator)
    if "/" not in written or not whole:
        return written
    return f"{'-' * (value < 0)}{whole}又{rest}/{value.denominator}"


def decimal(value: Fraction, places: int) -> str:
    """The decimal with exactly so many places, rounded half away from zero as schools do."""
    scaled = abs(value) * 10**places
    whole = int(scaled + Fraction(1, 2))
    sign = "-" if value < 0 and whole else ""
    digits = str(whole).zfill(places + 1)
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def is_short(value: Fraction) -> bool:
    """Whether it has a decimal that one can write down."""
    places = decimals_of(value)
    return places is not None and places <= PLACES


def said(value: Fraction) -> str:
    """A value for a sentence; what does not end is a fraction and about a decimal: 10/3（约3.33）."""
    return text_of(value) if is_short(value) else f"{text_of(value)}（约{decimal(value, 2)}）"


def said_en(value: Fraction) -> str:
    return text_of(value) if is_short(value) else f"{text_of(value)} (about {decimal(value, 2)})"


def factor(value: Fraction) -> str:
    """A value as an operand: what is no whole number or decimal goes in brackets."""
    written = text_of(value)
    return f"({written})" if "/" in written or value < 0 else written


def finish(english: bool, lines: Sequence[str], said_first: str, short: str) -> Done:
    """`said_first` is a sentence without its full stop; the answer ends with 答：… or Answer: …"""
    if english:
        return Done(tuple(lines), f"{said_first}. Answer: {short}.", short)
    return Done(tuple(lines), f"{said_first}。答：{short}。", short)
