"""What the grammar's patterns and readings are made of: numbers, units, what a price is for."""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.apps.live.facts import (
    Per,
)
from huozhong.apps.live.measures import CONTAINERS, MEASURES, UNITS
from huozhong.apps.live.numbers import ARABIC, DIGIT, HAN, number

NUMBER = rf"(?:{ARABIC}|{HAN})"
UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True)).replace("两", f"两(?![{MEASURES}斤升公])")
MEASURE = f"[{MEASURES}]"
CONTAINER = f"[{CONTAINERS}]"
TO = r"\s*[-~—–至到]\s*"
NOT_LATIN = r"(?![A-Za-z])"
GOODS_UNIT = rf"(?:公斤|千克|斤|两(?!{MEASURE})|升|米|{MEASURE}|(?:kg|KG|g|L|ml){NOT_LATIN})"
# behind a price: 一斤, /箱, 每件, 3个, /3斤
FOR = rf"(?:\s*(?:(?:/|每)\s*(?P<pn>{NUMBER})?|(?P<pc>{NUMBER}))\s*(?P<pu>{GOODS_UNIT})(?![装码折{DIGIT}]))"
SIZE = r"(?:X{1,4}L|XX?S|[2-6]XL|[SML])"


def value_of_group(match: re.Match[str], name: str) -> Fraction | None:
    said = match.groupdict().get(name)
    return None if said is None else number(said)


def in_units(value: Fraction, unit: str) -> tuple[Fraction, str] | None:
    """In a unit that everybody has: 3斤 is (1500, g) and 1.5 kg."""
    if unit not in UNITS:
        return None
    name, factor = UNITS[unit]
    value *= factor
    return (value / 1000, "kg") if name == "g" and value >= 1000 else (value, name)


def per_of(match: re.Match[str]) -> Per | None:
    unit = match.groupdict().get("pu")
    if not unit:
        return None
    said = match["pn"] or match["pc"]
    value = number(said) if said else Fraction(1)
    return None if value is None else Per(value, unit)


def before(match: re.Match[str], length: int = 10) -> str:
    return match.string[max(0, match.start() - length) : match.start()]
