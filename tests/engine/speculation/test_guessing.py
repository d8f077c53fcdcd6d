"""The look-up finds the longest agreement, in constant time."""

from __future__ import annotations

import random
import time

import pytest

from huozhong.engine.speculation.guessing import NgramIndex, Proposal


def slow_proposal(tokens: list[int], k: int) -> list[int] | None:
    """The longest earlier occurrence of the end (up to 12 tokens), the newest of equals, by trying all."""
    best, longest = None, 1
    for at in range(len(tokens) - 2, 0, -1):
        length = 0
        while length < 12 and length <= at and tokens[at - length] == tokens[len(tokens) - 1 - length]:
            length += 1
        if length > longest:
            best, longest = at, length
    if best is None:
        return None
    text = list(tokens)
    for _ in range(k):
        text.append(text[best + 1 + len(text) - len(tokens)])
    return text[len(tokens) :]


@pytest.mark.parametrize("seed", range(30))
def test_look_up_is_the_slow_search(seed: int) -> None:
    dice = random.Random(seed)
    tokens: list[int] = []
    index = NgramIndex()
    for _ in range(60):
        more = [dice.randrange(12) for _ in range(dice.randrange(1, 4))]
        if len(tokens) > 8 and dice.random() < 0.4:
            start = dice.randrange(len(tokens) - 4)
            more = tokens[start : start + dice.randrange(2, 9)]
        tokens += more
        index.extend(more)
        found = index.propose(5)
        # Only the last eight occurrences of a pair are looked at; with few tokens here, that is rarely short.
        expected = slow_proposal(tokens, 5)
        pairs = sum(tokens[i : i + 2] == tokens[-2:] for i in range(len(tokens) - 1))
        if pairs <= 9:
            assert (found.tokens if found else None) == expected


def test_work_per_token_does_not_grow() -> None:
    """A text of nothing but one pair is the worst case for the look-up."""
    index = NgramIndex()
    index.extend([7] * 50_000)
    began = time.process_time()
    for _ in range(1000):
        index.extend([7])
        assert index.propose(8) == Proposal([7] * 8, [12] * 8)
    assert time.process_time() - began < 0.5
