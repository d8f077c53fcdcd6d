"""From logits to a token, in NumPy.

The order is: guide, bias, penalties, log-probabilities, temperature, top-k, top-p, min-p, draw; temperature comes
after the three cuts where a request wants that, as llama.cpp has it.  Log-probabilities are thus the model's own
distribution at temperature 1 after bias and penalties, among the tokens that the request's guide allows; what is cut
away afterwards does not change them.  Every draw takes exactly one number from the request's generator, whatever else
is being served, so a seed reproduces an answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.requests import SamplingParams
from huozhong.errors import EngineError

TopLogprobs = tuple[tuple[int, float], ...]


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


def sample(
    logits_V: np.ndarray,
    params: SamplingParams,
    counts: TokenCounts | None,
    rng: np.random.Generator,
    allowed_V: np.ndarray | None = None,
) -> tuple[int, float | None, TopLogprobs]:
    """Choose a token from float32 logits [V] (left unchanged).

    counts: needed when `params.has_penalties`.  allowed_V: bool [V], the tokens that may be chosen; None for all.
    Returns the token, and where `params.logprobs` asks for them its log-probability and the likeliest tokens'
    (best first, the lower id first among equals).  Raises `EngineError` when the logits are no numbers.
    """
    if allowed_V is not None:
        logits_V = np.where(allowed_V, logits_V, np.float32(-np.inf))
    if params.logit_bias:
        logits_V = biased(logits_V, params.logit_bias)
    if params.has_penalties:
        assert counts is not None
        logits_V = penalize(logits_V, params, counts)
    best = int(np.argmax(logits_V))  # the lowest id wins a tie; a NaN anywhere wins over all
    if not np.isfinite(logits_V[best]):
        raise EngineError("the model's output is not a number: its weights are damaged; fetch the model again.")
    token = best if params.is_greedy else _draw(logits_V, float(logits_V[best]), params, rng)
    if params.logprobs is None:
        return token, None, ()
    logprobs_V = drawn_logprobs(logits_V, params) if params.drawn_logprobs else log_softmax(logits_V)
    top = top_logprobs(logprobs_V, params.logprobs)
    if params.drawn_logprobs:
        top = tuple((i, logprob) for i, logprob in top if logprob > -np.inf)
    return token, float(logprobs_V[token]), top


def biased(logits_V: np.ndarray, bias: tuple[tuple[int, float], ...]) -> np.ndarray:
    """A copy of the logits with these added; a token that a guide has shut out stays out."""
    out_V = logits_V.copy()
    for token, added in bias:
        out_V[token] += np.float32(added)
    return out_V


def penalize(logits_V: np.ndarray, params: SamplingParams, counts: TokenCounts) -> np.ndarray:
    """A copy of the logits after repetition (CTRL, arXiv:1909.05858), presence and frequency penalty."""
    out_V = logits_V.copy()
    if params.repetition_penalty != 1:
        seen = np.flatnonzero(counts.seen_V)
        values, penalty = out_V[seen], params.repetition_penalty
        out_V[seen] = np.where(values > 0, values / penalty, values * penalty)
    if params.presence_penalty or params.frequency_penalty:
        generated = np.flatnonzero(counts.generated_V)
        out_V[generated] -= params.presence_penalty + params.frequency_penalty * counts.generated_V[generated]
    return out_V


def log_softmax(logits: np.ndarray) -> NDArray[np.float64]:
    """float64 log-probabilities over the last axis."""
    shifted: NDArray[np.float64] = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def drawn_logprobs(logits_V: np.ndarray, params: SamplingParams) -> NDArray[np.float64]:
    """float64 [V]: of the tokens that are drawn from, each one's share; -infinity of all that was cut away."""
    out_V = np.full(len(logits_V), -np.inf)
    best = int(np.argmax(logits_V))
    if params.is_greedy:
        out_V[best] = 0.0
        return out_V
    ids, weights = kept_weights(logits_V, float(logits_V[best]), params)
    with np.errstate(divide="ignore"):  # what is too unlikely for a float32 has a weight of zero
        logs = np.log(weights.astype(np.float64) / weights.sum(dtype=np.float64))
    out_V[np.arange(len(logits_V)) if ids is None else ids] = logs
    return out_V


def kept_weights(logits_V: np.ndarray, best: float, params: SamplingParams) -> tuple[np.ndarray | None, np.ndarray]:
    """What is drawn from: (ids, or None for all in order; their weights, 1 for the likeliest)."""
    ids: np.ndarray | None = None
    # Below 1e-6 the division would overflow float32; such a distribution is greedy anyway.
    temperature = np.float32(max(params.temperature, 1e-6))
    weights = np.exp((logits_V - best) / (np.float32(1) if params.temperature_last else temperature))
    if params.top_k is not None and params.top_k < len(weights):
        ids = _largest(logits_V, params.top_k)
        weights = weights[ids]
    if params.top_p < 1:
        kept = _nucleus(weights, params.top_p)
        ids, weights = _narrow(ids, kept), weights[kept]
    if params.min_p > 0:
        kept = np.flatnonzero(weights >= params.min_p)  # the likeliest weighs 1
        ids, weights = _narrow(ids, kept), weights[kept]
    if params.temperature_last:
        weights = np.exp(((logits_V if ids is None else logits_V[ids]) - best) / temperature)
    return ids, weights


def _draw(logits_V: np.ndarray, best: float, params: SamplingParams, rng: np.random.Generator) -> int:
    ids, weights = kept_weights(logits_V, best, params)
    cumulative = np.cumsum(weights, dtype=np.float64)
    # random() < 1, so the search never runs past the end, and "right" never lands on a weight of zero.
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    index = min(index, len(weights) - 1)
    return index if ids is None else int(ids[index])


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` largest values, ascending; the lower index wins a tie at the border."""
    border = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > border)
    equal = np.flatnonzero(values == border)[: count - len(above)]
    return np.sort(np.concatenate((above, equal)))


def _nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """Indices, ascending, of the smallest set of largest weights that holds `top_p` of their sum."""
    total = float(weights.sum(dtype=np.float64))
    # Weights below (1 - top_p) x the mean together hold less than 1 - top_p: they cannot be in the set, and
    # need not be sorted.  (Half of that bound, so that rounding cannot matter.)
    candidates = np.flatnonzero(weights >= 0.5 * (1 - top_p) * total / len(weights))
    order = candidates[np.argsort(-weights[candidates], kind="stable")]
    before = np.cumsum(weights[order], dtype=np.float64) - weights[order]
    return np.sort(order[: max(1, int(np.searchsorted(before, top_p * total, side="left")))])


def _narrow(ids: np.ndarray | None, kept: np.ndarray) -> np.ndarray:
    return kept if ids is None else ids[kept]


def top_logprobs(logprobs_V: np.ndarray, count: int) -> TopLogprobs:
    """The so many likeliest tokens with their log-probabilities, best first."""
    if count == 0:
        return ()
    ids = _largest(logprobs_V, min(count, len(logprobs_V)))
    ids = ids[np.argsort(-logprobs_V[ids], kind="stable")]
    return tuple((int(i), float(logprobs_V[i])) for i in ids)
