"""The pictures of docs/cost.md can be drawn again from the recorded race."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from training.recorded import RECORDED, draw_bars, draw_lengths

# For others its kernels.py would stand for a package that transformers looks for.
sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


def test_both_pictures(tmp_path: Path) -> None:
    race = json.loads(RECORDED.read_text(encoding="utf-8"))
    draw_lengths(race, tmp_path / "race.png")
    draw_bars(race, tmp_path / "bars.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("race.png", "bars.png"))


def test_the_ratios_are_the_seconds() -> None:
    race = json.loads(RECORDED.read_text(encoding="utf-8"))
    for who, own in race["as_good"].items():
        assert abs(race["peers"][who]["seconds"] / own["seconds"] - own["times_fewer_seconds"]) < 0.1
