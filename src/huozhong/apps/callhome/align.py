"""Every span of what was heard, beside every word that may have been said: one table of costs.

Costs: a syllable that sounds the same 0, one with nothing in common 1; one too many or one missing `GAP`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.callhome.sounds import Sayings, Token, unlikeness

GAP = 0.75
UNUSUAL = 3.0  # how many times as dear an unusual word is where the ear errs: it would be two rare things at once
Costs = NDArray[np.float32]


class Words:
    """Words to be compared with what was heard, made ready once.

    words: their syllables.  base: what each costs before anything is compared.  groups: of each word its group,
    ascending from 0.
    """

    def __init__(self, words: Sequence[Sequence[Token]], base: Sequence[float], groups: Sequence[int]) -> None:
        numbers: dict[Token, int] = {}
        self.longest = max(len(word) for word in words)
        # the longest first, so that those with a k-th syllable are the first `reach[k]`
        order = sorted(range(len(words)), key=lambda i: -len(words[i]))
        self.spelled = tuple(
            np.array([numbers.setdefault(words[i][k], len(numbers)) for i in order if len(words[i]) > k])
            for k in range(self.longest)
        )
        self.sayings = Sayings(tuple(numbers))
        self.tokens = len(numbers)
        self.reach = (len(words), *(len(column) for column in self.spelled), 0)
        self.base = np.asarray(base, np.float32)
        self.place = np.argsort(np.array(order))  # of each word its row
        self.first = np.flatnonzero(np.diff(np.array(groups), prepend=-1))
        self.count = max(groups) + 1


def spans(heard: str, words: Words, misheard: bool = False) -> Costs:
    """[groups, n + 1, n + 1] float32: the least that any word of a group costs on heard[i:j]; inf where j <= i.

    misheard: as in `unlikeness`."""
    n, longest, reach = len(heard), words.longest, words.reach
    unlike = unlikeness(words.sayings, heard, misheard)
    base = words.base * np.float32(UNUSUAL if misheard else 1.0)
    beyond = np.ones((words.tokens, longest + 1), np.float32)
    there = np.concatenate([unlike, beyond], 1)
    costs = [there[column] for column in words.spelled]  # [words, n + longest + 1]
    out = np.full((words.count, n + 1, n + 1), np.inf, np.float32)
    # row[k][w, i]: the first k syllables of word w on heard[i : i + step]
    gap = np.float32(GAP)
    row = [np.full((reach[k], n), k * gap, np.float32) for k in range(longest + 1)]
    starts = np.arange(n)
    for step in range(longest + 1):
        new = [np.full((reach[0], n), (step + 1) * gap, np.float32)]
        for k in range(1, longest + 1):
            many = reach[k]
            best = row[k - 1][:many] + costs[k - 1][:, step : step + n]
            np.minimum(best, row[k] + gap, out=best)
            np.minimum(best, new[k - 1][:many] + gap, out=best)
            new.append(best)
        row = new
        whole = np.concatenate([row[k][reach[k + 1] :] for k in range(longest, -1, -1)])[words.place]
        whole += base[:, None]
        least = np.minimum.reduceat(whole, words.first, axis=0)  # [groups, n]
        ends = starts + step + 1
        inside = ends <= n
        out[:, starts[inside], ends[inside]] = least[:, inside]
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
