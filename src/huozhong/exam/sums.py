"""Generated school arithmetic that no training set may share: only expressions of the exam's bucket.

Every expression here satisfies `verify.arithmetic.is_exam_expression`; a training generator leaves out
exactly those, so the two share none, whatever the order of summands and factors.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify.arithmetic import canonical, evaluate, is_exam_expression

LARGEST = 99_999
_WORDS = (
    "计算：{}", "{}=", "{}等于多少？", "请你算一算：{}", "口算 {}", "帮我算算{}是多少", "{} = ?",
    "求 {} 的得数。", "列竖式算一算 {}", "What is {}?", "Work out {}.",
)  # fmt: skip


@dataclass(frozen=True)
class Sum:
    """An expression (with × and ÷), the question it is asked in, and its exact value."""

    expression: str
    question: str
    value: Fraction


def one_step(count: int, seed: int) -> list[Sum]:
    """`count` different sums of one step: + - × ÷ of whole numbers, some with decimals."""
    return _generate(count, random.Random(f"one step {seed}"), _one)


def two_step(count: int, seed: int) -> list[Sum]:
    """`count` different sums of two steps, such as 36×4-58, (125+75)÷8 and 12.5×4+3."""
    return _generate(count, random.Random(f"two steps {seed}"), _two)


def _generate(count: int, rng: random.Random, draw: Callable[[random.Random], str]) -> list[Sum]:
    made: list[Sum] = []
    seen: set[str] = set()
    while len(made) < count:
        expression = draw(rng)
        spelling = canonical(expression)
        if spelling in seen or not is_exam_expression(expression):
            continue
        value = evaluate(expression)
        if not 0 <= value <= LARGEST:
            continue
        seen.add(spelling)
        made.append(Sum(expression, rng.choice(_WORDS).format(expression), value))
    return made


def _decimal(rng: random.Random) -> str:
    """A number with one decimal, now and then a quarter or a half."""
    if rng.random() < 0.3:
        return f"{rng.randint(0, 25)}.{rng.choice(('5', '25', '75'))}"
    return f"{rng.randint(0, 60)}.{rng.randint(1, 9)}"


def _one(rng: random.Random) -> str:
    kind = rng.randrange(5)
    if kind == 0:
        return f"{rng.randint(10, 999)}+{rng.randint(10, 999)}"
    if kind == 1:
        a, b = sorted((rng.randint(10, 999), rng.randint(10, 999)))
        return f"{b}-{a}"
    if kind == 2:
        return f"{rng.randint(2, 999)}×{rng.randint(2, 99)}"
    if kind == 3:
        divisor = rng.randint(2, 40)
        return f"{divisor * rng.randint(2, 250)}÷{divisor}"
    if rng.random() < 0.5:
        return f"{_decimal(rng)}+{_decimal(rng)}"
    return f"{_decimal(rng)}×{rng.randint(2, 20)}"


def _two(rng: random.Random) -> str:
    a, b, c = rng.randint(2, 999), rng.randint(2, 99), rng.randint(2, 99)
    big = rng.randint(10, 999)
    divided = f"{b * rng.randint(2, 120)}÷{b}"
    total = c * rng.randint(10, 120)  # divisible by c
    part = rng.randint(1, total - 1)
    return rng.choice(
        (
            f"{a}×{b}-{big}",
            f"{a}×{b}+{big}",
            f"{big}+{b}×{c}",
            f"{big * 3}-{b}×{c}",
            f"({part}+{total - part})÷{c}",
            f"({total + big}-{big})÷{c}",
            f"({rng.randint(10, 400)}+{rng.randint(10, 599)})×{b}",
            f"({big + rng.randint(1, 200)}-{big})×{b}",
            f"{divided}+{big}",
            f"{big}-{divided}",
            f"{divided}×{c}",
            f"{big}+{a}-{b}",
            f"{big + a}-{a}-{b}",
            f"{_decimal(rng)}×{rng.choice((2, 4, 5, 8, 10, 12))}+{rng.randint(1, 50)}",
            f"{rng.randint(50, 200)}-{_decimal(rng)}-{_decimal(rng)}",
        )
    )
