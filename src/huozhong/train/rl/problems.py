"""What a model practises on: questions with something that a rule can check, in levels of difficulty.

A problem comes from a JSON-lines file or is generated arithmetic.  Levels are small numbers, easiest first; the
`Curriculum` decides which level is drawn from, and moves on when enough of a level is solved.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from huozhong.errors import ConfigError, DataError
from huozhong.text.data import read_jsonl
from huozhong.train.adapt.columns import Columns
from huozhong.verify.arithmetic import evaluate, is_exam_expression, parse_number
from huozhong.verify.poem import FORMS

ARITHMETIC = "arithmetic"  # the path that stands for generated sums
STEPS = (1, 2, 3)  # levels of generated sums: operations in one
_FIELDS = frozenset({"answer", "form", "refuse"})
_KNOWN = _FIELDS | {"question", "level"}


@dataclass(frozen=True)
class Problem:
    """A question and what is right for it: a number, a poem's form, or whether it must be declined.

    refuse: None where that is not the point.  level: 1 is the easiest.
    """

    question: str
    answer: str = ""
    form: str = ""
    refuse: bool | None = None
    level: int = 1


class ProblemSource(Protocol):
    """Problems by level."""

    @property
    def levels(self) -> frozenset[int]: ...

    def draw(self, level: int, rng: random.Random) -> Problem: ...


# -- from a file ---------------------------------------------------------------------------------------


def read_problems(path: str | Path, *, checked: bool = True) -> list[Problem]:
    """The problems of a JSON-lines file (plain, .xz or .gz), in its order.

    Each line has `question` and at least one of `answer` (a number), `form` (see `verify.poem.FORMS`) and
    `refuse` (true or false); `level` (1, 2, ...) may be left out.  Other columns are refused by name, but for those
    that say where a problem is from.  checked=False: a question alone will do, and nothing else is looked at.  Raises
    DataError naming the problem.
    """
    problems = [
        _problem(row if checked else {"question": row.get("question"), "form": ""}, f"{path}, problem {number}")
        for number, row in enumerate(read_jsonl(path), 1)
    ]
    if not problems:
        raise DataError(f"{path} holds no problem; give one JSON object with question and answer per line.")
    return problems


def _problem(row: Mapping[str, Any], where: str) -> Problem:
    question, level, refuse = row.get("question"), row.get("level", 1), row.get("refuse")
    if not isinstance(question, str) or not question.strip():
        raise DataError(f"{where} has no question; write it as a text.")
    if not _FIELDS & row.keys():
        raise DataError(f"{where} says nothing that can be checked; give it answer, form or refuse.")
    if isinstance(level, bool) or not isinstance(level, int) or level < 1:
        raise DataError(f"{where} has level {level!r}; it must be a whole number of at least 1.")
    if refuse is not None and not isinstance(refuse, bool):
        raise DataError(f"{where} has refuse {refuse!r}; it must be true or false.")
    Columns({name: value for name, value in row.items() if name not in _KNOWN}, where, _KNOWN).finish()
    return Problem(question, _answer(row, where), _form(row, where), refuse, level)


def _answer(row: Mapping[str, Any], where: str) -> str:
    answer = row.get("answer", "")
    text = str(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else answer
    if not isinstance(text, str):
        raise DataError(f"{where} has answer {answer!r}; it must be a number.")
    if text and parse_number(text) is None:
        try:
            evaluate(text)
        except DataError:
            raise DataError(
                f"{where} has answer {text!r}, which is not a number that can be checked; leave it out."
            ) from None
    return text


def _form(row: Mapping[str, Any], where: str) -> str:
    form: str = row.get("form", "")
    if form and form not in FORMS:
        raise DataError(f"{where} has form {form!r}; it must be one of {', '.join(FORMS)}.")
    return form


class Listed:
    """A source of problems that are known beforehand."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._by_level: dict[int, list[Problem]] = {}
        for problem in problems:
            self._by_level.setdefault(problem.level, []).append(problem)

    @property
    def levels(self) -> frozenset[int]:
        return frozenset(self._by_level)

    def draw(self, level: int, rng: random.Random) -> Problem:
        return rng.choice(self._by_level[level])


# -- generated -----------------------------------------------------------------------------------------

_ASK = (
    "计算：{}", "{}=", "{}", "{}等于多少？", "{}是多少？", "算一算：{}", "请计算{}", "帮我算一下{}", "求{}的值",
    "{}的得数是多少？", "口算：{}", "What is {}?", "Calculate {}", "Work out {}.",
)  # fmt: skip
_LARGEST = 99_999


class Arithmetic:
    """Sums of one to three operations, made as they are drawn.

    Every partial result is positive and has at most two decimals.  Expressions of the exam's own bucket
    (`verify.arithmetic.is_exam_expression`) never occur.
    """

    levels = frozenset(STEPS)

    def draw(self, level: int, rng: random.Random) -> Problem:
        while True:
            text, value, _ = _expression(rng, level)
            if not is_exam_expression(text):
                return Problem(rng.choice(_ASK).format(text), _written(value), level=level)


def _written(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"({value.numerator}/{value.denominator})"


def _number(rng: random.Random) -> Fraction:
    if rng.random() < 0.12:
        return Fraction(rng.randint(1, 600), 10)
    digits = rng.choices((1, 2, 3), (3, 5, 4))[0]
    return Fraction(rng.randint(2 if digits == 1 else 10 ** (digits - 1), 10**digits - 1))


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.2f}".rstrip("0")


_RANK = {"+": 1, "-": 1, "×": 2, "÷": 2, "": 3}


def _expression(rng: random.Random, steps: int) -> tuple[str, Fraction, str]:
    """An expression, its value and its outermost operation."""
    while True:
        left = _expression(rng, steps - 1) if steps > 1 else None
        op = rng.choice("+-×÷")
        if left is None:
            a, b = _operands(rng, op)
            left, right = (_shown(a), a, ""), (_shown(b), b, "")
        else:
            b = _partner(rng, op, left[1])
            right = (_shown(b), b, "")
            if op != "÷" and rng.random() < 0.35:
                left, right = right, left
        value = _apply(op, left[1], right[1])
        if value is not None:
            return _join(op, left, right), value, op


def _operands(rng: random.Random, op: str) -> tuple[Fraction, Fraction]:
    a, b = _number(rng), _number(rng)
    if op == "÷":
        b = Fraction(rng.randint(2, 40))
        return b * rng.randint(2, 250), b
    if op == "×":
        return a, Fraction(rng.randint(2, 99))
    return (max(a, b), min(a, b)) if op == "-" else (a, b)


def _partner(rng: random.Random, op: str, other: Fraction) -> Fraction:
    if op == "÷" and other.denominator == 1:
        divisors = [d for d in range(2, 100) if other % d == 0]
        if divisors:
            return Fraction(rng.choice(divisors))
    return Fraction(rng.randint(2, 20)) if op in "×÷" else _number(rng)


def _apply(op: str, a: Fraction, b: Fraction) -> Fraction | None:
    """None for what this school does not ask."""
    value = a + b if op == "+" else a - b if op == "-" else a * b if op == "×" else a / b
    return value if 0 < value <= _LARGEST and 100 % value.denominator == 0 else None


def _join(op: str, left: tuple[str, Fraction, str], right: tuple[str, Fraction, str]) -> str:
    rank = _RANK[op]
    first = f"({left[0]})" if _RANK[left[2]] < rank else left[0]
    tight = _RANK[right[2]] < rank or (_RANK[right[2]] == rank and op in "-÷×")
    return f"{first}{op}({right[0]})" if tight else f"{first}{op}{right[0]}"


# -- which level comes next ----------------------------------------------------------------------------


class Mixture:
    """Several sources with weights, drawn from by level."""

    def __init__(self, sources: Sequence[tuple[ProblemSource, float]]) -> None:
        self._sources = [(source, weight) for source, weight in sources if weight > 0]
        if not self._sources:
            raise ConfigError("every source of problems has weight 0; give one a positive weight.")
        self.levels = sorted(frozenset().union(*(source.levels for source, _ in self._sources)))

    def draw(self, level: int, rng: random.Random) -> Problem:
        able = [(source, weight) for source, weight in self._sources if level in source.levels]
        source = rng.choices([source for source, _ in able], [weight for _, weight in able])[0]
        return source.draw(level, rng)


class Curriculum:
    """Which level a problem is drawn from: mostly the newest one, sometimes an earlier one, never a later one.

    A level counts as learnt when of its last `window` answers at least the share `threshold` was right; then
    the next one begins.  focus: share of problems of the newest level.
    """

    def __init__(self, levels: Sequence[int], *, threshold: float, window: int, focus: float) -> None:
        assert list(levels) == sorted(set(levels)) != []
        self.levels, self.threshold, self.focus = tuple(levels), threshold, focus
        self._top = 0
        self._recent: deque[bool] = deque(maxlen=window)

    @property
    def level(self) -> int:
        """The newest level."""
        return self.levels[self._top]

    def draw(self, rng: random.Random) -> int:
        if self._top == 0 or rng.random() < self.focus:
            return self.level
        return self.levels[rng.randrange(self._top)]

    def record(self, level: int, solved: Iterable[bool]) -> None:
        """Tell how answers to a problem of `level` went; may move on to the next level."""
        if level != self.level or self._top == len(self.levels) - 1:
            return
        self._recent.extend(solved)
        full = len(self._recent) == self._recent.maxlen
        if full and sum(self._recent) >= self.threshold * len(self._recent):
            self._top += 1
            self._recent.clear()

    def state(self) -> dict[str, Any]:
        return {"top": self._top, "recent": list(self._recent)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._top = state["top"]
        self._recent.clear()
        self._recent.extend(state["recent"])
