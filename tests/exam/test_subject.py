"""Who is examined: a server at a URL, or a model on this machine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.responses import HTMLResponse, JSONResponse, Response
from tests.exam.conftest import Script

from huozhong.engine.llm import LLM
from huozhong.errors import ConfigError, DataError, ExamError
from huozhong.exam.parts import Setting, choose
from huozhong.exam.report import Report
from huozhong.exam.run import examine
from huozhong.exam.subject import Asking, LocalSubject, UrlSubject, base_url, is_url, open_local
from huozhong.verify.arithmetic import same_answer


def _subject(script: Script, **options: object) -> UrlSubject:
    return UrlSubject(script.url, patience=0.01, **options)  # type: ignore[arg-type]


def _run(script: Script, only: str, **setting: object) -> Report:
    subject = _subject(script)
    try:
        return examine(subject, choose(only), Setting(**setting))  # type: ignore[arg-type]
    finally:
        subject.close()


def test_passing_failures_are_tried_again(script: Script) -> None:
    script.failures = [503, 429]
    report = _run(script, "poems", limit=1)
    assert report.complete
    assert len(script.received) == 3


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


@pytest.mark.parametrize(("raw", "words"), [
    ({"choices": []}, "no chat completion"), ({"choices": [{"message": {"content": 3}}]}, "no chat completion"),
    (HTMLResponse("<html>busy</html>"), "is not JSON"),
    (JSONResponse({"error": "x"}, status_code=400), "answers 400: x"),
])  # fmt: skip
def test_a_server_that_answers_nothing_is_one_sentence(raw: object, words: str, script: Script) -> None:
    script.raw = raw
    subject = _subject(script, forgives=2, tries=2)
    said = [subject.answer("1+1", Asking(), temperature=0.0, seed=1) for _ in range(2)]
    with pytest.raises(ExamError, match="3 questions in a row failed") as caught:
        subject.answer("1+1", Asking(), temperature=0.0, seed=1)
    subject.close()
    assert words in str(caught.value)
    assert all(words in str(answer.error) for answer in said)


@pytest.mark.parametrize("bad", [HTMLResponse("busy"), JSONResponse({}, status_code=422), JSONResponse({"choices": 1})])
def test_one_bad_reply_is_that_questions_error_only(bad: Response, script: Script) -> None:
    good = {"choices": [{"message": {"content": "好"}}]}
    script.raw = lambda question: bad if question == "bad" else good
    subject = _subject(script, forgives=1, tries=2)
    for _ in range(3):
        assert subject.answer("bad", Asking(), temperature=0.0, seed=1).error
        assert subject.answer("good", Asking(), temperature=0.0, seed=1).text == "好"
    subject.close()


@pytest.mark.parametrize(("content", "text"), [
    ([{"type": "text", "text": "甲"}, {"type": "text", "text": "乙"}], "甲乙"), (None, ""), ("甲\ud83d", "甲?"),
])  # fmt: skip
def test_an_answer_in_an_odd_form_is_read(content: object, text: str, script: Script) -> None:
    message = {"content": content, "reasoning": None}
    data = json.dumps({"choices": [{"message": message, "finish_reason": ["stop"]}], "usage": {"prompt_tokens": None}})
    script.raw = Response(data, media_type="application/json")
    subject = _subject(script)
    answer = subject.answer("1+1", Asking(), temperature=0.0, seed=1)
    subject.close()
    assert (answer.text, answer.reasoning, answer.finish_reason, answer.error) == (text, "", None, None)


def test_a_question_that_is_refused_does_not_end_the_exam(script: Script) -> None:
    script.failures = [400]
    report = _run(script, "poems", limit=3)
    assert report.complete
    assert len(script.received) == 3


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


@pytest.fixture(scope="module")
def subject(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSubject]:
    llm = LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=tmp_path_factory.mktemp("cache"))
    local = LocalSubject(llm, quantization="none", concurrency=4)
    yield local
    local.close()


def test_bits_per_byte_agree_with_torch(subject: LocalSubject, tiny_model, tokenizer) -> None:  # type: ignore[no-untyped-def]
    import torch

    text = "白日依山尽，黄河入海流。" * 6
    ids = tokenizer.encode(text)
    subject.window = 40  # several windows, each after its own begin-of-text token
    nats = 0.0
    for start in range(0, len(ids), 39):
        piece = [tokenizer.bos_id, *ids[start : start + 39]]
        with torch.no_grad():
            logits = tiny_model.logits(tiny_model(torch.tensor([piece])))[0]
        chosen = torch.log_softmax(logits[:-1].double(), -1)
        nats -= chosen[range(len(piece) - 1), piece[1:]].sum().item()
    assert subject.negative_log_likelihood(text) == pytest.approx(nats, rel=1e-4)
    assert nats / math.log(2) / len(text.encode()) > 0.5
    del subject.window


def test_a_question_that_does_not_fit_is_an_error_of_that_question_only(subject: LocalSubject) -> None:
    answer = subject.answer("很长" * 400, Asking(max_tokens=5), temperature=0.0, seed=0)
    assert answer.text == ""
    assert "256" in str(answer.error)
    assert subject.answer("短", Asking(max_tokens=5), temperature=0.0, seed=0).error is None


def test_an_empty_text_has_no_perplexity(subject: LocalSubject, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match="is empty"):
        examine(subject, choose("perplexity"), Setting(text=tmp_path / "empty.txt"))


def test_what_code_does_can_be_left_to_the_model() -> None:
    question = "学校买来 6 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"
    said = {}
    for acts in (True, False):
        subject = open_local("ember", acts=acts)
        try:
            said[acts] = subject.answer(question, Asking(), temperature=0, seed=0)
        finally:
            subject.close()
    assert all(same_answer(answer.text, "94") for answer in said.values())
    assert "94盒" in said[True].text
    assert "94盒" not in said[False].text
