"""A sentence with its facts taken out, ⟦1⟧ … ⟦4⟧ in their places, and put in again in the viewer's form.

More than four in a sentence are too many for a small model to keep apart: such a sentence is cut at a comma behind the
third, and where there is none, before the fifth.
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
        if text[at - 1] in _COMMA and (held >= MOST - 1 or at - begun >= LONG) and at < len(text):
            cuts.append(at)
            begun, held = at, 0
    return cuts


def intact(answer: str, count: int) -> bool:
    """Whether each of ⟦1⟧ … ⟦count⟧ is in it exactly once, and no other."""
    rest = SLOT.sub("", answer)
    found = sorted(int(match[1]) for match in SLOT.finditer(answer))
    return found == list(range(1, count + 1)) and "⟦" not in rest and "⟧" not in rest


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


def pattern(slots: Sequence[int], *, before: str = "") -> str:
    """A regular expression of texts that begin with `before` and then hold each of these slots exactly once."""
    return _escaped(before) + _orders(tuple(slots))


def _escaped(text: str) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()/-])", r"\\\1", text)


def _orders(slots: tuple[int, ...]) -> str:
    free = r"[^⟦⟧\n]{0,200}"
    if not slots:
        return free
    rest = [f"⟦{one}⟧{_orders(tuple(other for other in slots if other != one))}" for one in slots]
    return f"{free}(?:{'|'.join(rest)})"
