"""What went wrong in a sum that does not hold: the slips that pupils make in written arithmetic.

`slip_of` looks at the sum alone, and gives the one kind that explains the wrong result; nothing where none does.
Kinds after Brown and Burton (1978) and what primary-school teachers mark: a carry forgotten, the smaller digit always
taken from the larger, a ten not given back, a row of the table, a zero, the decimal point, another sign, the numbers
the wrong way round.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

Slip = Literal["carry", "borrow", "table", "zero", "point", "sign", "order", "one off", "digits"]

# What each one means, for whoever reads marks: Chinese, English.
MEANS: dict[Slip, tuple[str, str]] = {
    "carry": ("进位", "carrying"), "borrow": ("退位", "borrowing"), "table": ("口诀", "times tables"),
    "zero": ("末尾的0", "zeros at the end"), "point": ("小数点", "the decimal point"),
    "sign": ("看错运算符号", "another sign"),
    "order": ("减数、除数写反", "numbers the wrong way round"), "one off": ("差一点", "one off"),
    "digits": ("数字颠倒", "digits turned round"),
}  # fmt: skip

_SUM = re.compile(r"\(?(\d+(?:\.\d+)?)\)?\s*([-+×÷*/])\s*\(?(\d+(?:\.\d+)?)\)?")


def slip_of(expression: str, claimed: Fraction) -> Slip | None:
    """The slip that makes of a sum of two numbers (`36-19`) what was claimed; None where none of them does."""
    found = _SUM.fullmatch(expression.strip())
    if found is None:
        return None
    a, sign, b = Fraction(found[1]), found[2].translate(str.maketrans("*/", "×÷")), Fraction(found[3])
    right = _worked(a, sign, b)
    if right is None or right == claimed:
        return None
    for kind, is_it in (
        ("order", claimed == _worked(b, sign, a) and sign in "-÷"),
        ("sign", any(claimed == _worked(a, other, b) for other in "+-×÷" if other != sign)),
        ("borrow", sign == "-" and claimed in _borrowed(a, b)),
        ("carry", sign == "+" and claimed in _carried(a, b)),
        ("digits", right.denominator == 1 and right > 9 and str(claimed) == str(right)[::-1]),
        ("zero", sign in "×÷" and right.denominator == claimed.denominator == 1 and _shifted(right, claimed)),
        ("point", _shifted(right, claimed)),
        ("table", sign == "×" and _misses_a_row(a, b, claimed)),
        ("carry", sign == "×" and claimed in _products_without_carry(a, b)),
        ("one off", abs(right - claimed) == 1),
        ("carry", sign == "+" and abs(right - claimed) in (10, 100, 1000)),
        ("borrow", sign == "-" and abs(right - claimed) in (10, 100, 1000)),
        ("table", sign == "÷" and abs(right - claimed) <= 2),
    ):  # fmt: skip
        if is_it:
            return kind  # type: ignore[return-value]
    return None


def _worked(a: Fraction, sign: str, b: Fraction) -> Fraction | None:
    if sign == "÷":
        return a / b if b else None
    return {"+": a + b, "-": a - b, "×": a * b}[sign]


def _digits(a: Fraction, b: Fraction) -> tuple[list[int], list[int], int] | None:
    """Both numbers' digits, the last first and equally many, and how often they were multiplied by ten."""
    power = 0
    while (a.denominator != 1 or b.denominator != 1) and power < 6:
        a, b, power = a * 10, b * 10, power + 1
    if a.denominator != 1 or b.denominator != 1:
        return None
    size = max(len(str(a)), len(str(b)))
    return [int(c) for c in str(a).zfill(size)[::-1]], [int(c) for c in str(b).zfill(size)[::-1]], power


def _from(digits: list[int], power: int) -> Fraction:
    return Fraction(sum(digit * 10**at for at, digit in enumerate(digits)), 10**power)


def _borrowed(a: Fraction, b: Fraction) -> set[Fraction]:
    """52-37=25: the smaller digit from the larger; 52-37=25 with a ten that was not given back."""
    both = _digits(a, b)
    if both is None:
        return set()
    xs, ys, power = both
    out = {_from([abs(x - y) for x, y in zip(xs, ys, strict=True)], power)}
    return out | {a - b + Fraction(tens, 10**power) for tens in _tens(len(xs))}  # borrowed and not given back


def _tens(size: int) -> list[int]:
    """10, 100, 110 and so on: one in each place, of numbers of so many digits."""
    return [int(f"{places:b}") * 10 for places in range(1, 2 ** min(size, 5))]


def _carried(a: Fraction, b: Fraction) -> set[Fraction]:
    """36+27=53: without any carry; 513: with the ten written down; or with one carry forgotten."""
    both = _digits(a, b)
    if both is None:
        return set()
    xs, ys, power = both
    out = {_from([(x + y) % 10 for x, y in zip(xs, ys, strict=True)], power)}
    written = "".join(str(x + y) for x, y in reversed(list(zip(xs, ys, strict=True))))
    out.add(Fraction(int(written), 10**power))
    return out | {a + b - Fraction(tens, 10**power) for tens in _tens(len(xs))}


def _shifted(right: Fraction, claimed: Fraction) -> bool:
    return claimed != 0 and any(right == claimed * Fraction(10) ** power for power in (-3, -2, -1, 1, 2, 3))


def _misses_a_row(a: Fraction, b: Fraction, claimed: Fraction) -> bool:
    """7×8=49 or 63: the row before or behind."""
    return claimed in {a * (b + 1), a * (b - 1), (a + 1) * b, (a - 1) * b}


def _products_without_carry(a: Fraction, b: Fraction) -> set[Fraction]:
    """24×6=124: what each digit makes, without what was carried; and 24×13=96: the rows not moved."""
    if a.denominator != 1 or b.denominator != 1:
        return set()
    out: set[Fraction] = set()
    for x, y in ((a, b), (b, a)):
        if y < 10:
            digits = [int(c) * int(y) for c in str(x)]
            last = "".join(str(one % 10) for one in digits[1:])
            out.add(Fraction(int(f"{digits[0]}{last}")))
            out |= {x * y - 10**at for at in (1, 2)} | {x * y - carried * 10 for carried in range(1, 9)}
        elif y < 100:
            tens, ones = divmod(int(y), 10)
            out.add(x * tens + x * ones)
    return out
