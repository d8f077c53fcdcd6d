"""What the person in front of a training run sees: a live line on a terminal, plain lines elsewhere, a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from huozhong.cost import Bill


class Display:
    """Progress of one run on `console`; a context manager.

    On a terminal a bar with loss, speed, time left and the bill so far; elsewhere one plain line each `log_every`
    steps, so that a log file stays readable.
    """

    shows_rate = True  # the learning rate's, in a plain line

    def __init__(self, console: Console, *, total_steps: int, done_steps: int, log_every: int) -> None:
        self.console = console
        self._total, self._done = total_steps, done_steps
        self._began = time.monotonic()
        self._log_every = log_every
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.completed}/{task.total}"),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
            )
            self._task = self._progress.add_task("", total=total_steps, completed=done_steps)

    def __enter__(self) -> Display:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def step(self, record: dict[str, Any], bill: Bill) -> None:
        """Show one metrics record."""
        line, step = self.line(record), record["step"]
        scored = not record.keys().isdisjoint(("heldout_bpb", "accepted_1", "valid", "joined", "dropped"))
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=step, description=f"{line} · {bill.line('zh')}")
            if scored:
                self.say(f"{step}: {line}")
        elif step % self._log_every == 0 or step == self._total or scored:
            per_step = (time.monotonic() - self._began) / (step - self._done)
            left = (self._total - step) * per_step / 60
            rate = f" · lr {record['lr_scale']:.3f}" if self.shows_rate else ""
            self.say(f"step {step}/{self._total} · {line}{rate} · {left:.1f} min left · {bill.line('en')}")

    def line(self, record: dict[str, Any]) -> str:
        """What people want to know of a step."""
        parts = [f"loss {record['loss']:.4f}"]
        if "heldout_bpb" in record:
            parts.append(f"held-out {record['heldout_bpb']:.4f} bits/byte")
        if "window_max_load" in record:
            parts.append(f"busiest expert {record['window_max_load']:.2f}× the mean")
        if accepted := [f"{v:.1%}" for k, v in record.items() if k.startswith("accepted_")]:
            parts.append(f"accepted {' '.join(accepted)}")
        if "round_members" in record:
            parts += team_parts(record)
        return " · ".join([*parts, f"{record['tokens_per_second']:,.0f} tok/s"])

    def say(self, text: str) -> None:
        """A sentence of its own, above the bar."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


def team_parts(record: dict[str, Any]) -> list[str]:
    """What a round of a team says: who took part, what went over the lines, who was slow, who came and went."""
    parts = [f"{record['round_members']} members"]
    if "fewer_bytes" in record:
        said = f"{record['line_bytes'] / 1e6:,.2f} MB over the lines, {record['fewer_bytes']:,.0f}× less than dense"
        parts.append(f"{said}, waited {record['line_seconds']:.1f} s")
        parts.append(f"slowest {record['slowest']} ({record['slowest_seconds']:.1f} s)")
    parts += [f"{word} {', '.join(record[word])}" for word in ("joined", "dropped") if word in record]
    return parts


def draw_loss(records: list[dict[str, Any]], path: Path, *, title: str) -> None:
    """loss.png: training loss (thin: every step, thick: running mean) and held-out bits per byte against tokens."""
    figure = blank_figure(8, 4.5)
    axes = figure.subplots()
    tokens = [record["tokens"] / 1e6 for record in records]
    losses = [record["loss"] for record in records]
    axes.plot(tokens, losses, color="tab:orange", alpha=0.3, linewidth=0.8)
    axes.plot(tokens, running_mean(losses), color="tab:orange", label="training loss")
    axes.set(xlabel="million tokens", ylabel="training loss (nats per token)", title=title)
    if scored := [(r["tokens"] / 1e6, r["heldout_bpb"]) for r in records if "heldout_bpb" in r]:
        right = axes.twinx()
        right.plot(*zip(*scored, strict=True), "o-", color="tab:blue", markersize=3, label="held-out")
        right.set_ylabel("held-out bits per byte", color="tab:blue")
    figure.savefig(path, dpi=120)


def blank_figure(width: float, height: float) -> Any:
    """matplotlib's Figure, in inches.  Raises ImportError where it is not installed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def running_mean(values: list[float]) -> list[float]:
    """Each value with those before it, the more steps there are the smoother."""
    rate = min(1.0, 20 / max(1, len(values)))
    out: list[float] = []
    for value in values:
        out.append(value if not out else out[-1] + rate * (value - out[-1]))
    return out
