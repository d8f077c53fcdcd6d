"""Reinforcement from rewards that a rule can give (R1, arXiv:2501.12948): `huozhong train rl`.

    step:  draw problems → the sampler takes the current weights and answers each several times → rewards →
    advantages within each group → gradient of the clipped policy loss → optimiser
    now and then: solve held-out problems, write answers to read

Which problems, which seeds and which minibatches a step has depends on the recipe's seed and the step alone, so
that a resumed run goes on exactly where it was.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from huozhong.cost import Bill
from huozhong.errors import ConfigError
from huozhong.model.transformer import Transformer
from huozhong.text.data import NO_TARGET
from huozhong.train.model_folder import load_transformer
from huozhong.train.precision import as_begun
from huozhong.train.rl.groups import Group, Practice
from huozhong.train.rl.grpo import PolicyStats, group_advantages, policy_loss, token_logprobs
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.rl.rollout import Sampler, Trace, TraceRows, pack_traces
from huozhong.train.rl.show import RlDisplay, draw_curves, plan_of, write_samples
from huozhong.train.run import TransformerRun, check_finite
from huozhong.train.sitting import Start, sit, sole_user, stop_switch


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
    """Run `recipe` to its end, or until Ctrl-C; `start` and errors as in `pretrain.train`.  Closes the sampler."""
    try:
        with sole_user(Path(recipe.run.out)), stop_switch() as stop:
            recipe = as_begun(recipe, Path(recipe.run.out), fresh=start == "fresh")
            return sit(RlRun(recipe, sampler, console or Console()), start, stop)
    finally:
        sampler.close()


class RlRun(TransformerRun[RlOutcome]):
    """A model learns from what its own answers earn."""

    recipe: RlRecipe
    display = RlDisplay

    def __init__(self, recipe: RlRecipe, sampler: Sampler, console: Console) -> None:
        super().__init__(recipe, console, tokenizer=recipe.base)
        self.sampler = sampler
        self.practice = Practice(recipe, self.tokenizer)
        self.reference = self.build_model().requires_grad_(False) if recipe.grpo.kl > 0 else None

    def build_model(self) -> Transformer:
        model = load_transformer(self.recipe.base, dtype=self.dtype)
        limit = model.config.max_position_embeddings
        if self.recipe.rollout.seq_len > limit:
            raise ConfigError(
                f"[rollout] seq_len is {self.recipe.rollout.seq_len}, but {self.recipe.base} takes {limit} tokens at "
                "most; lower it."
            )
        return model.to(self.device).train()

    def prepare(self, step: int, *, resumed: bool) -> dict[str, Any]:
        if self.recipe.run.compile:
            self.model.compile()
        self.console.print(
            plan_of(
                self.recipe,
                parameters=sum(p.numel() for p in self.model.parameters()),
                levels=self.practice.levels,
                device=f"{self.device}, {torch.get_num_threads()} threads, {self.recipe.run.precision}",
                steps_left=self.total_steps - step,
            )
        )
        if resumed or not self.practice.valid:
            return {}
        before = self._validate()
        self.last = {"valid_before": before, "valid": before}
        self.console.print(
            f"训练前 / before: held-out {before:.1%} of {len(self.practice.valid)}", highlight=False, soft_wrap=True
        )
        return {"valid": before}

    def one_step(self, step: int) -> dict[str, Any]:
        """One batch of answers and what is learnt from it."""
        began = time.perf_counter()
        with tempered(self.model, self.recipe.rollout.temperature):
            self.sampler.load(self.model)
            loaded = time.perf_counter()
            groups = self.practice.ask(self.sampler, step)
        sampled = time.perf_counter()
        record = self.practice.judge(groups) | self._learn(groups, step)
        self.practice.record(groups)
        if (step + 1) % self.recipe.rollout.show_every == 0:
            write_samples(self.out / "samples", step + 1, self.practice.shown(groups, step + 1))
        ended = time.perf_counter()
        generated = sum(len(drawn.token_ids) for group in groups for drawn in group.drawn)
        self.tokens += generated
        self.last["reward"] = record["reward"]
        prompts = sum(len(group.prompt) * len(group.drawn) for group in groups)
        self.meter.add_tokens(prompt=prompts, completion=generated)
        return {
            "tokens": self.tokens,
            **record,
            "load_seconds": loaded - began,
            "rollout_seconds": sampled - loaded,
            "train_seconds": ended - sampled,
            "seconds": ended - began,
            "generated_per_second": generated / (sampled - loaded),
        }

    def evaluate(self, step: int) -> dict[str, Any]:
        if not self.practice.valid or not self.evaluation_is_due(step):
            return {}
        self.last["valid"] = self._validate()
        return {"valid": self.last["valid"]}

    def _validate(self) -> float:
        with self.averaged():
            self.sampler.load(self.model)
        return self.practice.validate(self.sampler)

    # -- learning --------------------------------------------------------------------------------

    def _learn(self, groups: Sequence[Group], step: int) -> dict[str, Any]:
        recipe = self.recipe
        rewards_GN = torch.tensor([group.rewards for group in groups], dtype=torch.float64)
        advantages_GN, counts_G = group_advantages(rewards_GN, divide_by_std=recipe.grpo.divide_by_std)
        kept = [number for number in range(len(groups)) if counts_G[number]]
        scale = self.lr_scale(step)
        stats, losses, norms = PolicyStats(), [], []
        for part in self._minibatches(kept, groups, advantages_GN, step):
            loss, norm = self._update(part, step, stats)
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
        self, kept: Sequence[int], groups: Sequence[Group], advantages_GN: Tensor, step: int
    ) -> list[list[tuple[TraceRows, Tensor | None]]]:
        """The batch in `updates` parts: micro-batches with the old log-probabilities of their targets.

        None stands for old ones that are the current ones: there is one update, so nothing moves in between.
        """
        recipe = self.recipe
        order = list(kept)
        random.Random(f"minibatches {recipe.run.seed} {step}").shuffle(order)
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
        self, part: Sequence[tuple[TraceRows, Tensor | None]], step: int, stats: PolicyStats
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
            torch.autograd.backward(loss / count)
            total += float(loss.detach())
            stats.add(told)
        norm = self.team.clip(self.model, self.recipe.optim.grad_clip)
        check_finite(step, total / count, norm, lambda: " (the last checkpoint is intact); lower muon_lr and adamw_lr.")
        self.update(self.lr_scale(step))
        self.model.update_expert_bias(0.0)  # forget the loads: the balance was learnt before
        return total / count, norm

    # -- checkpoints and the end -----------------------------------------------------------------

    def meta(self) -> dict[str, Any]:
        return super().meta() | {"curriculum": self.practice.curriculum.state()}

    def restore(self, meta: dict[str, Any], state: dict[str, Any]) -> None:
        super().restore(meta, state)
        self.practice.curriculum.restore(meta["curriculum"])

    def end(self, *, finished: bool) -> Path | None:
        self.draw(draw_curves, "rl.png", "rl")
        return super().end(finished=finished)

    def result(self, step: int, bill: Bill, model: Path | None) -> RlOutcome:
        last = self.last
        return RlOutcome(
            self.is_done(step), step, last.get("reward"), last.get("valid_before"), last.get("valid"), bill, model
        )


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
