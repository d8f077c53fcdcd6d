"""Rounds as arithmetic: members in threads, so that many settings can be looked at in a few seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from huozhong.train.recipe import load_recipe

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from benchlib.meeting import alone, meet

sys.path.remove(str(Path(__file__).parents[3] / "benchmarks"))

from tests.train.parallel.rounds import team_recipe

DENSE = "[team]\nlocal_steps = 1\nkeep = 1.0\nbits = 32\n"


def test_one_member_that_sends_everything_is_nobody_else(corpus: Path) -> None:
    """Weights go out as differences on a grid and come back to the bit."""
    recipe = load_recipe(team_recipe(corpus, "out", team=DENSE), "pretrain")
    bits, sent = meet(recipe, 1)
    assert bits == pytest.approx(alone(recipe), rel=1e-3)
    assert sent == pytest.approx(32 * 12, rel=0.2)


def test_members_learn_together_with_few_bytes(corpus: Path) -> None:
    many = [("total_steps = 12", "total_steps = 60"), ("muon_lr = 0.01", "muon_lr = 0.02")]
    recipe = load_recipe(team_recipe(corpus, "few", *many), "pretrain")
    few, sent = meet(recipe, 4)
    everything = load_recipe(team_recipe(corpus, "all", *many, team=DENSE), "pretrain")
    assert few < 1.1 * meet(everything, 4)[0]
    assert sent < 32 * 60 / 20
