"""Reinforcement of a tiny model: it learns, it can be stopped and resumed, and it says what it does."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.train.rl.conftest import RECIPE, Learn
from tests.train.rl.learning import changed, course, records
from typer.testing import CliRunner

from huozhong.cli.main import build
from huozhong.cli.sampling import EngineSampler
from huozhong.errors import ConfigError, TrainingError
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.rl.run import RlRun, tempered, train_rl


def weights(folder: Path | None) -> dict[str, torch.Tensor]:
    assert folder is not None
    return load_transformer(folder).state_dict()


class Stop(Exception):
    """Ends a run between two steps, as a power cut would."""


@contextlib.contextmanager
def cut_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    original = RlRun.one_step

    def one_step(self: RlRun, at: int) -> dict[str, Any]:
        if at == step:
            raise Stop
        return original(self, at)

    with monkeypatch.context() as patch:
        patch.setattr(RlRun, "one_step", one_step)
        with contextlib.suppress(Stop):
            yield
            pytest.fail(f"the run never came to step {step}")


# -- it learns -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_tiny_model_learns_to_say_seven(recipe: RlRecipe, learn: Learn, console: Console) -> None:
    recipe = changed(changed(recipe, "schedule", total_steps=40), "rollout", samples=16)
    outcome = learn(recipe)
    assert outcome.finished
    rewards = [r["reward"] for r in records(recipe) if "reward" in r]
    assert sum(rewards[:3]) / 3 < 0.3
    assert sum(rewards[-3:]) / 3 > 0.8
    assert outcome.valid == 1.0
    assert outcome.valid_before is not None
    assert outcome.valid_before < 1.0
    out = Path(recipe.run.out)
    assert (out / "rl.png").stat().st_size > 10_000
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "step 40/40" in told
    assert "dropped" in told
    assert "0.0 min left" in told
    text = (out / "samples" / "step-00000040.txt").read_text()
    assert "gold: 7" in text
    groups = [json.loads(line) for line in (out / "samples" / "step-00000040.jsonl").read_text().splitlines()]
    assert len(groups) == recipe.rollout.show_groups
    for group in groups:
        earned = [answer["reward"] for answer in group["answers"]]
        assert len(earned) == 16
        assert earned == sorted(earned, reverse=True)


@pytest.mark.slow
def test_through_the_engine_it_learns_too(recipe: RlRecipe, tokenizer: Tokenizer, console: Console) -> None:
    recipe = changed(changed(recipe, "schedule", total_steps=30), "rollout", samples=16)
    sampler = EngineSampler(tokenizer, quantization="q8", num_threads=1)
    train_rl(recipe, sampler, console=console)
    steps = [r for r in records(recipe) if "reward" in r]
    assert steps[-1]["reward"] > steps[0]["reward"] + 0.4
    assert 0 < steps[0]["gap"] < 0.1  # eight-bit weights against float32: near, not equal
    assert 0.9 < steps[0]["weight"] < 1.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"updates": 3}, None),
        ({"kl": 0.05}, "kl"),
        ({"divide_by_std": True}, None),
    ],
)
def test_options_change_what_is_learnt(
    recipe: RlRecipe, learn: Learn, change: dict[str, Any], said: str | None
) -> None:
    recipe = changed(recipe, "rollout", samples=32)
    plain = changed(recipe, "run", out=f"{recipe.run.out}-plain")
    recipe = changed(recipe, "grpo", **change)
    learn(recipe)
    learn(plain)
    ours, theirs = course(recipe), course(plain)
    assert ours[1]["reward"] == theirs[1]["reward"]  # the first answers come before anything is learnt
    assert ours[2:] != theirs[2:]
    if said is not None:
        assert ours[1][said] == pytest.approx(0, abs=1e-6)
        assert max(r[said] for r in ours[2:]) > 1e-4


def test_the_correction_for_the_engines_arithmetic(recipe: RlRecipe, tokenizer: Tokenizer, console: Console) -> None:
    """With weights in eight bits the engine's probabilities are not quite the trainer's."""
    recipe = changed(changed(recipe, "rollout", samples=32), "schedule", total_steps=3)
    first, last = {}, {}
    changes: dict[str, dict[str, Any]] = {"truncated": {}, "none": {"correct": False}, "ratio": {"old": "sampler"}}
    for name, change in changes.items():
        run = changed(changed(recipe, "grpo", **change), "run", out=f"{recipe.run.out}-{name}")
        train_rl(run, EngineSampler(tokenizer, quantization="q8", num_threads=1), console=console)
        first[name], last[name] = course(run)[1], course(run)[-1]
    assert len({r["reward"] for r in first.values()}) == 1
    # Where neither clip nor cap comes in, ratio and weight are one factor in two places.
    assert first["ratio"]["grad_norm"] == pytest.approx(first["truncated"]["grad_norm"], rel=1e-6)
    assert first["none"]["grad_norm"] != pytest.approx(first["truncated"]["grad_norm"], rel=1e-6)
    assert last["none"]["loss"] != last["truncated"]["loss"]
    assert first["truncated"]["weight"] != 1 == first["none"]["weight"]
    assert first["truncated"]["gap"] == first["none"]["gap"] > 0
    assert first["ratio"]["gap"] == 0  # the ratio itself starts from the sampler's probabilities


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.5, 1.5])
def test_the_policy_that_answers_is_the_one_that_is_trained(
    recipe: RlRecipe, tokenizer: Tokenizer, console: Console, temperature: float
) -> None:
    """At any temperature sampler and trainer agree on the probabilities, and the model comes back as it was."""
    recipe = changed(changed(recipe, "rollout", temperature=temperature, samples=32), "schedule", total_steps=2)
    sampler = EngineSampler(tokenizer, quantization="none", num_threads=1, precision="float32")
    train_rl(changed(recipe, "optim", muon_lr=0.0, adamw_lr=0.0), sampler, console=console)
    steps = records(recipe)[1:]
    assert all(r["gap"] < 1e-4 for r in steps if r["dropped"] < 1)
    assert any(r["dropped"] < 1 for r in steps)
    before, after = weights(Path(recipe.base)), weights(Path(recipe.run.out) / "model")
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_temperature_divides_the_logits(base: Path) -> None:
    model = load_transformer(base / "base")
    ids = torch.tensor([[1, 5, 9, 13]])
    plain = model.logits(model(ids))
    with tempered(model, 0.5):
        torch.testing.assert_close(model.logits(model(ids)), 2 * plain)
    assert torch.equal(model.logits(model(ids)), plain)


@pytest.mark.slow
def test_the_divergence_term_keeps_the_policy_near(recipe: RlRecipe, learn: Learn) -> None:
    recipe = changed(changed(recipe, "schedule", total_steps=14), "rollout", samples=24)
    apart = {}
    for kl in (1e-6, 1.0):
        run = changed(changed(recipe, "grpo", kl=kl), "run", out=f"{recipe.run.out}-{kl}")
        learn(run)
        apart[kl] = max(r["kl"] for r in records(run)[-5:])
    assert apart[1.0] < 0.5 * apart[1e-6]


def test_groups_without_variance_teach_nothing(recipe: RlRecipe, learn: Learn) -> None:
    """A reward that is the same for all leaves every weight as it was."""
    recipe = dataclasses.replace(recipe, rewards={"poem_form": 1.0})
    outcome = learn(changed(recipe, "optim", weight_decay=0.1))
    assert all(r["dropped"] == 1.0 and r["grad_norm"] == 0 for r in records(recipe) if "reward" in r)
    before = weights(Path(recipe.base))
    assert all(torch.equal(value, before[name]) for name, value in weights(outcome.model).items())


# -- it can be stopped -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_resuming_gives_the_same_run_bit_for_bit(
    recipe: RlRecipe, learn: Learn, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(changed(changed(recipe, "grpo", updates=2), "run", checkpoint_steps=2), "optim", ema=0.5)
    whole = learn(recipe)
    other = changed(recipe, "run", out=f"{recipe.run.out}-cut")
    with cut_after(3, monkeypatch):
        learn(other)
    resumed = learn(other, start="resume")
    assert course(other) == course(recipe)
    ours, theirs = weights(whole.model), weights(resumed.model)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert (resumed.valid_before, resumed.valid) == (whole.valid_before, whole.valid)


@pytest.mark.slow
def test_resuming_through_the_engine_too(
    recipe: RlRecipe, tokenizer: Tokenizer, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(recipe, "run", checkpoint_steps=2)

    def learn(recipe: RlRecipe) -> None:
        train_rl(recipe, EngineSampler(tokenizer, quantization="q8", num_threads=1), console=console)

    learn(recipe)
    other = changed(recipe, "run", out=f"{recipe.run.out}-cut")
    with cut_after(4, monkeypatch):
        learn(other)
    learn(other)
    assert course(other) == course(recipe)


def test_another_recipe_does_not_go_on_with_this_run(recipe: RlRecipe, learn: Learn) -> None:
    learn(recipe)
    with pytest.raises(ConfigError, match=r"rewards\.answer"):
        learn(dataclasses.replace(recipe, rewards={"answer": 2.0}))
    with pytest.raises(ConfigError, match=r"grpo\.kl"):
        learn(changed(recipe, "grpo", kl=0.1))
    again = changed(recipe, "rollout", show_every=5)  # how often it tells may change
    assert learn(again).finished


def test_a_loss_that_is_no_number_stops_before_it_is_used(recipe: RlRecipe, learn: Learn) -> None:
    with pytest.raises(TrainingError, match="lower muon_lr"):
        learn(changed(recipe, "optim", muon_lr=1e30, adamw_lr=1e30))


# -- what a user gets wrong ------------------------------------------------------------------------------


def test_the_command(base: Path, raw: dict[str, Any]) -> None:
    path = base / "rl.toml"
    path.write_text(RECIPE.format(folder=base).replace("total_steps = 6", "total_steps = 2"))
    result = CliRunner().invoke(build(), ["train", "rl", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "完成" in result.output
    assert (base / "out" / "model" / "model.safetensors").is_file()
    with pytest.raises(ConfigError, match="contradict"):
        CliRunner().invoke(build(), ["train", "rl", str(path), "--resume", "--fresh"], catch_exceptions=False)
