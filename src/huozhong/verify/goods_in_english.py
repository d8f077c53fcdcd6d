"""What an English text says of goods: spoken numbers, numerals, words of the law, and what a sheet does not say.

The English side of `spoken.py`, `amounts.py`, `advertising.py`, `claims.py` and `unsaid.py`, and simpler: there is no
list of claims.  A sentence is talk only if each of its words is the sheet's, or on a list of words with which nobody
claims anything of goods (goods_in_english.toml); whatever is left over a person should look at before it is said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from huozhong.verify.advertising import Banned
from huozhong.verify.claims import Claim
from huozhong.verify.number_words import START
from huozhong.verify.unsaid import Unsaid

_SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SIZES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_UNITS = {
    "kg": "kilo", "g": "gram", "mg": "milligram", "l": "litre", "L": "litre", "ml": "millilitre", "mL": "millilitre",
    "cm": "centimetre", "mm": "millimetre", "m": "metre", "km": "kilometre", "W": "watt", "V": "volt", "h": "hour",
    "min": "minute", "mAh": "milliamp hour", "lb": "pound", "oz": "ounce", "°C": "degree Celsius",
}  # fmt: skip
_N = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_U = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_COINS = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_MONEY = re.compile(rf"(?P<sign>[$€£])\s?(?P<price>{_N})|[¥￥]\s?(?P<yuan>{_N})|(?P<said>{_N})\s?(?:yuan|RMB|CNY)\b")
_PERCENT = re.compile(rf"(?P<value>{_N})\s?%")
_MEASURED = re.compile(rf"(?P<value>{_N})\s?(?P<unit>{_U})(?![A-Za-z])")
_NAME = re.compile(r"\b(?=[A-Za-z-]*\d)(?=\d*-?[A-Za-z])[A-Za-z\d]+(?:-[A-Za-z\d]+)*")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n])[\s\"“”'’(]*$")
MOST = 10**12  # from here on a number is read digit by digit


def say_number(written: str) -> str:
    """1,234 as one thousand two hundred and thirty-four, 2.5 as two point five."""
    whole, point, decimals = written.replace(",", "").partition(".")
    digits = " ".join(_SMALL[int(digit)] for digit in decimals)
    if (len(whole) > 1 and whole[0] == "0") or int(whole) >= MOST:
        return " ".join(_SMALL[int(digit)] for digit in whole)
    return _whole(int(whole)) + (f" point {digits}" if point else "")


def _whole(number: int) -> str:
    for size, name in _SIZES:
        if number >= size:
            rest = number % size
            return f"{_whole(number // size)} {name}" + (
                f"{' and' if rest < 100 else ''} {_whole(rest)}" if rest else ""
            )
    if number >= 100:
        rest = number % 100
        return f"{_SMALL[number // 100]} hundred" + (f" and {_whole(rest)}" if rest else "")
    if number < 20:
        return _SMALL[number]
    return _TENS[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")


_TIME = re.compile(r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\d:])")
_TELEPHONE = re.compile(r"(?<![\d.$€£¥-])(?:\d{3,4}-\d{3,4}-\d{4}|1[3-9]\d{9})(?![\d.])")
_FRACTION = re.compile(r"(?<![\d/.])(?P<top>[1-9])/(?P<under>[2-9]|10)(?![\d/])")
_YEAR = re.compile(r"(?<=\b[Ii]n )(?:19|20)\d\d(?![.,]?\d|\s?%)|(?<=\b[Ss]ince )(?:19|20)\d\d(?![.,]?\d)")
_RANGE = re.compile(rf"(?<![A-Za-z\d.-])(?P<low>[$€£¥]?(?:{_N}))\s?[-–~]\s?(?=[$€£¥]?\d[\d,.]*\b(?!-))")


def spoken(text: str) -> str:
    """A text with its numbers, prices, percentages, times and units as they are said; models keep their letters."""
    text = _TELEPHONE.sub(lambda found: ", ".join(map(_one_by_one, found[0].split("-"))), text)
    text = _TIME.sub(_time, re.sub(r"\b24/7\b", "twenty-four seven", re.sub(r"\bNo\.\s?(?=\d)", "number ", text)))
    text = _YEAR.sub(_year, _FRACTION.sub(_fraction, text))
    text = re.sub(rf"(?<![\d.A-Za-z])(?P<least>{_N})\+(?=\s[a-z]|$)", r"more than \g<least>", text)
    text = _MONEY.sub(_money, _RANGE.sub(r"\g<low> to ", text))
    text = re.sub(rf"(?<=[a-z\d])\s?/\s?({_U})(?![A-Za-z])", lambda found: f" per {_UNITS[found[1]]}", text)
    text = _PERCENT.sub(lambda found: f"{say_number(found['value'])} percent", text)
    text = _MEASURED.sub(lambda found: _counted(found["value"], _UNITS[found["unit"]]), text)
    text = re.sub(r"\b(\d{1,6})(?:st|nd|rd|th)\b", lambda found: _ordinal(found[1]), text)
    text = _NAME.sub(_model, text)
    text = re.sub(_N, lambda found: say_number(found[0]), text)
    text = re.sub(r"\s*[x×*]\s*(?=(?:" + "|".join(_SMALL + _TENS) + r")\b)", " times ", text)
    return re.sub(r"(?<=[a-z])\s?/\s?(?=[a-z])", " per ", text)


def _one_by_one(digits: str) -> str:
    return " ".join(_SMALL[int(digit)] for digit in digits)


def _time(found: re.Match[str]) -> str:
    """8:30 as eight thirty, 9:00 as nine o'clock, 9:00 am as nine am, 10:05 as ten oh five, 14:00 fourteen hundred."""
    hour, minute = int(found["hour"]), int(found["minute"])
    if minute:
        return f"{_whole(hour)} {'oh ' if minute < 10 else ''}{_whole(minute)}"
    if hour > 12 or not hour:
        return f"{_whole(hour)} hundred"
    return _whole(hour) + ("" if re.match(r"\s?[ap]\.?m\b", found.string[found.end() :], re.I) else " o'clock")


def _fraction(found: re.Match[str]) -> str:
    top, under = int(found["top"]), int(found["under"])
    name = {2: "half", 4: "quarter"}.get(under) or _ordinal(found["under"])
    return f"{_whole(top)} {name if top == 1 else 'halves' if under == 2 else name + 's'}"


def _year(found: re.Match[str]) -> str:
    """1998 as nineteen ninety-eight, 2026 as twenty twenty-six, 2005 as two thousand and five."""
    first, last = divmod(int(found[0]), 100)
    if last < 10:
        return (
            _whole(int(found[0]))
            if first == 20
            else f"{_whole(first)} {'hundred' if not last else 'oh ' + _whole(last)}"
        )
    return f"{_whole(first)} {_whole(last)}"


_UNLIKE = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
           "twelve": "twelfth"}  # fmt: skip


def _ordinal(written: str) -> str:
    """21 as twenty-first."""
    head, last = re.fullmatch(r"(.*?)([a-z]+)", _whole(int(written))).groups()  # type: ignore[union-attr]
    return head + (_UNLIKE.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"))


def _money(found: re.Match[str]) -> str:
    if found["sign"] is None:
        return f"{say_number(_tidy(found['yuan'] or found['said']))} yuan"
    coin, small = _COINS[found["sign"]]
    whole, _, cents = found["price"].replace(",", "").partition(".")
    if len(cents) > 2:
        return _counted(found["price"], coin)
    hundredths = int(cents.ljust(2, "0") or "0")
    few = f"{_whole(hundredths)} {small if hundredths == 1 else 'pence' if small == 'penny' else small + 's'}"
    if not int(whole):
        return few
    return _counted(whole, coin) + (f" {_whole(hundredths)}" if hundredths else "")


def _tidy(written: str) -> str:
    return written.rstrip("0").rstrip(".") if "." in written else written


def _counted(value: str, unit: str) -> str:
    first, _, rest = unit.partition(" ")
    plural = unit if value == "1" else f"{first}s {rest}".strip() if first == "degree" else f"{unit}s"
    return f"{say_number(value)} {plural}"


def _model(found: re.Match[str]) -> str:
    """A2-306 as A two three zero six, iPhone15 as iPhone fifteen."""
    runs = re.findall(r"\d+", found[0])
    alone = len(runs) == 1 and len(runs[0]) <= 2
    parts = re.findall(r"\d+|[A-Za-z]+", found[0])
    return " ".join(
        part if part.isalpha() else say_number(part) if alone else " ".join(_SMALL[int(digit)] for digit in part)
        for part in parts
    )


_DIGITS = re.compile(r"[\d%$€£¥￥]+")
_FEW = re.compile(r"\b(?:third|dozens?|hundreds|thousands|millions|half|twice|double|triple|free)\b", re.I)


def numerals_in(text: str) -> list[str]:
    """Whatever counts: digits, number words (not `one`, which stands for a thing as well), half, twice, free."""
    words = [found[0] for found in START.finditer(text) if found[0].lower() != "one"]
    return [found[0] for found in _DIGITS.finditer(text)] + words + [found[0] for found in _FEW.finditer(text)]


def banned(text: str) -> list[Banned]:
    """English words for what China's advertising law does not allow, in order, none within another."""
    found: list[Banned] = []
    taken: set[int] = set()
    for group, english, word, pattern, instead in _book().banned:
        for hit in pattern.finditer(text):
            place = set(range(*hit.span()))
            if not place & taken:
                taken |= place
                found.append(Banned(hit.start(), hit.end(), hit[0], group, english, english, instead or word))
    return sorted(found, key=lambda hit: hit.start)


def trace(text: str, sheet: Sequence[str]) -> list[Claim]:
    """The names of a text (capitals within a sentence, models, what is quoted), and the line that has each, or None."""
    found = []
    for match in _WORD.finditer(text):
        begins = _SENTENCE_START.search(text[: match.start()]) is not None
        is_name = match[0][0].isupper() and match[0] not in ("I", "OK") and not match[0].startswith(("I'", "I’"))
        inner = any(letter.isupper() for letter in match[0][1:])
        if inner or (is_name and not begins):
            line = next((place for place, one in enumerate(sheet, 1) if _has(one, match[0])), None)
            found.append(Claim(match.start(), match.end(), "name", match[0], line, "latin"))
    return found


def unsaid(text: str, sheet: Sequence[str], known: Sequence[tuple[int, int]] = ()) -> list[Unsaid]:
    """The words of a text that neither the sheet nor the list has, in order.  known: places that are traced already."""
    harmless = _book().harmless
    return [
        Unsaid(match.start(), match.end(), match[0])
        for match in _WORD.finditer(text)
        if not any(start <= match.start() and match.end() <= end for start, end in known)
        and not _stems(match[0]) & harmless
        and not any(_has(line, match[0]) for line in sheet)
    ]


def _has(line: str, word: str) -> bool:
    return any(_stems(one) & _stems(word) for one in _WORD.findall(line))


def _stems(word: str) -> set[str]:
    """A word and what it may be a form of: apples, apple; tasted, taste, tast; it's, it."""
    word = re.sub(r"['’](?:s|re|ll|ve|d|m)$", "", word.lower().replace("’", "'"))
    stems = {word}
    for ending, others in (("ies", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stems.add(word[: -len(ending)] + others)
    return stems


def _spelled(word: str) -> str:
    """The words with a blank or a hyphen between them."""
    return "[ -]".join(map(re.escape, word.split()))


@dataclass(frozen=True)
class _Book:
    harmless: frozenset[str]
    banned: tuple[tuple[str, str, str, re.Pattern[str], str], ...]


@cache
def _book() -> _Book:
    data = tomllib.loads(files("huozhong.verify").joinpath("goods_in_english.toml").read_text(encoding="utf-8"))
    rows = []
    for name, group in data["banned"].items():
        for line in group["words"].strip().splitlines():
            word, _, instead = line.partition(" = ")
            pattern = re.compile(rf"\b{_spelled(word)}\b", re.IGNORECASE)
            rows.append((name, group["why"], word, pattern, instead))
    rows.sort(key=lambda row: len(row[2]), reverse=True)
    return _Book(frozenset(word for words in data["harmless"].values() for word in words.split()), tuple(rows))
