"""The one line of a problem that is a model's own: which characters may follow as it is written.

    b÷(b÷a+c)        letters of the numbers that are told, constants, + - × ÷ ^ and brackets

`PlanLine` is a state of a small automaton; `after` gives the state after more text, None where that is no plan.
Constants are whole numbers, decimals, percentages and fractions in brackets, as `solve.write` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import Literal

DEEPEST = 4  # brackets in one another
CHARACTERS = frozenset(ascii_lowercase + "0123456789+-×÷^()./%\n")

# What was written last, as far as it matters for what comes next.
Place = Literal[
    "operand",  # a number, a letter or a bracket must follow
    "bracket",  # the same, and a fraction may begin
    "factor",  # an operand behind × or ÷
    "value",  # a letter, a percentage or a closing bracket: complete
    "digits",  # of a whole number
    "top",  # of a whole number right behind a bracket, which may turn out to be a fraction's numerator
    "point",  # a decimal's digits must follow
    "decimals",
    "slash",  # a denominator must follow
    "bottom",
    "power",  # 2 or 3 must follow
    "end",
]
_DIGITS_AFTER: dict[Place, Place] = {
    "operand": "digits",
    "factor": "digits",
    "bracket": "top",
    "digits": "digits",
    "top": "top",
    "point": "decimals",
    "decimals": "decimals",
    "slash": "bottom",
    "bottom": "bottom",
}
_NUMBERS = ("digits", "top", "decimals")
_OPERANDS = ("operand", "bracket", "factor")
_COMPLETE = (*_NUMBERS, "value")


@dataclass(frozen=True)
class PlanLine:
    """A plan so far.  letters: how many are told; depth: brackets that are open.

    small: whether its constants are 1 to 4 (and no factor is 1): where a plan failed, whose result would be taken for
    a number of the problem.  sums: whether only letters, + and - may be written.
    """

    letters: int
    place: Place = "operand"
    depth: int = 0
    small: bool = False
    sums: bool = False

    def after(self, text: str) -> PlanLine | None:
        """The state after `text`; None if no plan goes on like that."""
        state: PlanLine = self
        for character in text:
            further = state._after(character)
            if further is None:
                return None
            state = further
        return state

    def _after(self, c: str) -> PlanLine | None:
        place: Place | None = None
        depth = self.depth
        is_complete = self.place in _COMPLETE
        if c.isascii() and c.isdigit():
            place = _DIGITS_AFTER.get(self.place)
            if self.sums or (
                self.small
                and (self.place in ("digits", "top") or c not in "1234" or (self.place == "factor" and c == "1"))
            ):
                place = None
            if self.place == "power" and c in "23":
                place = "value"
        elif c in ascii_lowercase:
            is_told = ascii_lowercase.index(c) < self.letters
            place = "value" if is_told and self.place in _OPERANDS else None
        elif c == "(":
            depth += 1
            place = "bracket" if self.place in _OPERANDS and depth <= DEEPEST else None
        elif c == ")":
            depth -= 1
            place = "value" if (is_complete or self.place == "bottom") and depth >= 0 else None
        elif c == "\n":
            place = "end" if is_complete and depth == 0 else None
        elif self.sums and c in "×÷^":
            place = None
        elif c in "+-×÷":
            place = ("factor" if c in "×÷" else "operand") if is_complete else None
        elif c == "^":
            place = "power" if is_complete else None
        elif c == ".":
            place = "point" if self.place in ("digits", "top") and not self.small else None
        elif c == "/":
            place = "slash" if self.place == "top" else None
        elif c == "%":
            place = "value" if self.place in _NUMBERS and not self.small else None
        return None if place is None else replace(self, place=place, depth=depth)
