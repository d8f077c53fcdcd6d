"""The release gate: what it asks, what it says, and that nothing slips through."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exam.conftest import Script

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


def sat(script: Script, *parts: str, limit: int | None = None) -> Report:
    subject = UrlSubject(script.url, concurrency=2)
    try:
        return examine(subject, parts, Setting(limit=limit))
    finally:
        subject.close()


def test_embers_thresholds_stand_just_under_what_is_shipped() -> None:
    assert set(load_gate(RECIPE)) == {
        Threshold("math23k", "correct", 0.70, False),
        Threshold("one_step", "correct", 0.99, False),
        Threshold("two_step", "correct", 0.99, False),
        Threshold("exact", "correct", 0.98, False),
        Threshold("exact", "wrong", 0.01, True),
        Threshold("poems", "form", 0.93, False),
        Threshold("poems", "rhyme", 0.76, False),
        Threshold("out_of_scope", "refused", 0.96, False),
        Threshold("out_of_scope_fresh", "refused", 0.95, False),
        Threshold("in_scope", "false_refusal", 0.02, True),
        Threshold("perplexity", "all", 4.8, True),
    }


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
