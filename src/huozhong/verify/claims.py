"""What a text says of a thing, traced to the lines of a sheet: numbers, names, and claims of what it is and does.

`trace` finds each number (written or spoken, with its unit), each name (Latin words, models, places, brands, words in
quotation marks) and each claim (ingredients, certificates, effects, quality, service, endorsement, words that the
advertising law does not allow, and what is said to be contained, given, produced or certified), and the line that says
the same.  It is lexical: a claim holds where the sheet has the word, or one that claims.toml joins to it, with the same
sign (无蔗糖 is not 蔗糖).  What is worded so that no word of the lists is in it is not found.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from huozhong.verify.advertising import banned
from huozhong.verify.amounts import Amount, amounts
from huozhong.verify.spoken import UNITS

Kind = Literal["number", "name", "claim"]


@dataclass(frozen=True)
class Claim:
    """`text` at [start:end] of what was traced.  group: of a claim or name; line: of the sheet, from 1, or None."""

    start: int
    end: int
    kind: Kind
    text: str
    line: int | None
    group: str = ""


def trace(text: str, sheet: Sequence[str]) -> list[Claim]:
    """Every number, name and claim of a text, in order, with the line of the sheet that says the same."""
    found = {*_numbers(text, sheet), *_names(text, sheet), *_claims(text, sheet)}
    return sorted(found, key=lambda claim: (claim.start, claim.end, claim.kind, claim.group))


def untraced(text: str, sheet: Sequence[str]) -> list[Claim]:
    """What no line of the sheet says."""
    return [claim for claim in trace(text, sheet) if claim.line is None]


# -- numbers -----------------------------------------------------------------------------------------------


def _numbers(text: str, sheet: Sequence[str]) -> Iterator[Claim]:
    known = _amounts_of(tuple(sheet))
    for amount in amounts(text):
        yield Claim(amount.start, amount.end, "number", text[amount.start : amount.end], _line_of(amount, known))


@lru_cache(maxsize=16)  # a text is traced sentence by sentence
def _amounts_of(sheet: tuple[str, ...]) -> list[list[Amount]]:
    return [amounts(line) for line in sheet]


def _line_of(amount: Amount, known: Sequence[Sequence[Amount]]) -> int | None:
    """The line that has the same amount; one with the same unit before one where a unit is left out."""
    loose = None
    for number, line in enumerate(known, 1):
        for other in line:
            if amount.value == other.value and amount.unit == other.unit:
                return number
            loosely = not amount.unit or (amount.unit == "元" and not other.unit)
            if loose is None and loosely and amount.value == other.value:
                loose = number
    return loose


# -- names -------------------------------------------------------------------------------------------------

_LATIN = re.compile(r"(?<![A-Za-z])[A-Za-z][A-Za-z\d'’&.]*(?:-[A-Za-z\d]+)*[零一二三四五六七八九十]*(?![A-Za-z])")
_QUOTED = re.compile(r"[“「《『\"]([^”」》』\"\n]{1,20})[”」》』\"]")
_TRADEMARK = re.compile(r"([\u4e00-\u9fff]{2})牌(?!子|照|匾|楼|坊|九)")
_NO_TRADEMARK = re.compile(r"(?:[品大老名招金王门铭车路挂奖银铜吊]|[这那哪个张块什么]{1,2}|[的了])$")


def _names(text: str, sheet: Sequence[str]) -> Iterator[Claim]:
    book = _book()
    behind_numbers = {amount.end for amount in amounts(text)}
    for match in _LATIN.finditer(text):
        is_unit = match[0] in UNITS and match.start() in behind_numbers
        if match[0] not in book.not_names and not is_unit:
            yield _name(match.start(), match[0], "latin", sheet)
    for match in _QUOTED.finditer(text):
        yield _name(match.start(1), match[1], "quoted", sheet)
    for match in _TRADEMARK.finditer(text):
        if not _NO_TRADEMARK.search(match[1]):
            yield _name(match.start(), match[1], "brand", sheet)
    for group, terms in book.names:
        yield from _terms(text, sheet, group, terms, "name")


def _name(start: int, name: str, group: str, sheet: Sequence[str]) -> Claim:
    wanted = _bare(name)
    line = next((number for number, line in enumerate(sheet, 1) if wanted in _bare(line)), None)
    return Claim(start, start + len(name), "name", name, line, group)


_FIGURES = str.maketrans("零一二三四五六七八九", "0123456789")


def _bare(name: str) -> str:
    """A2-306, a2 306 and A二三零六 are one name."""
    name = re.sub(r"(?<=[A-Za-z])[零一二三四五六七八九]+", lambda run: run[0].translate(_FIGURES), name)
    return re.sub(r"[\s\-_./·]", "", name).lower()


# -- claims ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Terms:
    """Words of one group; others: what else says the same as each."""

    pattern: re.Pattern[str]
    others: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Book:
    claims: list[tuple[str, _Terms]]
    names: list[tuple[str, _Terms]]
    not_names: frozenset[str]
    negation: re.Pattern[str]
    patterns: list[tuple[str, re.Pattern[str]]]


def _claims(text: str, sheet: Sequence[str]) -> Iterator[Claim]:
    for group, terms in _book().claims:
        yield from _terms(text, sheet, group, terms, "claim")
    for hit in banned(text):
        line = next((number for number, line in enumerate(sheet, 1) if hit.word in line), None)
        yield Claim(hit.start, hit.end, "claim", hit.word, line, hit.group)
    yield from _said_to_be(text, sheet)
    for group, pattern in _book().patterns:
        for match in pattern.finditer(text):
            pairs = _pairs(match[0])
            line = next((number for number, line in enumerate(sheet, 1) if all(pair in line for pair in pairs)), None)
            yield Claim(match.start(), match.end(), "claim", match[0], line, group)


def _terms(text: str, sheet: Sequence[str], group: str, terms: _Terms, kind: Kind) -> Iterator[Claim]:
    for match in terms.pattern.finditer(text):
        negated = _negated(text, match.start())
        line = next(
            (number for number, line in enumerate(sheet, 1) if _says(line, terms.others[match[0]], negated)), None
        )
        yield Claim(match.start(), match.end(), kind, match[0], line, group)


def _says(line: str, words: Sequence[str], negated: bool) -> bool:
    places = (found.start() for word in words for found in re.finditer(re.escape(word), line))
    return any(_negated(line, place) == negated for place in places)


def _negated(text: str, place: int) -> bool:
    return _book().negation.search(text[max(0, place - 4) : place]) is not None


# What is contained, given, produced, certified: its object must stand in one line, pair of characters by pair.
_SAID = re.compile(
    r"(?:含有|富含|添加了?|加入了?|采用了?|选用了?|精选|来自|产自|源自|原产于?|出自|通过了?|获得过?|荣获|加送|再送|赠送|还送|送您|送你|送大家"
    r"|用的是|材质是|成分是|配料是|产地是|品牌是)"
    r"(?P<what>[\u4e00-\u9fffA-Za-z]{2,16})"
)
_FILLERS = re.compile(
    r"我们家?|咱们家?|自己|自家|当地|本地|大家|朋友们?|家人们?|上好|优质|新鲜|好的?|的|了|哦|呢|吧|啊|来|做|制成|打造|这[个款种]?|那[个款种]?"
    r"|[一两二三四五六七八九十\d]+[个份款盒袋包瓶张条只块把双套件支罐斤]|您|你|和|与|还有|以及|都|也|就|是|有|在|各种|原料|材料|食材"
)


def _said_to_be(text: str, sheet: Sequence[str]) -> Iterator[Claim]:
    for match in _SAID.finditer(text):
        pairs = _pairs(*(part for part in _FILLERS.split(match["what"]) if len(part) > 1))
        if pairs:
            line = next((number for number, line in enumerate(sheet, 1) if all(pair in line for pair in pairs)), None)
            yield Claim(match.start(), match.end(), "claim", match[0], line, "said")


def _pairs(*parts: str) -> set[str]:
    """The pairs of characters of each part; a part of one character is itself."""
    return {part[at : at + 2] for part in parts for at in range(max(1, len(part) - 1))}


@cache
def _book() -> _Book:
    data = tomllib.loads(files("huozhong.verify").joinpath("claims.toml").read_text(encoding="utf-8"))
    names, shapes, patterns = data.pop("names"), data.pop("shapes"), data.pop("patterns")
    negations = sorted(shapes["negations"].split(), key=len, reverse=True)
    return _Book(
        claims=[(group, _read(table["words"])) for group, table in data.items()],
        names=[("place", _read(names["places"])), ("brand", _read(names["brands"]))],
        not_names=frozenset(names["not_names"].split()),
        negation=re.compile(f"(?:{'|'.join(map(re.escape, negations))})(?:含|有|任何|添加)?$"),
        patterns=[(group, re.compile("|".join(lines.split()))) for group, lines in patterns.items()],
    )


def _read(words: str) -> _Terms:
    others: dict[str, tuple[str, ...]] = {}
    for group in words.split():
        same = tuple(group.split("="))
        others |= dict.fromkeys(same, same)
    pattern = "|".join(map(re.escape, sorted(others, key=len, reverse=True)))
    return _Terms(re.compile(pattern), others)
