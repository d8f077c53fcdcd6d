"""Solutions that begin with a plan that cannot be, notice it and think again.

A fifth of ember's wrong plans take something from less on the way: 36.5-41.4.  R1 was seen to learn such second looks
by reinforcement (DeepSeek-AI 2025, arXiv:2501.12948, §2.2.4); so small a model is shown them, on plans of its own
(`second_thoughts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from solve import Node, Number, Operation, Solution, TooLittle, Unsolvable, parse, solve, value_of, write

AGAIN = "再想想"  # how a line ends that says why a plan cannot be
LONGEST_WORK = 150  # characters: what is noticed late is not worth reading so far
_LETTER = re.compile(r"[a-z]")


def too_little(difference: TooLittle) -> str:
    """The line that notices it."""
    return f"{difference}不够减，{AGAIN}"


def noticed(plan: Node) -> list[str] | None:
    """A plan worked out until something is to be taken from less, which the last line says; None if nothing is."""
    lines: list[str] = []
    try:
        solve(plan, lines)
    except TooLittle as difference:
        lines.append(too_little(difference))
        return lines if sum(map(len, lines)) <= LONGEST_WORK else None
    except Unsolvable:
        return None
    return None


def cannot_be(plan: Node) -> bool:
    """Whether a plan gives itself away."""
    return noticed(plan) is not None


def exchanged(plan: Node) -> Node:
    """The same plan with every difference the other way round that would be below nothing.  Raises Unsolvable."""
    if isinstance(plan, Number):
        return plan
    left, right = exchanged(plan.left), exchanged(plan.right)
    if plan.op == "-" and value_of(left) < value_of(right):
        left, right = right, left
    return Operation(plan.op, left, right)


def letters_of(told: str) -> dict[Number, str]:
    """`a=16，b=(1/2)`, the first line of a solution, read back.  Raises Unsolvable for any other line."""
    pairs = (part.partition("=") for part in told.split("，"))
    named = {parse(number): letter for letter, _, number in pairs}
    return {number: letter for number, letter in named.items() if isinstance(number, Number)}


def plan_of(letters: str, told: str) -> Node | None:
    """The equation in numbers of a plan in letters; None for what is not one, or not as `solve.write` writes it."""
    numbers = {letter: str(number) for number, letter in letters_of(told).items()}
    try:
        plan = parse(_LETTER.sub(lambda match: numbers[match.group()], letters))
    except (Unsolvable, KeyError):
        return None
    return plan if not isinstance(plan, Number) and write(plan, letters_of(told)) == letters else None


def rethought(told: str, tried: Sequence[Node], solution: Solution) -> str | None:
    """The reasoning that begins with plans that cannot be and ends with a solution; None if one of them could be.

    `told` is its first line, the numbers and their letters (`word_problems.told_in`).
    """
    names = letters_of(told)
    parts = [told]
    for plan in tried:
        lines = noticed(plan)
        if lines is None:
            return None
        parts += [write(plan, names), *_with_equation(str(plan), lines)]
    return "\n".join([*parts, write(parse(solution.equation), names), solution.text()])


def _with_equation(equation: str, lines: list[str]) -> list[str]:
    """As in `Solution.text`: an equation that the first line begins with needs no line of its own."""
    return lines if lines[0].startswith((f"{equation}=", f"{equation}不")) else [equation, *lines]
