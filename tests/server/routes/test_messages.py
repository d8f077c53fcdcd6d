"""Anthropic's dialect, as its own client and programs that were written for it use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import anthropic
import httpx
import pydantic
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server.careful import HEADER, Careful

HELLO = [{"role": "user", "content": "你好"}]
TOOL = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"days": {"enum": [3]}}, "required": ["days"]},
    "cache_control": {"type": "ephemeral"},
}


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=f"{server.url}/anthropic", api_key="none", max_retries=0) as client:
        yield client


def asked(**changes: Any) -> dict[str, Any]:
    """For the client, whose newest version knows no temperature."""
    greedy = {"extra_body": {"temperature": 0}}
    return {"model": "claude-any", "max_tokens": 12, "messages": HELLO} | greedy | changes


def said(block: Any) -> tuple[str, str]:
    return block.type, block.text if block.type == "text" else block.thinking


def post(server: Running, path: str = "/v1/messages", **changes: Any) -> httpx.Response:
    body = {"model": server.llm.name, "max_tokens": 12, "messages": HELLO, "temperature": 0} | changes
    return httpx.post(f"{server.url}{path}", json=body, timeout=60)


def test_an_answer_is_what_the_other_dialect_says(server: Running, client: anthropic.Anthropic) -> None:
    other = server.post(max_tokens=12).json()
    answer = client.messages.create(**asked())
    assert answer.model == server.llm.name
    assert (answer.content[0].type, answer.content[0].text) == ("text", other["choices"][0]["message"]["content"])
    assert answer.stop_reason == "max_tokens"
    usage = answer.usage
    assert usage.input_tokens + usage.cache_read_input_tokens == other["usage"]["prompt_tokens"]
    assert usage.output_tokens == 12


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "enabled", "budget_tokens": 1024}])
def test_a_stream_says_the_same(client: anthropic.Anthropic, thinking: Any) -> None:
    whole = client.messages.create(**asked(thinking=thinking))
    with client.messages.stream(**asked(thinking=thinking)) as stream:
        kinds = [event.type for event in stream]
        grown = stream.get_final_message()
    assert [said(block) for block in grown.content] == [said(block) for block in whole.content]
    assert (grown.stop_reason, grown.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert grown.content[0].type == ("text" if thinking["type"] == "disabled" else "thinking")
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


def test_a_thought_is_ended_at_its_budget(client: anthropic.Anthropic) -> None:
    free, held = (
        client.messages.create(**asked(max_tokens=30, thinking={"type": "enabled", "budget_tokens": budget}))
        for budget in (1024, 8)
    )
    thought, said = held.content
    assert free.content[0].thinking.startswith(thought.thinking)
    assert said.text
    assert held.usage.output_tokens == 30


class Person(pydantic.BaseModel):
    name: Literal["小明", "小红"]


def test_a_form_is_held(server: Running, client: anthropic.Anthropic) -> None:
    parsed = client.messages.parse(**asked(max_tokens=300, output_format=Person))
    assert isinstance(parsed.parsed_output, Person)
    schema = {"type": "object", "properties": {"a": {"enum": [7]}}, "required": ["a"]}
    for form in ({"output_config": {"format": {"type": "json_schema", "schema": schema}}},
                 {"output_format": {"type": "json_schema", "schema": schema}}):  # fmt: skip
        assert json.loads(post(server, max_tokens=300, **form).json()["content"][0]["text"])["a"] == 7
    wrong = post(server, output_config={"format": {"type": "json_schema", "schema": {"type": 5}}})
    assert (wrong.status_code, "output_config.format" in wrong.text) == (400, True)


def test_a_tool_is_called(client: anthropic.Anthropic) -> None:
    must = {"tools": [TOOL], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}, "max_tokens": 200}
    whole = client.messages.create(**asked(**must, stop_sequences=['"']))
    assert whole.stop_reason == "tool_use"
    call = whole.content[-1]
    assert (call.type, call.name) == ("tool_use", "weather")
    assert call.input == {"days": 3}
    with client.messages.stream(**asked(**must)) as stream:
        grown = stream.get_final_message().content[-1]
    assert (grown.name, grown.input) == (call.name, call.input)
    history = [
        {"role": "user", "content": [{"type": "text", "text": "天气", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "so", "signature": ""},
                {"type": "tool_use", "id": call.id, "name": "weather", "input": call.input},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "晴"}]},
                {"type": "text", "text": "?"},
            ],
        },
    ]
    answer = client.messages.create(**asked(messages=history, tools=[TOOL], tool_choice={"type": "none"}))
    assert answer.content[0].type == "text"


def test_an_answer_that_is_begun_is_gone_on_with(server: Running, client: anthropic.Anthropic) -> None:
    begun = [*HELLO, {"role": "assistant", "content": "春眠"}]
    same = server.post(messages=[*HELLO, {"role": "assistant", "content": "春眠", "prefix": True}], max_tokens=12)
    answer = client.messages.create(**asked(messages=begun))
    assert answer.content[0].text == same.json()["choices"][0]["message"]["content"]


def test_tokens_are_counted(server: Running, client: anthropic.Anthropic) -> None:
    count = client.messages.count_tokens(model="claude-any", messages=HELLO, system="简短")
    talk = [{"role": "system", "content": "简短"}, *HELLO]
    assert count.input_tokens == len(server.llm.prompt(talk, thinking=False).ids)


@pytest.mark.parametrize(
    ("changes", "status", "kind", "words"),
    [
        ({"model": "gpt-9"}, 404, "not_found_error", "gpt-9"),
        ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens"),
        ({"temperature": 3}, 400, "invalid_request_error", "temperature"),
        ({"stop_sequences": ["a"] * 200}, 400, "invalid_request_error", "stop_sequences"),
        ({"zzz": 1}, 400, "invalid_request_error", "Unknown field 'zzz'"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, 400, "invalid_request_error", "messages"),
        ({"tool_choice": {"type": "any"}}, 400, "invalid_request_error", "no 'tools'"),
        ({"messages": [{"role": "user", "content": "火" * 9000}]}, 400, "invalid_request_error", "context"),
    ],
)
def test_errors_have_its_form(server: Running, changes: Any, status: int, kind: str, words: str) -> None:
    answer = post(server, **changes)
    assert answer.status_code == status
    body = answer.json()
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert words in body["error"]["message"]


def test_foreign_pages_may_not(server: Running) -> None:
    for path in ("/v1/messages", "/anthropic/v1/messages", "/v1/messages/count_tokens"):
        answer = httpx.post(f"{server.url}{path}", json={"messages": HELLO}, headers={"origin": "http://evil.example"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_distress_is_answered_by_a_rule(llm: LLM) -> None:
    with serving(llm, careful=Careful(everybody=True)) as careful:
        for stream in (False, True):
            blocks = [{"type": "text", "text": "我不想活了"}]
            answer = post(careful, messages=[{"role": "user", "content": blocks}], stream=stream)
            assert HEADER in answer.headers
            assert "谢谢你告诉我" in answer.text
            assert '"rule"' in answer.text
            assert '"end_turn"' in answer.text


def test_the_small_models_acts_stay_behind_the_answer(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "3+5等于几？"}]
    with LLM("ember", cache_dir=tmp_path) as llm, serving(llm) as ember:
        answer = post(ember, messages=talk, max_tokens=200).json()
        assert [block["type"] for block in answer["content"]] == ["text"]
        assert "8" in answer["content"][0]["text"]
        shown = post(ember, messages=talk, max_tokens=200, thinking={"type": "adaptive"}).json()
        assert [block["type"] for block in shown["content"]] == ["thinking", "text"]


def test_which_stop_sequence_it_was_and_how_long_the_prompt_is(server: Running) -> None:
    body = server.body(max_tokens=24)
    whole = httpx.post(f"{server.url}/v1/messages", json=body, timeout=60).json()
    text = whole["content"][0]["text"]
    body["stop_sequences"] = ["never", text[4]]
    said = httpx.post(f"{server.url}/v1/messages", json=body, timeout=60).json()
    assert (said["stop_reason"], said["stop_sequence"]) == ("stop_sequence", text[4])
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("max_tokens", None)
    events = httpx.post(f"{server.url}/v1/messages", json=body | {"stream": True}, timeout=60).text
    first, *_, ended = (json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: "))
    usage = whole["usage"]
    assert first["message"]["usage"]["input_tokens"] == usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert '"stop_sequence":' + json.dumps(text[4], ensure_ascii=False) in events
    assert ended["type"] == "message_stop"
