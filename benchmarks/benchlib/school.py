"""Word problems of primary school from templates of our own, with their working: for tutors to be tried on."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

Numbers = list[int]


@dataclass(frozen=True)
class Template:
    """text: with # for each number; draw: numbers that fit; steps: the sums, as (left, sign, right), where r0, r1 …
    are the results before and a, b, c … the numbers."""

    text: str
    draw: Callable[[random.Random], Numbers]
    steps: tuple[str, ...]
    unit: str

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.text).replace(r"\#", r"(\d+)"))

    def filled(self, numbers: Numbers) -> str:
        rest = iter(numbers)
        return re.sub("#", lambda _: str(next(rest)), self.text)


@dataclass(frozen=True)
class Problem:
    """A template with numbers.  results: of each step, the last is the answer."""

    template: Template
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        return self.template.filled(list(self.numbers))

    @property
    def worked(self) -> list[tuple[str, Fraction]]:
        """Each sum with numbers in it, and its result."""
        values: dict[str, Fraction] = {chr(97 + at): Fraction(n) for at, n in enumerate(self.numbers)}
        out = []
        for at, step in enumerate(self.template.steps):
            left, sign, right = step.split()
            a, b = (values[one] if one in values else Fraction(one) for one in (left, right))
            result = {"+": a + b, "-": a - b, "×": a * b, "÷": a / b if b else Fraction(0)}[sign]
            values[f"r{at}"] = result
            out.append((f"{_shown(a)}{sign}{_shown(b)}", result))
        return out

    @property
    def results(self) -> list[Fraction]:
        return [result for _, result in self.worked]

    def working(self) -> str:
        """As a model shows it."""
        lines = [f"{sum_}={_shown(result)}（{self.template.unit}）。" for sum_, result in self.worked]
        return "\n".join((*lines, f"答：{_shown(self.results[-1])}{self.template.unit}。"))


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(float(value))


def _between(*bounds: tuple[int, int]) -> Callable[[random.Random], Numbers]:
    return lambda rng: [rng.randint(low, high) for low, high in bounds]


def _with(make: Callable[[int, int, int], Numbers], *bounds: tuple[int, int]) -> Callable[[random.Random], Numbers]:
    def draw(rng: random.Random) -> Numbers:
        a, b, c = (rng.randint(low, high) for low, high in (*bounds, (1, 1), (1, 1))[:3])
        return make(a, b, c)

    return draw


TEMPLATES = (
    Template("小明有#个苹果，每天吃#个，吃了#天，还剩几个？",
             _with(lambda a, b, c: [a * b + c, a, b], (3, 6), (4, 8), (12, 40)), ("b × c", "a - r0"), "个"),
    Template("学校买来#箱粉笔，每箱#盒，用去#盒，还剩多少盒？", _between((5, 9), (21, 29), (31, 60)),
             ("a × b", "r0 - c"), "盒"),
    Template("一辆汽车#小时行#千米，照这样计算，#小时行多少千米？",
             _with(lambda a, b, c: [a, a * b, c], (3, 4), (55, 75), (7, 9)), ("b ÷ a", "r0 × c"), "千米"),
    Template("果园里有苹果树#棵，梨树比苹果树多#棵，两种树一共有多少棵？", _between((110, 160), (21, 45)),
             ("a + b", "a + r0"), "棵"),
    Template("妈妈买了#千克香蕉，每千克#元，付了#元，应找回多少元？", _between((3, 5), (6, 9), (61, 99)),
             ("a × b", "c - r0"), "元"),
    Template("三年级有#名同学，每#人一组，每组发#本书，一共要发多少本书？",
             _with(lambda a, b, c: [a * b, b, c], (13, 19), (6, 8), (3, 5)), ("a ÷ b", "r0 × c"), "本"),
    Template("工厂计划生产#台机器，已经生产了#天，每天生产#台，还要生产多少台？",
             _with(lambda a, b, c: [a * b + c, a, b], (11, 19), (22, 38), (50, 90)), ("b × c", "a - r0"), "台"),
    Template("小红有#张邮票，小丽的邮票是小红的#倍，小丽比小红多多少张？", _between((23, 47), (4, 8)),
             ("a × b", "r0 - a"), "张"),
    Template("一本书有#页，小华每天看#页，看了#天，还有多少页没看？",
             _with(lambda a, b, c: [a * b + c, a, b], (14, 19), (6, 9), (41, 80)), ("b × c", "a - r0"), "页"),
    Template("商店有#袋大米，每袋#千克，又运来#千克，现在一共有多少千克大米？",
             _between((12, 18), (25, 35), (101, 180)), ("a × b", "r0 + c"), "千克"),
    Template("同学们植树，第一天植了#棵，第二天植了#棵，还剩#棵没有植，一共要植多少棵？",
             _between((31, 60), (61, 90), (101, 140)), ("a + b", "r0 + c"), "棵"),
    Template("一个书架有#层，每层放#本书，借走了#本，还剩多少本？", _between((4, 7), (32, 48), (51, 90)),
             ("a × b", "r0 - c"), "本"),
    Template("食堂运来#千克白菜，运来的萝卜比白菜少#千克，运来白菜和萝卜一共多少千克？", _between((210, 290), (31, 70)),
             ("a - b", "a + r0"), "千克"),
    Template("小刚买#支铅笔用了#元，买#支这样的铅笔要多少元？",
             _with(lambda a, b, c: [a, a * b, c], (3, 5), (7, 9), (11, 14)), ("b ÷ a", "r0 × c"), "元"),
    Template("养鸡场有公鸡#只，母鸡#只，每#只装一笼，一共要装多少笼？",
             _with(lambda a, b, c: [a * b - c, c, b], (31, 42), (5, 7), (61, 80)), ("a + b", "r0 ÷ c"), "笼"),
)  # fmt: skip


def problems(count: int, seed: int = 21) -> list[Problem]:
    """So many problems whose results are not among their numbers, so that a leak is one."""
    rng = random.Random(seed)
    out: list[Problem] = []
    while len(out) < count:
        template = TEMPLATES[len(out) % len(TEMPLATES)]
        one = Problem(template, tuple(template.draw(rng)))
        clear = len({*one.results, *map(Fraction, one.numbers)}) == len(one.results) + len(one.numbers)
        if clear and min(one.results) > 10 - 3 * (min(one.results) > 6):
            out.append(one)
    return out


def meant(text: str) -> Problem | None:
    """The problem that a text tells, whatever its numbers."""
    for template in TEMPLATES:
        found = template.pattern.search(text)
        if found is not None:
            return Problem(template, tuple(map(int, found.groups())))
    return None
