"""What a sentence says that no line of a sheet says: every word that is neither the sheet's nor harmless.

`claims.py` finds what it has been taught to find.  This goes the other way, which is the safe one: a sentence is talk
only if all its words are on a list with which nobody claims anything of goods (harmless.toml), and a statement is
supported only as far as its words, pair of characters by pair, stand in the sheet.  Whatever is left over may be a
claim, known to us or not; a person should look at it before it is said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_RUN = re.compile(r"[\u4e00-\u9fffA-Za-z]+")


@dataclass(frozen=True)
class Unsaid:
    """`text` at [start:end]: words that neither the sheet nor the list has."""

    start: int
    end: int
    text: str


def unsaid(text: str, sheet: Sequence[str], known: Sequence[tuple[int, int]] = ()) -> list[Unsaid]:
    """The words of a text that nothing supports, in order.

    known: places that are traced already, such as numbers and claims with their line.
    """
    covered = [False] * len(text)
    for start, end in known:
        covered[start:end] = [True] * (end - start)
    for run in _RUN.finditer(text):
        _cover_from_sheet(text, run.span(), sheet, covered)
        _cover_with_words(text, run.span(), covered)
    found: list[Unsaid] = []
    for place, character in enumerate(text):
        if covered[place] or not _RUN.match(character):
            continue
        if found and found[-1].end == place:
            found[-1] = Unsaid(found[-1].start, place + 1, found[-1].text + character)
        else:
            found.append(Unsaid(place, place + 1, character))
    return found


def _cover_from_sheet(text: str, span: tuple[int, int], sheet: Sequence[str], covered: list[bool]) -> None:
    """Pairs of characters that stand in a line of the sheet: its own words, also in another order."""
    for place in range(span[0], span[1] - 1):
        if any(text[place : place + 2] in line for line in sheet):
            covered[place] = covered[place + 1] = True


def _cover_with_words(text: str, span: tuple[int, int], covered: list[bool]) -> None:
    """Harmless words over what is left, such that as little as possible stays uncovered."""
    words, single, longest = _lists()
    start, end = span
    best = [0] * (end - start + 1)  # uncovered characters up to each place
    via = [0] * (end - start + 1)  # the length of the word that ends there; 0: none
    for at in range(1, end - start + 1):
        place = start + at
        character = text[place - 1]
        best[at], via[at] = best[at - 1] + (not covered[place - 1] and character not in single), 0
        for length in range(2, min(longest, at) + 1):
            if text[place - length : place] in words and best[at - length] < best[at]:
                best[at], via[at] = best[at - length], length
    at = end - start
    while at:
        length = via[at]
        if length:
            covered[start + at - length : start + at] = [True] * length
        elif text[start + at - 1] in single:
            covered[start + at - 1] = True
        at -= length or 1


@cache
def _lists() -> tuple[frozenset[str], frozenset[str], int]:
    data = tomllib.loads(files("huozhong.verify").joinpath("harmless.toml").read_text(encoding="utf-8"))
    words = frozenset(word for group in data["words"].values() for word in group.split())
    return words, frozenset(data["single"]) - {"\n", " "}, max(map(len, words))
