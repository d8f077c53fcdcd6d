"""What is asked of the engine, and what comes back.

Three kinds of request, each answered by a stream of `Delta`s that its result is read from: `GenerateRequest` gives a
`Completion`, `ScoreRequest` gives `ScoredText`, `EmbedRequest` gives an `EmbeddedText`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.cost import Bill
from huozhong.engine.guides.guide import Guide
from huozhong.errors import ContextLengthError, EngineError, HuozhongError, RequestError
from huozhong.text.template import ChatPrompt
from huozhong.text.tools import CallPart

FinishReason = Literal["stop", "length", "abort"]
# How a text becomes one vector: the mean of its tokens' states, or its last token's state.
Pooling = Literal["mean", "last"]
MAX_LOGPROBS = 20
# Of `SamplingParams`: the least and the most (None: no most), and whether the least is itself too little.
NUMBERS: dict[str, tuple[float, float, bool]] = {
    "temperature": (0, 2, False),
    "top_p": (0, 1, True),
    "min_p": (0, 1, False),
    "repetition_penalty": (0.01, 10, False),  # divided by less, a logit might be no number any more
    "presence_penalty": (-2, 2, False),
    "frequency_penalty": (-2, 2, False),
}
WHOLES: dict[str, tuple[int, int | None]] = {
    "top_k": (1, None),
    "max_tokens": (1, None),
    "max_reasoning_tokens": (0, None),
    "seed": (-(2**63), 2**63 - 1),
    "logprobs": (0, MAX_LOGPROBS),
}
MAX_STOP_STRINGS = 128
MAX_BIASED_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How tokens are chosen; every field is checked, and a bad one is a `RequestError` that names it.

    temperature: 0 is greedy (the most likely token; the lowest id wins a tie); up to 2.
    temperature_last: temperature comes after top_k, top_p and min_p, as in llama.cpp, instead of before them.
    top_k, top_p, min_p: keep the k likeliest, then the smallest set holding top_p of the probability, then
        what is at least min_p times as likely as the likeliest.
    repetition_penalty: divides positive and multiplies negative logits of tokens of prompt and answer.
    presence_penalty, frequency_penalty: subtracted once, or per occurrence, for tokens of the answer.
    max_tokens: at most so many tokens; None is whatever fits the context, and more than fits is cut to it.
    max_reasoning_tokens: a thought that has so many tokens is ended, and the answer begins; None for no limit.
    logit_bias: {token id: what is added to its logit}, from -100 (as good as never) to 100.
    stop: the answer ends before the first of these strings; they are looked for in what is said, not in what is
        thought before.
    seed: the same seed, prompt and parameters give the same tokens; None takes a fresh one.
    logprobs: None for none; n for the chosen token's log-probability and the n (up to 20) likeliest ones'.
    drawn_logprobs: those of the draw itself, after temperature, top_k, top_p and min_p, and of what these left alone.
    ignore_eos: go on through end-of-text tokens (for benchmarks).
    guide: what the answer must look like (its reasoning is free); it ends when it is complete.  Cut off by
        max_tokens or by a stop string it is only the beginning of what was asked for.
    """

    temperature: float = 1.0
    temperature_last: bool = False
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    max_tokens: int | None = None
    max_reasoning_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: int | None = None
    drawn_logprobs: bool = False
    ignore_eos: bool = False
    guide: Guide | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        elif isinstance(self.stop, list):
            object.__setattr__(self, "stop", tuple(self.stop))
        if isinstance(self.logit_bias, dict):
            object.__setattr__(self, "logit_bias", tuple(self.logit_bias.items()))
        for name in NUMBERS:
            self._check_number(name)
        for name in WHOLES:
            self._check_whole(name)
        for name in ("ignore_eos", "drawn_logprobs", "temperature_last"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"{name} is {getattr(self, name)!r}; say true or false.", param=name)
        self._check_stop()
        self._check_bias()
        self._check_guide()

    def _check_bias(self) -> None:
        if not isinstance(self.logit_bias, tuple) or not all(map(_is_bias, self.logit_bias)):
            raise RequestError("logit_bias must map token ids to numbers between -100 and 100.", param="logit_bias")
        if len(self.logit_bias) > MAX_BIASED_TOKENS:
            raise RequestError(
                f"logit_bias has {len(self.logit_bias)} tokens; at most {MAX_BIASED_TOKENS} are possible.",
                param="logit_bias",
            )

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

    def _check_number(self, name: str) -> None:
        value, (low, high, open_low) = getattr(self, name), NUMBERS[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not low <= value <= high or (open_low and value == low):
            bounds = f"above {low} and at most {high}" if open_low else f"between {low} and {high}"
            raise RequestError(f"{name} is {value!r}; it must be a number {bounds}.", param=name)

    def _check_whole(self, name: str) -> None:
        value, (low, high) = getattr(self, name), WHOLES[name]
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


def _is_bias(pair: Any) -> bool:
    if not isinstance(pair, tuple) or len(pair) != 2:
        return False
    token, bias = pair
    return type(token) is int and token >= 0 and type(bias) in (int, float) and -100 <= bias <= 100


# -- the three kinds of request ------------------------------------------------------------------------


@dataclass(frozen=True)
class GenerateRequest:
    """Answer a prompt.  user: whose request it is; when many wait, users take turns.

    watched: its deltas say how far the prompt is read, and each what was used until then.
    """

    prompt: ChatPrompt
    params: SamplingParams
    user: str | None = None
    watched: bool = False

    @property
    def ids(self) -> list[int]:
        return self.prompt.ids


@dataclass(frozen=True)
class ScoreRequest:
    """How likely the model finds a text's own tokens.  told: spelled, with so many likelier ones each."""

    ids: list[int]
    told: int | None = None


@dataclass(frozen=True)
class EmbedRequest:
    """A text as one vector."""

    ids: list[int]
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        if self.pooling not in ("mean", "last"):
            raise RequestError(f"pooling is {self.pooling!r}; it must be 'mean' or 'last'.", param="pooling")


Request = GenerateRequest | ScoreRequest | EmbedRequest


def checked_ids(request: Request, max_context: int, vocab_size: int) -> NDArray[np.int32]:
    """A request's tokens as int32 [T]; `RequestError` or `ContextLengthError` if it cannot be served."""
    ids = _token_ids(request.ids, vocab_size)
    if isinstance(request, GenerateRequest):
        for token, _ in request.params.logit_bias:
            if token >= vocab_size:
                raise RequestError(
                    f"logit_bias names token {token}, which is not in the vocabulary of {vocab_size}.",
                    param="logit_bias",
                )
    if isinstance(request, GenerateRequest) and len(ids) >= max_context:
        # Programs that shorten a conversation by themselves look for these words: llama.cpp's, then DeepSeek's.
        raise ContextLengthError(
            f"the prompt has {len(ids)} tokens, which exceeds the available context size; this model's maximum context "
            f"length is {max_context} tokens, for prompt and answer: shorten it or begin a new conversation.",
            tokens=len(ids),
            context=max_context,
        )
    if len(ids) > max_context:
        raise ContextLengthError(
            f"the text is too large: {len(ids)} tokens, but the model's context is {max_context}: cut it.",
            param="prompt",
            tokens=len(ids),
            context=max_context,
        )
    return ids


def _token_ids(ids: Any, vocab_size: int) -> NDArray[np.int32]:
    try:
        tokens = np.asarray(ids)
    except ValueError:  # a ragged list
        tokens = np.zeros(1)
    if tokens.size == 0:
        raise RequestError("the prompt is empty; give at least one token.", param="prompt")
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise RequestError("the prompt must be a text or a list of token ids.", param="prompt")
    wrong = tokens[(tokens < 0) | (tokens >= vocab_size)]
    if len(wrong):
        raise RequestError(f"token id {wrong[0]} is not in the vocabulary of {vocab_size}.", param="prompt")
    return tokens.astype(np.int32)


# -- what comes back -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TokenLogprob:
    """One token and the natural logarithm of its probability; `top` lists the likeliest tokens, best first.

    The probabilities are the model's own at temperature 1 after penalties, before top-k, top-p and min-p (see
    `SamplingParams.drawn_logprobs`); under a guide they are shared among the tokens that it allows (any other has
    -infinity).
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
class Reading:
    """How far a prompt is read: `done` of `total` tokens, `cached` of which were known already.

    seconds: since the request was submitted.
    """

    total: int
    cached: int
    done: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What one step added to an answer, or the one delta of a text that was scored or embedded.

    Text may lag behind token_ids: bytes of an unfinished character, a possible stop string and a possible
    end of the reasoning are held back.  The last delta has `finish_reason` (or `error`) and `usage`, and says which
    stop string ended the answer, if one did.
    values: what a text comes to: see `ScoredText` and `EmbeddedText`, which read it.
    reading: of a request that is watched, after every piece of its prompt.
    calls: parts of tool calls that came apart from the text, of an answer that was made elsewhere.
    """

    text: str = ""
    reasoning: str = ""
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    stop_string: str | None = None
    usage: Usage | None = None
    error: HuozhongError | None = None
    values: NDArray[np.float64] | None = None
    reading: Reading | None = None
    calls: tuple[CallPart, ...] = ()

    @property
    def is_last(self) -> bool:
        return self.finish_reason is not None or self.error is not None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A whole answer.  `token_ids` holds every generated token, the end-of-text token included.

    calls: see `Delta`.
    """

    text: str
    reasoning: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...]
    finish_reason: FinishReason
    usage: Usage
    stop_string: str | None = None
    calls: tuple[CallPart, ...] = ()

    @property
    def mean_logprob(self) -> float:
        """Natural, of a token whose probability was asked for; of nothing as unlikely as can be."""
        found = [token.logprob for token in self.logprobs]
        return sum(found) / len(found) if found else float("-inf")

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
            stop_string=last.stop_string,
            calls=tuple(c for d in parts for c in d.calls),
        )


@dataclass(frozen=True, eq=False)
class ScoredText:
    """logprobs: float64 [T - 1], natural: of every token of a text but the first, given all before it.

    tokens: the same with their spelling, where that was asked for.
    """

    logprobs: NDArray[np.float64]
    usage: Usage
    tokens: tuple[TokenLogprob, ...] = ()

    @classmethod
    def from_deltas(cls, deltas: Iterable[Delta]) -> ScoredText:
        """From a finished stream of deltas; its error, if it has one, is raised."""
        parts = list(deltas)
        return cls(*_values(parts, "scored"), parts[-1].logprobs)


@dataclass(frozen=True, eq=False)
class EmbeddedText:
    """state_D: float64 [D]: a text's pooled state, of any length."""

    state_D: NDArray[np.float64]
    usage: Usage

    @classmethod
    def from_deltas(cls, deltas: Iterable[Delta]) -> EmbeddedText:
        """From a finished stream of deltas; its error, if it has one, is raised."""
        return cls(*_values(deltas, "embedded"))

    def unit_vector(self, dimensions: int | None = None) -> NDArray[np.float32]:
        """The first `dimensions` numbers of the state (None: all), scaled to length 1."""
        vector = self.state_D[:dimensions]
        length = np.sqrt(np.sum(vector * vector))
        return (vector / (length or 1.0)).astype(np.float32)


def _values(deltas: Iterable[Delta], done: str) -> tuple[NDArray[np.float64], Usage]:
    *_, last = deltas
    if last.error is not None:
        raise last.error
    if last.finish_reason == "abort":
        raise EngineError(f"this model was closed while it {done} a text.")
    assert last.values is not None
    assert last.usage is not None
    return last.values, last.usage
