"""Samplers answer alike, and packing loses nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
import torch
from tests.train.rl.torch_sampler import TorchSampler

from huozhong.cli.sampling import EngineSampler
from huozhong.model.transformer import Transformer, generate
from huozhong.text.data import NO_TARGET
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.rl.grpo import token_logprobs
from huozhong.train.rl.rollout import Ask, Drawn, Trace, pack_traces

PROMPTS = ["小明有3个苹果", "What is", "春眠不觉晓，处处闻", "2+3="]


@pytest.fixture
def asks(tokenizer: Tokenizer) -> list[Ask]:
    return [Ask((1, *tokenizer.encode(text)), seed) for seed in (5, 6) for text in PROMPTS]


@pytest.fixture
def slow(tokenizer: Tokenizer) -> TorchSampler:
    return TorchSampler(vocab_size=tokenizer.vocab_size, eos_id=tokenizer.eos_id)


@pytest.fixture
def engine(tokenizer: Tokenizer) -> Iterator[EngineSampler]:
    sampler = EngineSampler(tokenizer, quantization="none", num_threads=1, precision="float32")
    yield sampler
    sampler.close()


def test_the_reference_is_greedy_like_generate(
    tiny_model: Transformer, tokenizer: Tokenizer, slow: TorchSampler, asks: list[Ask]
) -> None:
    slow.load(tiny_model)
    for ask, drawn in zip(asks, slow.generate(asks, max_tokens=12, greedy=True), strict=True):
        assert list(drawn.token_ids) == generate(tiny_model, list(ask.prompt), 12, tokenizer.eos_id)
        assert drawn.finished == (drawn.token_ids[-1] == tokenizer.eos_id)


@pytest.mark.parametrize("greedy", [True, False])
def test_engine_and_reference_answer_alike(
    tiny_model: Transformer, slow: TorchSampler, engine: EngineSampler, asks: list[Ask], greedy: bool
) -> None:
    """The same seed draws the same tokens in both; float32 on both sides, so only summation order differs."""
    slow.load(tiny_model)
    engine.load(tiny_model)
    ours = engine.generate(asks, max_tokens=16, greedy=greedy)
    theirs = slow.generate(asks, max_tokens=16, greedy=greedy)
    assert [a.token_ids for a in ours] == [a.token_ids for a in theirs]
    assert [a.finished for a in ours] == [a.finished for a in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=2e-3)
    if not greedy:
        assert len({a.token_ids for a in ours}) == len(ours)  # other seeds, other answers


def test_the_engine_answers_a_seed_alike_whatever_it_is_batched_with(
    tiny_model: Transformer, engine: EngineSampler, asks: list[Ask]
) -> None:
    engine.load(tiny_model)
    together = engine.generate(asks, max_tokens=16)
    assert [engine.generate([ask], max_tokens=16)[0] for ask in asks] == together


def test_the_engine_takes_new_weights(
    tiny_model: Transformer, tokenizer: Tokenizer, engine: EngineSampler, slow: TorchSampler, asks: list[Ask]
) -> None:
    engine.load(tiny_model)
    before = engine.generate(asks, max_tokens=8, greedy=True)
    torch.manual_seed(11)
    other = Transformer(tiny_model.config)
    for sampler in (engine, slow):
        sampler.load(other)
    after = engine.generate(asks, max_tokens=8, greedy=True)
    assert [a.token_ids for a in after] != [a.token_ids for a in before]
    assert [a.token_ids for a in after] == [a.token_ids for a in slow.generate(asks, max_tokens=8, greedy=True)]


def test_drawing_follows_the_probabilities(tiny_model: Transformer, slow: TorchSampler, tokenizer: Tokenizer) -> None:
    """Of 600 first tokens the most likely one comes as often as its probability says."""
    prompt = (1, *tokenizer.encode("What is"))
    slow.load(tiny_model)
    drawn = slow.generate([Ask(prompt, seed) for seed in range(600)], max_tokens=1)
    best = slow.generate([Ask(prompt, 0)], max_tokens=1, greedy=True)[0]
    expected = math.exp(best.logprobs[0])
    share = sum(answer.token_ids == best.token_ids for answer in drawn) / len(drawn)
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / len(drawn))


# -- packing ---------------------------------------------------------------------------------------------


def traces(count: int, vocabulary: int) -> list[Trace]:
    rng = random.Random(3)

    def ids(size: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, vocabulary) for _ in range(size))

    made = []
    for n in range(count):
        answer = ids(rng.randint(1, 9))
        logprobs = tuple(-rng.random() for _ in answer)
        made.append(Trace(ids(rng.randint(1, 12)), Drawn(answer, logprobs, finished=True), float(n + 1)))
    return made


def test_packing_keeps_every_answer_once(tokenizer: Tokenizer) -> None:
    given = traces(23, tokenizer.vocab_size)
    rows = pack_traces(given, seq_len=32, multiple=4)
    assert rows.tokens_BT.shape[0] % 4 == 0
    assert rows.count == sum(len(trace.drawn.token_ids) for trace in given)
    found = []
    for b in range(len(rows.tokens_BT)):
        for doc in range(int(rows.doc_BT[b].max()) + 1):
            at = (rows.doc_BT[b] == doc).nonzero()[:, 0]
            if (rows.targets_BT[b, at] == NO_TARGET).all():
                continue  # what fills the row up
            assert rows.pos_BT[b, at].tolist() == list(range(len(at)))
            kept = at[rows.targets_BT[b, at] != NO_TARGET]
            answer = tuple(rows.targets_BT[b, kept].tolist())
            whole = tuple(rows.tokens_BT[b, at].tolist())
            assert whole[-len(answer) :] == answer
            logprobs = tuple(rows.sampler_BT[b, kept].tolist())
            (advantage,) = set(rows.advantage_BT[b, kept].tolist())
            found.append((whole[: -len(answer)], answer, advantage))
            match = next(t for t in given if t.advantage == advantage)
            assert logprobs == pytest.approx(match.drawn.logprobs)
    assert sorted(found) == sorted((t.prompt, t.drawn.token_ids, t.advantage) for t in given)
    elsewhere = rows.targets_BT == NO_TARGET
    assert not rows.advantage_BT[elsewhere].any()


def test_packed_answers_have_the_log_probabilities_that_they_have_alone(
    tiny_model: Transformer, tokenizer: Tokenizer
) -> None:
    given = traces(9, tokenizer.vocab_size)
    rows = pack_traces(given, seq_len=48)
    kept = rows.targets_BT != NO_TARGET
    with torch.no_grad():
        hidden = tiny_model(rows.tokens_BT, doc_BT=rows.doc_BT, pos_BT=rows.pos_BT)
        packed = token_logprobs(hidden[kept], tiny_model.head_weight, rows.targets_BT[kept])
        for trace in given:
            ids = torch.tensor([trace.prompt + trace.drawn.token_ids])
            logits = tiny_model.logits(tiny_model(ids))[0].log_softmax(-1)
            answer = torch.tensor(trace.drawn.token_ids)
            alone = logits[len(trace.prompt) - 1 : -1].gather(1, answer[:, None])[:, 0]
            here = packed[rows.advantage_BT[kept] == trace.advantage]
            torch.testing.assert_close(here, alone, rtol=1e-4, atol=1e-4)
