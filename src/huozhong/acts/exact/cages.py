"""鸡兔同笼 and what is the same: so many of two kinds, and so much that both have together.

Animals and their legs, vehicles and their wheels, coins and notes, large and small boats, questions right and wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.done import factor, text_of
from huozhong.acts.exact.marked import Marked

_LEGS = {
    "鸡": 2, "鸭": 2, "鹅": 2, "鹤": 2, "鸵鸟": 2, "兔": 4, "羊": 4, "牛": 4, "猪": 4, "狗": 4, "猫": 4, "龟": 4,
    "马": 4, "青蛙": 4, "蜘蛛": 8, "蜻蜓": 6, "三轮车": 3, "自行车": 2, "摩托车": 2, "汽车": 4, "轿车": 4, "小车": 4,
}  # fmt: skip
_LEGS_EN = {"chicken": 2, "hen": 2, "duck": 2, "rabbit": 4, "cow": 4, "pig": 4, "sheep": 4, "goat": 4, "dog": 4,
            "horse": 4, "bicycle": 2, "bike": 2, "tricycle": 3, "car": 4}  # fmt: skip
_LIMB = "只脚|条腿|只足|个轮子?|脚|腿|足|轮子?(?!车)|车轮"
_ALL_LIMBS = re.compile(
    rf"(?:{_LIMB})[^⟨，。；头]{{0,6}}⟨(\d)⟩|⟨(\d)⟩(?:只|条|个)?(?:{_LIMB})|⟨(\d)⟩ (?:legs|feet|wheels)", re.IGNORECASE
)
_OWN_LIMBS = re.compile(
    rf"(?:每只|一只|每辆|一辆|1只|1辆)?(?:{'|'.join(_LEGS)})子?(?:车)?有⟨(\d)⟩(?:只|条|个)?(?:{_LIMB})"
)
_MONEY = re.compile(r"⟨(\d)⟩(元|角|分)(?:的|钱|币|人民币|面值|一张|和)*?[、和与及]?[^⟨，。]{0,4}⟨(\d)⟩\2")
_SIZES = re.compile(r"大([船车盒箱瓶桶房间客]{1,2})[^⟨]{0,8}⟨(\d)⟩[^⟨小]{0,8}小\1[^⟨]{0,8}⟨(\d)⟩")
_MARKS = re.compile(
    r"(?:答|做|射|投)?对[^⟨，。]{0,4}(?:⟨(?P<one>\d)⟩[道题]{1,2})?[^⟨，。]{0,4}[得加]⟨(?P<a>\d)⟩分.{0,14}?(?:错"
    r"|不[答做对])[^⟨。]{0,10}?(?P<minus>倒?扣|减)⟨(?P<b>\d)⟩分"
)
_ASKED = re.compile(r"各|分别|几|多少|how many", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """why: how it is found; results: names and values; unit: behind them."""

    why: str
    lines: tuple[str, ...]
    results: tuple[tuple[str, Fraction], ...]
    unit: str = ""


def in_cage(said: Marked, english: bool) -> Answer | None:
    """Both numbers, or None where it is not of this kind."""
    if not _ASKED.search(said.text):
        return None
    if english:
        return _animals_en(said)
    return _animals(said) or _money(said) or _sizes(said) or _marks(said)


def _kinds(text: str) -> list[tuple[str, int]]:
    found = {name: text.find(name) for name in _LEGS if name in text}
    names = [name for name in found if not any(name != other and name in other for other in found)]
    return [(name, _LEGS[name]) for name in sorted(names, key=lambda name: found[name])]


def _animals(said: Marked) -> Answer | None:
    """鸡兔同笼，头35个，脚94只"""
    kinds = _kinds(said.text)
    own = {int(match[1]) for match in _OWN_LIMBS.finditer(said.text)}
    left = [at for at in range(len(said.values)) if at not in own]
    if len(kinds) != 2 or kinds[0][1] == kinds[1][1] or len(left) != 2:
        return None
    limbs = [int(next(group for group in match.groups() if group)) for match in _ALL_LIMBS.finditer(said.text)]
    limbs = [at for at in limbs if at in left]
    if len(set(limbs)) != 1 or re.search("比|倍|相等|一样多", said.text):
        return None
    heads = next(at for at in left if at != limbs[0])
    unit = "辆" if "车" in said.text and "轮" in said.text else "只"
    return _two(said.values[heads], said.values[limbs[0]], kinds[0], kinds[1], unit)


def _animals_en(said: Marked) -> Answer | None:
    names = [
        (match[0], legs) for word, legs in _LEGS_EN.items() for match in re.finditer(rf"\b{word}s?\b", said.text, re.I)
    ]
    kinds = list(
        {name.lower().rstrip("s"): legs for name, legs in sorted(names, key=lambda one: said.text.find(one[0]))}.items()
    )
    limbs = [int(match[3]) for match in _ALL_LIMBS.finditer(said.text) if match[3]]
    if len(kinds) != 2 or kinds[0][1] == kinds[1][1] or len(said.values) != 2 or len(set(limbs)) != 1:
        return None
    found = _two(said.values[1 - limbs[0]], said.values[limbs[0]], kinds[0], kinds[1], "")
    if found is None:
        return None
    return Answer(
        f"Suppose all were {kinds[0][0]}s",
        found.lines,
        tuple((f"{name}s:", value) for name, value in found.results),
    )


def _two(
    count: Fraction, total: Fraction, first: tuple[str, int | Fraction], second: tuple[str, int | Fraction], unit: str
) -> Answer | None:
    """So many in all, and so much that all have together; first and second: a name, and what one of it has."""
    a, b = Fraction(first[1]), Fraction(second[1])
    if a == b or count.denominator != 1:
        return None
    others = (total - a * count) / (b - a)
    ones = count - others
    if others < 0 or ones < 0 or others.denominator != 1:
        return None
    all_first = a * count
    lines = [f"{factor(a)}×{factor(count)}={factor(all_first)}"]
    if b > a:
        lines += [_minus(total, all_first), _minus(b, a), _over(total - all_first, b - a)]
    else:
        lines += [_minus(all_first, total), _minus(a, b), _over(all_first - total, a - b)]
    lines.append(_minus(count, others))
    why = f"假设全是{first[0]}，先算出差多少，再看换一{unit or '个'}差多少"
    return Answer(why, tuple(lines), ((first[0], ones), (second[0], others)), unit)


def _minus(a: Fraction, b: Fraction) -> str:
    return f"{factor(a)}-{factor(b)}={factor(a - b)}"


def _over(a: Fraction, b: Fraction) -> str:
    return f"{factor(a)}÷{factor(b)}={factor(a / b)}"


def _money(said: Marked) -> Answer | None:
    """5元和2元的人民币共20张，共70元"""
    found = _MONEY.search(said.text)
    if found is None or len(said.values) < 4:
        return None
    if not set(said.values[4:]) <= {said.values[int(found[1])], said.values[int(found[3])]}:  # 5元和2元各有几张
        return None
    a, b, unit = int(found[1]), int(found[3]), found[2]
    rest = [at for at in range(4) if at not in (a, b)]
    counts = [at for at in rest if re.search(rf"⟨{at}⟩[张枚个]", said.text)]
    totals = [at for at in rest if re.search(rf"⟨{at}⟩{unit}", said.text)]
    if len(counts) != 1 or len(totals) != 1 or counts == totals:
        return None
    names = [f"{text_of(said.values[at])}{unit}的" for at in (a, b)]
    kind = re.search(rf"⟨{counts[0]}⟩([张枚个])", said.text)
    return _two(
        said.values[counts[0]],
        said.values[totals[0]],
        (names[0], said.values[a]),
        (names[1], said.values[b]),
        kind[1] if kind else "张",
    )


def _sizes(said: Marked) -> Answer | None:
    """大船坐6人，小船坐4人，一共10条船，坐了52人"""
    found = _SIZES.search(said.text)
    if found is None or len(said.values) != 4:
        return None
    a, b = int(found[2]), int(found[3])
    rest = [at for at in range(4) if at not in (a, b)]
    unit = re.search(r"(?:每|一|1)([条只辆个间])[大小]|⟨\d⟩([条只辆个间])" + found[1], said.text)
    name = next((group for group in unit.groups() if group), "个") if unit else "个"
    answers = [
        answer
        for count, total in (rest, rest[::-1])
        if (
            answer := _two(
                said.values[count],
                said.values[total],
                (f"大{found[1]}", said.values[a]),
                (f"小{found[1]}", said.values[b]),
                name,
            )
        )
    ]
    return answers[0] if len(answers) == 1 else None


def _marks(said: Marked) -> Answer | None:
    """答对一题得5分，答错一题扣2分，20题得了79分，答对几题"""
    found = _MARKS.search(said.text)
    if found is None or len(said.values) not in (4, 5) or found["one"]:
        return None
    a, b = int(found["a"]), int(found["b"])
    rest = [at for at in range(len(said.values)) if at not in (a, b)]
    counts = [
        at
        for at in rest
        if re.search(rf"⟨{at}⟩[道个]?题?(?![得加分])", said.text) and not re.search(rf"⟨{at}⟩分", said.text)
    ]
    totals = [at for at in rest if re.search(rf"⟨{at}⟩分", said.text)]
    if len(counts) != 1 or len(totals) != 1:
        return None
    count, total = said.values[counts[0]], said.values[totals[0]]
    right, wrong = said.values[a], said.values[b]
    answer = _two(count, total, ("对的", right), ("错的", -wrong), "题")
    if answer is None:
        return None
    missed = answer.results[1][1]
    lines = (
        f"{factor(right)}×{factor(count)}={factor(right * count)}",
        _minus(right * count, total),
        f"{factor(right)}+{factor(wrong)}={factor(right + wrong)}",
        _over(right * count - total, right + wrong),
        _minus(count, missed),
    )
    return Answer("假设全做对，再看一共少了多少分，每错一题少多少分", lines, answer.results, "题")
