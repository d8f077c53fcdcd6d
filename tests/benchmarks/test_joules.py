"""Joules at several lengths: who is trained in which order, and the row that comes of it."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from joules import changes
from training.contestants import Contest, Setting, Who
from training.lengths import Lengths
from training.runs import Result, run_name

# For others its kernels.py would stand for a package that transformers looks for.
sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))

from huozhong.text.corpus import prepare


class Formula(Lengths):
    """Runs whose bits follow a formula: longer is better, ours by 0.45 at any length, rates best at 2e-3 and 1e-3."""

    def train(self, who: Who, setting: Setting, tokens: int) -> Result:
        best = 2e-3 if tokens < 2_000_000 else 1e-3
        off = 0.1 * abs(math.log2(setting.rate / best)) if who == "baseline" else -0.45
        bits, name = 4 - 0.2 * math.log2(tokens) + off, run_name(who, setting, tokens, self.seed)
        said = dataclasses.asdict(setting)
        return self.keep(
            who, setting, Result(who, name, said, 1, tokens, tokens, 1, bits, 1.0, 1.0, 1.0, ((1, tokens, bits),))
        )


def test_lengths_from_runs_to_joules(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"paragraph {n} of a small text, {n * n} words " * 40 for n in range(60)))
    contest = Contest(
        corpus=prepare([text], tmp_path / "corpus", vocab_size=300),
        size="0.2m",
        folder=tmp_path,
        threads=1,
        compile=False,
        heldout_rows=4,
        evals=2,
    )
    lengths = Formula(contest, [20.0, 5.0], seed=1, changes=changes(0.5, "0.2m"))
    assert [part.share for part in lengths.ours.ramp] == [0.5]
    lengths.run()
    short, long = lengths.report(again=False)
    assert (short["tokens_per_parameter"], long["tokens_per_parameter"]) == (5.0, 20.0)
    # from 4e-3, and for the long one from 2e-3, until the best has a worse neighbour on either side
    assert [rate for rate, _ in short["rates"]] == [1e-3, 2e-3, 4e-3]
    assert [rate for rate, _ in long["rates"]] == [5e-4, 1e-3, 2e-3]
    for row in (short, long):
        # 0.45 bits at 0.2 a doubling are 2.25 doublings: the fourth rung of half ones
        assert row["baseline"]["tokens"] / row["ours"]["tokens"] == pytest.approx(4, rel=1e-3)
        assert row["ours"]["bpb"] <= row["baseline"]["bpb"]
        assert row["fewer_joules"] == pytest.approx(1 - row["ours"]["joules"] / row["baseline"]["joules"], abs=0.02)


def test_layers_may_be_awake_from_the_start() -> None:
    assert changes(0.0, "1m") == {"ramp": ()}
    assert changes(None, "1m") == {}
