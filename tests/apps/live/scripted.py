"""A translator that is known: Chinese words one by one into English ones, and what it does wrong on purpose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

WORDS = {
    "今天": "today", "苹果": "apples", "大家": "everyone", "只要": "only", "原价": "before", "现价": "now",
    "还有": "also",
    "的": "", "买": "buy", "好吃": "tasty", "很": "very", "包邮": "free shipping", "橘子": "oranges", "下单": "order",
    "赶紧": "quickly", "耳机": "headphones", "和": "and", "，": ",", "。": ".", "、": ",", "！": "!",
}  # fmt: skip


@dataclass
class Scripted:
    """loses: slots that it leaves out; twice: says each slot twice; asked: every call."""

    loses: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, text: str, language: str, slots: Mapping[int, str], before: str) -> str:
        self.asked.append((text, language, before))
        pieces = re.findall("⟦\\d⟧|" + "|".join(sorted(WORDS, key=len, reverse=True)) + "|.", text)
        said = " ".join(word for one in pieces if (word := WORDS.get(one, one)))
        said = re.sub(r" (?=[,.!])", "", said)
        if self.loses:
            said = re.sub("⟦\\d⟧", "", said)
        return said if said.startswith(before) else before
