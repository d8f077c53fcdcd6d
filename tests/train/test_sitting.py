from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from tests.train.courses import changed, course, cut_after, records

from huozhong.errors import ConfigError
from huozhong.train.recipe import Recipe, load_recipe
from huozhong.train.stages.pretrain import train

# -- it learns -----------------------------------------------------------------------------------


# -- it goes on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "moe", "dropout"])
def test_resume_is_bit_exact(
    kind: str, recipe: Recipe, moe_recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(moe_recipe, "optim", ema=0.9) if kind == "moe" else recipe
    recipe = changed(recipe, "optim", dropout=0.1 if kind == "dropout" else 0.0)
    whole = changed(recipe, "run", out=recipe.run.out + "-whole")
    train(whole, console=console)
    for step in (6, 11):
        with cut_after(step, monkeypatch):
            train(recipe, console=console)
        assert records(recipe)[-1]["step"] == step
    train(recipe, start="resume", console=console)
    assert course(recipe) == course(whole)
    assert "检查点继续" in console.file.getvalue()  # type: ignore[attr-defined]
    a, b = (Path(r.run.out) / "model" / "model.safetensors" for r in (recipe, whole))
    assert a.read_bytes() == b.read_bytes()


def test_bill_goes_on_after_a_cut(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with cut_after(6, monkeypatch):
        train(recipe, console=console)
    outcome = train(recipe, console=console)
    assert outcome.bill.tokens == 12 * 128
    joules = [record["joules"] for record in records(recipe)]
    assert joules == sorted(joules)


def test_finished_runs_stay_finished(recipe: Recipe, console: Console) -> None:
    train(recipe, console=console)
    before = course(recipe)
    outcome = train(recipe, console=console)
    assert outcome.finished
    assert outcome.loss == before[-1][2]
    assert course(recipe) == before


def test_changed_recipe_is_refused_by_name(recipe: Recipe, console: Console) -> None:
    train(recipe, console=console)
    other = changed(recipe, "optim", muon_lr=0.5)
    with pytest.raises(ConfigError, match=r"optim\.muon_lr is 0\.01.*0\.5.*--fresh"):
        train(other, console=console)
    assert train(other, start="fresh", console=console).finished
    assert len(records(other)) == 12


def test_resume_without_a_checkpoint_is_refused(recipe: Recipe, console: Console) -> None:
    with pytest.raises(ConfigError, match="no checkpoint to resume"):
        train(recipe, start="resume", console=console)


def test_two_runs_in_one_folder_are_refused(recipe: Recipe, console: Console) -> None:
    Path(recipe.run.out).mkdir()
    with open(Path(recipe.run.out) / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another run is training"):
            train(recipe, console=console)


# -- it stops well -------------------------------------------------------------------------------


PROGRAM = """
import sys
from rich.console import Console
from huozhong.train.sitting import Sitting, sit
from huozhong.train.stages.pretrain import pretrain
outcome = pretrain(sys.argv[1], console=Console(width=200))
print("finished" if outcome.finished else "stopped", flush=True)
"""


def start_process(recipe_path: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(recipe_path)], stdout=subprocess.PIPE, text=True, env=environment
    )


def wait_for_line(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert any(word in line for line in process.stdout), f"the program ended without saying {word!r}"


@pytest.mark.slow
def test_killed_at_random_moments_resumes_to_the_same_losses(
    recipe_file: Callable[[str], Path], corpus: Path, console: Console
) -> None:
    change = "total_steps = 12 -> total_steps = 60"
    path = recipe_file(change)
    path.write_text(path.read_text().replace("checkpoint_steps = 4", "checkpoint_steps = 1"))
    chance = random.Random(5)
    for step in (3, 14, 25):  # far from the end, where it might come before the signal
        process = start_process(path)
        wait_for_line(process, f"step {step}/60")
        time.sleep(chance.random() * 0.05)  # anywhere in a step, or in the middle of a checkpoint
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    process = start_process(path)
    text, _ = process.communicate(timeout=300)
    assert "Going on from the checkpoint" in text
    assert text.endswith("finished\n")
    killed = load_recipe(path, "pretrain")
    whole = changed(changed(killed, "run", out=str(corpus / "whole")), "run", checkpoint_steps=None)
    train(whole, console=console)
    assert course(killed) == course(whole)


@pytest.mark.slow
def test_interrupt_saves_and_says_how_to_go_on(recipe_file: Callable[[str], Path]) -> None:
    path = recipe_file("total_steps = 12 -> total_steps = 2000")
    process = start_process(path)
    wait_for_line(process, "step 7/2000")
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=300)
    assert "run the same command again" in text
    assert text.endswith("stopped\n")
    assert process.returncode == 0
