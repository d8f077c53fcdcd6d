"""The 500 questions of a seed.

Written without looking at how `acts.exact` reads: other words, other tables, values worked out here.  What to expect
is written into `gold` with its kind: `number 5000`, `text 二百零五`, `one 9.8 9.11`, `numbers 1 2 3 6`, `sign >`,
`yes`, `no`; `exam.exact.marks` compares.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from huozhong.exam.exact import measured, reckoned
from huozhong.exam.exact.writing import Made

COUNTS = {
    "units": 120, "comparison": 80, "numerals": 55, "forms": 75, "equations": 60, "factors": 50, "averages": 30,
    "sums": 30,
}  # fmt: skip
ENGLISH = 0.12


@dataclass(frozen=True)
class Asked:
    """kind: a key of COUNTS.  gold: the right answer and how it is compared."""

    kind: str
    text: str
    gold: str


def asked(seed: int) -> list[Asked]:
    """The 500 questions of a seed, no two alike."""
    made: list[Asked] = []
    seen: set[str] = set()
    for kind, count in COUNTS.items():
        rng = random.Random(f"exact {kind} {seed}")
        makers = _MAKERS[kind]
        enough = len(made) + count
        while len(made) < enough:
            text, gold = makers[rng.random() < ENGLISH](rng)
            text = _as_typed(text, rng)
            if text not in seen:
                seen.add(text)
                made.append(Asked(kind, text, gold))
    return made


def _as_typed(text: str, rng: random.Random) -> str:
    """Now and then in full-width digits or with a word of politeness."""
    if not any("\u4e00" <= letter <= "\u9fff" for letter in text):
        return text
    if rng.random() < 0.15:
        text = rng.choice(("老师好，", "打扰一下，", "有个问题：", "想请教，", "您好！", "小火苗你好，")) + text
    if rng.random() < 0.1:
        text += rng.choice(("谢啦", "多谢", "拜托了", "辛苦啦", "感谢"))
    return text.translate(_WIDE) if rng.random() < 0.08 else text


_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


_MAKERS: dict[str, tuple[Callable[[random.Random], Made], Callable[[random.Random], Made]]] = {
    "units": (measured.units, measured.units_en),
    "comparison": (measured.comparison, measured.comparison_en),
    "numerals": (reckoned.numerals, reckoned.numerals_en),
    "forms": (reckoned.forms, reckoned.forms_en),
    "equations": (reckoned.equations, reckoned.equations_en),
    "factors": (reckoned.factors, reckoned.factors_en),
    "averages": (reckoned.averages, reckoned.averages_en),
    "sums": (reckoned.sums, reckoned.sums_en),
}
