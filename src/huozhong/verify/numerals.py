"""Chinese numerals, read and written: 二十三, 两百零五, 三千五 (3500), 壹拾贰, 一九九八, 三点一四, 一万亿.

Read are simplified, traditional and financial characters, 两 and 廿, and the short forms of speech, where the last
place is left out: 一百八 is 180, 两万五 is 25000.  Nothing else is guessed: 百千, 三二 and 十万百 are no numerals.
"""

from __future__ import annotations

import re
from fractions import Fraction

_DIGITS = {
    character: value
    for value, characters in enumerate(
        ("零〇", "一壹弌", "二贰貳两兩弍", "三叁參叄", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")
    )
    for character in characters
}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_SPELLINGS = str.maketrans({"萬": "万", "億": "亿", "點": "点", "廿": "二十", "卅": "三十"})

CHARACTERS = "".join((*_DIGITS, *_PLACES, "万萬亿億廿卅"))
_YEAR = re.compile(f"[{''.join(c for c in _DIGITS if c not in '两兩')}]+")


def read_whole(text: str) -> int | None:
    """The value of a numeral, or None if it is none: 二十三 is 23, 二〇二四 is 2024."""
    text = text.translate(_SPELLINGS)
    if not text:
        return None
    if _YEAR.fullmatch(text):
        values = [_DIGITS[character] for character in text]
        if len(values) == 1 or len(values) == 4 or (len(values) > 2 and values[0] and 0 in values):
            return int("".join(map(str, values)))
        return None
    return _groups(text, "亿", 10**8)


def _groups(text: str, sign: str, size: int) -> int | None:
    """What stands before and after the last `sign` (亿, 万): so many times its size, and a rest that is smaller."""
    before, found, after = text.rpartition(sign)
    if not found:
        return _groups(text, "万", 10**4) if sign == "亿" else _places(text)
    times = (_groups(before, "万", 10**4) if sign == "亿" else _places(before)) if before else None
    if not times:
        return None
    if len(after) == 1:  # 两万五; what 两万零 or 一万十 would be nobody knows
        digit = _DIGITS.get(after, 0)
        return (times * size + digit * size // 10) if digit and after not in "两兩" else None
    rest = _groups(after, "万", 10**4) if sign == "亿" else _places(after)
    if after and (rest is None or not 0 < rest < size):
        return None
    return times * size + (rest or 0)


def _places(text: str) -> int | None:
    """A numeral below ten thousand, perhaps with a 零 before it: 三千零五十, 十二, 一百八."""
    total, digit, last = 0, None, 10**4  # last: the place that was written last
    after_zero = False
    for at, character in enumerate(text):
        value, place = _DIGITS.get(character), _PLACES.get(character)
        if value == 0:
            if digit is not None or after_zero:
                return None
            after_zero = True
        elif value is not None:
            if digit is not None:
                return None
            digit = value
        elif place is not None and place < last:
            if digit is None and (place != 10 or (at and not after_zero and text[at - 1] not in _PLACES)):
                return None
            total += (1 if digit is None else digit) * place
            digit, last, after_zero = None, place, False
        else:
            return None
    if digit is not None:
        if text[-1] in "两兩" and len(text) > 1:
            return None
        elided = last in (100, 1000) and not after_zero
        total += digit * (last // 10 if elided else 1)
    elif after_zero and text not in ("零", "〇"):
        return None
    return total


def read(text: str) -> Fraction | None:
    """The value of a numeral that may have decimals: 三点一四, 三点五万, 二十三."""
    whole, point, decimals = text.translate(_SPELLINGS).partition("点")
    value = read_whole(whole)
    if value is None or not point:
        return None if value is None else Fraction(value)
    size = {"万": 10**4, "亿": 10**8}.get(decimals[-1:], 1)
    digits = [_DIGITS.get(character) for character in decimals[: None if size == 1 else -1]]
    if not digits or None in digits or "两" in decimals:
        return None
    return size * (value + Fraction(int("".join(map(str, digits))), 10 ** len(digits)))


# -- writing -------------------------------------------------------------------------------------------

_CHINESE = "零一二三四五六七八九"
_FINANCIAL = "零壹贰叁肆伍陆柒捌玖"
LARGEST = 10**16 - 1


def write_whole(value: int, *, financial: bool = False) -> str:
    """23 as 二十三, 1005 as 一千零五; with `financial` 贰拾叁."""
    if not 0 <= value <= LARGEST:
        raise ValueError(f"{value} is not between 0 and {LARGEST}")
    digits, places = (_FINANCIAL, "仟佰拾") if financial else (_CHINESE, "千百十")
    if value < 10:
        return digits[value]
    for size, sign in ((10**8, "亿"), (10**4, "万")):
        if value >= size:
            times, rest = divmod(value, size)
            gap = digits[0] if 0 < rest < size // 10 else ""
            return write_whole(times, financial=financial) + sign + (gap + _tail(rest, financial) if rest else "")
    out, gap = "", ""
    for power, sign in ((3, places[0]), (2, places[1]), (1, places[2]), (0, "")):
        digit = value // 10**power % 10
        if digit:
            out += (gap if out else "") + digits[digit] + sign
        gap = "" if digit else digits[0]
    return out if financial or not 10 <= value < 20 else out[1:]


def _tail(rest: int, financial: bool) -> str:
    """A number after another: 一百一十, 一万零一十."""
    written = write_whole(rest, financial=financial)
    return "一" + written if not financial and 10 <= rest < 20 else written


def write(value: Fraction) -> str:
    """A decimal in words: 3.14 as 三点一四.  A fraction is 四分之三, or 二又四分之三."""
    if value < 0:
        return "负" + write(-value)
    whole, rest = divmod(value.numerator, value.denominator)
    if not rest:
        return write_whole(whole)
    shown, bottom = Fraction(rest, value.denominator), value.denominator
    while bottom % 2 == 0:
        bottom //= 2
    while bottom % 5 == 0:
        bottom //= 5
    if bottom == 1:
        decimals = ""
        while shown:
            shown *= 10
            decimals += _CHINESE[int(shown)]
            shown -= int(shown)
        return f"{write_whole(whole)}点{decimals}"
    fraction = f"{write_whole(value.denominator)}分之{write_whole(rest)}"
    return f"{write_whole(whole)}又{fraction}" if whole else fraction
