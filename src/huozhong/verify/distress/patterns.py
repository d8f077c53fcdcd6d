"""The little language in which the rules are written: what must follow what, in one sentence.

    {me} 想|要 !不|没 {die}        one of these words, after it one of those, at most a few characters apart

    A B         B follows A in the same clause, up to `NEAR` characters later
    A .. B      B follows A in the same sentence, up to `FAR` characters later
    A ... B     B follows A anywhere, up to `ANY` characters later
    A +B        B follows A at once
    A !N B      as A B, but N does not stand between them; at the beginning: not shortly before, at the end: not after
    ^ A B $     nothing but signs before A, nothing but signs after B
    #           a digit
    x|y         one of these; {name} is a list of words; `_` is a space; `kill*` any ending of a Latin word

A pattern is a regular expression with bounded gaps, so its time is linear in the text.  It is tried only on a
text that holds a word of each of its places, which is looked up first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

NEAR, FAR = 5, 24  # Han characters; Latin words are longer
NEAR_LATIN, FAR_LATIN = 24, 60
ANY = 300
_START = 4
_GAPS = {"..": "far", "...": "any"}
_DIGITS = "0123456789"
_REFERENCE = re.compile(r"\{(\w+)\}")
_LATIN = re.compile(r"(?=.*[a-z0-9])[a-z0-9 *_'-]+")


class Lexicon:
    """The lists of words that patterns name.  What thousands of patterns say again and again is kept once."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self.lists = lists
        self._places: dict[str, frozenset[str]] = {}
        self._words: dict[str, str] = {}

    def place(self, token: str) -> frozenset[str]:
        """The words of which a text must hold one where `token` stands; `ValueError` as `words_of`."""
        if (known := self._places.get(token)) is None:
            stems = (word[:-1] if _is_stem(word) else word for word in words_of(token, self.lists))
            known = self._places[token] = frozenset(self._words.setdefault(stem, stem) for stem in stems)
        return known


@dataclass(frozen=True)
class Pattern:
    """A pattern that was read.  places: for each place the words of which the text must hold one."""

    places: tuple[frozenset[str], ...] = field(repr=False)
    source: str
    lexicon: Lexicon = field(repr=False, compare=False)

    @property
    def expression(self) -> str:
        """As a regular expression, written anew each time: all together are five megabytes."""
        return _expression(self.source, self.lexicon.lists)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Compiled when it is first tried: most never are, and all together take half a second."""
        return re.compile(self.expression)

    def search(self, text: str, present: set[str]) -> re.Match[str] | None:
        """The first match in a text that holds the words `present`."""
        return None if any(place.isdisjoint(present) for place in self.places) else self.regex.search(text)

    def masked(self, text: str, present: set[str]) -> str:
        """The text with every match blotted out."""
        return text if any(place.isdisjoint(present) for place in self.places) else self.regex.sub("□", text)

    @property
    def key(self) -> frozenset[str]:
        """The place whose words are the rarest, as far as their lengths and number tell."""
        return max(self.places, key=lambda place: (min(map(len, place)), -len(place)))


class WordIndex:
    """Which of many words a text holds, without looking for each of them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}  # of at most `_START` characters
        for word in sorted(set(words)):
            self._by_start.setdefault(word[:_START], []).append(word)

    def present(self, text: str) -> set[str]:
        starts = {text[i : i + size] for size in range(1, _START + 1) for i in range(len(text))}
        return {word for start in starts & self._by_start.keys() for word in self._by_start[start] if word in text}


class Shelf:
    """Patterns in their order, taken out by the words of a text."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._by_word: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for word in pattern.key:
                self._by_word.setdefault(word, []).append(number)

    def possible(self, present: set[str]) -> list[tuple[int, Pattern]]:
        """The patterns (and their numbers) that may match a text that holds the words `present`."""
        numbers = {number for word in present & self._by_word.keys() for number in self._by_word[word]}
        return [(number, self._patterns[number]) for number in sorted(numbers)]


def compiled(source: str, lexicon: Lexicon) -> Pattern:
    """The pattern that is written in `source`; `ValueError` says what is wrong with it."""
    places: list[frozenset[str]] = []
    for token in source.split():
        if token in ("^", "$", *_GAPS):
            continue
        place = lexicon.place(token.removeprefix("!").removeprefix("+"))
        if not token.startswith("!"):
            places.append(place)
    if not places:
        raise ValueError(f"the pattern {source!r} has no words")
    return Pattern(tuple(places), source, lexicon)


def _expression(source: str, lists: Mapping[str, Sequence[str]]) -> str:
    parts: list[str] = []
    avoid: str | None = None
    gap, latin, is_first = "", False, True
    for token in source.split():
        if token == "^":
            parts.append(r"\A\W{0,9}")
        elif token == "$":
            parts.append(r"(?=\W{0,9}\Z)")
        elif token in _GAPS:
            gap = _GAPS[token]
        elif token.startswith("!"):
            avoid = _alternatives(words_of(token[1:], lists))
        else:
            gap, token = ("none", token[1:]) if token.startswith("+") else (gap, token)
            words = words_of(token, lists)
            now_latin = all(word.isascii() for word in words)
            if not is_first:
                parts.append(_between(gap or "near", avoid, latin and now_latin))
            elif avoid:
                # Look-behind wants a fixed width: so many steps back, each on its own.
                parts.extend(
                    rf"(?<!{_fixed(word)}{'[^,。!?]' * steps})" for word in _listed(avoid) for steps in range(3)
                )
            parts.append(f"(?:{_alternatives(words)})")
            gap, avoid, latin, is_first = "", None, now_latin, False
    if avoid:
        parts.append(rf"(?!.{{0,2}}?(?:{avoid}))")
    return "".join(parts)


def words_of(token: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """The words that `x|{list}y` stands for, longest first."""
    words: set[str] = set()
    for choice in token.split("|"):
        if choice == "#":
            words.update(_DIGITS)
            continue
        pieces = _REFERENCE.split(choice)  # text, name, text, name, text
        unknown = [name for name in pieces[1::2] if name not in lists]
        if unknown:
            raise ValueError(f"there is no list of words named {unknown[0]!r}")
        options = [lists[p] if i % 2 else [p] for i, p in enumerate(pieces)]
        for combination in itertools.product(*options):
            words.add("".join(combination).replace("_", " "))
    if "" in words:
        raise ValueError(f"{token!r} stands for an empty word")
    return sorted(words, key=lambda word: (-len(word), word))


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(_one(word) for word in words)


def _one(word: str) -> str:
    """A word as a regular expression: Latin ones are whole words."""
    if not _LATIN.fullmatch(word) or word in _DIGITS:
        return re.escape(word)
    if _is_stem(word):
        return rf"(?<![a-z0-9]){re.escape(word[:-1])}[a-z]*"
    return rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])"


def _is_stem(word: str) -> bool:
    return word.endswith("*") and len(word) > 1


def _listed(alternatives: str) -> list[str]:
    return alternatives.split("|")


def _fixed(word: str) -> str:
    """Without the borders of Latin words, which look-behind would not mind but does not need."""
    return word.replace("(?<![a-z0-9])", "").replace("(?![a-z0-9])", "").removesuffix("[a-z]*")


def _between(gap: str, avoid: str | None, latin: bool) -> str:
    if gap == "none":
        return " ?" if latin else ""
    if gap == "any":
        return rf"[\s\S]{{0,{ANY}}}?"
    near, far = (NEAR_LATIN, FAR_LATIN) if latin else (NEAR, FAR)
    letter, most = (r"[^,。.!?;\n]", near) if gap == "near" else (r"[^。!?\n]", far)
    one = f"(?:(?!{avoid}){letter})" if avoid else letter
    return f"{one}{{0,{most}}}?"
