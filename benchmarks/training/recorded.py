"""The pictures of docs/cost.md, drawn from its tables: the curves of that race were not kept.

    cd benchmarks && python -m training.recorded ../docs/images

`race-10m.json` beside this file holds the tables' numbers; `tests/test_docs.py` looks for each of them on the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, ScalarFormatter

from training.figures import COLOURS, LABELS

RECORDED = Path(__file__).with_name("race-10m.json")
FROM_NOISE = "#e8a09b"
PEERS = ("gpt2", "baseline")


def draw_lengths(race: dict[str, Any], file: Path) -> None:
    """One dot a whole run: held-out bits per byte over its seconds, and how far ours are to the left."""
    _, axes = plt.subplots(figsize=(8, 4.6), dpi=110)
    for runs, colour, label in (
        (race["ours_from_noise"], FROM_NOISE, "ours, token table from noise"),
        (race["ours"], COLOURS["ours"], "ours, token table from the text's counts"),
    ):
        axes.plot(_seconds(runs), _bits(runs), "o-", color=colour, linewidth=1, markersize=5, label=label)
    for run in race["ours"]:
        axes.annotate(run["tokens"], (run["seconds"], run["bits_per_byte"]), (-5, -4), **_beside("right", "top"))
    for who in PEERS:
        peer, own, colour = race["peers"][who], race["as_good"][who], COLOURS[who]
        axes.plot(peer["seconds"], peer["bits_per_byte"], "s", color=colour, markersize=8, label=LABELS[who])
        level = peer["bits_per_byte"]
        arrow = {"arrowstyle": "->", "color": colour, "shrinkB": 0, "shrinkA": 6}
        axes.annotate("", (own["seconds"], level), (peer["seconds"], level), arrowprops=arrow)
        times = f"{own['times_fewer_seconds']} times fewer seconds"
        axes.annotate(times, (peer["seconds"], level), (-14, 5), color=colour, **_beside("right", "bottom"))
    _log_seconds(axes, [10, 15, 20, 30, 50, 100, 200, 350])
    axes.set_xlim(8, 430)
    axes.set_ylim(2.05, 2.65)
    axes.set_ylabel("held-out bits per byte")
    axes.set_title("10M parameters: what a whole run comes to (small figures: tokens)", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    axes.grid(alpha=0.2)
    _save(file)


def draw_bars(race: dict[str, Any], file: Path) -> None:
    """Seconds and kilojoules to at least the same bits per byte: each peer's whole run above our shortest."""
    figure, both = plt.subplots(1, 2, figsize=(8, 2.6), dpi=110, sharey=True)
    rows = []
    for who in PEERS:
        rows += [(LABELS[who], COLOURS[who], race["peers"][who])]
        rows += [("ours, at least as good", COLOURS["ours"], race["as_good"][who])]
    places = [0.0, 1.0, 2.5, 3.5]
    for axes, unit, word in zip(both, ("seconds", "kilojoules"), ("seconds", "kilojoules (estimated)"), strict=True):
        values = [run[unit] for _, _, run in rows]
        axes.barh(places, values, color=[colour for _, colour, _ in rows], height=0.8)
        for place, value in zip(places, values, strict=True):
            axes.annotate(f"{value:g}", (value, place), (4, 0), **_beside("left", "center"))
        axes.set_xlim(0, max(values) * 1.2)
        axes.set_xlabel(word)
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_yticks(places, [f"{name} ({run['bits_per_byte']:.3f})" for name, _, run in rows], fontsize=9)
    both[0].invert_yaxis()
    figure.suptitle("To the same held-out bits per byte (in brackets), 10M parameters", fontsize=10, y=0.97)
    _save(file)


def _seconds(runs: list[dict[str, Any]]) -> list[float]:
    return [run["seconds"] for run in runs]


def _bits(runs: list[dict[str, Any]]) -> list[float]:
    return [run["bits_per_byte"] for run in runs]


def _beside(horizontal: str, vertical: str) -> dict[str, Any]:
    return {"textcoords": "offset points", "ha": horizontal, "va": vertical, "fontsize": 8}


def _log_seconds(axes: Axes, ticks: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds of the whole run on two quiet cores (logarithmic)")


def _save(file: Path) -> None:
    plt.tight_layout()
    plt.savefig(file)
    plt.close()


if __name__ == "__main__":
    race, folder = json.loads(RECORDED.read_text()), Path(sys.argv[1])
    draw_lengths(race, folder / "cost-race-10m.png")
    draw_bars(race, folder / "cost-bars-10m.png")
