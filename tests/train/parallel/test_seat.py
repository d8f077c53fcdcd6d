"""What people type to train together."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from huozhong.cli import train as commands
from huozhong.errors import ConfigError
from huozhong.train.parallel.seat import Seat, read_address, read_key, read_members, read_name, seated
from huozhong.train.parallel.settings import TeamRecipe
from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import train


def test_what_is_read() -> None:
    assert read_members("3") == 3
    assert read_members("school1, teacher@10.0.0.2") == ("school1", "teacher@10.0.0.2")
    assert read_address("10.0.0.1:29400") == ("10.0.0.1", 29400)
    assert read_address("[fe80::1]:29400") == ("fe80::1", 29400)
    assert read_name("学校-2") == "学校-2"
    assert read_name(None)


@pytest.mark.parametrize("said", ["", "a,,b", "-oProxyCommand=x", "a b", "a,\n"])
def test_what_is_no_list_of_hosts(said: str) -> None:
    with pytest.raises(ConfigError, match="no list of hosts"):
        read_members(said)


@pytest.mark.parametrize("said", ["", "host", "host:", ":1", "host:0", "host:70000", "host:x"])
def test_what_is_no_address(said: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        read_address(said)


@pytest.mark.parametrize("said", ["../up", ".", "a/b", "x" * 61, "a b"])
def test_what_is_no_name(said: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        read_name(said)


def test_keys_that_could_be_guessed() -> None:
    with pytest.raises(ConfigError, match="needs 16"):
        read_key("village")


def test_torchrun_is_another_way(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ConfigError, match="not for torchrun"),
        seated(TeamRecipe(), 10, Seat(), console, threading.Event()),
    ):
        pass


def test_a_recipe_without_a_team_has_no_seats(recipe: Recipe, console: Console) -> None:
    with pytest.raises(ConfigError, match=r"section \[team\]"):
        train(recipe, console=console, seat=Seat(members=1))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--with", "2", "--join", "a:1"], "exclude each other"),
        (["--name", "x"], "--name goes with --join"),
        (["--port", "2000"], "--port goes with --with"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, words: list[str], complaint: str) -> None:
    app = typer.Typer()
    commands.register(app)
    app.command("other")(lambda: None)  # with a single command typer would leave out its name
    result = CliRunner().invoke(app, ["train", "pretrain", str(tmp_path / "x.toml"), *words])
    assert result.exit_code != 0
    assert complaint in f"{result.output}{result.exception}"
