"""What must not go to the model is answered by a rule: whole and streamed, and only where it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server.careful import HEADER, Careful
from huozhong.verify.distress import CHINA, check

DISTRESS = [{"role": "user", "content": "我不想活了"}]
FIRE = [{"role": "user", "content": "my kitchen is on fire"}]


@pytest.fixture(scope="module")
def careful(llm: LLM) -> Iterator[Running]:
    with serving(llm, careful=Careful(everybody=True, numbers={**CHINA, "mind": "988"})) as running:
        yield running


def test_a_whole_answer_is_the_rules_text(careful: Running) -> None:
    answer = careful.post(messages=DISTRESS)
    assert answer.status_code == 200
    finding = check(DISTRESS)
    assert finding is not None
    assert answer.headers[HEADER] == finding.rule
    body = answer.json()
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == finding.reply(numbers={**CHINA, "mind": "988"})
    assert choice["message"]["reasoning_content"] is None
    numbers = ["988", "12355", "120", "110"]
    assert choice["message"]["rule"] == {"id": finding.rule, "kind": "suicide", "numbers": numbers}
    usage = body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (0, 0, 0)
    assert usage["cost"] is None
    assert careful.is_idle()


def test_a_stream_says_the_same(careful: Running) -> None:
    whole = careful.post(messages=FIRE).json()["choices"][0]["message"]
    chunks = list(
        careful.client.chat.completions.create(
            model=careful.llm.name, messages=FIRE, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole["content"]
    last = [chunk for chunk in chunks if chunk.choices][-1].choices[0]
    assert last.finish_reason == "stop"
    assert last.delta.rule == whole["rule"]
    assert whole["rule"]["kind"] == "fire"
    assert chunks[-1].usage.total_tokens == 0
    raw = careful.post(messages=FIRE, stream=True)
    assert raw.headers[HEADER] == whole["rule"]["id"]
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.text.endswith("data: [DONE]\n\n")


def test_an_emergency_comes_before_tools_json_and_logprobs(careful: Running) -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
    for fields in (
        {"response_format": {"type": "json_object"}},
        {"tools": [tool], "tool_choice": "required"},
        {"logprobs": True, "top_logprobs": 2},
    ):
        for stream in (False, True):
            answer = careful.post(messages=FIRE, stream=stream, **fields)
            assert answer.status_code == 200, answer.text
            assert HEADER in answer.headers
            assert "tool_calls" not in answer.text
        (choice,) = careful.post(messages=FIRE, **fields).json()["choices"]
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"].startswith("Leave first")


def test_later_turns_and_wrong_requests(careful: Running) -> None:
    later = [*DISTRESS, {"role": "assistant", "content": "…"}, {"role": "user", "content": "哈哈"}]
    assert HEADER in careful.post(messages=later).headers
    later[-1] = {"role": "user", "content": "3+5等于几"}
    assert HEADER not in careful.post(messages=later).headers
    wrong = careful.post(messages=FIRE, nonsense=1)  # a mistake of the client's is still said
    assert wrong.status_code == 400
    assert careful.post(messages=FIRE, model="gpt-9").status_code == 404


def test_other_messages_go_to_the_model(careful: Running, server: Running) -> None:
    plain = careful.post(messages=[{"role": "user", "content": "笑死我了"}])
    assert HEADER not in plain.headers
    message = plain.json()["choices"][0]["message"]
    assert "rule" not in message
    assert message == server.post(messages=[{"role": "user", "content": "笑死我了"}]).json()["choices"][0]["message"]


def test_without_the_switch_other_models_answer_themselves(server: Running) -> None:
    for stream in (False, True):
        answer = server.post(messages=DISTRESS, stream=stream)
        assert HEADER not in answer.headers
        assert '"rule"' not in answer.text


def test_the_built_in_model_is_always_careful(tmp_path: Path) -> None:
    with LLM("ember", num_threads=1, cache_dir=tmp_path) as llm, serving(llm) as running:
        assert llm.is_built_in
        answer = running.post(messages=DISTRESS)
        assert answer.headers[HEADER] == "suicide.live"
        assert json.loads(answer.text)["model"] == "ember"
        # The library stays raw: whoever calls the model itself decides himself.
        assert llm.chat(DISTRESS).text != answer.json()["choices"][0]["message"]["content"]


def test_a_model_of_ones_own_is_not_built_in(llm: LLM) -> None:
    assert not llm.is_built_in
