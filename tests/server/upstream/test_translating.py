"""A model of another engine, asked in every dialect: with the vendors' own clients, tools, thoughts and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from tests.server.conftest import Running
from tests.server.household import household
from tests.server.upstream.test_upstream import MODEL, Odd, house, odd_engine

from huozhong.engine.llm import LLM
from huozhong.server.dialects.anthropic.messages import parse_messages
from huozhong.server.dialects.ollama.requests import parse_chat
from huozhong.server.models import Shelf
from huozhong.server.upstream.engines import Engines
from huozhong.server.upstream.translating import engine_body, read

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLED = {"city": "大理"}


@pytest.fixture(scope="module")
def two(llm: LLM) -> Iterator[tuple[Running, Odd, Odd]]:
    with odd_engine() as first, odd_engine() as second, house(llm, first.url, second.url) as (running, _):
        yield running, first, second


@pytest.fixture
def odd(two: tuple[Running, Odd, Odd]) -> Odd:
    """Both engines as one, which of them is asked next is theirs to say."""
    _, first, second = two
    second.scripts, second.asked, second.paths = first.scripts, first.asked, first.paths
    for told in (first.scripts, first.asked, first.paths):
        told.clear()
    return first


@pytest.fixture
def url(two: tuple[Running, Odd, Odd]) -> str:
    return two[0].url


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def test_anthropics_client(claude: anthropic.Anthropic, odd: Odd) -> None:
    ask: dict[str, Any] = {"model": MODEL, "max_tokens": 50, "messages": HI}
    said = claude.messages.create(**ask, system="Be short.", stop_sequences=["x"])
    assert [block.text for block in said.content if block.type == "text"] == ["one two three"]
    assert (said.model, said.stop_reason, said.usage.input_tokens, said.usage.output_tokens) == (
        MODEL,
        "end_turn",
        7,
        3,
    )
    assert odd.asked[-1] == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "Be short."}, *HI],
        "max_tokens": 50,
        "stop": ["x"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    odd.scripts += ["stopped"]
    stopped = claude.messages.create(**ask, stop_sequences=["two"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "two")
    tools: list[Any] = [{"name": "weather", "description": "of a city", "input_schema": SCHEMA}]
    for thinking, kinds in (
        (None, ["tool_use"]),
        ({"type": "enabled", "budget_tokens": 2048}, ["thinking", "tool_use"]),
    ):
        odd.scripts += ["call"]
        more: dict[str, Any] = {} if thinking is None else {"thinking": thinking}
        with claude.messages.stream(**ask, tools=tools, tool_choice={"type": "any"}, **more) as stream:
            called = stream.get_final_message()
        assert [block.type for block in called.content] == kinds
        assert called.stop_reason == "tool_use"
        use = called.content[-1]
        assert use.type == "tool_use"
        assert (use.name, use.input) == ("weather", CALLED)
        asked = odd.asked[-1]
        assert asked["tool_choice"] == "required"
        assert asked["tools"][0]["function"] == {"name": "weather", "description": "of a city", "parameters": SCHEMA}
        assert asked.get("thinking") == thinking
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sun"}
    turns: list[Any] = [*HI, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
    claude.messages.create(**ask | {"messages": turns})
    _, call, answer = odd.asked[-1]["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == CALLED
    assert call["reasoning_content"] == "hm"
    assert (answer["role"], answer["tool_call_id"], answer["content"]) == ("tool", use.id, "sun")


def test_openais_responses(client: openai.OpenAI, odd: Odd) -> None:
    first = client.responses.create(model=MODEL, input="hi", instructions="Be short.", reasoning={"effort": "low"})
    assert (first.output_text, first.model) == ("one two three", MODEL)
    assert first.usage is not None
    assert (first.usage.input_tokens, first.usage.output_tokens) == (7, 3)
    assert odd.asked[-1]["reasoning_effort"] == "low"
    assert "thinking" not in odd.asked[-1]
    second = client.responses.create(model=MODEL, input="and then?", previous_response_id=first.id)
    assert second.status == "completed"
    assert [turn["content"] for turn in odd.asked[-1]["messages"]] == ["hi", "one two three", "and then?"]
    odd.scripts += ["call"]
    tool: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
    with client.responses.stream(model=MODEL, input="hi", tools=[tool]) as stream:
        called = stream.get_final_response()
    assert [item.type for item in called.output] == ["reasoning", "function_call"]
    assert json.loads(called.output[1].arguments) == CALLED  # type: ignore[union-attr]
    assert called.usage is not None
    assert called.usage.output_tokens_details.reasoning_tokens == 2
    assert odd.asked[-1]["tools"][0]["function"]["strict"] is True
    form: Any = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}
    client.responses.create(model=MODEL, input="hi", text=form)
    assert odd.asked[-1]["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    with pytest.raises(openai.BadRequestError, match="Probabilities of tokens are not told by a model that is served"):
        client.responses.create(model=MODEL, input="hi", top_logprobs=2, include=["message.output_text.logprobs"])


@pytest.fixture
def llama(url: str) -> Iterator[ollama.Client]:
    client = ollama.Client(url)
    yield client
    client._client.close()


def test_ollamas_client(llama: ollama.Client, odd: Odd) -> None:
    assert MODEL in [model.model for model in llama.list().models]
    assert llama.show(MODEL).capabilities == ["completion", "tools"]
    assert llama.generate(MODEL, "").done_reason == "load"
    assert odd.asked == []
    whole = llama.chat(MODEL, HI, options={"temperature": 0.25, "num_predict": 9})
    assert (whole.message.content, whole.eval_count, whole.prompt_eval_count) == ("one two three", 3, 7)
    assert {name: odd.asked[-1][name] for name in ("temperature", "max_tokens")} == {
        "temperature": 0.25,
        "max_tokens": 9,
    }
    pieces = [*llama.generate(MODEL, "hi", system="Be short.", stream=True, format="json")]
    assert "".join(piece.response for piece in pieces) == "one two three"
    assert odd.asked[-1]["response_format"] == {"type": "json_object"}
    odd.scripts += ["call"]
    tool = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
    called = llama.chat(MODEL, HI, tools=[tool], think=True)
    assert called.message.tool_calls is not None
    assert [(call.function.name, call.function.arguments) for call in called.message.tool_calls] == [
        ("weather", CALLED)
    ]
    assert called.message.thinking == "hm"
    assert odd.asked[-1]["thinking"] == {"type": "enabled"}
    assert llama.embed(MODEL, ["a", "b"]).embeddings == [[0.5, 0.0], [0.5, 1.0]]
    assert llama.embeddings(MODEL, "a").embedding == [0.5, 0.0]
    assert odd.paths[-1] == "/v1/embeddings"


def test_completions_and_vectors_are_passed_on_as_they_are(client: openai.OpenAI, odd: Odd) -> None:
    text = client.completions.create(model=MODEL, prompt="one", echo=False, best_of=2)
    assert text.choices[0].text == " two"
    assert (odd.paths[-1], odd.asked[-1]["best_of"]) == ("/v1/completions", 2)
    assert client.embeddings.create(model=MODEL, input=["a"], encoding_format="float").data[0].embedding == [0.5, 0.0]


STREAMED = {
    "/v1/messages": {"messages": HI, "max_tokens": 9},
    "/v1/responses": {"input": "hi"},
    "/api/chat": {"messages": HI},
    "/api/generate": {"prompt": "hi"},
}


@pytest.mark.parametrize("path", STREAMED)
def test_failures_have_their_own_status_before_the_first_piece_and_are_told_after_it(
    url: str, odd: Odd, path: str
) -> None:
    body = STREAMED[path] | {"model": MODEL}

    def asked(*scripts: str, stream: bool) -> httpx.Response:
        odd.scripts[:] = scripts
        return httpx.post(url + path, json=body | {"stream": stream}, timeout=120)

    for stream in (False, True):
        assert "three" in asked("500", stream=stream).text  # the other one answers
        assert "three" in asked("early", stream=stream).text
        busy = asked("429", "429", stream=stream)
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
        assert asked("500", "early", stream=stream).status_code == 502
        wrong = asked("400", stream=stream)
        assert (wrong.status_code, "bad top_p" in wrong.text) == (400, True)
    amid = asked("amid", stream=True)
    assert amid.status_code == 200
    assert "failed amid this answer" in amid.text
    assert "three" not in amid.text
    odd.scripts.clear()


def test_what_no_engine_is_sure_to_understand_is_refused(url: str, odd: Odd) -> None:
    begun = httpx.post(
        f"{url}/v1/messages",
        json={"model": MODEL, "max_tokens": 9, "messages": [*HI, {"role": "assistant", "content": "one"}]},
    )
    assert (begun.status_code, "cannot be gone on with" in begun.text) == (400, True)
    count = httpx.post(f"{url}/v1/messages/count_tokens", json={"model": MODEL, "messages": HI})
    assert (count.status_code, "a model on this machine" in count.text) == (400, True)
    away = httpx.post(f"{url}/api/generate", json={"model": MODEL, "keep_alive": 0})
    assert (away.status_code, "served elsewhere" in away.text) == (400, True)
    assert odd.asked == []


def test_only_what_the_body_says_is_said() -> None:
    options = {"temperature": 1.0, "top_k": 40, "seed": 7, "stop": ["a"], "repeat_penalty": 1.1}
    body: dict[str, Any] = {"model": "far", "messages": HI, "options": options, "think": False}
    call, given = read(parse_chat, lambda call: call, body)
    assert call is not None
    told = engine_body(call, given, body)
    said = {"temperature": 1.0, "top_k": 40, "seed": 7, "stop": ["a"], "repetition_penalty": 1.1}
    assert told == {"messages": HI, "thinking": {"type": "disabled"}} | said
    asked: dict[str, Any] = {"model": "far", "messages": HI, "max_tokens": 9, "output_config": {"effort": "high"}}
    message, given = read(parse_messages, lambda call: call, asked)
    assert engine_body(message, given, asked) == {"messages": HI, "max_tokens": 9, "reasoning_effort": "high"}


ASKED = {
    "/v1/messages": {"messages": HI, "max_tokens": 3},
    "/v1/responses": {"input": "hi", "max_output_tokens": 3},
    "/api/chat": {"messages": HI, "options": {"num_predict": 3}},
    "/v1/completions": {"prompt": "one", "max_tokens": 3},
    "/api/embed": {"input": ["a"]},
}


def test_budgets_and_keys_hold_in_every_dialect(llm: LLM) -> None:
    with odd_engine() as odd, engines_of(odd.url) as engines:
        shelf = Shelf(llm, keep=None)
        shelf.engines = engines
        with household(llm, shelf=shelf) as people:
            number = people.add("Poor", "member")
            with people.visitor("Ann") as ann:
                assert ann.patch(f"/house/people/{number}", json={"daily_tokens": 37}).status_code == 200
            client = people.stranger()
            keys = {"authorization": f"Bearer {people.key('Poor', 'chat', 'embeddings')}"}

            def asked(headers: dict[str, str]) -> list[int]:
                bodies = {path: body | {"model": MODEL, "stream": False} for path, body in ASKED.items()}
                bodies["/api/embed"].pop("stream")
                return [client.post(path, json=body, headers=headers).status_code for path, body in bodies.items()]

            assert asked({}) == [401] * 5
            assert odd.asked == []
            assert asked(keys) == [200] * 5
            left = client.get("/user/balance", headers=keys).json()["budget"]["left_tokens"]
            assert left == 37 - 10 - 10 - 10 - 3 - 4  # of the three chats, the text and the vector
            assert asked(keys) == [429] * 5
            assert len(odd.asked) == 5


@contextmanager
def engines_of(*urls: str) -> Iterator[Engines]:
    engines = Engines(urls, patience=60.0)
    try:
        yield engines
    finally:
        engines.close()
