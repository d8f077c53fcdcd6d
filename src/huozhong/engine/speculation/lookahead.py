"""Guessing with the model's own multi-token-prediction module (DeepSeek-V3, arXiv:2412.19437, §2.2).

The module reads the state in which the model leaves a position and the token that follows, and guesses the token
after that; fed with its own state and guess, it guesses on.  It has its own layer of the cache, which it fills
position by position: what it has not seen yet lies in a request's `Trail`.  A position that it never saw makes its
guesses worse and no answer wrong: guesses are checked (see `speculate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.proposers import Proposal

F32 = NDArray[np.float32]

MOST = 4  # tokens guessed at most: each costs a pass of the module
LEAST = 0.35  # guesses end where the module itself finds it less likely that all of them are right
SHORT = 8  # rows that are computed as generated tokens are; more take the prompt's form, which is quicker then
KEPT = 256  # states kept at most; then the module catches up


class Trail:
    """States of a request that the module has not read: of the positions start, start + 1, ...

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


class LookAhead:
    """Asks the runner's first prediction module.

    Only the first half of the vocabulary is guessed: byte-pair tokens are numbered roughly by how often they occur, and
    the head is most of what a guess costs (Zhao et al. 2025, arXiv:2502.14856, rank tokens by frequency).
    """

    EVIDENCE = 100  # a guess's evidence is this and more: how likely the module finds it, in tenths
    _STEPS = 20

    def __init__(self, runner: Runner, most: int = MOST) -> None:
        assert runner.weights.prediction
        self._runner = runner
        self._most = most
        half = -(-runner.architecture.vocab_size // 2)
        self._vocab = min(runner.architecture.vocab_size, -(-half // 16) * 16)

    @classmethod
    def chance(cls, evidence: int) -> float:
        """How likely the module found guesses with this evidence."""
        return (evidence - cls.EVIDENCE + 0.5) / cls._STEPS

    def note(self, sequence: Sequence, start: int, states_TD: F32) -> None:
        """The model left the positions from `start` on in these states [T, D]."""
        trail = sequence.trail
        if trail is None or trail.end != start:
            trail = sequence.trail = Trail(start)
        trail.add(states_TD)
        if trail.rows > KEPT:
            self._catch_up(sequence, trail)

    def propose(self, limits: Mapping[Sequence, int]) -> dict[Sequence, Proposal]:
        """Guesses for requests whose trail reaches to their last computed token; at most limits[s] tokens each."""
        chunks, states, counts, asked = [], [], [], []
        size = self._runner.page_size
        for sequence, limit in limits.items():
            trail = sequence.trail
            if trail is None or trail.end != sequence.num_tokens - 1 or not trail.rows:
                continue
            # The k-th guess is made at position end + k - 2, which must have a place in the cache.
            room = len(sequence.pages) * size - trail.end + 1
            chunks.append(self._chunk(sequence, trail, "last"))
            states += trail.parts
            counts.append(min(limit, self._most, room))
            asked.append(sequence)
            trail.clear()
        if not asked:
            return {}
        tokens_SK, chances_SK = self._runner.draft_ahead(chunks, states, counts, vocab=self._vocab, p_min=LEAST)
        proposals = {}
        for sequence, tokens, chances in zip(asked, tokens_SK.tolist(), chances_SK.tolist(), strict=True):
            evidence = [self.EVIDENCE + min(int(c * self._STEPS), self._STEPS - 1) for c in chances if c > 0]
            if evidence:
                proposals[sequence] = Proposal(tokens[: len(evidence)], evidence)
        return proposals

    def _catch_up(self, sequence: Sequence, trail: Trail) -> None:
        """Let the module read what it can: it needs the token behind each position."""
        if trail.end == sequence.num_tokens:
            return  # the last state's token is not known yet; it soon is
        self._runner.draft([self._chunk(sequence, trail, "none")], [np.concatenate(trail.parts)])
        trail.clear()

    @staticmethod
    def _chunk(sequence: Sequence, trail: Trail, want: Literal["last", "none"]) -> Chunk:
        start, stop, edge = trail.start + 1, trail.end + 1, sequence.prompt_len
        if start < edge < stop:
            tokens = np.concatenate((sequence.tokens(start, edge), sequence.tokens(edge, stop)))
        else:
            tokens = sequence.tokens(start, stop)
        return Chunk(tokens, trail.start, sequence.table, want, trail.rows > SHORT)
