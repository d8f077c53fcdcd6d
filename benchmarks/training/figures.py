"""Curves and ratios as pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from training.runs import Result

COLOURS = {"gpt2": "#888888", "baseline": "#2a6fbb", "ours": "#c8372d"}
LABELS = {"gpt2": "GPT-2 recipe", "baseline": "tuned baseline (AdamW)", "ours": "ours"}


def draw_curves(runs: list[tuple[Result, float]], targets: dict[str, float], file: Path, title: str) -> None:
    """Held-out bits per byte over quiet seconds; runs: with the seconds of the whole run.  A dot ends each run."""
    figure, axes = plt.subplots(figsize=(7, 4.2), dpi=110)
    named: set[str] = set()
    for result, seconds in sorted(runs, key=lambda pair: pair[0].tokens, reverse=True):
        times = [seconds * step / result.steps for step, _, _ in result.curve]
        scores = [score for _, _, score in result.curve]
        label = None if result.who in named else LABELS[result.who]
        named.add(result.who)
        colour = COLOURS[result.who]
        axes.plot(times, scores, color=colour, linewidth=1.1, alpha=0.75, label=label)
        axes.plot(times[-1], scores[-1], "o", color=colour, markersize=4)
    for name, target in targets.items():
        axes.axhline(target, color=COLOURS[name], linewidth=0.7, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel("seconds of training on a quiet machine")
    axes.set_ylabel("held-out bits per byte")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.2)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def draw_sweep(results: list[tuple[str, float, float]], file: Path) -> None:
    """(name of the variant, learning rate, bits per byte) of the baseline's sweep."""
    figure, axes = plt.subplots(figsize=(5.5, 3.4), dpi=110)
    for variant in dict.fromkeys(name for name, _, _ in results):
        points = sorted((rate, score) for name, rate, score in results if name == variant)
        axes.plot([r for r, _ in points], [s for _, s in points], "o-", label=variant, linewidth=1.1)
    axes.set_xscale("log")
    axes.set_xlabel("AdamW learning rate")
    axes.set_ylabel("held-out bits per byte")
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.2)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)
