"""The built-in model as it is shipped: small enough, whole, and doing what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from huozhong import LLM, SamplingParams
from huozhong.engine.llm import resolve_model
from huozhong.formats.checkpoint import read_config
from huozhong.model.footprint import num_parameters
from huozhong.verify.arithmetic import check_steps, same_answer
from huozhong.verify.poem import extract_poem, matches_form
from huozhong.verify.refusal import is_refusal

GREEDY = SamplingParams(temperature=0, max_tokens=200)
PROBLEM = "学校买来 6 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"


@pytest.fixture(scope="module")
def folder() -> Path:
    return resolve_model("ember")


@pytest.fixture(scope="module")
def ember(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    with LLM(folder, cache_dir=tmp_path_factory.mktemp("packed")) as llm:
        yield llm


def ask(llm: LLM, question: str) -> tuple[str, str]:
    answer = llm.chat([{"role": "user", "content": question}], GREEDY)
    assert answer.finish_reason == "stop"
    return answer.reasoning, answer.text


def test_it_is_small(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 16e6
    assert num_parameters(read_config(folder)) <= 15e6
    assert (folder / "model_card.md").is_file()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (PROBLEM, "94"),
        ("小明有3个苹果，又买了5个，一共几个？", "8"),
        ("计算：36×4-58", "86"),
        ("What is 12 + 30?", "42"),
    ],
)
def test_it_works_problems_out_step_by_step(ember: LLM, question: str, answer: str) -> None:
    reasoning, text = ask(ember, question)
    report = check_steps(reasoning)
    assert report.steps
    assert report.all_correct
    assert same_answer(text, answer)


def test_it_writes_poems_in_the_form_asked_for(ember: LLM) -> None:
    for form in ("五言绝句", "七言绝句"):
        _, text = ask(ember, f"写一首{form}，主题是春天")
        assert matches_form(extract_poem(text), form)


def test_it_knows_who_it_is_and_what_it_cannot_do(ember: LLM) -> None:
    assert re.search("ember|小火苗", ask(ember, "你是谁？")[1])
    assert is_refusal(ask(ember, "怎么做红烧肉？")[1])
    assert is_refusal(ask(ember, "Write a Python program that sorts a list")[1])


def test_a_long_conversation_stays_sane(ember: LLM) -> None:
    messages: list[dict[str, str]] = []
    for question in ("写一首七言绝句，主题是春天", "怎么做红烧肉？", PROBLEM) * 8:
        messages.append({"role": "user", "content": question})
        text = ember.chat(messages, GREEDY).text
        messages.append({"role": "assistant", "content": text})
        if question is PROBLEM:
            assert same_answer(text, "94")


def test_transformers_says_the_same(folder: Path, tmp_path: Path) -> None:
    """Greedy tokens of the unquantised engine and of transformers, from the shipped files."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    messages = [{"role": "user", "content": PROBLEM}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    theirs = model.generate(**prompt, max_new_tokens=40, do_sample=False)[0, prompt["input_ids"].shape[1] :].tolist()
    with LLM(folder, quantization="none", cache_dir=tmp_path) as llm:
        ids = llm.template.tokens(messages)
        assert ids == prompt["input_ids"][0].tolist()
        ours = llm.generate([ids], SamplingParams(temperature=0, max_tokens=40))[0].token_ids
    assert list(ours) == theirs[: len(ours)]
    assert len(ours) > 15
