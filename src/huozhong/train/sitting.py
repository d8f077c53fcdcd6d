"""The one training loop: pretraining and fine-tuning differ in data, loss mask, first weights and
schedule only.

    step:  read rows → losses of all micro-batches, added → gradients → clip → optimiser → expert balance
    → record now and then: score held-out rows, write a checkpoint

A run is a pure function of its recipe (and of the machine's arithmetic: same machine, same thread count):
stopped anywhere and resumed, it writes the same losses bit for bit.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from rich.console import Console

from huozhong.cost import IDLE_WATTS, WATTS_PER_CORE, Bill, Meter
from huozhong.errors import ConfigError, TrainingError
from huozhong.model.transformer import LossParts, Transformer, load_transformer, save_transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.config import build_config
from huozhong.train.counts import start_from_counts
from huozhong.train.feed import Rows, heldout_rows, training_batches
from huozhong.train.optim import MuonAdamW, WeightAverage, warmup_stable_decay
from huozhong.train.parallel.team import Team, join_team
from huozhong.train.plan import Trial, make_plan, plan_table
from huozhong.train.recipe import Recipe
from huozhong.train.score import Scorer, busiest, bytes_per_token
from huozhong.train.show import Display, draw_loss
from huozhong.train.state import CheckpointFolder, MetricsFile, check_same_run

Start = Literal["auto", "resume", "fresh"]


@dataclass(frozen=True)
class Outcome:
    """Where a sitting ended.  `finished` is False after Ctrl-C; `model` is the exported folder when
    finished.
    """

    finished: bool
    step: int
    tokens: int
    loss: float | None
    heldout_bpb: float | None
    bill: Bill
    model: Path | None


def train(
    recipe: Recipe, *, start: Start = "auto", console: Console | None = None, kind: type[Run] | None = None
) -> Outcome:
    """Run `recipe` to its end, or until Ctrl-C.

    kind: what differs in this stage, as a subclass of Run; None for next-token prediction.

    start: "auto" resumes where `run.out` has a checkpoint of the same recipe and begins otherwise;
    "resume" insists on a checkpoint; "fresh" deletes what is there.  Raises ConfigError, DataError,
    TokenizerError, CheckpointError for what is wrong before the start and TrainingError for what goes
    wrong on the way.
    """
    with (
        join_team(recipe.run.shard, recipe.run.device) as team,
        _sole_user(Path(recipe.run.out)) if team.leads else contextlib.nullcontext(),
        _stop_switch() as stop,
    ):
        speaks = (console or Console()) if team.leads else Console(quiet=True)
        return _sit(kind or Run, recipe, speaks, team, start, stop)


def _sit(kind: type[Run], recipe: Recipe, console: Console, team: Team, start: Start, stop: threading.Event) -> Outcome:
    """One sitting, in a frame of its own: when the team parts nothing of the run is left that holds on to it."""
    run = kind(recipe, console, team)
    run.begin(start)
    return run.train(stop)


class Run:
    """Everything that lives while a recipe is being trained."""

    def __init__(self, recipe: Recipe, console: Console, team: Team | None = None) -> None:
        self.recipe, self.console, self.team = recipe, console, team or Team()
        self.out = Path(recipe.run.out)
        if recipe.run.threads is not None:
            torch.set_num_threads(recipe.run.threads)
        torch.manual_seed(recipe.run.seed)
        self.device = _device(recipe.run.device)
        self.tokenizer = Tokenizer.load(recipe.tokenizer)
        self.model = self.team.spread(self._build_model())
        optim = recipe.optim
        self.optimizer = self._build_optimizer()
        self.average = None if optim.ema is None else WeightAverage(self.model, optim.ema)
        self.batches = training_batches(recipe, self.tokenizer)
        self.scorer = None
        if recipe.data.heldout is not None:
            rows = heldout_rows(recipe, self.tokenizer)
            self.scorer = Scorer(rows, bytes_per_token(self.tokenizer), optim.micro_batch, self.device)
        self.checkpoints = CheckpointFolder(self.out, recipe.run.keep)
        self.metrics = MetricsFile(self.out)
        self.meter = _meter(recipe, self.device)
        self.step = 0
        self.tokens = 0
        self.mtp_weight = recipe.optim.mtp_weight  # of the step at hand; the rehearsal is a full step
        # of each mixture layer's experts, in the last steps
        self._loads: deque[list[torch.Tensor]] = deque(maxlen=recipe.run.eval_every)
        self._last: dict[str, Any] = {}

    def _build_model(self) -> Transformer:
        dtype = torch.bfloat16 if self.recipe.run.precision == "bf16" else torch.float32
        tokenizer = self.tokenizer
        if self.recipe.run.init_from is not None:
            model = load_transformer(self.recipe.run.init_from, dtype=dtype)
            if model.config.vocab_size < tokenizer.vocab_size:
                raise ConfigError(
                    f"the tokenizer has {tokenizer.vocab_size} tokens but {self.recipe.run.init_from} only "
                    f"{model.config.vocab_size}; use the model's own tokenizer."
                )
        else:
            config = build_config(
                self.recipe,
                vocab_size=tokenizer.vocab_size,
                bos_id=tokenizer.bos_id,
                eos_id=tokenizer.eos_id,
                pad_id=tokenizer.pad_id,
            )
            model = Transformer(config, dtype=dtype)
        model.drop(self.recipe.optim.dropout)
        model = model.to(self.device).train()
        if self.recipe.run.init_table == "counts":
            start_from_counts(model, self.recipe.data.train, seed=self.recipe.run.seed)
            self.team.agree(model)
        return model

    def _build_optimizer(self) -> MuonAdamW:
        optim = self.recipe.optim
        return MuonAdamW(
            self.model,
            muon_lr=optim.muon_lr,
            adamw_lr=optim.adamw_lr,
            weight_decay=optim.weight_decay,
            momentum=optim.momentum,
            betas=optim.betas,
            muon=self.team.muon,
        )

    # -- beginning -------------------------------------------------------------------------------

    def begin(self, start: Start) -> None:
        """Find where to start, try one step's work, show the plan, and load the checkpoint if there is
        one.
        """
        if self.team.leads:
            self.checkpoints.clean()
        if start == "fresh" and self.team.leads:
            for step in self.checkpoints.steps():
                self.checkpoints.remove(step)
        self.team.wait()
        steps = self.checkpoints.steps()
        if start == "resume" and not steps:
            raise ConfigError(f"{self.out} holds no checkpoint to resume; run without --resume to begin.")
        if steps:
            meta = self.checkpoints.read_meta(steps[-1])
            check_same_run(meta["identity"], self.recipe.identity(), self.recipe.run.out)
            self.step, self.tokens, self._last = steps[-1], meta["tokens"], meta["last"]
            self.meter.restore(meta["bill"])
            self.console.print(
                f"从第 {self.step} 步的检查点继续。Going on from the checkpoint of step {self.step}.",
                highlight=False,
            )
        if self.team.leads:
            self.metrics.keep_until(self.step if steps else -1)
        self.meter.start()
        self._show_plan(self._trial() if self.step < self.recipe.total_steps else None)
        if steps:
            self._load(steps[-1])

    def _load(self, step: int) -> None:
        shards = self.team.shards  # a process that keeps a part reads only that from the file
        state = self.checkpoints.read_state(step, torch.device("cpu") if shards else self.device, mapped=shards)
        self.team.load(state, self.model, self.optimizer, self.average)
        self.batches.restore(state["data"])
        torch.set_rng_state(state["rng"].cpu())

    def _show_plan(self, trial: Trial | None) -> None:
        where = str(self.device)
        if self.device.type == "cpu":
            where += f", {torch.get_num_threads()} threads"
        holders = self.team.size if self.team.shards else 1
        plan = make_plan(
            self.recipe, self.model.config, tokens_per_epoch=self.batches.tokens_per_epoch, holders=holders
        )
        steps_left = self.recipe.total_steps - self.step
        device = f"{where}, {self.recipe.run.precision}"
        config = self.model.config
        self.console.print(plan_table(self.recipe, config, plan, device=device, steps_left=steps_left, trial=trial))

    def _trial(self) -> Trial:
        """Time one micro-batch and one optimiser step; leaves weights and optimiser as they were.

        With compile on, this is where it happens, and where a machine that cannot compile is found out.
        """
        if self.recipe.run.compile:
            self.model.compile(dynamic=False)
            try:
                self._rehearse()
            except Exception as error:
                # torch.compile fails in many ways (no C++ compiler, no headers, a torch bug); eager
                # always works, and a real fault of the model comes up again in the eager rehearsal below
                self.model.forget_compiled()
                lines = str(error).strip().splitlines() or [type(error).__name__]
                self.console.print(
                    f"无法编译，改用普通方式。torch.compile fails here, going on without: {lines[0][:200]}",
                    highlight=False,
                    markup=False,
                )
        self._rehearse()
        self.meter.lap()
        micro_seconds, optimizer_seconds = self._rehearse()
        bill = self.meter.lap()
        # the rehearsed steps had a learning rate of zero, but they left momentum behind
        self.optimizer = self._build_optimizer()
        torch.manual_seed(self.recipe.run.seed)  # and they drew numbers for dropout
        step_seconds = micro_seconds * self.recipe.micro_batches + optimizer_seconds
        return Trial(step_seconds, optimizer_seconds, bill)

    def _rehearse(self) -> tuple[float, float]:
        """Seconds of one micro-batch, forward and backward, and of one optimiser step at a rate of zero."""
        shape = (self.recipe.optim.micro_batch, self.recipe.data.seq_len)
        tokens = torch.arange(shape[0] * shape[1]).view(shape) % self.model.config.vocab_size
        rows = Rows(tokens, tokens.roll(-1, 1), torch.zeros_like(tokens)).to(self.device)
        began = time.perf_counter()
        losses = self._loss(rows)
        (losses.total / rows.count).backward()
        float(losses.main)  # wait for the device
        middle = time.perf_counter()
        self.optimizer.step(0.0)
        self.optimizer.zero_grad()
        self.model.update_expert_bias(0.0)  # forget the rehearsal's loads
        return middle - began, time.perf_counter() - middle

    def _loss(self, rows: Rows) -> LossParts:
        return self.model.loss(rows.tokens_BT, rows.targets_BT, rows.doc_BT, mtp_weight=self.mtp_weight)

    # -- training --------------------------------------------------------------------------------

    def train(self, stop: threading.Event) -> Outcome:
        recipe = self.recipe
        saved_at = time.monotonic()
        with Display(
            self.console, total_steps=recipe.total_steps, done_steps=self.step, log_every=recipe.run.log_every
        ) as display:
            while self.step < recipe.total_steps and not self.team.any(stop.is_set()):
                record = self._one_step()
                if not self._takes_part:
                    continue
                if self.step == recipe.total_steps or self.step % recipe.run.eval_every == 0:
                    record |= self._balance() | ({} if self.scorer is None else self._score())
                bill = self.meter.snapshot()
                record |= {"joules": bill.joules, "money": bill.money}
                if self.team.leads:
                    self.metrics.append(record)
                self._last = {key: record.get(key, self._last.get(key)) for key in ("loss", "heldout_bpb")}
                display.step(record, bill)
                due = self._checkpoint_due(saved_at)
                if self.team.any(due) if self.team.shards else due:
                    self.save()
                    saved_at = time.monotonic()
        if not self._takes_part:
            return self._outcome(None)
        self.save()
        return self._finish() if self.step == recipe.total_steps else self._interrupted()

    @property
    def _takes_part(self) -> bool:
        """Whether this process is needed for scores and checkpoints."""
        return self.team.leads or self.team.shards

    def _one_step(self) -> dict[str, Any]:
        """One optimiser step; returns its metrics record."""
        recipe, began, busy = self.recipe, time.perf_counter(), time.process_time()
        stretch = recipe.stretch_at(self.step)
        self.model.wake(stretch.layers)
        self.mtp_weight = recipe.mtp_weight_of(stretch)
        self.batches.batch_size = stretch.rows
        rows = Rows.from_batch(next(self.batches)).cut(stretch.seq_len)
        # as many positions at once as in whole rows
        at_once = recipe.optim.micro_batch * recipe.data.seq_len // stretch.seq_len
        count = max(1, rows.count)
        main = torch.zeros((), device=self.device)
        mtp = torch.zeros((), device=self.device)
        mtp_count = 0
        for part in self.team.share(rows.split(at_once)):
            part = part.to(self.device)
            losses = self._loss(part)
            # sums over the whole batch's token count: the gradient does not depend on how the batch was cut
            (losses.total / count).backward()
            main += losses.main
            if losses.mtp:
                mtp += losses.mtp[0]
                mtp_count += losses.mtp_counts[0]
        mtp_counts = torch.tensor(float(mtp_count), device=self.device)
        self.team.add_up(self.model, [main, mtp, mtp_counts, *self.model.expert_loads()])
        mtp_count = int(mtp_counts)
        loss = float(main) / count
        norm = self.team.clip(self.model, recipe.optim.grad_clip)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(self._diverged(loss, norm))
        scale = warmup_stable_decay(
            self.step,
            total_steps=recipe.total_steps,
            warmup_steps=recipe.schedule.warmup_steps,
            decay_steps=recipe.decay_steps,
            floor=recipe.schedule.floor,
            shape=recipe.schedule.shape,
        )
        self.optimizer.step(scale)
        self.optimizer.zero_grad()
        loads = self.model.update_expert_bias(recipe.optim.balance_rate)
        if self.average is not None:
            self.average.update(self.model)
        self.step += 1
        self.tokens += rows.tokens_BT.numel()
        self.meter.add_tokens(prompt=rows.tokens_BT.numel())
        seconds = time.perf_counter() - began
        record = {
            "step": self.step,
            "tokens": self.tokens,
            "loss": loss,
            "grad_norm": norm,
            "lr_scale": scale,
            "seconds": seconds,
            "cpu_seconds": time.process_time() - busy,
            "tokens_per_second": rows.tokens_BT.numel() / seconds,
        }
        if mtp_count:
            record["mtp_loss"] = float(mtp) / mtp_count
        if (load := busiest(loads)) is not None:
            record["max_load"] = load
        self._loads.append(loads)
        return record

    def _diverged(self, loss: float, norm: float) -> str:
        steps = self.checkpoints.steps()
        kept = f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint had been written yet"
        return (
            f"step {self.step + 1} gave loss {loss:g} and gradient norm {norm:g}, so the run stopped before "
            f"using it ({kept}); lower muon_lr and adamw_lr or lengthen warmup_steps, and start with --fresh."
        )

    def _score(self) -> dict[str, float]:
        """What the metrics record says of the held-out rows."""
        assert self.scorer is not None
        with self._weights_to_keep():
            return {"heldout_bpb": self.scorer.bits_per_byte(self.model)}

    def _balance(self) -> dict[str, float]:
        """The busiest expert over the mean, of all tokens of this sitting's last `eval_every` steps: the loads of one
        small batch say more about its few documents than about the experts (MaxVio_global and MaxVio_batch in
        arXiv:2408.15664, §4.1).
        """
        load = busiest([torch.stack(layer).sum(0) for layer in zip(*self._loads, strict=True)])
        return {} if load is None else {"window_max_load": load}

    def _weights_to_keep(self) -> contextlib.AbstractContextManager[None]:
        """Inside, the model has the weights that are scored and exported."""
        return contextlib.nullcontext() if self.average is None else self.average.swapped_in(self.model)

    def _checkpoint_due(self, saved_at: float) -> bool:
        run = self.recipe.run
        by_steps = run.checkpoint_steps is not None and self.step % run.checkpoint_steps == 0
        return by_steps or (
            run.checkpoint_minutes is not None and time.monotonic() - saved_at >= 60 * run.checkpoint_minutes
        )

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        self.metrics.sync()
        state = self.team.state(self.model, self.optimizer, self.average) | {
            "data": self.batches.state(),
            "rng": torch.get_rng_state(),
        }
        if not self.team.leads:
            return
        self.checkpoints.save(
            self.step,
            state,
            {
                "identity": self.recipe.identity(),
                "tokens": self.tokens,
                "bill": self.meter.snapshot().as_dict(),
                "last": self._last,
            },
        )

    # -- ending ----------------------------------------------------------------------------------

    def _interrupted(self) -> Outcome:
        self.console.print(
            f"已停在第 {self.step} 步并保存；再次运行同一条命令即可继续。\n"
            f"Stopped and saved at step {self.step}; run the same command again to go on.",
            highlight=False,
        )
        return self._outcome(None)

    def _finish(self) -> Outcome:
        folder = self.out / "model"
        files, dtype = self.tokenizer.files(), self.recipe.run.export_dtype
        with self._weights_to_keep():
            state = self.team.model_state(self.model)
            if self.team.leads:
                save_transformer(self.model, folder, extra_files=files, dtype=dtype, state=state)
        if self.team.leads:
            self._draw()
        outcome = self._outcome(folder)
        self.console.print(
            f"完成：{outcome.bill.line('zh')} → {folder}\nDone: {outcome.bill.line('en')} → {folder}",
            highlight=False,
            soft_wrap=True,
        )
        return outcome

    def _draw(self) -> None:
        try:
            draw_loss(self.metrics.read(), self.out / "loss.png", title=f"{self.recipe.stage} {self.out.name}")
        except ImportError:
            self.console.print("没有 matplotlib，未画 loss.png。loss.png not drawn: matplotlib is not installed.")

    def _outcome(self, model: Path | None) -> Outcome:
        return Outcome(
            finished=self.step == self.recipe.total_steps,
            step=self.step,
            tokens=self.tokens,
            loss=self._last.get("loss"),
            heldout_bpb=self._last.get("heldout_bpb"),
            bill=self.meter.stop(),
            model=model,
        )


# -- the machine ---------------------------------------------------------------------------------


def _device(wish: str) -> torch.device:
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError("[run] device is 'cuda', but torch finds no usable GPU; use 'auto' or 'cpu'.")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def _meter(recipe: Recipe, device: torch.device) -> Meter:
    cost = recipe.cost
    return Meter(
        cost.price_per_kwh,
        cost.currency,
        cost.watts,
        watts_per_core=WATTS_PER_CORE if cost.watts_per_core is None else cost.watts_per_core,
        idle_watts=IDLE_WATTS if cost.idle_watts is None else cost.idle_watts,
        gpu=0 if device.type == "cuda" else None,
    )


@contextlib.contextmanager
def _sole_user(out: Path) -> Iterator[None]:
    """Two runs in one folder would overwrite each other; the lock goes with the process, however it ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = open(out / ".lock", "w")  # noqa: SIM115 (entered below; only opening is guarded here)
    except OSError as error:
        raise ConfigError(f"[run] out folder {out} cannot be used: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another run is training into {out}; wait for it or choose another [run] out.") from None
        yield


@contextlib.contextmanager
def _stop_switch() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or a termination signal) sets; the second Ctrl-C stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # os.write, because print may not be called again from inside itself, where the signal may fall
        os.write(2, "\n做完这一步就保存并停下；再按一次立即退出。\n".encode())
        os.write(2, b"Finishing this step, then saving; press again to stop at once.\n")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
