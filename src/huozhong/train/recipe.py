"""A training run as a TOML file, read into frozen dataclasses.

Unknown keys, missing keys and values of the wrong kind are `ConfigError`s that name the file, the section
and the key.  Relative paths are relative to the folder in which the command runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from huozhong.cost import IDLE_WATTS, WATTS_PER_CORE
from huozhong.errors import ConfigError
from huozhong.model.config import ModelConfig
from huozhong.text.data import Source
from huozhong.train.fields import (
    check_at_least,
    check_sections,
    check_shares,
    flat,
    read_section,
    read_toml,
    read_value,
)
from huozhong.train.parallel.settings import TeamRecipe
from huozhong.train.sizes import SIZES

Stage = Literal["pretrain", "sft", "mtp"]
DecayShape = Literal["linear", "sqrt", "cosine"]


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """heldout: shards never trained on, scored in bits per byte over `heldout_rows` rows of seq_len tokens."""

    train: tuple[Source, ...]
    seq_len: int
    heldout: str | None = None
    heldout_rows: int = 64

    def __post_init__(self) -> None:
        check_at_least(self, seq_len=8, heldout_rows=1)
        if not self.train:
            raise ConfigError('train is empty; name at least one source: train = [{ path = "..." }].')


def check_rates(optim: Any) -> None:
    """ConfigError for rates that no optimiser takes: what [optim] of every stage has in common."""
    check_at_least(optim, muon_lr=0, adamw_lr=0, micro_batch=1, weight_decay=0)
    if not 0 <= optim.momentum < 1:
        raise ConfigError(f"momentum is {optim.momentum}; it must lie in [0, 1).")
    if not all(0 <= beta < 1 for beta in optim.betas):
        raise ConfigError(f"betas are {list(optim.betas)}; both must lie in [0, 1).")
    if optim.grad_clip <= 0:
        raise ConfigError(f"grad_clip is {optim.grad_clip}; it must be positive (a large value never clips).")
    if optim.ema is not None and not 0 < optim.ema < 1:
        raise ConfigError(f"ema is {optim.ema}; give a decay between 0 and 1, or leave it out.")


@dataclass(frozen=True, kw_only=True)
class OptimRecipe:
    """batch_tokens: tokens per optimiser step; micro_batch: rows of seq_len that go through the model at once.

    mtp_weight weighs the loss of multi-token-prediction modules (0 = the main loss alone).  balance_rate
    is the step of the experts' bias towards even load; a run of some hundred steps wants 1e-2.  dropout: the
    share of what each block adds that is left out at random while training, against learning by heart what is
    read many times.  ema: decay of an averaged copy that is exported and scored instead of the plain weights;
    None = plain weights.
    """

    muon_lr: float
    adamw_lr: float
    batch_tokens: int
    micro_batch: int
    weight_decay: float = 0.1
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    grad_clip: float = 1.0
    mtp_weight: float = 0.3
    balance_rate: float = 1e-3
    dropout: float = 0.0
    ema: float | None = None

    def __post_init__(self) -> None:
        check_at_least(self, batch_tokens=1, mtp_weight=0, balance_rate=0)
        check_rates(self)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; it must lie in [0, 1).")


@dataclass(frozen=True, kw_only=True)
class ScheduleRecipe:
    """Exactly one of total_tokens and total_steps.  The last decay_fraction of the steps go down to `floor`.

    shape: how they go down: "linear"; "sqrt", 1 − sqrt(share of the decay that is over) (Hägele et al. 2024,
    arXiv:2405.18392); or "cosine".
    """

    total_tokens: int | None = None
    total_steps: int | None = None
    warmup_steps: int = 0
    decay_fraction: float = 0.3
    floor: float = 0.0
    shape: DecayShape = "linear"

    def __post_init__(self) -> None:
        if (self.total_tokens is None) == (self.total_steps is None):
            raise ConfigError("give exactly one of total_tokens and total_steps.")
        check_at_least(self, warmup_steps=0, total_tokens=1, total_steps=1)
        check_shares(self, "decay_fraction", "floor")


@dataclass(frozen=True, kw_only=True)
class RampRecipe:
    """One `[[ramp]]`: a stretch at the beginning of the run, `share` of its tokens, that is cheaper than the rest.

    batch_tokens: tokens per optimiser step.  seq_len: rows are cut into rows of that length, which divides
    the full one; text and order stay.  layers: only so many of the model's layers run; the others sleep as they
    were initialised, and what sleeps is exactly the identity, so that waking them changes no output.
    mtp_weight: of the prediction modules' loss; 0 lets a small model learn the next token first (the forward
    curriculum of Aynetdinov & Akbik 2025, arXiv:2505.22757).  None = as in the rest of the run.
    """

    share: float
    batch_tokens: int | None = None
    seq_len: int | None = None
    layers: int | None = None
    mtp_weight: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"share is {self.share}; it must lie between 0 and 1.")
        check_at_least(self, batch_tokens=1, seq_len=1, layers=1, mtp_weight=0)


@dataclass(frozen=True)
class Stretch:
    """Steps that are alike: `steps` of them, each of `rows` rows of the full seq_len, cut to `seq_len`;
    `layers` awake (None = all); prediction modules weighed by `mtp_weight` (None = as [optim] says).
    """

    steps: int
    rows: int
    seq_len: int
    layers: int | None
    mtp_weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """Where and how the run happens.  init_from: model folder to start from (sft needs it).

    init_table: a new model's token table starts as noise, or from the text's counts (`train.counts`), which is cheaper.

    A checkpoint is written after `checkpoint_minutes` or `checkpoint_steps`, whichever comes first (None
    = not by that), and always at the end; `keep` of them stay.  The model is scored on held-out data each
    `eval_every` steps.

    shard: processes that torchrun started hold the model between them instead of each the whole (`parallel.shard`);
    the losses are the same, and it may change from sitting to sitting, as their number may.  One process alone has
    nobody to share with: there it changes nothing.  Not together with compile.

    precision: of products; "auto" is what this machine multiplies faster, and then what the run began with.
    """

    out: str
    seed: int = 0
    init_from: str | None = None
    init_table: Literal["noise", "counts"] = "noise"
    checkpoint_minutes: float | None = 5.0
    checkpoint_steps: int | None = None
    keep: int = 2
    eval_every: int = 250
    log_every: int = 10
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "float32"] = "auto"
    compile: bool = False
    shard: bool = False
    threads: int | None = None
    export_dtype: Literal["bfloat16", "float32"] = "bfloat16"

    def __post_init__(self) -> None:
        check_at_least(self, seed=0, keep=1, eval_every=1, log_every=1, checkpoint_steps=1, threads=1)
        if self.checkpoint_minutes is not None and self.checkpoint_minutes <= 0:
            raise ConfigError(f"checkpoint_minutes is {self.checkpoint_minutes}; it must be positive.")
        if self.init_from is not None and self.init_table != "noise":
            raise ConfigError(f'init_table = "{self.init_table}" is for a new model; with init_from take it out.')
        if self.compile and self.shard:
            # a process in which compiling fails goes on without, but in the middle of a pass it would leave the others
            # waiting for its part
            raise ConfigError("compile and shard do not go together yet; take one of them out.")


@dataclass(frozen=True, kw_only=True)
class CostRecipe:
    """What energy costs here and, where no counter can be read, what the machine draws (see `huozhong.cost`)."""

    price_per_kwh: float = 0.6
    currency: str = "CNY"
    watts: float | None = None
    watts_per_core: float = WATTS_PER_CORE
    idle_watts: float = IDLE_WATTS


# What may change between two sittings of one run: where and how fast it runs, and how often it tells.
_FREE = (
    "out", "checkpoint_minutes", "checkpoint_steps", "keep", "eval_every", "log_every", "device", "compile", "shard",
    "threads", "export_dtype",
)  # fmt: skip
FREE_KEYS = frozenset(f"run.{name}" for name in _FREE)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One run.  `model` is None when the run starts from `run.init_from`, whose config.json then decides."""

    stage: Stage
    model: dict[str, Any] | None
    tokenizer: str
    data: DataRecipe
    optim: OptimRecipe
    schedule: ScheduleRecipe
    run: RunRecipe
    cost: CostRecipe = field(default_factory=CostRecipe)
    ramp: tuple[RampRecipe, ...] = ()
    team: TeamRecipe | None = None

    def __post_init__(self) -> None:
        if self.team is not None:
            self._check_team()
        if not self.ramp:
            return
        if self.schedule.total_tokens is None:
            raise ConfigError("[[ramp]] shares out total_tokens; give that instead of total_steps.")
        if sum(part.share for part in self.ramp) >= 1:
            raise ConfigError("the shares of [[ramp]] must add up to less than 1: the rest of the run is the rest.")
        if self.run.init_from is not None and any(part.layers for part in self.ramp):
            raise ConfigError("[[ramp]] layers is for a new model: the layers of a trained one cannot sleep.")
        if self.stage == "mtp" and any(part.mtp_weight is not None for part in self.ramp):
            raise ConfigError("[[ramp]] mtp_weight is for a model that learns; here only its prediction module does.")
        for part in self.ramp:
            if part.seq_len is not None and self.data.seq_len % part.seq_len:
                raise ConfigError(
                    f"[[ramp]] seq_len ({part.seq_len}) must divide that of [data] ({self.data.seq_len})."
                )

    def _check_team(self) -> None:
        if self.run.shard:
            raise ConfigError("[team] and [run] shard do not go together: in local rounds each has the whole model.")
        if self.optim.ema is not None:
            raise ConfigError("[team] and [optim] ema do not go together; take one of them out.")
        if self.stage != "pretrain":
            raise ConfigError("[team] is for `train pretrain`; take it out.")

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The run from beginning to end: one stretch per ramp, then the rest; each at least one step."""
        full, total = self.data.seq_len, self.schedule.total_tokens
        found, left = [], 1.0
        for part in self.ramp:
            assert total is not None
            rows = self.rows_per_step if part.batch_tokens is None else max(1, round(part.batch_tokens / full))
            steps = max(1, round(part.share * total / (rows * full)))
            found.append(Stretch(steps, rows, part.seq_len or full, part.layers, part.mtp_weight))
            left -= part.share
        steps = self.schedule.total_steps or max(1, round(left * (total or 0) / self.tokens_per_step))
        return (*found, Stretch(steps, self.rows_per_step, full, None))

    def mtp_weight_of(self, stretch: Stretch) -> float:
        """What the prediction modules' loss weighs in that stretch."""
        return self.optim.mtp_weight if stretch.mtp_weight is None else stretch.mtp_weight

    def stretch_at(self, step: int) -> Stretch:
        """What step `step` (0-based) is like."""
        for stretch in self.stretches:
            if step < stretch.steps:
                return stretch
            step -= stretch.steps
        return self.stretches[-1]

    @property
    def rows_per_step(self) -> int:
        """Rows of seq_len in one optimiser step: batch_tokens rounded to whole micro-batches, at least one."""
        per_micro = self.data.seq_len * self.optim.micro_batch
        return max(1, round(self.optim.batch_tokens / per_micro)) * self.optim.micro_batch

    @property
    def micro_batches(self) -> int:
        return self.rows_per_step // self.optim.micro_batch

    @property
    def tokens_per_step(self) -> int:
        return self.rows_per_step * self.data.seq_len

    @property
    def total_steps(self) -> int:
        return sum(stretch.steps for stretch in self.stretches)

    @property
    def total_tokens(self) -> int:
        """Tokens of the whole run, in whole steps."""
        return sum(stretch.steps * stretch.rows for stretch in self.stretches) * self.data.seq_len

    @property
    def decay_steps(self) -> int:
        return round(self.total_steps * self.schedule.decay_fraction)

    def identity(self) -> dict[str, Any]:
        """All that decides the numbers of the run, flat ("data.seq_len" -> 512): a resumed run must agree on it.

        Left out are FREE_KEYS and the price of energy.
        """
        named: dict[str, Any] = {"stage": self.stage, "tokenizer": self.tokenizer}
        if self.ramp:
            named["ramp"] = [dataclasses.asdict(part) for part in self.ramp]
        parts = {name: dataclasses.asdict(getattr(self, name)) for name in ("data", "optim", "schedule", "run")}
        if self.team is not None:
            parts["team"] = self.team.identity()
        if self.run.init_table == "noise":  # what every run did before there was a choice
            del parts["run"]["init_table"]
        return without_free_keys(named | flat(model=self.model, **parts))


def without_free_keys(identity: dict[str, Any]) -> dict[str, Any]:
    """What two sittings of one run must agree on."""
    return {key: value for key, value in identity.items() if key not in FREE_KEYS}


def check_schedule(schedule: ScheduleRecipe, decay_steps: int, total_steps: int, where: str) -> None:
    """ConfigError when going up and going down take more steps than there are."""
    if schedule.warmup_steps + decay_steps > total_steps:
        raise ConfigError(
            f"{where}: [schedule] warmup_steps ({schedule.warmup_steps}) and the decay ({decay_steps} steps) "
            f"do not fit into {total_steps} steps; lower one of them."
        )


# -- reading -------------------------------------------------------------------------------------

_SECTIONS: dict[str, type[Any]] = {
    "data": DataRecipe,
    "optim": OptimRecipe,
    "schedule": ScheduleRecipe,
    "run": RunRecipe,
    "cost": CostRecipe,
}
_MODEL_KEYS = {f.name for f in dataclasses.fields(ModelConfig)} - {"rope_scaling"}


def load_recipe(path: str | Path, stage: Stage) -> Recipe:
    """Read a recipe for `stage`.

    Raises ConfigError naming file, section and key for anything unknown, missing or impossible.
    """
    return parse_recipe(read_toml(path), stage, where=str(path))


def parse_recipe(raw: dict[str, Any], stage: Stage, *, where: str = "recipe") -> Recipe:
    """Build a Recipe from a TOML file's dict; `where` names the file in errors."""
    allowed = {"model", "tokenizer", "ramp", "gate", "team", *_SECTIONS}  # [gate] is for `huozhong eval --gate`
    check_sections(raw, allowed, where)
    ramp = _read_ramp(raw.get("ramp", []), where)
    parts = {name: read_section(kind, raw.get(name, {}), f"{where}: [{name}]") for name, kind in _SECTIONS.items()}
    parts["team"] = read_section(TeamRecipe, raw["team"], f"{where}: [team]") if "team" in raw else None
    model = _read_model(raw.get("model"), parts["run"], stage, where)
    tokenizer = _read_tokenizer(raw.get("tokenizer"), parts["run"], where)
    if stage == "mtp":
        refuse_shard(parts["run"], where)
        if parts["optim"].dropout:
            raise ConfigError(
                f"{where}: [optim] dropout is for a model that learns, not for its prediction module; take it out."
            )
    try:
        recipe = Recipe(stage=stage, model=model, tokenizer=tokenizer, ramp=ramp, **parts)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    check_schedule(recipe.schedule, recipe.decay_steps, recipe.total_steps, where)
    return recipe


def refuse_shard(run: RunRecipe, where: str) -> None:
    """ConfigError for a stage in which each process holds the whole model."""
    if run.shard:
        raise ConfigError(f"{where}: [run] shard is for `train pretrain` and `train sft` of a recipe; take it out.")


def _read_model(raw: dict[str, Any] | None, run: RunRecipe, stage: Stage, where: str) -> dict[str, Any] | None:
    if run.init_from is not None:
        if raw is not None:
            raise ConfigError(f"{where}: [model] and [run] init_from exclude each other; take one of them out.")
        return None
    if stage in ("sft", "mtp"):
        raise ConfigError(f"{where}: [run] init_from is missing; {stage} starts from a trained model's folder.")
    if raw is None:
        raise ConfigError(f"{where}: section [model] is missing; give a size or the model's numbers.")
    if unknown := sorted(set(raw) - _MODEL_KEYS - {"size"}):
        raise ConfigError(
            f"{where}: [model] has no key {unknown[0]!r}; known keys: size, {', '.join(sorted(_MODEL_KEYS))}."
        )
    if "size" in raw and raw["size"] not in SIZES:
        raise ConfigError(f"{where}: [model] size {raw['size']!r} is unknown; known sizes: {', '.join(SIZES)}.")
    return raw


def _read_tokenizer(raw: dict[str, Any] | None, run: RunRecipe, where: str) -> str:
    if raw is None and run.init_from is not None:
        return run.init_from
    if raw is None or "folder" not in raw:
        raise ConfigError(f"{where}: [tokenizer] folder is missing; name the folder with tokenizer.json.")
    if unknown := sorted(set(raw) - {"folder"}):
        raise ConfigError(f"{where}: [tokenizer] has no key {unknown[0]!r}; its only key is folder.")
    folder: str = read_value(str, raw["folder"], f"{where}: [tokenizer] folder")
    return folder


def _read_ramp(raw: Any, where: str) -> tuple[RampRecipe, ...]:
    if not isinstance(raw, list) or not all(isinstance(part, dict) for part in raw):
        raise ConfigError(f"{where}: ramp is a list of stretches; write each under [[ramp]].")
    return tuple(read_section(RampRecipe, part, f"{where}: [[ramp]] {i}") for i, part in enumerate(raw, 1))
