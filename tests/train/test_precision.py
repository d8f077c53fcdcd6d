"""What a run multiplies in: what is fast here, and from then on always the same."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tests.train.courses import changed

from huozhong.errors import ConfigError
from huozhong.train import precision
from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import TextRun, train


def takes(monkeypatch: pytest.MonkeyPatch, *, narrow: float, wide: float) -> None:
    """A machine on which a product takes so long in bfloat16 and in float32."""
    monkeypatch.setattr(precision, "_seconds", lambda dtype: narrow if dtype == torch.bfloat16 else wide)


@pytest.mark.parametrize(
    ("narrow", "wide", "chosen"),
    [(1.0, 4.0, "bf16"), (1.0, 1.1, "float32"), (1.0, 1.0, "float32"), (9.0, 1.0, "float32")],
)
def test_bfloat16_only_where_it_is_clearly_faster(
    narrow: float, wide: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes(monkeypatch, narrow=narrow, wide=wide)
    assert precision.faster() == chosen


def test_a_processor_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A race of twenty runs is not one of two precisions because another program computed for a moment."""
    asked: list[torch.dtype] = []

    def seconds(dtype: torch.dtype) -> float:
        asked.append(dtype)
        return float(len(asked))

    monkeypatch.setattr(precision, "_seconds", seconds)
    assert [precision.faster() for _ in range(3)] == ["bf16"] * 3
    assert asked == [torch.bfloat16, torch.float32]


def test_the_trial_tells_what_is_faster_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an independent look at the same two products."""
    trial = precision._seconds
    monkeypatch.setattr(precision, "_seconds", lambda dtype: trial(dtype))  # one that has not been made yet
    narrow, wide = (min(_look(dtype) for _ in range(20)) for dtype in (torch.bfloat16, torch.float32))
    if 1.6 * narrow < wide or wide < narrow:  # between the two the moment decides
        assert precision.faster() == ("bf16" if narrow < wide else "float32")


def _look(dtype: torch.dtype) -> float:
    one, other = torch.rand(256, 512).to(dtype), torch.rand(512, 512).to(dtype)
    began = time.perf_counter()
    torch.mm(one, other)
    return time.perf_counter() - began


def identity(out: str) -> dict[str, object]:
    newest = sorted((Path(out) / "checkpoints").glob("step-*"))[-1]
    said: dict[str, object] = json.loads((newest / "meta.json").read_text())["identity"]
    return said


def test_a_run_goes_on_as_it_began(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, narrow=1.0, wide=4.0)
    train(recipe, console=console)
    assert identity(recipe.run.out)["run.precision"] == "bf16"
    takes(monkeypatch, narrow=9.0, wide=1.0)  # another machine, or a moment in which others compute
    assert train(recipe, start="resume", console=console).finished
    train(recipe, start="fresh", console=console)
    assert identity(recipe.run.out)["run.precision"] == "float32"
    with pytest.raises(ConfigError, match=r"run\.precision is 'float32', but the recipe now says 'bf16'"):
        train(changed(recipe, "run", precision="bf16"), console=console)


@pytest.mark.parametrize(("said", "dtype"), [("bf16", torch.bfloat16), ("float32", torch.float32)])
def test_what_the_recipe_says_is_done_and_shown(
    said: str, dtype: torch.dtype, recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda dtype: pytest.fail("nobody asked"))
    run = TextRun(changed(recipe, "run", precision=said), console)
    assert run.model.dtype == dtype
    assert run.optimizer.muon.compute == dtype
    run.prepare(0, resumed=False)
    assert isinstance(console.file, StringIO)
    assert said in console.file.getvalue()
