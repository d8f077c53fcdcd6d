"""What guesses the next tokens: the look-up in what was already said.  Modules: `lookahead`, `block`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import NgramIndex, Proposal

F32 = NDArray[np.float32]
_INDEX_AT_ONCE = 4096  # tokens of a long prompt indexed per step, about 2 ms


class Proposer(Protocol):
    """Anything that guesses.  It must not depend on chance: see the module's text."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """At most k tokens that may follow the request's known tokens; None without an idea."""


class Ahead(Protocol):
    """A module that guesses from the model's states; the same holds for it."""

    def observe(self, sequence: Sequence, start: int, states_TD: F32) -> None:
        """The model left the positions from `start` on in these states (`Runner.forward_with_states`)."""

    def propose(self, limits: Mapping[Sequence, int]) -> dict[Sequence, Proposal]:
        """Guesses for requests whose states reach to their last computed token; at most limits[s] tokens each.

        Their evidence is `LookAhead.evidence`.
        """


class NgramProposer:
    """Prompt look-up (Saxena 2023) over prompt and answer; works with every model."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """None also while a long prompt is not yet wholly indexed."""
        index = sequence.guessing.ngrams
        if index is None:
            index = sequence.guessing.ngrams = NgramIndex()
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
