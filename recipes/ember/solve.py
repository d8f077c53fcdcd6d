"""Worked solutions: an equation such as `(316+230*(6-1))` becomes short lines of plain arithmetic.

Every line is one true equality that a rule can check (`huozhong.verify.arithmetic.check_steps`).  What a small
model cannot do in its head is written out: products of two long numbers as partial products, long division as
its partial quotients, fractions as the school method has it.  Numbers keep the style they came in: decimals
stay decimals, fractions fractions; a percentage is computed as a decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from types import MappingProxyType
from typing import Literal

Style = Literal["decimal", "fraction", "percent"]
MAX_DECIMALS = 4


class Unsolvable(Exception):
    """The equation uses something that this recipe does not teach (negative results, odd powers, ...)."""


class TooLittle(Unsolvable):
    """A difference below nothing; says which."""


@dataclass(frozen=True)
class Number:
    """A leaf: an exact value and the style in which it is written."""

    value: Fraction
    style: Style = "decimal"

    def __str__(self) -> str:
        return show(self.value, self.style)


@dataclass(frozen=True)
class Operation:
    """`left op right` with op one of + - × ÷ ^."""

    op: str
    left: Node
    right: Node

    def __str__(self) -> str:
        return write(self)


Node = Number | Operation
_RANK = {"+": 1, "-": 1, "×": 2, "÷": 2, "^": 3}


def write(node: Node, names: Mapping[Number, str] = MappingProxyType({})) -> str:
    """An equation as one writes it, with the fewest brackets; numbers with a name are called by it, exponents never."""
    if isinstance(node, Number):
        return names.get(node) or str(node)
    left = _operand(node.left, node.op, False, names)
    right = _operand(node.right, node.op, True, {} if node.op == "^" else names)
    return f"{left}{node.op}{right}"


def _operand(node: Node, parent: str, is_right: bool, names: Mapping[Number, str]) -> str:
    written = write(node, names)
    if isinstance(node, Number):
        return written
    rank, outer = _RANK[node.op], _RANK[parent]
    bracket = rank < outer or (rank == outer and is_right and parent in "-÷") or outer == 3
    return f"({written})" if bracket else written


def decimals_of(value: Fraction) -> int | None:
    """Decimal places of a terminating fraction, None if it does not terminate."""
    denominator, twos, fives = value.denominator, 0, 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives) if denominator == 1 else None


def show(value: Fraction, style: Style = "decimal") -> str:
    """Write a value: 12, 0.75, 80%, (3/4).  What has no short decimal is written as a fraction."""
    if style == "percent":
        return show(value * 100) + "%"
    if value.denominator == 1:
        return str(value.numerator)
    places = decimals_of(value)
    if style == "fraction" or places is None or places > MAX_DECIMALS:
        return f"({value.numerator}/{value.denominator})"
    return f"{value.numerator * 10**places // value.denominator / 10**places:.{places}f}"


# -- reading ------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"(\d+)?\((\d+)/(\d+)\)|(\d+(?:\.\d+)?)(%?)|([-+*/^()×÷])")


def parse(equation: str) -> Node:
    """Read an equation as Math23K writes it: `1/(2/7)`, `3(1/2)` mixed numbers, `80%`, `[ ]`, `^2`."""
    text = equation.replace("[", "(").replace("]", ")").replace(" ", "").replace("**", "^")
    tokens: list[Number | str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unsolvable(f"unreadable at {text[at:at + 5]!r}")
        whole, top, bottom, plain, percent, sign = match.groups()
        if top is not None:
            if int(bottom) == 0:
                raise Unsolvable("division by zero")
            tokens.append(Number(Fraction(int(top), int(bottom)) + int(whole or 0), "fraction"))
        elif plain is not None:
            tokens.append(Number(Fraction(plain) / (100 if percent else 1), "percent" if percent else "decimal"))
        else:
            tokens.append({"*": "×", "/": "÷"}.get(sign, sign))
        at = match.end()
    node, rest = _parse_sum(tokens, 0)
    if rest != len(tokens):
        raise Unsolvable("left-over text")
    return node


def _parse_sum(tokens: list, at: int, rank: int = 1) -> tuple[Node, int]:
    if rank == 4:
        return _parse_leaf(tokens, at)
    node, at = _parse_sum(tokens, at, rank + 1)
    while at < len(tokens) and isinstance(tokens[at], str) and _RANK.get(tokens[at]) == rank:
        right, after = _parse_sum(tokens, at + 1, rank + 1)
        node, at = Operation(tokens[at], node, right), after
    return node, at


def _parse_leaf(tokens: list, at: int) -> tuple[Node, int]:
    if at < len(tokens) and isinstance(tokens[at], Number):
        return tokens[at], at + 1
    if at < len(tokens) and tokens[at] == "(":
        node, at = _parse_sum(tokens, at + 1)
        if at < len(tokens) and tokens[at] == ")":
            return node, at + 1
    raise Unsolvable("a number is missing")


def leaves(node: Node) -> list[Number]:
    """The numbers of an equation from left to right."""
    return [node] if isinstance(node, Number) else leaves(node.left) + leaves(node.right)


def replace_leaves(node: Node, new: dict[Number, Number]) -> Node:
    """The same equation with other numbers."""
    if isinstance(node, Number):
        return new.get(node, node)
    return Operation(node.op, replace_leaves(node.left, new), replace_leaves(node.right, new))


def intermediate_values(node: Node) -> list[Fraction]:
    """Value of every operation in the order of evaluation; the last is the answer."""
    if isinstance(node, Number):
        return []
    left, right = intermediate_values(node.left), intermediate_values(node.right)
    a = left[-1] if left else node.left.value  # type: ignore[union-attr]
    b = right[-1] if right else node.right.value  # type: ignore[union-attr]
    return [*left, *right, _apply(node.op, a, b)]


def value_of(node: Node) -> Fraction:
    """What an equation comes to."""
    return node.value if isinstance(node, Number) else intermediate_values(node)[-1]


def _apply(op: str, a: Fraction, b: Fraction) -> Fraction:
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "×":
        return a * b
    if op == "÷":
        if b == 0:
            raise Unsolvable("division by zero")
        return a / b
    if b not in (2, 3):
        raise Unsolvable("only squares and cubes are taught")
    return a ** int(b)


# -- working it out -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solution:
    """`equation`, then `lines` that work it out, then `answer` in the style it came out in."""

    equation: str
    lines: tuple[str, ...]
    answer: Number

    def text(self) -> str:
        """The reasoning a reader sees; a one-step solution needs no equation of its own."""
        if self.lines and self.lines[0].startswith(f"{self.equation}="):
            return "\n".join(self.lines)
        return "\n".join((self.equation, *self.lines))


def solve(node: Node, lines: list[str] | None = None) -> Solution:
    """Work an equation out line by line.

    Raises Unsolvable for what this recipe does not teach; `lines` then has what was worked out before.
    """
    lines = [] if lines is None else lines
    answer = _reduce(node, lines)
    return Solution(str(node), tuple(lines), answer)


def _reduce(node: Node, lines: list[str]) -> Number:
    if isinstance(node, Number):
        return Number(node.value, "decimal") if node.style == "percent" else node
    if node.op == "^":
        base, power = _reduce(node.left, lines), _reduce(node.right, lines)
        _apply("^", base.value, power.value)
        product: Node = Operation("×", base, base)
        return _reduce(product if power.value == 2 else Operation("×", product, base), lines)
    left, right = _reduce(node.left, lines), _reduce(node.right, lines)
    return _step(node.op, left, right, lines)


def _is_fraction(number: Number) -> bool:
    return str(number).startswith("(")


def _step(op: str, a: Number, b: Number, lines: list[str]) -> Number:
    value = _apply(op, a.value, b.value)
    if value < 0:
        raise TooLittle(f"{a}-{b}")
    if max(value.numerator, value.denominator) > 10**9:
        raise Unsolvable("too long a number")
    if _is_fraction(a) or _is_fraction(b):
        return _fraction_step(op, a, b, lines)
    if op == "+":
        lines.append(_sum(a.value, b.value))
    elif op == "-":
        lines.append(_difference(a.value, b.value))
    elif op == "×":
        _multiply(a.value, b.value, lines)
    else:
        _divide(a.value, b.value, lines)
    return Number(value)


def _significant(value: Fraction) -> str:
    return show(value).replace(".", "").strip("0") or "0"


def _digits(value: int) -> list[int]:
    """324 -> [300, 20, 4]"""
    text = str(value)
    return [int(d) * 10 ** (len(text) - i - 1) for i, d in enumerate(text) if d != "0"]


def _difference(a: Fraction, b: Fraction) -> str:
    """Taken away place by place, the highest first, as one does it in the head: 777-736=77-36=47-6=41.

    Nothing is left of equal numbers, which one sees at once: 640-640=0.
    """
    chain = f"{show(a)}-{show(b)}"
    if a == b:
        return f"{chain}=0"
    scale = 10 ** (decimals_of(b) or 0)
    for digit in _digits(int(b * scale)) or [0]:
        part = Fraction(digit, scale)
        a, b = a - part, b - part
        chain += f"={show(a)}-{show(b)}" if b else f"={show(a)}"
    return chain


def _sum(a: Fraction, b: Fraction) -> str:
    """Added place by place as well, the number with fewer digits to the other: 545+255=745+55=795+5=800.

    What is carried comes from the right, but an answer is written from the left: in one go it has to be foreseen.
    """
    chain = f"{show(a)}+{show(b)}"
    if len(_significant(b)) > len(_significant(a)) > 1:
        a, b = b, a
        chain += f"={show(a)}+{show(b)}"
    if min(len(_significant(a)), len(_significant(b))) <= 1:
        return f"{chain}={show(a + b)}"
    scale = 10 ** (decimals_of(b) or 0)
    for digit in _digits(int(b * scale)):
        part = Fraction(digit, scale)
        a, b = a + part, b - part
        chain += f"={show(a)}+{show(b)}" if b else f"={show(a)}"
    return chain


def _multiply(a: Fraction, b: Fraction, lines: list[str]) -> None:
    """Without the points first (250000×5), then what they stand for (250000×0.05=1250000÷100=12500)."""
    places = (decimals_of(a) or 0) + (decimals_of(b) or 0)
    first, second = (int(value * 10 ** (decimals_of(value) or 0)) for value in (a, b))
    lhs, result, whole = f"{show(a)}×{show(b)}", show(a * b), f"{first}×{second}"
    if len(_significant(Fraction(second))) > len(_significant(Fraction(first))):
        first, second = second, first
    if len(_significant(Fraction(second))) > 1:
        lines.append("，".join(_partial_products(first, second)))
        lines.append(f"{whole}={first * second}")
    else:
        lines.append(_product(first, second, whole))
    if places:
        lines.append(f"{lhs}={first * second}÷{10**places}={result}")


def _partial_products(first: int, second: int) -> Iterator[str]:
    """A product for every digit of the second number, each followed by its sum with those before."""
    so_far = 0
    for digit in _digits(second):
        yield _product(first, digit, f"{first}×{digit}")
        if so_far:
            yield _sum(Fraction(so_far), Fraction(first * digit))
        so_far += first * digit


def _product(first: int, digit: int, lhs: str) -> str:
    """By one digit; of three or more digits each by itself: 778×6=4200+420+48=4620+48=4668."""
    chain = f"{lhs}={first * digit}"
    if len(_significant(Fraction(first))) <= 2:
        return chain
    parts, chain = [place * digit for place in _digits(first)], lhs
    while len(parts) > 1:
        chain += f"={'+'.join(map(str, parts))}"
        parts = [parts[0] + parts[1], *parts[2:]]
    return f"{chain}={parts[0]}"


def _divide(a: Fraction, b: Fraction, lines: list[str]) -> None:
    lhs, quotient = f"{show(a)}÷{show(b)}", a / b
    scale = Fraction(10) ** (decimals_of(b) or 0)
    while (b * scale) % 10 == 0 and a * scale % 10 == 0 and a:
        scale /= 10
    if scale != 1:
        lhs += f"={show(a * scale)}÷{show(b * scale)}"
        a, b = a * scale, b * scale
    result = show(quotient)
    # Written out whenever the divisor is long: whether the quotient is short one knows only afterwards.
    at_sight = _significant(b) == "1" or (quotient.denominator == 1 and len(_significant(a)) <= 3)
    if (len(_significant(b)) <= 1 and at_sight) or result.startswith("(") or not quotient:
        lines.append(f"{lhs}={result}")
        return
    if scale != 1:  # what is calculated with is written down before it is used
        lines.append(lhs)
        lhs = f"{show(a)}÷{show(b)}"
    lines.append("，".join(partial_quotients(a, b, decimals_of(quotient) or 0)))
    lines.append(f"{lhs}={result}")


def partial_quotients(a: Fraction, b: Fraction, places: int = 0) -> Iterator[str]:
    """Long division: what each digit of the quotient takes away and leaves, to so many decimal places."""
    for digit in _digits(int(a / b * 10**places)):
        part = Fraction(digit, 10**places)
        yield f"{show(b)}×{show(part)}={show(b * part)}"
        # what is left is written down even when it is nothing: that is how one knows where to stop
        yield _difference(a, b * part)
        a -= b * part


def _fraction_step(op: str, a: Number, b: Number, lines: list[str]) -> Number:
    if op in "+-":
        return _add_fractions(op, a, b, lines)
    if op == "×":
        if _is_fraction(a) and not _is_fraction(b):
            return _times_fraction(b, a, f"{a}×{b}", lines)
        if not _is_fraction(a):
            return _times_fraction(a, b, f"{a}×{b}", lines)
        return _fraction_product(f"{a}×{b}", a.value, b.value, lines)
    if _is_fraction(b):
        if b.value == 0:
            raise Unsolvable("division by zero")
        inverse = Number(1 / b.value, "fraction")
        if not _is_fraction(a):
            return _times_fraction(a, inverse, f"{a}÷{b}", lines)
        return _fraction_product(f"{a}÷{b}", a.value, inverse.value, lines)
    if b.value.denominator != 1:
        lines.append(f"{b}=({b.value.numerator}/{b.value.denominator})")
        return _fraction_step("÷", a, Number(b.value, "fraction"), lines)
    return _fraction_product(f"{a}÷{b}", a.value, 1 / b.value, lines)


def _fraction_product(lhs: str, a: Fraction, b: Fraction, lines: list[str]) -> Number:
    """Above times above and below times below, as sums of their own: 12×4=48，21×3=63，(12/21)÷(3/4)=(48/63)."""
    work: list[str] = []
    for x, y in ((a.numerator, b.numerator), (a.denominator, b.denominator)):
        if 1 not in (x, y):
            _multiply(Fraction(x), Fraction(y), work)
    raw = (a.numerator * b.numerator, a.denominator * b.denominator)
    lines.append("，".join([*work, f"{lhs}=({raw[0]}/{raw[1]})"]))
    return _lowest_terms(*raw, lines)


def _lowest_terms(top: int, bottom: int, lines: list[str]) -> Number:
    """Reduced by the largest digit (or ten) that goes into both, until none does: 48÷3=16，63÷3=21，(48/63)=(16/21)."""
    while (common := gcd(top, bottom)) > 1:
        factor = next((n for n in range(10, 1, -1) if common % n == 0), common)
        work = [f"{top}÷{factor}={top // factor}"]
        if bottom != factor:
            work.append(f"{bottom}÷{factor}={bottom // factor}")
        left = str(top // factor) if bottom == factor else f"({top // factor}/{bottom // factor})"
        lines.append("，".join([*work, f"({top}/{bottom})={left}"]))
        top, bottom = top // factor, bottom // factor
    return Number(Fraction(top, bottom), "fraction")


def _times_fraction(a: Number, b: Number, lhs: str, lines: list[str]) -> Number:
    """A plain number times a fraction: divide first where that goes without a remainder."""
    top, bottom = Number(Fraction(b.value.numerator)), Number(Fraction(b.value.denominator))
    if bottom.value == 1:
        lines.append(f"{lhs}={a}×{top}")
        return _step("×", a, top, lines)
    if top.value == 1:
        if a.value != 1:
            lines.append(f"{lhs}={a}÷{bottom}")
        return _step("÷", a, bottom, lines)
    if a.value == 1:
        return _as_is(lhs, b, lines)
    if a.value % bottom.value == 0:
        lines.append(f"{lhs}={a}÷{bottom}×{top}")
        return _step("×", _step("÷", a, bottom, lines), top, lines)
    lines.append(f"{lhs}={a}×{top}÷{bottom}")
    return _step("÷", _step("×", a, top, lines), bottom, lines)


def _as_is(lhs: str, result: Number, lines: list[str]) -> Number:
    lines.append(f"{lhs}={result}")
    return result


def _add_fractions(op: str, a: Number, b: Number, lines: list[str]) -> Number:
    value = _apply(op, a.value, b.value)
    plain = b if _is_fraction(a) else a
    if not _is_fraction(plain) and plain.value.denominator != 1:  # a decimal and a fraction meet
        other = a if plain is b else b
        places = decimals_of(other.value)
        if places is not None and places <= 3:
            x, y = Number(a.value), Number(b.value)
            lines.append(f"{a}{op}{b}={x}{op}{y}")
            return _step(op, x, y, lines)
        x, y = Number(a.value, "fraction"), Number(b.value, "fraction")
        lines.append(f"{a}{op}{b}={x}{op}{y}")
        return _add_fractions(op, x, y, lines)
    common = lcm(a.value.denominator, b.value.denominator)
    work: list[str] = []
    tops = [_widened(number.value, common, work) for number in (a, b)]
    raw = value * common
    if raw:
        work.append(_sum(*map(Fraction, tops)) if op == "+" else _difference(*map(Fraction, tops)))
        lines.append("，".join([*work, f"{a}{op}{b}=({raw}/{common})"]))
        return _lowest_terms(int(raw), common, lines)
    return _as_is(f"{a}{op}{b}", Number(value, "fraction"), lines)


def _widened(value: Fraction, bottom: int, work: list[str]) -> int:
    """The numerator of a value over `bottom`, and the sums that it takes: 3/4 over 20 is 4×5=20，3×5=15."""
    factor = bottom // value.denominator
    if factor > 1 and value != 1:
        if value.denominator > 1 and not work:  # what both come over is found once
            _multiply(Fraction(value.denominator), Fraction(factor), work)
        _multiply(Fraction(value.numerator), Fraction(factor), work)
    return value.numerator * factor
