"""One way of writing an equation: published ones say a×b or b×a, a÷(b×c) or a÷b÷c, as their authors happened to.

A model that must guess which one was meant learns a coin's tosses.  Here operands come in the order in which the
question names them (Wang et al. 2018, "Translating a Math Word Problem to an Expression Tree", arXiv:1811.05632, §3.2),
and brackets that only divide or take away twice are opened: 360÷(4×6) becomes 360÷6÷4, 12-(3+4) becomes 12-3-4.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from huozhong.acts.solve import Node, Operation, intermediate_values, leaves
from huozhong.verify.numbers import MAX_DECIMALS, Number, decimals_of

Place = Callable[[Number], int | None]  # where the question names a number first; None: nowhere
_LAST = 10**6
_PI = Fraction("3.14")


def normal_form(node: Node, place: Place) -> Node:
    """The same value, written in the one way that the question's order of numbers gives it.

    What would go below zero or leave long decimals on the way stays as it was published.
    """
    if isinstance(node, Number):
        return node
    if node.op == "^":
        return Operation("^", normal_form(node.left, place), node.right)
    plus, minus = ("+", "-") if node.op in "+-" else ("×", "÷")
    parts = [(sign, normal_form(part, place)) for sign, part in _parts(node, plus, minus, True)]
    before = _first_constants(parts) if plus == "+" else {_PI}
    parts.sort(key=lambda item: _position(item[1], place, before))  # a stable sort: what has no place keeps its own
    front = next(index for index, (sign, _) in enumerate(parts) if sign)
    in_order = [parts[front], *parts[:front], *parts[front + 1 :]]
    adding_first = sorted(in_order, key=lambda item: not item[0])
    for candidate in (in_order, adding_first):
        built = _join(candidate, plus, minus)
        if _sensible(built):
            return built
    return Operation(node.op, normal_form(node.left, place), normal_form(node.right, place))


def _parts(node: Node, plus: str, minus: str, sign: bool) -> list[tuple[bool, Node]]:
    """The operands of a chain of one rank; False for those that are taken away or divided by."""
    if isinstance(node, Number) or node.op not in (plus, minus):
        return [(sign, node)]
    right = sign if node.op == plus else not sign
    return _parts(node.left, plus, minus, sign) + _parts(node.right, plus, minus, right)


def _first_constants(parts: list[tuple[bool, Node]]) -> set[Fraction]:
    """A whole stands before its shares, 1-15%; what is merely added comes last, 200÷5+1."""
    shares = any(leaf.style != "decimal" for _, part in parts for leaf in leaves(part))
    return {Fraction(1)} if shares else set()


def _position(part: Node, place: Place, before: set[Fraction]) -> int:
    places = [where for leaf in leaves(part) if (where := place(leaf)) is not None]
    if places:
        return min(places)
    return -1 if isinstance(part, Number) and part.value in before else _LAST


def _join(parts: list[tuple[bool, Node]], plus: str, minus: str) -> Node:
    node = parts[0][1]
    for sign, part in parts[1:]:
        node = Operation(plus if sign else minus, node, part)
    return node


def _sensible(node: Node) -> bool:
    """No value below zero on the way, and none with long decimals, unless fractions are calculated with anyway."""
    *way, result = intermediate_values(node)
    if any(value < 0 for value in way):
        return False
    if decimals_of(result) is None or any(leaf.style == "fraction" for leaf in leaves(node)):
        return True
    return all((places := decimals_of(value)) is not None and places <= MAX_DECIMALS for value in way)
