"""What a run costs on a quiet machine: its steps times the pace of each kind of step."""

from __future__ import annotations

from dataclasses import dataclass

from huozhong.train.recipe import Recipe
from training.contestants import Who
from training.speeds import Pace, key


@dataclass(frozen=True)
class Cost:
    """Of the training steps of one run; compiling and scoring are not in it, for anybody."""

    seconds: float
    cpu_seconds: float
    joules: float
    flops: float
    tokens: int

    def times(self, factor: float) -> Cost:
        parts = (self.seconds, self.cpu_seconds, self.joules, self.flops)
        return Cost(*(part * factor for part in parts), round(self.tokens * factor))

    def over(self, other: Cost) -> dict[str, float]:
        """How many times as much as `other`."""
        names = ("seconds", "cpu_seconds", "joules", "flops", "tokens")
        return {name: round(getattr(self, name) / getattr(other, name), 3) for name in names}


def cost(who: Who, recipe: Recipe, paces: dict[str, Pace]) -> Cost:
    """Steps × pace, stretch by stretch."""
    seconds = cpu = joules = flops = 0.0
    for stretch in recipe.stretches:
        pace = paces[key(who, recipe, stretch)]
        seconds += stretch.steps * pace.seconds
        cpu += stretch.steps * pace.cpu_seconds
        joules += stretch.steps * pace.joules
        flops += stretch.steps * pace.flops
    return Cost(seconds, cpu, joules, flops, recipe.total_tokens)
