"""Word problems asked backwards: the answer is told, and one of the numbers that were told is asked for.

"每盒20支，12盒一共有多少支" becomes "12盒一共有240支，每盒多少支".  The same story with another equation shows what the
story means, where other numbers show only how it is worded (Liu et al. 2020, "Reverse Operation based Data
Augmentation for Solving Math Word Problems", arXiv:2010.01556).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from normal import normal_form
from word_problems import Source, places_in, spans_of

from huozhong.acts.solve import Node, Operation, Solution, Unsolvable, leaves, solve, value_of
from huozhong.verify.numbers import Number, decimals_of

_ASKED = re.compile("百分之几|百分之多少|几分之几|多少|几")
_WORDS = {"percent": "百分之几", "fraction": "几分之几", "decimal": "多少"}
_CLAUSE = re.compile("[，,。．；;？?]")
_NO_UNIT = {"钱"}  # one has 84元, not 84钱
_OPENING = re.compile("^(求|问|请问|那么|则|这样)")
_INVERSE = {"+": "-", "-": "+", "×": "÷", "÷": "×"}


def backwards(source: Source, rng: random.Random) -> Source | None:
    """The same story with its answer told and one of its numbers asked for; None where that makes no sense."""
    if len(_ASKED.findall(source.question)) != 1:
        return None
    candidates = [number for number in source.changeable if _once(number, source)]
    rng.shuffle(candidates)
    for number in candidates:
        found = _ask_for(number, source, rng)
        if found is not None:
            return found
    return None


def solved_for(number: Number, node: Node, total: Node) -> Node:
    """The equation of a leaf that occurs once in `node`, when the whole comes to `total`."""
    if isinstance(node, Number):
        return total
    on_left = number in leaves(node.left)
    this, other = (node.left, node.right) if on_left else (node.right, node.left)
    if node.op == "^":
        raise Unsolvable("roots are not taught")
    if on_left or node.op in "+×":
        return solved_for(number, this, Operation(_INVERSE[node.op], total, other))
    return solved_for(number, this, Operation(node.op, other, total))  # a-x=t: x=a-t


def _once(number: Number, source: Source) -> bool:
    told = [span for span in source.spans if span[2].value == number.value]
    return len(told) == 1 and leaves(source.equation).count(number) == 1


def _ask_for(number: Number, source: Source, rng: random.Random) -> Source | None:
    try:
        answer = _told(solve(source.equation), source.percent_answer)
        if answer is None or any(leaf.value == answer.value for leaf in _all_numbers(source)):
            return None
        question = _rewritten(source, number, answer, rng)
        if question is None:
            return None
        spans = tuple(spans_of(question))
        equation = normal_form(solved_for(number, source.equation, answer), places_in(spans).get)
        if value_of(equation) != number.value:
            return None
        solve(equation)
    except Unsolvable:
        return None
    return Source(question, spans, equation, number.style == "percent")


def _told(solution: Solution, percent: bool) -> Number | None:
    """The answer as a number that a question can tell, None if nobody would write it."""
    value = solution.answer.value
    places = decimals_of(value * 100 if percent else value)
    if value <= 0 or (solution.answer.style == "decimal" and (places is None or places > 2)):
        return None
    return Number(value, "percent") if percent else solution.answer


def _all_numbers(source: Source) -> Iterator[Number]:
    yield from leaves(source.equation)
    for _, _, number in source.spans:
        yield number


def _rewritten(source: Source, number: Number, answer: Number, rng: random.Random) -> str | None:
    """The clause with the number becomes the question, at the end; the old question becomes a statement."""
    clauses = list(_clauses(source.question))
    start, end = next((start, end) for start, end, found in source.spans if found == number)
    told_at = next((i for i, (at, text) in enumerate(clauses) if at <= start < at + len(text)), None)
    asking = [index for index, (_, text) in enumerate(clauses) if _ASKED.search(text)]
    if told_at is None or asking != [len(clauses) - 1]:
        return None
    at, text = clauses[told_at]
    word = _WORDS[number.style]
    if number.style == "decimal" and number.value <= 12 and number.value.denominator == 1 and rng.random() < 0.3:
        word = "几"
    blank = text[: start - at] + word + text[end - at :]
    if told_at == asking[0]:  # "12盒一共有多少支": the number and the question in one clause
        asks = _statement(blank, answer, start - at + len(word))
        return None if asks is None else _text([text for _, text in clauses[:told_at]] + [asks], rng)
    statement = _statement(clauses[-1][1], answer)
    if statement is None:
        return None
    kept = [text for index, (_, text) in enumerate(clauses[:-1]) if index != told_at] + [statement]
    in_place = told_at == 0 and len(kept) > 1 and rng.random() < 0.5  # who it is about stays in front
    return _text([blank, *kept] if in_place else [*kept, blank], rng)


def _text(clauses: list[str], rng: random.Random) -> str:
    return "，".join(clauses) + rng.choice("？．")


def _statement(clause: str, answer: Number, after: int = 0) -> str | None:
    """The clause with the answer where it asks, None where it asks for another kind of number."""
    match = _ASKED.search(clause, after)
    if match is None or clause[match.end() :] in _NO_UNIT:
        return None
    told = Number(answer.value, "fraction") if match.group() == "几分之几" else answer
    if match.group().startswith("百分之") != (told.style == "percent"):
        return None
    before = re.sub("=$", "是", clause[: match.start()])
    return _OPENING.sub("", before) + str(told) + clause[match.end() :]


def _clauses(question: str) -> Iterator[tuple[int, str]]:
    """Clauses and where they start; a point between digits is no full stop, and brackets are part of a clause."""
    start = 0
    for match in _CLAUSE.finditer(question):
        if match.start() > start:
            yield start, question[start : match.start()]
        start = match.end()
    if start < len(question):
        yield start, question[start:]
