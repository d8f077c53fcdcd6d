"""A problem as it comes from a photo or a child's keyboard, made readable: 4O for 40, full-width, broken lines."""

from __future__ import annotations

import re

from huozhong.verify.numbers import tidy

_CJK = "\u4e00-\u9fff，。；：？！、（）"
_LETTER_DIGIT = (
    (
        re.compile(
            r"(?<=[\d.])[oOQ○](?=[\d.%]|[\u4e00-\u9fff]|\s|$)|(?<![A-Za-z\d])[oO](?=\.\d)|(?<=[\d.])[oO](?=[oO]*\b)"
        ),
        "0",
    ),
    (re.compile(r"(?<=\d)[lI|丨](?=[\d.%]|[\u4e00-\u9fff])|(?<![A-Za-z\d])[lI|](?=\d)"), "1"),
    (re.compile(r"(?<=\d)[sS](?=\d)"), "5"),
    (re.compile(r"(?<=\d)B(?=\d)"), "8"),
    (re.compile(r"(?<=\d)Z(?=\d)"), "2"),
)
# 3. or （2） or 第5题 in front of the problem; 3.5 and 3个 are none.
_NUMBERED = re.compile(
    r"^\s*(?:[一二三四五六七八九十]{1,3}、\s*(?:应用题|解决问题)[。.：:]?\s*|第\s*\d+\s*题[.、：:]?\s*|[（(]\s*\d{1,2}\s*[)）]\s*"
    r"|\d{1,2}\s*[、．]\s*|\d{1,2}\.(?!\d)\s*|[①-⑳]\s*|[★☆*·•]\s*)+"
)


def cleaned(text: str) -> str:
    """The problem in plain characters and one line, without its number in the book."""
    text = re.sub(r"[\u200b-\u200f\ufeff\u00ad]", "", text)
    text = _NUMBERED.sub("", text.strip())
    text = re.sub(rf"(?<=[{_CJK}\d])[ \t\u3000]*\n[ \t\u3000]*(?=[{_CJK}\d])", "", text)  # a line that goes on
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(rf"(?<=[{_CJK}])[ \u3000]+(?=[{_CJK}\d])|(?<=\d)[ \u3000]+(?=[\u4e00-\u9fff])", "", text)
    for pattern, digit in _LETTER_DIGIT:
        text = pattern.sub(digit, text)
    return re.sub(r"[（(]\s*[)）]\s*(?=[\u4e00-\u9fff。？]|$)", "多少", tidy(text)).strip()
