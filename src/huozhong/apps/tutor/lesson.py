"""A problem with a confirmed plan: what is secret of it, what may be said, how far the pupil has come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from huozhong.acts.read_back import known_numbers
from huozhong.acts.reading import read
from huozhong.acts.solve import Node, Operation, leaves, parse
from huozhong.acts.steps import Step, Worked
from huozhong.acts.wording import another_way
from huozhong.text.language import is_english
from huozhong.verify.leak import leaks
from huozhong.verify.numbers import Number, told
from huozhong.verify.quoted import unquoted

State = dict[str, Any]


class Lesson:
    """A problem with a confirmed plan, and how far the pupil has come."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.problem: str = state["problem"]
        self.text = read(self.problem).text
        self.english = is_english(self.problem)
        self.plan: Node = parse(state["plan"])
        self.work = Worked(self.text, self.plan)
        self.reached = {Fraction(one) for one in state["reached"]}
        self.done: bool = state["done"]

    @cached_property
    def answers(self) -> set[Fraction]:
        """What counts as the answer: in the unit that is asked for, rounded where it has to be, in percent."""
        units = read(self.problem).units
        values = {self.work.answer.value}
        if units.inside is not None and units.asked is not None:
            values.add(units.converted(self.work.answer.value))
        if self.work.asked is not None and self.work.asked.kind == "percent":
            values.add(self.work.answer.value * 100)
        return values

    @cached_property
    def between(self) -> set[Fraction]:
        """Results on the way, of this way and of another one that comes to the same, and of changing units."""
        ways = [self.plan, another_way(self.plan)]
        results = {step.result.value for way in ways if way is not None for step in Worked(self.text, way).steps}
        return results | self.changed

    @cached_property
    def changed(self) -> set[Fraction]:
        """Numbers of the plan that the problem does not tell and that come of a change of units: 300厘米 of 3米.

        How long it is from 21时 to 5时 is one, too.
        """
        made = {one.value for one in told(self.text)} - {one.value for one in told(self.problem)}
        return made & {number.value for number in leaves(self.plan)}

    @property
    def secrets(self) -> set[Fraction]:
        return self.answers | self.between | {self.work.exact.value}

    def hides(self, number: Number) -> bool:
        """Whether a number is not said, though the problem may tell it: what the pupil has not come to.

        25% tells 25, too, and 3/4 the 3.
        """
        return bool(leaks(str(number), self.secrets, self.reached))

    @property
    def known(self) -> set[Fraction]:
        """Numbers that a pupil's steps may begin with: of the problem, and those the pupil has come to."""
        brought = {number.value for number in leaves(self.plan)} - self.secrets
        shown = {side.value for side in (self.step.node.left, self.step.node.right) if not isinstance(side, Operation)}
        return {number.value for number in known_numbers(self.problem)} | brought | shown | self.reached

    @property
    def step(self) -> Step:
        """The first step whose result is not reached."""
        open_steps = [step for step in self.work.steps if step.result.value not in self.reached]
        return open_steps[0] if open_steps else self.work.steps[-1]

    @property
    def is_first(self) -> bool:
        """Whether nothing is reached yet."""
        return not self.reached

    def is_safe(self, text: str, shown: Iterable[str] = (), own: Iterable[Fraction] = ()) -> bool:
        """Whether a text tells nothing that the pupil should find.  own: numbers of the pupil's own.

        A number that the problem tells and that is to be found as well may only stand where the problem's own clause is
        quoted (`verify.quoted`).
        """
        return not leaks(
            unquoted(text, self.problem), self.secrets, self.reached.union(own), (self.problem, self.text, *shown)
        )


def clauses_of(text: str) -> list[str]:
    """A problem's clauses, without what divides them."""
    pieces = re.split(r"[，。；！？,;!?\n]|[.．](?!\d)", text)
    return [piece.strip() for piece in pieces if piece.strip()]
