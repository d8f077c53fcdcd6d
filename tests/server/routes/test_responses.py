"""OpenAI's responses through its own client, with its default settings, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import openai
import pydantic
import pytest
from tests.server.conftest import CONTEXT, Running, serving, write_endless
from tests.text.test_tools import HERMES_TEMPLATE

from huozhong.engine.llm import LLM
from huozhong.text.tokenizer import SPECIALS, Tokenizer

PLAIN: Any = {"reasoning": {"effort": "none"}}
CLOCK = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}, "strict": False}
WEATHER = {
    "type": "function",
    "name": "weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"place": {"enum": ["北京", "上海"]}, "days": {"enum": [1, 2]}},
        "required": ["place", "days"],
        "additionalProperties": False,
    },
}


class Person(pydantic.BaseModel):
    name: Literal["小明", "小红"]
    age: Literal[7, 8, 9]


def create(server: Running, **changes: Any) -> Any:
    asked = {"model": server.llm.name, "input": "你好", "max_output_tokens": 12, "temperature": 0} | PLAIN
    return server.client.responses.create(**asked | changes)


def post(server: Running, **changes: Any) -> httpx.Response:
    body = {"model": server.llm.name, "input": "你好", "max_output_tokens": 8, "temperature": 0} | PLAIN
    return httpx.post(f"{server.url}/v1/responses", json=body | changes, timeout=60)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    tokenizer = Tokenizer.train(
        ["今天的天气怎么样？北京" * 4],
        320,
        (*SPECIALS, "<tool_call>", "</tool_call>"),
        chat_template=HERMES_TEMPLATE,
    )
    folder: Path = write_endless(tmp_path_factory.mktemp("models") / "hermes", tokenizer)
    with LLM(folder, num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as llm, serving(llm) as running:
        yield running


def test_an_answer_is_what_the_chat_says(server: Running) -> None:
    chat = server.post(max_tokens=12).json()
    answer = create(server)
    assert answer.output_text == chat["choices"][0]["message"]["content"]
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (answer.model, answer.object, answer.error) == (server.llm.name, "response", None)
    assert answer.usage.input_tokens == chat["usage"]["prompt_tokens"]
    assert (answer.usage.output_tokens, answer.usage.total_tokens) == (12, chat["usage"]["total_tokens"])
    assert answer.usage.output_tokens_details.reasoning_tokens == 0
    [message] = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "incomplete")


def test_a_thought_is_an_item_of_its_own(server: Running) -> None:
    asked = {"reasoning": {"max_tokens": 5}}
    thought, message = create(server, extra_body=asked).output
    assert thought.content[0].text
    assert thought.summary == []
    assert message.content[0].text
    summed, _ = create(server, reasoning={"summary": "auto", "max_tokens": 5}).output
    assert summed.summary[0].text == thought.content[0].text
    assert not summed.content
    only = create(server, reasoning=None)
    assert [item.type for item in only.output] == ["reasoning"]
    assert only.status == "incomplete"


@pytest.mark.parametrize(
    "asked", [PLAIN, {"reasoning": {"max_tokens": 5}}, {"reasoning": {"max_tokens": 5, "summary": "auto"}}]
)
def test_a_stream_says_the_same(server: Running, asked: Any) -> None:
    whole = create(server, **asked)
    events = list(create(server, stream=True, **asked))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert events[-1].type == "response.incomplete"
    grown = events[-1].response
    assert without_ids(grown.output) == without_ids(whole.output)
    assert grown.usage.total_tokens == whole.usage.total_tokens
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert done == grown.output
    for event in events:  # each belongs to the item that it names
        if hasattr(event, "item_id"):
            assert grown.output[event.output_index].id == event.item_id
    with server.client.responses.stream(
        model=server.llm.name, input="你好", max_output_tokens=12, temperature=0, **asked
    ) as stream:
        kinds = [event.type for event in stream]
    assert [*dict.fromkeys(kinds)] == [*dict.fromkeys(event.type for event in events)]


def without_ids(items: Any) -> list[dict[str, Any]]:
    return [item.model_dump(exclude={"id", "call_id"}) for item in items]


def test_a_form_is_held(server: Running) -> None:
    answer = server.client.responses.parse(
        model=server.llm.name, input="谁？", text_format=Person, max_output_tokens=200, **PLAIN
    )
    assert isinstance(answer.output_parsed, Person)
    assert answer.status == "completed"
    free = create(server, text={"format": {"type": "json_object"}}, max_output_tokens=60)
    assert free.output_text.startswith("{")
    with server.client.responses.stream(
        model=server.llm.name, input="谁？", text_format=Person, max_output_tokens=200, **PLAIN
    ) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Person)


def test_functions_are_called_and_their_outputs_read(tools: Running) -> None:
    asked: Any = {"tools": [WEATHER, CLOCK], "tool_choice": "required", "max_output_tokens": 400}
    first = create(tools, parallel_tool_calls=False, **asked)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert first.status == "completed"
    assert call.name in ("weather", "clock")
    json.loads(call.arguments)
    named = create(tools, **asked | {"tool_choice": {"type": "function", "name": "weather"}})
    assert json.loads(named.output[0].arguments)["place"] in ("北京", "上海")
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "晴"}
    after = create(tools, previous_response_id=first.id, input=[output], tools=[WEATHER, CLOCK])
    by_hand = create(tools, input=[{"role": "user", "content": "你好"}, *first.output, output], tools=[WEATHER, CLOCK])
    assert after.usage.input_tokens == by_hand.usage.input_tokens > first.usage.input_tokens
    assert without_ids(after.output) == without_ids(by_hand.output)


def test_calls_arrive_bit_by_bit(tools: Running) -> None:
    asked: Any = {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "weather"}, "max_output_tokens": 400}
    events = list(create(tools, stream=True, **asked))
    [added] = [event.item for event in events if event.type == "response.output_item.added"]
    assert (added.type, added.name, added.arguments) == ("function_call", "weather", "")
    spelled = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
    [done] = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert spelled == done.arguments == events[-1].response.output[0].arguments
    assert json.loads(spelled)["days"] in (1, 2)
    assert events[-1].type == "response.completed"


def test_of_all_tools_only_the_allowed_ones(tools: Running) -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "clock"}]}
    answer = create(tools, tools=[WEATHER, CLOCK], tool_choice=choice, max_output_tokens=400)
    assert {item.name for item in answer.output if item.type == "function_call"} == {"clock"}
    assert answer.tool_choice.model_dump() == choice


def test_a_conversation_goes_on_by_its_id(server: Running) -> None:
    first = create(server, instructions="简短回答。")
    second = create(server, input="再见", previous_response_id=first.id)
    by_hand = create(
        server,
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "你好"}]},
            {"role": "assistant", "content": first.output_text},
            {"role": "user", "content": "再见"},
        ],
    )
    assert second.previous_response_id == first.id
    assert second.output_text == by_hand.output_text
    assert second.usage.input_tokens == by_hand.usage.input_tokens
    streamed = list(create(server, input="再见", previous_response_id=first.id, stream=True))[-1].response
    third = create(server, input="然后呢", previous_response_id=streamed.id)
    assert third.usage.input_tokens > second.usage.input_tokens
    named = create(
        server,
        input=[{"role": "user", "content": "你好"}, {"id": first.output[0].id}, {"role": "user", "content": "再见"}],
    )  # type: ignore[list-item]
    assert named.usage.input_tokens == by_hand.usage.input_tokens


def test_a_kept_response_is_found_until_it_is_deleted(server: Running) -> None:
    made = create(server, metadata={"topic": "hello"})
    found = server.client.responses.retrieve(made.id)
    assert found == made
    assert found.metadata == {"topic": "hello"}
    server.client.responses.delete(made.id)
    for gone in (lambda: server.client.responses.retrieve(made.id), lambda: server.client.responses.delete(made.id)):
        with pytest.raises(openai.NotFoundError, match=made.id):
            gone()
    with pytest.raises(openai.BadRequestError) as error:
        create(server, previous_response_id=made.id)
    assert (error.value.code, error.value.param) == ("previous_response_not_found", "previous_response_id")


def test_what_is_not_stored_is_not_found(server: Running) -> None:
    made = create(server, store=False)
    assert made.store is False
    with pytest.raises(openai.NotFoundError):
        server.client.responses.retrieve(made.id)


def test_everybody_finds_what_they_stored_themselves(llm: LLM) -> None:
    with serving(llm, api_keys=["one", "two"]) as running:
        one, two = (running.client.with_options(api_key=key) for key in ("one", "two"))
        made = one.responses.create(model=llm.name, input="你好", max_output_tokens=4, **PLAIN)
        assert one.responses.retrieve(made.id) == made
        for attempt in (
            lambda: two.responses.retrieve(made.id),
            lambda: two.responses.delete(made.id),
            lambda: two.responses.create(model=llm.name, input="你好", previous_response_id=made.id),
            lambda: two.responses.create(model=llm.name, input=[{"type": "item_reference", "id": made.output[0].id}]),
        ):
            with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
                attempt()
        assert one.responses.retrieve(made.id) == made
        for method, path in (("POST", ""), ("GET", f"/{made.id}"), ("DELETE", f"/{made.id}")):
            refused = httpx.request(method, f"{running.url}/v1/responses{path}", json={} if method == "POST" else None)
            assert refused.status_code == 401


def test_sealed_thoughts_come_back(server: Running) -> None:
    asked: Any = {"store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"max_tokens": 5}}
    first = create(server, **asked)
    thought, _ = first.output
    assert thought.encrypted_content
    assert create(server, input=[{"role": "user", "content": "你好"}, *first.output, {"role": "user", "content": "好"}])
    assert create(server, reasoning={"max_tokens": 5}).output[0].encrypted_content is None


def test_logprobs(server: Running) -> None:
    answer = create(server, include=["message.output_text.logprobs"], top_logprobs=2, reasoning={"max_tokens": 5})
    part = answer.output[1].content[0]
    assert len(part.logprobs) == 12 - 5
    assert b"".join(bytes(one.bytes) for one in part.logprobs).decode("utf-8", "replace") == part.text
    assert all(len(one.top_logprobs) == 2 for one in part.logprobs)
    assert create(server).output[0].content[0].logprobs == []


def test_a_conversation_that_is_too_long_gives_way_from_its_beginning(server: Running) -> None:
    turns: Any = [{"role": "system", "content": "简短。"}]
    for index in range(40):
        turns += [{"role": "user", "content": f"{index} " + "春眠不觉晓" * 60}, {"role": "assistant", "content": "好"}]
    turns.append({"role": "user", "content": "你好"})
    with pytest.raises(openai.BadRequestError, match="context"):
        create(server, input=turns)
    cut = create(server, input=turns, truncation="auto")
    assert CONTEXT // 2 < cut.usage.input_tokens <= CONTEXT - 12
    short = create(server, input="你好", truncation="auto")
    assert short.output == create(server, input="你好").output or short.output_text == create(server).output_text


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"input": None}, "input", "says nothing"),
        ({"input": []}, "input", "says nothing"),
        ({"input": 5}, "input", "a text or a list"),
        ({"input": ["你好"]}, "input[0]", "must be an object"),
        ({"input": [{"role": "assistant", "content": "好"}]}, "input", "own words"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content",
            "text",
        ),
        ({"input": [{"type": "computer_call_output"}]}, "input[0].type", "computer_call_output"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "msg_1"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "web_search"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "missing"),
        ({"tools": [5]}, "tools[0]", "must be an object"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice", "must be"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema", "missing"),
        ({"text": {"format": {"type": "json_schema", "schema": {"type": 5}}}}, "text.format", ""),
        ({"background": True}, "background", "not supported"),
        ({"conversation": "conv_1"}, "conversation", "not supported"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "not supported"),
        ({"max_output_tokens": 0}, "max_output_tokens", "at least 1"),
        ({"max_tokens": 5}, "max_tokens", "did you mean"),
        ({"messages": []}, "messages", "Unknown field"),
        ({"top_logprobs": 50}, "top_logprobs", "between 0 and 20"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", ""),
        ({"previous_response_id": "resp_0"}, "previous_response_id", "resp_0"),
        ({"model": "gpt-5"}, "model", "not served"),
    ],
)
def test_a_bad_field_is_named(server: Running, changes: Any, param: str, words: str) -> None:
    answer = post(server, **changes)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (404 if param == "model" else 400, param)
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"


def test_what_changes_nothing_is_taken(server: Running) -> None:
    fields = {
        "service_tier": "auto", "user": "u", "prompt_cache_key": "k", "safety_identifier": "s", "max_tool_calls": 3,
        "prompt_cache_retention": "24h", "text": {"verbosity": "low"}, "include": ["web_search_call.action.sources"],
        "truncation": "disabled", "background": False, "stream_options": {"include_obfuscation": False},
        "reasoning": {"effort": "none", "context": "auto"}, "tools": [], "tool_choice": "auto",
    }  # fmt: skip
    same = post(server, **fields).json()
    assert same["output"][0]["content"] == post(server).json()["output"][0]["content"]
    assert (same["user"], same["prompt_cache_key"]) == ("u", "k")


def test_distress_is_answered_by_a_rule(llm: LLM) -> None:
    from huozhong.server.careful import Careful

    with serving(llm, careful=Careful(everybody=True)) as running:
        for stream in (False, True):
            answer = post(running, input="我不想活了", stream=stream)
            assert answer.headers["x-huozhong-rule"]
            text = answer.text
            assert '"rule":' in text
            assert "output_text" in text


def test_an_answer_that_the_server_cuts_off_fails_in_the_stream(llm: LLM) -> None:
    with (
        serving(llm) as running,
        running.client.responses.create(
            model=llm.name, input="你好", stream=True, max_output_tokens=6000, **PLAIN
        ) as stream,
    ):
        events = []
        for event in stream:
            events.append(event)
            if event.type == "response.output_text.delta":
                for sequence in list(llm._engine.scheduler.running):
                    llm._engine.abort(sequence)
    assert events[-1].type == "response.failed"
    assert events[-1].response.status == "failed"
    assert events[-1].response.error.message
