"""Sellers' sentences with what is true of them, and an aligner that knows nothing of how captions are made.

A sentence is a few clauses: goods, and facts said of them as sellers say them.  The aligner looks at a caption alone:
each fact's figures must stand in it, none besides, and beside the goods that they were said of.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

GOODS = {
    "芒果": "mangoes", "荔枝": "lychees", "山核桃": "pecans", "腊肠": "sausages", "紫菜": "seaweed",
    "莲子": "lotus seeds",
    "床垫": "mattresses", "窗帘": "curtains", "凉鞋": "sandals", "卫衣": "hoodies", "马甲": "vests", "耳环": "earrings",
    "水壶": "kettles", "砧板": "boards", "香皂": "soap", "护手霜": "cream", "积木": "blocks", "风筝": "kites",
}  # fmt: skip
BRANDS = {
    "海尔": "Haier", "李宁": "Li-Ning", "戴森": "Dyson", "Anker": "Anker", "OPPO": "OPPO", "老干妈": "Lao Gan Ma",
}  # fmt: skip
FRAMES = (  # n: goods, f: facts
    "{n}{f}",
    "今天{n}{f}",
    "这个{n}{f}",
    "{n}只要{f}",
    "我们家的{n}{f}",
    "{n}现在{f}",
    "来，{n}{f}",
)
WORDS = {
    "今天": "today", "这个": "this", "只要": "only", "我们家的": "our", "现在": "now", "来，": "come on,",
    "大家赶紧下单": "order now",
    "还包邮": "free shipping", "真的很好用": "really good",
    "的": "", "有": "come in", "和": "and", "，": ",", "。": ".",
}  # fmt: skip
_TENS = "零一二三四五六七八九"


@dataclass(frozen=True)
class Said:
    """One fact: how it is said, and figures that its caption must have, in order."""

    zh: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """goods: in order, each with the facts said of it."""

    zh: str
    goods: tuple[tuple[str, tuple[Said, ...]], ...]


def spoken(value: int) -> str:
    """99 as 九十九, below a thousand; written here, apart from the house's own."""
    hundreds, tens, ones = value // 100, value // 10 % 10, value % 10
    said = f"{_TENS[hundreds]}百" if hundreds else ""
    if tens:
        said += ("" if tens == 1 and not hundreds else _TENS[tens]) + "十"
    elif hundreds and ones:
        said += "零"
    return said + (_TENS[ones] if ones else "")


def _price(rng: random.Random) -> Said:
    yuan, jiao = rng.randint(2, 399), rng.choice((0, 0, 5, 8, 9))
    shown = f"¥{yuan}" + (f".{jiao}" if jiao else "")
    tail = _TENS[jiao] if jiao else ""
    forms = [
        f"{spoken(yuan)}块{tail}",
        f"{yuan}块{jiao or ''}",
        f"{yuan}.{jiao}元" if jiao else f"{yuan}元",
        f"¥{shown[1:]}",
    ]
    said = rng.choice(forms)
    unit = rng.choice(("", "", "一斤", "一箱", "两包"))
    if unit and "¥" not in said:
        figures = {"一斤": (shown, "500 g"), "一箱": (shown, "case"), "两包": (shown, "2 packs")}[unit]
        return Said(said + unit, figures)
    return Said(said, (shown,))


def _size(rng: random.Random) -> Said:
    letter = rng.choice(("S", "M", "L", "XL", "XXL"))
    number = rng.randint(35, 45)
    return rng.choice((Said(f"{letter}码", (f"size {letter}",)), Said(f"{number}码", (f"size {number}",))))


def _pack(rng: random.Random) -> Said:
    grams, bags = rng.choice((100, 250, 500)), rng.randint(2, 6)
    jin = rng.randint(3, 9)
    litres = rng.choice(("1.5", "2.5"))
    return rng.choice(
        (
            Said(f"{grams}g*{bags}袋", (f"{grams} g × {bags} bags",)),
            Said(f"{_TENS[jin]}斤装", (f"{jin / 2:g} kg pack",)),
            Said(f"{litres}L", (f"{litres} L",)),
            Said("半斤装", ("250 g pack",)),
        )
    )


def _offer(rng: random.Random) -> Said:
    a, b = rng.randint(2, 5), rng.randint(1, 2)
    full, less, share = rng.choice((99, 199, 299)), rng.choice((10, 20, 50)), rng.randint(6, 9)
    return rng.choice(
        (
            Said(f"买{_TENS[a].replace('二', '二')}送{_TENS[b]}", (f"buy {a}, get {b} free",)),
            Said(f"满{full}减{less}", (f"¥{less} off when you spend ¥{full}",)),
            Said(f"{_TENS[share]}折", (f"{100 - 10 * share}% off",)),
            Said("第二件半价", ("50% off the 2nd one",)),
        )
    )


_KINDS = (_price, _price, _size, _pack, _offer)


def sentence(rng: random.Random) -> Sentence:
    """One to three clauses, each of other goods with one or two facts."""
    goods, clauses = [], []
    for zh in rng.sample(sorted(GOODS), rng.randint(1, 3)):
        facts = [rng.choice(_KINDS)(rng)]
        named = zh
        if rng.random() < 0.25:
            brand = rng.choice(sorted(BRANDS))
            named, facts = brand + "的" + zh, [Said("", (BRANDS[brand],)), *facts]
        said = facts[-1].zh
        if rng.random() < 0.3:
            other = _size(rng) if "码" not in said else _offer(rng)
            facts.append(other)
            touching = said[-1:].isascii() and other.zh[:1].isascii()  # nobody writes 2.5LXXL码 in one
            said += "，" + other.zh if touching or rng.random() < 0.3 else other.zh
        clauses.append(rng.choice(FRAMES).format(n=named, f=said))
        goods.append((GOODS[zh], tuple(facts)))
    end = rng.choice(("", "，还包邮", "，真的很好用", "，大家赶紧下单"))
    return Sentence("，".join(clauses) + end + "。", tuple(goods))


def complaint(caption: str, said: Sentence) -> str:
    """What is wrong with a caption: a fact that is not there, a number that nobody said, goods that are another's."""
    rest, places = caption, []
    for noun, facts in said.goods:
        for figures in (figure for fact in facts for figure in fact.figures):
            at = rest.find(figures)
            if at < 0:
                return f"'{figures}' is missing"
            places.append((at, noun))
            rest = rest[:at] + "\0" * len(figures) + rest[at + len(figures) :]
    if left := re.search(r"[\d¥%]", rest):
        return f"'{caption[left.start() : left.start() + 12]}' was never said"
    nouns = sorted((match.start(), noun) for noun, _ in said.goods for match in re.finditer(re.escape(noun), caption))
    for at, noun in places:
        beside = _beside(caption, at, nouns)
        if beside is not None and beside != noun:
            return f"'{caption[at : at + 10]}' stands beside {beside} and not {noun}"
    missing = {noun for noun, _ in said.goods} - {noun for _, noun in nouns}
    return f"{sorted(missing)[0]} are missing" if missing else ""


def _beside(caption: str, at: int, nouns: list[tuple[int, str]]) -> str | None:
    """The goods that a reader takes a figure for: the nearest between the same marks, or else the last before it."""
    caption = re.sub(r", (?=get \d)", "; ", caption)  # a comma inside of an offer ends no clause
    start = max(caption.rfind(mark, 0, at) for mark in (", ", ". "))
    ends = [end for mark in (", ", ". ") if (end := caption.find(mark, at)) >= 0]
    near = [one for one in nouns if start < one[0] < min(ends, default=len(caption))]
    if near:
        return min(near, key=lambda one: abs(one[0] - at))[1]
    earlier = [noun for place, noun in nouns if place < at]
    return earlier[-1] if earlier else None
