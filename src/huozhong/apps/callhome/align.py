"""Every span of what was heard, beside every word that may have been said: one table of costs.

Costs: a syllable that sounds the same 0, one with nothing in common 1; one too many or one missing `GAP`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.callhome.sounds import Token, unlikeness

GAP = 0.75
Costs = NDArray[np.float32]


class Words:
    """Words to be compared with what was heard, made ready once.

    words: their syllables.  base: what each costs before anything is compared.  groups: of each word its group,
    ascending from 0.
    """

    def __init__(self, words: Sequence[Sequence[Token]], base: Sequence[float], groups: Sequence[int]) -> None:
        numbers: dict[Token, int] = {}
        self.longest = max(len(word) for word in words)
        self.spelled = np.zeros((len(words), self.longest), np.int64)
        for i, word in enumerate(words):
            for k, one in enumerate(word):
                self.spelled[i, k] = numbers.setdefault(one, len(numbers))
        self.tokens = tuple(numbers)
        self.lengths = np.array([len(word) for word in words])
        self.base = np.asarray(base, np.float32)
        self.first = np.flatnonzero(np.diff(np.array(groups), prepend=-1))
        self.count = max(groups) + 1


def spans(heard: str, words: Words) -> Costs:
    """[groups, n + 1, n + 1] float32: the least that any word of a group costs on heard[i:j]; inf where j <= i."""
    n, longest = len(heard), words.longest
    unlike = np.concatenate([unlikeness(words.tokens, heard), np.ones((len(words.tokens), longest + 1), np.float32)], 1)
    out = np.full((words.count, n + 1, n + 1), np.inf, np.float32)
    # row[i, w, k]: the first k syllables of word w on heard[i : i + step]
    shape = (n, len(words.lengths), longest + 1)
    row = np.broadcast_to(np.arange(longest + 1, dtype=np.float32) * np.float32(GAP), shape).copy()
    starts = np.arange(n)
    for step in range(longest + 1):
        new = np.empty_like(row)
        new[:, :, 0] = (step + 1) * GAP
        there = unlike[:, starts + step].T  # [n, tokens]
        for k in range(1, longest + 1):
            same = row[:, :, k - 1] + there[:, words.spelled[:, k - 1]]
            new[:, :, k] = np.minimum(np.minimum(same, row[:, :, k] + GAP), new[:, :, k - 1] + GAP)
        row = new
        whole = np.take_along_axis(row, words.lengths[None, :, None], axis=2)[:, :, 0] + words.base
        least = np.minimum.reduceat(whole, words.first, axis=1)  # [n, groups]
        ends = starts + step + 1
        inside = ends <= n
        out[:, starts[inside], ends[inside]] = least[inside].T
    return out


def after(before: Costs, step: Costs) -> Costs:
    """[n + 1] -> [n + 1]: the least cost to stand at each place when one more span was read."""
    return np.asarray((before[:, None] + step).min(axis=0))


def until(behind: Costs, step: Costs) -> Costs:
    """The same from the end: the least cost of all that follows, with one more span before it."""
    return np.asarray((step + behind[None, :]).min(axis=1))


def joined(first: Costs, second: Costs) -> Costs:
    """[n + 1, n + 1]: one span after another, as one; of several tables, where there are such before these axes."""
    out = np.full(np.broadcast_shapes(first.shape, second.shape), np.inf, np.float32)
    for middle in range(first.shape[-1]):
        np.minimum(out, first[..., middle, None] + second[..., middle, None, :], out=out)
    return out


def repeated(step: Costs) -> Costs:
    """[n + 1, n + 1]: any number of spans, one after another, none included."""
    n = step.shape[0]
    out = np.full_like(step, np.inf)
    np.fill_diagonal(out, 0.0)
    for end in range(1, n):
        np.minimum(out[:, end], (out[:, :end] + step[None, :end, end]).min(axis=1), out=out[:, end])
    return out
