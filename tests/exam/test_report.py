"""The report as a file and as a table."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from tests.exam.conftest import Script

from huozhong.exam.parts import Setting, choose
from huozhong.exam.report import Report
from huozhong.exam.run import examine
from huozhong.exam.subject import UrlSubject


def _subject(script: Script, **options: object) -> UrlSubject:
    return UrlSubject(script.url, patience=0.01, **options)  # type: ignore[arg-type]


def _run(script: Script, only: str, **setting: object) -> Report:
    subject = _subject(script)
    try:
        return examine(subject, choose(only), Setting(**setting))  # type: ignore[arg-type]
    finally:
        subject.close()


def test_report_file_and_table(script: Script, tmp_path: Path) -> None:
    script.reply = script.solve
    report = _run(script, "two_step,in_scope,perplexity", limit=8)
    answers = report.write(tmp_path / "r.json")
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert data["complete"] is True
    assert data["model"] == "scripted"
    assert list(data["parts"]) == ["two_step", "in_scope", "perplexity"]
    two = data["parts"]["two_step"]
    assert two["asked"] == two["answered"] == 8
    assert two["scores"]["correct"]["share"] == report.share("two_step", "correct")
    assert data["parts"]["perplexity"]["note"]
    lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 16
    assert {"part", "id", "question", "gold", "text", "reasoning", "marks"} <= set(lines[0])
    for lang, word in (("zh", "答案正确"), ("en", "right answer")):
        console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(report.table(lang))  # type: ignore[arg-type]
        text = console.export_text()
        console.file.close()
        assert word in text
        assert "8 = " in text
        assert "n/a" in text
        assert "tokens/s" in report.footer("en")
