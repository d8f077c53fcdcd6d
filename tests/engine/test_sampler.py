"""The sampler against slow, literal references."""

from __future__ import annotations

import numpy as np
import pytest

from huozhong.engine.requests import SamplingParams
from huozhong.engine.sampler import TokenCounts, kept_weights, penalize, sample
from huozhong.errors import EngineError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def random_logits(seed: int, size: int = 50) -> np.ndarray:
    return rng(seed).normal(0, 3, size).astype(np.float32)


def slow_distribution(logits: np.ndarray, params: SamplingParams) -> dict[int, float]:
    """{token: probability} by the definitions, one step after the other, in Python floats."""
    scaled = [float(x) / (1 if params.temperature_last else params.temperature) for x in logits]
    weights = {i: np.exp(x - max(scaled)) for i, x in enumerate(scaled)}
    ranked = sorted(weights, key=lambda i: (-weights[i], i))
    if params.top_k is not None:
        ranked = ranked[: params.top_k]
    total = sum(weights[i] for i in ranked)
    kept, mass = [], 0.0
    for i in ranked:
        if params.top_p < 1 and mass >= params.top_p * total:
            break
        kept.append(i)
        mass += weights[i]
    kept = [i for i in kept if weights[i] >= params.min_p * weights[kept[0]]]
    if params.temperature_last:
        weights = {i: weights[i] ** (1 / params.temperature) for i in kept}
    total = sum(weights[i] for i in kept)
    return {i: weights[i] / total for i in kept}


FILTERS = [
    {}, {"temperature": 0.3}, {"temperature": 2.0}, {"top_k": 1}, {"top_k": 7}, {"top_k": 50}, {"top_k": 999},
    {"top_p": 0.9}, {"top_p": 0.3}, {"top_p": 1e-9}, {"top_p": 0.999}, {"min_p": 0.1}, {"min_p": 1.0},
    {"temperature": 1.5, "top_k": 20, "top_p": 0.8, "min_p": 0.05},
    {"temperature": 1.5, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "temperature_last": True},
    {"temperature": 0.4, "min_p": 0.2, "temperature_last": True}, {"temperature": 2.0, "temperature_last": True},
]  # fmt: skip


@pytest.mark.parametrize("fields", FILTERS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_filters_keep_what_the_definitions_keep(fields: dict, seed: int) -> None:
    params = SamplingParams(**fields)
    logits = random_logits(seed)
    ids, weights = kept_weights(logits, float(logits.max()), params)
    found = dict(zip(range(50) if ids is None else ids.tolist(), weights / weights.sum(), strict=True))
    expected = slow_distribution(logits, params)
    assert found.keys() == expected.keys()
    assert all(found[i] == pytest.approx(expected[i], rel=1e-5) for i in expected)


def test_draws_follow_the_distribution() -> None:
    params = SamplingParams(temperature=0.8, top_p=0.95)
    logits = random_logits(3)
    expected = slow_distribution(logits, params)
    generator, draws = rng(1), 20_000
    drawn = [sample(logits, params, None, generator)[0] for _ in range(draws)]
    counts = np.bincount(drawn, minlength=50)
    assert set(np.flatnonzero(counts)) <= expected.keys()
    for token, p in expected.items():
        assert abs(counts[token] / draws - p) < 5 * np.sqrt(p * (1 - p) / draws) + 1e-9


@pytest.mark.parametrize("fields", FILTERS, ids=str)
def test_logprobs_of_the_draw_are_the_distribution(fields: dict) -> None:
    params = SamplingParams(**fields, logprobs=20, drawn_logprobs=True)
    logits = random_logits(5)
    expected = slow_distribution(logits, params)
    token, logprob, top = sample(logits, params, None, rng())
    assert logprob == pytest.approx(np.log(expected[token]), abs=1e-4)
    assert len(top) == min(20, len(expected))
    assert all(told == pytest.approx(np.log(expected[i]), abs=1e-4) for i, told in top)


def test_greedy_takes_the_lowest_id_of_equals() -> None:
    logits = np.array([0, 2, 1, 2, 2], np.float32)
    assert sample(logits, SamplingParams(temperature=0), None, rng())[0] == 1


def test_top_k_and_top_p_break_ties_by_id() -> None:
    logits = np.array([1, 1, 1, 1], np.float32)
    for params in (SamplingParams(top_k=2), SamplingParams(top_p=0.5)):
        assert {sample(logits, params, None, rng(s))[0] for s in range(60)} == {0, 1}


def test_nearly_zero_temperature_is_greedy() -> None:
    logits = random_logits(0)
    params = SamplingParams(temperature=1e-300)
    assert sample(logits, params, None, rng())[0] == int(logits.argmax())


def test_minus_infinity_is_never_drawn() -> None:
    logits = np.full(6, -np.inf, np.float32)
    logits[4] = -1000
    params = SamplingParams(temperature=2)
    assert {sample(logits, params, None, rng(s))[0] for s in range(20)} == {4}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_an_error(bad: float) -> None:
    logits = random_logits(0)
    logits[3] = bad
    with pytest.raises(EngineError, match="not a number"):
        sample(logits, SamplingParams(temperature=0), None, rng())


def test_every_draw_takes_one_number() -> None:
    logits = random_logits(0)
    generators = [rng(9), rng(9)]
    sample(logits, SamplingParams(), None, generators[0])
    sample(logits, SamplingParams(top_k=3, top_p=0.5, logprobs=2), None, generators[1])
    assert generators[0].random() == generators[1].random()


def test_penalties() -> None:
    logits = random_logits(5)
    counts = TokenCounts(np.array([3, 4, 4], np.int32), 50)
    for token in (4, 7, 7, 7):
        counts.add(token)
    params = SamplingParams(repetition_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.25)
    expected = [float(x) for x in logits]
    for token in (3, 4, 7):
        expected[token] = expected[token] / 1.3 if expected[token] > 0 else expected[token] * 1.3
    expected[4] -= 0.5 + 0.25
    expected[7] -= 0.5 + 3 * 0.25
    before = logits.copy()
    np.testing.assert_allclose(penalize(logits, params, counts), expected, rtol=1e-5)
    np.testing.assert_array_equal(logits, before)


def test_logprobs_are_the_models_own_at_temperature_one() -> None:
    logits = random_logits(8)
    params = SamplingParams(temperature=0.5, top_k=3, logprobs=5)
    token, logprob, top = sample(logits, params, None, rng())
    p = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    assert logprob == pytest.approx(np.log(p[token]))
    assert [t for t, _ in top] == np.argsort(-p)[:5].tolist()
    assert [v for _, v in top] == pytest.approx(np.sort(np.log(p))[::-1][:5].tolist())
    _, _, everything = sample(random_logits(8, 20), SamplingParams(logprobs=20), None, rng())
    assert sum(np.exp(v) for _, v in everything) == pytest.approx(1)


def test_no_logprobs_unless_asked() -> None:
    assert sample(random_logits(1), SamplingParams(), None, rng())[1:] == (None, ())
    _, logprob, top = sample(random_logits(1), SamplingParams(logprobs=0), None, rng())
    assert logprob is not None
    assert logprob < 0
    assert top == ()
