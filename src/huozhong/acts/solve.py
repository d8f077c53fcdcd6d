"""Plans worked out: an equation such as `(316+230*(6-1))` becomes one line for each operation.

Every line is one true equality, as a pupil writes it, that a rule can check (`verify.arithmetic.check_steps`):
`6-1=5`, `230×5=1150`, `316+1150=1466`; fractions of different denominators are brought to one first.  Numbers keep
the style they came in: decimals stay decimals, fractions fractions; what is computed from a percentage is a decimal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from huozhong.verify.numbers import Number, Style, decimals_of, show

LARGEST = 10**12  # of numerators and denominators: what grows beyond is no sum of a school book


class Unsolvable(Exception):
    """The equation cannot be read, or uses what is not taught (odd powers)."""


class TooLittle(Unsolvable):
    """A difference below nothing; says which."""


class NoDivisor(Unsolvable):
    """A division by zero; says which."""


class TooLong(Unsolvable):
    """A number that is absurdly large, or absurdly finely divided."""


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
                raise NoDivisor(f"{top}÷0")
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


def _parse_sum(tokens: list[Number | str], at: int, rank: int = 1) -> tuple[Node, int]:
    if rank == 4:
        return _parse_leaf(tokens, at)
    node, at = _parse_sum(tokens, at, rank + 1)
    while at < len(tokens):
        op = tokens[at]
        if not isinstance(op, str) or _RANK.get(op) != rank:
            break
        right, at = _parse_sum(tokens, at + 1, rank + 1)
        node = Operation(op, node, right)
    return node, at


def _parse_leaf(tokens: list[Number | str], at: int) -> tuple[Node, int]:
    first = tokens[at] if at < len(tokens) else ""
    if isinstance(first, Number):
        return first, at + 1
    if first == "(":
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
            raise NoDivisor(f"{show(a)}÷0")
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
    """Work an equation out line by line.  Raises `Unsolvable` where it cannot be finished.

    `lines`, if given, holds what was worked out until then.
    """
    lines = [] if lines is None else lines
    answer = _reduce(node, lines)
    return Solution(str(node), tuple(lines), Number(answer.value) if answer.style == "percent" else answer)


def _reduce(node: Node, lines: list[str]) -> Number:
    if isinstance(node, Number):
        return node
    left, right = _reduce(node.left, lines), _reduce(node.right, lines)
    if node.op == "^":
        return _power(left, right, lines)
    return _step(node.op, left, right, lines)


def _power(base: Number, power: Number, lines: list[str]) -> Number:
    """Squares and cubes are written as products."""
    value = _sized(_apply("^", base.value, power.value))
    lines.append("×".join([str(base)] * int(power.value)) + f"={Number(value, _style(base, base))}")
    return Number(value, _style(base, base))


def _is_fraction(number: Number) -> bool:
    return str(number).startswith("(")


def _style(a: Number, b: Number) -> Style:
    """Fractions alone stay fractions; a decimal beside them makes decimals, where they end."""
    return "fraction" if _is_fraction(a) and _is_fraction(b) else "decimal"


def _sized(value: Fraction) -> Fraction:
    if max(abs(value.numerator), value.denominator) > LARGEST:
        raise TooLong("too long a number")
    return value


def _step(op: str, a: Number, b: Number, lines: list[str]) -> Number:
    if op == "÷" and b.value == 0:
        raise NoDivisor(f"{a}÷{b}")
    value = _sized(_apply(op, a.value, b.value))
    if value < 0:
        raise TooLittle(f"{a}-{b}")
    if not (_is_fraction(a) or _is_fraction(b)):
        result = Number(value)
        lines.append(f"{a}{op}{b}={result}")
        return result
    if op in "+-":
        return _add_fractions(op, a, b, value, lines)
    return _times_fraction(op, a, b, value, lines)


def _times_fraction(op: str, a: Number, b: Number, value: Fraction, lines: list[str]) -> Number:
    """Division is multiplication with the inverse; two fractions are multiplied first, then reduced."""
    result = Number(value, _style(a, b) if op == "×" or _is_fraction(b) else "fraction")
    chain = [f"{a}{op}{b}"]
    if op == "÷" and _is_fraction(b):
        b = Number(1 / b.value, "fraction")
        chain.append(f"{a}×{b}")
    if _is_fraction(a) and _is_fraction(b):
        chain.append(f"({a.value.numerator * b.value.numerator}/{a.value.denominator * b.value.denominator})")
    lines.append("=".join(dict.fromkeys((*chain, str(result)))))
    return result


def _add_fractions(op: str, a: Number, b: Number, value: Fraction, lines: list[str]) -> Number:
    """With a decimal as decimals, where the fraction is a short one; else with one denominator."""
    chain = [f"{a}{op}{b}"]
    fraction, plain = (a, b) if _is_fraction(a) else (b, a)
    places = decimals_of(fraction.value)
    if not _is_fraction(plain) and plain.value.denominator != 1 and places is not None and places <= 3:
        x, y, result = Number(a.value), Number(b.value), Number(value)
        chain.append(f"{x}{op}{y}")
    else:
        result = Number(value, "fraction")
        common = math.lcm(a.value.denominator, b.value.denominator)
        tops = [int(n.value * common) for n in (a, b)]
        if a.value.denominator != b.value.denominator and 1 not in (a.value, b.value):
            chain.append(f"({tops[0]}/{common}){op}({tops[1]}/{common})")
        if value:
            chain.append(f"({tops[0] + tops[1] if op == '+' else tops[0] - tops[1]}/{common})")
    lines.append("=".join(dict.fromkeys((*chain, str(result)))))
    return result
