"""What llama.cpp's programs ask to be told beside a chat's answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong import LLM

LONG = "小明有3个苹果。" * 30


def pieces(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def test_timings_come_with_every_piece_that_says_something(server: Running) -> None:
    first, *rest = pieces(server.post(stream=True, timings_per_token=True, stream_options={"include_usage": True}))
    assert first["choices"][0]["delta"]["content"] is None
    assert "timings" not in first
    assert all(one["timings"]["predicted_n"] <= 8 and one["timings"]["prompt_n"] > 0 for one in rest)
    assert rest[-1]["choices"] == []
    assert rest[-1]["timings"]["predicted_n"] == 8
    assert all("prompt_progress" not in one for one in rest)


def test_who_asks_for_nothing_is_told_nothing_of_it(server: Running) -> None:
    told = [*pieces(server.post(stream=True)), server.post().json()]
    assert not any({"timings", "prompt_progress", "__verbose"} & set(one) for one in told)
    assert told[0]["choices"][0]["delta"]["content"] == ""  # DeepSeek's own examples add it up


def test_how_far_the_prompt_is_read(llm: LLM, server: Running) -> None:
    body = {"messages": [{"role": "user", "content": LONG}], "stream": True, "return_progress": True}
    told = [one["prompt_progress"] for one in pieces(server.post(**body)) if "prompt_progress" in one]
    assert told[0]["processed"] == told[0]["cache"]
    assert told[-1]["processed"] == told[-1]["total"] > 100
    assert all(a["processed"] < b["processed"] and a["total"] == b["total"] for a, b in pairwise(told))
    again = [one["prompt_progress"] for one in pieces(server.post(**body)) if "prompt_progress" in one]
    assert again[0]["cache"] > 0  # it is known by now


def test_the_prompt_as_it_was_read(server: Running) -> None:
    for streamed in (False, True):
        answer = server.post(verbose=True, stream=streamed)
        *_, told = pieces(answer) if streamed else [answer.json()]
        assert "你好" in told["__verbose"]["prompt"]
        assert told["__verbose"]["generation_settings"]["temperature"] == 0
        assert "timings" in told


def test_an_answers_beginning_is_gone_on_with_without_a_mark(server: Running) -> None:
    turns = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "once"}]
    told = server.post(messages=turns, verbose=True).json()
    assert told["__verbose"]["prompt"].endswith("once")
    twice = server.post(messages=[*turns, turns[-1]])
    assert (twice.status_code, twice.json()["error"]["param"]) == (400, "messages")


def test_a_prompt_that_is_too_long_says_how_long_it_is(server: Running) -> None:
    body = server.body(messages=[{"role": "user", "content": "火" * 9000}])
    for path, ends in (("/v1/chat/completions", {}), ("/v1/chat/completions", {"stream": True})):
        error = httpx.post(server.url + path, json=body | ends, timeout=60).json()["error"]
        assert (error["type"], error["code"]) == ("exceed_context_size_error", "context_length_exceeded")
        assert error["n_prompt_tokens"] > error["n_ctx"] == server.llm.max_context
        assert "exceeds the available context size" in error["message"]
    asked = {"model": server.llm.name, "max_tokens": 9, "messages": body["messages"]}
    error = httpx.post(f"{server.url}/v1/messages", json=asked, timeout=60).json()["error"]
    assert error["message"].startswith("prompt is too long: ")


def test_a_prompts_tokens_are_counted(server: Running) -> None:
    used = server.post().json()["usage"]["prompt_tokens"]
    for path in ("/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"):
        counted = httpx.post(server.url + path, json=server.body()).json()
        assert counted == {"object": "response.input_tokens", "input_tokens": used}
    told = httpx.post(
        f"{server.url}/v1/responses/input_tokens", json={"model": server.llm.name, "input": "你好"}
    ).json()
    assert told["input_tokens"] > 0


def test_the_api_alone_has_no_page(llm: LLM) -> None:
    with serving(llm, page=False) as alone:
        for path in ("/", "/page/page.js", "/page/plain"):
            assert httpx.get(alone.url + path).status_code == 404
        assert alone.post().status_code == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions/input_tokens", "/v1/responses/input_tokens"])
def test_nothing_is_counted_without_a_key(llm: LLM, path: str) -> None:
    with serving(llm, api_keys=["secret"]) as closed:
        assert httpx.post(closed.url + path, json=closed.body()).status_code == 401
