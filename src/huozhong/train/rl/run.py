"""Reinforcement from rewards that a rule can give (R1, arXiv:2501.12948): `huozhong train rl`.

    step:  draw problems → the sampler takes the current weights and answers each several times → rewards →
    advantages within each group → gradient of the clipped policy loss → optimiser → record
    now and then: solve held-out problems, write answers to read, write a checkpoint

Which problems, which seeds and which minibatches a step has depends on the recipe's seed and the step alone, so
that a resumed run goes on exactly where it was.
"""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from huozhong.cost import IDLE_WATTS, WATTS_PER_CORE, Bill, Meter
from huozhong.errors import ConfigError, TrainingError
from huozhong.model.transformer import Transformer
from huozhong.text.data import NO_TARGET
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer, save_transformer
from huozhong.train.optim import MuonAdamW, WeightAverage, warmup_stable_decay
from huozhong.train.rl.groups import Group, Practice
from huozhong.train.rl.grpo import PolicyStats, group_advantages, policy_loss, token_logprobs
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.rl.rollout import Sampler, Trace, TraceRows, pack_traces
from huozhong.train.rl.show import RlDisplay, draw_curves, plan_of, write_samples
from huozhong.train.sitting import Start, _device, _sole_user, _stop_switch
from huozhong.train.state import CheckpointFolder, MetricsFile, check_same_run


@dataclass(frozen=True)
class RlOutcome:
    """Where a sitting ended.  valid_before, valid: share of held-out problems solved, first and last measured."""

    finished: bool
    step: int
    reward: float | None
    valid_before: float | None
    valid: float | None
    bill: Bill
    model: Path | None


def train_rl(recipe: RlRecipe, sampler: Sampler, *, start: Start = "auto", console: Console | None = None) -> RlOutcome:
    """Run `recipe` to its end, or until Ctrl-C; `start` and errors as in `loop.train`.  Closes the sampler."""
    try:
        with _sole_user(Path(recipe.run.out)), _stop_switch() as stop:
            run = RlRun(recipe, sampler, console or Console())
            run.begin(start)
            return run.train(stop)
    finally:
        sampler.close()


class RlRun:
    """Everything that lives while a reinforcement recipe is being trained."""

    def __init__(self, recipe: RlRecipe, sampler: Sampler, console: Console) -> None:
        self.recipe, self.sampler, self.console = recipe, sampler, console
        self.out = Path(recipe.run.out)
        if recipe.run.threads is not None:
            torch.set_num_threads(recipe.run.threads)
        torch.manual_seed(recipe.run.seed)
        self.device = _device(recipe.run.device)
        self.tokenizer = Tokenizer.load(recipe.base)
        self.practice = Practice(recipe, self.tokenizer)
        self.model = self._load_model()
        self.reference = self._load_model().requires_grad_(False) if recipe.grpo.kl > 0 else None
        optim = recipe.optim
        self.optimizer = MuonAdamW(
            self.model,
            muon_lr=optim.muon_lr,
            adamw_lr=optim.adamw_lr,
            weight_decay=optim.weight_decay,
            momentum=optim.momentum,
            betas=optim.betas,
        )
        self.average = None if optim.ema is None else WeightAverage(self.model, optim.ema)
        self.checkpoints = CheckpointFolder(self.out, recipe.run.keep)
        self.metrics = MetricsFile(self.out)
        self.meter = _meter(recipe, self.device)
        self.step = self.tokens = 0
        self._last: dict[str, Any] = {}

    def _load_model(self) -> Transformer:
        dtype = torch.bfloat16 if self.recipe.run.precision == "bf16" else torch.float32
        model = load_transformer(self.recipe.base, dtype=dtype)
        limit = model.config.max_position_embeddings
        if self.recipe.rollout.seq_len > limit:
            raise ConfigError(
                f"[rollout] seq_len is {self.recipe.rollout.seq_len}, but {self.recipe.base} takes {limit} tokens at "
                "most; lower it."
            )
        return model.to(self.device).train()

    # -- beginning -------------------------------------------------------------------------------

    def begin(self, start: Start) -> None:
        """Find where to start, show the plan, and load the checkpoint if there is one."""
        self.checkpoints.clean()
        if start == "fresh":
            for step in self.checkpoints.steps():
                self.checkpoints.remove(step)
        steps = self.checkpoints.steps()
        if start == "resume" and not steps:
            raise ConfigError(f"{self.out} holds no checkpoint to resume; run without --resume to begin.")
        if steps:
            self._load(steps[-1])
            self.console.print(
                f"从第 {self.step} 步的检查点继续。Going on from the checkpoint of step {self.step}.", highlight=False
            )
        self.metrics.keep_until(self.step if steps else -1)
        if self.recipe.run.compile:
            self.model.compile()
        where = f"{self.device}, {torch.get_num_threads()} threads, {self.recipe.run.precision}"
        self.console.print(
            plan_of(
                self.recipe,
                parameters=sum(p.numel() for p in self.model.parameters()),
                levels=self.practice.levels,
                device=where,
                steps_left=self.recipe.total_steps - self.step,
            )
        )
        self.meter.start()

    def _load(self, step: int) -> None:
        meta = self.checkpoints.read_meta(step)
        check_same_run(meta["identity"], self.recipe.identity(), self.recipe.run.out)
        state = self.checkpoints.read_state(step, self.device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.practice.curriculum.restore(meta["curriculum"])
        self.step, self.tokens, self._last = step, meta["tokens"], meta["last"]
        self.meter.restore(meta["bill"])

    # -- training --------------------------------------------------------------------------------

    def train(self, stop: threading.Event) -> RlOutcome:
        recipe, saved_at = self.recipe, time.monotonic()
        with RlDisplay(
            self.console, total_steps=recipe.total_steps, done_steps=self.step, log_every=recipe.run.log_every
        ) as display:
            if self.practice.valid and "valid_before" not in self._last:
                before = self._validate()
                self.metrics.append({"step": self.step, "valid": before})
                self._last = {"valid_before": before, "valid": before}
                display.say(f"训练前 / before: held-out {before:.1%} of {len(self.practice.valid)}")
            while self.step < recipe.total_steps and not stop.is_set():
                record = self._one_step()
                last = self.step == recipe.total_steps
                if self.practice.valid and (last or self.step % recipe.run.eval_every == 0):
                    record["valid"] = self._validate()
                    self._last["valid"] = record["valid"]
                bill = self.meter.snapshot()
                record |= {"joules": bill.joules, "money": bill.money}
                self.metrics.append(record)
                self._last["reward"] = record["reward"]
                display.step(record, bill)
                if self._checkpoint_due(saved_at):
                    self.save()
                    saved_at = time.monotonic()
        self.save()
        return self._finish()

    def _one_step(self) -> dict[str, Any]:
        """One batch of answers and what is learnt from it; returns its metrics record."""
        began = time.perf_counter()
        with tempered(self.model, self.recipe.rollout.temperature):
            self.sampler.load(self.model)
            loaded = time.perf_counter()
            groups = self.practice.ask(self.sampler, self.step)
        sampled = time.perf_counter()
        record = self.practice.judge(groups)
        record |= self._learn(groups)
        self.step += 1
        self.practice.record(groups)
        if self.step % self.recipe.rollout.show_every == 0:
            write_samples(self.out / "samples", self.step, self.practice.shown(groups, self.step))
        ended = time.perf_counter()
        generated = sum(len(drawn.token_ids) for group in groups for drawn in group.drawn)
        self.tokens += generated
        prompts = sum(len(group.prompt) * len(group.drawn) for group in groups)
        self.meter.add_tokens(prompt=prompts, completion=generated)
        return {
            "step": self.step,
            "tokens": self.tokens,
            **record,
            "load_seconds": loaded - began,
            "rollout_seconds": sampled - loaded,
            "train_seconds": ended - sampled,
            "seconds": ended - began,
            "generated_per_second": generated / (sampled - loaded),
        }

    # -- learning --------------------------------------------------------------------------------

    def _learn(self, groups: Sequence[Group]) -> dict[str, Any]:
        recipe = self.recipe
        rewards_GN = torch.tensor([group.rewards for group in groups], dtype=torch.float64)
        advantages_GN, counts_G = group_advantages(rewards_GN, divide_by_std=recipe.grpo.divide_by_std)
        kept = [number for number in range(len(groups)) if counts_G[number]]
        scale = self._lr_scale()
        stats, losses, norms = PolicyStats(), [], []
        for part in self._minibatches(kept, groups, advantages_GN):
            loss, norm = self._update(part, scale, stats)
            losses.append(loss)
            norms.append(norm)
        return {
            "dropped": 1 - len(kept) / len(groups),
            "loss": sum(losses) / max(1, len(losses)),
            "grad_norm": max(norms, default=0.0),
            "clipped": stats.mean("clipped"),
            "gap": stats.mean("gap"),
            "weight": stats.mean("weight"),
            "kl": stats.mean("kl"),
            "lr_scale": scale,
        }

    def _minibatches(
        self, kept: Sequence[int], groups: Sequence[Group], advantages_GN: Tensor
    ) -> list[list[tuple[TraceRows, Tensor | None]]]:
        """The batch in `updates` parts: micro-batches with the old log-probabilities of their targets.

        None stands for old ones that are the current ones: there is one update, so nothing moves in between.
        """
        recipe = self.recipe
        order = list(kept)
        random.Random(f"minibatches {recipe.run.seed} {self.step}").shuffle(order)
        updates = min(recipe.grpo.updates, len(order))
        parts = []
        for number in range(updates):
            traces = [
                Trace(groups[g].prompt, drawn, float(advantage))
                for g in sorted(order[number::updates])
                for drawn, advantage in zip(groups[g].drawn, advantages_GN[g], strict=True)
            ]
            rows = pack_traces(
                traces,
                seq_len=recipe.rollout.seq_len,
                multiple=recipe.optim.micro_batch,
                pad_id=self.tokenizer.pad_id or 0,
            )
            micro = [part.to(self.device) for part in rows.split(recipe.optim.micro_batch)]
            parts.append([(rows, self._old(rows)) for rows in micro])
        return parts

    def _old(self, rows: TraceRows) -> Tensor | None:
        if self.recipe.grpo.old == "sampler":
            return rows.sampler_BT[rows.targets_BT != NO_TARGET]
        if self.recipe.grpo.updates == 1:
            return None
        with torch.no_grad():
            return self._logprobs(self.model, rows)

    def _logprobs(self, model: Transformer, rows: TraceRows) -> Tensor:
        """Of the generated tokens, in the order of the rows."""
        hidden_BTD = model(rows.tokens_BT, doc_BT=rows.doc_BT, pos_BT=rows.pos_BT)
        kept_BT = rows.targets_BT != NO_TARGET
        # A table may be longer than the tokenizer's; the sampler never chooses the rest.
        weight_VD = model.head_weight[: self.tokenizer.vocab_size]
        hidden_TD = hidden_BTD[kept_BT] / self.recipe.rollout.temperature
        return token_logprobs(hidden_TD, weight_VD, rows.targets_BT[kept_BT])

    def _update(
        self, part: Sequence[tuple[TraceRows, Tensor | None]], scale: float, stats: PolicyStats
    ) -> tuple[float, float]:
        """One optimiser step; returns loss per token and gradient norm."""
        count = max(1, sum(rows.count for rows, _ in part))
        total = 0.0
        for rows, old_T in part:
            kept_BT = rows.targets_BT != NO_TARGET
            if not kept_BT.any():
                continue
            new_T = self._logprobs(self.model, rows)
            reference_T = None
            if self.reference is not None:
                with torch.no_grad():
                    reference_T = self._logprobs(self.reference, rows)
            loss, told = policy_loss(
                new_T,
                new_T.detach() if old_T is None else old_T,
                rows.sampler_BT[kept_BT],
                rows.advantage_BT[kept_BT],
                self.recipe.grpo.clip,
                reference_T,
            )
            (loss / count).backward()
            total += float(loss.detach())
            stats.add(told)
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optim.grad_clip))
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise TrainingError(
                f"step {self.step + 1} gave loss {total / count:g} and gradient norm {norm:g}, so the run stopped "
                "before using it (the last checkpoint is intact); lower muon_lr and adamw_lr."
            )
        self.optimizer.step(scale)
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update(self.model)
        self.model.update_expert_bias(0.0)  # forget the loads: the balance was learnt before
        return total / count, norm

    def _lr_scale(self) -> float:
        schedule = self.recipe.schedule
        return warmup_stable_decay(
            self.step,
            total_steps=self.recipe.total_steps,
            warmup_steps=schedule.warmup_steps,
            decay_steps=self.recipe.decay_steps,
            floor=schedule.floor,
        )

    # -- looking ---------------------------------------------------------------------------------

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.average is None else self.average.swapped_in(self.model)

    def _validate(self) -> float:
        with self._averaged():
            self.sampler.load(self.model)
        return self.practice.validate(self.sampler)

    # -- keeping and ending ----------------------------------------------------------------------

    def _checkpoint_due(self, saved_at: float) -> bool:
        run = self.recipe.run
        by_steps = run.checkpoint_steps is not None and self.step % run.checkpoint_steps == 0
        minutes = run.checkpoint_minutes
        return by_steps or (minutes is not None and time.monotonic() - saved_at >= 60 * minutes)

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        self.metrics.sync()
        self.checkpoints.save(
            self.step,
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
            },
            {
                "identity": self.recipe.identity(),
                "tokens": self.tokens,
                "bill": self.meter.snapshot().as_dict(),
                "last": self._last,
                "curriculum": self.practice.curriculum.state(),
            },
        )

    def _finish(self) -> RlOutcome:
        """Curves in any case; the model's folder when all steps are done."""
        self._draw_curves()
        finished = self.step == self.recipe.total_steps
        bill = self.meter.stop()
        folder = self.out / "model" if finished else None
        if folder is not None:
            with self._averaged():
                save_transformer(
                    self.model, folder, extra_files=self.tokenizer.files(), dtype=self.recipe.run.export_dtype
                )
            words = f"完成：{bill.line('zh')} → {folder}\nDone: {bill.line('en')} → {folder}"
        else:
            words = (
                f"已停在第 {self.step} 步并保存；再次运行同一条命令即可继续。\n"
                f"Stopped and saved at step {self.step}; run the same command again to go on."
            )
        self.console.print(words, highlight=False, soft_wrap=True)
        last = self._last
        return RlOutcome(
            finished, self.step, last.get("reward"), last.get("valid_before"), last.get("valid"), bill, folder
        )

    def _draw_curves(self) -> None:
        try:
            draw_curves(self.metrics.read(), self.out / "rl.png", title=f"rl {self.out.name}")
        except ImportError:
            self.console.print("没有 matplotlib，未画 rl.png。rl.png not drawn: matplotlib is not installed.")


@contextlib.contextmanager
def tempered(model: Transformer, temperature: float) -> Iterator[None]:
    """Inside, the model's logits are divided by `temperature`: its last norm is scaled, so that a sampler that
    draws at temperature 1 draws from, and tells the probabilities of, the policy that is trained.
    """
    weight = model.model.norm.weight
    kept = weight.detach().clone()
    try:
        weight.data.div_(temperature)
        yield
    finally:
        weight.data.copy_(kept)


def _meter(recipe: RlRecipe, device: torch.device) -> Meter:
    cost = recipe.cost
    return Meter(
        cost.price_per_kwh,
        cost.currency,
        cost.watts,
        watts_per_core=WATTS_PER_CORE if cost.watts_per_core is None else cost.watts_per_core,
        idle_watts=IDLE_WATTS if cost.idle_watts is None else cost.idle_watts,
        gpu=0 if device.type == "cuda" else None,
    )
