"""What a text about goods says, for apps that check it: traced to a sheet, read aloud, held against the law's words.

`language` is that of the texts and the sheet, "zh" or "en"; English has lists of its own (verify/goods_in_english.py).
"""

from __future__ import annotations

from typing import Any

from huozhong.errors import SkillError
from huozhong.skills.tools import Tool
from huozhong.verify import advertising, amounts, claims
from huozhong.verify import goods_in_english as english
from huozhong.verify import spoken as speech
from huozhong.verify import unsaid as words

MOST_TEXTS, LONGEST = 400, 20_000  # texts in a call; characters of all of them


def trace(texts: list[str], sheet: list[str], language: str = "zh") -> list[list[dict[str, Any]]]:
    """For each text its numbers, names and claims: start, end, kind, text, line (of the sheet, from 1, or None)."""
    sheet = _texts(sheet)
    return [
        [
            {"start": one.start, "end": one.end, "kind": one.kind, "text": one.text, "line": one.line}
            for one in (english.trace if language == "en" else claims.trace)(text, sheet)
        ]
        for text in _texts(texts)
    ]


def unsaid(texts: list[str], sheet: list[str], places: list[list[list[int]]], language: str = "zh") -> list[list[str]]:
    """For each text the words that no line of the sheet has, and that are not on the list of harmless ones.

    places: in each text, the [start, end] of what the sheet itself says there.
    """
    sheet = _texts(sheet)
    found = []
    for text, own in zip(_texts(texts), _places(places, len(texts)), strict=True):
        traced = (english.trace if language == "en" else claims.trace)(text, sheet)
        known = own + [(one.start, one.end) for one in traced if one.line is not None]
        left = (english.unsaid if language == "en" else words.unsaid)(text, sheet, known)
        found.append([one.text for one in left])
    return found


def numerals(texts: list[str], language: str = "zh") -> list[list[str]]:
    """For each text its numerals: digits and Chinese ones, not those of idioms (一定, 十分) and articles (一个)."""
    found = english.numerals_in if language == "en" else amounts.numerals_in
    return [found(text) for text in _texts(texts)]


def spoken(texts: list[str], language: str = "zh") -> list[str]:
    """Each text with its numbers as they are said: 39.9元/斤 is 三十九块九一斤, $5 is five dollars."""
    say = english.spoken if language == "en" else speech.spoken
    return [say(text) for text in _texts(texts)]


def banned(texts: list[str], language: str = "zh") -> list[list[dict[str, Any]]]:
    """For each text the words that the advertising law does not allow: start, end, word, why, suggestion."""
    return [
        [
            {"start": hit.start, "end": hit.end, "word": hit.word, "why": hit.why, "suggestion": hit.suggestion}
            for hit in (english.banned if language == "en" else advertising.banned)(text)
        ]
        for text in _texts(texts)
    ]


def _places(places: list[list[list[int]]], number: int) -> list[list[tuple[int, int]]]:
    try:
        whole = [[(int(start), int(end)) for start, end in own] for own in places]
    except (TypeError, ValueError):
        whole = []
    if len(whole) != number:
        raise SkillError("这里要给每段文字一列 [起, 止]。", "This takes a list of [start, end] for each text.")
    return whole


def _texts(texts: list[str]) -> list[str]:
    whole = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    if not whole or len(texts) > MOST_TEXTS or sum(map(len, texts)) > LONGEST:
        raise SkillError(
            f"这个工具要一列文字，最多 {MOST_TEXTS} 段、{LONGEST} 个字。",
            f"This takes a list of texts: at most {MOST_TEXTS}, of {LONGEST} characters.",
        )
    return texts


TOOLS = {
    "trace": Tool(trace, "核对文字里的数、名字和说法在单子上有没有", "trace numbers, names and claims to a sheet"),
    "unsaid": Tool(unsaid, "找出单子上没有的话", "find words that are not on a sheet"),
    "numerals": Tool(numerals, "找出文字里的数", "find the numerals of a text"),
    "spoken": Tool(spoken, "把数写成口语", "write numbers as they are said"),
    "banned": Tool(banned, "查广告法不许用的词", "look for words that the advertising law does not allow"),
}
