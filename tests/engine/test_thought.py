"""How long is thought, on a tiny model that never ends a thought by itself, and on the one that is shipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from huozhong import LLM, JsonObject, SamplingParams
from huozhong.text.tokenizer import END_THINK

HELLO = [{"role": "user", "content": "你好"}]
GREEDY = SamplingParams(temperature=0, max_tokens=40)


@pytest.fixture(scope="module")
def llm(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    with LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as model:
        yield model


def test_a_thought_is_unchanged_up_to_its_limit_and_an_answer_follows(llm: LLM) -> None:
    free = llm.chat(HELLO, GREEDY)
    assert free.text == ""
    end = llm.tokenizer.token_id(END_THINK)
    for limit in (2, 5, 16):
        held = llm.chat(HELLO, replace(GREEDY, max_reasoning_tokens=limit))
        assert held.usage.reasoning_tokens == limit
        assert held.token_ids[: limit - 1] == free.token_ids[: limit - 1]
        assert held.token_ids[limit - 1] == end
        assert held.reasoning == llm.tokenizer.decode(free.token_ids[: limit - 1])
        assert held.text
    assert llm.chat(HELLO, replace(GREEDY, max_reasoning_tokens=100)).token_ids == free.token_ids


@pytest.mark.parametrize("limit", [0, 1])
def test_the_least_is_a_thought_without_words(llm: LLM, limit: int) -> None:
    held = llm.chat(HELLO, replace(GREEDY, max_reasoning_tokens=limit))
    assert (held.reasoning, held.usage.reasoning_tokens) == ("", 1)
    assert held.text


def test_a_limit_says_nothing_of_answers_without_a_thought(llm: LLM) -> None:
    held = replace(GREEDY, max_reasoning_tokens=3)
    assert llm.chat(HELLO, held, thinking=False).text == llm.chat(HELLO, GREEDY, thinking=False).text
    assert llm.generate("你好", held)[0].text == llm.generate("你好", GREEDY)[0].text


def test_the_forced_end_is_certain_and_sampling_goes_on(llm: LLM) -> None:
    held = llm.chat(HELLO, SamplingParams(seed=3, max_tokens=12, max_reasoning_tokens=4, logprobs=2))
    assert [token.logprob for token in held.logprobs][3] == 0
    free = llm.chat(HELLO, SamplingParams(seed=3, max_tokens=12))
    assert held.token_ids[:3] == free.token_ids[:3]


def test_an_answer_under_a_guide_begins_after_the_limit(llm: LLM) -> None:
    held = llm.chat(HELLO, replace(GREEDY, max_reasoning_tokens=6, guide=JsonObject(), max_tokens=60))
    assert held.usage.reasoning_tokens == 6
    assert held.text.startswith("{")


@pytest.mark.parametrize("speculation", ["off", 4])
def test_guessing_ahead_changes_nothing(tiny_folder: Path, tmp_path: Path, llm: LLM, speculation: str | int) -> None:
    said = llm.chat(HELLO, replace(GREEDY, max_reasoning_tokens=7)).token_ids
    with LLM(tiny_folder, quantization="none", cache_dir=tmp_path, speculation=speculation) as other:  # type: ignore[arg-type]
        assert other.chat(HELLO, replace(GREEDY, max_reasoning_tokens=7)).token_ids == said


def test_what_code_writes_into_a_thought_is_cut_and_its_answer_is_not(tmp_path: Path) -> None:
    question = [{"role": "user", "content": "5千克等于多少克？"}]
    params = replace(GREEDY, max_tokens=200)
    with LLM("ember", cache_dir=tmp_path) as ember:
        free = ember.chat(question, params)
        held = ember.chat(question, replace(params, max_reasoning_tokens=free.usage.reasoning_tokens - 2))
    assert held.usage.reasoning_tokens == free.usage.reasoning_tokens - 2
    assert held.text == free.text
    assert free.reasoning.startswith(held.reasoning)
