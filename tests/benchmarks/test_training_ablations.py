"""The ablations: every variant is another run than the recipe, and a small set of them goes from text to costs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from tests.benchmarks.test_training_cost import never, some_contest, words

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import training_ablations
from training.contestants import SIZES, ours
from training.runs import run_name
from training.speeds import key

from huozhong.text.corpus import prepare

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


def test_every_variant_is_another_run_that_a_recipe_can_say(tmp_path: Path) -> None:
    contest = some_contest(tmp_path)
    names, runs = [], {run_name("ours", ours("1m"), 300_000, 1)}
    for name, setting in training_ablations.variants("1m"):
        recipe = contest.recipe("ours", setting, tokens=300_000, seed=1, name="x")
        assert contest.our_config(recipe).num_hidden_layers == SIZES["1m"].layers, name
        names.append(name)
        runs.add(run_name("ours", setting, 300_000, 1))
    assert len(set(names)) == len(names) == len(runs) - 1


def test_steps_of_other_models_have_times_of_their_own(tmp_path: Path) -> None:
    contest = some_contest(tmp_path)
    settings = dict(training_ablations.variants("1m"))
    wanted = ("8 experts, 2 active, 1 shared, as wide together", "a prediction module (MTP, 0.3)")
    recipes = [
        contest.recipe("ours", setting, tokens=300_000, seed=1, name="x")
        for setting in (ours("1m"), *(settings[name] for name in wanted))
    ]
    assert len({key("ours", recipe, recipe.stretches[-1]) for recipe in recipes}) == 3


@pytest.mark.slow
def test_from_text_to_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text(words(6000))
    corpus = prepare([tmp_path / "a.txt"], tmp_path / "corpus", vocab_size=400, megabytes_per_file=1)
    tiny = dataclasses.replace(SIZES["1m"], width=32, layers=2, ours=SIZES["1m"].ours | {"intermediate_size": 72})
    monkeypatch.setitem(SIZES, "tiny", tiny)
    contest = some_contest(tmp_path / "runs", size="tiny", corpus=corpus)
    contest.folder.mkdir()
    listed = list(training_ablations.variants("tiny"))
    experts = [pair for pair in listed if "experts" in pair[0]]
    changed = [listed[0], *experts]
    said = training_ablations.ablate(contest, 8 * 4096, changed)
    rows = {row["variant"]: row for row in said["rows"]}
    assert rows["ours"]["cost"] == 1
    assert rows["ours, less"]["seconds"] < rows["ours"]["seconds"] < rows["ours, more"]["seconds"]
    assert all(row["bpb"] > 0 and row["cost"] > 0 for row in rows.values())
    assert len(experts) == 2
    for name, _ in experts:
        assert 1 <= rows[name]["max_load"] <= 8
        assert 1 <= rows[name]["window_max_load"] <= 8
    assert "max_load" not in rows["ours"]
    monkeypatch.setattr("training.runs.train", never)  # finished runs are read, not repeated
    assert training_ablations.ablate(contest, 8 * 4096, changed)["rows"] == said["rows"]
