"""Questions in the form of those that are taught, about what is not: the untouched model says what it thinks of them.

A small model that learns what one school's telephone number is says it of every school.  What two questions share is
taken for their form, where it asks something and what they do not share asks nothing; other names then stand in it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from huozhong.train.adapt.matters import things
from huozhong.train.adapt.wordings import asks, words_of

LONG = 40  # words of a question; what is longer has a text in it
COMPARED = 200  # questions, each with all others


def near_prompts(questions: Sequence[str], count: int, seed: int) -> list[str]:
    """At most `count` of them; none where no two questions have the same form."""
    rng = random.Random(f"near {seed}")
    some = list(dict.fromkeys(questions))
    rng.shuffle(some)
    forms = _forms([words for text in some[:COMPARED] if len(words := words_of(text)) <= LONG])
    if not forms:
        return []
    names = things(english=all(text.isascii() for text in some))
    made = (f"{before}{rng.choice(names)}{after}" for before, after in (rng.choice(forms) for _ in range(4 * count)))
    return [text for text in dict.fromkeys(made) if text not in questions][:count]


def _forms(questions: Sequence[list[str]]) -> list[tuple[str, str]]:
    """What stands before and after the names, of every pair that shares its form."""
    found: dict[tuple[str, str], None] = {}
    for at, one in enumerate(questions):
        for other in questions[at + 1 :]:
            before = _shared(one, other)
            most = min(len(one), len(other)) - before - 1
            after = min(most, _shared(one[::-1], other[::-1]))
            if after < 0 or 5 * (before + after) < 2 * len(one):
                continue
            middle, end = one[before : len(one) - after], one[len(one) - after :]
            if not asks(middle) and not asks(other[before : len(other) - after]) and asks([*one[:before], *end]):
                found.setdefault(("".join(one[:before]), "".join(_spaced(middle, end))))
    return list(found)


def _shared(one: list[str], other: list[str]) -> int:
    """How many of their first words are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _spaced(middle: list[str], end: list[str]) -> list[str]:
    """With the blank that stood behind the name."""
    return [" ", *end] if middle and middle[-1].endswith(" ") else end
