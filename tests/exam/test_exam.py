"""The whole exam against a scripted server: scores, report, failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from huozhong.errors import ConfigError, ExamError
from huozhong.exam.parts import Setting, choose
from huozhong.exam.report import Item, Report
from huozhong.exam.run import examine
from huozhong.exam.subject import Asking, UrlSubject, base_url, is_url
from huozhong.verify.arithmetic import parse_number

if TYPE_CHECKING:
    from conftest import Script

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"


def _subject(script: Script, **options: object) -> UrlSubject:
    return UrlSubject(script.url, patience=0.01, **options)  # type: ignore[arg-type]


def _run(script: Script, only: str, **setting: object) -> Report:
    subject = _subject(script)
    try:
        return examine(subject, choose(only), Setting(**setting))  # type: ignore[arg-type]
    finally:
        subject.close()


def test_arithmetic_is_marked_exactly(script: Script) -> None:
    script.reply = script.solve
    report = _run(script, "arithmetic")
    assert report.complete
    for part in report.parts:
        whole = [item for item in part.items if parse_number(item.gold).denominator == 1]  # type: ignore[union-attr]
        correct = next(score for score in part.scores if score.name == "correct")
        assert (correct.count, correct.of) == (len(whole), part.asked)
        assert 0 < correct.count < part.asked
    assert [part.asked for part in report.parts] == [100, 300]
    assert report.bill is None
    assert report.tokens_per_second is not None
    assert all(body["temperature"] == 0 and body["max_tokens"] == 2048 for body in script.received)
    assert all("thinking" not in body for body in script.received)


def test_refusals_count_both_ways(script: Script) -> None:
    report = _run(script, "refusal")
    assert report.share("out_of_scope", "refused") == 1.0
    assert report.share("in_scope", "false_refusal") == 1.0
    script.reply = lambda question: "答案：3"
    report = _run(script, "refusal", limit=10)
    assert report.share("out_of_scope", "refused") == 0.0
    assert report.share("in_scope", "false_refusal") == 0.0
    assert report.share("in_scope", "nothing") is None


def test_poems_are_judged_by_form_and_rhyme(script: Script) -> None:
    script.reply = lambda question: f"《题》\n\n{POEM}"
    report = _run(script, "poems")
    part = report.parts[0]
    assert [(score.name, score.count, score.of) for score in part.scores] == [
        ("form", 30, 120),
        ("rhyme", 60, 120),
        ("both", 30, 120),
    ]
    assert {body["seed"] for body in script.received} == set(range(1, 121))


def test_what_cannot_be_measured_says_why(script: Script) -> None:
    report = _run(script, "math23k,perplexity")
    assert [part.note for part in report.parts] == [
        "needs --data FOLDER with math23k/math23k.jsonl.xz",
        "only a local model's probabilities can be read",
    ]
    assert script.received == []


def test_limit_draws_the_same_questions_again(script: Script) -> None:
    first, second = _run(script, "two_step", limit=5), _run(script, "two_step", limit=5)
    other = _run(script, "two_step", limit=5, seed=1)
    assert [i.id for i in first.parts[0].items] == [i.id for i in second.parts[0].items]
    assert [i.question for i in first.parts[0].items] != [i.question for i in other.parts[0].items]


def test_passing_failures_are_tried_again(script: Script) -> None:
    script.failures = [503, 429]
    report = _run(script, "poems", limit=1)
    assert report.complete
    assert len(script.received) == 3


def test_lasting_failures_end_the_exam_and_keep_what_was_done(script: Script) -> None:
    answered: list[str] = []

    def reply(question: str) -> str:
        answered.append(question)
        if len(answered) == 5:
            script.failures = [400] * 50
        return POEM

    script.reply = reply
    subject = _subject(script, concurrency=1)
    report = examine(subject, choose("poems,out_of_scope"), Setting())
    subject.close()
    assert not report.complete
    assert "400: scripted failure 400" in str(report.stopped_by)
    assert [len(part.items) for part in report.parts] == [5]
    assert report.parts[0].asked == 120


def test_ctrl_c_keeps_what_was_answered(script: Script) -> None:
    kept: list[Item] = []

    def on_item(item: Item) -> None:
        kept.append(item)
        if len(kept) == 3:
            raise KeyboardInterrupt

    subject = _subject(script)
    report = examine(subject, choose("poems,refusal"), Setting(), on_item=on_item)
    subject.close()
    assert report.stopped_by == "interrupted"
    assert len(report.parts) == 1
    assert sorted(item.id for item in report.parts[0].items) == sorted(item.id for item in kept)


def test_unreachable_server_is_one_sentence() -> None:
    with pytest.raises(ExamError, match=r"127\.0\.0\.1:9/v1/models cannot be reached .*tried 2 times"):
        UrlSubject("http://127.0.0.1:9", tries=2, patience=0.0)


def test_several_models_must_be_told_apart(script: Script) -> None:
    script.models = ["a", "b"]
    with pytest.raises(ConfigError, match=r"serves 2 models \(a, b\).*--model"):
        _subject(script)
    subject = _subject(script, model="b")
    assert subject.name == "b"
    subject.close()


def test_a_reply_that_is_no_completion_is_one_sentence(script: Script) -> None:
    script.raw = {"choices": []}
    report = _run(script, "poems", limit=1)
    assert "no chat completion" in str(report.stopped_by)


def test_key_and_thinking_are_sent(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_API_KEY", "from-environment")
    for key, expected in ((None, "Bearer from-environment"), ("given", "Bearer given")):
        subject = _subject(script, api_key=key)
        subject.answer("1+1", Asking(thinking=False, max_tokens=5), temperature=0.5, seed=3)
        subject.close()
        assert script.keys[-1] == expected
    sent = script.received[-1]
    assert sent["thinking"] == {"type": "disabled"}
    assert (sent["temperature"], sent["seed"], sent["max_tokens"]) == (0.5, 3, 5)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/api/v3", "https://host/api/v3"),
    ],
)
def test_base_url(url: str, base: str) -> None:
    assert is_url(url)
    assert base_url(url) == base


def test_bad_urls_and_limits() -> None:
    assert not is_url("ember")
    with pytest.raises(ConfigError, match="not a URL"):
        base_url("http://")
    with pytest.raises(ConfigError, match="max_tokens is 0"):
        Asking(max_tokens=0)


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


def test_the_command(script: Script, tmp_path: Path) -> None:
    import typer

    from huozhong.cli import eval as command

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
        (["--concurrency", "0"], "--concurrency is 0"),
        (["--only", "chess"], "'chess' is not a part"),
        (["--limit", "0"], "limit is 0"),
    ],
)
def test_the_command_refuses_impossible_options(script: Script, arguments: list[str], message: str) -> None:
    import typer

    from huozhong.cli import eval as command

    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, [script.url, *arguments])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
