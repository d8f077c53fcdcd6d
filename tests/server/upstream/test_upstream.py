"""This house before other engines: a second real server, and an odd one that fails in every way there is."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving
from tests.server.test_models import until

from huozhong.engine.llm import LLM
from huozhong.errors import ConfigError
from huozhong.server.models import Shelf
from huozhong.server.upstream.engines import Engines

MODEL = "far-7b"


def event(text: str, finish: str | None = None) -> bytes:
    return piece(finish, content=text)


def piece(finish: str | None = None, *, stop_reason: str | None = None, **delta: Any) -> bytes:
    told = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, "stop_reason": stop_reason}]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
CALL = [
    piece(reasoning_content="hm"),
    piece(tool_calls=[{"index": 0, "id": "x", "function": {"name": "weather", "arguments": '{"city":'}}]),
    piece(tool_calls=[{"index": 0, "function": {"arguments": ' "大理"}'}}]),
    piece("tool_calls"),
    b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, '
    b'"completion_tokens_details": {"reasoning_tokens": 2}}}\n\n',
    b"data: [DONE]\n\n",
]
STOPPED = [event("one "), piece("stop", stop_reason="two"), USAGE, b"data: [DONE]\n\n"]
GOOD = [event("one "), event("two "), event("three", "stop"), USAGE, b"data: [DONE]\n\n"]


@dataclass
class Odd:
    """A scripted engine.  scripts: how it meets the next requests, one each; then it answers well, or with `pieces`."""

    url: str = ""
    scripts: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    pieces: list[bytes] | None = None


class Handler(BaseHTTPRequestHandler):
    odd: Odd

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.whole(200, {"data": [{"id": MODEL}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.odd.asked.append(body)
        self.odd.paths.append(self.path)
        self.odd.keys.append(self.headers.get("Authorization", ""))
        script = self.odd.scripts.pop(0) if self.odd.scripts else ""
        if script == "500":
            self.whole(500, {"error": {"message": "oh"}})
        elif script == "429":
            self.whole(429, {"error": {"message": "busy"}}, {"Retry-After": "7"})
        elif script == "400":
            self.whole(400, {"error": {"message": "bad top_p", "param": "top_p", "code": "invalid_value"}})
        elif script == "silent":
            time.sleep(30)
        elif self.path == "/v1/embeddings":
            vectors = [{"index": i, "embedding": [0.5, float(i)]} for i in range(len(body["input"]))]
            self.whole(200, {"data": vectors, "usage": {"prompt_tokens": 4}})
        elif self.path == "/v1/completions":
            told = {"choices": [{"index": 0, "text": " two", "finish_reason": "stop"}], "model": MODEL}
            self.whole(200, told | {"usage": {"prompt_tokens": 2, "completion_tokens": 1}})
        elif not body.get("stream"):
            message = {"role": "assistant", "content": "one two three"}
            told = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": MODEL}
            self.whole(200, told | {"usage": {"prompt_tokens": 7, "completion_tokens": 3}})
        else:
            others = {"early": [], "amid": GOOD[:2], "empty": [b": hello\n\n"], "call": CALL, "stopped": STOPPED}
            self.streamed(others.get(script, self.odd.pieces or GOOD))

    def streamed(self, pieces: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def whole(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def odd_engine() -> Iterator[Odd]:
    odd = Odd()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Odds", (Handler,), {"odd": odd}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    odd.url = f"http://127.0.0.1:{server.server_port}"
    yield odd
    server.shutdown()
    server.server_close()


@contextmanager
def house(llm: LLM, *urls: str, keys: tuple[str, ...] = (), **options: Any) -> Iterator[tuple[Running, Engines]]:
    engines = Engines(urls, keys, patience=60.0)
    shelf = Shelf(llm, keep=None)
    shelf.engines = engines
    try:
        with serving(llm, shelf=shelf, **options) as running:
            yield running, engines
    finally:
        engines.close()


@pytest.fixture
def two(llm: LLM) -> Iterator[tuple[Running, Odd, Odd]]:
    with odd_engine() as first, odd_engine() as second, house(llm, first.url, second.url) as (running, _):
        yield running, first, second


def said(running: Running, **fields: Any) -> tuple[str, str]:
    """What a stream says, and the whole of it."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True} | fields
    answer = httpx.post(f"{running.url}/v1/chat/completions", json=body, timeout=120)
    text = ""
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices") or []:
                text += choice["delta"].get("content") or ""
    return text, answer.text


def test_the_models_of_all_are_listed_and_asked_with_their_keys(llm: LLM) -> None:
    with odd_engine() as odd, house(llm, odd.url + "/v1", keys=("sesame",)) as (running, _):
        assert [model.id for model in running.client.models.list()] == [llm.name, MODEL]
        whole = running.post(model=MODEL, tools=[{"type": "function", "function": {"name": "f"}}], logit_bias={"5": 1})
        assert whole.json()["choices"][0]["message"]["content"] == "one two three"
        assert odd.asked[-1]["tools"] == [{"type": "function", "function": {"name": "f"}}]  # passed on as it is
        assert odd.keys[-1] == "Bearer sesame"
        text, raw = said(running)
        assert text == "one two three"
        assert raw.endswith("data: [DONE]\n\n")
        assert '"usage"' not in raw  # nobody asked for it
        assert '"usage"' in said(running, stream_options={"include_usage": True})[1]
        assert running.post().json()["model"] == llm.name  # this machine's own still answers


@pytest.mark.parametrize("script", ["500", "429", "early", "empty"])
def test_before_the_first_token_another_engine_is_asked(two: tuple[Running, Odd, Odd], script: str) -> None:
    running, first, second = two
    first.scripts = [script]
    assert said(running)[0] == "one two three"
    assert (len(first.asked), len(second.asked)) == (1, 1)
    if script in ("500", "429"):
        first.scripts, second.scripts = [script], []
        assert running.post(model=MODEL).status_code == 200
    assert said(running)[0] == "one two three"


def test_one_that_says_nothing_is_given_up(llm: LLM) -> None:
    with odd_engine() as first, odd_engine() as second, house(llm, first.url, second.url) as (running, engines):
        engines.patience = 3.0  # the other, busy as the machine may be, is heard in it
        first.scripts = ["silent"]
        assert said(running)[0] == "one two three"
        assert (len(first.asked), len(second.asked)) == (1, 1)
        assert said(running)[0] == "one two three"


def test_after_the_first_token_a_failure_is_told_and_nothing_doubled(two: tuple[Running, Odd, Odd]) -> None:
    running, first, second = two
    first.scripts = ["amid"]
    text, raw = said(running)
    assert text == "one two "
    assert "failed amid this answer" in raw
    assert "[DONE]" not in raw
    assert len(second.asked) == 0


def test_when_none_can_answer_it_is_said_why(two: tuple[Running, Odd, Odd]) -> None:
    running, first, second = two
    for stream in (False, True):
        first.scripts, second.scripts = ["429"], ["429"]
        busy = running.post(model=MODEL, stream=stream)
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
        first.scripts, second.scripts = ["500"], ["early" if stream else "500"]
        failed = running.post(model=MODEL, stream=stream)
        assert (failed.status_code, failed.json()["error"]["code"]) == (502, "upstream_failed")
        first.scripts, second.scripts = ["400"], ["400"]
        wrong = running.post(model=MODEL, stream=stream)
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "top_p")


def test_an_engine_that_goes_and_comes_back(llm: LLM) -> None:
    with odd_engine() as odd, house(llm, "http://127.0.0.1:9", odd.url) as (running, engines):
        assert said(running)[0] == "one two three"
        url, engines.engines[1].url = engines.engines[1].url, "http://127.0.0.1:9"
        engines.check()
        gone = running.post(model=MODEL)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")
        engines.engines[1].url = url
        engines.check()
        assert said(running)[0] == "one two three"


def test_a_conversation_of_this_house(two: tuple[Running, Odd, Odd]) -> None:
    running, first, second = two
    at = f"{running.url}/house/conversations"

    def asked(content: str) -> dict[str, Any]:
        id = httpx.post(at, json={"model": MODEL, "settings": {"temperature": 0.5}}).json()["id"]
        httpx.post(f"{at}/{id}/ask", json={"parent": None, "content": content}).json()
        return until_done(lambda: httpx.get(f"{at}/{id}").json()["messages"][-1])

    for script in ("", "500", "early", "429"):
        first.scripts = [script]
        answer = asked("hi")
        assert (answer["content"], answer["state"], answer["usage"]["prompt_tokens"]) == ("one two three", "done", 7)
    assert second.asked[-1]["temperature"] == 0.5
    first.scripts, second.scripts = ["amid"] * 2, ["amid"] * 2
    answer = asked("hi")
    assert (answer["content"], answer["state"]) == ("one two ", "failed")
    assert "failed amid this answer" in answer["error"]
    first.scripts, second.scripts = ["400"], ["400"]
    assert "bad top_p" in asked("hi")["error"]


def until_done(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    until(lambda: look()["state"] != "running")
    return look()


def test_rules_and_other_dialects(llm: LLM) -> None:
    from huozhong.server.careful import Careful

    with odd_engine() as odd, house(llm, odd.url, careful=Careful(everybody=True)) as (running, _):
        cry = running.post(model=MODEL, messages=[{"role": "user", "content": "我不想活了"}])
        assert cry.headers["x-huozhong-rule"]
        assert odd.asked == []
        messages = [{"role": "user", "content": "我不想活了"}]
        for path, body in {
            "/api/chat": {"messages": messages},
            "/v1/messages": {"messages": messages, "max_tokens": 9},
            "/v1/responses": {"input": "我不想活了"},
            "/v1/completions": {"prompt": ["hi", "我不想活了"]},
        }.items():
            other = httpx.post(running.url + path, json=body | {"model": MODEL, "stream": False})
            assert other.headers["x-huozhong-rule"], path
        assert odd.asked == []
        other = httpx.post(f"{running.url}/chat/completions/input_tokens", json={"model": MODEL, "messages": messages})
        assert (other.status_code, "served elsewhere" in other.json()["error"]["message"]) == (400, True)


@pytest.mark.slow
def test_a_second_real_server(llm: LLM, tmp_path: Path) -> None:
    options: dict[str, Any] = {"num_threads": 1, "cache_dir": tmp_path, "prefix_cache_bytes": 0}
    with LLM("ember", **options) as ember, serving(ember) as behind, house(llm, behind.url) as (running, _):
        direct = behind.post(model="ember", messages=[{"role": "user", "content": "3加5等于几？"}], max_tokens=60)
        through = running.post(model="ember", messages=[{"role": "user", "content": "3加5等于几？"}], max_tokens=60)
        same = [answer.json()["choices"][0]["message"] for answer in (direct, through)]
        assert same[0] == same[1]
        text, _ = said(running, model="ember", messages=[{"role": "user", "content": "3加5等于几？"}], temperature=0)
        assert "8" in text
        turns = {"model": "ember", "messages": [{"role": "user", "content": "3加5等于几？"}]}
        for path, body, told in (
            ("/v1/messages", turns | {"max_tokens": 60}, lambda said: said["content"][0]["text"]),
            ("/api/chat", turns | {"stream": False}, lambda said: said["message"]["content"]),
            ("/v1/completions", {"model": "ember", "prompt": "3+5=", "max_tokens": 4, "temperature": 0},
             lambda said: said["choices"][0]["text"]),
            ("/api/embed", {"model": "ember", "input": "春天"}, lambda said: said["embeddings"][0][:4]),
        ):  # fmt: skip
            here, there = (httpx.post(server.url + path, json=body, timeout=60).json() for server in (behind, running))
            assert told(here) == told(there), path


def test_wrong_addresses_and_keys() -> None:
    with pytest.raises(ConfigError, match="write an address"):
        Engines(["ftp://x"])
    with pytest.raises(ConfigError, match="2 upstreams and 3 keys"):
        Engines(["http://127.0.0.1:9", "http://127.0.0.1:8"], ["a", "b", "c"])
