"""Math23K / Ape problems with changed numbers: the story stays, the numbers move, the equation is worked out again."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from normal import normal_form

from huozhong.acts.solve import Node, Solution, Unsolvable, intermediate_values, leaves, parse, replace_leaves, solve
from huozhong.verify.numbers import Number, decimals_of

_NUMBER = re.compile(r"(?<!\^)(?:(\d+)?\((\d+)/(\d+)\)|(\d+(?:\.\d+)?)(%?))")  # not the 2 of cm^2
_FRACTION = re.compile(r"(?<!\d)\((\d+)/(\d+)\)")
_NAMES = (
    "小明",
    "小红",
    "小华",
    "小丽",
    "小刚",
    "小强",
    "小芳",
    "小军",
    "小亮",
    "小玲",
    "小东",
    "小林",
    "小兰",
    "小李",
    "小张",
    "小王",
    "明明",
    "红红",
    "丽丽",
    "亮亮",
    "张明",
    "李明",
    "王芳",
    "李华",
)
# Things of one kind: exchanged for one another they leave a problem what it is.
_THINGS = tuple(
    tuple(words.split())
    for words in (
        "甲 乙",
        "男生 女生",
        "男工 女工",
        "爸爸 妈妈",
        "哥哥 弟弟",
        "姐姐 妹妹",
        "公鸡 母鸡",
        "客车 货车 轿车 卡车",
        "苹果 桃子 香蕉 橘子",
        "杨树 柳树 松树 柏树 槐树 桃树 梨树",
        "红花 黄花 白花 蓝花 紫花",
        "黑兔 白兔 灰兔",
        "红球 黄球 白球 蓝球 黑球",
        "铅笔 钢笔 毛笔 圆珠笔",
        "篮球 足球 排球 皮球",
        "故事书 科技书 文艺书 连环画 漫画书",
        "语文 数学 英语",
        "大米 面粉 玉米 黄豆",
        "白菜 萝卜 黄瓜 西红柿",
        "鸡 鸭 鹅",
        "牛奶 果汁 可乐",
        "上衣 裤子 裙子",
        "合唱队 舞蹈队 航模队 书法队",
        "钢材 水泥 沙子",
        "上海 北京 南京 武汉 广州",
    )
)
# Values that are constants of the language as often as data: a pair, a unit, a circle's π.
_FIXED = {Fraction(1), Fraction(2), Fraction("3.14")}


@dataclass(frozen=True)
class Problem:
    question: str
    solution: Solution


@dataclass(frozen=True)
class Source:
    """One problem as published: its question with the places of its numbers, its equation as a tree."""

    question: str
    spans: tuple[tuple[int, int, Number], ...]
    equation: Node
    percent_answer: bool

    @property
    def changeable(self) -> list[Number]:
        used = set(leaves(self.equation))
        found = dict.fromkeys(number for _, _, number in self.spans)
        return [n for n in found if n in used and n.value not in _FIXED and n.value > 0]


def read_problem(question: str, equation: str, answer: str) -> Source | None:
    """None for what cannot be worked out or whose equation does not give the answer."""
    spans = tuple(spans_of(question))
    try:
        tree = normal_form(parse(_quotients(equation, spans)), places_in(spans).get)
        solve(tree)
    except Unsolvable:
        return None
    return Source(question, spans, tree, answer.endswith("%"))


def _quotients(equation: str, spans: Sequence[tuple[int, int, Number]]) -> str:
    """`390/(975/15)`, where the question tells 975 and 15 and no fraction: a division, which is written as one."""
    told = {number for _, _, number in spans}

    def quotient(match: re.Match[str]) -> str:
        top, bottom = int(match[1]), int(match[2])
        is_told = bottom and Number(Fraction(top, bottom), "fraction") in told
        return match[0] if is_told or Number(Fraction(top)) not in told else f"({top}÷{bottom})"

    return _FRACTION.sub(quotient, equation)


def places_in(spans: Sequence[tuple[int, int, Number]]) -> dict[Number, int]:
    """Where a question names a number first."""
    places: dict[Number, int] = {}
    for start, _, number in spans:
        places.setdefault(number, start)
    return places


def spans_of(question: str) -> list[tuple[int, int, Number]]:
    """Every number of a question with its start and end."""
    found = []
    for match in _NUMBER.finditer(question):
        whole, top, bottom, plain, percent = match.groups()
        if top is not None and int(bottom):
            number = Number(Fraction(int(top), int(bottom)) + int(whole or 0), "fraction")
        elif plain is not None:
            number = Number(Fraction(plain) / (100 if percent else 1), "percent" if percent else "decimal")
        else:
            continue
        found.append((match.start(), match.end(), number))
    return found


def as_published(source: Source) -> Problem:
    return Problem(source.question, _finish(source, source.equation))


def changed(source: Source, rng: random.Random, tries: int = 24) -> Problem | None:
    """The same story with other numbers, or None when no choice keeps every intermediate value sensible."""
    candidates = source.changeable
    if not candidates:
        return None
    model = intermediate_values(source.equation)
    for attempt in range(tries):
        keep = attempt * len(candidates) // (2 * tries)  # harder problems: move fewer numbers at a time
        moved = rng.sample(candidates, len(candidates) - keep)
        new = {number: _other(number, rng) for number in moved}
        if len(set(new.values()) | (set(candidates) - set(moved))) < len(candidates):
            continue
        equation = replace_leaves(source.equation, new)
        try:
            if not _sensible(intermediate_values(equation), model):
                continue
            return Problem(_rewrite(source, new), _finish(source, equation))
        except Unsolvable:
            continue
    return None


def _finish(source: Source, equation: Node) -> Solution:
    solution = solve(equation)
    if not source.percent_answer:
        return solution
    percent = Number(solution.answer.value, "percent")
    return Solution(solution.equation, (*solution.lines, f"{solution.answer}={percent}"), percent)


def _other(number: Number, rng: random.Random) -> Number:
    """A number of the same kind and about the same size."""
    value = number.value
    if number.style == "percent":
        percent = value * 100
        if percent.denominator == 1:
            step = 5 if percent % 5 == 0 else 1
            top = 99 // step if percent < 100 else 200 // step
            return Number(Fraction(rng.randint(1, top) * step, 100), "percent")
        return Number(_scaled(percent, rng) / 100, "percent")
    if number.style == "fraction":
        bottom = rng.choice([value.denominator, rng.randint(2, 9), rng.randint(2, 12), rng.randint(2, 20)])
        top = rng.randint(1, bottom - 1) if value < 1 else rng.randint(bottom + 1, bottom * int(value + 2))
        return Number(Fraction(top, bottom), "fraction") if top % bottom else number
    return Number(_scaled(value, rng))


def _scaled(value: Fraction, rng: random.Random) -> Fraction:
    places = decimals_of(value) or 0
    whole = int(value * 10**places)
    zeros = len(str(whole)) - len(str(whole).rstrip("0"))
    if zeros and rng.random() < 0.15:
        zeros -= 1
    unit = 10**zeros
    base = whole // unit
    if base <= 12 and rng.random() < 0.7:
        fresh = rng.randint(2, 12)
    else:
        fresh = max(2, round(base * rng.uniform(0.4, 2.2)))
    return Fraction(max(fresh, 2) * unit, 10**places)


def _sensible(values: list[Fraction], model: list[Fraction]) -> bool:
    """Positive throughout, whole where the published problem is whole, no longer decimals than there."""
    for new, old in zip(values, model, strict=True):
        if new <= 0 or (new < 1) != (old < 1) or new > 10**7:
            return False
        if old.denominator == 1 and new.denominator != 1:
            return False
        new_places, old_places = decimals_of(new), decimals_of(old)
        if old_places is not None and (new_places is None or new_places > max(old_places, 2)):
            return False
        if new_places is None and new.denominator > 400:
            return False
    return True


def _rewrite(source: Source, new: dict[Number, Number]) -> str:
    out, at = [], 0
    for start, end, number in source.spans:
        out += [source.question[at:start], str(new.get(number, source.question[start:end]))]
        at = end
    return "".join([*out, source.question[at:]])


def _exchange(kinds: Sequence[tuple[str, ...]]) -> Callable[[str, random.Random], str]:
    """A function that puts one word for another of its kind, the same one everywhere in a question."""
    kind_of = {word: kind for kind in kinds for word in kind}
    word = re.compile("|".join(sorted(kind_of, key=len, reverse=True)))

    def exchange(question: str, rng: random.Random) -> str:
        orders: dict[tuple[str, ...], list[str]] = {}

        def other(match: re.Match[str]) -> str:
            kind = kind_of[match.group()]
            if kind not in orders:
                orders[kind] = rng.sample(kind, len(kind))
            return orders[kind][kind.index(match.group())]

        return word.sub(other, question)

    return exchange


exchange_people = _exchange((_NAMES,))
exchange_things = _exchange(_THINGS)


def restyle(question: str, rng: random.Random) -> str:
    """Small changes that do not matter: who and what it is about, full stops, the question mark."""
    if rng.random() < 0.5:
        question = exchange_things(question, rng)
    if rng.random() < 0.5:
        question = exchange_people(question, rng)
    if rng.random() < 0.4:
        question = question.replace("．", "。")
        question = question.replace("=多少", rng.choice(["是多少", "=多少"]))
        question = question.replace("=？", rng.choice(["是多少？", "=？"]))
        question = re.sub(r"(\d*)\((\d+)/(\d+)\)", lambda m: f"{m[2]}/{m[3]}" if not m[1] else m[0], question)
    if rng.random() < 0.1:
        question = question.rstrip("．？。?=") + rng.choice(["？", "?", "", "。"])
    return question
