"""What runs of reinforcement wrote, and how tests change them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from huozhong.train.rl.recipe import RlRecipe


def changed(recipe: RlRecipe, section: str, **values: Any) -> RlRecipe:
    return dataclasses.replace(recipe, **{section: dataclasses.replace(getattr(recipe, section), **values)})


def records(recipe: RlRecipe) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(recipe.run.out) / "metrics.jsonl").read_text().splitlines()]


def course(recipe: RlRecipe) -> list[dict[str, Any]]:
    """What must repeat bit for bit: everything but times and energy."""
    left_out = ("seconds", "joules", "money", "generated_per_second")
    return [{k: v for k, v in r.items() if not k.endswith(left_out)} for r in records(recipe)]
