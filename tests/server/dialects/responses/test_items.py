"""Items as they come from clients, and the turns they make."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.server.dialects.responses.items import read_items, sealed, turns_of, unsealed

USER = {"role": "user", "content": "几点？"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "看钟"}]}
CALL = {"type": "function_call", "call_id": "c1", "name": "clock", "arguments": "{}", "status": "completed"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "三点"}]}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "三点", "annotations": []}]}


def turns(*items: Any) -> list[dict[str, Any]]:
    return turns_of(read_items(list(items), {"rs_1": THOUGHT}.get))


def shape(*items: Any) -> list[str]:
    return [f"{turn['role']}:{'+'.join(sorted(set(turn) - {'role', 'tool_call_id'}))}" for turn in turns(*items)]


def test_a_thought_and_what_follows_are_one_turn() -> None:
    assert turns(USER, THOUGHT, CALL, OUTPUT, THOUGHT, SAID, USER) == [
        USER,
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "看钟",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "三点"},
        {"role": "assistant", "content": "三点", "reasoning_content": "看钟"},
        USER,
    ]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([USER, CALL, CALL | {"call_id": "c2"}], ["user:content", "assistant:content+tool_calls"]),
        ([USER, SAID, CALL], ["user:content", "assistant:content+tool_calls"]),
        ([USER, SAID, SAID], ["user:content", "assistant:content", "assistant:content"]),
        ([USER, THOUGHT, USER], ["user:content", "user:content"]),
        ([USER, {"id": "rs_1"}, SAID], ["user:content", "assistant:content+reasoning_content"]),
        ([{"role": "developer", "content": "短"}, USER], ["system:content", "user:content"]),
    ],
)
def test_turns(items: list[Any], expected: list[str]) -> None:
    assert shape(*items) == expected


def test_arguments_that_are_no_text() -> None:
    assert turns(CALL | {"arguments": ""})[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert turns(CALL | {"arguments": {"a": 1}})[0]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'


@pytest.mark.parametrize("foreign", [None, "gAAAAABo", sealed("x")[:-1] + "!", "huozhong-thought:/w=="])
def test_another_servers_thoughts_are_left_out(foreign: str | None) -> None:
    assert unsealed(foreign) == ""
    assert unsealed(sealed("看钟\ud800")) == "看钟?"
    assert turns(USER, {"type": "reasoning", "summary": [], "encrypted_content": foreign}, SAID)[1]["content"] == "三点"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "user", "content": [{"type": "input_text", "text": "a", "lang": "zh"}]}, "input[0].content"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content"),
        ({"role": "robot", "content": "a"}, "input[0].role"),
        (CALL | {"name": 5}, "input[0].name"),
        ({"type": ["message"], "role": "user", "content": "a"}, "input[0].type"),
        ({"type": "message", "role": "user", "content": "a", "colour": "red"}, "input[0].colour"),
        ({}, "input[0].id"),
    ],
)
def test_a_wrong_item_is_named(item: Any, param: str) -> None:
    with pytest.raises(RequestError) as error:
        turns(item)
    assert error.value.param == param
