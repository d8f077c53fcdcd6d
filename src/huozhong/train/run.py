"""What a `Sitting` drives: a `Run` knows its model, its data and its loss, and nothing of folders, signals and bills.

`TransformerRun` is what the stages of a model of ours share; `adapt.adaptation` adapts any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch
from rich.console import Console

from huozhong.cost import Bill, Meter
from huozhong.errors import ConfigError, TrainingError
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.content import content_of
from huozhong.train.model_folder import save_transformer
from huozhong.train.optim import MuonAdamW, WeightAverage, warmup_stable_decay
from huozhong.train.parallel.team import Team
from huozhong.train.precision import Precision, dtype_of, faster
from huozhong.train.recipe import CostRecipe, Recipe
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.show import Display
from huozhong.train.state import MetricsFile

Result = TypeVar("Result")


@dataclass(frozen=True)
class Saving:
    """A checkpoint is written after `minutes` or each `steps` steps, whichever comes first (None = not by that), and
    always at the end; `keep` of them stay.
    """

    minutes: float | None
    steps: int | None
    keep: int

    def is_due(self, step: int, seconds: float) -> bool:
        """seconds: since the last one."""
        by_steps = self.steps is not None and step % self.steps == 0
        return by_steps or (self.minutes is not None and seconds >= 60 * self.minutes)


class Run(ABC, Generic[Result]):
    """One training run, whatever number of sittings it takes; made when its folder is ours, and what is wrong with its
    recipe or data raises then.

    Steps count from 0.  What a step does depends on its number and on what `restore` gives back, and on nothing else.
    """

    out: Path
    console: Console
    team: Team
    device: torch.device
    meter: Meter
    saving: Saving
    total_steps: int
    log_every: int
    display: type[Display] = Display

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What a resumed run must agree on."""

    @abstractmethod
    def prepare(self, step: int, *, resumed: bool) -> dict[str, Any]:
        """All that comes before step `step`, the plan shown to people included, apart from `restore`.

        Returns what was measured of the untrained model, for the metrics.
        """

    @abstractmethod
    def one_step(self, step: int) -> dict[str, Any]:
        """One optimiser step; returns its metrics."""

    def evaluate(self, step: int) -> dict[str, Any]:
        """What is measured now that `step` steps are done."""
        return {}

    def is_done(self, step: int) -> bool:
        return step >= self.total_steps

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The tensors that a checkpoint keeps; every process of the team that takes part is asked."""

    @abstractmethod
    def meta(self) -> dict[str, Any]:
        """What else a checkpoint keeps, as JSON."""

    @abstractmethod
    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        """Go back to a checkpoint."""

    def place(self) -> dict[str, Any]:
        """Where the run is in its data, as JSON, for a process that joins in the middle."""
        return {}

    def take_place(self, place: dict[str, Any]) -> None:
        """Go on from another process's `place`."""

    @abstractmethod
    def end(self, *, finished: bool) -> Path | None:
        """The end of a sitting, everything saved; exports the model and returns its folder when the run is finished."""

    @abstractmethod
    def result(self, step: int, bill: Bill, model: Path | None) -> Result:
        """What the sitting came to."""


def check_finite(step: int, loss: float, norm: float, advice: Callable[[], str]) -> None:
    """TrainingError for a loss or a gradient that is no number, before it is used; advice ends its sentence."""
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise TrainingError(
            f"step {step + 1} gave loss {loss:g} and gradient norm {norm:g}, so the run stopped before using "
            f"it{advice()}"
        )


class TransformerRun(Run[Result]):
    """A recipe trains a `Transformer` with Muon: the weights, their average, checkpoints, export.

    tokenizer: the folder of the one whose tokens the model reads.
    """

    recipe: Recipe | RlRecipe

    def __init__(
        self, recipe: Recipe | RlRecipe, console: Console, team: Team | None = None, *, tokenizer: str
    ) -> None:
        run = recipe.run
        self.console, self.team = console, team or Team()
        self.out, self.total_steps, self.log_every = Path(run.out), recipe.total_steps, run.log_every
        self.saving = Saving(run.checkpoint_minutes, run.checkpoint_steps, run.keep)
        if run.threads is not None:
            torch.set_num_threads(run.threads)
        torch.manual_seed(run.seed)
        self.device = _device(run.device)
        precision = self._precision(run.precision)
        self.recipe = dataclasses.replace(recipe, run=dataclasses.replace(run, precision=precision))
        self.dtype = dtype_of(precision)
        self.meter = _meter(recipe.cost, self.device)
        self.tokenizer = Tokenizer.load(tokenizer)
        self.model = self.team.spread(self.build_model())
        self.optimizer = self.build_optimizer()
        self.average = None if recipe.optim.ema is None else WeightAverage(self.model, recipe.optim.ema)
        self.tokens = 0
        self.last: dict[str, Any] = {}  # the scores that the outcome tells

    def _precision(self, wish: Literal["auto", "bf16", "float32"]) -> Precision:
        if wish != "auto":
            return wish
        found = faster(self.device)
        return "float32" if self.team.heard(found == "float32") else found  # what none of them is slow in

    @abstractmethod
    def build_model(self) -> Transformer:
        """The model as the run begins with it, on its device, before it is divided among a team."""

    def build_optimizer(self) -> MuonAdamW:
        optim = self.recipe.optim
        return MuonAdamW(
            self.model,
            muon_lr=optim.muon_lr,
            adamw_lr=optim.adamw_lr,
            weight_decay=optim.weight_decay,
            momentum=optim.momentum,
            betas=optim.betas,
            muon=self.team.muon,
            compute=self.dtype,
        )

    def identity(self) -> dict[str, Any]:
        base = {} if self._base_content is None else {"base_content": self._base_content}
        return self.recipe.identity() | base

    @cached_property
    def _base_content(self) -> str | None:
        folder = self.recipe.run.init_from
        return None if folder is None else content_of(Path(folder))

    # -- training --------------------------------------------------------------------------------

    def lr_scale(self, step: int) -> float:
        schedule = self.recipe.schedule
        return warmup_stable_decay(
            step,
            total_steps=self.total_steps,
            warmup_steps=schedule.warmup_steps,
            decay_steps=self.recipe.decay_steps,
            floor=schedule.floor,
            shape=schedule.shape,
        )

    def update(self, lr_scale: float) -> None:
        """Move the weights by their gradients."""
        self.optimizer.step(lr_scale)
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update(self.model)

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Inside, the model has the weights that are scored and exported."""
        return contextlib.nullcontext() if self.average is None else self.average.swapped_in(self.model)

    def evaluation_is_due(self, step: int) -> bool:
        return step == self.total_steps or step % self.recipe.run.eval_every == 0

    # -- checkpoints and the end -----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return self.team.state(self.model, self.optimizer, self.average)

    def meta(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "last": self.last, **self.team.meta()}

    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        self.team.load(state, self.model, self.optimizer, self.average)
        self.team.recall(meta)
        self.tokens, self.last = meta["tokens"], meta["last"]

    def end(self, *, finished: bool) -> Path | None:
        if not finished:
            return None
        folder, files = self.out / "model", self.tokenizer.files()
        with self.averaged():
            state = self.team.model_state(self.model)
            if self.team.leads:
                dtype = self.recipe.run.export_dtype
                save_transformer(self.model, folder, extra_files=files, dtype=dtype, state=state)
        bill = self.meter.stop()
        self.console.print(
            f"完成：{bill.line('zh')} → {folder}\nDone: {bill.line('en')} → {folder}", highlight=False, soft_wrap=True
        )
        return folder

    def draw(self, picture: Callable[..., None], name: str, title: str) -> None:
        """Write the curves of the metrics as the file `name`, if this process does, and can."""
        if not self.team.leads:
            return
        try:
            picture(MetricsFile(self.out).read(), self.out / name, title=f"{title} {self.out.name}")
        except ImportError:
            self.console.print(f"没有 matplotlib，未画 {name}。{name} not drawn: matplotlib is not installed.")


# -- the machine ---------------------------------------------------------------------------------


def _device(wish: str) -> torch.device:
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError("[run] device is 'cuda', but torch finds no usable GPU; use 'auto' or 'cpu'.")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def _meter(cost: CostRecipe, device: torch.device) -> Meter:
    return Meter(
        cost.price_per_kwh,
        cost.currency,
        cost.watts,
        watts_per_core=cost.watts_per_core,
        idle_watts=cost.idle_watts,
        gpu=0 if device.type == "cuda" else None,
    )
