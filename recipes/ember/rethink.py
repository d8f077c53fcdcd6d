"""Solutions that begin with a wrong plan, notice it and think again.

Half of ember's wrong plans give themselves away once they are worked out: 36 take away 41 does not go, and two and a
half children cannot be.  R1 was seen to learn such second looks by reinforcement (DeepSeek-AI 2025, arXiv:2501.12948,
§2.2.4); so small a model is shown them, on wrong plans of its own (`wrong_plans.py`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction

from solve import Node, Number, Operation, Solution, TooLittle, Unsolvable, parse, partial_quotients, solve, write

_OTHER = {"+": "-", "-": "+", "×": "÷", "÷": "×"}
AGAIN = "再想想"  # how a line ends that says why a plan cannot be
_UNEVEN = re.compile(r"(\d+÷\d+=)?(\d+)÷(\d+)=\(\d+/\d+\)")
LONGEST_WORK = 110  # characters: what is noticed late is not worth reading so far


def noticed(wrong: Node, right: Solution) -> list[str] | None:
    """A wrong plan worked out as far as it goes, the last line saying why it cannot be; None if it could be right.

    It cannot if something is to be taken from less, if a division does not come out where the right plan has no
    fractions, or if the answer is not whole where the right one is.
    """
    lines: list[str] = []
    why = None
    try:
        answer = solve(wrong, lines).answer
        if right.answer.value.denominator == 1 != answer.value.denominator:
            why = f"{answer}不是整数，{AGAIN}"
    except TooLittle as difference:
        why = f"{difference}不够减，{AGAIN}"
    except Unsolvable:
        return None
    if "(" not in "".join(right.lines):
        for number, line in enumerate(lines):
            if (division := _UNEVEN.fullmatch(line)) is not None:
                lines[number:] = _long_division(division[1] or "", int(division[2]), int(division[3]))
                why = f"{division[2]}÷{division[3]}除不尽，{AGAIN}"
                break
    if why is None or sum(map(len, lines)) > LONGEST_WORK:
        return None
    return [*lines, why]


def _long_division(scaled: str, a: int, b: int) -> list[str]:
    """As far as whole numbers go; by one digit one sees that it does not come out."""
    lines = [f"{scaled}{a}÷{b}"] if scaled else []
    return [*lines, "，".join(partial_quotients(Fraction(a), Fraction(b)))] if b > 9 and a > b else lines


def spoilt(node: Node, rng: random.Random) -> Node:
    """A plan with one thing wrong: the other way round, another sign, or a part left out."""
    if isinstance(node, Number):
        return node
    if (roll := rng.random()) < 0.45 and any(isinstance(part, Operation) for part in (node.left, node.right)):
        if isinstance(node.right, Number) or (isinstance(node.left, Operation) and rng.random() < 0.5):
            return Operation(node.op, spoilt(node.left, rng), node.right)
        return Operation(node.op, node.left, spoilt(node.right, rng))
    if roll < 0.65 and node.op in "-÷":
        return Operation(node.op, node.right, node.left)
    if roll < 0.85 and node.op in _OTHER:
        return Operation(_OTHER[node.op], node.left, node.right)
    return rng.choice((node.left, node.right))


def letters_of(told: str) -> dict[Number, str]:
    """`a=16，b=(1/2)`, the first line of a solution, read back.  Raises Unsolvable for any other line."""
    pairs = (part.partition("=") for part in told.split("，"))
    named = {parse(number): letter for letter, _, number in pairs}
    return {number: letter for number, letter in named.items() if isinstance(number, Number)}


def rethought(told: str, wrongs: Sequence[Node], solution: Solution) -> str | None:
    """The reasoning that begins with wrong plans and ends with the solution; None if one of them cannot be noticed.

    `told` is its first line, the numbers and their letters (`word_problems.in_letters`).
    """
    names = letters_of(told)
    parts = [told]
    for wrong in wrongs:
        lines = noticed(wrong, solution)
        if lines is None:
            return None
        parts += [write(wrong, names), *_with_equation(str(wrong), lines)]
    return "\n".join([*parts, write(parse(solution.equation), names), solution.text()])


def _with_equation(equation: str, lines: list[str]) -> list[str]:
    """As in `Solution.text`: an equation that the first line begins with needs no line of its own."""
    return lines if lines[0].startswith((f"{equation}=", f"{equation}不")) else [equation, *lines]
