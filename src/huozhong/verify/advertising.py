"""Words that China's advertising law does not allow: where they stand, why, and what could stand there instead.

The words are data, advertising.toml.  A hit means that a person should look at it, not that a court would agree: the
law looks at the whole, and some words are allowed with proof.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from huozhong.verify.distress.normal import simplified
from huozhong.verify.numbers import tidy


@dataclass(frozen=True)
class Banned:
    """A word at `text[start:end]`.  why: the article, in Chinese; english: the same; suggestion: what instead."""

    start: int
    end: int
    word: str
    group: str
    why: str
    english: str
    suggestion: str


@dataclass(frozen=True)
class _Word:
    pattern: re.Pattern[str]
    length: int
    group: str
    suggestion: str


@dataclass(frozen=True)
class _Group:
    why: str
    english: str
    unless: re.Pattern[str] | None


def banned(text: str) -> list[Banned]:
    """The words of a text that the law does not allow, in order, none within another; the longest word wins."""
    groups, words = _book()
    written, text = text, tidy(text).translate(simplified())  # a character for a character
    harmless = {name: _harmless(group, text) for name, group in groups.items()}
    found: list[Banned] = []
    taken: set[int] = set()
    for word in words:  # longest first
        for match in word.pattern.finditer(text):
            place = set(range(*match.span()))
            if place & taken or any(place <= look_alike for look_alike in harmless[word.group]):
                continue
            taken |= place
            group = groups[word.group]
            found.append(
                Banned(
                    match.start(),
                    match.end(),
                    written[match.start() : match.end()],
                    word.group,
                    group.why,
                    group.english,
                    word.suggestion,
                )
            )
    return sorted(found, key=lambda hit: hit.start)


def count() -> int:
    """How many words and patterns there are."""
    return len(_book()[1])


def _harmless(group: _Group, text: str) -> list[set[int]]:
    return [set(range(*match.span())) for match in group.unless.finditer(text)] if group.unless else []


@cache
def _book() -> tuple[dict[str, _Group], list[_Word]]:
    data = tomllib.loads(files("huozhong.verify").joinpath("advertising.toml").read_text(encoding="utf-8"))
    groups, words = {}, []
    for name, group in data.items():
        unless = "|".join(map(_pattern, sorted(group["unless"].split(), key=len, reverse=True)))
        groups[name] = _Group(group["why"], group["english"], re.compile(unless) if unless else None)
        for line in group["words"].strip().splitlines():
            word, _, suggestion = line.rpartition(" = ")
            words.append(_Word(re.compile(_pattern(word)), len(word), name, suggestion))
    return groups, sorted(words, key=lambda word: word.length, reverse=True)


def _pattern(word: str) -> str:
    """A word of the book; behind a slash stands a regular expression."""
    return word[1:] if word[0] == "/" else _spelled(word)


def _spelled(word: str) -> str:
    """A word also where somebody put blanks or dots between its characters so that it would not be found."""
    return r"[\s·.\-_*]?".join(map(re.escape, word))
