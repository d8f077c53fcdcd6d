"""A plan worked out one operation at a time, each with its result's unit and, where it is safe, a name for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.ask import Asked, asked
from huozhong.acts.asked import rounded
from huozhong.acts.exact.done import text_of
from huozhong.acts.measures import LENGTHS, RATIO, Reading, Unit, read_at
from huozhong.acts.solve import Node, Operation, leaves, solve
from huozhong.verify.arithmetic import parse_number
from huozhong.verify.numbers import Mention, Number, decimals_of, mentions, show, tidy

Units = dict[Node, Unit | None]
# Numbers that a plan brings along and that change one unit into another where it is one that is measured.
_CONVERSIONS = {Fraction(n) for n in (10, 100, 1000, 10000, 60, 3600, 24, 7, 12, 365, 30)}


@dataclass(frozen=True)
class Step:
    """One operation.  left, right: its operands worked out; unit: what stands behind the result, "" for none."""

    node: Operation
    left: Number
    right: Number
    result: Number
    unit: str
    name: str  # what is worked out, in the question's own words; "" where that is not safe

    @property
    def expression(self) -> str:
        """`4×5`, and `2×2×2` for a cube."""
        op = self.node.op
        if op == "^":
            return "×".join([plain(self.left)] * int(self.right.value))
        right = str(self.right) if op == "÷" else plain(self.right)
        left = str(self.left) if op == "÷" and plain(self.left) != str(self.left) else plain(self.left)
        return f"{left}{op}{right}"


_LONGEST_DECIMAL = 6  # 0.19625 rather than 157/800


def plain(number: Number) -> str:
    """3/4 without the brackets that fractions have in plans."""
    written = str(number)
    places = decimals_of(number.value)
    if number.style == "decimal" and written.startswith("(") and places is not None and places <= _LONGEST_DECIMAL:
        return text_of(number.value)
    return written.strip("()")


class Worked:
    """The steps of a plan for a question."""

    def __init__(self, question: str, plan: Node) -> None:
        self.question = tidy(question)
        self.plan = plan
        self.asked: Asked | None = asked(self.question)
        self.readings = _readings(self.question)
        self.units: Units = {}
        self._measure(plan)
        self._expect(plan, self.asked.unit if self.asked else None)
        self.steps: list[Step] = []
        self._results: dict[Node, Number] = {}
        self.exact = self._work(plan)
        whole = rounded(self.question, self.exact.value)  # at least so many boats
        self.answer = self.exact if whole == self.exact.value else Number(whole)

    @classmethod
    def measured(cls, question: str, plan: Node) -> Unit | None:
        """The unit that a plan's numbers give its result, None where one of them is not known."""
        work = cls.__new__(cls)
        work.question, work.plan, work.units = question, plan, {}
        work.asked, work.readings = None, _readings(question)
        return work._measure(plan)

    # -- results -----------------------------------------------------------------------------------

    def _work(self, node: Node) -> Number:
        if isinstance(node, Number):
            return node
        if node in self._results:
            return self._results[node]
        left, right = self._work(node.left), self._work(node.right)
        result = solve(Operation(node.op, left, right)).answer
        self._results[node] = result
        is_last = node is self.plan
        unit = self.unit_name(node)
        self.steps.append(Step(node, left, right, result, unit, "" if is_last else self._name(node)))
        return result

    # -- units -------------------------------------------------------------------------------------

    def unit_name(self, node: Node) -> str:
        """How the unit of a result is written, in the words of the question; "" for none or not known."""
        if node is self.plan and self.asked is not None and self.asked.kind == "number" and self.asked.written:
            return self.asked.shown
        if node is self.plan and self.asked is not None and self.asked.kind == "times":
            return "倍"
        if node is self.plan and self.asked is not None and self.asked.kind != "number":
            return ""
        unit = self.units.get(node)
        if node is self.plan and self.asked is not None:
            unit = _of_its_kind(unit, self.asked.clause)
        name = unit.name() if unit is not None else None
        return self._as_written(name) if name else ""

    def _as_written(self, name: str) -> str:
        """公里 where the question says so and not 千米."""
        written = [reading.written for reading in self.readings.values()]
        written += [self.asked.written] if self.asked is not None else []
        if name in written or name not in ("千米", "千克", "小时", "人", "元", "星期", "天", "支"):
            return name
        for other in ("公里", "公斤", "名", "位", "块钱", "礼拜", "周", "枝"):
            if other in written and read_at(f"1{other}", 0, 1).unit == read_at(f"1{name}", 0, 1).unit:
                return other
        return name

    def _measure(self, node: Node) -> Unit | None:
        """Units from the numbers upwards."""
        if isinstance(node, Number):
            unit = self._leaf(node)
        else:
            unit = self._combined(node, self._measure(node.left), self._measure(node.right))
        self.units[node] = unit
        return unit

    def _leaf(self, number: Number) -> Unit | None:
        reading = self.readings.get(number)
        if reading is not None:
            return reading.unit
        return RATIO

    def _combined(self, node: Operation, left: Unit | None, right: Unit | None) -> Unit | None:
        if node.op == "^":
            assert isinstance(node.right, Number)
            power = RATIO
            for _ in range(int(node.right.value) if left is not None else 0):
                power = power.times(left or RATIO)
            return power if left is not None else None
        if node.op in "+-":
            return _sum(left, right)
        if left is None or right is None or self._converts(node, left, right):
            return None
        return left.times(right) if node.op == "×" else left.over(right)

    def _converts(self, node: Operation, left: Unit, right: Unit) -> bool:
        """Whether a 1000 or a 60 that nobody told may change 千米 into 米."""
        sides = ((node.left, right), (node.right, left))
        return any(
            isinstance(side, Number) and side.value in _CONVERSIONS and side not in self.readings and other.is_measured
            for side, other in sides
        )

    def _expect(self, node: Node, unit: Unit | None) -> None:
        """Units from what is asked downwards, where they were not known: the parts of a sum are of its kind."""
        if isinstance(node, Number):
            return
        if self.units[node] is None:
            self.units[node] = unit
        known = self.units[node]
        left, right = self.units[node.left], self.units[node.right]
        if node.op in "+-":
            for side in (node.left, node.right):
                self._expect(side, known)
        elif node.op == "×":
            self._expect(node.left, known.over(right) if known is not None and right is not None else None)
            self._expect(node.right, known.over(left) if known is not None and left is not None else None)
        elif node.op == "÷":
            self._expect(node.left, known.times(right) if known is not None and right is not None else None)
            self._expect(node.right, left.over(known) if known is not None and left is not None else None)

    # -- names -------------------------------------------------------------------------------------

    def _name(self, node: Operation) -> str:
        """每天吃4个 and 吃了5天: 5天吃多少个.  Other steps have no name that one could be sure of."""
        if node.op != "×":
            return ""
        for rate, times in ((node.left, node.right), (node.right, node.left)):
            if not isinstance(rate, Number) or not isinstance(times, Number):
                continue
            each, count = self.readings.get(rate), self.readings.get(times)
            if each is None or count is None or not each.per or count.per or not count.written:
                continue
            if count.unit != read_at(f"1{each.per}", 0, 1).unit or not _is_name(each.between):
                continue
            return f"{plain(times)}{count.written}{_together(each.between, each.written)}多少{each.written}"
        return ""


# What is done with things, or measured of them: it stands behind 一共, what they are before it.
_DOES = re.compile(
    r"(?:加工|生产|完成|行驶|种植|制造|阅读|骑行|飞行|[吃看做行跑走飞修种写读织装运花用卖产收割存打挖铺栽采摘缝印抄喝烧骑买流放坐住耗浇爬搬拉练背重])$"
)


_DOES_FIRST = re.compile("[产收摘种吃做修织装运卖挖铺印抄采浇](?=.)")


def _together(between: str, written: str) -> str:
    """5天〔一共吃〕, 5支〔铅笔一共〕, 11个〔袋子一共装〕."""
    if _DOES_FIRST.match(between) and written not in ("元", "角", "分"):
        return f"一共{between}"
    between = re.sub(r"^[都共又再就]|售价|价格|单价|价钱|定价|卖价|需要|需|要|付|收费$", "", between)
    does = _DOES.search(between)
    return f"{between[: does.start()]}一共{does[0]}" if does else f"{between}一共"


def _is_name(between: str) -> bool:
    return len(between) <= 6 and not re.search(r"[的是比有了还多少]|可|能|平均|大约|约|至少|需|应|分别", between)


_POWERS = (("周长|边长|棱长|直径|半径|[高长宽]=?是?$", 1), ("面积", 2), ("体积|容积", 3))


def _of_its_kind(unit: Unit | None, clause: str) -> Unit | None:
    """Four sides of 4米 make 16米, though 4×4 of a square's area is the same sum: the question's noun decides."""
    if unit is None or len(unit.powers) != 1 or unit.powers[0][0] not in LENGTHS:
        return unit
    for noun, power in _POWERS:
        if re.search(noun, clause.split("多少")[0].split("几")[0]):
            return Unit(((unit.powers[0][0], power),))
    return unit


def _sum(left: Unit | None, right: Unit | None) -> Unit | None:
    """The parts of a sum are of one kind; 元/个 and 元 are, where it is the difference of two prices."""
    if left is None or right is None:
        known = left if right is None else right
        return known if known is not None and known.powers else None
    if left == right or (left.top == right.top and left.top):
        return left
    return None


def _readings(question: str) -> Mapping[Number, Reading]:
    """The unit of each number that is told; none where it is told with two."""
    found: dict[Number, Reading] = {}
    for mention in mentions(question):
        reading = read_at(question, mention.start, _end_of(question, mention), mention.number.style != "decimal")
        before = found.get(mention.number)
        if before is not None and before.unit != reading.unit:
            reading = Reading(None)
        found[mention.number] = reading
    return found


def _end_of(question: str, mention: Mention) -> int:
    """Where a number ends; 万 is part of the unit where 3万元 is told as 3."""
    written = question[mention.start : mention.end]
    big = re.search(r"[百千十]?[万亿]$", written)
    if big and parse_number(written[: big.start()]) == mention.number.value:
        return mention.start + big.start()
    return mention.end


def as_percent(value: Fraction) -> str:
    """25%, and to a tenth what does not end: 33.3%."""
    percent = show(value * 100)
    if percent.startswith("("):
        return f"{round(float(value * 100), 1)}%"
    return f"{percent}%"


# Four sides of a square, and what is made of a kilogram: 4 and 1 are told as lengths and masses.
_SHAPES_AND_RATES = re.compile("[周边]长|方形|平均|每|[一1] ?(?:千克|公斤|吨|克|升)|往返|来回|照")


def is_of_another_kind(question: str, plan: Node) -> bool:
    """Whether a plan divides or multiplies what can only be added: 105分钟÷50分钟 where 多少分钟 is asked.

    Only where every number of the plan is told with the very unit that is asked for.
    """
    text = tidy(question)
    wanted = asked(text)
    if wanted is None or wanted.unit is None or wanted.kind != "number" or not wanted.unit.is_measured:
        return False
    if _SHAPES_AND_RATES.search(text):
        return False
    readings = _readings(text)
    units = [readings[number].unit if number in readings else None for number in leaves(plan)]
    if len(wanted.unit.powers) != 1 or any(unit != wanted.unit for unit in units):
        return False
    return Worked.measured(text, plan) not in (None, wanted.unit)


_POWERS_OF_TEN = frozenset(Fraction(10**n) for n in range(1, 7))
_CHANGES = {"time": frozenset({Fraction(60), Fraction(3600)})}


def without_conversions(plan: Node, told: Sequence[Number], kinds: Collection[str]) -> Node:
    """A plan for a question that is told in one unit, without the 1000 that a model is used to: a×1000-b is a-b.

    kinds: of the units that were made one.
    """
    known = {number.value for number in told}
    constants = {factor for kind in kinds for factor in _CHANGES.get(kind, _POWERS_OF_TEN)} - known
    return _dropped(plan, constants) if constants else plan


def _dropped(node: Node, constants: Collection[Fraction]) -> Node:
    if isinstance(node, Number):
        return node
    left, right = _dropped(node.left, constants), _dropped(node.right, constants)
    if node.op in "×÷" and isinstance(right, Number) and right.value in constants:
        return left
    if node.op == "×" and isinstance(left, Number) and left.value in constants:
        return right
    return Operation(node.op, left, right)
