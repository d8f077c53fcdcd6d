"""A reinforcement run as a TOML file: what `recipe` is for pretraining and fine-tuning.

[run]         out, init_from, seed, ... (as in every stage)     [schedule]  total_steps, warmup_steps, ...
[problems]    train, valid                                      [optim]     learning rates, micro_batch
[rollout]     questions, samples, max_tokens, ...               [grpo]      clips, updates, kl
[rewards]     name = weight                                     [curriculum], [cost]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huozhong.errors import ConfigError
from huozhong.text.data import Source
from huozhong.train.fields import check_at_least, check_sections, check_shares, flat, read_section, read_toml
from huozhong.train.recipe import (
    CostRecipe,
    RunRecipe,
    ScheduleRecipe,
    check_rates,
    check_schedule,
    refuse_shard,
    without_free_keys,
)
from huozhong.train.rl.grpo import Clip
from huozhong.train.rl.rewards import check_weights


@dataclass(frozen=True, kw_only=True)
class ProblemsRecipe:
    """train: sources with weights; a path is a JSON-lines file, or the word "arithmetic" for generated sums.

    valid: a JSON-lines file that is never trained on; its first `valid_rows` problems are answered greedily
    before the first step, each [run] eval_every steps and at the end.
    """

    train: tuple[Source, ...]
    valid: str | None = None
    valid_rows: int = 500

    def __post_init__(self) -> None:
        check_at_least(self, valid_rows=1)
        if not self.train:
            raise ConfigError('train is empty; name at least one source: train = [{ path = "..." }].')


@dataclass(frozen=True, kw_only=True)
class RolloutRecipe:
    """Each step asks `questions` questions `samples` times; an answer has at most `max_tokens` tokens.

    temperature: the policy that answers, and is trained, is softmax(logits / temperature).  Below 1 what is practised
    are the mistakes that a greedy answer makes too, and fewer of those that only chance makes.
    seq_len: rows of so many tokens are trained on, several short answers to a row; prompt and answer must fit.
    margin: see the reward `length`.  quantization: of the engine's weights.  Each `show_every` steps the best and
    the worst answer to `show_groups` questions are written where one can read them.
    """

    questions: int
    max_tokens: int
    samples: int = 8
    temperature: float = 1.0
    seq_len: int = 256
    margin: int = 0
    thinking: bool = True
    quantization: Literal["q8", "q4", "none"] = "q8"
    show_every: int = 10
    show_groups: int = 4

    def __post_init__(self) -> None:
        check_at_least(self, questions=1, max_tokens=1, samples=2, seq_len=8, margin=0, show_every=1, show_groups=1)
        if not 0 < self.temperature <= 2:
            raise ConfigError(f"temperature is {self.temperature}; it must lie above 0 and be at most 2.")
        if self.max_tokens >= self.seq_len:
            raise ConfigError(f"max_tokens is {self.max_tokens}; it must leave room for a question in seq_len.")
        if self.margin > self.max_tokens:
            raise ConfigError(f"margin is {self.margin}; it must not be larger than max_tokens.")


@dataclass(frozen=True, kw_only=True)
class GrpoRecipe:
    """See `grpo.Clip` and `grpo.group_advantages`.

    updates: optimiser steps that share one batch of answers.  old: whose log-probabilities the ratio starts from,
    the trainer's own (then `correct` weighs by trainer / sampler, at most `cap`) or the sampler's.
    """

    clip_low: float = 0.2
    clip_high: float = 0.28
    kl: float = 0.0
    divide_by_std: bool = False
    updates: int = 1
    old: Literal["trainer", "sampler"] = "trainer"
    correct: bool = True
    cap: float = 2.0

    def __post_init__(self) -> None:
        check_at_least(self, clip_low=0, clip_high=0, kl=0, updates=1, cap=1)
        if self.clip_low >= 1:
            raise ConfigError(f"clip_low is {self.clip_low}; it must lie below 1.")

    @property
    def clip(self) -> Clip:
        return Clip(self.clip_low, self.clip_high, self.cap if self.correct else None, self.kl)


@dataclass(frozen=True, kw_only=True)
class CurriculumRecipe:
    """See `problems.Curriculum`."""

    threshold: float = 0.8
    window: int = 512
    focus: float = 0.7

    def __post_init__(self) -> None:
        check_at_least(self, window=1)
        check_shares(self, "threshold", "focus")


@dataclass(frozen=True, kw_only=True)
class RlOptimRecipe:
    """As in `recipe.OptimRecipe`; micro_batch: rows of seq_len that go through the model at once.

    ema: the held-out problems are solved by, and the run ends with, an averaged copy; answers to learn from always come
    from the plain weights.
    """

    muon_lr: float
    adamw_lr: float
    micro_batch: int = 16
    weight_decay: float = 0.0
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    grad_clip: float = 1.0
    ema: float | None = None

    def __post_init__(self) -> None:
        check_rates(self)


@dataclass(frozen=True, kw_only=True)
class RlRecipe:
    """One reinforcement run.  Model, tokenizer and chat template are those of `run.init_from`."""

    problems: ProblemsRecipe
    rollout: RolloutRecipe
    rewards: Mapping[str, float]
    optim: RlOptimRecipe
    schedule: ScheduleRecipe
    run: RunRecipe
    grpo: GrpoRecipe = field(default_factory=GrpoRecipe)
    curriculum: CurriculumRecipe = field(default_factory=CurriculumRecipe)
    cost: CostRecipe = field(default_factory=CostRecipe)

    @property
    def base(self) -> str:
        """The folder of the model that learns."""
        assert self.run.init_from is not None
        return self.run.init_from

    @property
    def total_steps(self) -> int:
        assert self.schedule.total_steps is not None
        return self.schedule.total_steps

    @property
    def decay_steps(self) -> int:
        return round(self.total_steps * self.schedule.decay_fraction)

    def identity(self) -> dict[str, Any]:
        """All that decides the numbers of the run; see `recipe.Recipe.identity`."""
        parts = {name: dataclasses.asdict(getattr(self, name)) for name in _SECTIONS if name != "cost"}
        for name in ("show_every", "show_groups"):
            del parts["rollout"][name]
        return without_free_keys({"stage": "rl"} | flat(**parts, rewards=self.rewards))


_SECTIONS: dict[str, type[Any]] = {
    "problems": ProblemsRecipe,
    "rollout": RolloutRecipe,
    "grpo": GrpoRecipe,
    "curriculum": CurriculumRecipe,
    "optim": RlOptimRecipe,
    "schedule": ScheduleRecipe,
    "run": RunRecipe,
    "cost": CostRecipe,
}


def load_rl_recipe(path: str | Path) -> RlRecipe:
    """Read a reinforcement recipe.  Raises ConfigError naming file, section and key."""
    return parse_rl_recipe(read_toml(path), where=str(path))


def parse_rl_recipe(raw: Mapping[str, Any], *, where: str = "recipe") -> RlRecipe:
    """Build an RlRecipe from a TOML file's dict; `where` names the file in errors."""
    check_sections(raw, {*_SECTIONS, "rewards"}, where)
    parts = {name: read_section(kind, raw.get(name, {}), f"{where}: [{name}]") for name, kind in _SECTIONS.items()}
    rewards = _read_rewards(raw.get("rewards", {"answer": 1.0}), where)
    recipe = RlRecipe(rewards=rewards, **parts)
    refuse_shard(recipe.run, where)
    if recipe.run.init_from is None:
        raise ConfigError(f"{where}: [run] init_from is missing; name the folder of the model that shall learn.")
    if recipe.schedule.total_steps is None:
        raise ConfigError(f"{where}: [schedule] total_steps is missing; total_tokens is not known beforehand here.")
    check_schedule(recipe.schedule, recipe.decay_steps, recipe.total_steps, where)
    return recipe


def _read_rewards(raw: Mapping[str, Any], where: str) -> dict[str, float]:
    for name, weight in raw.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ConfigError(f"{where}: [rewards] {name} is {weight!r}; it must be a number.")
    try:
        check_weights(raw)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return {name: float(weight) for name, weight in raw.items()}
