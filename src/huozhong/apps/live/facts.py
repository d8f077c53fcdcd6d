"""What is locked before a sentence is translated: prices, sizes, quantities, offers, times, telephones, names.

Each is a value, not a piece of text, so that it can be said in the viewer's own form (`forms`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True)
class Per:
    """What a price or an amount is for: 一斤 is (1, "斤"), 3个 is (3, "个")."""

    number: Fraction
    unit: str


@dataclass(frozen=True)
class Money:
    """value in `currency` ("¥", "$", "€", "£", "HK$"), from `low` where it is a range.

    about: 一百来块 is "about", 三十多块 is "over".
    """

    value: Fraction
    currency: str = "¥"
    low: Fraction | None = None
    per: Per | None = None
    about: Literal["about", "over", ""] = ""


@dataclass(frozen=True)
class Amount:
    """value of `unit` (kg, g, L, ml, m, cm, hours, °C, …, already those that everybody has).

    times: 500g*2袋 is times 2 of 袋; pack: 两斤装; per: 5斤一箱.
    """

    value: Fraction
    unit: str
    low: Fraction | None = None
    times: Per | None = None
    pack: bool = False
    per: Per | None = None


@dataclass(frozen=True)
class Count:
    """So many boxes, bottles, pieces."""

    value: Fraction
    measure: str
    low: Fraction | None = None
    per: Per | None = None
    pack: bool = False


@dataclass(frozen=True)
class Size:
    """A size of clothes or shoes: "XL", "42"; words: "one", "large", "medium", "small"."""

    text: str
    high: str = ""


@dataclass(frozen=True)
class Off:
    """A discount: percent off.  number: with so many (两件八折); nth: on the so many-th (第二件半价); half: 半价."""

    percent: Fraction
    number: int | None = None
    nth: int | None = None
    half: bool = False


@dataclass(frozen=True)
class Offer:
    """gift: 买2送1; order: 拍1发3; full: 满199减20; less: 立减20; nth: 第二件9.9元; free: 第二件0元."""

    kind: Literal["gift", "order", "full", "less", "nth", "free"]
    a: Fraction
    b: Fraction = Fraction(0)


@dataclass(frozen=True)
class Percent:
    value: Fraction
    low: Fraction | None = None


@dataclass(frozen=True)
class Clock:
    """A time of the day.  part: "am", "pm" or "", where nobody said; an hour above 12 speaks for itself."""

    hour: int
    minute: int
    part: Literal["am", "pm", ""] = ""


@dataclass(frozen=True)
class Date:
    month: int
    day: int
    year: int | None = None


@dataclass(frozen=True)
class Link:
    """3号链接, 3号: the number under which goods are listed."""

    number: int
    link: bool


@dataclass(frozen=True)
class Plain:
    """A number that nothing more is known of."""

    value: Fraction


@dataclass(frozen=True)
class Verbatim:
    """What is the same in every language: telephones, models, brands in Latin letters."""

    text: str


@dataclass(frozen=True)
class Name:
    """A brand or product with words of its own for each language ("en" -> "Huawei")."""

    text: str
    words: dict[str, str] = field(hash=False)


Fact = Money | Amount | Count | Size | Off | Offer | Percent | Clock | Date | Link | Plain | Verbatim | Name


@dataclass(frozen=True)
class Lock:
    """`text[start:end]` says this fact."""

    start: int
    end: int
    fact: Fact
