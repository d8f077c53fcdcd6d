"""The step loop with a tiny real model: the same answer whatever else is served, and no page is ever lost."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong.cost import Bill, Meter
from huozhong.engine.collector import Collector
from huozhong.engine.loop import Engine, Handle
from huozhong.engine.requests import Completion, Delta, GenerateRequest, SamplingParams, ScoredText, ScoreRequest
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.layout import Weights
from huozhong.engine.weights.packing import pack_weights
from huozhong.errors import ContextLengthError, EngineError, RequestError
from huozhong.formats.source import open_model
from huozhong.model.transformer import generate
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import Tokenizer

GREEDY = SamplingParams(temperature=0, max_tokens=20, ignore_eos=True, logprobs=0)
PROMPTS = ["小明有3个苹果，", "The quick brown", "春眠不觉晓，处处闻啼鸟。夜来风雨声，", "5"]
MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="module", params=["f32", "q8"])
def weights(request: pytest.FixtureRequest, tiny_folder: Path) -> Weights:
    return pack_weights(open_model(tiny_folder), request.param)


@pytest.fixture
def make(weights: Weights, tokenizer: Tokenizer) -> Iterator[MakeEngine]:
    engines: list[Engine] = []

    def make_engine(
        num_pages: int = 64,
        page_size: int = 4,
        kind: type[Runner] = Runner,
        eos: int | None = None,
        **options: int,
    ) -> Engine:
        context = options.pop("max_context", min(96, num_pages * page_size))
        engines.append(
            Engine(
                kind(weights, num_pages, page_size, num_threads=1),
                tokenizer,
                max_context=context,
                eos_ids=frozenset() if eos is None else frozenset({eos}),
                meter=Meter(),
                **options,
            )
        )
        return engines[-1]

    yield make_engine
    for engine in engines:
        engine.close()
        assert engine.scheduler.pool.num_used == 0


class Reply:
    """The receiving end of one request."""

    def __init__(self, engine: Engine, ids: list[int], params: SamplingParams) -> None:
        self.deltas: list[Delta] = []
        self.done = threading.Event()
        self.abort_after: int | None = None
        self.handle: Handle = engine.submit(GenerateRequest(ChatPrompt(ids), params), self.receive)

    def receive(self, delta: Delta) -> None:
        assert not self.done.is_set(), "a delta after the last one"
        self.deltas.append(delta)
        if self.abort_after is not None and len(self.deltas) >= self.abort_after:
            self.handle.abort()
        if delta.is_last:
            self.done.set()

    def wait(self) -> Completion:
        assert self.done.wait(60)
        return Completion.from_deltas(self.deltas)


def prompts(tokenizer: Tokenizer) -> list[list[int]]:
    return [[1, *tokenizer.encode(text)] for text in PROMPTS]


def answer(engine: Engine, ids: list[int], params: SamplingParams = GREEDY) -> Completion:
    return Reply(engine, ids, params).wait()


def exactly(completion: Completion) -> list[tuple[int, float]]:
    """Tokens and the very bits of their log-probabilities."""
    return [(p.token_id, p.logprob) for p in completion.logprobs]


@pytest.mark.parametrize("weights", ["f32"], indirect=True)  # quantised weights are another model
def test_greedy_tokens_are_the_references(make, tokenizer, tiny_model) -> None:  # type: ignore[no-untyped-def]
    engine = make()
    for ids in prompts(tokenizer):
        assert list(answer(engine, ids).token_ids) == generate(tiny_model, ids, 20)


def test_together_as_alone(make: MakeEngine, tokenizer: Tokenizer) -> None:
    alone = [exactly(answer(make(), ids)) for ids in prompts(tokenizer)]
    engine = make()
    together = [Reply(engine, ids, GREEDY) for ids in prompts(tokenizer)]
    assert [exactly(reply.wait()) for reply in together] == alone


@pytest.mark.parametrize("budget", [1, 3, 7])
def test_chunked_as_whole(make: MakeEngine, tokenizer: Tokenizer, budget: int) -> None:
    ids = prompts(tokenizer)[2]
    whole = answer(make(), ids)
    chunked = answer(make(token_budget=budget, max_running=1), ids)
    assert exactly(chunked) == exactly(whole)


def test_prefix_hit_as_cold(make: MakeEngine, tokenizer: Tokenizer) -> None:
    engine = make()
    ids = prompts(tokenizer)[2]
    cold, warm = answer(engine, ids), answer(engine, ids)
    assert cold.usage.cache_hit_tokens == 0
    assert warm.usage.cache_hit_tokens == (len(ids) - 1) // 4 * 4 > 0
    assert exactly(warm) == exactly(cold)
    longer = [*ids, *tokenizer.encode("花落知多少。")]
    hit = answer(engine, longer)
    assert hit.usage.cache_hit_tokens == len(ids) // 4 * 4
    assert exactly(hit) == exactly(answer(make(), longer))


def test_preempted_and_computed_again_is_the_same(make: MakeEngine, tokenizer: Tokenizer) -> None:
    alone = [exactly(answer(make(), ids)) for ids in prompts(tokenizer)]
    engine = make(num_pages=17, max_context=64)
    together = [Reply(engine, ids, GREEDY) for ids in prompts(tokenizer)]
    assert [exactly(reply.wait()) for reply in together] == alone
    assert engine.scheduler.stats.preemptions > 0


@pytest.mark.parametrize("seed", range(6))
def test_random_schedules(make: MakeEngine, tokenizer: Tokenizer, seed: int) -> None:
    """Arrivals, aborts, sampling, shared beginnings, few pages: each answer is the one it gets alone."""
    dice = random.Random(seed)
    engine = make(
        num_pages=dice.choice([14, 20, 40]),
        max_context=56,
        token_budget=dice.choice([4, 11, 64]),
        max_running=4,
    )
    reference = make()
    replies: list[tuple[Reply, list[int], SamplingParams]] = []
    for _ in range(14):
        ids = [1, *tokenizer.encode(dice.choice(PROMPTS) * dice.choice([1, 2]))][:40]
        params = SamplingParams(
            temperature=dice.choice([0, 0, 1.0]),
            seed=dice.randrange(100),
            top_p=0.9,
            max_tokens=dice.randrange(1, 16),
            repetition_penalty=dice.choice([1, 1.2]),
            ignore_eos=True,
            logprobs=0,
        )
        reply = Reply(engine, ids, params)
        if dice.random() < 0.2:
            reply.abort_after = dice.randrange(1, 6)
        replies.append((reply, ids, params))
        if dice.random() < 0.5:
            reply.done.wait(dice.random() * 0.05)
    for reply, ids, params in replies:
        got, alone = reply.wait(), answer(reference, ids, params)
        if got.finish_reason == "abort":
            assert exactly(got) == exactly(alone)[: len(got.token_ids)]
        else:
            assert exactly(got) == exactly(alone)
            assert got.text == alone.text
    assert engine.scheduler.pool.num_used == 0


def test_seeds_reproduce(make: MakeEngine, tokenizer: Tokenizer) -> None:
    engine = make()
    ids = prompts(tokenizer)[0]

    def sampled(seed: int | None) -> tuple[int, ...]:
        return answer(engine, ids, SamplingParams(seed=seed, max_tokens=12, ignore_eos=True)).token_ids

    assert sampled(3) == sampled(3)
    assert sampled(3) != sampled(4)
    assert sampled(None) != sampled(None)


def test_end_of_text_ends_the_answer_and_is_not_shown(make: MakeEngine, tokenizer: Tokenizer) -> None:
    ids = prompts(tokenizer)[1]
    free = answer(make(), ids)
    position = next(i for i, t in enumerate(free.token_ids) if t not in free.token_ids[:i] and i > 2)
    engine = make(eos=free.token_ids[position])
    stopped = answer(engine, ids, SamplingParams(temperature=0, max_tokens=20))
    assert stopped.finish_reason == "stop"
    assert stopped.token_ids == free.token_ids[: position + 1]
    assert stopped.text == tokenizer.decode(free.token_ids[:position])
    assert answer(engine, ids).token_ids == free.token_ids


def test_stop_string(make: MakeEngine, tokenizer: Tokenizer) -> None:
    ids = prompts(tokenizer)[1]
    free = answer(make(), ids)
    stop = free.text[5:7]
    reply = Reply(make(), ids, SamplingParams(temperature=0, max_tokens=20, ignore_eos=True, stop=(stop,)))
    stopped = reply.wait()
    assert stopped.finish_reason == "stop"
    assert stopped.text == free.text[: free.text.index(stop)]
    assert len(stopped.token_ids) < 20


def test_the_stream_adds_up(make: MakeEngine, tokenizer: Tokenizer) -> None:
    reply = Reply(make(), prompts(tokenizer)[0], GREEDY)
    whole = reply.wait()
    assert whole.text == tokenizer.decode(whole.token_ids)
    assert len(reply.deltas) == 20
    assert all(d.usage is None for d in reply.deltas[:-1])
    assert whole.usage.completion_tokens == len(whole.token_ids) == len(whole.logprobs) == 20
    assert whole.usage.seconds_to_first_token is not None
    assert 0 < whole.usage.seconds_to_first_token <= whole.usage.seconds


def test_logprobs_are_the_models(make: MakeEngine, weights: Weights, tokenizer: Tokenizer, tiny_model) -> None:  # type: ignore[no-untyped-def]
    ids = prompts(tokenizer)[0]
    params = SamplingParams(temperature=0.7, seed=1, max_tokens=3, logprobs=20, ignore_eos=True)
    got = answer(make(), ids, params)
    for i, entry in enumerate(got.logprobs):
        with torch.no_grad():
            hidden = tiny_model(torch.tensor([ids + list(got.token_ids[:i])]))
            expected = torch.log_softmax(tiny_model.logits(hidden[0, -1]).double(), -1).numpy()
        tolerance = 1e-3 if weights.format == "f32" else 0.5
        assert entry.logprob == pytest.approx(expected[entry.token_id], abs=tolerance)
        assert [t.logprob for t in entry.top] == sorted((t.logprob for t in entry.top), reverse=True)
        assert entry.bytes == tokenizer.bytes_of(entry.token_id)
        assert len(entry.top) == 20


def test_abort_frees_everything_at_any_moment(make: MakeEngine, tokenizer: Tokenizer) -> None:
    engine = make(num_pages=14, max_context=56)
    forever = SamplingParams(temperature=0, ignore_eos=True)
    replies = [Reply(engine, ids, forever) for ids in prompts(tokenizer)]
    replies[0].handle.abort()
    replies[1].abort_after = 3
    for reply in replies[2:]:
        reply.handle.abort()
        reply.handle.abort()
    assert [reply.wait().finish_reason for reply in replies] == ["abort"] * 4
    answer(engine, [1, 2, 3])  # one more step: the aborts have all been carried out
    assert engine.scheduler.pool.num_used == 0
    replies[0].handle.abort()
    assert answer(engine, [1, 2, 3]).finish_reason == "length"


def test_answer_is_cut_where_the_context_ends(make: MakeEngine) -> None:
    engine = make(num_pages=4, page_size=4)
    for wanted in (None, 1000):
        whole = answer(engine, [1] * 10, SamplingParams(temperature=0, max_tokens=wanted, ignore_eos=True))
        assert whole.finish_reason == "length"
        assert len(whole.token_ids) == 6
    with pytest.raises(ContextLengthError, match=r"16 tokens.*context length is 16 ") as caught:
        answer(engine, [1] * 16)
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("bad", [[], [1, -1], [1, 9999], "text", [1.5], [[1]], [1, "a"], [[1], [1, 2]], [True, None]])
def test_bad_prompts(make: MakeEngine, bad: list[int]) -> None:
    engine = make()
    with pytest.raises(RequestError):
        engine.submit(GenerateRequest(ChatPrompt(bad), GREEDY), print)


class OnceBrokenMeter(Meter):
    broken = True

    def lap(self) -> Bill:
        if self.broken:
            self.broken = False
            raise OSError("counter unreadable")
        return super().lap()


def test_a_meter_that_fails_is_told_and_the_engine_goes_on(make: MakeEngine, caplog) -> None:  # type: ignore[no-untyped-def]
    engine = make()
    engine.meter = OnceBrokenMeter()
    with (
        caplog.at_level(logging.CRITICAL, "huozhong"),
        pytest.raises(EngineError, match="counter unreadable"),
    ):
        answer(engine, [1, 5])
    assert len(answer(engine, [1, 5]).token_ids) == 20


class Trap(Runner):
    """Fails when token 77 is in the batch; gives NaN for a chunk that ends with token 78."""

    def forward(self, chunks):  # type: ignore[no-untyped-def]
        if any(77 in chunk.tokens for chunk in chunks):
            raise FloatingPointError("trap")
        outputs = super().forward(chunks)
        for chunk, logits in zip(chunks, outputs, strict=True):
            if chunk.tokens[-1] == 78 and logits is not None:
                logits[:] = np.nan
        return outputs


def test_a_failed_step_ends_its_requests_and_the_engine_goes_on(make: MakeEngine, caplog) -> None:  # type: ignore[no-untyped-def]
    engine = make(kind=Trap)
    with caplog.at_level(logging.CRITICAL, "huozhong"):
        with pytest.raises(EngineError, match="trap") as caught:
            answer(engine, [1, 77])
        assert isinstance(caught.value.__cause__, FloatingPointError)
    assert engine.scheduler.pool.num_used == 0
    assert len(answer(engine, [1, 5]).token_ids) == 20


def test_damaged_logits_end_only_their_own_request(make: MakeEngine, caplog) -> None:  # type: ignore[no-untyped-def]
    engine = make(kind=Trap)
    with caplog.at_level(logging.CRITICAL, "huozhong"):
        good = Reply(engine, [1, 5], GREEDY)
        with pytest.raises(EngineError, match="not a number"):
            answer(engine, [1, 78])
    assert len(good.wait().token_ids) == 20


def test_a_failing_receiver_ends_its_own_request(make: MakeEngine, caplog) -> None:  # type: ignore[no-untyped-def]
    engine = make()

    def broken(delta: Delta) -> None:
        raise ValueError("nobody home")

    engine.submit(GenerateRequest(ChatPrompt([1, 5]), SamplingParams(ignore_eos=True)), broken)
    assert len(answer(engine, [1, 5]).token_ids) == 20
    assert "nobody home" in caplog.text
    assert engine.scheduler.pool.num_used == 0


def test_close_ends_what_runs_and_nothing_starts_after_it(make: MakeEngine) -> None:
    engine = make()
    reply = Reply(engine, [1, 5], SamplingParams(ignore_eos=True))
    engine.close()
    engine.close()
    assert reply.wait().finish_reason in ("abort", "length")
    with pytest.raises(EngineError, match="closed"):
        engine.submit(GenerateRequest(ChatPrompt([1]), GREEDY), print)


def test_closing_from_the_step_thread(make: MakeEngine) -> None:
    engine = make()
    closed = threading.Event()

    def close(delta: Delta) -> None:
        engine.close()
        if delta.is_last:
            closed.set()

    engine.submit(GenerateRequest(ChatPrompt([1, 5]), SamplingParams(ignore_eos=True)), close)
    assert closed.wait(60)


def test_many_threads(make: MakeEngine, tokenizer: Tokenizer) -> None:
    engine = make(max_running=3)
    alone = [exactly(answer(engine, ids)) for ids in prompts(tokenizer)]
    found: queue.SimpleQueue[tuple[int, list[tuple[int, float]]]] = queue.SimpleQueue()

    def ask(i: int) -> None:
        found.put((i % 4, exactly(answer(engine, prompts(tokenizer)[i % 4]))))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    results = [found.get(timeout=60) for _ in threads]
    assert all(got == alone[i] for i, got in results)


def test_bills_share_what_the_machine_used(make: MakeEngine, tokenizer: Tokenizer) -> None:
    engine = make()
    bills = [r.wait().usage.bill for r in [Reply(engine, ids, GREEDY) for ids in prompts(tokenizer)]]
    engine.close()
    total = engine.meter.snapshot()
    shared = sum(b.joules for b in bills if b is not None)
    assert 0 < shared <= total.joules
    assert all(b is not None and b.seconds > 0 and b.money > 0 and "shared" in b.how for b in bills)
    assert [b.tokens for b in bills if b is not None] == [len(ids) + 20 for ids in prompts(tokenizer)]


def test_scores_are_the_models(make, weights, tokenizer, tiny_model) -> None:  # type: ignore[no-untyped-def]
    ids = prompts(tokenizer)[2]
    with torch.no_grad():
        expected = torch.log_softmax(tiny_model.logits(tiny_model(torch.tensor([ids]))[0]).double(), -1).numpy()
    expected = expected[np.arange(len(ids) - 1), ids[1:]]
    scores = []
    for engine in (make(), make(token_budget=3, max_running=2)):
        for _ in range(2):
            collector = Collector()
            engine.submit(ScoreRequest(ids), collector.put)
            scores.append(ScoredText.from_deltas(collector).logprobs)
    np.testing.assert_allclose(scores[0], expected, atol=1e-3 if weights.format == "f32" else 0.5)
    for other in scores[1:]:
        np.testing.assert_array_equal(other, scores[0])
    with pytest.raises(ContextLengthError):
        make(num_pages=4).submit(ScoreRequest([1] * 17), print)


def test_chunk_forms(make: MakeEngine) -> None:
    """Prompt tokens are marked as such, even a single one; generated ones are not."""
    seen: list[Chunk] = []

    class Watch(Runner):
        def forward(self, chunks):  # type: ignore[no-untyped-def]
            seen.extend(chunks)
            return super().forward(chunks)

    answer(make(kind=Watch, token_budget=4, max_running=1), [1, 2, 3, 4, 5], SamplingParams(max_tokens=3))
    assert [(len(c.tokens), c.prefill, c.want) for c in seen] == [
        (4, True, "none"),
        (1, True, "last"),
        (1, False, "last"),
        (1, False, "last"),
    ]
