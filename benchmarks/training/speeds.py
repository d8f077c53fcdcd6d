"""What a step takes when the machine is quiet: every contestant's steps by turns, the fastest of each kept.

A run's wall clock says what the machine did besides.  Seconds to a target are therefore steps × seconds per step from
here, each kind of step (a ramp has several) measured in the same minutes, by turns, so that a slow one hits everybody.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path

import torch
from rich.console import Console

from huozhong.cost import Meter
from huozhong.train import counts
from huozhong.train.recipe import Recipe, Stretch
from huozhong.train.stages.pretrain import TextRun
from training.contestants import Contest, Who, kind_of

ROUNDS = 4
Sample = tuple[float, float, float]  # wall seconds, CPU seconds, joules
COUNTING = "counting"  # what a table that starts from counts takes, once


@dataclass(frozen=True)
class Pace:
    """One optimiser step of a stretch: the fastest and the median of ROUNDS, and its estimated energy."""

    seconds: float
    median_seconds: float
    cpu_seconds: float
    joules: float
    flops: float


def paces(contest: Contest, runs: list[tuple[Who, Recipe]], folder: Path, *, again: bool = False) -> dict[str, Pace]:
    """The pace of every kind of step in `runs`, by `key`; kept in folder/speeds.json and measured once unless `again`.

    When one is missing all are measured, so that they come from the same minutes.
    """
    file = folder / "speeds.json"
    stored = json.loads(file.read_text()) if file.exists() and not again else {}
    wanted: dict[str, tuple[Who, Recipe, Stretch]] = {}
    for who, recipe in runs:
        for stretch in recipe.stretches:
            wanted.setdefault(key(who, recipe, stretch), (who, recipe, stretch))
    counting = next((recipe for _, recipe in runs if recipe.run.init_table == "counts"), None)
    if all(name in stored for name in wanted) and (counting is None or COUNTING in stored):
        return {name: Pace(**values) for name, values in stored.items()}
    steppers = {name: Stepper(*values) for name, values in wanted.items()}
    for stepper in steppers.values():
        stepper.step()  # compiles, and the first steps are slow
    samples: dict[str, list[Sample]] = {name: [] for name in wanted}
    for _ in range(ROUNDS):
        for name, stepper in steppers.items():
            samples[name].append(stepper.step())
    found = {}
    for name, (who, recipe, stretch) in wanted.items():
        found[name] = _pace(samples[name], contest.step_flops(who, recipe, stretch))
    if counting is not None:
        found[COUNTING] = count_pace(counting)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({name: pace.__dict__ for name, pace in found.items()}, indent=1))
    temporary.replace(file)
    return found


def count_pace(recipe: Recipe) -> Pace:
    """The table of a new model from the counts of its text, reading included; operations of the products with it."""
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = dataclasses.replace(recipe.run, out=folder)
        run = TextRun(dataclasses.replace(recipe, run=elsewhere), Console(file=StringIO()))
        work = partial(counts.start_from_counts, run.model, recipe.data.train, seed=recipe.run.seed)
        samples = [_measured(work) for _ in range(ROUNDS)]
    config = run.model.config
    flops = (4 * counts.ROUNDS + 4) * config.vocab_size * (config.hidden_size + counts.SPARE) ** 2
    return _pace(samples, float(flops))


def _measured(work: Callable[[], object]) -> Sample:
    """Wall seconds, CPU seconds and joules."""
    meter = Meter().start()
    began, busy = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    return wall, cpu, meter.stop().joules


def _pace(samples: list[Sample], flops: float) -> Pace:
    by_time = sorted(samples)
    best, middle = by_time[0], by_time[len(by_time) // 2]
    return Pace(best[0], middle[0], best[1], best[2], flops)


def key(who: Who, recipe: Recipe, stretch: Stretch) -> str:
    """Everything that the time of a step depends on."""
    layers = "all" if stretch.layers is None else stretch.layers
    optim = recipe.optim
    model = hashlib.sha256(json.dumps(recipe.model, sort_keys=True).encode()).hexdigest()[:6]
    rest = f"{' mtp' if recipe.mtp_weight_of(stretch) else ''}{' ema' if optim.ema else ''} model {model}"
    rows = f"{stretch.rows}x{recipe.data.seq_len} cut {stretch.seq_len}"
    return f"{who} {rows} layers {layers} micro {optim.micro_batch}{rest}"


def matmul_rate() -> float:
    """bf16 operations per second of a large product here: what the machine can do.

    The product grows until it takes 0.04 s: a processor without bf16 instructions needs half a minute for one that
    another has done in ten milliseconds.
    """
    size, seconds = 128, 0.0
    while size < 2048 and seconds < 0.04:
        size *= 2
        seconds = min(_product_seconds(size) for _ in range(2))
    return 2 * size**3 / min(seconds, *(_product_seconds(size) for _ in range(6)))


def _product_seconds(size: int) -> float:
    a, b = (torch.randn(size, size).bfloat16() for _ in range(2))
    began = time.perf_counter()
    torch.mm(a, b)
    return time.perf_counter() - began


class Stepper:
    """A run that is not kept, held at the first step of one stretch."""

    def __init__(self, who: Who, recipe: Recipe, stretch: Stretch) -> None:
        self.run: TextRun = kind_of(who)(recipe, Console(file=StringIO()))
        if recipe.run.compile:
            self.run.model.compile(dynamic=False)
        self.first = sum(other.steps for other in recipe.stretches[: recipe.stretches.index(stretch)])

    def step(self) -> Sample:
        """What one whole step takes, data and optimiser included."""
        return _measured(partial(self.run.one_step, self.first))
