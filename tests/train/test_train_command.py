"""`huozhong train ...` as a user types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from huozhong.cli import train
from huozhong.errors import ConfigError


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    train.register(app)
    app.command("other")(lambda: None)  # with a single command typer would leave out its name
    return app


def test_pretrain_runs_a_recipe(app: typer.Typer, recipe_file: Callable[[str], Path], corpus: Path) -> None:
    result = CliRunner().invoke(app, ["train", "pretrain", str(recipe_file("")), "--fresh"])
    assert result.exception is None
    assert "Done" in result.output
    assert (corpus / "out" / "model" / "model.safetensors").exists()


def test_unknown_options_are_refused(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["train", "sft", "recipe.toml", "--quick"])
    assert result.exit_code == 2
    assert "--quick" in result.output


def test_contradiction_is_named(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["train", "pretrain", "recipe.toml", "--resume", "--fresh"])
    assert isinstance(result.exception, ConfigError)
    assert "contradict" in str(result.exception)


def test_missing_recipe_is_named(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["train", "pretrain", "nowhere.toml"])
    assert isinstance(result.exception, ConfigError)
    assert "nowhere.toml" in str(result.exception)
