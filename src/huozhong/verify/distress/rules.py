"""The rules and the texts, read from data/*.toml: kinds, patterns, sources, what is said.

A rule belongs to a kind; a kind has a text for each language, a source on which kind and advice rest, a reviewer's
note, and a group, which has the texts for later turns.  What looks alike and is harmless (笑死我了) is blotted out
before any rule looks; `unless` names contexts (a film, a game, homework, a question about a word) in whose
sentence a rule does not hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from huozhong.verify.distress.normal import DATA, normal
from huozhong.verify.distress.patterns import Lexicon, Pattern, Shelf, WordIndex, compiled, words_of

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
NEARER = "nearer.toml"
RULE_FILES = ("self.toml", "people.toml", "danger.toml", "body.toml")
_SENTENCE_END = re.compile(r"[。!?\n]")


@dataclass(frozen=True)
class Group:
    """Kinds that are talked on about in the same way.

    again: when distress is said again; follow: when small talk comes after it; each by language, in turn.
    turns: for how many later turns of the user there is no joke.
    """

    name: str
    again: dict[Language, tuple[str, ...]]
    follow: dict[Language, tuple[str, ...]]
    turns: int


@dataclass(frozen=True)
class Kind:
    name: str
    group: Group
    reply: dict[Language, str]
    source: str
    note: str


@dataclass(frozen=True)
class Rule:
    """unless: contexts in whose sentence the rule does not hold; without: what must not stand in the whole message.

    language: of the answer, if fixed.  before: kinds whose rules give way to this one, which is nearer to the meaning.
    """

    id: str
    kind: Kind
    patterns: tuple[Pattern, ...] = field(repr=False)
    unless: tuple[str, ...] = ()
    language: Language | None = None
    without: tuple[Pattern, ...] = field(default=(), repr=False)
    before: tuple[str, ...] = ()


class Book:
    """All that the data files say."""

    def __init__(
        self,
        kinds: dict[str, Kind],
        rules: Sequence[Rule],
        harmless: Sequence[Pattern],
        contexts: dict[str, tuple[Pattern, ...]],
    ) -> None:
        self.kinds, self.rules = kinds, tuple(rules)
        self._contexts = contexts
        ruled = [(rule, pattern) for rule in rules for pattern in rule.patterns]
        self._owners = [rule for rule, _ in ruled]
        self._harmless, self._patterns = Shelf(harmless), Shelf([pattern for _, pattern in ruled])
        apart = (pattern for rule in rules for pattern in rule.without)
        every = [
            *harmless,
            *apart,
            *(pattern for _, pattern in ruled),
            *(p for group in contexts.values() for p in group),
        ]
        self._index = WordIndex(word for pattern in every for place in pattern.places for word in place)

    def find(self, message: str) -> Rule | None:
        """The rule that a message meets; what is most urgent comes first, unless a nearer one says what is meant."""
        text = normal(message)
        present = self._index.present(text)
        if not present:
            return None
        clear = text
        for _, pattern in self._harmless.possible(present):
            clear = pattern.masked(clear, present)
        if clear != text:
            present = self._index.present(clear)
        first: Rule | None = None
        for number, pattern in self._patterns.possible(present):
            rule = self._owners[number]
            if first is not None and first.kind.name not in rule.before:
                continue
            found = pattern.search(clear, present)
            if found is not None and not self._is_excused(rule, clear, found, present):
                if rule.before:
                    return rule
                first = rule
        return first

    def meets(self, context: str, message: str) -> bool:
        """Whether a context of harmless.toml fits the whole message."""
        text = normal(message)
        present = self._index.present(text)
        return any(pattern.search(text, present) for pattern in self._contexts[context])

    def _is_excused(self, rule: Rule, text: str, found: re.Match[str], present: set[str]) -> bool:
        if any(pattern.search(text, present) for pattern in rule.without):
            return True
        if not rule.unless:
            return False
        ends = [0, *(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
        start = max(end for end in ends if end <= found.start())
        stop = min((end for end in ends if end >= found.end()), default=len(text))
        sentence = text[start:stop]
        return any(
            pattern.search(text if name == "problem" else sentence, present)
            for name in rule.unless
            for pattern in self._contexts[name]
        )


@cache
def book() -> Book:
    """The rules, read once."""
    lexicon = Lexicon(_lists(_read("words.toml")["words"]))
    harmless = _read("harmless.toml")
    groups = {name: _group(name, entry) for name, entry in _read("groups.toml").items()}
    masks = tuple(compiled(source, lexicon) for source in harmless["look_alikes"])
    contexts = {name: tuple(compiled(s, lexicon) for s in sources) for name, sources in harmless["contexts"].items()}
    kinds: dict[str, Kind] = {}
    rules: list[Rule] = []
    for file in RULE_FILES:
        for name, entry in _read(file).items():
            kind = Kind(name, groups[entry["group"]], _by_language(entry["reply"]), entry["source"], entry["note"])
            kinds[name] = kind
            rules += _rules(kind, entry, lexicon)
    rules.sort(key=lambda rule: _URGENCY[rule.kind.group.name])
    return Book(kinds, [*rules, *_nearer(kinds, lexicon)], masks, contexts)


# A message may meet rules of several kinds: what kills fastest is answered first.
_URGENCY = {"life": 0, "body": 1, "danger": 2, "care": 3, "harm": 4, "medicine": 5}


def _rules(kind: Kind, entry: dict[str, Any], lexicon: Lexicon) -> Iterator[Rule]:
    for name, rule in entry["rules"].items():
        patterns = tuple(compiled(source, lexicon) for source in rule["patterns"])
        yield Rule(f"{kind.name}.{name}", kind, patterns, tuple(rule.get("unless", ())), rule.get("language"))


def _nearer(kinds: dict[str, Kind], lexicon: Lexicon) -> Iterator[Rule]:
    """The rules that stand before others, in the order of their file."""
    for kind, entries in _read(NEARER).items():
        for name, entry in entries.items():
            patterns, without = (
                tuple(compiled(source, lexicon) for source in entry.get(key, ())) for key in ("patterns", "without")
            )
            yield Rule(
                f"{kind}.{name}",
                kinds[kind],
                patterns,
                tuple(entry.get("unless", ())),
                None,
                without,
                tuple(entry["before"]),
            )


def _lists(raw: dict[str, str]) -> dict[str, list[str]]:
    """Lists of words, written as one string each with `|` or spaces; a list may use those above it."""
    lists: dict[str, list[str]] = {}
    for name, text in raw.items():
        lists[name] = [w.replace(" ", "_") for w in words_of("|".join(text.split()), lists)]
    return lists


def _group(name: str, entry: dict[str, Any]) -> Group:
    again, follow = entry["again"], entry["follow"]
    return Group(
        name,
        {language: tuple(again[language]) for language in LANGUAGES},
        {language: tuple(follow[language]) for language in LANGUAGES},
        entry["turns"],
    )


def _by_language(texts: dict[str, str]) -> dict[Language, str]:
    return {language: texts[language].strip() for language in LANGUAGES}


def _read(name: str) -> dict[str, Any]:
    with (DATA / name).open("rb") as file:
        return tomllib.load(file)
