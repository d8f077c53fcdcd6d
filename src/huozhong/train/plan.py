"""What a recipe will take, worked out before the start: parameters, tokens, operations, memory, time and money."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from rich.table import Table

from huozhong.cost import Bill
from huozhong.model.config import ModelConfig
from huozhong.model.footprint import count_parameters, flops_per_token
from huozhong.train.recipe import Recipe, Stretch


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
    step_flops: float  # of one full step, after any ramp
    memory_bytes: int


def make_plan(recipe: Recipe, config: ModelConfig, *, tokens_per_epoch: int, holders: int = 1) -> Plan:
    """Count parameters and operations, and estimate memory.

    Memory: weights, gradients and optimiser state in float32, and per row and layer about 34·D half-width
    activations plus three feed-forward widths (Korthikanti et al. 2022, arXiv:2205.05198, §4.1).
    holders: processes that divide all but the activations among them; the memory is that of one.
    """
    count = count_parameters(config)
    tokens = recipe.total_tokens
    full = recipe.stretches[-1]
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
        flops=sum(s.steps * flops_of_step(recipe, config, s) for s in recipe.stretches),
        step_flops=flops_of_step(recipe, config, full),
        memory_bytes=4 * copies * count.total // holders + 2 * positions * config.num_hidden_layers * widths,
    )


def flops_of_step(recipe: Recipe, config: ModelConfig, stretch: Stretch) -> float:
    """Operations of one optimiser step of that stretch; sleeping layers, and prediction modules that carry no loss,
    are not run.
    """
    if not recipe.mtp_weight_of(stretch):
        config = dataclasses.replace(config, num_nextn_predict_layers=0)
    if stretch.layers is not None:
        dense = min(config.first_k_dense_replace, stretch.layers)
        config = dataclasses.replace(config, num_hidden_layers=stretch.layers, first_k_dense_replace=dense)
    return stretch.rows * recipe.data.seq_len * flops_per_token(config, stretch.seq_len)


@dataclass(frozen=True)
class Trial:
    """What one full optimiser step takes here, in seconds, the optimiser's own part of it, and the bill of what was
    run to find out.  ready_seconds: what it took until then, compiling included; every sitting begins with it.
    """

    step_seconds: float
    optimizer_seconds: float
    bill: Bill
    ready_seconds: float = 0.0

    def seconds(self, recipe: Recipe, config: ModelConfig, steps_left: int) -> float:
        """Of the last `steps_left` steps of the run: those of a ramp by their operations."""
        full = flops_of_step(recipe, config, recipe.stretches[-1])
        total = 0.0
        for stretch in reversed(recipe.stretches):
            steps = min(steps_left, stretch.steps)
            share = flops_of_step(recipe, config, stretch) / full
            total += steps * (self.optimizer_seconds + share * (self.step_seconds - self.optimizer_seconds))
            steps_left -= steps
        return total


def plan_table(
    recipe: Recipe, config: ModelConfig, plan: Plan, *, device: str, steps_left: int, trial: Trial | None
) -> Table:
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
        gigaflops = plan.step_flops / trial.step_seconds / 1e9
        table.add_row("试跑速度 trial speed", f"{speed:,.0f} tokens/s, {gigaflops:,.0f} GFLOP/s")
        table.add_row("编译与试跑 compiling and trial", f"{trial.ready_seconds:.1f} s")
        seconds = trial.seconds(recipe, config, steps_left) + trial.ready_seconds
        expected = expected_bill(trial.bill, seconds, plan.total_tokens * steps_left // plan.total_steps)
        table.add_row("预计 expected", expected.line("zh"))
        table.add_row("", expected.line("en"))
    return table


def expected_bill(trial: Bill, seconds: float, tokens: int) -> Bill:
    """The trial's watts carried over to the time that the steps will take."""
    share = seconds / trial.seconds if trial.seconds else 0.0
    return dataclasses.replace(
        trial,
        tokens=tokens,
        seconds=seconds,
        joules=trial.joules * share,
        money=trial.money * share,
        source="estimated",
    )
