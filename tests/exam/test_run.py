"""Sitting the exam: what is asked, how it is marked, and that a stopped one keeps what was answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exam.conftest import Script

from huozhong.engine.llm import LLM
from huozhong.exam.parts import Setting, choose
from huozhong.exam.report import Item, Report
from huozhong.exam.run import examine
from huozhong.exam.subject import Asking, LocalSubject, UrlSubject
from huozhong.verify.arithmetic import parse_number

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
    assert [len(part.items) for part in report.parts] == [5 + 4]  # four refused ones before it was the server's fault
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


@pytest.fixture(scope="module")
def subject(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSubject]:
    llm = LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=tmp_path_factory.mktemp("cache"))
    local = LocalSubject(llm, quantization="none", concurrency=4)
    yield local
    local.close()


def report_cut_off(data: dict) -> int:  # type: ignore[type-arg]
    return sum(part["cut_off"] for part in data["parts"].values())


def test_every_part_is_sat(subject: LocalSubject, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("春眠不觉晓，处处闻啼鸟。", encoding="utf-8")
    report = examine(subject, choose(None), Setting(limit=2, text=text), Asking(max_tokens=6))
    assert report.complete, report.stopped_by
    assert report.model == "tiny"
    assert report.kind == "local"
    assert report.as_dict()["setting"]["quantization"] == "none"
    answered = [part for part in report.parts if part.items]
    assert [part.name for part in answered] == [
        "one_step",
        "two_step",
        "exact",
        "poems",
        "out_of_scope",
        "out_of_scope_fresh",
        "in_scope",
    ]
    items = [item for part in answered for item in part.items]
    assert all(item.completion_tokens <= 6 and item.error is None for item in items)
    assert sum(item.finish_reason == "length" for item in items) == report_cut_off(report.as_dict())
    assert report.bill is not None
    assert report.bill.tokens >= sum(item.prompt_tokens + item.completion_tokens for item in items)
    again = examine(subject, choose("poems"), Setting(limit=2), Asking(max_tokens=6))
    assert [i.text for i in again.parts[0].items] == [
        i.text for part in answered if part.name == "poems" for i in part.items
    ]
