"""The release gate: what it asks, what it says, and that nothing slips through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from tests.exam.conftest import Script
from typer.testing import CliRunner

from huozhong.cli import eval as command
from huozhong.errors import ConfigError
from huozhong.exam.gate import Threshold, load_gate
from huozhong.exam.parts import Setting
from huozhong.exam.report import Report
from huozhong.exam.run import examine
from huozhong.exam.subject import UrlSubject

RECIPE = Path(__file__).parents[2] / "recipes" / "ember" / "gate.toml"


def gate_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_embers_thresholds_stand_just_under_what_is_shipped() -> None:
    assert set(load_gate(RECIPE)) == {
        Threshold("math23k", "correct", 0.70, False),
        Threshold("one_step", "correct", 0.97, False),
        Threshold("two_step", "correct", 0.96, False),
        Threshold("poems", "form", 0.95, False),
        Threshold("poems", "rhyme", 0.80, False),
        Threshold("out_of_scope", "refused", 0.96, False),
        Threshold("in_scope", "false_refusal", 0.01, True),
        Threshold("perplexity", "all", 4.0, True),
    }


def sat(script: Script, *parts: str, limit: int | None = None) -> Report:
    subject = UrlSubject(script.url, concurrency=2)
    try:
        return examine(subject, parts, Setting(limit=limit))
    finally:
        subject.close()


def test_verdicts(script: Script) -> None:
    """This server declines everything: all out-of-scope questions rightly, all in-scope ones by mistake."""
    report = sat(script, "out_of_scope", "in_scope")
    gate = (
        Threshold("out_of_scope", "refused", 1.0, False),
        Threshold("in_scope", "false_refusal", 0.03, True),
        Threshold("two_step", "correct", 0.0, False),
        Threshold("perplexity", "all", 64.0, True),
    )
    assert [(v.found, v.reached) for v in report.judged(gate).gate or ()] == [
        (1.0, True),
        (1.0, False),
        (None, False),
        (None, False),
    ]


def test_a_sample_is_not_the_exam(script: Script) -> None:
    report = sat(script, "out_of_scope", limit=2)
    (verdict,) = report.judged([Threshold("out_of_scope", "refused", 0.5, False)]).gate or ()
    assert verdict.found is None
    assert not verdict.reached


@pytest.mark.parametrize(("text", "message"), [
    ("[data]\n", "has no [gate] section"),
    ("[gate]\nmaths = { correct = 0.5 }", "no part 'maths'; known parts: math23k"),
    ("[gate]\nmath23k = 0.5", "math23k must be a table"), ("[gate]\nmath23k = { right = 0.5 }", "no score 'right'"),
    ("[gate]\nmath23k = { correct = 50 }", "math23k.correct is 50; give a number from 0 to 1"),
    ("[gate]\nmath23k = { correct = true }", "is True"), ("[gate", "not valid TOML"),
])  # fmt: skip
def test_nonsense_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_gate(gate_file(tmp_path / "gate.toml", text))
    assert message in str(caught.value)


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
