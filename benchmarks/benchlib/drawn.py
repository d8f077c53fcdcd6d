"""Pictures of what benchmarks found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator, ScalarFormatter

OURS, THEIRS = "#c8372d", "#2a6fbb"
COLOURS = (OURS, THEIRS, "#3a8f5c", "#8a5aa8")
ENOUGH_TIMES, ENOUGH_PERCENT = 100, 0.5  # what is aimed at


def draw_rounds(rows: list[dict[str, Any]], file: Path, title: str) -> None:
    """A dot a setting: how many times fewer bytes, and by how much its bits per byte are above every step's gradients.

    rows: members, fewer_bytes_than_bf16, percent, and what is written beside the dot.
    """
    _, axes = plt.subplots(figsize=(8, 4.6), dpi=110)
    for colour, members in zip(COLOURS, sorted({row["members"] for row in rows}), strict=False):
        own = [row for row in rows if row["members"] == members]
        places = [row["fewer_bytes_than_bf16"] for row in own], [row["percent"] for row in own]
        axes.plot(*places, "o", color=colour, markersize=6, label=f"{members} members")
        for row in own:
            at = (row["fewer_bytes_than_bf16"], row["percent"])
            axes.annotate(row["said"], at, (5, 3), textcoords="offset points", fontsize=7)
    axes.axvline(ENOUGH_TIMES, color="#999999", linewidth=0.8, linestyle=":")
    axes.axhline(ENOUGH_PERCENT, color="#999999", linewidth=0.8, linestyle=":")
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("times fewer bytes than every step's gradients in bf16 (logarithmic)")
    axes.set_ylabel("bits per byte above theirs, %")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.2)
    _save(file)


def draw_joules(rows: list[dict[str, Any]], file: Path) -> None:
    """Joules of both to the same held-out bits per byte, over tokens a parameter; a pair of lines for each size."""
    _, axes = plt.subplots(figsize=(8, 4.2), dpi=110)
    ticks = sorted({row["tokens_per_parameter"] for row in rows})
    for mark, size in zip("osD", sorted({row["size"] for row in rows}), strict=False):
        own = [row for row in rows if row["size"] == size]
        count = f"{own[0]['parameters']['baseline'] / 1e6:.2f}M"
        for who, colour, name in (("baseline", THEIRS, "AdamW, cosine, tuned"), ("ours", OURS, "ours")):
            there = [row for row in own if row[who] is not None]
            at = [row["tokens_per_parameter"] for row in there], [row[who]["joules"] for row in there]
            axes.plot(*at, f"{mark}-", color=colour, linewidth=1, label=f"{name}, {count} parameters")
        for row in own:
            if row["ours"] is not None:
                said, at = f"−{100 * row['fewer_joules']:.0f}%", (row["tokens_per_parameter"], row["ours"]["joules"])
                axes.annotate(said, at, (4, -12), textcoords="offset points", fontsize=8, color=OURS)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("tokens a parameter that the baseline was trained on (logarithmic)")
    axes.set_ylabel("joules, estimated (logarithmic)")
    axes.set_title("To the same held-out bits per byte", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.2)
    _save(file)


def draw_bars(bars: list[tuple[str, float, str]], file: Path, *, title: str, axis: str, logarithmic: bool) -> None:
    """Bars from above; ours in their own colour.  bars: who, how much, and what is written behind it."""
    _, axes = plt.subplots(figsize=(8, 0.9 + 0.3 * len(bars)), dpi=110)
    for place, (name, value, said) in enumerate(bars):
        axes.barh(place, value, color=OURS if name.startswith("ours") else THEIRS, height=0.62)
        axes.annotate(said, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
    largest, least = max(value for _, value, _ in bars), min(value for _, value, _ in bars)
    axes.set_xlim((least / 3, 4 * largest) if logarithmic else (0, 1.35 * largest))  # what is written stays inside
    axes.set_xlabel(axis, fontsize=9)
    axes.set_title(title, fontsize=10)
    axes.grid(axis="x", alpha=0.2)
    axes.set_axisbelow(True)
    _save(file)


def draw_ratios(rows: list[tuple[str, list[float]]], file: Path, *, title: str, axis: str, sets: list[str]) -> None:
    """A dot for each set of series on a line for each peer; left of 1 is better than that peer."""
    _, axes = plt.subplots(figsize=(8, 1.2 + 0.3 * len(rows)), dpi=110)
    for number, (name, colour) in enumerate(zip(sets, COLOURS, strict=False)):
        axes.plot([values[number] for _, values in rows], range(len(rows)), "o", color=colour, label=name)
    axes.axvline(1, color="#999999", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(axis, fontsize=9)
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    axes.grid(axis="x", alpha=0.2)
    _save(file)


def _save(file: Path) -> None:
    plt.tight_layout()
    plt.savefig(file)
    plt.close()
