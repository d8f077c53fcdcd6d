"""A plan read back from an answer's visible working, and held against the problem: 4×5=20, 36-20=16 is 36-4×5.

Whoever answered, a small model or a large one, wrote equalities.  They make a plan when every one of them holds
exactly, their numbers stand in the problem or were worked out before (or are 60 minutes and the like, where the
problem is about such), and the last one is what the answer states.  Anything else is no plan: `read_plan` says None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from huozhong.acts.asked import asks_two, asks_whole, rounded
from huozhong.acts.measures import LENGTHS
from huozhong.acts.reading import read
from huozhong.acts.solve import (
    Node,
    Operation,
    Unsolvable,
    intermediate_values,
    leaves,
    parse,
    replace_leaves,
    value_of,
)
from huozhong.acts.steps import Worked, is_of_another_kind
from huozhong.errors import DataError
from huozhong.verify.arithmetic import check_steps, evaluate, final_answer, parse_number
from huozhong.verify.expression import normalise
from huozhong.verify.numbers import Number, mentions, told

MOST_STEPS = 12

# Numbers that a plan may bring along, and what the problem is about then.
_BROUGHT = (
    ("1 2 100", ""),
    ("3.14", "圆|半径|直径|circle|radius|diameter"),
    ("3", "三角|等边|triang"),
    ("4", "正方|方形|方[桌阵队]|四|square|周长"),
    ("6 12", "正方体|棱|表面积|cube|年|月|打|dozen|year"),
    ("7", "周|星期|礼拜|week"),
    ("24", "天|日|day"),
    ("30 365 366", "月|年|year|month"),
    ("60 3600", "分|时|秒|minute|hour|second"),
    ("10 1000 10000", "米|克|升|吨|元|角|分|亩|顷|m|g|l|yuan|cent"),
    ("5 10", "平均|折|成|0"),
)


def known_numbers(problem: str) -> list[Number]:
    """What is told: the numbers of the problem, and those that stand in it once it is in one unit of each kind."""
    return list(dict.fromkeys((*told(problem), *told(read(problem).text))))


def read_plan(problem: str, answer: str, *, by_rule: bool = False) -> Node | None:
    """The plan that an answer rests on; None where it cannot be read.

    by_rule: the answer is a rule's own working, not a model's: it may bring any number along, and be about one of two.
    """
    answer = _UNIT.sub("", normalise(answer.rsplit("</think>", 1)[-1]))
    report = check_steps(answer)
    stated = final_answer(answer)
    if not report.steps or not report.all_correct or stated is None or (asks_two(problem) and not by_rule):
        return None
    numbers = known_numbers(problem)
    sides = {_bare(side) for chain in _CHAIN.finditer(answer.replace("$", "")) for side in re.split("[=≈]", chain[0])}
    if any(_bare(step.left) not in sides or _bare(step.right) not in sides for step in report.steps):
        return None  # what was not understood may be what matters
    try:
        plan = _joined(list(_equalities(answer, numbers)), stated, problem, numbers, "≈" in answer, by_rule)
        if plan is None or any(value < 0 for value in intermediate_values(plan)):
            return None
    except Unsolvable:
        return None
    text = read(problem).text
    whole = rounded(text, value_of(plan))
    if asks_whole(text) and whole.denominator != 1:
        return None
    if (
        is_of_another_kind(text, plan)
        or _is_squared(text, plan)
        or not {n.value for n in numbers} & {n.value for n in leaves(plan)}
    ):
        return None
    return plan


def _is_squared(text: str, plan: Node) -> bool:
    """Whether what is counted is multiplied by itself: 105 people times 7 people of a group."""
    unit = Worked.measured(text, plan)
    return unit is not None and any(abs(power) > 1 and name not in LENGTHS for name, power in unit.powers)


# -- equalities --------------------------------------------------------------------------------------------------

_SIDE = r"[\d(][\d.+\-*/()%^ ]*[\d)%]|\d"
_CHAIN = re.compile(rf"(?:{_SIDE})(?:\s*[=≈]\s*(?:{_SIDE}))+")
_UNIT = re.compile(
    r"(?<=[\d)%])\s?(?:[（(][\u4e00-\u9fff]{1,4}[)）]|[\u4e00-\u9fff]{1,4}|cm|dm|mm|km|kg|m|g|L)\s?(?=[-+*/)=])"
)
_QUOTIENT = re.compile(r"(?<![\d.)/])(\d+)/(\d+)(?![\d.(/])")


def _equalities(answer: str, numbers: Iterable[Number]) -> Iterable[tuple[Node, Fraction]]:
    """What is computed, and its value, in order."""
    fractions = {number.value for number in numbers if number.style == "fraction"}
    for line in answer.split("\n"):
        for chain in _CHAIN.finditer(line.replace("$", "")):
            sides = [side.strip() for side in re.split("[=≈]", chain[0])]
            if not re.search(r"[\d)%]\s*[-+*/^]", sides[0]) or parse_number(sides[0]) in fractions:
                continue
            try:
                value = evaluate(sides[0])
                node = parse(_with_fractions(sides[0], fractions))
            except DataError as error:
                raise Unsolvable(str(error)) from None
            fractions.add(value)
            yield node, value


def _bare(expression: str) -> str:
    return re.sub(r"\s", "", expression)


def _with_fractions(expression: str, fractions: set[Fraction]) -> str:
    """3/4 is one number where the problem tells it or it was worked out, otherwise a division."""

    def one(found: re.Match[str]) -> str:
        top, bottom = int(found[1]), int(found[2])
        is_one = bottom and Fraction(top, bottom) in fractions and Fraction(top, bottom).denominator == bottom
        return f"({found[0]})" if is_one else found[0]

    return _QUOTIENT.sub(one, expression)


def _joined(
    steps: list[tuple[Node, Fraction]],
    stated: Fraction,
    problem: str,
    numbers: list[Number],
    is_about: bool,
    by_rule: bool,
) -> Node | None:
    """The steps as one plan: results in the places where they are used again."""
    if not 0 < len(steps) <= MOST_STEPS:
        return None
    meant = [at for at, (_, value) in enumerate(steps) if _is_stated(stated, value, problem, is_about)]
    told_values = {number.value for number in numbers}
    if not meant or any(value not in told_values for _, value in steps[meant[-1] + 1 :]):
        return None  # behind the answer it is only tried out whether the problem's own numbers come back
    made: list[tuple[Fraction, Node]] = []
    used: set[int] = set()
    for node, value in steps[: meant[-1] + 1]:
        if any(value == known for known, _ in made) and node is not steps[meant[-1]][0]:
            continue  # said twice
        made.append((value, _filled(node, made, used, None if by_rule else problem, numbers)))
    if set(range(len(made) - 1)) - used:
        return None  # something was worked out that the answer does not need
    return made[-1][1]


def _is_stated(stated: Fraction, value: Fraction, problem: str, is_about: bool) -> bool:
    """Whether a result is what the answer states: in percent, a whole number, or the unit that is asked for.

    is_about: whether the answer rounds (≈).
    """
    units = read(problem).units
    values = [value, value * 100, rounded(problem, value)]
    if units.inside is not None and units.asked is not None:
        values.append(units.converted(value))
    return stated in values or (is_about and any(abs(one - stated) <= abs(one) / 100 for one in values))


def _filled(
    node: Node, made: list[tuple[Fraction, Node]], used: set[int], problem: str | None, numbers: list[Number]
) -> Node:
    """problem: which says what numbers a step may bring along; None for any."""
    if isinstance(node, Operation):
        if node.op == "^":
            return Operation("^", _filled(node.left, made, used, problem, numbers), node.right)
        left = _filled(node.left, made, used, problem, numbers)
        return Operation(node.op, left, _filled(node.right, made, used, problem, numbers))
    results = [at for at, (value, _) in enumerate(made) if value == node.value]
    fresh = [at for at in results if at not in used]
    if fresh:
        used.add(fresh[-1])
        return made[fresh[-1]][1]
    for number in numbers:
        if number.value == node.value:
            return number
    if results:
        return made[results[-1]][1]
    if problem is not None and not _may_be_brought(node.value, problem):
        raise Unsolvable("a number that nobody told")
    return node


def _may_be_brought(value: Fraction, problem: str) -> bool:
    return any(
        value in map(Fraction, values.split()) and re.search(about, problem, re.IGNORECASE)
        for values, about in _BROUGHT
    )


# -- a twin --------------------------------------------------------------------------------------------------------


def twin(problem: str, plan: Node) -> tuple[str, Node] | None:
    """The problem and its plan with another number in it: who understood the one plans the other alike.

    None where no other number fits: nothing may fall below zero or be broken that was whole.
    """
    places = [one for one in mentions(problem) if re.fullmatch(r"\d+", problem[one.start : one.end])]
    used = {number.value for number in leaves(plan)}
    places = [one for one in places if one.number.value in used]
    if not places or read(problem).text != problem:
        return None
    before = intermediate_values(plan)
    for place in sorted(places, key=lambda one: -one.number.value):
        if sum(one.number.value == place.number.value for one in mentions(problem)) > 1:
            continue
        for value in _others(place.number.value, used):
            other = Number(value)
            planned = replace_leaves(plan, {place.number: other})
            if not any(one.number == other for one in places) and _fits(before, planned):
                return f"{problem[: place.start]}{other}{problem[place.end :]}", planned
    return None


def _others(value: Fraction, used: Iterable[Fraction]) -> list[Fraction]:
    """Other numbers for one: a few times as large, or larger by another number of the plan."""
    whole = sorted(one for one in used if one.denominator == 1 and one > 1 and one != value)
    return [value * times for times in (3, 2, 4, 5)] + [value + one * times for times in (1, 2) for one in whole]


def _fits(before: list[Fraction], planned: Node) -> bool:
    """Nothing falls below zero, and nothing is broken that was whole."""
    try:
        after = intermediate_values(planned)
    except Unsolvable:
        return False
    return all(b >= 0 and (a.denominator > 1 or b.denominator == 1) for a, b in zip(before, after, strict=True))
