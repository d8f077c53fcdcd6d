"""What guesses the next tokens: the look-up in what was already said.  The model's own module: see `lookahead`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from huozhong.engine.sequence import Sequence

_CHAIN = 8  # earlier occurrences looked at
_DEEPEST = 12  # tokens of agreement that are told apart
_INDEX_AT_ONCE = 4096  # tokens of a long prompt indexed per step, about 2 ms


@dataclass(frozen=True, slots=True)
class Proposal:
    """Guessed next tokens; evidence: a small number for each, guesses with the same one are about equally good."""

    tokens: list[int]
    evidence: list[int]


class Proposer(Protocol):
    """Anything that guesses.  It must not depend on chance: see the module's text."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """At most k tokens that may follow the request's known tokens; None without an idea."""


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


class NgramProposer:
    """Prompt look-up (Saxena 2023) over prompt and answer; works with every model."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """None also while a long prompt is not yet wholly indexed."""
        index = sequence.ngrams
        if index is None:
            index = sequence.ngrams = NgramIndex()
        known, total = len(index.tokens), sequence.num_tokens
        if known < sequence.prompt_len:
            stop = min(known + _INDEX_AT_ONCE, sequence.prompt_len)
            index.extend(sequence.prompt[known:stop].tolist())
            known = stop
        if known < sequence.prompt_len:
            return None
        if known < total:
            index.extend(sequence.generated[known - sequence.prompt_len :])
        return index.propose(k)
