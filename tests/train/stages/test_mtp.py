"""A module that guesses ahead: it learns what the model would say, the model stays, and answers stay the same."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from tests.train.conftest import MODEL, REST, write_corpus

from huozhong.engine.llm import LLM
from huozhong.engine.requests import SamplingParams
from huozhong.errors import ConfigError
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import Rows
from huozhong.train.model_folder import load_transformer
from huozhong.train.recipe import parse_recipe
from huozhong.train.stages.mtp import DEPTH, PredictionRun, trunk, with_module
from huozhong.train.stages.pretrain import train
from huozhong.train.state import CheckpointFolder


@pytest.fixture(scope="module")
def trained(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows its corpus; nobody writes into it."""
    before = torch.get_num_threads()
    raw = tomllib.loads(MODEL + REST.format(folder=write_corpus(tmp_path_factory.mktemp("trained"), tokenizer)))
    raw["schedule"]["total_steps"] = 150
    outcome = train(parse_recipe(raw, "pretrain"), console=Console(file=StringIO()))
    torch.set_num_threads(before)
    assert outcome.model is not None
    return outcome.model


@pytest.fixture
def mtp_recipe(raw_recipe: dict[str, Any], corpus: Path, trained: Path) -> dict[str, Any]:
    raw = {k: dict(v) for k, v in raw_recipe.items() if k not in ("model", "tokenizer")}
    raw["run"] |= {"out": str(corpus / "mtp"), "init_from": str(trained)}
    raw["schedule"]["total_steps"] = 100
    return raw


@pytest.mark.slow
def test_it_learns_and_answers_stay(
    mtp_recipe: dict[str, Any], trained: Path, console: Console, tmp_path: Path
) -> None:
    outcome = train(parse_recipe(mtp_recipe, "mtp"), console=console, kind=PredictionRun)
    assert outcome.model is not None
    assert "accepted" in console.file.getvalue()  # type: ignore[attr-defined]
    before, after = (load_file(folder / "model.safetensors") for folder in (trained, outcome.model))
    assert set(before) < set(after)
    for name, value in before.items():
        assert torch.equal(value, after[name]), name

    params = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True, logprobs=0)
    texts = ["小明有3个苹果", "春眠不觉晓", "The quick"]
    answers = {}
    for speculation in ("off", 3, "auto"):
        with LLM(outcome.model, cache_dir=tmp_path / "cache", speculation=speculation) as llm:  # type: ignore[arg-type]
            answers[speculation] = [(a.token_ids, a.logprobs) for a in llm.generate(texts, params)]
            stats = llm.stats()
        if speculation == 3:
            assert stats.accepted_tokens > 0.2 * stats.drafted_tokens > 0
    assert answers["off"] == answers[3] == answers["auto"]


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    mtp_recipe: dict[str, Any], console: Console, corpus: Path
) -> None:
    mtp_recipe["schedule"]["total_steps"] = 6
    recipe = parse_recipe(mtp_recipe, "mtp")
    whole = train(recipe, console=console, kind=PredictionRun)
    assert whole.model is not None
    expected = load_file(whole.model / "model.safetensors")
    CheckpointFolder(corpus / "mtp").remove(6)  # as if it had been killed behind the checkpoint of step 4
    again = train(recipe, start="resume", console=console, kind=PredictionRun)
    assert again.model is not None
    found = load_file(again.model / "model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_what_it_learns_is_what_the_model_says(trained: Path) -> None:
    """Depth k at t is compared with the model's likeliest token after t + k; the model takes no gradient."""
    torch.manual_seed(0)
    model = with_module(load_transformer(trained))
    tokens = torch.randint(3, 100, (2, 12))
    targets = tokens.roll(-1, 1)
    targets[:, :3] = -100
    hidden, said = trunk(model, Rows(tokens, targets, torch.zeros_like(tokens)))
    assert (said[:, :3] == -100).all()
    assert (said[:, 3:] == model.logits(hidden)[:, 3:].argmax(-1)).all()
    states = model.look_ahead(tokens, hidden, None, DEPTH)
    torch.stack([s.sum() for s in states]).sum().backward()
    layer = model.config.num_hidden_layers
    moved = {name.split(".")[2] for name, weight in model.named_parameters() if weight.grad is not None}
    assert moved == {str(layer)}
    # The first depth is the module as everybody runs it.
    expected = model._decode(tokens, None, None, True)[1]
    torch.testing.assert_close(states[0], expected)


def test_dropout_is_not_for_a_module(raw_recipe: dict[str, Any]) -> None:
    del raw_recipe["model"]
    raw_recipe["run"]["init_from"] = "somewhere"
    raw_recipe["optim"]["dropout"] = 0.1
    assert parse_recipe(raw_recipe, "sft").optim.dropout == 0.1
    with pytest.raises(ConfigError, match=r"\[optim\] dropout is for a model that learns"):
        parse_recipe(raw_recipe, "mtp")


def test_it_needs_a_model_to_start_from(raw_recipe: dict[str, Any], recipe_file: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match="mtp starts from a trained model"):
        parse_recipe(raw_recipe, "mtp")
