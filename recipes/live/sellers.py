"""Sellers' sentences in both languages, made up from patterns, for the small translator to learn from.

What a seller says differs from what the published pairs hold: goods, and slots ⟦1⟧ … ⟦4⟧ where prices, sizes, brands
and phone numbers stood (`huozhong.apps.live.grammar`).  None of these patterns is in the benchmark, which has its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path


def _rows(name: str) -> tuple[list[str], ...]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return tuple(line.split("\t") for line in lines)


GOODS = _rows("goods.tsv")
PATTERNS = _rows("patterns.tsv")  # N and M: goods; ⟦1⟧ …: slots in the order of the Chinese sentence

BEFORE = (("", ""), ("来，", "Come on, "), ("好，", "OK, "), ("对，", "Right, "), ("朋友们，", "Friends, "))


def sentences(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """`count` pairs (Chinese, English), each with its slots in both."""
    for _ in range(count):
        zh, en = rng.choice(PATTERNS)
        (first, one), (second, other) = rng.sample(GOODS, 2)
        zh = zh.replace("N", first).replace("M", second)
        en = _named(en, one, other)
        say, said = rng.choice(BEFORE) if rng.random() < 0.3 else BEFORE[0]
        if said and en[:2] not in ("I ", "I'") and not en.startswith("⟦"):
            en = en[0].lower() + en[1:]
        yield say + zh, said + en


def _named(en: str, one: str, other: str) -> str:
    """The slots of goods filled; only capitals that stand alone are slots."""
    words = {"N": one, "M": other}
    said = " ".join(
        words[bare] + word[len(bare) :] if (bare := word.rstrip(".,;?")) in words else word for word in en.split(" ")
    )
    return said if one.endswith("s") else _single(said, one)


# what agrees with goods that are not counted: chili sauce is, this chili sauce comes in
AGREE = (
    ("{} are", "{} is"), ("{} were", "{} was"), ("{} come in", "{} comes in"), ("{} run", "{} runs"),
    ("{} keep", "{} keeps"), ("{} have", "{} has"), ("Are {}", "Is {}"), ("hese {}", "his {}"), ("they are", "it is"),
    ("they ship", "it ships"), ("here come the {}", "here comes the {}"), ("run small", "runs small"),
)  # fmt: skip


def _single(en: str, goods: str) -> str:
    for many, one in AGREE:
        en = en.replace(many.format(goods), one.format(goods))
    return en
