"""EQUATION: x+5=12, 3(x-2)=2x+1, x/3=4, 3:4=x:8, □×6=54, 一个数加5等于12, Solve for x: 2x+3=7.

Both sides are read as quotients of polynomials in the unknown; what is left after multiplying out is linear or
square.  No solution and endlessly many are said.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.asking import Asked, asked
from huozhong.acts.exact.calculate import work_out
from huozhong.acts.exact.cursor import Cursor
from huozhong.acts.exact.done import Done, factor, finish, text_of
from huozhong.acts.exact.small_words import rest_of
from huozhong.acts.exact.wording import in_signs

_EQUATION = re.compile(r"[\d.a-zA-Z+\-×÷*/:()\[\]=^²%□_▲△○☆★()\s]+")
_WORDS = re.compile(r"解方程组?|解比例|方程|求解|解|未知数|括号|方框|比例|表示|时")
_WORDS_EN = re.compile(r"\b(?:solve|equation|given|that|solution|goes|box|blank|unknown|root|roots)\b", re.IGNORECASE)
_BLANK = re.compile(
    r"[□_▲△☆★]+|\(\s*\)|[?？](?=\s*[-+×÷*/=])|(?<=[-+×÷*/])\s*[?？](?=\s*[=])|(?<=[-+×÷*/])\s*[?？](?=$)|[?？](?=[)])"
)
_SENTINEL = "987654321"
_A_NUMBER = re.compile(
    r"(?:有)?(?:[甲乙]数(?!是|为)|一个数字?|某个数|某数|什么数|一个未知数|哪个数|几(?=[加减乘除比的]|$)"
    r"|多少(?=[加减乘除])"
    r"|(?<![a-zA-Z])[xyz](?![a-zA-Z])|what number|a (?:certain )?number|some number|which number)",
    re.IGNORECASE,
)
_MAKES = re.compile(
    r"(?:后|所?得)?的?(?:结果|和|差|积|商|得数)?(?:就|恰好|正好)?(?:等于|是|得到?|=|为|就是)|\s(?:is|equals"
    r"|makes|gives|is equal to|you get)\s"
)
_THEN = re.compile(
    r"[,，。;；.?？]?\s*(?:求?(?:这个|那个|该|某个?|此|[甲乙])数字?(?:是|为|等于)?(?:多少|几|什么)?|求?它(?:是"
    r"|等于)?(?:多少|几)?|what is (?:the|this) number|find (?:the|this) number|求这个数)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Polynomial:
    """Coefficients, the constant first."""

    parts: tuple[Fraction, ...]

    @property
    def degree(self) -> int:
        return len(self.parts) - 1

    def at(self, x: Fraction) -> Fraction:
        return sum((part * x**power for power, part in enumerate(self.parts)), Fraction(0))


def _poly(parts: list[Fraction]) -> Polynomial:
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return Polynomial(tuple(parts))


def _plus(a: Polynomial, b: Polynomial, times: int = 1) -> Polynomial:
    size = max(len(a.parts), len(b.parts))
    padded = [tuple(p.parts) + (Fraction(0),) * (size - len(p.parts)) for p in (a, b)]
    return _poly([x + times * y for x, y in zip(*padded, strict=True)])


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    out = [Fraction(0)] * (a.degree + b.degree + 1)
    for i, x in enumerate(a.parts):
        for j, y in enumerate(b.parts):
            out[i + j] += x * y
    if len(out) > 7:
        raise ValueError("too high a power")
    return _poly(out)


ONE = Polynomial((Fraction(1),))
X = Polynomial((Fraction(0), Fraction(1)))


@dataclass(frozen=True)
class Quotient:
    """top / bottom, polynomials in the unknown."""

    top: Polynomial
    bottom: Polynomial = ONE


_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)(%?)|([a-zA-Z])|([-+×÷*/:^()²]))")


class _Reader(Cursor):
    def __init__(self, text: str, letter: str) -> None:
        super().__init__([])
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or (match[3] and match[3] != letter):
                raise ValueError("unreadable")
            self.tokens.append(match[0].strip())
            at = match.end()
        self.letter = letter

    def whole(self) -> Quotient:
        value = self.sum()
        if self.at != len(self.tokens):
            raise ValueError("left-over text")
        return value

    def sum(self) -> Quotient:
        value = self.product()
        while sign := self.take("+-"):
            other = self.product()
            top = _plus(_times(value.top, other.bottom), _times(other.top, value.bottom), 1 if sign == "+" else -1)
            value = Quotient(top, _times(value.bottom, other.bottom))
        return value

    def product(self) -> Quotient:
        value = self.unary()
        while True:
            sign = self.take("×÷*/:")
            if not sign and not (self.peek() == "(" or (self.peek() and self.peek()[0].isalpha())):
                return value
            other = self.unary()
            if sign in ("", "×", "*"):
                value = Quotient(_times(value.top, other.top), _times(value.bottom, other.bottom))
            else:
                if not any(other.top.parts):
                    raise ValueError("division by zero")
                value = Quotient(_times(value.top, other.bottom), _times(value.bottom, other.top))

    def unary(self) -> Quotient:
        if self.take("-"):
            value = self.unary()
            return Quotient(_times(value.top, Polynomial((Fraction(-1),))), value.bottom)
        value = self.leaf()
        power = 2 if self.take("²") else int(self.leaf().top.parts[0]) if self.take("^") else 1
        if not 1 <= power <= 3:
            raise ValueError("a power that is not taught")
        result = value
        for _ in range(power - 1):
            result = Quotient(_times(result.top, value.top), _times(result.bottom, value.bottom))
        return result

    def leaf(self) -> Quotient:
        if self.take("("):
            value = self.sum()
            if not self.take(")"):
                raise ValueError("an open bracket")
            return value
        token = self.peek()
        self.at += 1
        if token == self.letter:
            return Quotient(X)
        if not token or not token[0].isdigit():
            raise ValueError("a number is missing")
        value_of = Fraction(token.rstrip("%")) / (100 if token.endswith("%") else 1)
        return Quotient(_poly([value_of]))


def done(question: str) -> Done | None:
    """The solution of the one equation in one unknown that the question holds, or None."""
    ask = asked(question)
    found = _written(ask) or _in_words(ask)
    if found is None:
        return None
    left, right, letter, shown = found
    try:
        a, b = _Reader(left, letter).whole(), _Reader(right, letter).whole()
        zero = _plus(_times(a.top, b.bottom), _times(b.top, a.bottom), -1)
    except (ValueError, ArithmeticError, IndexError):
        return None
    if max(abs(part.numerator) + part.denominator for part in zero.parts) > 10**12:
        return None
    return _solved(ask, zero, (a, b), (left, right), letter, shown)


def _written(ask: Asked) -> tuple[str, str, str, str] | None:
    """The two sides of an equation in signs, the unknown's letter, and what it is called."""
    text, blank = re.sub(r"求(?:出)?[a-zA-Z](?:的值)?\s*:\s*", "", ask.core), ""
    text = (
        re.sub(r"(?<![a-zA-Z])([a-zA-Z])\s*=\s*(?:[?？]|\(\s*\)|多少|几|_+)*$", "", text)
        if text.count("=") > 1
        else text
    )
    text = re.sub(
        r"[,，;；]\s*(?:求|则|那么|问|find|what is)?\s*[a-zA-Z]\s*(?:=|是|等于|的值)?\s*(?:[?？]|\(\s*\)|多少|几)*$",
        "",
        text,
    )
    if not re.search(r"[a-zA-Z]\s*[-+×÷*/=()²^:]|[-+×÷*/=(\d:]\s*[a-zA-Z](?![a-zA-Z])", text):
        marked = _BLANK.sub("y", text)
        blank = "□" if marked != text else ""
        text = marked
    pieces = [piece for piece in _EQUATION.finditer(text) if "=" in piece[0]]
    if len(pieces) != 1:
        return None
    rest = text[: pieces[0].start()] + " " + text[pieces[0].end() :]
    equation = pieces[0][0]
    if ask.english:
        words = re.match(r"\s*((?:[A-Za-z]{2,}[\s:,]+|[a-zA-Z]\s*[:,]\s*|[a-zA-Z]\s+(?=[A-Za-z]{2}))*)", equation)
        tail = re.search(r"((?:[\s,;]+[A-Za-z]{2,})+)\s*$", equation)
        head, equation = (words[0], equation[words.end() :]) if words else ("", equation)
        if tail and tail[0] and equation.endswith(tail[0]):
            equation, rest = equation[: -len(tail[0])], rest + tail[0]
        rest = head + rest
    rest = re.sub(r"(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])", "", rest)
    if rest_of(rest, ask.english, _WORDS_EN if ask.english else _WORDS):
        return None
    return _sides(equation, blank)


def _sides(equation: str, blank: str) -> tuple[str, str, str, str] | None:
    equation = equation.strip(" .:,").translate(str.maketrans("[]", "()"))
    sides = equation.split("=")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        return None
    letters = set(re.findall(r"[a-zA-Z]", equation))
    if letters - {"x", "X"} and letters & {"x", "X"}:  # 3x□=12: the x is a sign of multiplication
        sides = [re.sub(r"(?<=[\dy)])\s*[xX]\s*(?=[\dy(])", "×", side) for side in sides]
        letters = set(re.findall(r"[a-zA-Z]", "=".join(sides)))
    if len(letters) != 1 or re.search(r"[a-zA-Z]{2}", equation) or re.search(r"\d\s*[xX]\s*\d|[xX]\s*\d", equation):
        return None
    letter = letters.pop()
    if all(side.strip() == letter or not re.search("[a-zA-Z]", side) for side in sides):
        if blank or not any(re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", side) for side in sides):
            return None  # 3+5=□ is a sum
        return None
    return sides[0], sides[1], letter, blank or letter


def _in_words(ask: Asked) -> tuple[str, str, str, str] | None:
    """一个数加5等于12，这个数是多少"""
    text = _THEN.sub("", ask.core)
    named = _A_NUMBER.findall(text)
    if len(named) != 1 or (
        text == ask.core
        and not re.search(r"什么数|哪个数|几|多少|^[a-z]$|what number|which number", named[0], re.IGNORECASE)
    ):
        return None
    text = _A_NUMBER.sub(_SENTINEL, text).strip()
    sides = _MAKES.split(
        re.sub(r"[,，](?=[\s]*(?:结果|等于|得|就|是|和|差|积|商))", "", text) if not ask.english else text
    )
    if len(sides) != 2 or not re.fullmatch(
        r"[\d.%]+|[\d./]+|[零一二两三四五六七八九十百千万点分之]+|[a-z -]+", sides[1].strip()
    ):
        return None
    results = [in_signs(f"{side.strip()}", ask.english) or _plain(side, ask.english) for side in sides]
    if None in results or _SENTINEL not in str(results[0]):
        return None
    left = str(results[0]).replace(_SENTINEL, "x")
    left = re.sub(r"\(x×(\d+(?:\.\d+)?)\)|(?<![\d)^])x×(\d+(?:\.\d+)?)", lambda m: f"{m[1] or m[2]}x", left)
    return left, str(results[1]), "x", "x"


def _plain(text: str, english: bool) -> str | None:
    """A number alone, in digits."""
    signs = in_signs(f"0 plus {text.strip()}" if english else f"0+{text.strip()}", english)
    return signs[2:] if signs and signs.startswith("0+") else None


def _solved(
    ask: Asked, zero: Polynomial, sides: tuple[Quotient, Quotient], written: tuple[str, str], letter: str, shown: str
) -> Done | None:
    equation = f"{written[0].strip()}={written[1].strip()}"
    if zero.degree == 0:
        never = bool(zero.parts[0])
        if ask.english:
            said = f"No {letter} makes {equation} true" if never else f"{equation} is true for every {letter}"
            return finish(True, (), said, "no solution" if never else "every number")
        said = f"无论{letter}是多少，{equation}都{'不' * never}成立"
        return finish(False, (), said, "方程无解" if never else "任意数都是解")
    if zero.degree == 1 and re.search(r"\d\s*/\s*\d", equation):  # brought to one denominator: not a step to show
        zero = Polynomial((zero.parts[0] / zero.parts[1], Fraction(1)))
    roots, lines = _linear(zero, letter) if zero.degree == 1 else _square(zero, letter)
    if roots is None:
        return None
    roots = [root for root in roots if sides[0].bottom.at(root) and sides[1].bottom.at(root)]
    if not roots:
        return finish(
            ask.english,
            (),
            f"No number solves {equation}" if ask.english else f"没有数满足{equation}",
            "no solution" if ask.english else "方程无解",
        )
    name = "x" if shown == "□" else letter
    lines = [*lines, *_check(written, letter, roots[0])] if len(roots) == 1 else lines
    answer = (" or " if ask.english else "或").join(f"{name}={text_of(root)}" for root in roots)
    first = equation if shown != "□" else re.sub(letter, "□", equation)
    if shown == "□":
        short = text_of(roots[0])
        lines = [line for line in lines if letter not in line]
        return (
            finish(ask.english, lines, f"{first}, □={short}" if ask.english else f"{first}，□={short}", short)
            if len(roots) == 1
            else None
        )
    steps = [line for line in lines if letter in line and line not in (answer, equation)]
    said = "; ".join([first, *steps]) if ask.english else "，".join([first, *steps])
    if len(lines) > 1 and len(roots) == 1 and letter not in lines[-1]:
        said += f"; check: {lines[-1]}" if ask.english else f"，{answer}。检验：{lines[-1]}"
    return finish(ask.english, lines, said, answer)


def _linear(zero: Polynomial, letter: str) -> tuple[list[Fraction], list[str]]:
    constant, slope = zero.parts
    if slope < 0:
        constant, slope = -constant, -slope
    root = -constant / slope
    lines = []
    if slope != 1:
        lines.append(f"{factor(slope)}{letter}={text_of(-constant)}")
    lines.append(f"{letter}={text_of(root)}")
    return [root], lines


def _square(zero: Polynomial, letter: str) -> tuple[list[Fraction] | None, list[str]]:
    if zero.degree != 2:
        if zero.degree == 3 and not zero.parts[1] and not zero.parts[2]:
            cube = -zero.parts[0] / zero.parts[3]
            root = _root(abs(cube), 3)
            return (None, []) if root is None else ([root if cube >= 0 else -root], [])
        return None, []
    c, b, a = zero.parts
    under = b * b - 4 * a * c
    if under < 0:
        return [], []
    root = _root(under, 2)
    if root is None:
        return None, []
    roots = sorted({(-b + root) / (2 * a), (-b - root) / (2 * a)}, reverse=True)
    lines = [f"{letter}²={text_of(-c / a)}"] if not b else []
    return roots, lines


def _root(value: Fraction, power: int) -> Fraction | None:
    parts = []
    for part in (value.numerator, value.denominator):
        if part > 10**15:
            return None
        near = math.isqrt(part) if power == 2 else round(part ** (1 / 3))
        if near**power != part:
            return None
        parts.append(near)
    return Fraction(parts[0], parts[1])


def _check(written: tuple[str, str], letter: str, root: Fraction) -> list[str]:
    """The sides with the solution put in, as an equality of what they come to: 2×6+3=15."""
    shown = []
    for side in written:
        side = re.sub(
            rf"(?<=[\d)]){letter}|(?<=[\d)])\(",
            lambda m: "×" + m[0],
            side.replace("*", "×").replace("/", "÷").replace(":", "÷"),
        )
        side = re.sub(rf"(?<={letter})\(", "×(", side).replace("²", "^2")
        shown.append(re.sub(letter, factor(root), side).replace(" ", ""))
    values = [work_out(side) for side in shown]
    if values[0] is None:
        return []
    return [f"{shown[0]}={shown[1]}"]
