"""`huozhong train draft` as people type it, and its drafter in `run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from huozhong.cli import train
from huozhong.cli.main import build
from huozhong.errors import ConfigError


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")


def draft(*words: str) -> Result:
    app = typer.Typer()
    train.register(app)
    app.command("other")(lambda: None)  # with a single command typer would leave out its name
    return CliRunner().invoke(app, ["train", "draft", *words, "--threads", "1"])


def data(path: Path) -> Path:
    rows = [{"question": f"{i} + {i + 1} = ?"} for i in range(120)] + [{"text": "春眠不觉晓，处处闻啼鸟。" * 3}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_from_questions_to_quicker_answers_that_are_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    words = [str(tiny_folder), "--data", str(data(tmp_path / "q.jsonl")), "--tokens", "4k", "--answer", "24"]
    planned = draft(*words, "--plan")
    assert planned.exception is None, planned.output
    assert "asking and reading" in planned.output
    assert not (tmp_path / "runs").exists()
    done = draft(*words, "--epochs", "1")
    assert done.exception is None, done.output
    folder = Path("runs/tiny-draft/drafter")
    assert f"--draft {folder}" in done.output
    assert json.loads((folder / "config.json").read_text())["base_name"] == "tiny"
    asked = ["run", str(tiny_folder), "1 + 2 = ?", "-o", "temperature=0", "-o", "max_tokens=12", "--no-save", "--json"]
    texts = []
    for more in ([], ["--draft", str(folder)]):
        said = CliRunner().invoke(build(), [*asked, *more])
        assert said.exception is None, said.output
        texts.append(json.loads(said.output)["content"])
    assert texts[0] == texts[1]


def test_what_is_missing_is_said(tiny_folder: Path, tmp_path: Path) -> None:
    assert "give --data FILE" in str(draft(str(tiny_folder)).exception)
    long = draft(str(tiny_folder), "--data", str(data(tmp_path / "q.jsonl")), "--answer", "250")
    assert isinstance(long.exception, ConfigError)
    assert "--answer 250 is too long" in str(long.exception)
    elsewhere = CliRunner().invoke(build(), ["run", "m", "hello", "--url", "http://127.0.0.1:9", "--draft", "x"])
    assert "--draft is for a model on this machine" in str(elsewhere.exception or elsewhere.output)
