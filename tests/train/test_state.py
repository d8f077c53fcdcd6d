"""Checkpoints and metrics survive what happens to disks."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tests.train.courses import changed, course, cut_after, records

from huozhong.errors import ConfigError, TrainingError
from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import train
from huozhong.train.state import CheckpointFolder, check_same_run


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond `size` bytes: what a full disk looks like to us."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_only_the_last_checkpoints_stay(recipe: Recipe, console: Console) -> None:
    train(changed(recipe, "run", checkpoint_steps=2, keep=3), console=console)
    names = sorted(path.name for path in (Path(recipe.run.out) / "checkpoints").iterdir())
    assert names == ["step-00000008", "step-00000010", "step-00000012"]


def test_full_disk_keeps_the_last_checkpoint(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with cut_after(5, monkeypatch):
        train(recipe, console=console)
    folder = Path(recipe.run.out) / "checkpoints"
    with largest_file(20_000), pytest.raises(TrainingError, match=r"could not be written.*step 4 is intact"):
        train(recipe, console=console)
    assert [path.name for path in folder.iterdir()] == ["step-00000004"]
    whole = changed(recipe, "run", out=recipe.run.out + "-whole")
    train(whole, console=console)
    train(recipe, console=console)
    assert course(recipe) == course(whole)


def test_damaged_metrics_tail_is_forgiven_and_damage_inside_named(
    recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_after(6, monkeypatch):
        train(recipe, console=console)
    path = Path(recipe.run.out) / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])
    train(recipe, console=console)
    assert [record["step"] for record in records(recipe)] == list(range(1, 13))
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(TrainingError, match="line 1 is not JSON"):
        train(recipe, console=console)


def test_what_a_crash_left_is_removed_and_what_is_whole_stays(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path)
    checkpoints.save(4, {"weight": torch.ones(2)}, {"tokens": 3})
    for name in (".step-00000008.partial", ".old-2", ".tmp-step-00000008"):
        (checkpoints.folder / name).mkdir()
    assert checkpoints.steps() == [4]
    checkpoints.clean()
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000004"]
    assert checkpoints.read_meta(4) == {"format": 1, "step": 4, "tokens": 3}
    assert torch.equal(checkpoints.read_state(4, torch.device("cpu"))["weight"], torch.ones(2))


def test_only_what_may_change_may_change() -> None:
    check_same_run({"run.threads": 1, "seed": 3}, {"run.threads": 2, "seed": 3}, "out")
    with pytest.raises(ConfigError, match="out holds a run whose seed is 3, but the recipe now says None"):
        check_same_run({"seed": 3}, {}, "out")
