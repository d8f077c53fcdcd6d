"""Pretraining: a fresh model (or one to go on with) reads plain text; every token carries loss.

    step:  read rows → losses of all micro-batches, added → gradients → clip → optimiser → expert balance

Fine-tuning by a recipe is the same: other data, loss mask, first weights and schedule.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from huozhong.cost import Bill
from huozhong.errors import ConfigError
from huozhong.model.transformer import LossParts, Transformer
from huozhong.train.config import build_config
from huozhong.train.counts import start_from_counts
from huozhong.train.feed import Rows, heldout_rows, training_batches
from huozhong.train.model_folder import load_transformer
from huozhong.train.parallel.join import join_team
from huozhong.train.parallel.leader import LeadingTeam
from huozhong.train.parallel.line import LineLost
from huozhong.train.parallel.outlook import Outlook
from huozhong.train.parallel.seat import Seat, seated
from huozhong.train.parallel.settings import TeamRecipe
from huozhong.train.parallel.team import Team
from huozhong.train.plan import Trial, make_plan, plan_table
from huozhong.train.precision import as_begun
from huozhong.train.recipe import Recipe, load_recipe
from huozhong.train.run import TransformerRun, check_finite
from huozhong.train.score import Scorer, busiest, bytes_per_token
from huozhong.train.show import draw_loss
from huozhong.train.sitting import Start, sit, sole_user, stop_switch
from huozhong.train.state import CheckpointFolder


@dataclass(frozen=True)
class Outcome:
    """Where a sitting ended.  `finished` is False after Ctrl-C; `model` is the exported folder when finished."""

    finished: bool
    step: int
    tokens: int
    loss: float | None
    heldout_bpb: float | None
    bill: Bill
    model: Path | None


def pretrain(
    recipe: str | Path, *, start: Start = "auto", console: Console | None = None, seat: Seat | None = None
) -> Outcome:
    """Run a pretraining recipe; see `train` for `start`, `seat` and the errors."""
    return train(load_recipe(recipe, "pretrain"), start=start, console=console, seat=seat)


def train(
    recipe: Recipe,
    *,
    start: Start = "auto",
    console: Console | None = None,
    kind: type[TextRun] | None = None,
    seat: Seat | None = None,
) -> Outcome:
    """Run `recipe` to its end, or until Ctrl-C.

    kind: what differs in this stage, as a subclass of TextRun; None for next-token prediction.
    seat: this process's in a team of local rounds, for a recipe with [team]; None: it leads, and nobody else comes.

    start: "auto" resumes where `run.out` has a checkpoint of the same recipe and begins otherwise; "resume" insists on
    a checkpoint; "fresh" deletes what is there.  Raises ConfigError, DataError, TokenizerError, CheckpointError for
    what is wrong before the start and TrainingError for what goes wrong on the way.
    """
    if recipe.team is not None:
        return _train_in_rounds(recipe, recipe.team, start, console or Console(), kind or TextRun, seat or Seat())
    if seat is not None:
        raise ConfigError(
            "--with and --join are for a recipe with a section [team]; add one, such as: [team] bits = 2."
        )
    with (
        join_team(recipe.run.shard, recipe.run.device) as team,
        sole_user(Path(recipe.run.out)) if team.leads else contextlib.nullcontext(),
        stop_switch() as stop,
    ):
        shown = (console or Console()) if team.leads else Console(quiet=True)
        recipe = as_begun(recipe, Path(recipe.run.out), fresh=start == "fresh")
        return sit((kind or TextRun)(recipe, shown, team), start, stop)


def _train_in_rounds(
    recipe: Recipe, settings: TeamRecipe, start: Start, console: Console, kind: type[TextRun], seat: Seat
) -> Outcome:
    """A member that loses its line calls again, and goes on from where the others are then."""
    with stop_switch() as stop:
        while True:
            try:
                with (
                    seated(settings, recipe.total_steps, seat, console, stop) as team,
                    sole_user(team.folder(Path(recipe.run.out))),
                ):
                    recipe = as_begun(recipe, team.folder(Path(recipe.run.out)), fresh=start == "fresh")
                    return sit(kind(recipe, console if team.leads else Console(quiet=True), team), start, stop)
            except LineLost as error:
                if stop.is_set() or seat.orphaned.is_set():
                    raise
                start = "auto"
                said = f"线断了，再联系。The line is lost, calling again: {error}"
                console.print(said, highlight=False, markup=False)


class TextRun(TransformerRun[Outcome]):
    """A model learns the next token of packed rows, and its prediction modules those after it."""

    recipe: Recipe

    def __init__(self, recipe: Recipe, console: Console, team: Team | None = None) -> None:
        super().__init__(recipe, console, team, tokenizer=recipe.tokenizer)
        self.batches = training_batches(recipe, self.tokenizer)
        self.scorer = None
        if recipe.data.heldout is not None:
            rows = heldout_rows(recipe, self.tokenizer)
            self.scorer = Scorer(rows, bytes_per_token(self.tokenizer), recipe.optim.micro_batch, self.device)
        self.mtp_weight = recipe.optim.mtp_weight  # of the step at hand; the rehearsal is a full step
        # of each mixture layer's experts, in the last steps
        self._loads: deque[list[Tensor]] = deque(maxlen=recipe.run.eval_every)

    def build_model(self) -> Transformer:
        if self.recipe.run.init_from is not None:
            model = self.load_base()
        else:
            tokenizer = self.tokenizer
            config = build_config(
                self.recipe,
                vocab_size=tokenizer.vocab_size,
                bos_id=tokenizer.bos_id,
                eos_id=tokenizer.eos_id,
                pad_id=tokenizer.pad_id,
            )
            model = Transformer(config, dtype=self.dtype)
        model.drop(self.recipe.optim.dropout)
        model = model.to(self.device).train()
        if self.recipe.run.init_table == "counts":
            start_from_counts(model, self.recipe.data.train, seed=self.recipe.run.seed)
            self.team.agree(model)
        return model

    def load_base(self) -> Transformer:
        """The model of [run] init_from.  Raises ConfigError when it does not know all of the tokenizer's tokens."""
        folder = self.recipe.run.init_from
        assert folder is not None
        model = load_transformer(folder, dtype=self.dtype)
        if model.config.vocab_size < self.tokenizer.vocab_size:
            raise ConfigError(
                f"the tokenizer has {self.tokenizer.vocab_size} tokens but {folder} only "
                f"{model.config.vocab_size}; use the model's own tokenizer."
            )
        return model

    # -- before the first step -------------------------------------------------------------------

    def prepare(self, step: int, *, resumed: bool) -> dict[str, Any]:
        self.show_plan(self._trial() if step < self.total_steps else None, self.total_steps - step)
        return {}

    def show_plan(self, trial: Trial | None, steps_left: int) -> None:
        where = str(self.device)
        if self.device.type == "cpu":
            where += f", {torch.get_num_threads()} threads"
        recipe, config = self.recipe, self.model.config
        holders = self.team.size if self.team.shards else 1
        plan = make_plan(recipe, config, tokens_per_epoch=self.batches.tokens_per_epoch, holders=holders)
        device = f"{where}, {recipe.run.precision}"
        self.console.print(plan_table(recipe, config, plan, device=device, steps_left=steps_left, trial=trial))
        if isinstance(self.team, LeadingTeam) and trial is not None:
            outlook = Outlook(
                rounds=self.team.rounds,
                parameters=plan.parameters,
                members=1 + self.team.expected,
                first_step=self.total_steps - steps_left,
                compute_seconds=trial.seconds(recipe, config, steps_left),
                watts=trial.bill.joules / max(1e-9, trial.bill.seconds),
            )
            self.console.print(outlook.table())

    def _trial(self) -> Trial:
        """Time one micro-batch and one optimiser step; leaves weights and optimiser as they were.

        With compile on, this is where it happens, and where a machine that cannot compile is found out.
        """
        began = time.perf_counter()
        if self.recipe.run.compile:
            self.console.print(
                "先编译，再试一步，要一两分钟 …\nCompiling first, then trying a step: a minute or two ...",
                highlight=False,
            )
            self._compile()
        self._rehearse()
        self.meter.lap()
        micro_seconds, optimizer_seconds = self._rehearse()
        bill = self.meter.lap()
        # the rehearsed steps had a learning rate of zero, but they left momentum behind
        self.optimizer = self.build_optimizer()
        torch.manual_seed(self.recipe.run.seed)  # and they drew numbers for dropout
        step_seconds = micro_seconds * self.recipe.micro_batches + optimizer_seconds
        return Trial(step_seconds, optimizer_seconds, bill, time.perf_counter() - began)

    def _compile(self) -> None:
        self.model.compile(dynamic=False)
        try:
            self._rehearse()
        except Exception as error:
            # torch.compile fails in many ways (no C++ compiler, no headers, a torch bug); eager always works, and a
            # real fault of the model comes up again in the eager rehearsal that follows
            self.model.forget_compiled()
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self.console.print(
                f"无法编译，改用普通方式。torch.compile fails here, going on without: {lines[0][:200]}",
                highlight=False,
                markup=False,
            )

    def _rehearse(self) -> tuple[float, float]:
        """Seconds of one micro-batch, forward and backward, and of one optimiser step at a rate of zero."""
        shape = (self.recipe.optim.micro_batch, self.recipe.data.seq_len)
        tokens = torch.arange(shape[0] * shape[1]).view(shape) % self.model.config.vocab_size
        rows = Rows(tokens, tokens.roll(-1, 1), torch.zeros_like(tokens)).to(self.device)
        began = time.perf_counter()
        losses = self.loss(rows)
        torch.autograd.backward(losses.total / rows.count)
        float(losses.main)  # wait for the device
        middle = time.perf_counter()
        self.optimizer.step(0.0)
        self.optimizer.zero_grad()
        self.model.update_expert_bias(0.0)  # forget the rehearsal's loads
        return middle - began, time.perf_counter() - middle

    # -- training --------------------------------------------------------------------------------

    def loss(self, rows: Rows) -> LossParts:
        return self.model.loss(rows.tokens_BT, rows.targets_BT, rows.doc_BT, mtp_weight=self.mtp_weight)

    def one_step(self, step: int) -> dict[str, Any]:
        recipe, began, busy = self.recipe, time.perf_counter(), time.process_time()
        stretch = recipe.stretch_at(step)
        self.model.wake(stretch.layers)
        self.mtp_weight = recipe.mtp_weight_of(stretch)
        self.batches.batch_size = stretch.rows
        rows = Rows.from_batch(next(self.batches)).cut(stretch.seq_len)
        loss, mtp_loss = self._gradients(rows)
        norm = self.team.clip(self.model, recipe.optim.grad_clip)
        check_finite(step, loss, norm, self._advice)
        scale = self.lr_scale(step)
        self.update(scale)
        told = self.team.after(self.model, step, loss)
        loads = self.model.update_expert_bias(recipe.optim.balance_rate)
        self._loads.append(loads)
        read = rows.tokens_BT.numel()
        self.tokens += read
        self.meter.add_tokens(prompt=read)
        self.last = {"loss": loss, "heldout_bpb": self.last.get("heldout_bpb")}
        seconds = time.perf_counter() - began
        record = {
            "tokens": self.tokens,
            "loss": loss,
            "grad_norm": norm,
            "lr_scale": scale,
            "seconds": seconds,
            "cpu_seconds": time.process_time() - busy,
            "tokens_per_second": read / seconds,
        }
        record |= told
        if mtp_loss is not None:
            record["mtp_loss"] = mtp_loss
        if (load := busiest(loads)) is not None:
            record["max_load"] = load
        return record

    def _gradients(self, rows: Rows) -> tuple[float, float | None]:
        """Leave the batch's gradients in the weights; the loss per token, and that of the first prediction module."""
        # as many positions at once as in whole rows
        at_once = self.recipe.optim.micro_batch * self.recipe.data.seq_len // rows.tokens_BT.shape[1]
        parts = self.team.share(rows.split(at_once))
        count = max(1, self.team.counted(rows, parts))
        main, mtp, mtp_count = (torch.zeros((), device=self.device) for _ in range(3))
        for part in parts:
            losses = self.loss(part.to(self.device))
            # sums over the whole batch's token count: the gradient does not depend on how the batch was cut
            torch.autograd.backward(losses.total / count)
            main += losses.main
            if losses.mtp:
                mtp += losses.mtp[0]
                mtp_count += losses.mtp_counts[0]
        self.team.add_up(self.model, [main, mtp, mtp_count, *self.model.expert_loads()])
        return float(main) / count, float(mtp) / int(mtp_count) if mtp_count else None

    def _advice(self) -> str:
        steps = CheckpointFolder(self.out).steps()
        kept = f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint had been written yet"
        return f" ({kept}); lower muon_lr and adamw_lr or lengthen warmup_steps, and start with --fresh."

    def evaluate(self, step: int) -> dict[str, float]:
        if not self.evaluation_is_due(step):
            return {}
        scores = {} if self.scorer is None else self.score(self.scorer)
        self.last |= {name: value for name, value in scores.items() if name in self.last}
        return self._balance() | scores

    def score(self, scorer: Scorer) -> dict[str, float]:
        """What the metrics record says of the held-out rows."""
        with self.averaged():
            return {"heldout_bpb": scorer.bits_per_byte(self.model)}

    def _balance(self) -> dict[str, float]:
        """The busiest expert over the mean, of all tokens of this sitting's last `eval_every` steps: the loads of one
        small batch say more about its few documents than about the experts (MaxVio_global and MaxVio_batch in
        arXiv:2408.15664, §4.1).
        """
        load = busiest([torch.stack(layer).sum(0) for layer in zip(*self._loads, strict=True)])
        return {} if load is None else {"window_max_load": load}

    # -- checkpoints and the end -----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return super().state() | {"data": self.batches.state(), "rng": torch.get_rng_state()}

    def place(self) -> dict[str, Any]:
        return {"data": self.batches.state(), "tokens": self.tokens}

    def take_place(self, place: dict[str, Any]) -> None:
        self.batches.restore(place["data"])
        self.tokens = place["tokens"]

    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        super().restore(meta, state)
        self.batches.restore(state["data"])
        torch.set_rng_state(state["rng"].cpu())

    def end(self, *, finished: bool) -> Path | None:
        if finished:
            self.draw(draw_loss, "loss.png", self.recipe.stage)
        return super().end(finished=finished)

    def result(self, step: int, bill: Bill, model: Path | None) -> Outcome:
        return Outcome(
            finished=self.is_done(step),
            step=step,
            tokens=self.tokens,
            loss=self.last.get("loss"),
            heldout_bpb=self.last.get("heldout_bpb"),
            bill=bill,
            model=model,
        )
