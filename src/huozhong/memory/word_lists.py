"""The numbers of a Word document's paragraphs, which Word counts itself and writes nowhere: 第三条, (2), 1.4.

Counting is the list's, not the paragraph's: paragraphs of one list that stand apart go on counting, and a level begins
anew where a higher one came between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from huozhong.memory.word_xml import below, children, local, value

_DIGITS = "〇一二三四五六七八九"
_LEGAL = "零壹贰叁肆伍陆柒捌玖"
_STEMS, _BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_COUNTING = frozenset((
    "chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting", "taiwaneseCountingThousand",
    "koreanCounting",
))  # fmt: skip
_LEGALS = frozenset(("chineseLegalSimplified", "japaneseLegal", "ideographLegalTraditional"))
_FROM_ONE = {  # the first of a row of twenty characters
    "decimalEnclosedCircle": "①",
    "decimalEnclosedCircleChinese": "①",
    "decimalEnclosedParen": "⑴",
    "decimalEnclosedFullstop": "⒈",
}
_ASKED = re.compile(r"%([1-9])")


@dataclass
class _Level:
    start: int = 1
    form: str = "decimal"
    text: str = ""
    restart: int | None = None  # only after a paragraph of this level (from 1) or a higher one; 0: never
    gap: str = " "
    legal: bool = False  # all its numbers in figures
    style: str = ""


@dataclass
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    link: str = ""  # a style whose list this one is
    counts: dict[int, int] = field(default_factory=dict)


class Lists:
    """The lists of one document, counting as its paragraphs are read one after the other."""

    def __init__(self, numbering: ElementTree.Element | None, styles: ElementTree.Element | None) -> None:
        self._styles = {value(style, "styleId"): style for style in children(styles, "style")}
        abstract = {value(one, "abstractNumId"): _list(one) for one in children(numbering, "abstractNum")}
        self._nums: dict[str, tuple[_List, dict[int, _Level]]] = {}  # with the levels that it has as its own
        self._fresh: dict[tuple[str, int], int] = {}  # (list, level) -> where its first paragraph starts counting
        for num in children(numbering, "num"):
            found = abstract.get(value(below(num, "abstractNumId")))
            if found is not None:
                id = value(num, "numId")
                self._nums[id] = (found, dict(self._own_levels(id, num)))
        for id, (found, own) in self._nums.items():
            if found.link and not found.levels and (linked := self._linked(found.link)) is not None:
                self._nums[id] = (linked, own)

    def _own_levels(self, id: str, num: ElementTree.Element) -> Iterator[tuple[int, _Level]]:
        for override in children(num, "lvlOverride"):
            at = _number(value(override, "ilvl"), 0)
            start = below(override, "startOverride")
            if start is not None:
                self._fresh[id, at] = _number(value(start), 1)
            level = below(override, "lvl")
            if level is not None:
                yield at, _level(level)

    def _linked(self, style: str) -> _List | None:
        found = self._styles.get(style)
        id = value(below(found, "pPr", "numPr", "numId")) if found is not None else ""
        return self._nums[id][0] if id in self._nums else None

    def mark(self, paragraph: ElementTree.Element) -> str:
        """What stands before a paragraph's text, with the space behind it; "" for one that is in no list."""
        id, at = self._place(paragraph)
        if id not in self._nums or below(paragraph, "pPr", "rPr", "del") is not None:
            return ""
        found, own = self._nums[id]
        levels = found.levels | own
        level = levels.get(at)
        if level is None:
            return ""
        counts = found.counts
        fresh = self._fresh.pop((id, at), None)
        counts[at] = fresh if fresh is not None else counts[at] + 1 if at in counts else level.start
        for lower in [one for one in counts if one > at]:
            restart = levels[lower].restart if lower in levels else None
            if restart is None or at < restart:
                del counts[lower]
        if level.form == "bullet":
            return "- "

        def number(asked: re.Match[str]) -> str:
            of = int(asked[1]) - 1
            one = levels.get(of, level)
            form = "decimal" if level.legal and of != at else one.form
            return _written(counts.get(of, one.start), form)

        text = _ASKED.sub(number, level.text).strip()
        return text + level.gap if text else ""

    def _place(self, paragraph: ElementTree.Element) -> tuple[str, int]:
        """The list and the level of a paragraph: its own word, or its style's, or that of the style below."""
        own = below(paragraph, "pPr", "numPr")
        id, at = value(below(own, "numId")), value(below(own, "ilvl"))
        style, seen = value(below(paragraph, "pPr", "pStyle")), set[str]()
        while not id and style in self._styles and style not in seen:
            seen.add(style)
            told = below(self._styles[style], "pPr", "numPr")
            id = value(below(told, "numId"))
            at = at or value(below(told, "ilvl"))
            if id in self._nums and not at:
                levels = self._nums[id][0].levels
                at = next((str(place) for place, level in levels.items() if level.style == style), "")
            style = value(below(self._styles[style], "basedOn"))
        return id, _number(at, 0)


def _list(element: ElementTree.Element) -> _List:
    levels = {_number(value(one, "ilvl"), 0): _level(one) for one in children(element, "lvl")}
    return _List(levels, value(below(element, "numStyleLink")))


def _level(element: ElementTree.Element) -> _Level:
    # A form that older programs do not know stands beside one that they do.
    forms = [value(one) for one in element.iter() if local(one) == "numFmt"]
    restart = below(element, "lvlRestart")
    return _Level(
        start=_number(value(below(element, "start")), 1),
        form=next((form for form in forms if form != "custom"), "decimal"),
        text=value(below(element, "lvlText")),
        restart=None if restart is None else _number(value(restart), 0),
        gap="" if value(below(element, "suff")) == "nothing" else " ",
        legal=(legal := below(element, "isLgl")) is not None and value(legal) not in ("0", "false", "off"),
        style=value(below(element, "pStyle")),
    )


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else otherwise


def _written(number: int, form: str) -> str:
    """A number as Word writes it in that form; in figures where the form is not known here."""
    if form == "none":
        return ""
    if form in _COUNTING:
        return chinese(number)
    if form in _LEGALS:
        return chinese(number, _LEGAL, "拾佰仟")
    if form in ("ideographDigital", "chineseDigital", "japaneseDigitalTenThousand", "taiwaneseDigital"):
        return "".join(_DIGITS[int(figure)] for figure in str(number))
    if form in ("upperRoman", "lowerRoman"):
        return roman(number) if form == "lowerRoman" else roman(number).upper()
    if form in ("upperLetter", "lowerLetter") and number:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if form == "lowerLetter" else letter.upper()
    if form in _FROM_ONE and 1 <= number <= 20:
        return chr(ord(_FROM_ONE[form]) + number - 1)
    rows = {"ideographTraditional": _STEMS, "ideographZodiac": _BRANCHES}
    if form in rows and 1 <= number <= len(rows[form]):
        return rows[form][number - 1]
    if form == "decimalFullWidth":
        return "".join(chr(ord("０") + int(figure)) for figure in str(number))
    return f"{number:02}" if form == "decimalZero" else str(number)


def chinese(number: int, digits: str = _DIGITS, units: str = "十百千") -> str:
    """A number below ten thousand in Chinese, as it is counted: 十二, 一百零三."""
    if number >= 10_000:
        return str(number)
    if not number:
        return digits[0]
    zero = "零"
    out, gap = "", False
    for place in range(3, -1, -1):
        figure = number // 10**place % 10
        if not figure:
            gap = bool(out)
            continue
        out += (zero if gap else "") + digits[figure] + (units[place - 1] if place else "")
        gap = False
    # Twelve is 十二; in the forms of contracts it is 壹拾贰.
    return out[1:] if units == "十百千" and 10 <= number < 20 else out


def roman(number: int) -> str:
    """A number in small Roman letters."""
    out = ""
    for size, letters in _ROMAN:
        out += letters * (number // size)
        number %= size
    return out
