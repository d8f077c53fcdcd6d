"""Sums of things measured: 3米减80厘米是多少, 5元比3角多多少, 2 kg minus 300 g, however their units are mixed.

All are brought to the smallest unit that is named, worked out, and said in the units of the question, or in those that
it asks for.  A length and a weight have no sum, and that is said too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from huozhong.acts.exact.asking import Asked
from huozhong.acts.exact.convert import KINDS
from huozhong.acts.exact.done import Done, decimal, factor, finish, is_short, text_of
from huozhong.acts.exact.small_words import rest_of
from huozhong.verify.numbers import Number
from huozhong.verify.units import Named, Quantity, Unit, read, split

_KINDS = ("length", "area", "volume", "mass", "time", "money", "dollar")
_PLUS, _MINUS = "加上?|再加上?|添上?|[+＋]", "减去?|再减去?|减掉|去掉|扣掉|扣除|[-－−]"
_MORE, _LESS = "多出?|大|长|重|高|贵|远|久|宽|厚", "少|小|短|轻|矮|低|便宜|近|窄|薄"
_CHAIN = re.compile(rf"Q(?P<chain>(?:[,，]?(?:{_PLUS}|{_MINUS})Q)+)")
_STEP = re.compile(rf"(?P<plus>{_PLUS})|(?P<minus>{_MINUS})")
# Q: a quantity.  What follows is the tail: being asked, and units.
_FORMS = (
    (re.compile(rf"从Q(?:里面?|中)?(?:{_MINUS}|拿走|剪去|用去|取走|倒出)Q"), "-"),
    (re.compile(rf"比Q(?:要|还)?(?:{_MORE})Q"), "+"),
    (re.compile(rf"比Q(?:要|还)?(?:{_LESS})Q"), "-"),
    (re.compile(rf"Q比Q(?:要|还)?(?:{_MORE})"), "-"),
    (re.compile(rf"Q比Q(?:要|还)?(?:{_LESS})"), "~"),
    (re.compile(r"Q[与和跟同、]Q(?:的|之间的?)?(?:相差|差|相减)"), "|"),
    (re.compile(r"Q(?:[与和跟同、,，]Q)+(?:的总?和|之和|加起来|合起来|加在一起|相加|合在一起)"), "+"),
)
_FORMS_EN = (
    (re.compile(r"(?:subtract|take) Q (?:away )?from Q", re.IGNORECASE), "~"),
    (re.compile(r"(?:add|the sum of|sum of) Q (?:and|to) Q", re.IGNORECASE), "+"),
    (re.compile(r"(?:the )?difference (?:between|of) Q and Q", re.IGNORECASE), "|"),
    (re.compile(r"how much (?:more|longer|heavier|taller|larger|farther) is Q than Q", re.IGNORECASE), "-"),
    (re.compile(r"how much (?:less|shorter|lighter|smaller) is Q than Q", re.IGNORECASE), "~"),
)
_CHAIN_EN = re.compile(r"Q(?P<chain>(?: ?(?:plus|minus|\+|-|−) ?Q)+)", re.IGNORECASE)
_STEP_EN = re.compile(r"(?P<plus>plus|\+)|(?P<minus>minus|[-−])", re.IGNORECASE)
_TAIL = re.compile(r"钱|长|重|还剩|剩|用单位|单位|表示|U")
_TAIL_EN = re.compile(r"\b(?:left|in|expressed|how|much|many|long|heavy|U)\b", re.IGNORECASE)


def done(ask: Asked) -> Done | None:
    """What the sum of the quantities comes to; None where the question holds anything else."""
    found, named = read(ask.core)
    quantities = [_positive(one) if one.start and ask.core[one.start] == "-" else one for one in found]
    if len(quantities) < 2 or any(one.kind not in _KINDS for one in quantities):
        return None
    signs = _signs(ask, quantities, named)
    if signs is None:
        return None
    kinds = {*(one.kind for one in quantities), *(one.unit.kind for one in named)}
    if len(kinds) > 1:
        return _unlike(ask, quantities) if len({one.kind for one in quantities}) > 1 else None
    return _worked(ask, quantities, signs, [one.unit for one in named])


def _positive(one: Quantity) -> Quantity:
    """3米-80厘米: the sign belongs to the sum."""
    parts = tuple((Number(abs(number.value), number.style), unit) for number, unit in one.parts)
    return Quantity(one.start + 1, one.end, parts)


def _signs(ask: Asked, quantities: Sequence[Quantity], named: Sequence[Named]) -> list[int] | None:
    """+1 or -1 for every quantity, if the question is one sum and asks for it."""
    spans = [(one.start, one.end, "Q") for one in quantities] + [(one.start, one.end, "U") for one in named]
    text, at = "", 0
    for start, end, letter in sorted(spans):
        text += re.sub("[QU]", "?", ask.core[at:start]) + letter
        at = end
    text += re.sub("[QU]", "?", ask.core[at:])
    chain, step, forms = (_CHAIN_EN, _STEP_EN, _FORMS_EN) if ask.english else (_CHAIN, _STEP, _FORMS)
    for pattern, sign in ((chain, ""), *forms):
        match = pattern.search(text)
        if match is None or "Q" in text[: match.start()] + text[match.end() :]:
            continue
        around = f"{text[: match.start()]} {text[match.end() :]}"
        if rest_of(around, ask.english, _TAIL_EN if ask.english else _TAIL):
            continue
        if not sign:
            return [1, *(1 if one["plus"] else -1 for one in step.finditer(match["chain"]))]
        if sign == "+":
            return [1] * len(quantities)
        turned = sign == "~" or (sign == "|" and quantities[0].base < quantities[1].base)
        return [-1, 1] if turned else [1, -1]
    return None


def _worked(ask: Asked, quantities: Sequence[Quantity], signs: Sequence[int], wanted: Sequence[Unit]) -> Done | None:
    named = {unit.factor: unit for one in reversed(quantities) for _, unit in reversed(one.parts)}
    units = [named[size] for size in sorted(named, reverse=True)]
    into = list({unit.factor: unit for unit in wanted}.values())
    small = min([*units, *into], key=lambda unit: unit.factor)
    values = [one.base / small.factor for one in quantities]
    if not all(is_short(value) for value in values):
        return None
    lines = [line for one in quantities for line in _brought(one, small)]
    order = sorted(range(len(values)), key=lambda i: signs[i] < 0) if signs[0] < 0 else range(len(values))
    total = Fraction(0)
    for count, i in enumerate(order):
        new = total + signs[i] * values[i]
        if count:
            lines.append(f"{factor(total)}{'+' if signs[i] > 0 else '-'}{factor(values[i])}={text_of(new)}")
        total = new
    plain = _measure(ask, total, small)
    short = _result(ask, total * small.factor, into or units, plain)
    if short is None:
        return None
    facts = [f"{_shown(ask, quantities[i])}{_equals(ask)}{_measure(ask, values[i], small)}" for i in order
             if len(quantities[i].parts) > 1 or quantities[i].parts[0][1].factor != small.factor]  # fmt: skip
    gap = " " * ask.english
    whole = "".join(f"{gap}{'+' if signs[i] > 0 else '-'}{gap}{_measure(ask, values[i], small)}" for i in order)
    whole = whole.strip().removeprefix("+").strip()
    said = [*dict.fromkeys(facts), f"{whole}{_equals(ask)}{plain}"]
    last = "" if short == plain else f", that is {short}" if ask.english else f"，也就是{short}"
    return finish(ask.english, lines, ("; " if ask.english else "，").join(said) + last, short)


def _equals(ask: Asked) -> str:
    return " = " if ask.english else "="


def _brought(one: Quantity, small: Unit) -> list[str]:
    """3米20厘米 in 厘米: 3×100=300, 300+20=320."""
    lines: list[str] = []
    total: Fraction | None = None
    for number, unit in one.parts:
        ratio = unit.factor / small.factor
        value = number.value * ratio
        if ratio != 1:
            lines.append(f"{factor(number.value)}×{factor(ratio)}={factor(value)}")
        if total is not None:
            lines.append(f"{factor(total)}+{factor(value)}={factor(total + value)}")
        total = value if total is None else total + value
    return lines


def _result(ask: Asked, base: Fraction, units: Sequence[Unit], plain: str) -> str | None:
    """In the units asked for or named, the larger first, without those of which there are none."""
    if base < 0 or len(units) == 1:
        unit = units[-1] if base < 0 else units[0]
        value = base / unit.factor
        if not is_short(value) and ask.places is None:
            return None
        return _measure(ask, value, unit)
    ordered = sorted(units, key=lambda unit: unit.factor, reverse=True)
    parts = split(base, ordered)
    if parts is None or not is_short(parts[-1]):
        return None
    there = [(value, unit) for value, unit in zip(parts, ordered, strict=True) if value]
    return (" " if ask.english else "").join(_measure(ask, value, unit) for value, unit in there) or plain


def _measure(ask: Asked, value: Fraction, unit: Unit) -> str:
    rounds = ask.places is not None and value * 10**ask.places % 1
    written = decimal(value, ask.places or 0) if rounds else text_of(value)
    return f"{written} {unit.en if value == 1 else unit.plural}" if ask.english else f"{written}{unit.zh}"


def _shown(ask: Asked, one: Quantity) -> str:
    return (" " if ask.english else "").join(_measure(ask, number.value, unit) for number, unit in one.parts)


def _unlike(ask: Asked, quantities: Sequence[Quantity]) -> Done:
    first = quantities[0]
    second = next(one for one in quantities if one.kind != first.kind)
    (zh, en), (other_zh, other_en) = KINDS[first.kind], KINDS[second.kind]
    a, b = _shown(ask, first), _shown(ask, second)
    if ask.english:
        said = f"{a} measures {en} and {b} measures {other_en}: they cannot be added or subtracted"
        return finish(True, (), said, "they cannot be combined")
    return finish(False, (), f"{a}是{zh}，{b}是{other_zh}，不能相加减", "不能相加减")
