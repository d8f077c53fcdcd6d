"""English word problems with one equation each, put together from the steps `48/2 = 24` of GSM8K's solutions."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction

from huozhong.acts.solve import Node, Operation, Unsolvable, leaves, parse, replace_leaves, value_of
from huozhong.verify.numbers import Number, told

_STEP = re.compile(r"([-+*/x×÷$().,\d\s]*\d[-+*/x×÷$().,\d\s]*?)\s*=\s*\$?\s*(\d[\d,]*(?:\.\d+)?)")


def equation_of(solution: str, answer: str) -> Node | None:
    """Every step's operands replaced by the step they come from; None where that does not give the answer."""
    known: dict[Fraction, Node] = {}
    node: Node | None = None
    try:
        for left, right in _STEP.findall(solution):
            written = re.sub(r"[$,\s]", "", left).replace("x", "*").strip(".")
            if not re.search(r"\d[)]*[-+*/×÷]", written):
                continue
            step = parse(written)
            if value_of(step) != Fraction(right.replace(",", "")):
                continue
            node = _put_in(step, known)
            known[value_of(node)] = node
        if node is None or value_of(node) != Fraction(answer.replace(",", "")):
            return None
    except (Unsolvable, ValueError, ZeroDivisionError, IndexError, AttributeError):
        return None
    return node


def _put_in(node: Node, known: dict[Fraction, Node]) -> Node:
    if isinstance(node, Number):
        return known.get(node.value, node)
    if node.op == "^":
        return node
    return Operation(node.op, _put_in(node.left, known), _put_in(node.right, known))


def source_of(question: str, solution: str, answer: str) -> tuple[str, Node] | None:
    """Only what a small model can hold: a short question, and no more than six numbers in its equation."""
    question = re.sub(r"\s+", " ", question).strip()
    if len(question) > 330:
        return None
    node = equation_of(solution, answer)
    if node is None or not 2 <= len(leaves(node)) <= 7:
        return None
    values = {number.value for number in told(question)}
    # what a step found is told by the question as well: which of them was meant nobody knows
    return (
        (question, node)
        if all(
            leaf.value in values or leaf.value in (1, 2, 7, 12, 60, 100, 24, 4, 30, 52, 365) for leaf in leaves(node)
        )
        else None
    )


def renumbered(question: str, node: Node, rng: random.Random) -> tuple[str, Node] | None:
    """Other whole numbers in the same story; None where the result is not whole and above zero as before."""
    spans = [
        (m.start(), m.end(), m[0])
        for m in re.finditer(r"(?<![\d.,/$])\$?\d+(?![\d.,/%]|\s*(?:a\.?m|p\.?m|th|st|nd|rd))", question)
    ]
    used = {leaf.value for leaf in leaves(node)}
    new: dict[str, str] = {}
    moves: dict[Number, Number] = {}
    for _, _, text in spans:
        digits = text.lstrip("$")
        value = Fraction(digits)
        if value in used and value > 2 and digits not in new:
            other = max(2, round(float(value) * rng.uniform(0.5, 1.8)))
            new[digits] = str(other)
            moves[Number(value)] = Number(Fraction(other))
    if not new or len(set(new.values())) < len(new):
        return None
    changed = replace_leaves(node, moves)
    try:
        if value_of(changed) <= 0 or value_of(changed).denominator != 1:
            return None
    except Unsolvable:
        return None
    out, at = [], 0
    for start, end, text in spans:
        digits = text.lstrip("$")
        out += [question[at:start], text[: len(text) - len(digits)] + new.get(digits, digits)]
        at = end
    return "".join([*out, question[at:]]), changed


def read(rows: list[dict]) -> Iterator[tuple[str, Node]]:
    for row in rows:
        found = source_of(row["question"], row["solution"], row["answer"])
        if found is not None:
            yield found


LEFT_OUT = 200  # the last ones are what `by_kind` measures with


def held_out(found: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
    return found[-LEFT_OUT:]
