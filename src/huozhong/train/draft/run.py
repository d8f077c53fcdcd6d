"""`huozhong train draft`: a frozen model's drafter.

    ask and read (`material`) → the tokens it may guess → steps, scored on held-out documents → the drafter's folder

The loss is the cross entropy to the model's own distribution (its TOP likeliest tokens), at every depth of the unrolled
drafter: what decides whether a guess is accepted is what the model would say, not what a text says.

    out/material/   out/checkpoints/   out/metrics.jsonl   out/drafter/
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from huozhong.cost import Bill, Meter
from huozhong.errors import DataError
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.train.adapt.adaptation import held_memory
from huozhong.train.draft.block import BlockLearner
from huozhong.train.draft.learners import Batch, Learner, ModuleLearner
from huozhong.train.draft.material import AT_ONCE, Document, Material, gather
from huozhong.train.draft.settings import BATCH, MICRO, ROW, Base, DraftSettings, Item, Read
from huozhong.train.draft.show import gathering_line, outlook_table, plan_table
from huozhong.train.optim import MuonAdamW, warmup_stable_decay
from huozhong.train.parallel.team import Team
from huozhong.train.plan import expected_bill
from huozhong.train.precision import Precision, begun_in, dtype_of, faster
from huozhong.train.run import Run, Saving, check_finite
from huozhong.train.sitting import Sitting, Start, sole_user, stop_switch

SCORES = 6  # times in a run that it is scored
SAVE_MINUTES = 2.0


@dataclass(frozen=True)
class Drafted:
    """What a sitting came to.

    folder: the drafter when finished.  scores: shares of right guesses, `accepted_1` ...  tokens: of the material.
    peak_memory: bytes.
    """

    finished: bool
    folder: Path | None
    scores: Mapping[str, float]
    tokens: int
    bill: Bill
    peak_memory: int


def train_drafter(
    view: HuggingFaceView,
    base: Base,
    items: Sequence[Item],
    settings: DraftSettings,
    *,
    start: Start = "auto",
    console: Console | None = None,
) -> Drafted | None:
    """None when it was stopped while the model was asked; the same command goes on.

    start: as in `pretrain.train`; "fresh" asks anew.  Raises ConfigError, DataError, CheckpointError or TrainingError.
    """
    console = console or Console()
    with sole_user(settings.out), stop_switch() as stop:
        material = open_material(settings, base, view, start)
        began = time.monotonic()
        done = gather(
            material,
            base,
            items,
            settings,
            told=lambda now: console.print(
                gathering_line(now, settings, time.monotonic() - began), highlight=False, soft_wrap=True
            ),
            stop=stop.is_set,
        )
        if not done:
            console.print(
                "已停下并保存；再次运行同一条命令即可继续。\nStopped and saved; run the same command again to go on.",
                highlight=False,
            )
            return None
        precision = begun_in(settings.out, "precision", fresh=start == "fresh")
        sitting = Sitting(DraftRun(view, material, settings, console, precision))
        sitting.begin(start)
        return sitting.train(stop)


def outlook(
    view: HuggingFaceView, base: Base, items: Sequence[Item], settings: DraftSettings, console: Console
) -> None:
    """Say what a run will take, from a trial of a moment that leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="huozhong-") as folder:
        short = dataclasses.replace(settings, answer=min(settings.answer, 32))
        material, asked = Material(Path(folder), _width(base, view), {}), _Timed(base)
        gather(material, asked, items[:AT_ONCE], short, told=lambda _: None, stop=lambda: False)
        run = DraftRun(view, material, settings, console)
        seconds = run.trial()
    share = 1.0 if all(item.messages for item in items) else 0.5
    table = outlook_table(
        settings,
        items=len(items),
        said_per_second=max(1, material.said) / asked.answering,
        read_per_second=material.tokens / asked.reading,
        learnt_per_second=BATCH * ROW / seconds,
        looks=settings.steps(1, settings.tokens)[0] * settings.tokens,
        share_said=share,
        disk=settings.tokens * material.token_bytes,
    )
    console.print(table)


class _Timed:
    """A base that notes how long it answers and reads, in seconds."""

    def __init__(self, base: Base) -> None:
        self._base, self.layers = base, base.layers
        self.answering = self.reading = 1e-9

    def prompt(self, item: Item) -> list[int]:
        return self._base.prompt(item)

    def answers(self, prompts: Sequence[list[int]], most: int) -> list[list[int]]:
        began = time.perf_counter()
        found = list(self._base.answers(prompts, most))
        self.answering += time.perf_counter() - began
        return found

    def read(self, ids: list[int]) -> Read:
        began = time.perf_counter()
        found = self._base.read(ids)
        self.reading += time.perf_counter() - began
        return found


def open_material(settings: DraftSettings, base: Base, view: HuggingFaceView, start: Start) -> Material:
    """What lies in the folder of an earlier sitting; with "fresh" nothing."""
    folder = settings.out / "material"
    if start == "fresh" and folder.exists():
        for file in folder.iterdir():
            file.unlink()
    s = settings
    key = {"base": s.base_mark, "data": s.data_content, "answer": s.answer}
    return Material(folder, _width(base, view), key)


def _width(base: Base, view: HuggingFaceView) -> int:
    return len(base.layers) * view.architecture.hidden_size


class DraftRun(Run[Drafted]):
    """A drafter learns from material that is on the disk."""

    team = Team()  # one process alone
    device = torch.device("cpu")
    log_every = 10

    def __init__(
        self,
        view: HuggingFaceView,
        material: Material,
        settings: DraftSettings,
        console: Console,
        precision: Precision | None = None,
    ) -> None:
        self.view, self.material, self.settings = view, material, settings
        self.console, self.out = console, settings.out
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.precision = precision or faster()
        self.rows, self.heldout = material.rows(heldout=False), material.rows(heldout=True)
        if not self.rows:
            raise DataError(f"{settings.data}: nothing in it is long enough to learn from; give more of it.")
        learnt = sum(row.tokens for row in self.rows)
        self.epochs, self.steps_per_epoch = settings.steps(len(self.rows), learnt)
        self.total_steps = self.epochs * self.steps_per_epoch
        self.saving = Saving(SAVE_MINUTES, None, keep=1)
        self.meter = Meter(settings.price_per_kwh, settings.currency)
        self.guessed = material.most_said(view.architecture.vocab_size)
        # where a token stands among those that are guessed; −1: nowhere
        self.number_of = np.full(view.architecture.vocab_size, -1, np.int64)
        self.number_of[self.guessed] = np.arange(len(self.guessed))
        self.scores: dict[str, float] = {}
        self.peak = 0

    def identity(self) -> dict[str, Any]:
        values = dataclasses.asdict(self.settings)
        for free in ("out", "data", "threads", "price_per_kwh", "currency"):
            values.pop(free)
        derived = {"epochs": self.epochs, "documents": len(self.material.documents), "precision": self.precision}
        return values | derived

    # -- before the first step -------------------------------------------------------------------

    def _make(self) -> None:
        s = self.settings
        kind = ModuleLearner if s.kind == "mtp" else BlockLearner
        dtype = dtype_of(self.precision)
        self.learner: Learner = kind(self.view, self.guessed, s, dtype)
        self.optimizer = MuonAdamW(
            self.learner.weights(), muon_lr=s.lr, adamw_lr=s.lr, weight_decay=0.01, compute=dtype
        )

    def trial(self) -> float:
        """Seconds of a step."""
        self._make()
        self.meter.start()
        seconds, _ = self._rehearse()
        self.meter.stop()
        return seconds

    def prepare(self, step: int, *, resumed: bool) -> dict[str, Any]:
        s = self.settings
        self._make()
        seconds, trial = self._rehearse()
        looks = sum(row.tokens for row in self.rows) * self.epochs
        expected = expected_bill(trial, seconds * (self.total_steps - step), looks)
        trained = sum(weight.numel() for weight in self.learner.weights().parameters())
        self.console.print(plan_table(s, self.material, self.epochs, self.steps_per_epoch, self.peak, expected,
                                      trained=trained, guessed=len(self.guessed)))  # fmt: skip
        return {}

    def _rehearse(self) -> tuple[float, Bill]:
        """Seconds of a step, and the bill of the trial.  Changes nothing."""
        rows = [self.rows[i] for i in self._order(0)[:MICRO]]
        for _ in range(2):  # the first time is slower
            self.meter.lap()
            began = time.perf_counter()
            torch.autograd.backward(self.learner.loss(self._read(rows), 0)[0])
            seconds = time.perf_counter() - began
        self.peak = max(self.peak, held_memory())
        self.optimizer.zero_grad()
        return seconds * BATCH / len(rows), self.meter.lap()

    # -- training --------------------------------------------------------------------------------

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.rows))

    def one_step(self, step: int) -> dict[str, Any]:
        began = time.perf_counter()
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = [self.rows[i] for i in self._order(epoch)[place * BATCH : (place + 1) * BATCH]]
        total, count = 0.0, 0.0
        for start in range(0, len(chosen), MICRO):
            loss, weight = self.learner.loss(self._read(chosen[start : start + MICRO]), step * BATCH + start)
            torch.autograd.backward(loss / (BATCH * ROW * self.learner.depth))
            total, count = total + float(loss.detach()), count + weight
        norm = float(nn.utils.clip_grad_norm_(self.learner.weights().parameters(), 1.0))
        check_finite(step, total, norm, lambda: f"; give a lower --lr than {self.settings.lr:g} and --fresh.")
        scale = warmup_stable_decay(
            step, total_steps=self.total_steps, warmup_steps=10, decay_steps=max(1, self.total_steps * 6 // 10)
        )
        self.optimizer.step(scale)
        self.optimizer.zero_grad()
        self.peak = max(self.peak, held_memory())
        tokens, seconds = sum(row.tokens for row in chosen), time.perf_counter() - began
        self.meter.add_tokens(prompt=tokens)
        return {
            "loss": total / max(count, 1.0),
            "grad_norm": norm,
            "lr_scale": scale,
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_second": tokens / seconds,
        }

    def _read(self, rows: Sequence[Document]) -> Batch:
        length = max(row.tokens for row in rows)
        arrays = [self.material.array(name) for name in ("tokens.i32", "states.f16", "likeliest.i32", "chances.f16")]
        found: list[list[NDArray[Any]]] = [[], [], [], []]
        for row in rows:
            tokens, states, likeliest, chances = (a[row.start : row.start + row.tokens] for a in arrays)
            places = self.number_of[likeliest.astype(np.int64)]
            places[: row.first] = -1
            for parts, values, padding in zip(found, (tokens, states, places, chances), (0, 0, -1, 0), strict=True):
                wide = [(0, length - row.tokens)] + [(0, 0)] * (values.ndim - 1)
                parts.append(np.pad(values, wide, constant_values=padding))
        tokens_BT, states, places, chances = (np.stack(parts) for parts in found)
        return Batch(
            tokens_BT=torch.from_numpy(tokens_BT.astype(np.int64)),
            states_BTS=torch.from_numpy(states.astype(np.float32)),
            places_BTK=torch.from_numpy(places),
            chances_BTK=torch.from_numpy(chances.astype(np.float32)),
            first_B=[row.first for row in rows],
            length_B=[row.tokens for row in rows],
        )

    def evaluate(self, step: int) -> dict[str, Any]:
        if step != self.total_steps and step % max(1, self.total_steps // SCORES):
            return {}
        self.scores = self.score()
        return dict(self.scores)

    @torch.no_grad()
    def score(self) -> dict[str, float]:
        """Of the held-out documents: how often each guess is right, see `Learner.right`."""
        rows = self.heldout or self.rows[:BATCH]
        right, tried = torch.zeros(self.learner.depth), torch.zeros(self.learner.depth)
        for start in range(0, len(rows), MICRO):
            some = self.learner.right(self._read(rows[start : start + MICRO]))
            right, tried = right + some[0], tried + some[1]
        return {f"accepted_{d + 1}": float(right[d] / tried[d].clamp_min(1)) for d in range(len(right))}

    # -- checkpoints and the end -----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return {"drafter": self.learner.weights().state_dict(), "optimizer": self.optimizer.state_dict()}

    def meta(self) -> dict[str, Any]:
        return {"scores": self.scores}

    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        self.learner.weights().load_state_dict(state["drafter"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scores = meta["scores"]

    def end(self, *, finished: bool) -> Path | None:
        if not finished:
            return None
        folder = self.out / "drafter"
        self.learner.write(folder)
        return folder

    def result(self, step: int, bill: Bill, model: Path | None) -> Drafted:
        return Drafted(model is not None, model, self.scores, self.material.tokens, bill, self.peak)
