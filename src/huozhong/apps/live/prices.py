"""Prices and offers: what a match of the grammar says, or None where it says nothing."""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.apps.live.facts import (
    Fact,
    Money,
    Off,
    Offer,
    Per,
)
from huozhong.apps.live.numbers import DIGIT, digits, number
from huozhong.apps.live.pieces import MEASURE, UNIT, before, per_of, value_of_group

_PRICED = re.compile(
    r"(?:原价|原来|现价|特价|售价|单价|定价|标价|市场价|直播价|到手价?|券后价?|活动价|福利价|秒杀价?|价格|价|只要|只需|仅需|仅|才|卖"
    r"|不是|也不是|不要|不用|降到|低至|便宜到|给到|花|付|现在|今天)(?:只要|只|就|是|才|为|卖|要)?[:：\s]*$"
)


def yuan(match: re.Match[str]) -> Fraction | None:
    """39.9, 39块9, 三十九块九毛九, 5毛."""
    groups = match.groupdict()
    value = value_of_group(match, "n")
    if value is None:
        value = Fraction(0) if groups.get("jiao") else None
    if value is None:
        return None
    for name, part in (("tail", 10), ("jiao", 10), ("fen", 100), ("cent", 100)):
        if groups.get(name):
            value += Fraction(digits(groups[name])) / part
    return value


def money_fact(match: re.Match[str]) -> Fact | None:
    value, low = yuan(match), value_of_group(match, "low")
    if value is None or (match.groupdict().get("low") and low is None):
        return None
    return Money(value, "¥", low, per_of(match))


def about_fact(match: re.Match[str]) -> Fact | None:
    """一百来块钱, 三十多块."""
    value = value_of_group(match, "n")
    return None if value is None else Money(value, about="over" if match["about"] == "多" else "about")


def foreign_fact(match: re.Match[str]) -> Fact | None:
    value = value_of_group(match, "n")
    signs = {
        "$": "$",
        "美元": "$",
        "美金": "$",
        "€": "€",
        "欧元": "€",
        "£": "£",
        "英镑": "£",
        "港币": "HK$",
        "港元": "HK$",
    }
    return None if value is None else Money(value, signs[match.groupdict().get("sign") or match["word"]])


def before_price_fact(match: re.Match[str]) -> Fact | None:
    """一斤三十九块九, 每箱只要99元: what it is for stands first."""
    value, of = yuan(match), value_of_group(match, "fn") if match["fn"] else Fraction(1)
    if _cut_short(match):
        return None
    return None if value is None or of is None else Money(value, "¥", None, Per(of, match["fu"]))


def _cut_short(match: re.Match[str]) -> bool:
    """一箱二十|四瓶: half of a number that counts something else."""
    if re.search("[块元毛角分钱]", match[0]):
        return False
    rest = match.string[match.end() :]
    return bool(
        (re.search("[十百千万]$", match[0]) and re.match("[一二三四五六七八九]", rest)) or re.match("[十百千万]", rest)
    )


def bare_money_fact(match: re.Match[str]) -> Fact | None:
    """A number without a unit is a price behind 只要 or 原价, or where it says what it is for: 一百二一斤, 9.9包邮."""
    value, per = value_of_group(match, "n"), per_of(match)
    if value is None or (per is None and match.groupdict().get("pu")):
        return None
    said, priced = match["n"], bool(_PRICED.search(before(match)))
    rest = match.string[match.end() :]
    if per is not None:
        counted = match["pc"] is not None and number(match["pc"]) != 1
        if counted and not ("." in said or priced):
            return None
        if len(said) == 1 and not priced and not said.isdigit():
            return None
        return Money(value, "¥", None, per)
    if re.match(r"\s*(?:包邮|秒杀|到手|带走|拿走)", rest):
        return Money(value)
    if re.fullmatch(rf"[{DIGIT}][百千][{DIGIT}]", said) and re.match("[，。！？、,.!? ]|$", rest):
        return Money(value)  # 一百八 at the end of a clause is a price
    blocked = re.match(rf"\s*(?:{UNIT}|{MEASURE}|[%号码折点成倍年月日天岁后左分到至\-~.]|开始|[A-Za-z])", rest)
    lone = len(said) == 1 and said in DIGIT
    return Money(value) if priced and not blocked and not lone else None


# -- offers ----------------------------------------------------------------------------------------------


def full_fact(match: re.Match[str]) -> Fact | None:
    a, b = value_of_group(match, "a"), value_of_group(match, "b")
    return None if a is None or b is None else Offer("full", a, b)


def gift_fact(match: re.Match[str]) -> Fact | None:
    a, b = value_of_group(match, "a"), value_of_group(match, "b")
    if a is None or b is None or max(a, b) > 99:
        return None
    if match["ma"] and match["mb"] and match["ma"] != match["mb"]:
        return None  # 买一箱送一提: two quantities of different things
    return Offer("order" if match["verb"] in ("发", "得", "到手") else "gift", a, b)


def share_off(said: str) -> Fraction | None:
    """八折 is 20 percent off, 8.8折 and 八八折 12."""
    if said == "对":
        return Fraction(50)
    if re.fullmatch(rf"[{DIGIT}]{{2}}", said):
        value: Fraction | None = Fraction(digits(said)) / 10
    else:
        value = number(said)
        if value is not None and value >= 10:
            value /= 10
    return None if value is None or not 0 < value < 10 else 100 - value * 10


def discount_fact(match: re.Match[str]) -> Fact | None:
    percent = Fraction(50) if match["n"] is None else share_off(match["n"])
    number_, nth = value_of_group(match, "a"), value_of_group(match, "nth")
    if percent is None:
        return None
    return Off(percent, int(number_) if number_ else None, int(nth) if nth else None, match[0].endswith("半价"))


def nth_fact(match: re.Match[str]) -> Fact | None:
    nth, value = value_of_group(match, "nth"), yuan(match) if match["n"] else Fraction(0)
    if nth is None or value is None:
        return None
    return Offer("nth", nth, value) if value else Offer("free", nth)


def less_fact(match: re.Match[str]) -> Fact | None:
    value = yuan(match)
    return None if value is None else Offer("less", value)
