"""Guessing with a multi-token-prediction module (DeepSeek-V3, arXiv:2412.19437, §2.2), the model's own or a drafter.

The module reads the state in which the model leaves a position and the token that follows, and guesses the token
after that; fed with its own state and guess, it guesses on.  It has its own layer of the cache, which it fills
position by position: what it has not seen yet lies in a request's `UnreadStates`.  A position that it never saw
makes its guesses worse and no answer wrong: guesses are checked (see `speculator`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal, UnreadStates

F32 = NDArray[np.float32]

MAX_GUESSES = 4  # tokens guessed at most: each costs a pass of the module
MIN_CHANCE = 0.35  # guesses end where the module itself finds it less likely that all of them are right
MAX_ABSORBED = 8  # rows that are computed as generated tokens are; more take the prompt's form, which is quicker then
MAX_UNREAD = 1024  # states kept at most; then the module catches up, asked or not


class LookAhead:
    """Asks the runner's first prediction module.

    Of a module without a head of its own only the first half of the vocabulary is guessed: byte-pair tokens are
    numbered roughly by how often they occur, and the head is most of what a guess costs (Zhao et al. 2025,
    arXiv:2502.14856, rank tokens by frequency, which is how a drafter's own head is chosen).
    """

    EVIDENCE = 100  # a guess's evidence is this and more: how likely the module finds it, in twentieths
    _BINS = 20

    def __init__(self, runner: Runner, max_guesses: int = MAX_GUESSES) -> None:
        assert runner.weights.prediction
        self._runner = runner
        self._max_guesses = max_guesses
        half = -(-runner.architecture.vocab_size // 2)
        self._vocab = min(runner.architecture.vocab_size, -(-half // 16) * 16)

    @classmethod
    def chance(cls, evidence: int) -> float:
        """How likely the module found guesses with this evidence."""
        return (evidence - cls.EVIDENCE + 0.5) / cls._BINS

    @classmethod
    def evidence(cls, chance: float) -> int:
        """What a guess is called that a module finds so likely."""
        return cls.EVIDENCE + max(0, min(int(chance * cls._BINS), cls._BINS - 1))

    def observe(self, sequence: Sequence, start: int, states_TD: F32) -> None:
        """The model left the positions from `start` on in these states [T, D]."""
        unread = sequence.guessing.unread
        if not isinstance(unread, UnreadStates) or unread.end != start:
            unread = sequence.guessing.unread = UnreadStates(start)
        unread.add(states_TD)
        if unread.rows > MAX_UNREAD:
            self._catch_up(sequence, unread)

    def propose(self, limits: Mapping[Sequence, int]) -> dict[Sequence, Proposal]:
        """Guesses for requests whose states reach to their last computed token; at most limits[s] tokens each."""
        chunks, states, counts, asked = [], [], [], []
        size = self._runner.page_size
        for sequence, limit in limits.items():
            unread = sequence.guessing.unread
            if not isinstance(unread, UnreadStates) or unread.end != sequence.num_tokens - 1 or not unread.rows:
                continue
            # The k-th guess is made at position end + k - 2, which must have a place in the cache.
            room = len(sequence.pages) * size - unread.end + 1
            chunks.append(self._chunk(sequence, unread, "last"))
            states += unread.parts
            counts.append(min(limit, self._max_guesses, room))
            asked.append(sequence)
            unread.clear()
        if not asked:
            return {}
        tokens_SK, chances_SK = self._runner.draft_ahead(chunks, states, counts, vocab=self._vocab, p_min=MIN_CHANCE)
        proposals = {}
        for sequence, tokens, chances in zip(asked, tokens_SK.tolist(), chances_SK.tolist(), strict=True):
            evidence = [self.evidence(chance) for chance in chances if chance > 0]
            if evidence:
                proposals[sequence] = Proposal(tokens[: len(evidence)], evidence)
        return proposals

    def _catch_up(self, sequence: Sequence, unread: UnreadStates) -> None:
        """Let the module read what it can: it needs the token behind each position."""
        if unread.end == sequence.num_tokens:
            return  # the last state's token is not known yet; it soon is
        self._runner.draft([self._chunk(sequence, unread, "none")], [np.concatenate(unread.parts)])
        unread.clear()

    @staticmethod
    def _chunk(sequence: Sequence, unread: UnreadStates, want: Literal["last", "none"]) -> Chunk:
        start, stop, edge = unread.start + 1, unread.end + 1, sequence.prompt_len
        if start < edge < stop:
            tokens = np.concatenate((sequence.tokens(start, edge), sequence.tokens(edge, stop)))
        else:
            tokens = sequence.tokens(start, stop)
        return Chunk(tokens, unread.start, sequence.table, want, unread.rows > MAX_ABSORBED)
