"""What is done with the numbers of a request's forward passes: one class for each kind of request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.guides.acts import ActsConstraint
from huozhong.engine.guides.constraint import Constraint
from huozhong.engine.output import OutputText
from huozhong.engine.requests import Pooling, SamplingParams
from huozhong.engine.runner import Want
from huozhong.engine.sampler import TokenCounts, TopLogprobs, log_softmax, sample, top_logprobs
from huozhong.engine.thought import ThoughtLimit

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


# Which act comes and what the plan is are decisions: up to this temperature, at which poems are written, the likeliest
# is taken.  Who asks for more ("again") wants another one.
DECIDED = 0.5


@dataclass(eq=False)
class GenerateTask:
    """An answer in the making: how its tokens are chosen, and its text so far.

    counts: which tokens have occurred; needed when `params.has_penalties`.  constraint: its guide's state.
    thought: where `params.max_reasoning_tokens` is held.
    """

    params: SamplingParams
    output: OutputText
    counts: TokenCounts | None = None
    constraint: Constraint | ActsConstraint | None = None
    thought: ThoughtLimit | None = None

    def __post_init__(self) -> None:
        seed = self.params.seed
        self._rng = np.random.Generator(np.random.PCG64(None if seed is None else seed % 2**64))
        self._deciding = self.params
        if self.params.temperature <= DECIDED:
            self._deciding = replace(self.params, temperature=0.0)

    def choose(self, logits_V: F32) -> tuple[int, float | None, TopLogprobs]:
        """The next token, as `sampler.sample` gives it."""
        allowed_V = None if self.thought is None else self.thought.mask(self.output)
        if allowed_V is None and self.constraint is not None:
            allowed_V = self.constraint.mask()
        decides = isinstance(self.constraint, ActsConstraint) and self.constraint.decides
        params = self._deciding if decides else self.params
        return sample(logits_V, params, self.counts, self._rng, allowed_V)

    def add(self, token: int) -> None:
        """The token that was chosen belongs to the answer now."""
        if self.counts is not None:
            self.counts.add(token)
        if self.constraint is not None:
            self.constraint.advance(token)

    def take_forced(self) -> list[int]:
        """What follows for certain and is not sampled; it belongs to the answer now."""
        forced = [] if self.constraint is None else self.constraint.take_forced()
        if forced and self.thought is not None:
            forced = self.thought.cut(forced, self.output)
        if self.counts is not None:
            for token in forced:
                self.counts.add(token)
        return forced

    @property
    def is_complete(self) -> bool:
        """Whether the guide leaves nothing more to say."""
        return self.constraint is not None and self.constraint.is_finished


class ScoreTask:
    """values: float64 [T - 1]: log-probabilities of a text's tokens but the first, each given all before it.

    best: for each of them the `top` tokens that would have been likeliest.
    """

    want: Want = "all"

    def __init__(self, text_T: NDArray[np.int32], top: int | None = None) -> None:
        """top: None where the tokens' spelling is not asked for."""
        self._targets, self._top, self.is_told = text_T[1:], top or 0, top is not None
        self.values: F64 = np.zeros(len(text_T) - 1)
        self.best: list[TopLogprobs] = [()] * (len(text_T) - 1)

    def add(self, start: int, logits_TV: F32) -> None:
        """The logits after the tokens from `start` on."""
        targets = self._targets[start : start + len(logits_TV)]  # nothing follows the last token
        logprobs = log_softmax(logits_TV[: len(targets)])
        self.values[start : start + len(targets)] = logprobs[np.arange(len(targets)), targets]
        if self._top:
            self.best[start : start + len(targets)] = [top_logprobs(row, self._top) for row in logprobs]


class EmbedTask:
    """values: float64 [D]: the sum of a text's states so far ("mean"), or its last token's ("last")."""

    want: Want = "hidden"

    def __init__(self, pooling: Pooling) -> None:
        self._pooling = pooling
        self.values: F64 | None = None

    def add(self, start: int, states_TD: F32) -> None:
        """The states of the tokens from `start` on."""
        rows_TD = states_TD.astype(np.float64)
        if self._pooling == "last":
            self.values = rows_TD[-1]
        else:
            # One row after the other (cumsum promises that order; sum does not), so that chunks change no bit.
            before_D = np.zeros(rows_TD.shape[1]) if self.values is None or start == 0 else self.values
            self.values = np.cumsum(np.vstack((before_D, rows_TD)), axis=0)[-1]


Task = GenerateTask | ScoreTask | EmbedTask
