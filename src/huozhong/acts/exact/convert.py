"""CONVERT: 5千克等于多少克, 3米5厘米是几厘米, 2.5小时=( )小时( )分, 32°F转摄氏度, How many grams are in 5 kg?

Read when the question names one quantity and the units it is wanted in and says nothing else than that it is to be
converted.  Units of different kinds are answered too: kilograms are no metres.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from huozhong.acts.exact.asking import Asked, asked, simple
from huozhong.acts.exact.done import Done, decimal, factor, finish, is_short, mixed, text_of
from huozhong.acts.exact.small_words import rest_of
from huozhong.verify.units import NAMES, Named, Quantity, Unit, convert, read, split

_WORDS = re.compile(
    r"到底|身高|体重|零点|相当于|折合|折算|折成|约合|合计|合|单位换算|换算|换成|转换|转化|转成|转|换|化"
    r"|改写|变成|变|兑换|表示|单位|名数|高级|低级|作|成|到|"
    r"包含|含|抵得上?|抵|同样的?|长度?|重量?|质量|时间|容量|体积|面积|温度|速度|零|大|小"
)
_WORDS_EN = re.compile(
    r"\b(?:convert(?:ed|ing)?|change|turn|express(?:ed)?|contain|contains|go|goes|measure"
    r"|unit|units|long|conversions?|into|per|same)\b",
    re.IGNORECASE,
)
_RATE = re.compile(r"进率|关系|怎么换算|如何换算|怎样换算|换算公式|怎么换|换算关系|怎么转换?")
KINDS = {
    "length": ("长度", "length"), "area": ("面积", "area"), "volume": ("体积（容积）", "volume"),
    "mass": ("质量", "mass"), "time": ("时间", "time"), "calendar": ("时间", "time"), "money": ("人民币", "money"),
    "dollar": ("美元", "money"), "temperature": ("温度", "temperature"), "speed": ("速度", "speed"),
    "data": ("数据量", "data"),
}  # fmt: skip
_DAYS = {
    ("年", "天"): ("365天（闰年366天）", "平年有365天，闰年有366天"),
    ("个月", "天"): ("28到31天", "大月31天，小月30天，二月28天（闰年29天）"),
}
_HAN = re.compile(r"[\u4e00-\u9fff]")
_SPOKEN = ("块", "毛", "度", "秒钟", "分钱", "角钱", "毛钱", "元钱", "块钱", "个钟头")
_MEANINGFUL = {"length", "area", "volume", "mass", "time", "money", "temperature", "speed", "data"}


_ASKS = re.compile(r"多少|几|[=?？_]|\(\s*\)|换|化|转|等于|合|表示|单位|变|写|改|折|相当于|算|兑|成|进率|关系")
_ASKS_EN = re.compile(
    r"how many|convert|\b(?:to|in|into|what|equals?|change|turn|express|give|write|make)\b|=", re.IGNORECASE
)


def done(question: str) -> Done | None:
    """The conversion that is asked for, or None."""
    ask = asked(question)
    text = ask.core
    if not (_ASKS_EN if ask.english else _ASKS).search(simple(question)):
        return None
    quantities, named = read(text)
    if len(quantities) == 1 and named:
        if _rest(ask, quantities, named):
            return None
        return _converted(ask, _as_called(ask, quantities[0]), [_named_as(ask, name) for name in named])
    if not quantities and len(named) == 2 and named[0].unit.kind == named[1].unit.kind != "temperature":
        rest = _rest(ask, [], named, allow_rate=True)
        between = text[named[0].end : named[1].start]
        if not rest and (_RATE.search(text) or re.search(r"多少|几|how many", between, re.IGNORECASE)):
            return _rate(ask, [_named_as(ask, name) for name in named])
    return None


def _as_called(ask: Asked, quantity: Quantity) -> Quantity:
    """The quantity with its units called what the question calls them: 公里 stays 公里."""
    parts, at = [], quantity.start
    for number, unit in quantity.parts:
        names = [
            name
            for name in NAMES
            if NAMES[name].factor == unit.factor and NAMES[name].kind == unit.kind and _HAN.match(name)
        ]
        places = [(ask.core.find(name, at, quantity.end), -len(name), name) for name in names]
        written = min((place for place in places if place[0] >= 0), default=(at, 0, unit.zh))
        at = written[0] - written[1]
        parts.append((number, _renamed(unit, written[2])))
    return Quantity(quantity.start, quantity.end, tuple(parts))


def _named_as(ask: Asked, named: Named) -> Named:
    return Named(named.start, named.end, _renamed(named.unit, ask.core[named.start : named.end]))


def _renamed(unit: Unit, name: str) -> Unit:
    if unit.kind in ("temperature", "calendar") or not _HAN.match(name) or name in _SPOKEN:
        return unit
    return replace(unit, zh=name.removeprefix("个"))


def _rest(ask: Asked, quantities: Sequence[Quantity], named: Sequence[Named], *, allow_rate: bool = False) -> str:
    """What the question says beside its units and the words of a conversion."""
    text, at, kept = ask.core, 0, []
    spans = [(q.start, q.end) for q in quantities] + [(n.start, n.end) for n in named]
    for start, end in sorted(spans):
        kept.append(text[at:start])
        at = end
    rest = " ".join([*kept, text[at:]])
    if allow_rate:
        rest = re.sub(r"[和与跟同]|之间|间|进率|关系|怎么|如何|怎样|公式|between|and|relation(?:ship)?", "", rest)
    return rest_of(rest, ask.english, _WORDS_EN if ask.english else _WORDS)


def _converted(ask: Asked, quantity: Quantity, named: Sequence[Named]) -> Done | None:
    units = [name.unit for name in named]
    kinds = {unit.kind for unit in units}
    if kinds != {quantity.kind}:
        return _other_kind(ask, quantity, units)
    gaps = [ask.core[a.end : b.start] for a, b in itertools.pairwise(named)]
    if len(units) > 1 and not any(re.search(r"=|等于|合|或|also|or", gap) for gap in gaps):
        return _in_parts(ask, quantity, units)
    lines: list[str] = []
    shorts = []
    for unit in units:
        if any(unit.zh == part.zh for _, part in quantity.parts) and len(quantity.parts) == 1:
            if len(units) == 1:
                return None  # 5千克等于多少千克 asks nothing
            continue
        lines += _working(quantity, unit)
        shorts.append(_shown(convert(quantity, unit), unit, ask.english, ask.places))
    joined = "=".join(shorts)
    return _say(ask, quantity, units[-1], lines, joined)


def _say(ask: Asked, quantity: Quantity, unit: Unit, lines: list[str], short: str) -> Done:
    is_about = short.startswith(("约", "about"))
    bare = re.sub(r"^(?:约|about )", "", short)
    whole = _wording(quantity, ask.english)
    sign = "≈" if is_about else "="
    first = _fact(quantity.parts[0][1], unit, ask.english)
    steps = "，".join(lines)
    if first == f"{whole}{sign}{bare}" or (ask.english and first == f"{whole} {sign} {bare}"):
        return finish(ask.english, lines, first, short)
    if ask.english:
        said = f"{first}; " if first else ""
        return finish(True, lines, f"{said}{whole} {sign} {bare}", short)
    said = "，".join(part for part in (first, steps) if part)
    return finish(False, lines, f"{said}，所以{whole}{sign}{bare}" if said else f"{whole}{sign}{bare}", short)


def _fact(a: Unit, b: Unit, english: bool) -> str:
    """1千克=1000克, when the larger is a whole or short number of the smaller."""
    if a.kind == "temperature":
        return "degrees Fahrenheit = degrees Celsius × 1.8 + 32" if english else "华氏度=摄氏度×1.8+32"
    large, small = (a, b) if a.factor > b.factor else (b, a)
    ratio = large.factor / small.factor
    if not is_short(ratio) or ratio == 1:
        return ""
    return f"1 {large.en} = {text_of(ratio)} {small.plural}" if english else f"1{large.zh}={text_of(ratio)}{small.zh}"


def _working(quantity: Quantity, unit: Unit) -> list[str]:
    """The equalities that lead to the number of `unit`."""
    if quantity.kind == "temperature":
        return _degrees(quantity, unit)
    lines, values = [], []
    for number, part in quantity.parts:
        value = number.value * part.factor / unit.factor
        if part.factor != unit.factor and (number.value != 1 or len(quantity.parts) > 1):
            lines.append(_scaled(number.value, part.factor / unit.factor))
        values.append(value)
    total = values[0]
    for value in values[1:]:
        lines.append(f"{factor(total)}+{factor(value)}={factor(total + value)}")
        total += value
    return lines


def _scaled(value: Fraction, ratio: Fraction) -> str:
    """5×1000=5000, or 5050÷1000=5.05."""
    if (ratio >= 1 and is_short(ratio)) or not is_short(1 / ratio):
        return f"{factor(value)}×{factor(ratio)}={factor(value * ratio)}"
    return f"{factor(value)}÷{factor(1 / ratio)}={factor(value * ratio)}"


def _degrees(quantity: Quantity, unit: Unit) -> list[str]:
    number, start = quantity.parts[0]
    value, lines = number.value, []
    if start.zh == "华氏度":
        lines += [
            f"{factor(value)}-32={factor(value - 32)}",
            f"{factor(value - 32)}÷1.8={factor((value - 32) / Fraction(9, 5))}",
        ]
    elif start.zh == "开尔文":
        lines.append(f"{factor(value)}-273.15={factor(value - Fraction('273.15'))}")
    celsius = quantity.base
    if unit.zh == "华氏度":
        warm = celsius * Fraction(9, 5)
        lines += [f"{factor(celsius)}×1.8={factor(warm)}", f"{factor(warm)}+32={factor(warm + 32)}"]
    elif unit.zh == "开尔文":
        lines.append(f"{factor(celsius)}+273.15={factor(celsius + Fraction('273.15'))}")
    return lines


def _shown(value: Fraction, unit: Unit, english: bool, places: int | None) -> str:
    """5000克; what does not end is rounded, and said to be: 约39.37英寸."""
    about = ""
    if places is not None and value * 10**places % 1:
        written, about = decimal(value, places), "about " if english else "约"
    elif is_short(value):
        written = text_of(value)
    elif value.denominator <= 60 and unit.kind in ("time", "calendar"):
        written = mixed(value)
    else:
        digits = 2
        while abs(value) * 10**digits < 100 and digits < 9:
            digits += 1
        written, about = decimal(value, digits), "about " if english else "约"
    if english:
        return f"{about}{written} {unit.en if value == 1 else unit.plural}"
    return f"{about}{written}{unit.zh}"


def _wording(quantity: Quantity, english: bool) -> str:
    if english:
        return " ".join(_shown(n.value, u, True, None) for n, u in quantity.parts)
    return "".join(_shown(n.value, u, False, None) for n, u in quantity.parts)


def _in_parts(ask: Asked, quantity: Quantity, units: Sequence[Unit]) -> Done | None:
    """5.05米 as 几米几厘米."""
    factors = [unit.factor for unit in units]
    if quantity.kind == "temperature" or factors != sorted(factors, reverse=True) or len(set(factors)) < len(factors):
        return None
    values = split(quantity.base, list(units))
    if values is None or quantity.base < 0 or not is_short(values[-1]):
        return None
    shown = [_shown(value, unit, ask.english, None) for value, unit in zip(values, units, strict=True)]
    short = (" " if ask.english else "").join(shown)
    lines = _working(quantity, units[-1])
    total = convert(quantity, units[-1])
    for value, unit in zip(values[:-1], units, strict=False):
        ratio = unit.factor / units[-1].factor
        lines.append(f"{factor(value)}×{factor(ratio)}={factor(value * ratio)}")
    if len(values) == 2:
        used = values[0] * units[0].factor / units[1].factor
        lines.append(f"{factor(total)}-{factor(used)}={factor(values[1])}")
    whole = _wording(quantity, ask.english)
    fact = _fact(units[0], units[-1], ask.english)
    if ask.english:
        return finish(True, lines, f"{fact}; {whole} = {short}", short)
    return finish(False, lines, f"{fact}，所以{whole}={short}", short)


_CONVERTS = re.compile(
    r"等于|等於|换|換|化成|变成|變成|合|折|相当|是多少|是几|[=＝]|equal|convert|\bin\b|\bto\b|\bare\b|\bis\b",
    re.IGNORECASE,
)


def _other_kind(ask: Asked, quantity: Quantity, units: Sequence[Unit]) -> Done | None:
    """A year has no fixed number of days; a kilogram no number of metres."""
    start, end = quantity.parts[0][1], units[0]
    if len(units) == 1 and len(quantity.parts) == 1 and quantity.parts[0][0].value == 1:
        known = _DAYS.get((start.zh, end.zh))
        if known and not ask.english:
            return finish(False, (), known[1], known[0])
    if not _CONVERTS.search(ask.core):  # 4小时能行多少千米 goes on from a question before
        return None
    kinds = {quantity.kind, *(unit.kind for unit in units)}
    if len(kinds) != 2 or not kinds <= _MEANINGFUL or ({"length", "area"} == kinds and not re.search("平方", ask.core)):
        return None
    if ask.english:
        first, second = KINDS[start.kind][1], KINDS[end.kind][1]
        said = f"{start.plural} measure {first}, {end.plural} measure {second}: one cannot become the other"
        said = said[0].upper() + said[1:]
        return finish(True, (), said, "they cannot be converted")
    said = f"{start.zh}是{KINDS[start.kind][0]}单位，{end.zh}是{KINDS[end.kind][0]}单位，不能互相换算"
    return finish(False, (), said, "不能换算")


def _rate(ask: Asked, named: Sequence[Named]) -> Done | None:
    """千克和克的进率"""
    a, b = named[0].unit, named[1].unit
    large, small = (a, b) if a.factor > b.factor else (b, a)
    ratio = large.factor / small.factor
    if ratio == 1 or not is_short(ratio):
        return None
    fact = _fact(a, b, ask.english)
    if ask.english:
        return finish(True, (), fact, f"{text_of(ratio)} {small.plural}")
    if re.search("进率", ask.core):
        return finish(False, (), f"{fact}，进率是{text_of(ratio)}", text_of(ratio))
    if re.search("多少|几", ask.core) and a is small:
        return finish(False, (), f"{fact}，所以1{a.zh}={text_of(1 / ratio)}{b.zh}", f"{text_of(1 / ratio)}{b.zh}")
    return finish(
        False,
        (),
        f"{fact}，{large.zh}化成{small.zh}乘{text_of(ratio)}，{small.zh}化成{large.zh}除以{text_of(ratio)}",
        fact,
    )


__all__ = ["NAMES", "done"]
