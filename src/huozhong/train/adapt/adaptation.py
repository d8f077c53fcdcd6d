"""Adapting a model that exists: `huozhong train sft --base` and `dpo`.

    fit the memory → load → rehearse and tell → epochs: steps, then score what was taught and held out → export

The other stages make a model from a corpus; this makes one better for somebody from a few hundred examples, so it
counts in examples and epochs, and keeps the weights of the epoch that was best.  When all is learnt that was taught the
learning rate falls to zero in a few more epochs, and the run ends.

    out/checkpoints/   out/metrics.jsonl      as every run (`train.state`)
    out/adapter/                              PEFT's form, with LoRA
    out/model/                                the merged model: a Hugging Face folder with tokenizer and template
"""

from __future__ import annotations

import dataclasses
import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from huozhong.cost import Bill, Meter
from huozhong.errors import DataError
from huozhong.formats.hf.export import export_hf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.train.adapt.beneath import ROOM, Beneath
from huozhong.train.adapt.fit import choose_fit
from huozhong.train.adapt.lora import add_adapters, load_adapter, merged, save_adapter, trained_weights
from huozhong.train.adapt.settings import Settings, as_before, derive
from huozhong.train.adapt.show import RECORDED, preflight_table, score_line
from huozhong.train.adapt.tasks import Task
from huozhong.train.content import content_of
from huozhong.train.optim import warmup_stable_decay
from huozhong.train.parallel.team import Team
from huozhong.train.plan import expected_bill
from huozhong.train.precision import dtype_of, faster
from huozhong.train.run import Run, Saving, check_finite
from huozhong.train.sitting import Sitting, Start, sole_user, stop_switch

SAVE_SECONDS = 120.0


@dataclass(frozen=True)
class Adapted:
    """What a sitting came to.  model: the exported folder when finished, else None.

    before, after: scores of the untouched model and of the exported one (`tasks`).
    """

    finished: bool
    model: Path | None
    before: Mapping[str, float]
    after: Mapping[str, float]
    best_epoch: int
    bill: Bill
    peak_memory: int  # bytes


def adapt(
    view: HuggingFaceView,
    small_files: Mapping[str, bytes],
    task: Task,
    settings: Settings,
    *,
    start: Start = "auto",
    console: Console | None = None,
    plan_only: bool = False,
) -> Adapted | None:
    """Adapt the model of `view`; None with plan_only, which stops after the pre-flight.

    start: as in `pretrain.train`.  Raises ConfigError, DataError or CheckpointError before the start, TrainingError on
    the way.
    """
    if task.count < 1:
        raise DataError("there is nothing to train on: all examples are held out.")
    with sole_user(settings.out), stop_switch() as stop:
        if start != "fresh":
            settings = as_before(settings)
        sitting = Sitting(Adaptation(view, small_files, task, settings, console or Console()))
        sitting.begin(start)
        return None if plan_only else sitting.train(stop)


class Adaptation(Run[Adapted]):
    """A model is adapted by a `Task`; all of it, or adapters beside it."""

    team = Team()  # one process alone
    device = torch.device("cpu")
    log_every = 10

    def __init__(
        self, view: HuggingFaceView, small_files: Mapping[str, bytes], task: Task, settings: Settings, console: Console
    ) -> None:
        self.view, self.small_files, self.task = view, small_files, task
        self.settings, self.console, self.out = settings, console, settings.out
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.dtype = dtype_of(settings.dtype or faster())
        distinct = sum(map(len, {tuple(ids) for ids, _ in task.rows}))
        self.fit = choose_fit(
            view,
            settings.method,
            bits=settings.bits,
            rank=settings.rank,
            longest=max(task.lengths + task.heldout_lengths),
            dtype_bytes=self.dtype.itemsize,
            memory=settings.memory,
            whole=task.stage == "sft" and not settings.low_rank and settings.adapter is None,
            layers=settings.layers,
            kept=min(ROOM, distinct * view.architecture.hidden_size * self.dtype.itemsize),
        )
        self.plan = derive(settings, task, self.fit, view.architecture.hidden_size)
        self.total_steps = self.plan.total_steps
        self.saving = Saving(SAVE_SECONDS / 60, self.plan.steps_per_epoch, keep=1)
        self.meter = Meter(settings.price_per_kwh, settings.currency)
        self.beneath: Beneath | None = None
        self.before: dict[str, float] = {}
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = math.inf, 0
        self.after: dict[str, float] = {}  # the scores of the best epoch
        self.since_best = 0
        self.taught_at: int | None = None  # the epoch after which all was learnt
        self.peak = 0  # bytes held at the worst moment that was looked at

    def identity(self) -> dict[str, Any]:
        s = self.settings
        settings = {
            "base": s.base,
            "base_content": s.base_content,
            "method": self.fit.method,
            "storage": self.fit.storage,
            "seed": s.seed,
            "adapter": None if s.adapter is None else str(s.adapter),
            "adapter_content": self._adapter_content,
            "stage": self.task.stage,
            "dtype": str(self.dtype),
        }
        settings["layers"] = self.view.architecture.num_layers - self.fit.still if self.fit.still else None
        lora = {} if self.fit.method == "full" else {"rank": s.rank, "alpha": s.alpha}
        return settings | lora | dataclasses.asdict(self.plan) | self.task.identity()

    @cached_property
    def _adapter_content(self) -> str | None:
        return None if self.settings.adapter is None else content_of(self.settings.adapter)

    # -- before the first step -------------------------------------------------------------------

    def prepare(self, step: int, *, resumed: bool) -> dict[str, Any]:
        """Load the model, learn what must be known of it untouched, rehearse, tell."""
        self.model = self._load_model()
        self.trained = trained_weights(self.model)
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=self.plan.lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )
        self.task.prepare(self.model, self.fit.row_tokens)
        if not resumed:
            self.before = self.task.score(self.model, self.fit.row_tokens)
        expected = self._expected(self.total_steps - step)
        trained = sum(weight.numel() for weight in self.trained.values())
        derived = (self.settings, self.task, self.fit, self.plan, self.dtype)
        layers = self.view.architecture.num_layers
        self.console.print(preflight_table(*derived, layers=layers, trained=trained, peak=self.peak, expected=expected))
        return {}

    def _load_model(self) -> CausalLM:
        fit, architecture = self.fit, self.view.architecture
        model = load_causal_lm(architecture, self.view, storage=fit.storage, dtype=self.dtype, still=fit.still)
        model.recompute = self.fit.recompute
        if self.fit.method == "lora":
            add_adapters(model, self.settings.rank, self.settings.alpha, self.settings.seed)
            if self.settings.adapter is not None:
                load_adapter(model, self.settings.adapter)
        if self.fit.still:
            self.beneath = model.beneath = Beneath(model, self.task.rows, self.fit.row_tokens)
        return model.train()

    def _expected(self, steps: int) -> Bill:
        """What so many steps will take."""
        seconds, below, trial = self._rehearse()
        share = steps / self.plan.steps_per_epoch
        tokens = share * self.task.epoch_tokens
        # scoring goes one way only: about a third of the work of a step
        work = tokens + math.ceil(share) * sum(self.task.heldout_lengths) / 3
        seconds *= work
        if self.beneath is not None:  # what is not kept is worked out each time
            kept, left = self.beneath.kept, self.beneath.left
            seconds += below * (kept + work * left / (kept + left))
        return expected_bill(trial, seconds, int(tokens))

    def _rehearse(self) -> tuple[float, float, Bill]:
        """Seconds per token of one row, forward and backward, and through the layers that do not learn; and their bill.

        Changes nothing.
        """
        looks = self.task.epoch(0, self.settings.seed)[: self.plan.batch]
        part = self.task.parts(looks, self.fit.row_tokens)[0]
        began = time.perf_counter()
        with torch.no_grad():
            self.model.through_still(part.tokens_BT, self.model.places(part.tokens_BT, part.doc_BT, part.pos_BT))
        below = time.perf_counter() - began
        for _ in range(2):  # the first time is slower
            self.meter.lap()
            began = time.perf_counter()
            loss = self.task.loss(self.model, part) / self.task.size(part)
            self.peak = max(self.peak, held_memory())  # all that the way back needs is there now
            torch.autograd.backward(loss)
            seconds = time.perf_counter() - began
        self.optimizer.zero_grad()
        return seconds / part.tokens, below / part.tokens, self.meter.lap()

    # -- training --------------------------------------------------------------------------------

    def is_done(self, step: int) -> bool:
        return step >= self._last_step or self._waited

    @property
    def _waited(self) -> bool:
        return self.task.patience is not None and self.since_best >= self.task.patience

    @property
    def _last_step(self) -> int:
        """Where the run ends: after all epochs, or a few after all was learnt."""
        if self.taught_at is None:
            return self.total_steps
        return min(self.total_steps, self.plan.cooled(self.taught_at) * self.plan.steps_per_epoch)

    def _lr_scale(self, step: int) -> float:
        """Up, and down again: at once for preferences; else in the second half, or from where all was learnt."""
        plan, met = self.plan, step
        if self.taught_at is not None:
            met = min(step, self.taught_at * plan.steps_per_epoch)
        down = plan.total_steps - plan.warmup if self.task.stage == "dpo" else max(1, plan.total_steps // 2)
        planned = warmup_stable_decay(met, total_steps=plan.total_steps, warmup_steps=plan.warmup, decay_steps=down)
        return planned if met == step else planned * (self._last_step - step) / (self._last_step - met)

    def one_step(self, step: int) -> dict[str, Any]:
        began, plan = time.perf_counter(), self.plan
        epoch, place = divmod(step, plan.steps_per_epoch)
        looks = self.task.epoch(epoch, self.settings.seed)[place * plan.batch : (place + 1) * plan.batch]
        parts = self.task.parts(looks, self.fit.row_tokens)
        size, total = sum(self.task.size(part) for part in parts), 0.0
        for part in parts:
            loss = self.task.loss(self.model, part) / size
            torch.autograd.backward(loss)
            total += float(loss.detach())
        norm = float(nn.utils.clip_grad_norm_(self.trained.values(), 1.0))
        check_finite(step, total, norm, lambda: f"; give a lower --lr than {plan.lr:g} and start with --fresh.")
        scale = self._lr_scale(step)
        for group in self.optimizer.param_groups:
            group["lr"] = plan.lr * scale
        self.optimizer.step()
        self.peak = max(self.peak, held_memory())
        self.optimizer.zero_grad()
        tokens, seconds = sum(self.task.lengths[i] for i in looks), time.perf_counter() - began
        self.meter.add_tokens(prompt=tokens)
        return {
            "loss": total,
            "grad_norm": norm,
            "lr_scale": scale,
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_second": tokens / seconds,
        }

    def evaluate(self, step: int) -> dict[str, Any]:
        """At the end of an epoch: the scores, and whether these weights are the best so far."""
        epoch, inside = divmod(step, self.plan.steps_per_epoch)
        if inside:
            return {}
        scores = self.task.score(self.model, self.fit.row_tokens)
        if not scores:  # nothing can be asked: the last epoch is the best that is known
            self._keep_best(epoch, scores, math.inf)
            return {}
        score = self.task.objective(scores)
        better = score < self.best_score
        if better:
            self._keep_best(epoch, scores, score)
        self.since_best = 0 if better else self.since_best + 1
        if self.taught_at is None and self.task.is_taught(scores):
            self.taught_at = epoch
        line = score_line(epoch, self.plan.epochs, scores, better, self.is_done(step) and epoch < self.plan.epochs)
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)
        return {RECORDED.get(name, f"heldout_{name}"): value for name, value in scores.items()}

    def _keep_best(self, epoch: int, scores: dict[str, float], score: float) -> None:
        self.best_score, self.best_epoch, self.after = score, epoch, scores
        self.best = {name: weight.detach().clone() for name, weight in self.trained.items()}

    # -- checkpoints and the end -----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return {
            "trained": {name: weight.detach() for name, weight in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }

    def meta(self) -> dict[str, Any]:
        return {
            "before": self.before,
            "after": self.after,
            "best_score": None if math.isinf(self.best_score) else self.best_score,
            "best_epoch": self.best_epoch,
            "since_best": self.since_best,
            "taught_at": self.taught_at,
        }

    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(state["trained"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.before, self.after, self.best_epoch = meta["before"], meta["after"], meta["best_epoch"]
        self.best_score = math.inf if meta["best_score"] is None else meta["best_score"]
        self.since_best, self.taught_at = meta["since_best"], meta["taught_at"]

    def end(self, *, finished: bool) -> Path | None:
        """Write the adapter and the merged model, from the base's own numbers, not from their 4 or 8 bits."""
        if not finished:
            return None
        s, best = self.settings, self.best
        if self.fit.method == "lora":
            save_adapter(
                self.out / "adapter",
                best,
                family=self.view.architecture.family,
                base=str(self.view.path.resolve()),  # PEFT would look for a name on the hub
                rank=s.rank,
                alpha=s.alpha,
            )
        folder = self.out / "model"
        whole = HuggingFaceView(self.view.source, lambda name, values: merged(name, values, best, s.alpha / s.rank))
        export_hf(whole, folder, small_files=self.small_files)
        return folder

    def result(self, step: int, bill: Bill, model: Path | None) -> Adapted:
        return Adapted(model is not None, model, self.before, self.after, self.best_epoch, bill, self.peak)


def held_memory() -> int:
    """Bytes that this process holds now, the pages of mapped files aside, which the system takes back at will."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # another system than Linux: its peak is what it tells
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
