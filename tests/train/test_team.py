"""Two processes on the CPU train as one does: the same losses, and a checkpoint that goes on with either number."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.train.conftest import MODEL, MOE, REST

from huozhong.errors import ConfigError
from huozhong.model.source import open_model
from huozhong.train.loop import train
from huozhong.train.recipe import parse_recipe
from huozhong.train.state import MetricsFile
from huozhong.train.team import Team, join_team


def together(recipe: Path, count: int) -> list[str]:
    """Run `huozhong train pretrain` in `count` processes, as torchrun would; what each said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = []
    for rank in range(count):
        env = os.environ | {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        words = [sys.executable, "-m", "huozhong.cli.main", "train", "pretrain", str(recipe)]
        running.append(
            subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count, said
    return said


def written(corpus: Path, out: str) -> tuple[Path, dict[str, Any]]:
    """A recipe with experts and a prediction module, on its way to `out`."""
    text = MODEL.replace("first_k_dense_replace = 2", "first_k_dense_replace = 1") + MOE + REST.format(folder=corpus)
    text = text.replace(f'out = "{corpus}/out"', f'out = "{corpus / out}"\nprecision = "float32"\nkeep = 9')
    path = corpus / f"{out}.toml"
    path.write_text(text)
    return path, tomllib.loads(text)


def losses(corpus: Path, out: str) -> list[float]:
    records = MetricsFile(corpus / out).read()
    assert [record["step"] for record in records] == list(range(1, 13))
    return [value for r in records for value in (r["loss"], r["mtp_loss"], r["max_load"], r["grad_norm"])]


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
