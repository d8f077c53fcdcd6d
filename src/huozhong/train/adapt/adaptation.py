"""Adapting a model that exists: the loop, its pre-flight, its checkpoints and what comes out.

    fit the memory → load → rehearse and tell → epochs: steps, then score what was held out → export

`train.loop` makes a model from a corpus; this makes a model better for somebody from a few hundred examples, so it
counts in examples and epochs, and keeps the weights of the epoch that was best on held-out examples.  A run is a pure
function of its data and settings; stopped anywhere, it goes on from the last checkpoint.

    out/checkpoints/   out/metrics.jsonl      as every run (`train.state`)
    out/adapter/                              PEFT's form, with LoRA
    out/model/                                the merged model: a Hugging Face folder with tokenizer and template
"""

from __future__ import annotations

import dataclasses
import math
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console
from torch import Tensor, nn

from huozhong.cost import Bill, Meter
from huozhong.errors import ConfigError, DataError, TrainingError
from huozhong.formats.hf.export import export_hf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.model.frozen import Storage
from huozhong.train.adapt.fit import Fit, Method, choose_fit
from huozhong.train.adapt.lora import add_adapters, load_adapter, merged, save_adapter, trained_weights
from huozhong.train.adapt.tasks import Task
from huozhong.train.optim import warmup_stable_decay
from huozhong.train.show import Display
from huozhong.train.sitting import Start, _sole_user, _stop_switch
from huozhong.train.state import CheckpointFolder, MetricsFile, check_same_run

SAVE_SECONDS = 120.0
PATIENCE = 2  # epochs without a better held-out score before the run ends early


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to adapt; None means derived.

    rank, alpha: of LoRA.  lr: the highest learning rate.  batch: examples per step.  bits: of a QLoRA base.
    adapter: a PEFT folder to start from, of the same rank and alpha.  memory: bytes that may be used.
    dtype: of the arithmetic.
    """

    base: str
    out: Path
    method: Method = "auto"
    bits: Literal[4, 8] | None = None
    rank: int = 16
    alpha: float = 32.0
    lr: float | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0
    adapter: Path | None = None
    memory: int | None = None
    threads: int | None = None
    dtype: Literal["bf16", "float32"] | None = None
    price_per_kwh: float = 0.6
    currency: str = "CNY"

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch", "threads"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"--{name} is {value}; it must be at least 1.")
        if self.lr is not None and not 0 < self.lr < 1:
            raise ConfigError(f"--lr is {self.lr}; it must lie between 0 and 1.")
        if self.adapter is not None and self.method == "full":
            raise ConfigError("--adapter and --method full contradict each other; leave one of them out.")


@dataclass(frozen=True)
class Recipe:
    """What was derived from the data and the model: everything that a resumed run must agree on."""

    epochs: int
    batch: int
    lr: float
    steps_per_epoch: int

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def warmup(self) -> int:
        return max(1, self.total_steps // 20)


def derive(settings: Settings, task: Task, fit: Fit, width: int) -> Recipe:
    """Epochs, batch and learning rate from the number of examples and the model's width.

    About 1,000 looks at people's own examples, two to eight epochs.  Learning rates fall with the width; LoRA's are
    ten times those of training everything (Schulman et al. 2025, "LoRA Without Regret"); DPO's are a tenth of
    fine-tuning's.
    """
    epochs = settings.epochs or min(8, max(2, round(1000 / (task.count - task.rehearsed))))
    batch = settings.batch or min(8, max(1, task.count // 8))
    lr = settings.lr
    if lr is None:
        lr = min(2e-3, 5e-4 * math.sqrt(2048 / width))
        lr *= (0.1 if fit.method == "full" else 1.0) * (0.1 if task.stage == "dpo" else 1.0)
    return Recipe(epochs, batch, lr, math.ceil(task.count / batch))


@dataclass(frozen=True)
class Adapted:
    """What a sitting came to.  model: the exported folder when finished, else None.

    before, after: held-out scores of the untouched model and of the exported one.
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

    start: as in `train.loop.train`.  Raises ConfigError, DataError or CheckpointError before the start,
    TrainingError on the way.
    """
    if task.count < 1:
        raise DataError("there is nothing to train on: all examples are held out.")
    with _sole_user(settings.out), _stop_switch() as stop:
        if start != "fresh":
            settings = as_before(settings)
        run = Adaptation(view, small_files, task, settings, console or Console())
        run.begin(start)
        return None if plan_only else run.train(stop)


def as_before(settings: Settings) -> Settings:
    """What was left to the machine stays as the run in `out` began, though less memory may be free by now."""
    checkpoints = CheckpointFolder(settings.out)
    steps = checkpoints.steps()
    if not steps:
        return settings
    then = checkpoints.read_meta(steps[-1])["identity"]
    ways: dict[Storage | None, tuple[Method, Literal[4, 8] | None]] = {
        None: ("full", None),
        "q8": ("qlora", 8),
        "q4": ("qlora", 4),
        "bfloat16": ("lora", None),
    }
    if settings.method == "auto" or (settings.method == "qlora" and settings.bits is None):
        method, bits = ways[then["storage"]]
        settings = dataclasses.replace(settings, method=method, bits=bits)
    if settings.dtype is None:
        dtype: Literal["bf16", "float32"] = "bf16" if then["dtype"] == str(torch.bfloat16) else "float32"
        settings = dataclasses.replace(settings, dtype=dtype)
    return settings


class Adaptation:
    """Everything that lives while a model is being adapted."""

    def __init__(
        self, view: HuggingFaceView, small_files: Mapping[str, bytes], task: Task, settings: Settings, console: Console
    ) -> None:
        self.view, self.small_files, self.task = view, small_files, task
        self.settings, self.console, self.out = settings, console, settings.out
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.dtype = _dtype(settings.dtype)
        longest = max(task.lengths + task.heldout_lengths)
        self.fit = choose_fit(
            view,
            settings.method,
            bits=settings.bits,
            rank=settings.rank,
            longest=longest,
            dtype_bytes=self.dtype.itemsize,
            memory=settings.memory,
        )
        self.recipe = derive(settings, task, self.fit, view.architecture.hidden_size)
        self.checkpoints, self.metrics = CheckpointFolder(self.out, keep=1), MetricsFile(self.out)
        self.meter = Meter(settings.price_per_kwh, settings.currency)
        self.step = 0
        self.before: dict[str, float] = {}
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = math.inf, 0
        self.scores: dict[str, float] = {}
        self.after: dict[str, float] = {}  # the scores of the best epoch
        self.since_best = 0
        self.peak = 0  # bytes held at the worst moment that was looked at

    # -- beginning -------------------------------------------------------------------------------

    def begin(self, start: Start) -> None:
        """Load the model, learn what must be known of it untouched, rehearse, tell, and go back to a checkpoint."""
        steps = self._find_checkpoint(start)
        self.model = self._load_model()
        self.trained = trained_weights(self.model)
        self.optimizer = self._new_optimizer()
        self.meter.start()
        self.task.prepare(self.model, self.fit.row_tokens)
        if steps:
            self._restore(steps[-1])
        else:
            self.before = self.task.score(self.model, self.fit.row_tokens)
        self._tell()

    def _find_checkpoint(self, start: Start) -> list[int]:
        self.checkpoints.clean()
        if start == "fresh":
            for step in self.checkpoints.steps():
                self.checkpoints.remove(step)
        steps = self.checkpoints.steps()
        if start == "resume" and not steps:
            raise ConfigError(f"{self.out} holds no checkpoint to resume; run without --resume to begin.")
        if steps:
            check_same_run(self.checkpoints.read_meta(steps[-1])["identity"], self._identity(), str(self.out))
        self.metrics.keep_until(steps[-1] if steps else -1)
        return steps

    def _load_model(self) -> CausalLM:
        storage = self.fit.storage
        model = load_causal_lm(self.view.architecture, self.view, storage=storage, dtype=self.dtype)
        model.recompute = self.fit.recompute
        if self.fit.method == "lora":
            add_adapters(model, self.settings.rank, self.settings.alpha, self.settings.seed)
            if self.settings.adapter is not None:
                load_adapter(model, self.settings.adapter)
        return model.train()

    def _new_optimizer(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            self.trained.values(), lr=self.recipe.lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )

    def _identity(self) -> dict[str, Any]:
        s = self.settings
        settings = {
            "base": s.base,
            "method": self.fit.method,
            "storage": self.fit.storage,
            "seed": s.seed,
            "adapter": None if s.adapter is None else str(s.adapter),
            "stage": self.task.stage,
            "dtype": str(self.dtype),
        }
        lora = {} if self.fit.method == "full" else {"rank": s.rank, "alpha": s.alpha}
        return settings | lora | dataclasses.asdict(self.recipe) | self.task.identity()

    def _restore(self, step: int) -> None:
        meta, state = self.checkpoints.read_meta(step), self.checkpoints.read_state(step, torch.device("cpu"))
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(state["trained"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.step = state["best"], step
        self.before, self.after, self.best_epoch = meta["before"], meta["after"], meta["best_epoch"]
        self.best_score = math.inf if meta["best_score"] is None else meta["best_score"]
        self.since_best = meta["since_best"]
        self.meter.restore(meta["bill"])
        self.console.print(f"从第 {step} 步的检查点继续。Going on from the checkpoint of step {step}.", highlight=False)

    # -- the pre-flight --------------------------------------------------------------------------

    def _tell(self) -> None:
        from huozhong.train.adapt.show import Expected, preflight_table

        seconds, bill = self._rehearse()
        steps = self.recipe.total_steps - self.step
        share = steps / self.recipe.steps_per_epoch
        tokens = share * sum(self.task.lengths)
        # scoring goes one way only: about a third of the work of a step
        work = tokens + math.ceil(share) * sum(self.task.heldout_lengths) / 3
        expected = Expected.of(bill, seconds_per_token=seconds, work=work, tokens=int(tokens))
        self.console.print(preflight_table(self, expected))

    def _rehearse(self) -> tuple[float, Bill]:
        """Seconds per token of one row, forward and backward, and its bill.  Changes nothing."""
        part = self.task.parts(self._order(0)[: self.recipe.batch], self.fit.row_tokens)[0]
        tokens = sum(self.task.lengths[i] for i in self._order(0)[: self.recipe.batch])
        tokens = min(tokens, self._tokens_of(part))
        for _ in range(2):  # the first time is slower
            self.meter.lap()
            began = time.perf_counter()
            loss = self.task.loss(self.model, part) / self.task.size(part)
            self.peak = max(self.peak, held_memory())  # all that the way back needs is there now
            loss.backward()
            seconds = time.perf_counter() - began
        self._forget_gradients()
        return seconds / tokens, self.meter.lap()

    @staticmethod
    def _tokens_of(part: Any) -> int:
        return int(getattr(part, "row", part).tokens.numel())

    def _forget_gradients(self) -> None:
        for weight in self.trained.values():
            weight.grad = None

    # -- training --------------------------------------------------------------------------------

    def train(self, stop: threading.Event) -> Adapted:
        """Epoch after epoch, until the end, an early end, or a stop."""
        saved_at = time.monotonic()
        with Display(self.console, total_steps=self.recipe.total_steps, done_steps=self.step, log_every=10) as display:
            while self._going_on() and not stop.is_set():
                record = self._one_step()
                ended = self.step % self.recipe.steps_per_epoch == 0
                if ended:
                    record |= self._end_of_epoch(display)
                bill = self.meter.snapshot()
                self.metrics.append(record | {"joules": bill.joules, "money": bill.money})
                display.step(record, bill)
                if ended or time.monotonic() - saved_at >= SAVE_SECONDS:
                    self.save()
                    saved_at = time.monotonic()
        self.save()
        return self._interrupted() if self._going_on() else self._finish()

    def _going_on(self) -> bool:
        return self.step < self.recipe.total_steps and self.since_best < PATIENCE

    def _order(self, epoch: int) -> list[int]:
        order = list(range(self.task.count))
        random.Random(f"epoch {epoch} seed {self.settings.seed}").shuffle(order)
        return order

    def _one_step(self) -> dict[str, Any]:
        began, recipe = time.perf_counter(), self.recipe
        epoch, place = divmod(self.step, recipe.steps_per_epoch)
        indices = self._order(epoch)[place * recipe.batch : (place + 1) * recipe.batch]
        parts = self.task.parts(indices, self.fit.row_tokens)
        size, total = sum(self.task.size(part) for part in parts), 0.0
        for part in parts:
            loss = self.task.loss(self.model, part) / size
            loss.backward()
            total += float(loss.detach())
        norm = float(nn.utils.clip_grad_norm_(self.trained.values(), 1.0))
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise TrainingError(
                f"step {self.step + 1} gave loss {total:g} and gradient norm {norm:g}, so the run stopped before using "
                f"it; give a lower --lr than {recipe.lr:g} and start with --fresh."
            )
        scale = warmup_stable_decay(
            self.step,
            total_steps=recipe.total_steps,
            warmup_steps=recipe.warmup,
            decay_steps=recipe.total_steps - recipe.warmup,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * scale
        self.optimizer.step()
        self.peak = max(self.peak, held_memory())
        self._forget_gradients()
        self.step += 1
        tokens, seconds = sum(self.task.lengths[i] for i in indices), time.perf_counter() - began
        self.meter.add_tokens(prompt=tokens)
        return {
            "step": self.step,
            "loss": total,
            "grad_norm": norm,
            "lr_scale": scale,
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_second": tokens / seconds,
        }

    def _end_of_epoch(self, display: Display) -> dict[str, Any]:
        from huozhong.train.adapt.show import score_line

        epoch = self.step // self.recipe.steps_per_epoch
        self.scores = self.task.score(self.model, self.fit.row_tokens)
        if "loss" not in self.scores:  # nothing was held out: the last epoch is the best that is known
            self._keep_best(epoch)
            return {}
        better = self.task.objective(self.scores) < self.best_score
        if better:
            self._keep_best(epoch)
        self.since_best = 0 if better else self.since_best + 1
        display.say(score_line(epoch, self.recipe.epochs, self.scores, better, self.since_best >= PATIENCE))
        return {f"heldout_{name}": value for name, value in self.scores.items()}

    def _keep_best(self, epoch: int) -> None:
        held_out = "loss" in self.scores
        self.best_score, self.best_epoch = self.task.objective(self.scores) if held_out else math.inf, epoch
        self.after = dict(self.scores)
        self.best = {name: weight.detach().clone() for name, weight in self.trained.items()}

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        self.metrics.sync()
        state = {
            "trained": {name: weight.detach() for name, weight in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
        }
        meta = {
            "identity": self._identity(),
            "bill": self.meter.snapshot().as_dict(),
            "before": self.before,
            "after": self.after,
            "best_score": None if math.isinf(self.best_score) else self.best_score,
            "best_epoch": self.best_epoch,
            "since_best": self.since_best,
        }
        self.checkpoints.save(self.step, state, meta)

    # -- ending ----------------------------------------------------------------------------------

    def _interrupted(self) -> Adapted:
        self.console.print(
            f"已停在第 {self.step} 步并保存；再次运行同一条命令即可继续。\n"
            f"Stopped and saved at step {self.step}; run the same command again to go on.",
            highlight=False,
        )
        return self._adapted(None)

    def _finish(self) -> Adapted:
        """Write the adapter and the merged model, from the base's own numbers, not from their 4 or 8 bits."""
        scale, best = self.settings.alpha / self.settings.rank, self.best
        if self.fit.method == "lora":
            save_adapter(
                self.out / "adapter",
                best,
                family=self.view.architecture.family,
                base=str(self.view.path.resolve()),  # PEFT would look for a name on the hub
                rank=self.settings.rank,
                alpha=self.settings.alpha,
            )
        folder = self.out / "model"
        whole = HuggingFaceView(self.view.source, lambda name, values: merged(name, values, best, scale))
        export_hf(whole, folder, small_files=self.small_files)
        return self._adapted(folder)

    def _adapted(self, model: Path | None) -> Adapted:
        return Adapted(
            finished=model is not None,
            model=model,
            before=self.before,
            after=self.after,
            best_epoch=self.best_epoch,
            bill=self.meter.stop(),
            peak_memory=self.peak,
        )


# -- the machine -------------------------------------------------------------------------------------


def held_memory() -> int:
    """Bytes that this process holds now, the pages of mapped files aside, which the system takes back at will."""
    import resource
    import sys

    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # another system than Linux: its peak is what it tells
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _dtype(wish: Literal["bf16", "float32"] | None) -> torch.dtype:
    """bfloat16 where this processor multiplies it faster than float32, which a moment's trial tells."""
    if wish is not None:
        return torch.bfloat16 if wish == "bf16" else torch.float32

    def seconds(dtype: torch.dtype) -> float:
        one, other = torch.ones(256, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            one @ other
            times.append(time.perf_counter() - began)
        return min(times)

    return torch.bfloat16 if seconds(torch.bfloat16) < seconds(torch.float32) else torch.float32
