"""`huozhong eval`: the exam as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from tests.exam.conftest import Script
from typer.testing import CliRunner

from huozhong.cli import eval as command
from huozhong.errors import ConfigError


def test_the_command(script: Script, tmp_path: Path) -> None:

    app = typer.Typer()
    command.register(app)
    script.reply = script.solve
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, [script.url, "--only", "one_step", "--limit", "3", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "3 = " in result.output
    assert json.loads(out.read_text(encoding="utf-8"))["parts"]["one_step"]["answered"] == 3
    assert len((tmp_path / "out.answers.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quantization", "q8"], "--quantization is for a local model"),
        (["--without-acts"], "--without-acts is for a local model"),
        (["--concurrency", "0"], "--concurrency is 0"),
        (["--only", "chess"], "'chess' is not a part"),
        (["--limit", "0"], "limit is 0"),
    ],
)
def test_the_command_refuses_impossible_options(script: Script, arguments: list[str], message: str) -> None:

    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, [script.url, *arguments])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def gate_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def run(script: Script, *words: str) -> tuple[int, str]:
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, [script.url, *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_command_says_what_fell_short(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    out = tmp_path / "out.json"
    text = "[gate]\nout_of_scope = { refused = 0.9 }\nin_scope = { false_refusal = 0.03 }"
    gate = gate_file(tmp_path / "gate.toml", text)
    only = ("--only", "refusal", "--out", str(out), "--gate", str(gate))
    status, output = run(script, *only)
    assert status == 1
    assert "FELL SHORT" in output
    assert "1 of 2 demands fell short." in output
    reached = {f"{v['part']}.{v['score']}": v["reached"] for v in json.loads(out.read_text())["gate"]}
    assert reached == {"out_of_scope.refused": True, "in_scope.false_refusal": False}
    gate_file(gate, "[gate]\nout_of_scope = { refused = 0.9 }")
    status, output = run(script, *only)
    assert (status, "All demands are reached." in output) == (0, True)
    with pytest.raises(ConfigError, match="leave --limit out"):
        run(script, *only, "--limit", "3")
