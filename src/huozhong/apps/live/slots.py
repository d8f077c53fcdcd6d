"""A sentence with its facts taken out, ⟦1⟧ … ⟦4⟧ in their places, and put in again in the viewer's form.

A clause with a fact is translated by itself, so that no price can come to stand beside the goods of another clause;
and more than four facts in one are too many for a small model to keep apart, so it is cut before the fifth.  Facts of
one kind keep the order of the source: which of two prices is the old one is not for a model to mix up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from huozhong.apps.live.facts import Fact
from huozhong.apps.live.forms import form
from huozhong.apps.live.grammar import locks

MOST = 4  # slots in a part
SLOT = re.compile(r"⟦(\d)⟧")
LONG = 40  # characters, after which a comma ends a part
_COMMA = "，,；;"


@dataclass(frozen=True)
class Part:
    """text: with ⟦1⟧ … where `facts` were, in that order; start, end: where it stands in the source."""

    text: str
    facts: tuple[Fact, ...]
    start: int
    end: int

    @property
    def kinds(self) -> dict[int, str]:
        """Slot -> what kind of fact it is."""
        return {number: type(fact).__name__ for number, fact in enumerate(self.facts, 1)}


def parts(source: str, names: Mapping[str, Fact]) -> list[Part]:
    """A sentence as parts of at most MOST facts each, in order; together they are the whole of it."""
    clean = source.replace("⟦", "[").replace("⟧", "]")
    found = locks(clean, names)
    cuts = [0, *_cuts(clean, [(lock.start, lock.end) for lock in found]), len(clean)]
    made = []
    for start, end in pairwise(cuts):
        text, facts, last = "", [], start
        for lock in found:
            if start <= lock.start < end:
                facts.append(lock.fact)
                text += clean[last : lock.start] + f"⟦{len(facts)}⟧"
                last = lock.end
        made.append(Part(text + clean[last:end], tuple(facts), start, end))
    return made


def _cuts(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Where to cut.  Only what stands before a place decides, so a growing sentence keeps its cuts."""
    cuts: list[int] = []
    begun, held, number, at = 0, 0, 0, 0
    while at < len(text):
        if number < len(spans) and at == spans[number][0]:
            if held == MOST:
                cuts.append(at)
                begun, held = at, 0
            held, at, number = held + 1, spans[number][1], number + 1
            continue
        at += 1
        if text[at - 1] in _COMMA and (held or at - begun >= LONG) and at < len(text):
            cuts.append(at)
            begun, held = at, 0
    return cuts


def intact(answer: str, kinds: Mapping[int, str]) -> bool:
    """Whether each slot is in it exactly once and no other, those of one kind in their order."""
    rest = SLOT.sub("", answer)
    found = [int(match[1]) for match in SLOT.finditer(answer)]
    if sorted(found) != sorted(kinds) or "⟦" in rest or "⟧" in rest:
        return False
    return all(a < b or kinds[a] != kinds[b] for at, a in enumerate(found) for b in found[at + 1 :])


def filled(answer: str, facts: Sequence[Fact], language: str) -> str:
    """The answer with its facts in the viewer's form; neither a doubled currency nor a doubled unit beside them."""
    return SLOT.sub(lambda match: form(facts[int(match[1]) - 1], language), _spaced(answer, language))


def _spaced(answer: str, language: str) -> str:
    """A blank between a slot and the word beside it, where words have blanks."""
    if language == "ja":
        return answer
    answer = re.sub(r"(?<=[\w,.;:!?])(?=⟦)", " ", answer)
    return (
        re.sub(r"(?<=⟧)(?=\w)(?![가-힣])|(?<=⟧)(?=⟦)", " ", answer)
        if language == "ko"
        else re.sub(r"(?<=⟧)(?=[\w⟦])", " ", answer)
    )


def pattern(kinds: Mapping[int, str], *, before: str = "") -> str:
    """A regular expression of texts that begin with `before` and are then `intact` for these slots."""
    return _escaped(before) + _orders(tuple(sorted(kinds.items())))


def _escaped(text: str) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()/-])", r"\\\1", text)


def _orders(slots: tuple[tuple[int, str], ...]) -> str:
    free = r"[^⟦⟧\n]{0,200}"
    if not slots:
        return free
    first = {kind: slot for slot, kind in reversed(slots)}  # of each kind the one that comes first
    rest = [f"⟦{one}⟧{_orders(tuple(s for s in slots if s[0] != one))}" for one in sorted(first.values())]
    return f"{free}(?:{'|'.join(rest)})"
