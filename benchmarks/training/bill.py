"""What a run costs on a quiet machine: its steps times the pace of each kind of step."""

from __future__ import annotations

from dataclasses import dataclass

from huozhong.train.recipe import Recipe
from training.contestants import Who
from training.speeds import COUNTING, Pace, key


@dataclass(frozen=True)
class Cost:
    """Of the training steps of one run and, where its table starts from counts, of counting; compiling and scoring are
    not in it, for anybody.
    """

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
    """Steps × pace, stretch by stretch, after what comes before the first step."""
    parts = [(stretch.steps, paces[key(who, recipe, stretch)]) for stretch in recipe.stretches]
    if recipe.run.init_table == "counts":
        parts.append((1, paces[COUNTING]))
    seconds = sum(steps * pace.seconds for steps, pace in parts)
    cpu = sum(steps * pace.cpu_seconds for steps, pace in parts)
    joules = sum(steps * pace.joules for steps, pace in parts)
    flops = sum(steps * pace.flops for steps, pace in parts)
    return Cost(seconds, cpu, joules, flops, recipe.total_tokens)
