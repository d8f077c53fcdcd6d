"""A problem as it comes from a photo or a child's keyboard, made readable: 4O for 40, full-width, broken lines."""

from __future__ import annotations

import re

from huozhong.verify.numbers import tidy

_CJK = "\u4e00-\u9fff，。；：？！、（）"
# Letters that stand for digits, where digits stand before or behind them and no other letter does.
_ALIKE = str.maketrans("oOQ○lI|丨sSBZ", "000011115582")
_WIDE = {0xFF10 + digit: str(digit) for digit in range(10)}
_LETTERS = re.compile(r"(?<=[\d.])[oOQ○lI|丨]+(?![A-Za-z])|(?<![A-Za-z\d])[oOlI|]+(?=\d|\.\d)|(?<=\d)[sSBZ](?=\d)")
# 3. or （2） or 第5题 in front of the problem; 3.5 and 3个 are none.
_NUMBERED = re.compile(
    r"^\s*(?:[一二三四五六七八九十]{1,3}、\s*(?:应用题|解决问题)[。.：:]?\s*|第\s*\d+\s*题[.、：:]?\s*|[（(]\s*\d{1,2}\s*[)）]\s*"
    r"|\d{1,2}\s*[、．]\s*|\d{1,2}\.(?!\d)\s*|[①-⑳]\s*|[★☆*·•]\s*)+"
)


def cleaned(text: str) -> str:
    """The problem in plain characters and one line, without its number in the book."""
    text = re.sub(r"[\u200b-\u200f\ufeff\u00ad]", "", text)
    text = _LETTERS.sub(lambda found: found[0].translate(_ALIKE), text.translate(_WIDE))
    text = _NUMBERED.sub("", text.strip())
    text = re.sub(rf"(?<=[{_CJK}\d])[ \t\u3000]*\n[ \t\u3000]*(?=[{_CJK}\d])", "", text)  # a line that goes on
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(rf"(?<=[{_CJK}])[ \u3000]+(?=[{_CJK}\d])|(?<=\d)[ \u3000]+(?=[\u4e00-\u9fff])", "", text)
    return re.sub(r"[（(]\s*[)）]\s*(?=[\u4e00-\u9fff。？]|$)", "多少", tidy(text)).strip()
