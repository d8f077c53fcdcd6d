"""Fine-tuning: a pretrained model learns to answer; only the assistant's tokens carry loss.

The mask is made where the conversations become shards (`text.template.ChatTemplate.training_tokens`), so the run is
pretraining's: other shards, first weights from `[run] init_from`, a shorter schedule.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from huozhong.train.recipe import load_recipe
from huozhong.train.sitting import Start
from huozhong.train.stages.pretrain import Outcome, train


def sft(recipe: str | Path, *, start: Start = "auto", console: Console | None = None) -> Outcome:
    """Run a fine-tuning recipe; see `pretrain.train` for `start` and the errors."""
    return train(load_recipe(recipe, "sft"), start=start, console=console)
