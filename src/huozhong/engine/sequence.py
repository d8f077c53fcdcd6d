"""One request: what was asked (`SamplingParams`), how far it is (`Sequence`), what comes back (`Delta`)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from huozhong.cost import Bill
from huozhong.engine.guides.guide import Guide
from huozhong.errors import HuozhongError, RequestError

if TYPE_CHECKING:
    from huozhong.engine.cache.pages import SwappedOut
    from huozhong.engine.cache.prefixes import Load
    from huozhong.engine.guides.constraint import Constraint
    from huozhong.engine.output import OutputText
    from huozhong.engine.speculation.lookahead import Trail
    from huozhong.engine.speculation.proposers import NgramIndex, Proposal
    from huozhong.engine.speculation.speculator import Rate

FinishReason = Literal["stop", "length", "abort"]
# How a text becomes one vector: the mean of its tokens' states, or its last token's state.
Pooling = Literal["mean", "last"]
MAX_LOGPROBS = 20
MAX_STOP_STRINGS = 16


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How tokens are chosen; every field is checked, and a bad one is a `RequestError` that names it.

    temperature: 0 is greedy (the most likely token; the lowest id wins a tie); up to 2.
    top_k, top_p, min_p: keep the k likeliest, then the smallest set holding top_p of the probability, then
        what is at least min_p times as likely as the likeliest.
    repetition_penalty: divides positive and multiplies negative logits of tokens of prompt and answer.
    presence_penalty, frequency_penalty: subtracted once, or per occurrence, for tokens of the answer.
    max_tokens: at most so many tokens; None is whatever fits the context, and more than fits is cut to it.
    stop: the answer ends before the first of these strings; they are looked for in all of the decoded
        text, the reasoning included.
    seed: the same seed, prompt and parameters give the same tokens; None takes a fresh one.
    logprobs: None for none; n for the chosen token's log-probability and the n (up to 20) likeliest ones'.
    ignore_eos: go on through end-of-text tokens (for benchmarks).
    guide: what the answer must look like (its reasoning is free); it ends when it is complete.  Cut off by
        max_tokens or by a stop string it is only the beginning of what was asked for.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    ignore_eos: bool = False
    guide: Guide | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        elif isinstance(self.stop, list):
            object.__setattr__(self, "stop", tuple(self.stop))
        self._number("temperature", 0, 2)
        self._whole("top_k", 1, None)
        self._number("top_p", 0, 1, open_low=True)
        self._number("min_p", 0, 1)
        self._number("repetition_penalty", 0, 10, open_low=True)
        self._number("presence_penalty", -2, 2)
        self._number("frequency_penalty", -2, 2)
        self._whole("max_tokens", 1, None)
        self._whole("seed", -(2**63), 2**63 - 1)
        self._whole("logprobs", 0, MAX_LOGPROBS)
        if not isinstance(self.ignore_eos, bool):
            raise RequestError(f"ignore_eos is {self.ignore_eos!r}; say true or false.", param="ignore_eos")
        self._check_stop()
        self._check_guide()

    def _check_guide(self) -> None:
        if self.guide is not None and not isinstance(self.guide, Guide):
            raise RequestError(
                f"guide is {type(self.guide).__name__}; it must be JsonObject, JsonSchema, Regex or Grammar.",
                param="guide",
            )
        if self.guide is not None and self.ignore_eos:
            raise RequestError("ignore_eos goes on where a guide says to stop: give one of them.", param="ignore_eos")

    def _check_stop(self) -> None:
        if not isinstance(self.stop, tuple) or not all(isinstance(s, str) and s for s in self.stop):
            raise RequestError(
                f"stop is {self.stop!r}; it must be a string or a list of strings, none empty.", param="stop"
            )
        if len(self.stop) > MAX_STOP_STRINGS:
            raise RequestError(
                f"stop has {len(self.stop)} strings; at most {MAX_STOP_STRINGS} are possible.", param="stop"
            )

    def _number(self, name: str, low: float, high: float, *, open_low: bool = False) -> None:
        value = getattr(self, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not low <= value <= high or (open_low and value == low):
            bounds = f"above {low} and at most {high}" if open_low else f"between {low} and {high}"
            raise RequestError(f"{name} is {value!r}; it must be a number {bounds}.", param=name)

    def _whole(self, name: str, low: int, high: int | None) -> None:
        value = getattr(self, name)
        if value is None:
            return
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < low or (high is not None and value > high):
            bounds = f"of at least {low}" if high is None else f"between {low} and {high}"
            raise RequestError(f"{name} is {value!r}; it must be a whole number {bounds}.", param=name)

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0

    @property
    def has_penalties(self) -> bool:
        return self.repetition_penalty != 1 or self.presence_penalty != 0 or self.frequency_penalty != 0


@dataclass(frozen=True)
class TokenLogprob:
    """One token and the natural logarithm of its probability; `top` lists the likeliest tokens, best first.

    The probabilities are the model's own at temperature 1 after penalties, before top-k, top-p and min-p; under
    a guide they are shared among the tokens that it allows (any other has -infinity).
    `token` is its text alone (U+FFFD where it is only part of a character), `bytes` exactly what it means.
    """

    token_id: int
    logprob: float
    token: str
    bytes: bytes
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a request used.

    prompt_tokens = cache_hit_tokens (found in the prefix cache) + those that were computed.
    completion_tokens counts every generated token, reasoning_tokens those before the end of the reasoning.
    seconds_to_first_token and seconds count from the submission; the first is None when no token came.
    bill: this request's share of the machine's time, energy and money (by tokens, step by step).
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_hit_tokens: int
    seconds_to_first_token: float | None
    seconds: float
    bill: Bill | None = None

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one step added to an answer.

    Text may lag behind token_ids: bytes of an unfinished character, a possible stop string and a possible
    end of the reasoning are held back.  The last delta has `finish_reason` (or `error`) and `usage`.
    """

    text: str = ""
    reasoning: str = ""
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    error: HuozhongError | None = None

    @property
    def is_last(self) -> bool:
        return self.finish_reason is not None or self.error is not None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A whole answer.  `token_ids` holds every generated token, the end-of-text token included."""

    text: str
    reasoning: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...]
    finish_reason: FinishReason
    usage: Usage

    @classmethod
    def from_deltas(cls, deltas: Iterable[Delta]) -> Completion:
        """Join a finished stream of deltas; its error, if it has one, is raised."""
        parts = list(deltas)
        last = parts[-1]
        if last.error is not None:
            raise last.error
        assert last.finish_reason is not None
        assert last.usage is not None
        return cls(
            text="".join(d.text for d in parts),
            reasoning="".join(d.reasoning for d in parts),
            token_ids=tuple(t for d in parts for t in d.token_ids),
            logprobs=tuple(p for d in parts for p in d.logprobs),
            finish_reason=last.finish_reason,
            usage=last.usage,
        )


class TokenCounts:
    """Which tokens have occurred, for the penalties.

    seen_V: bool [V], tokens of prompt and answer; generated_V: int32 [V], occurrences in the answer.
    """

    def __init__(self, prompt: np.ndarray, vocab_size: int) -> None:
        self.seen_V = np.zeros(vocab_size, dtype=bool)
        self.seen_V[prompt[prompt < vocab_size]] = True
        self.generated_V = np.zeros(vocab_size, dtype=np.int32)

    def add(self, token: int) -> None:
        self.seen_V[token] = True
        self.generated_V[token] += 1


@dataclass(eq=False)
class Sequence:
    """One request's state, owned by the step thread.

    tokens[:prompt_len] is the prompt, the rest was generated.  `num_computed` of them are in the latent
    cache, in `pages`.  `only_score` asks for the log-probabilities of the prompt's own tokens and no answer; with
    `pooling`, for one vector of the prompt instead.
    """

    request_id: int
    prompt: np.ndarray  # int32 [prompt_len]
    params: SamplingParams
    max_new_tokens: int
    on_delta: Callable[[Delta], None]
    output: OutputText
    only_score: bool = False
    generated: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    num_computed: int = 0
    digests: list[bytes] = field(default_factory=list)  # of the prompt's whole pages, made on admission
    num_registered_pages: int = 0  # pages of the prompt already offered to other requests
    cache_hit_tokens: int = 0
    user: str | None = None  # whose request it is: users take turns
    order: int = 0  # requests are older or newer than others by this number, given on first admission
    is_running: bool = False
    was_put_back: bool = False
    swapped: SwappedOut | None = None  # its pages, while it waits after being put back
    load: Load | None = None  # prompt pages on their way from the disk
    looked_on_disk: bool = False
    ngrams: NgramIndex | None = None
    trail: Trail | None = None  # states that the prediction module has not read; None: it cannot guess here
    proposal: Proposal | None = None  # the guess made for the step in progress
    guess_rate: Rate | None = None
    lets_guess: bool = True
    is_finished: bool = False
    pooling: Pooling | None = None
    pooled_D: np.ndarray | None = None  # float64: the sum of the tokens' states so far, or the last token's state
    scores: np.ndarray | None = None  # float64 [prompt_len - 1]
    counts: TokenCounts | None = None
    constraint: Constraint | None = None
    submitted_at: float = field(default_factory=time.perf_counter)
    first_token_at: float | None = None
    seconds: float = 0.0  # share of the machine's time
    joules: float = 0.0

    def __post_init__(self) -> None:
        seed = self.params.seed
        self._table = np.zeros(0, np.int32)
        self.rng = np.random.Generator(np.random.PCG64(None if seed is None else seed % 2**64))

    @property
    def prompt_len(self) -> int:
        return len(self.prompt)

    @property
    def num_tokens(self) -> int:
        return len(self.prompt) + len(self.generated)

    @property
    def allowed_V(self) -> np.ndarray | None:
        """bool [V]: what may come next; None when everything may."""
        return None if self.constraint is None else self.constraint.mask()

    @property
    def is_complete(self) -> bool:
        """Whether the guide leaves nothing more to say."""
        return self.constraint is not None and self.constraint.is_finished

    @property
    def in_prefill(self) -> bool:
        """Whether the next tokens to compute belong to the prompt."""
        return self.num_computed < len(self.prompt)

    @property
    def num_pending(self) -> int:
        """Known tokens not yet in the cache: 1 while decoding, more in prefill or after preemption."""
        return self.num_tokens - self.num_computed

    @property
    def table(self) -> np.ndarray:
        """`pages` as int32, for the runner."""
        if len(self._table) != len(self.pages):
            self._table = np.array(self.pages, np.int32)
        return self._table

    def set_pages(self, pages: list[int]) -> None:
        """Hold other pages than before (`pages` itself may only be appended to)."""
        self.pages = pages
        self._table = np.array(pages, np.int32)

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """int32 [stop - start]; a range lies wholly in the prompt or wholly in the answer."""
        if start < len(self.prompt):
            assert stop <= len(self.prompt)
            return self.prompt[start:stop]
        offset = len(self.prompt)
        return np.array(self.generated[start - offset : stop - offset], dtype=np.int32)
