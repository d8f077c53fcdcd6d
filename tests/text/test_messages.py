"""Conversations as programs send them, and what is made of them; the refusals go through the template's tests."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.text.messages import checked_messages

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
ASKED = {"role": "user", "content": "几点了？"}


def test_reasoning_written_into_the_content_gets_its_own_key() -> None:
    said = {"role": "assistant", "content": " <think>想</think>答"}
    assert checked_messages([said]) == [{"role": "assistant", "content": "答", "reasoning_content": "想"}]
    lines = {"role": "assistant", "content": "<think>\n想\n</think>\n\n  答"}
    (turn,) = checked_messages([lines])
    assert (turn["content"], turn["reasoning_content"]) == ("  答", "\n想\n")
    assert turn["reasoning_content"].written == lines["content"]
    open_ended = {"role": "assistant", "content": "<think>想"}
    assert checked_messages([open_ended]) == [open_ended | {"reasoning_content": None}]


def test_a_call_and_its_result() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "content": "八点", "tool_call_id": "c1"}
    turns = checked_messages([ASKED, called, result])
    assert turns == [ASKED, called | {"content": "", "reasoning_content": None}, result]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "tool", "content": "八点", "tool_call_id": "c2"}, r"messages\[1\]\.tool_call_id is 'c2'"),
        ({"role": "tool", "content": "八点"}, "which call this answers"),
        (ASKED | {"tool_call_id": "c1"}, "tool messages only"),
        (ASKED | {"tool_calls": [CALL]}, "assistant messages only"),
        ({"role": "assistant", "content": None, "tool_calls": [CALL | {"id": 1}]}, "with id and function"),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [CALL | {"function": {"name": "f", "arguments": "["}}],
            },
            "JSON text of an object",
        ),
    ],
)
def test_calls_and_results_that_are_refused(message: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        checked_messages([ASKED, message])
    assert caught.value.param == "messages"
