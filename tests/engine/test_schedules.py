"""Random schedules of everything at once: each answer has the very bits that it has alone.

Arrivals, users, shared beginnings, chunk budgets, pools so small that requests are preempted (swapped out or
computed again), aborts, prompt pages from the disk, speculation on, off and forced.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import tiny_config
from tests.engine.compressed_models import KINDS as LAYERS
from tests.engine.compressed_models import v4_config
from tests.engine.oracles import make_model
from tests.engine.sparse_models import add_indexers
from tests.formats.random_drafter import random_drafter
from tests.model.tiny_models import lively_model

from huozhong.cost import Meter
from huozhong.engine import kernels
from huozhong.engine.cache.prefixes import PrefixStore
from huozhong.engine.loop import Engine, Handle
from huozhong.engine.requests import Completion, Delta, GenerateRequest, SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.speculation.guessing import Proposal
from huozhong.engine.weights.drafter import load_drafter
from huozhong.engine.weights.layout import Weights
from huozhong.engine.weights.load import load_weights
from huozhong.engine.weights.packing import pack_weights
from huozhong.engine.weights.streaming import bounded
from huozhong.formats.source import open_model
from huozhong.model.architecture import CacheFormat, CompressedAttention, LatentAttention
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import save_transformer

PAGE = 4
TEXTS = [
    "小明有3个苹果，又买了5个，",
    "春眠不觉晓，处处闻啼鸟。春眠不觉晓，处处闻",
    "The quick brown fox. The quick brown",
    "5 5 5 5 5",
]


KINDS = [
    "f32",
    "q8",
    "q8 with a prediction module",
    "q8 with a drafter",
    "q8, sparse, with a prediction module",
    "q8, experts on the disk, with a prediction module",
]
ON_DISK = {"n_routed_experts": 24, "hidden_size": 64, "moe_intermediate_size": 64}


@pytest.fixture(scope="module", params=KINDS)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """One dense layer and one of experts, with latent attention that matters; a sparse one leaves 20 keys; few experts
    that stay on the disk are in memory at a time."""
    modules, on_disk = int("module" in request.param), "disk" in request.param
    changes = ON_DISK if on_disk else {}
    model = lively_model(tiny_config(320, num_nextn_predict_layers=modules, **changes), seed=7, spread=0.4)
    folder = tmp_path_factory.mktemp("models") / "lively"
    save_transformer(model, folder, dtype="float32")
    if "sparse" in request.param:
        folder = add_indexers(folder, folder.parent / "sparse", top_k=20)
    if on_disk:  # five of 48
        return bounded(load_weights(folder, "q8", folder.parent / "cache"), 360_000, 0)
    packed = pack_weights(open_model(folder), request.param.partition(" ")[0].rstrip(","))
    if "drafter" in request.param:
        drafter = random_drafter(folder, folder.parent / "drafter", tuple(range(0, 320, 2)), spread=0.4)
        packed = replace(packed, prediction=(load_drafter(drafter, open_model(folder)),))
    return packed


@pytest.fixture(scope="module", params=["in memory", "on the disk"])
def compressed_weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """DeepSeek-V4's three kinds of layers, with windows and choices that a text of 40 tokens crosses many times."""
    rates = {"compressed_sparse_attention": 2, "heavily_compressed_attention": 8}
    config = v4_config(
        kinds=LAYERS,
        vocab_size=320,
        hidden_size=64,
        moe_intermediate_size=64,
        n_routed_experts=16,
        compress_rates=rates,
    )
    folder = tmp_path_factory.mktemp("models") / "compressed"
    make_model(config).save_pretrained(folder)
    loaded = load_weights(folder, "q8", folder.parent / "cache")
    return bounded(loaded, 360_000, 0) if request.param == "on the disk" else loaded  # some of 48 experts


def page_size(weights: Weights) -> int:
    """Of pages as small as they can be: an indexer's keys lie in sixteens, windows lie in one page."""
    attention = weights.architecture.attention
    if isinstance(attention, CompressedAttention):
        return attention.page_step
    return 16 if isinstance(attention, LatentAttention) and attention.indexer is not None else PAGE


def make(  # type: ignore[no-untyped-def]
    weights: Weights,
    tokenizer: Tokenizer,
    *,
    num_pages: int = 64,
    context: int = 96,
    cache_format: CacheFormat = "f32",
    **options,
) -> Engine:
    return Engine(
        Runner(weights, num_pages, page_size(weights), num_threads=1, cache_format=cache_format),
        tokenizer,
        max_context=context,
        eos_ids=frozenset({2}),
        meter=Meter(),
        **options,
    )


@dataclass
class Reply:
    """One request and what came of it; aborted after so many deltas, if ever."""

    ids: list[int]
    params: SamplingParams
    abort_after: int | None = None
    deltas: list[Delta] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    handle: Handle | None = None

    def start(self, engine: Engine, user: str | None = None) -> Reply:
        self.handle = engine.submit(GenerateRequest(ChatPrompt(self.ids), self.params, user), self.receive)
        return self

    def receive(self, delta: Delta) -> None:
        assert not self.done.is_set(), "a delta after the last one"
        self.deltas.append(delta)
        if delta.is_last:
            self.done.set()
        elif self.abort_after is not None and len(self.deltas) >= self.abort_after and self.handle:
            self.handle.abort()

    def wait(self) -> Completion:
        assert self.done.wait(120)
        return Completion.from_deltas(self.deltas)


def exactly(completion: Completion) -> list[tuple[int, float, tuple[tuple[int, float], ...]]]:
    return [(p.token_id, p.logprob, tuple((t.token_id, t.logprob) for t in p.top)) for p in completion.logprobs]


def some_request(dice: random.Random, tokenizer: Tokenizer) -> Reply:
    ids = [1, *tokenizer.encode(dice.choice(TEXTS) * dice.choice([1, 2]))][:44] + [
        dice.randrange(5, 9)
    ] * dice.randrange(3)
    params = SamplingParams(
        temperature=dice.choice([0, 0, 0.7, 1.0]),
        seed=dice.randrange(100),
        top_p=dice.choice([1.0, 0.9]),
        top_k=dice.choice([None, 5]),
        min_p=dice.choice([0.0, 0.05]),
        max_tokens=dice.randrange(1, 24),
        repetition_penalty=dice.choice([1, 1, 1.2]),
        frequency_penalty=dice.choice([0, 0, 0.5]),
        stop=dice.choice([(), (), ("e", "，")]),
        ignore_eos=dice.random() < 0.7,
        logprobs=2,
    )
    return Reply(ids, params, dice.randrange(1, 9) if dice.random() < 0.2 else None)


class Oracle:
    """Proposes what the request will answer, spoilt now and then: runs of accepted drafts of every length."""

    def __init__(self, answers: dict[tuple[int, ...], list[int]], seed: int) -> None:
        self.answers, self.dice = answers, random.Random(seed)

    def propose(self, sequence, k: int) -> Proposal | None:  # type: ignore[no-untyped-def]
        known = self.answers.get((sequence.task.params.seed, *sequence.prompt.tolist()))
        if known is None:
            return None
        drafts = known[len(sequence.generated) : len(sequence.generated) + k]
        drafts = [d if self.dice.random() < 0.8 else self.dice.randrange(300) for d in drafts]
        return Proposal(drafts, [1] * len(drafts)) if drafts else None


# The reference kernels are slow: two schedules are enough for them.
@pytest.mark.parametrize(("kind", "seed"), [("native", s) for s in range(12)] + [("reference", s) for s in range(2)])
def test_any_schedule(weights: Weights, tokenizer: Tokenizer, kind: str, seed: int, tmp_path: Path) -> None:
    kernels.use(kind if kind == "reference" else kernels.available()[0])
    run_schedule(weights, tokenizer, 6 if kind == "reference" else 16, seed, tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_any_schedule_of_compressed_attention(
    compressed_weights: Weights, tokenizer: Tokenizer, seed: int, tmp_path: Path
) -> None:
    kernels.use(kernels.available()[0])
    run_schedule(compressed_weights, tokenizer, 10, seed, tmp_path)


def run_schedule(weights: Weights, tokenizer: Tokenizer, count: int, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    requests = [some_request(dice, tokenizer) for _ in range(count)]
    formats: tuple[CacheFormat, ...] = ("f32", "f16", "q8")
    cache_format = formats[seed % 3]
    alone = make(weights, tokenizer, speculation="off", cache_format=cache_format)
    expected = [Reply(r.ids, r.params).start(alone).wait() for r in requests]
    alone.close()

    size = page_size(weights)
    pages = -(-dice.choice([18, 20, 26, 40]) * PAGE // size)
    uses_disk = dice.random() < 0.7
    for round in range(2):  # the second finds what the first has left on disk
        runner = Runner(weights, pages, size, num_threads=1, cache_format=cache_format)
        page_bytes = len(runner.read_page(0))
        store = PrefixStore(tmp_path, "any", page_bytes, 1 << 22) if uses_disk else None
        engine = Engine(
            runner,
            tokenizer,
            max_context=72,
            eos_ids=frozenset({2}),
            meter=Meter(),
            token_budget=dice.choice([5, 11, 64]),
            max_running=dice.choice([2, 5]),
            swap_bytes=dice.choice([0, 6 * page_bytes, 1 << 22]),
            store=store,
            speculation=dice.choice(["off", "auto", 3, 8]),
        )
        if dice.random() < 0.5:
            engine.speculator.proposer = Oracle(
                {(r.params.seed, *r.ids): list(c.token_ids) for r, c in zip(requests, expected, strict=True)}, seed
            )
        replies = []
        for r in requests:
            replies.append(Reply(r.ids, r.params, r.abort_after).start(engine, dice.choice(["a", "b", None])))
            if dice.random() < 0.3:
                replies[-1].done.wait(dice.random() * 0.02)
        for reply, completion in zip(replies, expected, strict=True):
            got = reply.wait()
            if got.finish_reason == "abort":
                assert exactly(got) == exactly(completion)[: len(got.token_ids)]
            else:
                assert exactly(got) == exactly(completion), (round, reply.params)
                assert (got.text, got.finish_reason) == (completion.text, completion.finish_reason)
        engine.close()
        stats = engine.stats()
        assert (stats.used_pages, stats.running, stats.waiting, stats.swap_bytes) == (0, 0, 0, 0)
        assert stats.accepted_tokens <= stats.drafted_tokens
    assert not list(tmp_path.glob("*/*.new"))


@pytest.mark.parametrize("weights", ["q8"], indirect=True)
def test_the_schedules_do_what_they_are_for(weights: Weights, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Preemption with and without room for copies, drafts accepted and refused, hits in memory and on disk."""
    params = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True, logprobs=0)
    prompts = [[1, *tokenizer.encode(text)] for text in TEXTS]
    alone = make(weights, tokenizer, speculation="off")
    answers = [Reply(ids, params).start(alone).wait() for ids in prompts]
    expected = [exactly(answer) for answer in answers]
    alone.close()
    known = {(None, *ids): list(answer.token_ids) for ids, answer in zip(prompts, answers, strict=True)}
    for swap in (0, 1 << 22):
        page_bytes = len(Runner(weights, 1, PAGE).read_page(0))
        store = PrefixStore(tmp_path / str(swap), "m", page_bytes, 1 << 22)
        engine = make(weights, tokenizer, num_pages=24, swap_bytes=swap, speculation=4, store=store)
        engine.speculator.proposer = Oracle(known, 3)  # type: ignore[arg-type]
        replies = [Reply(ids, params).start(engine) for ids in prompts]
        assert [exactly(reply.wait()) for reply in replies] == expected
        engine.close()
        stats = engine.stats()
        assert stats.preemptions > 0
        assert stats.swapped_out == (stats.preemptions if swap else 0)
        assert 0 < stats.accepted_tokens < stats.drafted_tokens
        assert stats.disk_pages_written > 0
        store = PrefixStore(tmp_path / str(swap), "m", page_bytes, 1 << 22)
        engine = make(weights, tokenizer, store=store)
        for ids, wanted in zip(prompts, expected, strict=True):
            got = Reply(ids, params).start(engine).wait()
            assert exactly(got) == wanted
            assert got.usage.cache_hit_tokens == (len(ids) - 1) // PAGE * PAGE
        assert engine.stats().disk_hit_tokens > 0
        engine.close()


@pytest.mark.parametrize("weights", ["q8"], indirect=True)
def test_one_prefix_is_computed_once_by_requests_that_arrive_together(weights: Weights, tokenizer: Tokenizer) -> None:
    computed = []

    class Watch(Runner):
        def forward(self, chunks):  # type: ignore[no-untyped-def]
            computed.append(sum(len(c.tokens) for c in chunks if c.prefill))
            return super().forward(chunks)

    engine = Engine(
        Watch(weights, 160, PAGE, num_threads=1),
        tokenizer,
        max_context=96,
        eos_ids=frozenset(),
        meter=Meter(),
        token_budget=32,
    )
    shared = [1, *range(20, 83)]
    params = SamplingParams(temperature=0, max_tokens=2, ignore_eos=True)
    replies = [Reply([*shared, 100 + i, 101 + i], params).start(engine) for i in range(8)]
    hits = [reply.wait().usage.cache_hit_tokens for reply in replies]
    engine.close()
    assert sum(computed) == 64 + 8 * 2
    assert sorted(hits) == [0] + [64] * 7


@pytest.mark.parametrize("weights", ["q8"], indirect=True)
def test_abort_at_random_moments_frees_everything(weights: Weights, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """While running, waiting, swapped out, or waiting for the disk."""
    dice = random.Random(5)
    page_bytes = len(Runner(weights, 1, PAGE).read_page(0))
    store = PrefixStore(tmp_path, "m", page_bytes, 1 << 22)
    engine = make(weights, tokenizer, num_pages=24, swap_bytes=1 << 22, speculation=4, store=store)
    forever = SamplingParams(temperature=0, ignore_eos=True)
    replies = []
    for _ in range(60):
        ids = [1, *tokenizer.encode(dice.choice(TEXTS))][: dice.randrange(4, 40)]
        replies.append(Reply(ids, forever).start(engine))
        if dice.random() < 0.5:
            replies[-1].done.wait(dice.random() * 0.01)
        victim = dice.choice(replies)
        assert victim.handle is not None
        victim.handle.abort()
    for reply in replies:
        assert reply.handle is not None
        reply.handle.abort()
    assert {reply.wait().finish_reason for reply in replies} <= {"abort", "length"}
    Reply([1, 2, 3], SamplingParams(max_tokens=1)).start(engine).wait()
    engine.close()
    stats = engine.stats()
    assert stats.swapped_out > 0
    assert (stats.used_pages, stats.running, stats.waiting, stats.swap_bytes) == (0, 0, 0, 0)


@pytest.mark.parametrize("weights", ["q8"], indirect=True)
def test_sampling_with_guesses_follows_the_models_distribution(weights: Weights, tokenizer: Tokenizer) -> None:
    """Chi-square of the first two sampled tokens, 1,500 seeds, guesses forced, against the exact probabilities."""
    params = {"temperature": 1.0, "top_k": 4, "max_tokens": 3, "ignore_eos": True}
    prompt = [1, *tokenizer.encode("5 5 5 5")]
    engine = make(weights, tokenizer, speculation=2)

    class Fixed:
        def propose(self, sequence, k: int) -> Proposal | None:  # type: ignore[no-untyped-def]
            return Proposal(favourites[:k], [1] * k)

    first = Reply(prompt, SamplingParams(temperature=0, max_tokens=3, ignore_eos=True)).start(engine).wait()
    favourites = list(first.token_ids[1:])
    engine.speculator.proposer = Fixed()
    replies = [Reply(prompt, SamplingParams(seed=s, **params)).start(engine) for s in range(1500)]  # type: ignore[arg-type]
    seen = [reply.wait().token_ids for reply in replies]
    assert engine.stats().accepted_tokens > 50
    engine.close()
    # The exact probabilities of (second token | most frequent first token), from the model's own log-probabilities.
    starts, counts = np.unique([s[0] for s in seen], return_counts=True)
    start = int(starts[counts.argmax()])
    exact = make(weights, tokenizer, speculation="off")
    top = Reply(prompt, SamplingParams(temperature=0, max_tokens=1, logprobs=4)).start(exact).wait().logprobs[0].top
    _chi_square([s[0] for s in seen], {t.token_id: np.exp(t.logprob) for t in top})
    # Alone and without guesses, the same seeds give the same tokens: the distribution is the sampler's own.
    for seed in range(40):
        assert Reply(prompt, SamplingParams(seed=seed, **params)).start(exact).wait().token_ids == seen[seed]  # type: ignore[arg-type]
    exact.close()
    second = [s[1] for s in seen if s[0] == start]
    logits = Runner(weights, 8, PAGE, num_threads=1)
    pages = np.arange(8, dtype=np.int32)
    logits.forward([Chunk(np.array(prompt, np.int32), 0, pages, "none", True)])
    (row,) = logits.forward([Chunk(np.array([start], np.int32), len(prompt), pages, "last", False)])
    assert row is not None
    best = np.argsort(-row[: tokenizer.vocab_size])[:4]
    _chi_square(second, {int(i): float(np.exp(row[i] - row[best[0]])) for i in best})


def _chi_square(seen: list[int], weights: dict[int, float]) -> None:
    """Pearson's statistic with 3 degrees of freedom below its 0.1% point, 16.27; the seeds are fixed."""
    assert set(seen) <= set(weights)
    total = sum(weights.values())
    expected = {token: len(seen) * weight / total for token, weight in weights.items()}
    statistic = sum((seen.count(token) - e) ** 2 / e for token, e in expected.items())
    assert statistic < 16.27, (statistic, expected)
