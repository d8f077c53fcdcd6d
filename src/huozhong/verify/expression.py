"""School arithmetic read exactly: one small recursive-descent parser, two things to build with it.

Grammar (whitespace and full-width forms are normalised away first, see `normalise`):

    sum     = product (("+" | "-") product)*
    product = unary (("*" | "×" | "÷" | "/" | ":") unary)*
    unary   = ("-" | "+") unary | power
    power   = postfix ("^" unary)?              right-associative, whole exponents only
    postfix = primary "%"*                      12% is 12/100
    primary = number | mixed | "(" sum ")"      [ ] and { } are brackets too
    mixed   = whole "(" a "/" b ")" | whole "又" a "/" b       as Math23K writes 3(1/2), 5((7)/(10))

A number directly followed by any other bracket is an error and not a multiplication: in the school texts
this is made for, `3(1/2)` means three and a half.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from huozhong.errors import DataError

MAX_LENGTH = 2000  # characters of one expression
MAX_DEPTH = 60  # nested brackets, signs and powers
MAX_BITS = 20_000  # of any power's numerator or denominator

_TABLE = str.maketrans(
    "０１２３４５６７８９（）［］【】｛｝[]{}＋－−–—＊×✕✖∗·⋅÷／∕⁄＝％．＾\u00a0\u3000",
    "0123456789()()()()()()+----*******////=%.^  ",
) | {ord("²"): "^2", ord("³"): "^3"}
_TEX = [
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\[,;! ]"), " "),
    (re.compile(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\([%$])"), r"\1"),
]
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_POWER = re.compile(r"(?<=[\d)])\*\*(?=[\d(])")
_TIMES_LETTER = re.compile(r"(?<=[\d)])(\s*)[xX](\s*)(?=[\d(])")

NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
BRACKET_FRACTION = r"\(\s*\d+\s*/\s*\d+\s*\)|\(\s*\(\s*\d+\s*\)\s*/\s*\(\s*\d+\s*\)\s*\)"
MIXED_TAIL = re.compile(rf"(?:{BRACKET_FRACTION}|又\(?\d+\s*/\s*\d+\)?)")


def read_fraction(text: str) -> Fraction:
    """The value of a text that holds two whole numbers, a numerator and a denominator, and nothing else."""
    numerator, denominator = re.findall(r"\d+", text)
    return Fraction(int(numerator), int(denominator))


def normalise(text: str) -> str:
    """One spelling for all: ASCII digits and operators, round brackets, LaTeX and ** resolved, 1,234 joined.

    Everything that is no arithmetic (words, units, line breaks) is left as it is.
    """
    for pattern, replacement in _TEX:
        text = pattern.sub(replacement, text)
    text = text.translate(_TABLE)
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    text = _POWER.sub("^", text).replace("**", "")  # what is left of ** is Markdown's bold type
    return _TIMES_LETTER.sub(r"\1*\2", text)


Value = TypeVar("Value")


class Builder(Protocol[Value]):
    """What the parser builds: exact values, or canonical spellings."""

    def number(self, value: Fraction) -> Value: ...
    def add(self, left: Value, right: Value) -> Value: ...
    def multiply(self, left: Value, right: Value) -> Value: ...
    def negate(self, value: Value) -> Value: ...
    def invert(self, value: Value) -> Value: ...
    def power(self, base: Value, exponent: Value) -> Value: ...


class Parser(Generic[Value]):
    """Reads one expression, left to right; every error is a `DataError` that quotes the expression."""

    def __init__(self, text: str, builder: Builder[Value]) -> None:
        self.original = text
        self.text = normalise(text).strip()
        self.build = builder
        self.position = 0
        self.depth = 0
        if len(self.text) > MAX_LENGTH:
            raise DataError(f"An expression of {len(self.text)} characters is longer than {MAX_LENGTH}; shorten it.")

    def parse(self) -> Value:
        try:
            value = self._sum()
        except ZeroDivisionError:
            raise self._error("divides by zero") from None
        if self._peek():
            raise self._error(f"has an unexpected '{self._peek()}' at character {self.position + 1}")
        return value

    def _error(self, what: str) -> DataError:
        shown = self.original if len(self.original) <= 80 else self.original[:80] + "…"
        return DataError(f"The expression '{shown}' {what}.")

    def _peek(self) -> str:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.text[self.position : self.position + 1]

    def _take(self, wanted: str) -> str:
        found = self._peek()
        if found and found in wanted:
            self.position += 1
            return found
        return ""

    def _sum(self) -> Value:
        value = self._product()
        while sign := self._take("+-"):
            term = self._product()
            value = self.build.add(value, term if sign == "+" else self.build.negate(term))
        return value

    def _product(self) -> Value:
        value = self._unary()
        while sign := self._take("*/:："):
            factor = self._unary()
            value = self.build.multiply(value, factor if sign == "*" else self.build.invert(factor))
        return value

    def _unary(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(f"is nested more than {MAX_DEPTH} deep")
        sign = self._take("+-")
        value = self._unary() if sign else self._power()
        self.depth -= 1
        return self.build.negate(value) if sign == "-" else value

    def _power(self) -> Value:
        value = self._primary()
        while self._take("%"):
            value = self.build.multiply(value, self.build.number(Fraction(1, 100)))
        if self._take("^"):
            try:
                value = self.build.power(value, self._unary())
            except ValueError as error:
                raise self._error(str(error)) from None
        return value

    def _primary(self) -> Value:
        if self._take("("):
            value = self._sum()
            if not self._take(")"):
                raise self._error("has a bracket that is not closed")
            return value
        self._peek()
        match = NUMBER.match(self.text, self.position)
        if match is None:
            found = self._peek()
            where = "where a number should be"
            raise self._error(f"has '{found}' {where}" if found else f"ends {where}")
        self.position = match.end()
        number = Fraction(match[0])
        tail = MIXED_TAIL.match(self.text, self.position) if "." not in match[0] else None
        if tail:
            self.position = tail.end()
            number += read_fraction(tail[0])
        return self.build.number(number)


class Exact:
    """Builds the exact value."""

    def number(self, value: Fraction) -> Fraction:
        return value

    def add(self, left: Fraction, right: Fraction) -> Fraction:
        return left + right

    def multiply(self, left: Fraction, right: Fraction) -> Fraction:
        return left * right

    def negate(self, value: Fraction) -> Fraction:
        return -value

    def invert(self, value: Fraction) -> Fraction:
        return 1 / value

    def power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator != 1:
            raise ValueError("has a power that is not a whole number")
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) > MAX_BITS or size * abs(exponent) > MAX_BITS:
            raise ValueError("has a power that is too large")
        return base ** int(exponent)


# A canonical spelling in the making: its kind and its signed parts, kept flat so that sums of sums and
# products of products have one spelling.  ("sum", ("+a", "-b")), ("product", ("*a", "/b")), ("atom", (x,)).
Spelling = tuple[str, tuple[str, ...]]
_FLIP = {"+": "-", "-": "+", "*": "/", "/": "*"}


class Canonical:
    """Builds one spelling for all orders of the same sum or product; numbers are not computed."""

    def number(self, value: Fraction) -> Spelling:
        return ("atom", (str(value),))

    def add(self, left: Spelling, right: Spelling) -> Spelling:
        return ("sum", self._parts("sum", left) + self._parts("sum", right))

    def multiply(self, left: Spelling, right: Spelling) -> Spelling:
        return ("product", self._parts("product", left) + self._parts("product", right))

    def negate(self, value: Spelling) -> Spelling:
        return ("sum", tuple(_FLIP[part[0]] + part[1:] for part in self._parts("sum", value)))

    def invert(self, value: Spelling) -> Spelling:
        return ("product", tuple(_FLIP[part[0]] + part[1:] for part in self._parts("product", value)))

    def power(self, base: Spelling, exponent: Spelling) -> Spelling:
        return ("atom", (f"({spell(base)})^({spell(exponent)})",))

    def _parts(self, kind: str, value: Spelling) -> tuple[str, ...]:
        if value[0] == kind:
            return value[1]
        text = spell(value)
        return (("+" if kind == "sum" else "*") + (text if value[0] == "atom" else f"({text})"),)


def spell(value: Spelling) -> str:
    return "".join(sorted(value[1]))
