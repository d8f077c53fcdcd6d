"""Numbers as sellers say and type them: 39.9, 1,299, 1.2万, 三十九, 两百八, 一百二, 一点五."""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.verify.written import value_of

DIGIT = "零〇一二两三四五六七八九"
ARABIC = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)(?:[百千万亿](?!\w*松鼠))?"
HAN = r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+(?!分|刻))?[万亿]?"
_FOLDS = {"百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_ARABIC = re.compile(r"([\d,]+(?:\.\d+)?)([百千万亿]?)")


def number(said: str) -> Fraction | None:
    """The value, or None where it is no number (十百, 千万 alone)."""
    if match := _ARABIC.fullmatch(said):
        return Fraction(match[1].replace(",", "")) * _FOLDS.get(match[2], 1)
    if said in ("百", "千", "万", "亿", "千万", "百万", "零", ""):
        return None
    if "点" in said and said[-1] in "万亿":
        value = value_of(said[:-1])
        return None if value is None else value * _FOLDS[said[-1]]
    return value_of(said)


def digits(said: str) -> str:
    """Digit by digit: 幺三八 is 138."""
    plain = said.replace("幺", "一").replace("两", "二").replace("〇", "零")
    return "".join(str("零一二三四五六七八九".index(one)) if one in "零一二三四五六七八九" else one for one in plain)


def written(value: Fraction, *, comma: bool = False, groups: bool = True) -> str:
    """39.9, 1,299, 0.25: at most three decimals.  comma: 39,9 and 1.299, as in Spanish."""
    whole, rest = divmod(abs(value), 1)
    decimals = f"{float(rest):.3f}"[2:].rstrip("0")
    left = f"{int(whole):,}" if groups else str(int(whole))
    text = ("-" if value < 0 else "") + left + (f".{decimals}" if decimals else "")
    return text.translate(str.maketrans(",.", ".,")) if comma else text
