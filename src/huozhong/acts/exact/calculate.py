"""CALCULATE: 36×25-14, 二十减八, 3米减80厘米, 25的平方, 100的25%, 3与5的和乘以2, What is 12 times 7?

The words of a sum are turned into signs (`wording`), and only if nothing else is left is it read and worked out, one
operation a line.  A story leaves words.
"""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from huozhong.acts.exact import measured, small_words
from huozhong.acts.exact.asking import Asked, asked
from huozhong.acts.exact.cursor import Cursor
from huozhong.acts.exact.done import Done, decimal, factor, finish, is_short, mixed, text_of
from huozhong.acts.exact.wording import in_signs
from huozhong.acts.solve import Unsolvable, parse, solve
from huozhong.verify.numbers import Number

LARGEST = 10**15
_MORE_ZH = r"计算题|递等式|简算|这道题|各题|怎么算|怎么做|如何计算|怎么计算|[,，][和差积商]|会得到|="
_MORE_EN = r"the|value|result|answer|expression|simplify|sum|times"
_MARKS = r"[\s,，。.:：;；!！?？~～…“”\"'_□=]|\(\s*\)"
_HEAD = re.compile(rf"(?:{_MORE_ZH}|{small_words.CHINESE}|{_MARKS})")
_TAIL = re.compile(rf"(?:{_MORE_ZH}|{small_words.CHINESE}|{_MARKS})$")
_HEAD_EN = re.compile(rf"(?:{small_words.ENGLISH}|\b(?:{_MORE_EN})\b|{_MARKS})", re.IGNORECASE)
_TAIL_EN = re.compile(rf"(?:{small_words.ENGLISH}|\b(?:{_MORE_EN})\b|{_MARKS})$", re.IGNORECASE)
_MAY_BE = re.compile(
    r"[\d零〇一二两三四五六七八九十百千万亿半壹贰叁肆伍陆柒捌玖拾佰仟点负分之又成折加减乘除以上去掉和与跟同的差积商倍平方立次从里面中个相连起来一打在再然后接着最添"
    r"扣拿走求总比多少大小数这两,，、\s.+\-×÷*xX/:^()%\[\]{}²³·]+"
)
_REMAINDER = re.compile(
    r"(?:商(?:是)?(?:几|多少)?[,，、和]?)?余数?(?:是)?(?:几|多少)|[.…]{3,}|有余数|remainder", re.IGNORECASE
)


@dataclass(frozen=True)
class Step:
    """A sum in signs, read: what it comes to and the lines that lead there."""

    value: Fraction
    lines: tuple[str, ...]
    fractions: bool  # whether the numbers were written as fractions, so that the answer is one


def done(question: str) -> Done | None:
    """The result of the one sum that the question holds, or None."""
    ask = asked(question)
    if special := measured.done(ask) or _with_remainder(ask) or _series(ask) or _square_root(ask):
        return special
    expression = _expression(ask)
    if expression is None or not _last_is(ask.core, expression):
        return None
    step = work_out(expression)
    if step is not None:
        return _say(ask, _neat(expression), step)
    if re.search(r"÷0(?![.\d])", expression):
        if ask.english:
            return finish(True, (), f"Nothing can be divided by 0, so {expression} has no value", "no value")
        return finish(False, (), f"0不能作除数，{expression}没有意义", "没有意义")
    return None


def read_sum(text: str, english: bool) -> tuple[str, Step] | None:
    """A text that is one sum and nothing else: in signs, as one writes it, and worked out."""
    expression = _expression(Asked(text, english))
    step = work_out(expression) if expression is not None else None
    return None if step is None or expression is None else (_neat(expression), step)


def _neat(expression: str) -> str:
    """With the fewest brackets, and squares as one writes them."""
    try:
        written = str(parse(expression))
    except Unsolvable:
        written = expression
    return re.sub(r"\^2(?!\d)", "²", re.sub(r"\^3(?!\d)", "³", written))


def _expression(ask: Asked) -> str | None:
    """The sum in signs: the longest stretch of the core that is one, with only small words around it."""
    text = ask.core
    heads, tails = _edges(text, ask.english)
    for head in heads:
        for tail in tails:
            piece = text[head:tail].strip(" ,，:。")
            if piece != text and (lone := _LONE.fullmatch(piece)):  # 1/2等于多少
                return f"{lone[1]}÷{lone[2]}"
            if (ask.english or _MAY_BE.fullmatch(piece)) and (signs := in_signs(piece, ask.english)):
                return signs
    return None


def _edges(text: str, english: bool) -> tuple[list[int], list[int]]:
    """Where the sum may begin and end: before and after every small word at the edges, the longest stretch first."""
    head, tail = (_HEAD_EN, _TAIL_EN) if english else (_HEAD, _TAIL)
    heads, tails = [0], [len(text)]
    while len(heads) < 12 and (match := head.match(text, heads[-1])):
        heads.append(match.end())
    while len(tails) < 12 and (match := tail.search(text[: tails[-1]])):
        tails.append(match.start())
    return heads, tails


_LONE = re.compile(r"\(?(\d+)/(\d+)\)?")
_CUE = re.compile(r"[,，]\s*(?:得到?的?)?([和差积商])(?:是|等于|=|为|多少|几|[?？]|$)")


def _last_is(core: str, expression: str) -> bool:
    """…，商是多少: what is done last must be a division, or the words were read otherwise than they were meant."""
    cue = _CUE.search(core)
    if cue is None:
        return True
    try:
        tree = parse(expression)
    except Unsolvable:
        return False
    return not isinstance(tree, Number) and tree.op == {"和": "+", "差": "-", "积": "×", "商": "÷"}[cue[1]]


def _with_remainder(ask: Asked) -> Done | None:
    """17÷5等于几余几"""
    text = _REMAINDER.sub("", ask.core)
    if text == ask.core:
        return None
    text = re.sub(r"\b(?:when|with|divided)\b(?! by)", "", text) if ask.english else text
    signs = _expression(replace(ask, core=text.strip()))
    parts = re.fullmatch(r"(\d+)÷(\d+)", signs or "")
    if parts is None or int(parts[2]) == 0:
        return None
    quotient, rest = divmod(int(parts[1]), int(parts[2]))
    line = f"{parts[1]}÷{parts[2]}={quotient}……{rest}"
    if ask.english:
        said = f"{parts[1]} ÷ {parts[2]} = {quotient} remainder {rest}"
        return finish(True, (line,), said, f"{quotient} remainder {rest}")
    return finish(False, (line,), line, f"商{quotient}余{rest}")


_SERIES = re.compile(
    r"(?P<a>\d+)\+(?P<b>\d+)\+(?:(?P<c>\d+)\+)?(?:\d+\+)*(?:…+|\.{3,})\+(?P<z>\d+)"
    r"|从?(?P<first>\d+)(?:一直)?(?:加|连加)?到(?P<last>\d+)(?:这些|所有|连续)?(?:的?(?:自然|整)?数)?(?:的?(?:总?和"
    r"|加起来)|相加|之和|连加)?"
)


def _series(ask: Asked) -> Done | None:
    """1+2+3+…+100, 从1加到100"""
    heads, tails = _edges(ask.core, ask.english)
    pieces = (ask.core[head:tail].replace(" ", "") for head in heads for tail in tails)
    match = next((m for piece in pieces if (m := _SERIES.fullmatch(piece))), None)
    if match is None or (match["first"] and not re.search("加|和", ask.core)):
        return None
    first, last = int(match["a"] or match["first"]), int(match["z"] or match["last"])
    step = int(match["b"]) - first if match["b"] else 1
    if step < 1 or last <= first or (last - first) % step or last > 10**6:
        return None
    if match["c"] and int(match["c"]) - int(match["b"]) != step:
        return None
    count, total = (last - first) // step + 1, (first + last) * ((last - first) // step + 1) // 2
    line = f"({first}+{last})×{count}÷2={total}"
    if ask.english:
        return finish(True, (line,), f"There are {count} numbers; {line}", str(total))
    return finish(False, (line,), f"一共有{count}个数，{line}", str(total))


_ROOT = re.compile(
    r"(?:根号|√)\(?(\d+)\)?|(\d+)的算术平方根|(?:square root|sqrt) of (\d+)|sqrt\(?(\d+)\)?", re.IGNORECASE
)


def _square_root(ask: Asked) -> Done | None:
    """根号16, when it is whole."""
    heads, tails = _edges(ask.core, ask.english)
    match = next((m for head in heads for tail in tails if (m := _ROOT.fullmatch(ask.core[head:tail].strip()))), None)
    number = int(next(group for group in match.groups() if group)) if match else -1
    root = math.isqrt(number) if 0 <= number < LARGEST else 0
    if match is None or root * root != number:
        return None
    line = f"{root}×{root}={number}"
    said = f"{line}, so the square root of {number} is {root}" if ask.english else f"{line}，所以根号{number}是{root}"
    return finish(ask.english, (line,), said, str(root))


def _say(ask: Asked, expression: str, step: Step) -> Done:
    value = step.value
    if ask.places is not None and value * 10**ask.places % 1:
        short, sign = decimal(value, ask.places), "≈"
    elif step.fractions and value.denominator != 1 and (not is_short(value) or "." not in expression):
        short, sign = text_of(value) if not is_short(value) else f"{value.numerator}/{value.denominator}", "="
    elif is_short(value):
        short, sign = text_of(value), "="
    else:
        about = f"≈{decimal(value, 2)}"
        fraction = f"{value.numerator}/{value.denominator}"
        said = f"{expression}={fraction}"
        if abs(value) > 1:
            said += f"={mixed(value)}" if not ask.english else ""
        return finish(
            ask.english,
            step.lines,
            f"{said}{about}",
            f"{fraction}" + (f"（约{decimal(value, 2)}）" if not ask.english else f" (about {decimal(value, 2)})"),
        )
    steps = "，".join(step.lines) if len(step.lines) > 1 else ""
    whole = f"{expression}{sign}{short}"
    if ask.english:
        return finish(True, step.lines, "; ".join([*(step.lines if len(step.lines) > 1 else ()), whole]), short)
    return finish(False, step.lines, f"{steps}，所以{whole}" if steps else whole, short)


# -- reading and working out ---------------------------------------------------------------------------

_TOKEN = re.compile(r"(\d+(?:\.\d+)?)(%?)|([-+×÷^()/])")


def work_out(expression: str) -> Step | None:
    """The value of a sum in signs and its lines; None for what is no sum, divides by zero or grows too large."""
    tokens: list[str] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            return None
        tokens.append(match[0])
        at = match.end()
    reader = _Reader(tokens)
    try:
        value = reader.sum()
    except (ArithmeticError, ValueError):
        return None
    if reader.at != len(tokens) or not reader.lines:
        return None
    lines = tuple(reader.lines)
    if "/" in tokens:
        # Fractions as a pupil writes them, of one denominator, unless it goes below zero.
        with contextlib.suppress(Unsolvable):
            lines = solve(parse(expression)).lines or lines
    return Step(value, lines, "/" in tokens)


class _Reader(Cursor):
    """Works a sum out while it reads it, left to right, products before sums."""

    def __init__(self, tokens: list[str]) -> None:
        super().__init__(tokens)
        self.lines: list[str] = []
        self.depth = 0

    def sum(self) -> Fraction:
        value = self.product()
        while sign := self.take("+-"):
            value = self.step(value, sign, self.product())
        return value

    def product(self) -> Fraction:
        value = self.power()
        while sign := self.take("×÷"):
            value = self.step(value, sign, self.power())
        return value

    def power(self) -> Fraction:
        value = self.leaf()
        if self.take("^"):
            exponent = self.leaf()
            if exponent.denominator != 1 or not 0 <= exponent <= 20:
                raise ValueError("a power that no school asks for")
            result = value ** int(exponent)
            if exponent in (2, 3):
                self.lines.append(f"{'×'.join([factor(value)] * int(exponent))}={factor(result)}")
            else:
                self.lines.append(f"{factor(value)}^{exponent}={factor(result)}")
            return self.sized(result)
        return value

    def leaf(self) -> Fraction:
        self.depth += 1
        if self.depth > 200:
            raise ValueError("too many brackets")
        if self.take("-"):
            return -self.leaf()
        if self.take("("):
            value = self.sum()
            if not self.take(")"):
                raise ValueError("an open bracket")
        else:
            token = self.peek()
            if not token or not token[0].isdigit():
                raise ValueError("a number is missing")
            self.at += 1
            value = Fraction(token.rstrip("%")) / (100 if token.endswith("%") else 1)
        if self.take("/"):  # only of fractions: 3/4
            return value / self.leaf()
        return self.sized(value)

    def step(self, a: Fraction, sign: str, b: Fraction) -> Fraction:
        if sign == "+":
            value = a + b
        elif sign == "-":
            value = a - b
        elif sign == "×":
            value = a * b
        else:
            value = a / b
        self.lines.append(f"{factor(a)}{sign}{factor(b)}={factor(value)}")
        return self.sized(value)

    def sized(self, value: Fraction) -> Fraction:
        if max(abs(value.numerator), value.denominator) > LARGEST:
            raise ValueError("too long a number")
        return value
