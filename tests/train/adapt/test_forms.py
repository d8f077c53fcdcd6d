"""The forms that public data sets have: each is read with its meaning, or refused by the name of what is not."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import DataError
from huozhong.train.adapt.forms import read_preferred, read_taught

USER, BOT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
TOOL = {"name": "look", "description": "d", "parameters": {"type": "object", "properties": {}}}


def plain(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in messages]


@pytest.mark.parametrize(("row", "messages"), [
    ({"instruction": "q", "input": "more", "output": "r", "system": "s", "history": [["h", "i"]]},
     [("system", "s"), ("user", "h"), ("assistant", "i"), ("user", "q\nmore"), ("assistant", "r")]),
    ({"instruction": "q", "input": "", "output": "r", "system": "", "history": [], "text": "### q\n\n### r"},
     [("user", "q"), ("assistant", "r")]),
    ({"instruction": "q", "context": "c", "response": "r", "category": "open_qa"},
     [("user", "c\n\nq"), ("assistant", "r")]),
    ({"input": "q", "output": "r"}, [("user", "q"), ("assistant", "r")]),
    ({"prompt": "q", "response": "r", "messages": None}, [("user", "q"), ("assistant", "r")]),
    ({"messages": [{"role": "developer", "content": "s"}, USER, BOT | {"refusal": None, "tool_calls": None}]},
     [("system", "s"), ("user", "a"), ("assistant", "b")]),
    ({"messages": [USER | {"content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}, BOT]},
     [("user", "xy"), ("assistant", "b")]),
    ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s"},
     [("system", "s"), ("user", "a"), ("assistant", "b")]),
    ({"conversations": [{"from": "system", "value": "s"}, USER, BOT], "id": "x"},
     [("system", "s"), ("user", "a"), ("assistant", "b")]),
    ({"conversation": [{"system": "s", "input": "a", "output": "b"}, {"input": "c", "output": "d"}]},
     [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]),
    ({"conversation": [{"human": "a", "assistant": "b"}], "dataset": "moss", "category": "x"},
     [("user", "a"), ("assistant", "b")]),
    ({"messages": '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'},
     [("user", "a"), ("assistant", "b")]),
    ({"指令": "q", "输入": "more", "输出": "r"}, [("user", "q\nmore"), ("assistant", "r")]),
    ({" Question": "q", "ANSWER ": "r", "ID": 7}, [("user", "q"), ("assistant", "r")]),
    ({"problem": "q", "solution": "r"}, [("user", "q"), ("assistant", "r")]),
    ({"prompt": [USER], "completion": [BOT]}, [("user", "a"), ("assistant", "b")]),
    ({"prompt": "a", "completion": [BOT]}, [("user", "a"), ("assistant", "b")]),
    ({"messages": [USER, BOT, USER, BOT | {"weight": 0}]}, [("user", "a"), ("assistant", "b")]),
])  # fmt: skip
def test_public_forms(row: dict[str, Any], messages: list[tuple[str, str]]) -> None:
    taught = read_taught(row, "f line 1")
    assert plain(taught.messages) == messages
    assert taught.learnt[-1] is True
    assert taught.labels <= {"id", "category", "dataset"}


def test_only_the_answers_are_learnt_and_of_an_earlier_conversation_nothing() -> None:
    row = {"instruction": "q", "output": "r", "history": [["h", "i"]]}
    assert read_taught(row, "").learnt == (False, False, False, True)
    assert read_taught({"prompt": [USER, BOT, USER], "completion": [BOT]}, "").learnt == (False,) * 3 + (True,)
    assert read_taught({"messages": [USER, BOT, USER, BOT]}, "").learnt == (False, True, False, True)


@pytest.mark.parametrize("messages", [
    [USER, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}]},
     {"role": "tool", "tool_call_id": "1", "content": "r"}, BOT],
    [USER, {"role": "assistant", "tool_calls": [
        {"type": "function", "function": {"name": "look", "arguments": {"x": 1}}}]},
     {"role": "tool", "name": "look", "content": "r"}, BOT],
    [USER, {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": '{"x": 1}'}},
     {"role": "function", "name": "look", "content": "r"}, BOT],
    [{"from": "human", "value": "a"}, {"from": "function_call", "value": '{"name": "look", "arguments": {"x": 1}}'},
     {"from": "observation", "value": "r"}, {"from": "gpt", "value": "b"}],
])  # fmt: skip
@pytest.mark.parametrize("tools", [
    [TOOL], [{"type": "function", "function": TOOL}], '[{"name": "look", "description": "d", "parameters": {}}]',
])  # fmt: skip
def test_calls_and_tools_in_every_dialect(messages: list[dict[str, Any]], tools: Any) -> None:
    for column in ("tools", "functions"):
        taught = read_taught({"messages": messages, column: tools}, "f line 1")
        assert [f.name for f in taught.functions] == ["look"]
        assert [m["role"] for m in taught.messages] == ["user", "assistant", "tool", "assistant"]
        (call,) = taught.messages[1]["tool_calls"]
        assert call["function"] == {"name": "look", "arguments": '{"x": 1}'}
        assert taught.messages[2]["tool_call_id"] == call["id"]
        assert taught.learnt == (False, True, False, True)


@pytest.mark.parametrize("arguments", ["", "null", None, {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    call = {"function": {"name": "look", "arguments": arguments}}
    taught = read_taught({"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]}, "")
    assert taught.messages[1]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(("row", "words"), [
    ({"question": "a", "answer": "b", "nonsense": 1}, "the field 'nonsense' is not known here"),
    ({"question": "a", "answer": "b", "histroy": [["x", "y"]]}, "did you mean 'history'?"),
    ({"question": "a", "answer": "b", "label": True}, "'label' is not known"),
    ({"question": "a", "answer": "b", "weight": 0.5}, "'weight' is not known"),
    ({"question": "a", "instruction": "b", "answer": "c"}, "'question' and 'instruction' mean the same"),
    ({"question": "a", "answer": "b", "history": "x"}, "'history' must be a list of pairs"),
    ({"question": "a", "answer": "b", "text": "c"}, "'text' is not the question and its answer"),
    ({"question": "a", "answer": "<think>\nx\n</think>\n"}, "the answer is empty after its reasoning"),
    ({"question": "a", "answer": "<think>x"}, "elsewhere than once"),
    ({"question": "a", "answer": "x</think>y</think>z"}, "elsewhere than once"),
    ({"question": "a", "answer": "y <think>x</think> z"}, "elsewhere than once"),
    ({"question": "a", "answer": "<think>x</think>y", "reasoning": "z"}, "the reasoning is there twice"),
    ({"messages": [USER, BOT | {"content": ""}]}, "messages[1]: the answer is empty"),
    ({"messages": [USER, BOT | {"content": None}]}, "messages[1]: the answer is empty"),
    ({"messages": [USER, BOT | {"content": " "}, USER, BOT]}, "messages[1]: the answer is empty"),
    ({"messages": [USER, BOT | {"content": "", "reasoning_content": "x"}]}, "messages[1]: the answer is empty"),
    ({"messages": [USER | {"content": ""}, BOT]}, "messages[0]: what the user says is empty"),
    ({"messages": [USER, BOT | {"weight": 0}]}, "every answer has weight 0"),
    ({"messages": [USER, BOT | {"weight": 0.5}]}, "messages[1]: weight is 0.5"),
    ({"messages": [USER, BOT | {"weight": True}]}, "messages[1]: weight is True"),
    ({"messages": [USER | {"weight": 1}, BOT]}, "messages[0]: weight is 1, but only what the assistant says"),
    ({"messages": [USER, BOT | {"audio": {"id": "x"}}]}, "messages[1]: the field 'audio'"),
    ({"messages": [USER | {"content": [{"type": "image_url"}]}, BOT]}, "a part of type 'image_url'"),
    ({"messages": [USER | {"content": 3}, BOT]}, "content must be text, not a number"),
    ({"messages": [USER, BOT], "nonsense": 1}, "'nonsense'"),
    ({"messages": [{"role": "system", "content": "x"}, USER, BOT], "system": "s"}, "'system' and a system message"),
    ({"messages": [USER, BOT], "tools": "nothing"}, "'tools' must be a list of functions"),
    ({"messages": [USER, BOT], "tools": [{"description": "x"}]}, "tools[0]: 'name' is missing"),
    ({"messages": [USER, BOT], "tools": [{"name": "a b"}]}, "the function name 'a b'"),
    ({"messages": [USER, BOT], "tools": [TOOL], "functions": [TOOL]}, "'tools' and 'functions' mean the same"),
    ({"messages": [USER, {"role": "tool", "content": "x"}, BOT]}, "messages[1]: it answers no call"),
    ({"conversations": [USER, {"from": "function_call", "value": "call it"}]}, "a function_call must be JSON text"),
    ({"conversations": [{"from": "alien", "value": "a"}, BOT]}, "conversations[0]: the role is 'alien'"),
    ({"prompt": "a", "completion": "b", "nonsense": "c"}, "'nonsense'"), ({"prompt": "a"}, "'completion' is missing"),
    ({"prompt": "a", "completion": ""}, "'completion' must be text that is not empty"),
    ({"prompt": [BOT], "completion": [BOT]}, "prompt must end with what is to be answered"),
    ({"conversation": [{"human": "a", "assistant": "b", "mood": "x"}]}, "conversation[0]: the field 'mood'"),
    ({"conversation": [{"human": "a", "assistant": ""}]}, "conversation[0]: the answer is empty"),
    ({"conversation": [{"human": "", "assistant": "b"}]}, "conversation[0]: what the user says is empty"),
    ({"Question": "a", "question": "b", "answer": "c"}, "'Question' is not known here; did you mean 'question'"),
    ({"messages": "hello"}, "messages must be a list of objects"),
])  # fmt: skip
def test_what_would_not_be_learnt_is_refused_by_name(row: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_taught(row, "f line 7")
    assert str(caught.value).startswith("f line 7: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("row", [
    {"prompt": "a", "chosen": "b", "rejected": "c"}, {"question": "a", "chosen": "b", "rejected": "c"},
    {"instruction": "a", "input": "", "chosen": "b", "rejected": "c"},
    {"prompt": [USER], "chosen": [BOT], "rejected": [BOT | {"content": "c"}]},
    {"messages": [USER], "chosen": "b", "rejected": "c"},
    {"chosen": [USER, BOT], "rejected": [USER, BOT | {"content": "c"}]},
    {"prompt": "a", "chosen": [USER, BOT], "rejected": [USER, BOT | {"content": "c"}], "prompt_id": "x"},
    {"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "gpt", "value": "b"},
     "rejected": {"from": "gpt", "value": "c"}},
    {"input": {"messages": [USER], "tools": [], "parallel_tool_calls": True}, "preferred_output": [BOT],
     "non_preferred_output": [BOT | {"content": "c"}]},
])  # fmt: skip
def test_every_form_of_a_preference_is_the_same(row: dict[str, Any]) -> None:
    said = read_preferred(row, "f line 1")
    assert plain(said.prompt) == [("user", "a")]
    assert plain([said.chosen, said.rejected]) == [("assistant", "b"), ("assistant", "c")]
    assert (said.texts is not None) == all(isinstance(v, str) for v in row.values())


@pytest.mark.parametrize(("row", "words"), [
    ({"prompt": "a", "chosen": "b", "rejected": "b"}, "are the same"),
    ({"prompt": "a", "chosen": "b"}, "'rejected' must be an answer"),
    ({"prompt": "a", "chosen": "", "rejected": "b"}, "'chosen' must be an answer"),
    ({"chosen": "a", "rejected": "b"}, "a line needs 'prompt'"),
    ({"prompt": "a", "chosen": "b", "rejected": "c", "strength": 3.0}, "the field 'strength' is not known"),
    ({"prompt": "x", "chosen": [USER, BOT], "rejected": [USER, BOT | {"content": "c"}]}, "must be one answer"),
    ({"prompt": "a", "chosen": [USER, BOT, USER, BOT], "rejected": "c"}, "'chosen' must be one answer"),
    ({"prompt": "a", "chosen": [USER], "rejected": "c"}, "'chosen' must be one answer"),
    ({"prompt": "a", "chosen": [BOT | {"content": ""}], "rejected": "c"}, "the answer is empty"),
    ({"messages": [USER, BOT], "chosen": "b", "rejected": "c"}, "must end with what is to be answered"),
    ({"input": {"tools": []}, "preferred_output": [BOT], "non_preferred_output": [BOT]}, "it has no messages"),
])  # fmt: skip
def test_a_preference_that_cannot_be_used_is_named(row: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_preferred(row, "f line 7")
    assert str(caught.value).startswith("f line 7: ")
    assert words in str(caught.value)


def test_a_preference_keeps_its_system_message_and_its_tools() -> None:
    said = read_preferred({"prompt": "a", "chosen": "b", "rejected": "c", "system": "s", "tools": [TOOL]}, "")
    assert plain(said.prompt) == [("system", "s"), ("user", "a")]
    assert [f.name for f in said.functions] == ["look"]
