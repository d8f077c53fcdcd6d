"""A drafter beside a model: what the engine makes of it is what torch makes of it, for both kinds of attention."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.oracles import make_model
from tests.formats.random_drafter import random_drafter
from transformers import LlamaConfig

from huozhong.engine import kernels
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.drafter import load_drafter
from huozhong.engine.weights.load import load_weights
from huozhong.errors import ConfigError
from huozhong.formats.drafter import DrafterSource
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.train.draft.network import Drafter

GUESSED = tuple(range(2, 66, 3))
PAGES = np.array([3, 0, 2, 1], np.int32)


@pytest.fixture(scope="module", params=["grouped", "grouped, as a file", "latent, experts"])
def base(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "grouped" not in request.param:
        return tiny_folder
    config = LlamaConfig(
        vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "llama"
    make_model(config).save_pretrained(folder)
    if "file" not in request.param:
        return folder
    export_gguf(open_model(folder), folder.parent / "llama.gguf", "f32", vocabulary={})  # its rows are in another order
    return folder.parent / "llama.gguf"


@pytest.fixture(scope="module")
def drafter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_drafter(base, tmp_path_factory.mktemp("drafters") / "one", GUESSED)


def in_torch(folder: Path, base: Path) -> Drafter:
    source = open_model(base)
    drafter, view = DrafterSource(folder, source), HuggingFaceView(source)
    embedding = torch.from_numpy(view.tensor("model.embed_tokens.weight"))
    tied = view.architecture.tie_word_embeddings
    head = embedding if tied else torch.from_numpy(view.tensor("lm_head.weight"))
    made = Drafter(drafter.architecture, embedding, head[list(GUESSED)], torch.float32)
    weights = {name.removeprefix("model.layers.0."): torch.from_numpy(drafter.tensor(name)) for name in drafter.names()}
    made.module.load_state_dict(weights)
    return made.eval()


@pytest.mark.parametrize("name", kernels.available())
@torch.no_grad()
def test_it_guesses_what_torch_guesses(base: Path, drafter: Path, name: str, tmp_path: Path) -> None:
    kernels.use(name)
    source, tokens = open_model(base), np.random.default_rng(0).integers(3, 90, 41).astype(np.int32)
    weights = replace(load_weights(base, "none", tmp_path), prediction=(load_drafter(drafter, source, "none"),))
    runner = Runner(weights, 4, 16)
    _, (states_TD,) = runner.forward_with_states([Chunk(tokens[:40], 0, PAGES, "none", True)])
    model = in_torch(drafter, base)
    longer = torch.nn.functional.pad(torch.from_numpy(states_TD)[None], (0, 0, 0, 1))  # nothing before sees the last
    (expected,) = model.unroll(torch.from_numpy(tokens[None]).long(), longer, 1)
    (found,) = runner.draft([Chunk(tokens[1:41], 0, PAGES, "hidden", True)], [states_TD])
    assert found is not None
    np.testing.assert_allclose(found, expected[0, :40].numpy(), atol=2e-3)
    guesses, chances = runner.draft_ahead(
        [Chunk(tokens[1:41], 0, PAGES, "last", True)], [states_TD], [3], vocab=16, p_min=0.0
    )
    logits = model.logits(expected[0, 39])
    assert guesses[0, 0] == GUESSED[int(logits.argmax())]
    assert chances[0, 0] == pytest.approx(float(torch.softmax(logits, -1).max()), rel=1e-2)
    assert set(guesses[0].tolist()) <= set(GUESSED)


def test_answers_stay_as_they_are(tiny_folder: Path, tmp_path: Path) -> None:
    folder = random_drafter(tiny_folder, tmp_path / "drafter", tuple(range(300)))
    texts = ["小明有3个苹果", "春眠不觉晓", "The quick"]
    for params in (
        SamplingParams(temperature=0, max_tokens=40, ignore_eos=True, logprobs=0),
        SamplingParams(temperature=1, seed=3, max_tokens=40, ignore_eos=True, logprobs=0),
    ):
        answers = []
        for options in ({"speculation": "off"}, {"draft": folder, "speculation": 3}, {"draft": folder}):
            with LLM(tiny_folder, cache_dir=tmp_path, num_threads=1, **options) as llm:  # type: ignore[arg-type]
                answers.append([(a.token_ids, a.logprobs) for a in llm.generate(texts, params)])
                if options.get("speculation") == 3:
                    assert llm.stats().drafted_tokens > 0
        assert answers[0] == answers[1] == answers[2]


def test_kept_prompts_belong_to_a_drafter(tiny_folder: Path, tmp_path: Path) -> None:
    """Pages on the disk hold what the drafter read, too: another drafter, or none, does not find them."""
    drafters = [random_drafter(tiny_folder, tmp_path / f"d{seed}", (3, 4, 5), seed=seed) for seed in (0, 1)]
    params = SamplingParams(temperature=0, max_tokens=2, ignore_eos=True)
    ids = [1, *([7, 8, 9] * 50)]
    hits = []
    for drafter in (drafters[0], drafters[0], drafters[1], None):
        with LLM(
            tiny_folder, cache_dir=tmp_path / "cache", num_threads=1, draft=drafter, prefix_cache_bytes=1 << 26
        ) as llm:
            hits.append(llm.generate(ids, params)[0].usage.cache_hit_tokens)
    assert hits == [0, 128, 0, 0]


def test_a_drafter_without_speculation_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = random_drafter(tiny_folder, tmp_path / "drafter", (3, 4, 5))
    with pytest.raises(ConfigError, match="leave one of them out"):
        LLM(tiny_folder, cache_dir=tmp_path, draft=folder, speculation="off")
