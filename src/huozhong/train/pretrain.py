"""Pretraining: a fresh model (or one to go on with) reads plain text; every token carries loss."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from huozhong.train.loop import Outcome, Start, train
from huozhong.train.recipe import load_recipe


def pretrain(recipe: str | Path, *, start: Start = "auto", console: Console | None = None) -> Outcome:
    """Run a pretraining recipe; see `huozhong.train.loop.train` for `start` and the errors."""
    return train(load_recipe(recipe, "pretrain"), start=start, console=console)
