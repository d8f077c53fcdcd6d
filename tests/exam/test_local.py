"""The exam of a local model: a tiny random one, asked through the real engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from huozhong.engine.llm import LLM
from huozhong.errors import DataError
from huozhong.exam.parts import Setting, choose
from huozhong.exam.run import examine
from huozhong.exam.subject import Asking, LocalSubject


@pytest.fixture(scope="module")
def subject(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSubject]:
    llm = LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=tmp_path_factory.mktemp("cache"))
    local = LocalSubject(llm, quantization="none", concurrency=4)
    yield local
    local.close()


def test_every_part_is_sat(subject: LocalSubject, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("春眠不觉晓，处处闻啼鸟。", encoding="utf-8")
    report = examine(subject, choose(None), Setting(limit=2, text=text), Asking(max_tokens=6))
    assert report.complete, report.stopped_by
    assert report.model == "tiny"
    assert report.kind == "local"
    assert report.as_dict()["setting"]["quantization"] == "none"
    answered = [part for part in report.parts if part.items]
    assert [part.name for part in answered] == ["one_step", "two_step", "poems", "out_of_scope", "in_scope"]
    items = [item for part in answered for item in part.items]
    assert all(item.completion_tokens <= 6 and item.error is None for item in items)
    assert sum(item.finish_reason == "length" for item in items) == report_cut_off(report.as_dict())
    assert report.bill is not None
    assert report.bill.tokens >= sum(item.prompt_tokens + item.completion_tokens for item in items)
    again = examine(subject, choose("poems"), Setting(limit=2), Asking(max_tokens=6))
    assert [i.text for i in again.parts[0].items] == [
        i.text for part in answered if part.name == "poems" for i in part.items
    ]


def report_cut_off(data: dict) -> int:  # type: ignore[type-arg]
    return sum(part["cut_off"] for part in data["parts"].values())


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
