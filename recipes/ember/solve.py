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
            raise Unsolvable(f"unreadable at {text[at : at + 5]!r}")
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
    """Work an equation out line by line.  Raises Unsolvable for what this recipe does not teach.

    `lines`, if given, holds what was worked out until then.
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
    if value < 0 and not (_is_fraction(a) or _is_fraction(b)):
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
    return chain + "".join(_added_up([a, b]))


def _added_up(terms: list[Fraction]) -> Iterator[str]:
    """`=` and what is left to add, after every digit of the second term, until one number is left."""
    while len(terms) > 1:
        a, b, *rest = terms
        scale = 10 ** (decimals_of(b) or 0)
        part = Fraction(_digits(int(b * scale))[0], scale)
        terms = [a + part, *([b - part] if b != part else []), *rest]
        yield "=" + "+".join(map(show, terms))


def _multiply(a: Fraction, b: Fraction, lines: list[str]) -> None:
    lhs, result = f"{show(a)}×{show(b)}", show(a * b)
    if min(len(_significant(a)), len(_significant(b))) <= 1:
        lines.append(f"{lhs}={result}")
        return
    whole_a, whole_b = (value * 10 ** (decimals_of(value) or 0) for value in (a, b))
    first, second = int(whole_a), int(whole_b)
    if len(_significant(whole_b)) > len(_significant(whole_a)):
        first, second = second, first
    parts = [first * digit for digit in _digits(second)]
    chain = f"{first}×{second}={'+'.join(map(str, parts))}"
    lines.append(chain + "".join(_added_up(list(map(Fraction, parts)))))
    if f"{first}×{second}" != lhs:
        lines.append(f"{lhs}={result}")


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
    if len(_significant(b)) <= 1 or result.startswith("(") or not quotient:
        lines.append(f"{lhs}={result}")
        return
    if scale != 1:  # what is calculated with is written down before it is used
        lines.append(lhs)
        lhs = f"{show(a)}÷{show(b)}"
    work, rest = [], a
    places = decimals_of(quotient) or 0
    for digit in _digits(int(quotient * 10**places)):
        part = Fraction(digit, 10**places)
        # what is left is written down even when it is nothing: that is how one knows where to stop
        work += [f"{show(b)}×{show(part)}={show(b * part)}", _difference(rest, b * part)]
        rest -= b * part
    lines.append("，".join(work))
    lines.append(f"{lhs}={result}")


def _fraction_step(op: str, a: Number, b: Number, lines: list[str]) -> Number:
    if op in "+-":
        return _add_fractions(op, a, b, lines)
    if op == "×":
        if _is_fraction(a) and not _is_fraction(b):
            return _times_fraction(b, a, f"{a}×{b}", lines)
        if not _is_fraction(a):
            return _times_fraction(a, b, f"{a}×{b}", lines)
        raw = (a.value.numerator * b.value.numerator, a.value.denominator * b.value.denominator)
        return _write_raw(f"{a}×{b}", raw, a.value * b.value, lines)
    if _is_fraction(b):
        if b.value == 0:
            raise Unsolvable("division by zero")
        inverse = Number(1 / b.value, "fraction")
        if not _is_fraction(a):
            return _times_fraction(a, inverse, f"{a}÷{b}", lines)
        raw = (a.value.numerator * b.value.denominator, a.value.denominator * b.value.numerator)
        return _write_raw(f"{a}÷{b}", raw, a.value / b.value, lines)
    if b.value.denominator != 1:
        lines.append(f"{b}=({b.value.numerator}/{b.value.denominator})")
        return _fraction_step("÷", a, Number(b.value, "fraction"), lines)
    raw = (a.value.numerator, a.value.denominator * b.value.numerator)
    return _write_raw(f"{a}÷{b}", raw, a.value / b.value, lines)


def _write_raw(lhs: str, raw: tuple[int, int], value: Fraction, lines: list[str]) -> Number:
    """`lhs=(top/bottom)` as it comes, then reduced if that changes anything."""
    result = Number(value, "fraction")
    written = f"({raw[0]}/{raw[1]})"
    lines.append(f"{lhs}={written}" if written == str(result) else f"{lhs}={written}={result}")
    return result


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
            if value < 0:
                raise TooLittle(f"{a}-{b}={x}-{y}")
            lines.append(f"{a}{op}{b}={x}{op}{y}={show(value)}")
            return Number(value)
        x, y = Number(a.value, "fraction"), Number(b.value, "fraction")
        lines.append(f"{a}{op}{b}={x}{op}{y}")
        return _add_fractions(op, x, y, lines)
    result = Number(value, "fraction")
    lhs = f"{a}{op}{b}"
    common = max(a.value.denominator, b.value.denominator)
    if common % a.value.denominator or common % b.value.denominator:
        common = a.value.denominator * b.value.denominator // _gcd(a.value.denominator, b.value.denominator)
    tops = [int(n.value * common) for n in (a, b)]
    raw_value = (tops[0] + tops[1]) if op == "+" else (tops[0] - tops[1])
    if a.value.denominator != b.value.denominator and 1 not in (a.value, b.value):
        lhs += f"=({tops[0]}/{common}){op}({tops[1]}/{common})"
    if value < 0:  # of fractions one sees it when they have the same denominator
        raise TooLittle(lhs)
    return _write_raw(lhs, (raw_value, common), value, lines) if raw_value else _as_is(lhs, result, lines)


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
