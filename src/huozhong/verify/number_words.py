"""English numbers in words: twenty-three, two and a half, three quarters, half a dozen, twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_TEN = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_SMALL.split())}
_TENS = {word: value * 10 for value, word in enumerate(_TEN.split(), 2)} | {"fourty": 40}
_SIZES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100,
}  # fmt: skip
_TIMES = {"twice": 2, "thrice": 3, "double": 2, "triple": 3}
_COINS = re.compile(r"\b(?:dimes?|nickels?|penn(?:y|ies)|cents?|coins?)\b", re.IGNORECASE)
_WORD = re.compile(r"([A-Za-z]+)(?:\s*-\s*|\s+)?")
_COUNT = rf"{'|'.join((*_ONES, *_TENS))}"
START = re.compile(
    rf"(?<![A-Za-z])(?:(?:{_COUNT}|half|{'|'.join(_TIMES)})(?![A-Za-z])"
    r"|an?\s+(?:hundred|thousand|million|billion|dozen|half|third|quarter|fourth|fifth|sixth|eighth|tenth)(?![A-Za-z]))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Words:
    """A number in words: where it ends, its value, and whether it was said as a fraction."""

    end: int
    value: Fraction
    is_fraction: bool


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text, self.at, self.end = text, at, at

    def peek(self, skip: int = 0) -> str:
        """The word that comes, or that after `skip` others, in small letters."""
        at, word = self.at, ""
        for _ in range(skip + 1):
            match = _WORD.match(self.text, at)
            if match is None:
                return ""
            at, word = match.end(), match[1].lower()
        return word

    def take(self, count: int = 1) -> None:
        for _ in range(count):
            match = _WORD.match(self.text, self.at)
            assert match is not None
            self.at, self.end = match.end(), match.end(1)

    def whole(self) -> int | None:
        """Two hundred and five; None when no number comes."""
        total = group = 0
        found = False
        while True:
            word = self.peek()
            if word in _TENS and group % 100 == 0:
                group += _TENS[word]
                self.take()
                if 1 <= _ONES.get(self.peek(), 0) <= 9:
                    group += _ONES[self.peek()]
                    self.take()
            elif word in _ONES and group % 100 == 0 and (not found or group or total):
                group += _ONES[word]
                self.take()
            elif word in ("a", "an") and self.peek(1) in _SIZES and not found:
                group = 1
                self.take()
            elif word in _SIZES and found:
                size = _SIZES[word]
                group, total = (group * size, total) if size == 100 else (0, total + group * size)
                self.take()
            elif word == "and" and found and (group % 100 == 0) and self.peek(1) in (*_ONES, *_TENS):
                if not (group or total) or group % 100 or (group == 0 and total == 0):
                    break
                self.take()
                continue
            else:
                break
            found = True
        return total + group if found else None


def read(text: str, at: int) -> Words | None:
    """The number in words that begins at `at`, where START matches."""
    reader = _Reader(text, at)
    first = reader.peek()
    if first in _TIMES:
        reader.take()
        return Words(reader.end, Fraction(_TIMES[first]), False)
    if first == "half" or (first in ("a", "an") and reader.peek(1) in (*_PARTS, "dozen")):
        return _part(reader, first)
    whole = reader.whole()
    if whole is None:
        return None
    if reader.peek() == "point" and _ONES.get(reader.peek(1), 10) < 10:  # twelve point five
        reader.take()
        decimals = ""
        while _ONES.get(reader.peek(), 10) < 10:
            decimals += str(_ONES[reader.peek()])
            reader.take()
        return Words(reader.end, whole + Fraction(int(decimals), 10 ** len(decimals)), False)
    part = reader.peek().removesuffix("s")
    if part in _PARTS and part != "half" and 0 < whole < _PARTS[part]:
        if part == "quarter" and _COINS.search(text):
            return Words(reader.end, Fraction(whole), False)
        reader.take()
        return Words(reader.end, Fraction(whole, _PARTS[part]), True)
    value, is_fraction = Fraction(whole), False
    if reader.peek() == "and" and reader.peek(1) in ("a", "an", "one") and reader.peek(2) in _PARTS:
        value += Fraction(1, _PARTS[reader.peek(2)])
        reader.take(3)
    elif reader.peek() == "and" and reader.peek(2).removesuffix("s") in _PARTS and reader.peek(1) in _ONES:
        value += Fraction(_ONES[reader.peek(1)], _PARTS[reader.peek(2).removesuffix("s")])
        reader.take(3)
    elif reader.peek() == "dozen":
        value *= 12
        reader.take()
    return Words(reader.end, value, is_fraction)


def _part(reader: _Reader, first: str) -> Words | None:
    """Half, half a dozen, a quarter, a dozen."""
    if first in ("a", "an"):
        reader.take()
    word = reader.peek()
    reader.take()
    if word == "dozen":
        return Words(reader.end, Fraction(12), False)
    if word == "half" and reader.peek() in ("a", "dozen") and "dozen" in (reader.peek(), reader.peek(1)):
        reader.take(1 if reader.peek() == "dozen" else 2)
        return Words(reader.end, Fraction(6), False)
    return Words(reader.end, Fraction(1, _PARTS[word]), True)
