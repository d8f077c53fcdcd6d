"""Reinforcement from rewards that a rule can give (R1, arXiv:2501.12948): `huozhong train rl`.

    step:  draw problems → the sampler takes the current weights and answers each several times → rewards →
    advantages within each group → gradient of the clipped policy loss → optimiser → record
    now and then: solve held-out problems, write answers to read, write a checkpoint

Which problems, which seeds and which minibatches a step has depends on the recipe's seed and the step alone, so
that a resumed run goes on exactly where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from huozhong.cost import IDLE_WATTS, WATTS_PER_CORE, Bill, Meter
from huozhong.errors import ConfigError, TrainingError
from huozhong.model.transformer import Transformer, load_transformer, save_transformer
from huozhong.text.chat import ChatTemplate
from huozhong.text.data import NO_TARGET
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.grpo import PolicyStats, group_advantages, policy_loss, token_logprobs
from huozhong.train.loop import Start, _device, _sole_user, _stop_switch
from huozhong.train.optim import MuonAdamW, WeightAverage, warmup_stable_decay
from huozhong.train.problems import ARITHMETIC, Arithmetic, Curriculum, Listed, Mixture, Problem, read_problems
from huozhong.train.rewards import Attempt, reward, solved
from huozhong.train.rl_recipe import RlRecipe
from huozhong.train.rl_show import RlDisplay, draw_curves, plan_of, write_samples
from huozhong.train.rollout import Ask, Drawn, Sampler, Trace, TraceRows, pack_traces
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


@dataclass(frozen=True)
class Group:
    """One question, its answers and what they earned."""

    problem: Problem
    prompt: tuple[int, ...]
    drawn: tuple[Drawn, ...]
    attempts: tuple[Attempt, ...]
    rewards: tuple[float, ...]

    @property
    def solved(self) -> list[bool]:
        return [solved(self.problem, attempt) for attempt in self.attempts]


def train_rl(
    recipe: RlRecipe, sampler: Sampler, *, start: Start = "auto", console: Console | None = None
) -> RlOutcome:
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
        self.template = ChatTemplate.load(recipe.base, self.tokenizer)
        self.opened = self.template.opens_thinking(thinking=recipe.rollout.thinking)
        self.model = self._load_model()
        self.reference = self._load_model().requires_grad_(False) if recipe.grpo.kl > 0 else None
        optim = recipe.optim
        self.optimizer = MuonAdamW(
            self.model, muon_lr=optim.muon_lr, adamw_lr=optim.adamw_lr, weight_decay=optim.weight_decay,
            momentum=optim.momentum, betas=optim.betas,
        )  # fmt: skip
        self.average = None if optim.ema is None else WeightAverage(self.model, optim.ema)
        self.problems = _mixture(recipe)
        curriculum = recipe.curriculum
        self.curriculum = Curriculum(
            self.problems.levels, threshold=curriculum.threshold, window=curriculum.window, focus=curriculum.focus
        )
        self.valid = self._read_valid()
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

    def _read_valid(self) -> list[tuple[Problem, tuple[int, ...]]]:
        """Held-out problems with their prompts; those that are too long for a row are left out."""
        if self.recipe.problems.valid is None:
            return []
        problems = read_problems(self.recipe.problems.valid)[: self.recipe.problems.valid_rows]
        prompts = [(problem, self._prompt(problem)) for problem in problems]
        fitting = [(problem, prompt) for problem, prompt in prompts if prompt is not None]
        if not fitting:
            raise ConfigError(f"no problem of {self.recipe.problems.valid} leaves room for an answer in seq_len.")
        return fitting

    def _prompt(self, problem: Problem) -> tuple[int, ...] | None:
        """None when prompt and answer would not fit a row."""
        messages = [{"role": "user", "content": problem.question}]
        ids = self.template.tokens(messages, thinking=self.recipe.rollout.thinking)
        room = self.recipe.rollout.seq_len - self.recipe.rollout.max_tokens
        return tuple(ids) if len(ids) <= room else None

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
                levels=self.problems.levels,
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
        self.curriculum.restore(meta["curriculum"])
        self.step, self.tokens, self._last = step, meta["tokens"], meta["last"]
        self.meter.restore(meta["bill"])

    # -- training --------------------------------------------------------------------------------

    def train(self, stop: threading.Event) -> RlOutcome:
        recipe, saved_at = self.recipe, time.monotonic()
        with RlDisplay(
            self.console, total_steps=recipe.total_steps, done_steps=self.step, log_every=recipe.run.log_every
        ) as display:
            if self.step == 0 and self.valid:
                before = self._validate()
                self.metrics.append({"step": 0, "valid": before})
                self._last = {"valid_before": before, "valid": before}
                display.say(f"训练前 / before: held-out {before:.1%} of {len(self.valid)}")
            while self.step < recipe.total_steps and not stop.is_set():
                record = self._one_step()
                last = self.step == recipe.total_steps
                if self.valid and (last or self.step % recipe.run.eval_every == 0):
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
        self.sampler.load(self.model)
        loaded = time.perf_counter()
        groups = self._rollout()
        sampled = time.perf_counter()
        record = self._judge(groups)
        record |= self._learn(groups)
        self.step += 1
        for group in groups:
            self.curriculum.record(group.problem.level, group.solved)
        if self.step % self.recipe.rollout.show_every == 0:
            self._show(groups)
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

    def _rollout(self) -> list[Group]:
        """This step's problems, each answered several times."""
        rollout, seed = self.recipe.rollout, self.recipe.run.seed
        rng = random.Random(f"problems {seed} {self.step}")
        chosen = [self._draw(rng) for _ in range(rollout.questions)]
        asks = [
            Ask(prompt, seed_of(seed, self.step, number, sample))
            for number, (_, prompt) in enumerate(chosen)
            for sample in range(rollout.samples)
        ]
        drawn = self.sampler.generate(asks, max_tokens=rollout.max_tokens)
        groups = []
        for number, (problem, prompt) in enumerate(chosen):
            answers = drawn[number * rollout.samples : (number + 1) * rollout.samples]
            attempts = tuple(self._attempt(answer) for answer in answers)
            rewards = tuple(reward(self.recipe.rewards, problem, attempt) for attempt in attempts)
            groups.append(Group(problem, prompt, tuple(answers), attempts, rewards))
        return groups

    def _draw(self, rng: random.Random) -> tuple[Problem, tuple[int, ...]]:
        for _ in range(1000):
            problem = self.problems.draw(self.curriculum.draw(rng), rng)
            prompt = self._prompt(problem)
            if prompt is not None:
                return problem, prompt
        raise ConfigError(
            f"[rollout] seq_len {self.recipe.rollout.seq_len} leaves hardly any problem room for max_tokens "
            f"({self.recipe.rollout.max_tokens}); raise the one or lower the other."
        )

    def _attempt(self, drawn: Drawn) -> Attempt:
        ids = drawn.token_ids[:-1] if drawn.finished else drawn.token_ids
        rollout = self.recipe.rollout
        return Attempt.read(
            self.tokenizer.decode(ids, skip_special=False),
            tokens=len(drawn.token_ids),
            finished=drawn.finished,
            limit=rollout.max_tokens,
            margin=rollout.margin,
            opened=self.opened,
        )

    def _judge(self, groups: Sequence[Group]) -> dict[str, Any]:
        rewards = [value for group in groups for value in group.rewards]
        right = [flag for group in groups for flag in group.solved]
        drawn = [answer for group in groups for answer in group.drawn]
        logprobs = [value for answer in drawn for value in answer.logprobs]
        return {
            "level": self.curriculum.level,
            "reward": sum(rewards) / len(rewards),
            "solved": sum(right) / len(right),
            "length": sum(len(answer.token_ids) for answer in drawn) / len(drawn),
            "cut": sum(not answer.finished for answer in drawn) / len(drawn),
            # the mean of -log p over what was drawn from p is an unbiased estimate of the entropy
            "entropy": -sum(logprobs) / len(logprobs),
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
        return token_logprobs(hidden_BTD[kept_BT], weight_VD, rows.targets_BT[kept_BT])

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
        """Share of the held-out problems that one greedy answer solves."""
        with self._averaged():
            self.sampler.load(self.model)
        asks = [Ask(prompt, 0) for _, prompt in self.valid]
        drawn = self.sampler.generate(asks, max_tokens=self.recipe.rollout.max_tokens, greedy=True)
        pairs = zip(self.valid, drawn, strict=True)
        return sum(solved(problem, self._attempt(answer)) for (problem, _), answer in pairs) / len(drawn)

    def _show(self, groups: Sequence[Group]) -> None:
        chosen = random.Random(f"show {self.step}").sample(groups, min(self.recipe.rollout.show_groups, len(groups)))
        told = []
        for group in chosen:
            order = sorted(range(len(group.drawn)), key=lambda n, g=group: -g.rewards[n])  # type: ignore[misc]
            answers = [
                {
                    "reward": group.rewards[n],
                    "tokens": group.attempts[n].tokens,
                    "finished": group.attempts[n].finished,
                    "text": self.tokenizer.decode(group.drawn[n].token_ids, skip_special=False),
                }
                for n in order
            ]
            gold = group.problem.answer or group.problem.form or str(group.problem.refuse)
            told.append({"question": group.problem.question, "gold": gold, "answers": answers})
        write_samples(self.out / "samples", self.step, told)

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
                "curriculum": self.curriculum.state(),
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


def seed_of(*parts: int) -> int:
    """A seed for one answer, from where in the run it belongs."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def _mixture(recipe: RlRecipe) -> Mixture:
    return Mixture(
        [
            (Arithmetic() if source.path == ARITHMETIC else Listed(read_problems(source.path)), source.weight)
            for source in recipe.problems.train
        ]
    )


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
