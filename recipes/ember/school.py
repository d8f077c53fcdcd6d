"""Problems from the templates of `school_kinds`: numbers are drawn, then grown until every step comes out even."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from school_kinds import HELD_OUT_TOPICS, TOPICS, WORDS
from school_problems import _GOODS as GOODS

from huozhong.acts.solve import Node, Unsolvable, intermediate_values, parse
from huozhong.verify.numbers import Number

_HOLE = re.compile(r"\{([a-z]\d|[\u4e00-\u9fff]\d?)\}")
_DRAWN = re.compile(r"\{([a-z]\d)\}")
_NAME = re.compile(r"[a-z]\d")
_EITHER = re.compile(r"\[([^]\[]*)\]")
_CONSTANT = re.compile(r"(?<![a-z\d.])\d+(?:\.\d+)?")
_WHOLE = re.compile(
    r"[nu]\d\}(?:个|人|棵|只|本|袋|朵|张|台|页|块|辆|岁|分|名|件|支|枚|颗|套|幅|次|条|箱|字|道|集|粒|盆|部|海里|度|\{量)"
)
_ENDS = ("？", "？", "？", "?", "。", "．", "")
_DISCOUNTS = {
    "九": 90,
    "八": 80,
    "七": 70,
    "六": 60,
    "五": 50,
    "八五": 85,
    "九五": 95,
    "七五": 75,
    "8": 80,
    "9": 90,
    "7": 70,
    "8.5": 85,
    "7.5": 75,
}


@dataclass(frozen=True)
class Made:
    """A question and what answers it: the equation, and whether a percentage is asked for."""

    question: str
    equation: Node
    percent: bool = False
    kind: str = ""


def _draw(kind: str, rng: random.Random) -> Number:
    pick = rng.randint
    if (kind == "f" and rng.random() < 0.75) or kind == "v":
        bottom = rng.choice((2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 12))
        return Number(Fraction(pick(1, bottom - 1), bottom), "fraction")
    if kind in "fp":
        value = rng.choice((pick(1, 19) * 5, pick(1, 9) * 10, pick(1, 99)))
        return Number(Fraction(value, 100), "percent")
    if kind == "i":
        return Number(Fraction(rng.choice((pick(15, 50) * 10, pick(150, 500), pick(6, 20) * 25)), 10_000), "percent")
    if kind == "z":
        return Number(Fraction(rng.choice(tuple(_DISCOUNTS.values())), 100))
    if kind == "m":
        return Number(Fraction(pick(11, 35), 10) if rng.random() < 0.12 else Fraction(pick(2, 9)))
    if kind == "r":
        return Number(Fraction(pick(1, 9)))
    if kind == "c":
        return Number(Fraction("3.14") * pick(1, rng.choice((10, 30))) * rng.choice((1, 2)))
    if kind == "h":
        return Number(Fraction(pick(5, 21)))
    if kind == "l":
        return Number(Fraction(rng.choice((1000, 2000, 5000, 10000, 50000, 100000, 200000, 500000, 1000000, 6000000))))
    if kind == "u":
        return Number(Fraction(pick(12, rng.choice((40, 120, 300)))))
    if kind == "k":
        return Number(Fraction(pick(2, rng.choice((6, 9, 15, 30, 60)))))
    return Number(Fraction(pick(2, rng.choice((9, 30, 99, 300, 900)))))


def _filled(equation: str, chosen: dict[str, Number]) -> Node:
    return parse(_NAME.sub(lambda match: str(chosen[match[0]]), equation.replace("/", "÷")))


def _numbers(text: str, equation: str, rng: random.Random) -> dict[str, Number] | None:
    """Numbers with which every step comes out even, None when thirty draws found none."""
    percent = equation.endswith("%")
    equation = equation.rstrip("%")
    share = percent or "几分之几" in text or "v1" in equation
    names = list(dict.fromkeys(_DRAWN.findall(text)))
    constants = {Number(Fraction(constant)) for constant in _CONSTANT.findall(equation)}
    uneven = any(name[0] == "u" for name in names)
    for _ in range(40):
        chosen = {name: _draw(name[0], rng) for name in names}
        try:
            values = intermediate_values(_filled(equation, chosen))
            quantities = [name for name in names if name[0] == "n"]
            if not share and quantities and not uneven:
                scale = lcm(*(value.denominator for value in values)) if "3.14" not in equation else 1
                if scale > 400:
                    continue
                shrink = 10 if rng.random() < 0.2 and not _WHOLE.search(text) else 1
                for name in quantities:
                    chosen[name] = Number(chosen[name].value * scale / shrink)
                values = intermediate_values(_filled(equation, chosen))
        except Unsolvable:
            continue
        if constants & set(chosen.values()) or len({n.value for n in chosen.values()}) < len(chosen):
            continue
        if _sensible(chosen, values, share=share, uneven=uneven, percent=percent):
            return chosen
    return None


def _sensible(chosen: dict[str, Number], values: list[Fraction], *, share: bool, uneven: bool, percent: bool) -> bool:
    if any(value <= 0 for value in values) or any(
        number.value > 30_000 for name, number in chosen.items() if name[0] != "l"
    ):
        return False
    if any(value > 10**7 for value in values):
        return False
    if uneven:
        return values[-1] > 1
    if percent:
        return (values[-1] * 1000).denominator == 1 and values[-1] < 4
    if share:
        return values[-1].denominator <= 120
    return (
        all((value * 1000).denominator == 1 or value.denominator <= 60 for value in values[:-1])
        and (values[-1] * 1000).denominator == 1
    )


def _words(rng: random.Random) -> dict[str, str]:
    words = {}
    for key, values in WORDS.items():
        for number, word in enumerate(rng.sample(values, min(3, len(values)))):
            words[f"{key}{number + 1}"] = word
        words[key] = words[f"{key}1"]
    (a, x), (b, y) = rng.sample(GOODS, 2)
    return words | {"货": a, "量": x, "货2": b, "量2": y}


def written(name: str, number: Number) -> str:
    """A number as the text has it: a discount is said in tenths, 八 or 8.5."""
    if name[0] != "z":
        return str(number)
    return random.Random(str(number)).choice(
        [said for said, value in _DISCOUNTS.items() if value == number.value * 100]
    )


def made(topic: str, text: str, equation: str, rng: random.Random) -> Made | None:
    text = _EITHER.sub(lambda match: rng.choice(match[1].split("|")), text)
    chosen = _numbers(text, equation, rng)
    if chosen is None:
        return None
    words = _words(rng)
    question = _HOLE.sub(
        lambda match: written(match[1], chosen[match[1]]) if match[1] in chosen else words[match[1]], text
    )
    opening = rng.choice(("", "", "", "", "", "", "已知", "如果")) if topic not in ("first", "held-first") else ""
    question = opening + question + rng.choice(_ENDS)
    return Made(question, _filled(equation.rstrip("%"), chosen), equation.endswith("%"), topic)


KINDS = tuple((topic, text, equation) for topic, rows in TOPICS.items() for text, equation in rows)
HELD_OUT_KINDS = tuple((topic, text, equation) for topic, rows in HELD_OUT_TOPICS.items() for text, equation in rows)


def problems(rng: random.Random, count: int, kinds: Sequence[tuple[str, str, str]] = KINDS) -> list[Made]:
    """`count` problems, each kind about equally often."""
    found: list[Made] = []
    while len(found) < count:
        one = made(*rng.choice(kinds), rng)
        if one is not None:
            found.append(one)
    return found
