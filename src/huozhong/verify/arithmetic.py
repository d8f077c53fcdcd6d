"""Numbers checked exactly: what an answer states, whether its steps are right, and the exam's own bucket.

Everything is a `fractions.Fraction`; nothing here ever compares floats.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.errors import DataError
from huozhong.verify.expression import (
    BRACKET_FRACTION,
    MIXED_TAIL,
    NUMBER,
    Canonical,
    Exact,
    Parser,
    normalise,
    read_fraction,
    spell,
)


def evaluate(expression: str) -> Fraction:
    """The exact value of a school expression: + - * / × ÷ ^ % ( ) [ ] { } and mixed numbers like 3(1/2).

    Raises `DataError` when it is not one expression, divides by zero or grows absurdly large.
    """
    return Parser(expression, Exact()).parse()


def canonical(expression: str) -> str:
    """One spelling for an expression, whatever the order of its summands and factors, spaces or brackets.

    `75+125` and `125 + 75` agree, `12.50*4` and `4×12.5` too; nothing is computed, so `8` and `5+3` differ.
    """
    return spell(Parser(expression, Canonical()).parse())


def is_exam_expression(expression: str) -> bool:
    """True for the one expression in 16 that belongs to the exam: training must never show it.

    The bucket is the first hexadecimal digit of the canonical spelling's SHA-256 being 0, so it needs no list
    and stays the same for ever.
    """
    return hashlib.sha256(canonical(expression).encode()).hexdigest()[0] == "0"


# ---- single numbers

_SIMPLE = r"(?:\d+(?:\.\d+)?|\.\d+)"
_PATTERN = re.compile(
    rf"(?P<parts>\d+)\s*分之\s*(?P<of>\d+)"
    rf"|百分之\s*(?P<percent>{_SIMPLE})"
    rf"|(?P<sign>(?<![\dA-Za-z)%])-\s*)?"
    rf"(?:(?P<whole>\d+)(?P<tail>{MIXED_TAIL.pattern}|\ \d+/\d+)"
    rf"|(?P<bracket>{BRACKET_FRACTION})"
    rf"|(?P<c>{_SIMPLE})(?:\s*/\s*(?P<d>{_SIMPLE})(?!\s*[/\d]))?)"
    rf"(?P<hundredths>\s*%)?"
)


def _value(match: re.Match[str]) -> Fraction | None:
    try:
        if match["parts"]:
            return Fraction(int(match["of"]), int(match["parts"]))
        if match["percent"]:
            return Fraction(match["percent"]) / 100
        if match["whole"]:
            value = int(match["whole"]) + read_fraction(match["tail"])
        elif match["bracket"]:
            value = read_fraction(match["bracket"])
        else:
            value = Fraction(match["c"]) / Fraction(match["d"] or 1)
    except ZeroDivisionError:
        return None
    if match["hundredths"]:
        value /= 100
    return -value if match["sign"] else value


def _numbers(text: str) -> list[Fraction]:
    return [value for match in _PATTERN.finditer(normalise(text)) if (value := _value(match)) is not None]


def parse_number(text: str) -> Fraction | None:
    """The number that `text` is, or None when it is not exactly one number.

    Reads 20, -3, 1,234.5, 25%, 2/3, (2/3), ((2)/(3)), 3(1/2), 5((7)/(10)), 3又1/2, 3 1/2, 3分之2, 百分之20
    and \\frac{2}{3}.  Numbers in words (三分之二, twelve) are not read.
    """
    text = normalise(text).strip().strip("$").strip()
    match = _PATTERN.fullmatch(text.removeprefix("+"))
    return _value(match) if match else None


# ---- the number an answer states

_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_STATED = re.compile(
    r"(?:答案|最终结果|final answer|answer|####)"
    r"\s*(?:is|was|would be|应该是|应该为|应是|应为|等于|是|为|[:：=])*"
    r"[\s*$:：]*([^\n。；;]*)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?:^|\n|[。；;，,\s])答\s*[:：，,]\s*([^\n]*)")


def final_answer(text: str) -> Fraction | None:
    """The number that an answer states in the end, or None when it states none.

    Only what follows the last `</think>` is read.  In this order: the last \\boxed{}; the first number after
    the last 答案 / answer is / ####; the last number of the line after the last 答：; the first number after
    the last '='; the last number.
    """
    text = text.rsplit("</think>", 1)[-1]
    boxes = _BOXED.findall(text)
    if boxes and (found := _numbers(boxes[-1])):
        return found[-1]
    for match in reversed(list(_STATED.finditer(text))):
        if found := _after_equals(match[1]) or _numbers(match[1])[:1]:
            return found[0]
    for match in reversed(list(_SENTENCE.finditer(text))):
        if found := _after_equals(match[1]) or _numbers(match[1])[-1:]:
            return found[0]
    found = _after_equals(text) or _numbers(text)[-1:]
    return found[0] if found else None


def _after_equals(text: str) -> list[Fraction]:
    """The first number after the last '=' that has one, if any."""
    for piece in reversed(normalise(text).split("=")[1:]):
        if found := _numbers(piece):
            return found[:1]
    return []


def same_answer(text: str, gold: str | Fraction) -> bool:
    """Whether the answer states the number `gold`: a Fraction, or a text `parse_number` or `evaluate` reads.

    Comparison is exact.  One exception: a gold text with four or more decimals (0.3333, 3.14159) is taken
    for a rounded number, and whatever rounds to it is accepted: |difference| ≤ half a unit of its last place.
    """
    slack = Fraction(0)
    if isinstance(gold, str):
        decimals = re.fullmatch(r"-?\d*\.(\d{4,})", gold.strip())
        if decimals:
            slack = Fraction(1, 2 * 10 ** len(decimals[1]))
        parsed = parse_number(gold)
        gold = evaluate(gold) if parsed is None else parsed
    stated = final_answer(text)
    return stated is not None and abs(stated - gold) <= slack


# ---- the steps of a reasoning


@dataclass(frozen=True)
class Step:
    """One claim `left = right` found in a text, as it was written (normalised)."""

    left: str
    relation: str  # "=" or "≈"
    right: str
    correct: bool


@dataclass(frozen=True)
class StepReport:
    """All claims of a text in order; `unreadable` counts the '=' of calculations that could not be read."""

    steps: tuple[Step, ...]
    unreadable: int

    @property
    def correct(self) -> int:
        return sum(step.correct for step in self.steps)

    @property
    def all_correct(self) -> bool:
        """No wrong step and none that could not be read (true for a text without any step)."""
        return self.unreadable == 0 and self.correct == len(self.steps)


_UNIT = re.compile(r"(?<=[\d)%])\s?(?:[\u4e00-\u9fff]{1,3}|cm|dm|mm|km|kg|m|g|L)\s?(?=[-+*/)])")
_RUN_LETTERS = "0123456789.+-*/^%()又 \t\r\n"
_RUN = re.compile(r"[\d.+\-*/^%()\s又]*")
_REMAINDER = re.compile(r"\s*(?:…+|\.{3,6}|余)\s*(\d+)")
_HAS_OPERATOR = re.compile(r"[\d)%]\s*[-+*/^]")


def check_steps(text: str) -> StepReport:
    """Find every `expression = value` (and chains a = b = c, and ≈, and 13÷5=2……3) and check it exactly.

    A claim is counted when one of its sides computes something; `x = 5` and `1米 = 100厘米` are not claims.
    `≈` is right when the value rounds to what is written.  A unit between a number and an operator
    (3元×4=12元) is ignored.
    """
    text = _UNIT.sub("", normalise(text))
    steps: list[Step] = []
    unreadable = 0
    signs = list(re.finditer(r"[=≈]", text))
    previous: str | None = None  # the left neighbour of the next sign in the same chain
    for index, sign in enumerate(signs):
        start = signs[index - 1].end() if index else 0
        end = signs[index + 1].start() if index + 1 < len(signs) else len(text)
        segment = text[start : sign.start()]
        left = previous if previous is not None else _expression_before(segment)
        right, stop = _expression_after(text[sign.end() : end])
        whole = index + 1 < len(signs) and not text[sign.end() + stop : end].strip()
        previous = right if whole else None
        if left is None or right is None:
            unreadable += bool(_HAS_OPERATOR.search(_run_before(segment)))
            continue
        if _HAS_OPERATOR.search(left) or _HAS_OPERATOR.search(right):
            remainder = _REMAINDER.match(text[sign.end() + stop : end])
            steps.append(_judge(left, sign[0], right, remainder))
    return StepReport(tuple(steps), unreadable)


def _run_before(segment: str) -> str:
    """The arithmetic characters that end `segment`, on its last line that is not empty."""
    run = segment[len(segment.rstrip(_RUN_LETTERS)) :].rstrip()
    return run[run.rfind("\n") + 1 :]


def _expression_before(segment: str) -> str | None:
    """The longest expression at the end of `segment` that starts where something could start."""
    text = _run_before(segment)
    before = segment.rstrip().removesuffix(text)
    sign = text.lstrip()[:1]
    if before[-1:].strip() and (sign in ("+", "*", "/", "^", "%") or (sign == "-" and before[-1].isalnum())):
        return None  # "2x+3=7", "甲×4=8": not ours to judge
    starts = [0] + [m.end() for m in re.finditer(r"\s+|\.\s*|\)\s*(?=\d)", text)]
    starts += [m.end() for m in re.finditer(r"\(", text)]  # "(3+4=7)": the bracket closes after the claim
    for start in sorted(set(starts)):
        piece = text[start:].strip()
        if start and re.search(r"[-+*/^]\s*\(*$", text[:start].rstrip()):
            continue  # cutting after an operator would change what was claimed
        if start and text[start - 1] == "." and re.search(r"\d\.$", text[:start]) and text[start : start + 1].isdigit():
            continue  # inside a decimal number
        if piece and _readable(piece):
            return piece
    return None


def _expression_after(segment: str) -> tuple[str | None, int]:
    """The longest expression at the start of `segment`, and where it ends."""
    run = _RUN.match(segment)
    assert run is not None
    text = run[0]
    blank = len(text) - len(text.lstrip())
    text = text[:blank] + text[blank:].partition("\n")[0]
    ends = [m.end() for m in re.finditer(r"\d+%*|%|\)", text)]
    for end in reversed(ends):
        if end < len(text) and text[end] == "." and text[end + 1 : end + 2].isdigit():
            continue  # inside a decimal number
        if _readable(text[:end]):
            return text[:end].strip(), end
    return None, 0


def _readable(expression: str) -> bool:
    try:
        evaluate(expression)
    except DataError:
        return False
    return True


def _judge(left: str, relation: str, right: str, remainder: re.Match[str] | None) -> Step:
    value, claimed = evaluate(left), evaluate(right)
    if remainder and "/" in left:
        parts, rest = left.rsplit("/", 1), int(remainder[1])
        correct = False  # (81/9)=9……0: a fraction leaves no remainder
        if all(map(_readable, parts)):
            dividend, divisor = map(evaluate, parts)
            correct = dividend == claimed * divisor + rest and 0 <= rest < divisor
        return Step(left, relation, right + "……" + remainder[1], correct)
    if relation == "=":
        return Step(left, relation, right, value == claimed)
    number = NUMBER.search(right)
    decimals = len(number[0].partition(".")[2]) if number else 0
    unit = Fraction(1, 10**decimals * (100 if right.rstrip().endswith("%") else 1))
    return Step(left, relation, right, abs(value - claimed) <= unit / 2)
