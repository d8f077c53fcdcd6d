"""What runs by a recipe wrote, and how tests change and cut them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import TextRun


def changed(recipe: Recipe, section: str, **values: Any) -> Recipe:
    return dataclasses.replace(recipe, **{section: dataclasses.replace(getattr(recipe, section), **values)})


def records(recipe: Recipe) -> list[dict[str, Any]]:
    lines = (Path(recipe.run.out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def course(recipe: Recipe) -> list[tuple[Any, ...]]:
    """What must repeat bit for bit: everything of a record but times and energy."""
    return [
        tuple(record.get(key) for key in ("step", "tokens", "loss", "grad_norm", "lr_scale", "heldout_bpb", "mtp_loss"))
        for record in records(recipe)
    ]


class Stop(Exception):
    """Ends a run between two steps, as a power cut would, but from inside the test."""


@contextlib.contextmanager
def cut_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    original = TextRun.one_step

    def one_step(self: TextRun, at: int) -> dict[str, Any]:
        if at == step:
            raise Stop
        return original(self, at)

    with monkeypatch.context() as patch:
        patch.setattr(TextRun, "one_step", one_step)
        with contextlib.suppress(Stop):
            yield
            pytest.fail(f"the run never came to step {step}")
