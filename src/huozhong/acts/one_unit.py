"""A problem told in one unit of each kind: 绳子长3米，剪去80厘米 becomes 绳子长300厘米，剪去80厘米.

A small model writes its plan in letters and takes the numbers as they stand: 3-80.  So a question that names two units
of one kind is shown to it in one: the one that its rates are for (每小时), else the one that is asked for, else the
smallest (of money 元).  Lengths, areas and volumes are brought to one length together.  Where what is asked for would
not come out even the question is asked in the small unit, and the result is converted at the end.

Left as they are: scales of maps, times of the day, rates between two units of one kind (每千克海水含盐30克), and
whatever names more than one rate of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from huozhong.acts.exact.done import text_of
from huozhong.text.language import is_english
from huozhong.verify.numbers import MAX_DECIMALS, Number, decimals_of, tidy
from huozhong.verify.units import NAMES, Named, Quantity, Unit, read

# Units that hang together: the length that the unit of an area or a volume is made of, in metres, and its power.
_SPACE = {
    "千米": ("1000", 1), "米": ("1", 1), "分米": ("0.1", 1), "厘米": ("0.01", 1), "毫米": ("0.001", 1),
    "平方千米": ("1000", 2), "平方米": ("1", 2), "平方分米": ("0.1", 2), "平方厘米": ("0.01", 2),
    "平方毫米": ("0.001", 2),
    "立方米": ("1", 3), "立方分米": ("0.1", 3), "立方厘米": ("0.01", 3), "立方毫米": ("0.001", 3),
    "升": ("0.1", 3), "毫升": ("0.01", 3),
}  # fmt: skip
_SIDE = {zh: (Fraction(side), power) for zh, (side, power) in _SPACE.items()}
_WITH_SIDE = {(Fraction(side), power): zh for zh, (side, power) in reversed(_SPACE.items())}
_POWERS = {"length": 1, "area": 2, "volume": 3}
_KINDS = ("length", "area", "volume", "mass", "time", "money", "dollar")
_SPEED_PARTS = {"千米/时": ("千米", "小时"), "米/秒": ("米", "秒"), "米/分": ("米", "分钟"), "千米/秒": ("千米", "秒"),
                "厘米/秒": ("厘米", "秒")}  # fmt: skip
_NO_TIMES = ("天", "星期")  # 每天8小时，5天: they count, and are not measured in hours
_PER = re.compile(
    r"(?:每一?|平均一|[/／]|\bper\s+|\b(?:each|every|an?)\s+)$|(?<![零一二三四五六七八九十百千万两第])一$",
    re.IGNORECASE,
)
_WANTED = re.compile(r"(?:多少|几|how many\s*(?:more\s+)?(?:full\s+)?)$", re.IGNORECASE)
_SCALE = re.compile(r"比例尺|地图|图上|平面图|图纸|缩小|放大|\d\s*[:：∶]\s*\d|scale|\bmap\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"\d\s*[:：]\s*\d\d|(?:[上下中正]午|早上|早晨|凌晨|晚上|傍晚|夜里)[零一二两三四五六七八九十\d]+[点點时:：](?!间)|[零一二两三四五六七八九十\d][点點](?!\d)|\d\s*时(?!间)(?!\d+分[钟]?[内的])|o'clock|\b[ap]\.?m\b",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"[，。；！？,;!?\n]|\.(?!\d)")
_SHAPE = re.compile(
    "面积|体积|容积|棱|边长|底面|周长|[长方]方[体形]|圆|三角|铺|铁皮|宽|平方|立方|area|volume|wide|width|square|cubic",
    re.IGNORECASE,
)
_SCORE = re.compile(r"分(?!钟)$")


@dataclass(frozen=True)
class OneUnit:
    """text: the question in one unit of each kind; facts: what was converted, `3米=300厘米`.

    kinds: of those units.  inside, asked: where the text asks for `inside` instead of the unit `asked` that the result
    is wanted in.
    """

    text: str
    facts: tuple[str, ...] = ()
    inside: Unit | None = None
    asked: Unit | None = None
    kinds: frozenset[str] = frozenset()

    def converted(self, value: Fraction) -> Fraction:
        """A result in the unit that was asked for."""
        if self.inside is None or self.asked is None:
            return value
        return value * self.inside.factor / self.asked.factor


@dataclass(frozen=True)
class _Kind:
    """What a question says of one kind of unit (or of lengths, areas and volumes together)."""

    quantities: tuple[Quantity, ...]
    rates: tuple[Unit, ...]
    asked: tuple[Named, ...]


@lru_cache(maxsize=256)
def in_one_unit(question: str) -> OneUnit:
    """The question in one unit of each kind; as it is where there is nothing to change or no way to be sure."""
    text = tidy(question)
    english = is_english(question)
    quantities, named = read(text)
    if _SCALE.search(text) or not quantities or re.search(r"(?:多少|几)\S{0,4}(?:多少|几)", text):
        return OneUnit(question)
    changes: list[tuple[int, int, str]] = []
    facts: list[str] = []
    kinds: set[str] = set()
    inside = asked = None
    for group in (("length", "area", "volume"), ("mass",), ("time",), ("money",), ("dollar",)):
        kind = _said(text, quantities, named, group)
        if kind is None:
            continue
        plan = _in_space(text, kind) if group[0] == "length" else _targets(kind)
        if plan is None:
            continue
        for quantity in kind.quantities:
            unit = plan.get(quantity.kind)
            if unit is not None and _differs(quantity, unit):
                changes.append(_written(text, quantity, unit, kind, facts, english))
                kinds.add(quantity.kind)
        for name in kind.asked:
            unit = plan.get(name.unit.kind)
            if unit is not None and unit.factor != name.unit.factor:
                inside, asked = unit, _called(text[name.start : name.end], name.unit)
                kinds.add(unit.kind)
                changes.append((name.start, name.end, unit.plural if english else unit.zh))
    if not changes:
        return OneUnit(question)
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return OneUnit(text, tuple(dict.fromkeys(facts)), inside, asked, frozenset(kinds))


def like_before(question: str, before: str) -> OneUnit:
    """A follow-up in the units of the question before: 如果剪去50厘米呢 after a rope of 3米."""
    text = tidy(question)
    quantities, _ = read(text)
    earlier, _ = read(tidy(in_one_unit(before).text))
    facts: list[str] = []
    for quantity in sorted(quantities, key=lambda one: -one.start):
        units = {part.factor: part for one in earlier if one.kind == quantity.kind for _, part in one.parts}
        if quantity.kind not in _KINDS or len(units) != 1:
            continue
        unit = next(iter(units.values()))
        if _differs(quantity, unit) and unit.zh not in _NO_TIMES and not _has_days(quantity):
            start, end, new = _written(text, quantity, unit, _Kind((), (), ()), facts, is_english(question))
            text = text[:start] + new + text[end:]
    return OneUnit(text, tuple(facts)) if facts else OneUnit(question)


# -- what is said ----------------------------------------------------------------------------------------------


def _said(text: str, quantities: Sequence[Quantity], named: Sequence[Named], group: tuple[str, ...]) -> _Kind | None:
    """None where this kind is not to be touched."""
    found = [one for one in quantities if one.kind in group]
    if group == ("time",):
        found = [one for one in found if not _has_days(one) and not _is_score(text, one)]
        if _CLOCK.search(text):
            return None
    rates = [(name.start, name.unit) for name in named if name.unit.kind in group and _PER.search(text[: name.start])]
    rates = [(at, unit) for at, unit in rates if unit.zh not in _NO_TIMES] + _in_speeds(quantities, group)
    plain = []
    for one in found:
        if re.match("[一1]块(?!钱)", text[one.start :]):  # 一块橡皮
            continue
        if _is_one(text, one) or (_PER.search(text[: one.start]) and len(one.parts) == 1):  # 1千克4元, 每100克
            rates.append((one.start, one.parts[0][1]))
        else:
            plain.append(one)
    if not plain or any(re.search("[万亿萬億]", text[one.start : one.end]) for one in plain):
        return None
    if any(_is_bound(text, at, one, quantities) for at, _ in rates for one in plain):
        return None
    asked = tuple(n for n in named if n.unit.kind in group and _WANTED.search(text[: n.start]))
    return _Kind(tuple(plain), tuple(unit for _, unit in rates), asked)


def _is_one(text: str, one: Quantity) -> bool:
    """1千克8元, 1升汽油行12千米; a bottle of 1升 is what it is."""
    is_one = len(one.parts) == 1 and one.parts[0][0].value == 1 and one.kind not in ("money", "dollar")
    return is_one and re.match(r"\s*(?:$|[，。；,;、]|\.\s|长|宽|高|多少)", text[one.end :]) is None


def _in_speeds(quantities: Sequence[Quantity], group: tuple[str, ...]) -> list[tuple[int, Unit]]:
    """60千米/时 is a rate in 千米 for each 小时."""
    names = [(one.end, name) for one in quantities if one.kind == "speed" for name in _parts_of(one.parts[0][1])]
    return [(at, NAMES[name]) for at, name in names if NAMES[name].kind in group]


def _parts_of(speed: Unit) -> tuple[str, ...]:
    return _SPEED_PARTS.get(speed.zh, ())


def _is_bound(text: str, rate_at: int, one: Quantity, quantities: Sequence[Quantity]) -> bool:
    """每千克海水含盐30克: a quantity that is had for each of another unit of its kind."""
    if one.start < rate_at or _BREAKS.search(text[rate_at : one.start]):
        return False
    return not any(rate_at < other.start < one.start for other in quantities)


def _has_days(quantity: Quantity) -> bool:
    return any(unit.zh in _NO_TIMES for _, unit in quantity.parts)


def _is_score(text: str, quantity: Quantity) -> bool:
    """95分 may be a mark."""
    return (
        len(quantity.parts) == 1
        and _SCORE.search(text[quantity.start : quantity.end]) is not None
        and (re.search("[考得扣]|成绩|比分", text) is not None or not re.search("每分|小时|分钟|秒", text))
    )


# -- which unit ------------------------------------------------------------------------------------------------


def _targets(kind: _Kind) -> dict[str, Unit] | None:
    """The unit for one kind."""
    name = kind.quantities[0].kind
    rates = {unit.factor: unit for unit in kind.rates}
    asked = {one.unit.factor: one.unit for one in kind.asked}
    if len(rates) > 1 or len(asked) > 1:
        return None
    parts = [unit for one in kind.quantities for _, unit in one.parts]
    if rates:
        return {name: next(iter(rates.values()))}
    wanted = next(iter(asked.values())) if asked else None
    if wanted is None and name in ("money", "dollar"):
        wanted = NAMES["元" if name == "money" else "美元"]
    if wanted is not None and (name in ("money", "dollar") or all(_is_even(one, wanted) for one in kind.quantities)):
        return {name: wanted}
    return {name: min(parts, key=lambda unit: unit.factor)}


def _in_space(text: str, kind: _Kind) -> dict[str, Unit] | None:
    """The units for lengths, areas and volumes: all made of one length.  Others (公顷, 亩, 里) kind by kind."""
    every = [unit for one in kind.quantities for _, unit in one.parts]
    if not _SHAPE.search(text) or any(
        unit.zh not in _SIDE for unit in (*every, *kind.rates, *(one.unit for one in kind.asked))
    ):
        return _kind_by_kind(kind)
    rates = {_SIDE[unit.zh][0] for unit in kind.rates}
    asked = {_SIDE[one.unit.zh][0] for one in kind.asked}
    if len(rates) > 1 or len(asked) > 1:
        return None
    side = next(iter(rates or asked), None)
    if side is None or not all(_is_even(one, _made_of(side, one.kind)) for one in kind.quantities):
        if rates:
            return None
        side = min(_SIDE[unit.zh][0] for unit in every)
    kinds = {one.kind for one in kind.quantities} | {one.unit.kind for one in kind.asked}
    if any((side, _POWERS[name]) not in _WITH_SIDE for name in kinds):
        return None
    return {name: _unit(side, name, kind) for name in kinds}


def _unit(side: Fraction, kind: str, said: _Kind | None = None) -> Unit:
    """Of this length's square or cube; 升 stays 升 where it is said."""
    power = _POWERS[kind]
    names = [one.unit.zh for one in said.asked] if said else []
    names += [unit.zh for unit in said.rates] if said else []
    names += [unit.zh for one in said.quantities for _, unit in one.parts] if said else []
    for name in names:
        if _SIDE.get(name) == (side, power):
            return NAMES[name]
    return NAMES[_WITH_SIDE[side, power]]


def _made_of(side: Fraction, kind: str) -> Unit | None:
    zh = _WITH_SIDE.get((side, _POWERS[kind]))
    return None if zh is None else NAMES[zh]


def _is_even(quantity: Quantity, unit: Unit | None) -> bool:
    """Whether whole numbers stay whole, and decimals short, in this unit."""
    if unit is None:
        return False
    value = quantity.base / unit.factor
    was_whole = all(number.value.denominator == 1 for number, _ in quantity.parts) and len(quantity.parts) == 1
    return value.denominator == 1 if was_whole else _is_short(value)


def _kind_by_kind(kind: _Kind) -> dict[str, Unit] | None:
    found: dict[str, Unit] = {}
    for name in ("length", "area", "volume"):
        part = _Kind(
            tuple(one for one in kind.quantities if one.kind == name),
            tuple(unit for unit in kind.rates if unit.kind == name),
            tuple(one for one in kind.asked if one.unit.kind == name),
        )
        if part.quantities and (targets := _targets(part)) is not None:
            found |= targets
    return found


def _is_short(value: Fraction) -> bool:
    places = decimals_of(value)
    return places is not None and places <= MAX_DECIMALS


def _is_same(a: Unit, b: Unit) -> bool:
    return (a.kind, a.factor) == (b.kind, b.factor)


def _differs(quantity: Quantity, unit: Unit) -> bool:
    return len(quantity.parts) > 1 or quantity.parts[0][1].factor != unit.factor


# -- writing ---------------------------------------------------------------------------------------------------


def _written(
    text: str, quantity: Quantity, unit: Unit, kind: _Kind, facts: list[str], english: bool
) -> tuple[int, int, str]:
    """The change of one quantity; what it says is added to the facts."""
    value = quantity.base / unit.factor
    number = Number(value, "decimal" if _is_short(value) else "fraction")
    unit = next((_called(text[n.start : n.end], n.unit) for n in kind.asked if _is_same(n.unit, unit)), unit)
    if english:
        name = unit.en if value == 1 else unit.plural
        new = f"{number} {name}"
        facts.append(f"{text[quantity.start : quantity.end].strip()} = {text_of(value)} {name}")
    else:
        new = f"{number}{unit.zh}"
        facts.append(f"{text[quantity.start : quantity.end].strip()}={text_of(value)}{unit.zh}")
    return quantity.start, quantity.end, new


def _called(name: str, unit: Unit) -> Unit:
    """公斤 stays 公斤."""
    if name in ("公里", "公斤"):
        return Unit(unit.kind, name, unit.en, unit.plural, unit.factor)
    return unit
