"""SmolLM2-135M-Instruct, a trained model of somebody else's: brought, shown, asked, exported, against llama.cpp."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.fetch import SMOLLM2
from tests.real.record import QUESTIONS, RECORDED, TEXT, TOKENS
from typer.testing import CliRunner

from huozhong.cli.main import build
from huozhong.engine.guides.guide import JsonSchema
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.formats.hf.export import export_hf
from huozhong.formats.ready import small_files_of
from huozhong.formats.source import open_model

GREEDY = SamplingParams(temperature=0.0, max_tokens=TOKENS)
CLOSE = 0.3  # of two logits that either program may put first
SAID = json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed")


@pytest.fixture(scope="module")
def model(cache: Path) -> Iterator[LLM]:
    with LLM(SMOLLM2, cache_dir=cache, max_context=1024, num_threads=2) as llm:
        yield llm


def asked(llm: LLM, question: str) -> list[int]:
    answer = llm.chat([{"role": "user", "content": question}], GREEDY)
    return [id for id in answer.token_ids if id != llm.tokenizer.eos_id]


def test_greedy_answers_are_llama_cpps(model: LLM) -> None:
    """As far as llama.cpp is sure: both round activations to 8 bits in ways of their own, and a small model in 4 bits
    often finds two tokens as good (the gap between their logits is recorded)."""
    compared = 0
    for question in QUESTIONS:
        said = SAID["answers"][question]
        sure = next((i for i, gap in enumerate(said["gaps"]) if gap < CLOSE), len(said["ids"]))
        assert asked(model, question)[:sure] == said["ids"][:sure], question
        compared += sure
    assert compared >= 30


def test_perplexity_is_llama_cpps(model: LLM) -> None:
    ids = model.tokenizer.encode(TEXT)
    assert ids == model.text_tokens(TEXT) == SAID["text_ids"]  # its texts begin with no token of their own
    loss = -float(model.score(ids).mean())
    assert math.exp(loss) == pytest.approx(math.exp(SAID["loss"]), rel=0.005)


def test_look_up_speculation_changes_nothing(model: LLM, cache: Path) -> None:
    text = f"Repeat this text exactly: {TEXT[:200]}"
    with LLM(SMOLLM2, cache_dir=cache, max_context=1024, num_threads=2, speculation=4) as guessing:
        assert asked(guessing, text) == asked(model, text)
        assert guessing.stats().accepted_tokens > 0


def test_int8_cache_costs_next_to_nothing(model: LLM, cache: Path) -> None:
    with LLM(SMOLLM2, cache_dir=cache, max_context=1024, num_threads=2, cache_format="q8") as small:
        ids = model.tokenizer.encode(TEXT)
        assert small.score(ids).mean() == pytest.approx(model.score(ids).mean(), rel=0.005)


def test_a_schema_holds(model: LLM) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    question = [{"role": "user", "content": "Which city is the capital of France? How many people live there? JSON."}]
    answer = model.chat(question, SamplingParams(temperature=0.0, max_tokens=64, guide=JsonSchema(schema)))
    found = json.loads(answer.text)
    assert found["city"] == "Paris"
    assert type(found["people"]) is int


def test_what_the_vocabulary_cannot_write_is_left_out(model: LLM) -> None:
    """It has no token for byte 0x04; llama.cpp leaves it out, too."""
    assert model.tokenizer.decode(model.tokenizer.encode("a\x04b")) == "ab"


def test_brought_shown_exported_and_brought_back(
    model: LLM, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "models"))
    runner = CliRunner()
    brought = runner.invoke(build(), ["import", str(SMOLLM2), "--link", "--name", "smollm2"])
    assert brought.exit_code == 0, brought.output
    shown = runner.invoke(build(), ["show", "smollm2"], env={"COLUMNS": "200"})
    assert "llama, GQA" in shown.output
    assert "cannot be used" not in shown.output
    source = open_model(SMOLLM2)
    export_hf(source, tmp_path / "hf", small_files=small_files_of(source))
    back = runner.invoke(build(), ["import", str(tmp_path / "hf"), "--link", "--name", "again"])
    assert back.exit_code == 0, back.output
    with LLM("again", cache_dir=cache, max_context=512, num_threads=2) as again:
        assert again.tokenizer.encode(TEXT) == SAID["text_ids"]
        ids = SAID["text_ids"]  # weights went through bfloat16 and 8 bits, so that the numbers are near, not equal
        assert again.score(ids).mean() == pytest.approx(model.score(ids).mean(), rel=0.01)
