"""Two processes on the CPU train as one does: the same losses, and a checkpoint that goes on with either number."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.console import Console
from tests.train.parallel.processes import losses, together, written

from huozhong.errors import ConfigError
from huozhong.formats.source import open_model
from huozhong.train.parallel.join import join_team
from huozhong.train.parallel.team import Team
from huozhong.train.recipe import parse_recipe
from huozhong.train.stages.pretrain import train


@pytest.mark.slow
def test_two_processes_are_as_one(corpus: Path, console: Console) -> None:
    _, raw = written(corpus, "one")
    train(parse_recipe(raw, "pretrain"), console=console)
    recipe, _ = written(corpus, "two")
    leader, follower = together(recipe, 2)
    assert "Done" in leader
    assert "Done" not in follower
    assert losses(corpus, "two") == pytest.approx(losses(corpus, "one"), rel=2e-4)
    one, two = open_model(corpus / "one" / "model"), open_model(corpus / "two" / "model")
    for name in one.names():
        assert two.tensor(name) == pytest.approx(one.tensor(name), abs=5e-3), name

    # one process began; two go on from its checkpoint of step 4, and the other way round
    for begun, recipe_of in (("one", "later"), ("two", "alone")):
        recipe, raw = written(corpus, recipe_of)
        shutil.copytree(corpus / begun, corpus / recipe_of)
        for step in ("00000008", "00000012"):
            shutil.rmtree(corpus / recipe_of / "checkpoints" / f"step-{step}")
        if recipe_of == "later":
            assert "checkpoint of step 4" in together(recipe, 2)[0]
        else:
            train(parse_recipe(raw, "pretrain"), console=console)
        assert losses(corpus, recipe_of) == pytest.approx(losses(corpus, "one"), rel=2e-4)


def test_alone_nothing_is_shared() -> None:
    with join_team() as team:
        assert (team.leads, team.size) == (True, 1)
        assert team.share([1, 2, 3]) == [1, 2, 3]
        assert not team.any(False)
    assert [Team(rank, 2).share([1, 2, 3]) for rank in (0, 1)] == [[1, 3], [2]]


def test_processes_that_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="do not meet"), join_team():
        pass
