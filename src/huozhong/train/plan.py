"""What a recipe will take, worked out before the start: parameters, tokens, operations, memory, time
and money.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rich.table import Table

from huozhong.cost import Bill
from huozhong.model.config import ModelConfig
from huozhong.model.sizes import count_parameters, flops_per_token
from huozhong.train.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """Derived numbers of a run.  flops and bytes are estimates; the formulas stand at `make_plan`."""

    parameters: int
    active_parameters: int
    embedding_parameters: int
    total_steps: int
    tokens_per_step: int
    total_tokens: int
    epochs: float
    flops: float
    memory_bytes: int


def make_plan(recipe: Recipe, config: ModelConfig, *, tokens_per_epoch: int) -> Plan:
    """Count parameters and operations, and estimate memory.

    Memory: weights, gradients and optimiser state in float32, and per row and layer about 34·D half-width
    activations plus three feed-forward widths (Korthikanti et al. 2022, arXiv:2205.05198, §4.1).
    """
    count = count_parameters(config)
    # Prediction modules that carry no loss are not run.
    run = config if recipe.optim.mtp_weight > 0 else dataclasses.replace(config, num_nextn_predict_layers=0)
    tokens = recipe.total_steps * recipe.tokens_per_step
    copies = 4 + (recipe.optim.ema is not None)
    widths = 34 * config.hidden_size + 3 * config.intermediate_size
    positions = recipe.optim.micro_batch * recipe.data.seq_len
    return Plan(
        parameters=count.total,
        active_parameters=count.active,
        embedding_parameters=count.embedding,
        total_steps=recipe.total_steps,
        tokens_per_step=recipe.tokens_per_step,
        total_tokens=tokens,
        epochs=tokens / tokens_per_epoch,
        flops=tokens * flops_per_token(run, recipe.data.seq_len),
        memory_bytes=4 * copies * count.total + 2 * positions * config.num_hidden_layers * widths,
    )


@dataclass(frozen=True)
class Trial:
    """What one optimiser step takes here, in seconds, and the bill of what was run to find out."""

    step_seconds: float
    bill: Bill


def plan_table(recipe: Recipe, plan: Plan, *, device: str, steps_left: int, trial: Trial | None) -> Table:
    """The table shown before the start; expected time and bill are for the `steps_left` steps still to do."""
    table = Table(title=f"{recipe.stage} → {recipe.run.out}", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("参数 parameters", f"{plan.parameters:,}")
    if plan.active_parameters != plan.parameters:
        table.add_row("每词元激活 active per token", f"{plan.active_parameters:,}")
    table.add_row("其中词向量 of these embedding", f"{plan.embedding_parameters:,}")
    table.add_row("步数 steps", f"{plan.total_steps:,}")
    parts = (recipe.micro_batches, recipe.optim.micro_batch, recipe.data.seq_len)
    table.add_row("每步词元 tokens per step", f"{plan.tokens_per_step:,} = {' × '.join(map(str, parts))}")
    table.add_row("词元 tokens", f"{plan.total_tokens:,} = {plan.epochs:.3g} × data")
    warmup = recipe.schedule.warmup_steps
    table.add_row("预热/衰减步数 warmup/decay steps", f"{warmup:,} / {recipe.decay_steps:,}")
    table.add_row("运算 operations", f"{plan.flops:.3g} FLOP")
    table.add_row("内存（估算） memory (estimated)", f"{plan.memory_bytes / 1e9:.2f} GB")
    table.add_row("设备 device", device)
    if trial is not None:
        speed = plan.tokens_per_step / trial.step_seconds
        gigaflops = plan.flops / plan.total_steps / trial.step_seconds / 1e9
        table.add_row("试跑速度 trial speed", f"{speed:,.0f} tokens/s, {gigaflops:,.0f} GFLOP/s")
        expected = _expected(plan, steps_left, trial)
        table.add_row("预计 expected", expected.line("zh"))
        table.add_row("", expected.line("en"))
    return table


def _expected(plan: Plan, steps_left: int, trial: Trial) -> Bill:
    """The trial's watts carried over to the time that the steps will take."""
    seconds = steps_left * trial.step_seconds
    share = seconds / trial.bill.seconds
    return dataclasses.replace(
        trial.bill,
        tokens=steps_left * plan.tokens_per_step,
        seconds=seconds,
        joules=trial.bill.joules * share,
        money=trial.bill.money * share,
        source="estimated",
    )
