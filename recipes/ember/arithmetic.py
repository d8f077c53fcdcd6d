"""Bare arithmetic to practise on: generated, worked out by `solve`, and never one of the exam's expressions."""

from __future__ import annotations

import random
import re
from fractions import Fraction

from solve import Node, Number, Operation, Unsolvable, solve
from word_problems import Problem

from huozhong.verify.arithmetic import is_exam_expression

_ASK = (
    "计算：{}",
    "计算：{}",
    "计算：{}=",
    "计算{}",
    "{}",
    "{}=",
    "{}=?",
    "{}=？",
    "{}等于多少？",
    "{}等于几？",
    "{}是多少？",
    "算一算：{}",
    "请计算：{}",
    "请算出{}的结果",
    "帮我算一下{}",
    "求{}的值",
    "口算：{}",
    "列式计算：{}",
    "{}得多少",
    "列竖式计算：{}",
    "{}的得数是多少？",
    "求{}的得数",
    "{} = ?",
    "算算{}",
    "{}的结果是几？",
    "脱式计算：{}",
    "老师布置的题：{}",
    "{}怎么算",
    "Work out {}",
    "Solve {}",
    "Please compute {}.",
    "What is {}?",
    "Calculate {}",
    "Compute: {}",
    "How much is {}?",
)


# One step said in words: "36乘4等于多少", "What is 36 times 4?", with the numbers in digits or in characters.
_ONE_STEP = re.compile(r"(\d+(?:\.\d+)?)([-+×÷])(\d+(?:\.\d+)?)")
_SAID = {"+": ("加", "加上"), "-": ("减", "减去"), "×": ("乘", "乘以"), "÷": ("除以",)}
_SAID_EN = {"+": "plus", "-": "minus", "×": "times", "÷": "divided by"}
_ASK_SAID = ("{}等于多少？", "{}是多少", "{}等于几？", "{}得多少？", "算一下{}", "{}的结果是多少", "请问{}得几？")
_ASK_SAID_EN = ("What is {}?", "How much is {}?", "Calculate {}.", "{}", "What does {} make?")
_DIGITS = "零一二三四五六七八九"


def in_characters(value: int) -> str:
    """A whole number below 10,000 as it is read aloud: 10 十, 205 二百零五, 1300 一千三百."""
    if value < 10:
        return _DIGITS[value]
    out, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // unit % 10
        if digit:
            out += ("零" if gap and out else "") + _DIGITS[digit] + name
        gap = not digit
    return out[1:] if out.startswith("一十") else out


def _in_words(text: str, rng: random.Random) -> str | None:
    """A one-step expression as one would say it; None for anything longer."""
    match = _ONE_STEP.fullmatch(text)
    if match is None:
        return None
    a, op, b = match.groups()
    if rng.random() < 0.2:
        return rng.choice(_ASK_SAID_EN).format(f"{a} {_SAID_EN[op]} {b}")
    if a.isdecimal() and b.isdecimal() and int(a) < 10_000 > int(b) and rng.random() < 0.5:
        a, b = in_characters(int(a)), in_characters(int(b))
    return rng.choice(_ASK_SAID).format(f"{a}{rng.choice(_SAID[op])}{b}")


def whole(rng: random.Random, digits: int) -> Number:
    value = rng.randint(10 ** (digits - 1) if digits > 1 else 2, 10**digits - 1)
    if digits > 1 and rng.random() < 0.2:
        value = value // 10 * 10
    return Number(Fraction(value))


def _operand(rng: random.Random) -> Number:
    kind = rng.random()
    if kind < 0.72:
        return whole(rng, rng.choices((1, 2, 3, 4), (3, 5, 4, 1))[0])
    if kind < 0.84:
        places = rng.choice((1, 1, 2))
        return Number(Fraction(rng.randint(2, 20 * 10**places), 10**places))
    if kind < 0.95:
        bottom = rng.randint(2, 12)
        return Number(Fraction(rng.randint(1, bottom - 1), bottom), "fraction")
    return Number(Fraction(rng.randint(1, 30) * 5, 100), "percent")


def _pair(rng: random.Random, op: str, left: Node | None = None) -> Operation:
    """One operation; quotients of whole numbers are mostly made to come out even."""
    if op == "÷" and left is None and rng.random() < 0.8:
        quotient, divisor = whole(rng, rng.choice((1, 2, 2, 3))), whole(rng, rng.choice((1, 1, 2)))
        return Operation("÷", Number(quotient.value * divisor.value), divisor)
    if op == "×" and left is None and rng.random() < 0.6:
        a, b = whole(rng, rng.choice((1, 2, 3))), whole(rng, rng.choice((1, 2)))
        return Operation("×", *((a, b) if rng.random() < 0.5 else (b, a)))
    return Operation(op, left if left is not None else _operand(rng), _operand(rng))


def _draw(rng: random.Random, steps: int) -> Node:
    node: Node = _pair(rng, rng.choice("+-×÷"))
    for _ in range(steps - 1):
        op = rng.choice("+-×÷")
        shape = rng.random()
        if op == "÷" and rng.random() < 0.8:
            value = solve(node).answer.value
            divisors = [d for d in range(2, 100) if value.denominator == 1 and value and value % d == 0]
            if not divisors:
                op = "+"
            else:
                node = Operation("÷", node, Number(Fraction(rng.choice(divisors))))
                continue
        if shape < 0.6:
            node = Operation(op, node, _operand(rng))
        elif shape < 0.85:
            node = Operation(op, _operand(rng), node)
        else:
            node = Operation(op, node, _pair(rng, rng.choice("+-×÷")))
    return node


def expression(rng: random.Random, steps: int) -> Problem:
    """A random expression of `steps` operations with non-negative, school-sized intermediate results."""
    while True:
        try:
            node = _draw(rng, steps)
            solution = solve(node)
        except Unsolvable:
            continue
        long = max(solution.answer.value.numerator, solution.answer.value.denominator)
        if long > 999_999 or len(solution.text()) > 180 or is_exam_expression(str(node)):
            continue
        if solution.answer.style == "fraction" and solution.answer.value.denominator > 400:
            continue
        return Problem(str(node), solution)


def question(rng: random.Random, steps: int) -> Problem:
    """`expression` in the words that people use, with the signs that keyboards have."""
    problem = expression(rng, steps)
    text = problem.question
    if rng.random() < 0.2 and (said := _in_words(text, rng)):
        return Problem(said, problem.solution)
    if rng.random() < 0.25:
        text = text.replace("×", rng.choice(("*", "x", "*"))).replace("÷", "/")
    if rng.random() < 0.15:
        for sign in "+-×÷*x":
            text = text.replace(sign, f" {sign} ")
    asked = rng.choice(_ASK).format(text)
    if asked[-1] not in "?？=.。" and rng.random() < 0.4:
        asked += rng.choice(".。。？?")
    return Problem(asked, problem.solution)
