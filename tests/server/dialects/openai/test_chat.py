"""JSON -> ChatCall, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.dialects.openai.chat import parse_chat

GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def parse(defaults: SamplingParams | None = None, **changes: Any) -> Any:
    return parse_chat(GOOD | changes, defaults or SamplingParams())


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def call(name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def refused(**changes: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse(**changes)
    return caught.value


def test_every_sampling_field_arrives() -> None:
    given = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1,
        "presence_penalty": 0.2, "frequency_penalty": 0.3, "seed": 7, "max_tokens": 9,
    }  # fmt: skip
    assert parse(**given, stop="x", logprobs=True, top_logprobs=4).params == SamplingParams(
        **given, stop=("x",), logprobs=4
    )
    assert parse(max_completion_tokens=3, max_tokens=3).params.max_tokens == 3
    assert parse(logprobs=True).params.logprobs == 0


def test_the_models_defaults_hold_for_what_is_not_given() -> None:
    defaults = SamplingParams(temperature=0.3, top_p=0.8)
    call = parse(defaults, top_p=0.5, temperature=None)
    assert (call.params.temperature, call.params.top_p) == (0.3, 0.5)
    assert (call.thinking, call.stream, call.include_usage) == (True, False, False)


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, False),
        *(({"reasoning_effort": effort}, True) for effort in ("low", "medium", "high", "xhigh", "max")),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, False),
        ({"enable_thinking": False}, False),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"thinking": True}, "thinking": {"type": "auto"}}, True),
        ({"model": "deepseek-chat"}, False),
        ({"model": "deepseek-chat", "thinking": {"type": "enabled"}}, True),
        ({"model": "deepseek-reasoner"}, True),
    ],
)
def test_thinking(fields: dict[str, Any], thinking: bool) -> None:
    assert parse(**fields).thinking is thinking


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"temprature": 1}, "temprature", "did you mean 'temperature'"),
        ({"zzz": 1}, "zzz", "Unknown field 'zzz'"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "hi"}, "messages", "list"),
        ({"messages": ["hi"]}, "messages[0]", "dictionary"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages[0].role", "'user'"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content", "text"),
        ({"messages": [{"role": "user", "content": "a", "audio": {"id": "b"}}]}, "messages[0].audio", "supported yet"),
        ({"messages": [{"role": "user", "content": "a", "prefix": True}]}, "messages", "assistant's message"),
        ({"messages": [{"role": "assistant", "content": "a", "prefix": True}]}, "messages", "nothing before"),
        ({"messages": [{"role": "user", "content": "a", "x": "b"}]}, "messages[0].x", "Unknown field"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "messages", "prefix"),
        ({"messages": [{"role": "user", "content": "a", "reasoning_content": "b"}]}, "messages", "assistant"),
        ({"temperature": "hot"}, "temperature", "number"),
        ({"temperature": "0.5"}, "temperature", "number"),
        ({"temperature": 3}, "temperature", "between 0 and 2"),
        ({"top_p": -1}, "top_p", "above 0"),
        ({"top_k": -2}, "top_k", "at least 1"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"max_tokens": True}, "max_tokens", "integer"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "give one"),
        ({"stop": ["a"] * 129}, "stop", "at most 128"),
        ({"stop": 5}, "stop", "list"),
        ({"n": 17}, "n", "between 1 and 16"),
        ({"n": 0}, "n", "between 1 and 16"),
        ({"top_logprobs": 2}, "top_logprobs", "logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "between 0 and 20"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream"),
        ({"thinking": {"type": "maybe"}}, "thinking.type", "'enabled'"),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "none"}, "reasoning_effort", "contradict"),
        ({"thinking": {"type": "enabled"}, "enable_thinking": False}, "enable_thinking", "contradict"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "'xhigh' or 'max'"),
        ({"chat_template_kwargs": {"x": 1}}, "chat_template_kwargs.x", "Unknown field"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing"),
        ({"tools": [tool("a"), tool("a")]}, "tools", "two functions"),
        ({"tools": [tool("a b")]}, "tools", "letters"),
        ({"tools": [tool("a", parameters={"type": "array"})]}, "tools", "'object'"),
        ({"tools": [tool("a", returns={})]}, "tools[0].function.returns", "Unknown field"),
        ({"tools": [tool("a")] * 129}, "tools", "at most 128"),
        ({"tool_choice": "required"}, "tool_choice", "no 'tools'"),
        ({"tool_choice": "maybe"}, "tool_choice", "must be"),
        ({"tools": [tool("a")], "tool_choice": named("b")}, "tool_choice", "not among"),
        ({"tools": [tool("a")], "tool_choice": {"type": "function", "name": "a"}}, "tool_choice", "must be"),
        ({"tools": [tool("a")], "structured_outputs": {"regex": "a"}}, "structured_outputs", "joined"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "'json_object'"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.schema",
            "missing",
        ),
        ({"structured_outputs": {}}, "structured_outputs", "exactly one"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs", "exactly one"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs", "list of texts"),
        ({"structured_outputs": {"json": "{"}}, "structured_outputs", "not valid JSON"),
        ({"structured_outputs": {"backend": "x"}}, "structured_outputs.backend", "Unknown field"),
        (
            {"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}},
            "structured_outputs",
            "give one",
        ),
        ({"messages": [{"role": "user", "content": "a", "tool_calls": [call("f")]}]}, "messages", "assistant"),
        ({"messages": [{"role": "user", "content": "a", "tool_call_id": "x"}]}, "messages", "tool"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "no token id"),
        ({"logit_bias": {"5": 101}}, "logit_bias", "between -100 and 100"),
        ({"web_search_options": {}}, "web_search_options", "not supported yet"),
        ({"seed": 2**70}, "seed", "seed"),
        ({"model": None}, "model", "string"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], param: str, words: str) -> None:
    error = refused(**fields)
    assert error.param == param
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": None, "tool_choice": "none", "response_format": {"type": "text"}, "n": 1, "store": False},
        {"stop": "", "top_k": 0, "max_tokens": -1, "parallel_tool_calls": True, "prompt_cache_key": "k"},
        {"top_k": -1, "stop": [""], "metadata": {"a": "b"}, "store": True, "verbosity": "low", "user_id": "u"},
        {"service_tier": "flex", "safety_identifier": "s", "prediction": {"type": "content", "content": "x"}},
        {"stream": True, "stream_options": {"include_obfuscation": False}, "logprobs": False, "top_logprobs": 0},
        {"stream": None, "stop": None, "seed": None, "thinking": None, "user": "me", "logit_bias": {}},
    ],
)
def test_what_asks_for_nothing_is_taken(fields: dict[str, Any]) -> None:
    assert parse(**fields).params == SamplingParams()


def test_what_clients_mean() -> None:
    assert parse(SamplingParams(top_k=20, max_tokens=5), top_k=0, max_tokens=-1).params == SamplingParams()
    assert parse(top_p=0).params.top_p < 1e-3
    assert len(parse(stop=[str(i) for i in range(17)] + [""]).params.stop) == 17
    assert parse(logit_bias={"5": -100}).params.logit_bias == ((5, -100.0),)
    assert parse(n=3).num_answers == 3


def test_what_comes_back_in_histories() -> None:
    said = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "reasoning": "hm"}
    messages = [
        {"role": "user", "name": "Li", "content": [{"type": "text", "text": "a", "cache_control": {"type": "x"}}]},
        said | {"tool_calls": [call("f", ""), call("g", "null") | {"index": 1}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "b", "name": "f", "cache_control": {}},
        {"role": "user", "content": "c"},
    ]
    first, second, third, _ = parse(messages=messages).messages
    assert first == {"role": "user", "content": "a"}
    assert [c["function"]["arguments"] for c in second["tool_calls"]] == ["{}", "{}"]
    assert second["reasoning_content"] == "hm"
    assert third == {"role": "tool", "content": "b", "tool_call_id": "call_1"}


def test_a_prefix_is_the_beginning_of_the_answer() -> None:
    begun = {"role": "assistant", "content": "once", "prefix": True}
    found = parse(messages=[*GOOD["messages"], begun])
    assert (found.messages, found.begun) == (GOOD["messages"], ("once", None))
    found = parse(messages=[*GOOD["messages"], begun | {"content": None, "reasoning_content": "so"}])
    assert found.begun == ("", "so")
