"""Pretraining: a fresh model (or one to go on with) reads plain text; every token carries loss."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from huozhong.train.recipe import load_recipe
from huozhong.train.sitting import Outcome, Start, train


def pretrain(recipe: str | Path, *, start: Start = "auto", console: Console | None = None) -> Outcome:
    """Run a pretraining recipe; see `huozhong.train.sitting.train` for `start` and the errors."""
    return train(load_recipe(recipe, "pretrain"), start=start, console=console)
