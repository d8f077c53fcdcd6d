"""Structured answers and tools through the real `openai` client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pydantic
import pytest
from tests.server.conftest import Running, serving, write_endless
from tests.text.test_tools import DEEPSEEK_MARKS, DEEPSEEK_TEMPLATE, HERMES_TEMPLATE

from huozhong.engine.llm import LLM
from huozhong.text.tokenizer import SPECIALS, Tokenizer

HELLO = [{"role": "user", "content": "你好"}]
PLAIN = {"thinking": {"type": "disabled"}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"place": {"enum": ["北京", "上海"]}, "days": {"enum": [1, 2]}},
            "required": ["place", "days"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


class Person(pydantic.BaseModel):
    name: Literal["小明", "小红"]
    age: Literal[7, 8, 9]
    pets: list[Literal["猫", "狗"]] = pydantic.Field(max_length=2)


@pytest.fixture(scope="module", params=["hermes", "deepseek"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A random model whose template knows tools; the marks are control tokens that the tokenizer hides."""
    template = HERMES_TEMPLATE if request.param == "hermes" else DEEPSEEK_TEMPLATE
    marks = ("<tool_call>", "</tool_call>") if request.param == "hermes" else DEEPSEEK_MARKS
    tokenizer = Tokenizer.train(["今天的天气怎么样？北京" * 4], 320, (*SPECIALS, *marks), chat_template=template)
    folder: Path = write_endless(tmp_path_factory.mktemp("models") / request.param, tokenizer)
    with (
        LLM(folder, num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as llm,
        serving(llm) as running,
    ):
        yield running


def create(server: Running, **changes: Any) -> Any:
    arguments = {"model": server.llm.name, "messages": HELLO, "max_tokens": 400, "extra_body": PLAIN} | changes
    return server.client.chat.completions.create(**arguments)


def test_json_mode(server: Running) -> None:
    ended = 0
    for seed in range(6):
        answer = create(server, response_format={"type": "json_object"}, seed=seed, max_tokens=100).choices[0]
        if answer.finish_reason == "stop":
            assert isinstance(json.loads(answer.message.content), dict)
            ended += 1
    assert ended


def test_a_pydantic_model_comes_back(server: Running) -> None:
    for seed in range(4):
        answer = server.client.chat.completions.parse(
            model=server.llm.name, messages=HELLO, response_format=Person, seed=seed, max_tokens=300, extra_body=PLAIN
        )
        assert answer.choices[0].finish_reason == "stop"
        assert isinstance(answer.choices[0].message.parsed, Person)
    short = create(server, response_format={"type": "json_object"}, max_tokens=1).choices[0]
    assert short.finish_reason == "length"


def test_the_reasoning_stays_free(server: Running) -> None:
    seen = 0
    for seed in range(12):
        answer = create(
            server,
            seed=seed,
            temperature=2,
            max_tokens=900,
            logprobs=True,
            extra_body={"structured_outputs": {"choice": ["是", "不是"]}},
        )
        choice = answer.choices[0]
        if choice.finish_reason == "stop":
            assert choice.message.content in ("是", "不是")
            assert choice.message.reasoning_content
            seen += 1
    assert seen


def test_structured_outputs(server: Running) -> None:
    for given, accepted in (
        ({"regex": "[0-9]{3}"}, str.isdigit),
        ({"choice": ['a"b', "c"]}, {'a"b', "c"}.__contains__),
        ({"grammar": 'start: "x" "y"'}, "xy".__eq__),
        ({"json": {"type": "integer", "minimum": 5, "maximum": 6}}, {"5", "6"}.__contains__),
    ):
        answer = create(server, extra_body=PLAIN | {"structured_outputs": given}).choices[0]
        assert accepted(answer.message.content), answer
        assert answer.finish_reason == "stop"


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "objec"}}}},
         "response_format", "Invalid type"),
        ({"extra_body": {"structured_outputs": {"regex": "("}}}, "structured_outputs", "unclosed group"),
        ({"extra_body": {"structured_outputs": {"grammar": "start: x"}}}, "structured_outputs", "unknown name"),
        ({"messages": [{"role": "tool", "content": "a", "tool_call_id": "x"}]}, "messages", "no earlier message"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_at_once(server: Running, fields: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        create(server, **fields)
    assert caught.value.param == param
    assert server.is_idle()


def test_a_call_that_must_come(tools: Running) -> None:
    for seed in range(4):
        choice = create(tools, tools=[WEATHER, CLOCK], tool_choice="required", seed=seed).choices[0]
        if choice.finish_reason == "length":
            continue
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content is None
        for call in choice.message.tool_calls:
            assert call.function.name in ("weather", "clock")
            assert isinstance(json.loads(call.function.arguments), dict)
    named = create(
        tools, tools=[WEATHER, CLOCK], tool_choice={"type": "function", "function": {"name": "weather"}}
    ).choices[0]
    [call] = named.message.tool_calls
    arguments = json.loads(call.function.arguments)
    assert (call.type, call.function.name) == ("function", "weather")
    assert arguments["place"] in ("北京", "上海")
    assert arguments["days"] in (1, 2)
    # And on: the call and its result are history that the model is shown.
    history = [
        *HELLO,
        named.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "晴"},
    ]
    answer = create(tools, messages=history, tools=[WEATHER], tool_choice="auto", max_tokens=8)
    assert answer.choices[0].finish_reason in ("length", "stop", "tool_calls")
    prompt = tools.llm.prompt([*HELLO], thinking=False).ids
    assert answer.usage.prompt_tokens > len(prompt) + 20


def test_calls_in_a_stream(tools: Running) -> None:
    arguments = {"tools": [WEATHER, CLOCK], "tool_choice": "required", "parallel_tool_calls": False, "seed": 3}
    whole = create(tools, **arguments).choices[0].message.tool_calls[0].function
    chunks = list(create(tools, **arguments, stream=True))
    parts = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or []]
    assert {part.index for part in parts} == {0}
    assert [part.function.name for part in parts] == [whole.name] + [None] * (len(parts) - 1)
    assert parts[0].id.startswith("call_")
    assert "".join(part.function.arguments or "" for part in parts) == whole.arguments
    assert all(not chunk.choices[0].delta.content for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    with tools.client.chat.completions.stream(
        model=tools.llm.name,
        messages=HELLO,
        max_tokens=400,
        extra_body=PLAIN,
        **{name: value for name, value in arguments.items() if name != "tools"},
        tools=[WEATHER],
    ) as stream:
        final = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert final.function.parsed_arguments["days"] in (1, 2)


def test_a_model_with_tools_may_also_just_talk(tools: Running) -> None:
    plain = create(tools, max_tokens=20, temperature=0, tools=[WEATHER], tool_choice="none").choices[0].message
    assert plain == create(tools, max_tokens=20, temperature=0).choices[0].message
    assert plain.tool_calls is None
    for seed in range(4):
        answer = create(tools, tools=[WEATHER], seed=seed, max_tokens=60).choices[0]
        assert answer.message.content or answer.message.tool_calls or answer.finish_reason == "stop"


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_of_all_tools_only_the_allowed_ones_are_called(tools: Running, mode: str) -> None:
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "clock"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    told = create(tools, tools=[WEATHER, CLOCK], tool_choice=choice)
    free = create(tools, tools=[WEATHER, CLOCK], max_tokens=1)
    assert told.usage.prompt_tokens == free.usage.prompt_tokens  # the model is told of all of them
    calls = told.choices[0].message.tool_calls or []
    assert {call.function.name for call in calls} <= {"clock"}
    assert bool(calls) or mode == "auto"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"mode": "auto", "tools": []}, "empty"),
        ({"mode": "auto", "tools": [{"type": "function", "function": {"name": "sun"}}]}, "'sun'"),
        ({"mode": "auto", "tools": [{"type": "web_search"}]}, "must hold"),
        ({"mode": "any", "tools": [{"type": "function", "function": {"name": "clock"}}]}, "must be"),
    ],
)
def test_an_impossible_allowance_is_told(tools: Running, choice: Any, words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as error:
        create(tools, tools=[CLOCK], tool_choice={"type": "allowed_tools", "allowed_tools": choice})
    assert error.value.param == "tool_choice"
