"""What guessing keeps of one request from step to step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_CHAIN = 8  # earlier occurrences looked at
_DEEPEST = 12  # tokens of agreement that are told apart


@dataclass(frozen=True, slots=True)
class Proposal:
    """Guessed next tokens; evidence: a small number for each, guesses with the same one are about equally good."""

    tokens: list[int]
    evidence: list[int]


class NgramIndex:
    """Where each pair of tokens occurred, newest first: constant work per token.

    The longest agreement among the last few occurrences of the final pair is looked for, token by token.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._last: dict[int, int] = {}  # pair -> position of its second token
        self._before: list[int | None] = []  # the pair's previous occurrence

    def extend(self, tokens: list[int]) -> None:
        """Go on with these tokens."""
        last, before = self._last, self._before
        previous = self.tokens[-1] if self.tokens else None
        position = len(self.tokens)
        for token in tokens:
            if previous is None:
                before.append(None)
            else:
                pair = previous << 32 | token
                before.append(last.get(pair))
                last[pair] = position
            previous = token
            position += 1
        self.tokens += tokens

    def propose(self, k: int) -> Proposal | None:
        """What followed the longest earlier occurrence of the end (the newest of equals)."""
        if not self.tokens:
            return None
        tokens, end = self.tokens, len(self.tokens) - 1
        best, best_length = None, 1
        candidate = self._before[end]
        for _ in range(_CHAIN):
            if candidate is None:
                break
            length = 2
            while length < _DEEPEST and length <= candidate and tokens[candidate - length] == tokens[end - length]:
                length += 1
            if length > best_length:
                best, best_length = candidate, length
                if length == _DEEPEST:
                    break
            candidate = self._before[candidate]
        if best is None:
            return None
        drafts = tokens[best + 1 : best + 1 + k]
        while len(drafts) < k:  # the occurrence runs into the end itself: the text goes in circles
            drafts.append(drafts[len(drafts) - (end - best)])
        return Proposal(drafts, [best_length] * k)


class UnreadStates:
    """States of a request that the model's prediction module has not read: of the positions start, start + 1, ...

    The last known token is always computed by the next step, so the states end one position before it.
    """

    __slots__ = ("parts", "rows", "start")

    def __init__(self, start: int) -> None:
        self.start, self.rows = start, 0
        self.parts: list[F32] = []

    @property
    def end(self) -> int:
        return self.start + self.rows

    def add(self, states_TD: F32) -> None:
        self.parts.append(states_TD)
        self.rows += len(states_TD)

    def clear(self) -> None:
        self.start, self.rows, self.parts = self.end, 0, []


class SeenStates:
    """What a block drafter keeps of a request: keys and values of its layers, of the positions start ... end - 1.

    Of long texts the newest `most` positions stay, and up to as many more.  unread: states of the positions behind
    them, of which there are no keys yet.
    """

    __slots__ = ("_used", "end", "keys", "most", "unread", "values")

    def __init__(self, start: int, layers: int, groups: int, width: int, most: int) -> None:
        self.end, self._used, self.most = start, 0, most
        self.unread = UnreadStates(start)
        self.keys = np.empty((layers, 64, groups, width), np.float16)
        self.values = np.empty_like(self.keys)

    @property
    def count(self) -> int:
        """Positions that are kept."""
        return self._used

    def add(self, keys_LTGK: F32, values_LTGK: F32) -> None:
        """Of the positions that follow."""
        count = keys_LTGK.shape[1]
        if self._used + count > 2 * self.most:
            keep = max(0, min(self._used, self.most - count))
            for kept in (self.keys, self.values):
                kept[:, :keep] = kept[:, self._used - keep : self._used].copy()
            self._used = keep
        if self._used + count > self.keys.shape[1]:
            size = max(2 * self.keys.shape[1], self._used + count)
            self.keys, self.values = (self._longer(kept, size) for kept in (self.keys, self.values))
        self.keys[:, self._used : self._used + count] = keys_LTGK
        self.values[:, self._used : self._used + count] = values_LTGK
        self._used, self.end = self._used + count, self.end + count

    def _longer(self, kept: NDArray[np.float16], size: int) -> NDArray[np.float16]:
        longer = np.empty((kept.shape[0], size, *kept.shape[2:]), np.float16)
        longer[:, : self._used] = kept[:, : self._used]
        return longer


class Rate:
    """A share of successes that forgets slowly; starts from `prior` with the weight of `weight` trials."""

    def __init__(self, prior: float, weight: float, memory: float) -> None:
        self._hits, self._trials = prior * weight, weight
        self._keep = 1 - 1 / memory

    def add(self, hits: int, trials: int) -> None:
        kept = self._keep**trials
        self._hits = self._hits * kept + hits
        self._trials = self._trials * kept + trials

    @property
    def value(self) -> float:
        return self._hits / self._trials


@dataclass(eq=False, slots=True)
class Guessing:
    """ngrams: prompt and answer, indexed.  unread: for a module that guesses, what it has to read, or has read; None:
    it cannot guess here.

    proposal: the guess made for the step in progress.  rate: how often the look-up was right in this request.
    """

    ngrams: NgramIndex | None = None
    unread: UnreadStates | SeenStates | None = None
    proposal: Proposal | None = None
    rate: Rate | None = None
