"""A drafter of the DSpark kind: the engine guesses what torch guesses, and answers stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.oracles import make_model
from tests.formats.random_dspark import random_dspark
from transformers import LlamaConfig

from huozhong.engine import kernels
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.block import BlockDrafter, module_of
from huozhong.engine.speculation.guessing import SeenStates
from huozhong.engine.tasks import Task
from huozhong.engine.weights.dspark import load_dspark
from huozhong.engine.weights.load import load_weights
from huozhong.formats.source import open_model
from huozhong.train.draft.block import BLOCK, BlockLearner
from huozhong.train.draft.learners import Batch

NO_TASK: Task = None  # type: ignore[assignment]  # what is done with numbers plays no part in guessing
PAGES = np.array([3, 0, 2, 1], np.int32)
GUESSED = tuple(range(2, 90, 2))


@pytest.fixture(scope="module", params=["grouped", "latent, experts"])
def base(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param != "grouped":
        return tiny_folder
    config = LlamaConfig(
        vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "llama"
    make_model(config).save_pretrained(folder)
    return folder


def request_of(tokens: np.ndarray) -> Sequence:
    return Sequence(1, tokens, 1000, NO_TASK, print)


@torch.no_grad()
def in_torch(learner: BlockLearner, tokens: np.ndarray, states_TS: np.ndarray, k: int) -> torch.Tensor:
    """Scores of the guess number k behind the last of the tokens, which come behind the states; [G]."""
    nothing = torch.zeros(1, len(tokens), 1)
    padded = np.pad(states_TS, [(0, len(tokens) - len(states_TS)), (0, 0)])
    batch = Batch(
        torch.from_numpy(tokens[None].astype(np.int64)), torch.from_numpy(padded[None]), nothing.long() - 1, nothing,
        [0], [len(tokens)],
    )  # fmt: skip
    _, _, logits, _ = learner.guess(batch, [np.array([len(states_TS)])])
    return logits[0, 0, k]


@pytest.mark.parametrize("name", kernels.available())
def test_it_guesses_what_torch_guesses(base: Path, name: str, tmp_path: Path) -> None:
    """In two pieces of the prompt, from all of it; the guesses of a block follow from one another."""
    kernels.use(name)
    source, learner = open_model(base), random_dspark(base, tmp_path / "drafter", GUESSED)
    tokens = np.random.default_rng(0).integers(3, 90, 41).astype(np.int32)
    weights = replace(load_weights(base, "none", tmp_path), block=load_dspark(tmp_path / "drafter", source, "f32"))
    runner = Runner(weights, 4, 16)
    drafter = module_of(runner)
    assert isinstance(drafter, BlockDrafter)
    request, states = request_of(tokens), []
    for start, stop in ((0, 24), (24, 40)):
        _, (found,) = runner.forward_with_states([Chunk(tokens[start:stop], start, PAGES, "none", True)])
        drafter.observe(request, start, found)
        states.append(found)
    proposal = drafter.propose({request: BLOCK})[request]
    said = tokens.tolist()
    for k, token in enumerate(proposal.tokens):
        scores = in_torch(learner, np.array(said), np.concatenate(states), k)
        assert token == GUESSED[int(scores.argmax())], k
        said.append(token)
    assert drafter.propose({request: 1})[request].tokens == proposal.tokens[:1]
    assert drafter.propose({request_of(tokens[:30]): 3}) == {}


def test_taps_are_what_goes_out_of_layers(base: Path, tmp_path: Path) -> None:
    """Every kernel set agrees with the reference, and the last layer comes behind the norm."""
    weights = load_weights(base, "none", tmp_path)
    count = weights.architecture.num_layers
    tokens = np.random.default_rng(1).integers(3, 90, 20).astype(np.int32)
    found = {}
    for name in kernels.available():
        kernels.use(name)
        runner = Runner(weights, 4, 16)
        chunk = Chunk(tokens, 0, PAGES, "all", True)
        (scores,), (states,) = runner.forward_with_layers([chunk], (0, count - 1))
        _, (hidden,) = Runner(weights, 4, 16).forward_with_states([chunk])
        np.testing.assert_array_equal(states[:, -hidden.shape[1] :], hidden)
        found[name] = (scores, states)
    for scores, states in found.values():
        np.testing.assert_allclose(states, found["reference"][1], atol=2e-3)
        np.testing.assert_allclose(scores, found["reference"][0], atol=5e-3)


def test_answers_stay_as_they_are(tiny_folder: Path, tmp_path: Path) -> None:
    random_dspark(tiny_folder, tmp_path / "drafter", tuple(range(300)))
    texts = ["小明有3个苹果", "春眠不觉晓", "The quick"]
    for params in (
        SamplingParams(temperature=0, max_tokens=30, ignore_eos=True, logprobs=0),
        SamplingParams(temperature=1, seed=3, max_tokens=30, ignore_eos=True, logprobs=0),
    ):
        answers = []
        draft = tmp_path / "drafter"
        for options in ({"speculation": "off"}, {"draft": draft, "speculation": 3}, {"draft": draft}):
            with LLM(tiny_folder, cache_dir=tmp_path, num_threads=1, **options) as llm:  # type: ignore[arg-type]
                answers.append([(a.token_ids, a.logprobs) for a in llm.generate(texts, params)])
                if options.get("speculation") == 3:
                    assert llm.stats().drafted_tokens > 0
        assert answers[0] == answers[1] == answers[2]


def test_of_a_long_text_the_newest_states_stay() -> None:
    seen, count = SeenStates(5, 2, 1, 4, most=100), 0
    for size in (64, 1, 90, 30, 60, 3, 250):
        numbers = np.arange(count, count + size, dtype=np.float32) % 2000
        rows = np.broadcast_to(numbers[None, :, None, None], (2, size, 1, 4))
        seen.add(rows, -rows)
        count += size
        assert seen.end == 5 + count
        newest = np.arange(count - seen.count, count, dtype=np.float32)
        np.testing.assert_array_equal(seen.keys[1, : seen.count, 0, 3], newest)
        np.testing.assert_array_equal(seen.values[0, : seen.count, 0, 0], -newest)
        assert seen.count >= min(100, count)
        assert seen.count <= max(200, size)
