"""Every failure is OpenAI's error object, and the server goes on serving."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import openai
import pytest
from starlette.requests import Request
from tests.server.conftest import Running

from huozhong.errors import EngineError, RequestError
from huozhong.server.failures import failure_of, stopped

HELLO = [{"role": "user", "content": "你好"}]


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "param"),
    [
        (RequestError("a", param="top_p"), 400, "invalid_request_error", "invalid_value", "top_p"),
        (RequestError("a", code="model_not_found"), 404, "invalid_request_error", "model_not_found", None),
        (RequestError("a", code="text_too_long"), 413, "invalid_request_error", "text_too_long", None),
        (stopped(), 503, "server_error", "aborted", None),
        (EngineError("a"), 500, "server_error", "internal_error", None),
        (ZeroDivisionError("secret"), 500, "server_error", "internal_error", None),
    ],
)
def test_whose_fault_it_is(error: Exception, status: int, kind: str, code: str, param: str | None) -> None:
    failure = failure_of(error, Request({"type": "http", "method": "GET", "path": "/", "headers": []}))
    assert (failure.status, failure.kind, failure.code, failure.param) == (status, kind, code, param)
    assert "secret" not in failure.message


def create(server: Running, **changes: Any) -> Any:
    arguments = {"model": server.llm.name, "messages": HELLO, "max_tokens": 4, "temperature": 0} | changes
    return server.client.chat.completions.create(**arguments)


def test_bad_requests_are_the_clients_exceptions(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="between 0 and 2") as bad:
        create(server, temperature=9)
    assert (bad.value.param, bad.value.code) == ("temperature", "invalid_value")
    assert bad.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="not supported yet"):
        create(server, functions=[{"name": "f"}])
    with pytest.raises(openai.BadRequestError, match="Unknown field 'color'"):
        create(server, extra_body={"color": "red"})
    with pytest.raises(openai.NotFoundError, match=server.llm.name) as missing:
        create(server, model="gpt-9")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        server.client.models.retrieve("gpt-9")
    with pytest.raises(openai.BadRequestError, match="context") as long:
        create(server, messages=[{"role": "user", "content": "火" * 9000}])
    assert long.value.code == "context_length_exceeded"
    assert create(server).choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "words"),
    [
        ("POST", "/v1/chat/completions", {}, b"{", 400, "not valid JSON"),
        ("POST", "/v1/chat/completions", {}, b"[]", 400, "JSON object"),
        ("POST", "/v1/chat/completions", {"content-type": "text/plain"}, b"{}", 415, "Content-Type"),
        ("POST", "/v1/chat/completions", {}, b"{}", 400, "'model' is missing"),
        ("GET", "/v1/chat/completions", {}, b"", 405, "use POST"),
        ("POST", "/v1/audio", {}, b"{}", 404, "/v1/audio"),
        ("DELETE", "/v1/models", {}, b"", 405, "use GET"),
        ("POST", "/v1/chat/completions", {}, b" " * 5_000_000, 413, "too large"),
        ("POST", "/v1/chat/completions", {"host": "evil.example"}, b"{}", 403, "--allow-host evil.example"),
        ("POST", "/v1/chat/completions", {"origin": "https://evil.example"}, b"{}", 403, "--allow-origin"),
        ("POST", "/v1/chat/completions", {"origin": "null"}, b"{}", 403, "--allow-origin null"),
    ],
)
def test_every_refusal_has_the_same_form(
    server: Running, method: str, path: str, headers: dict[str, str], body: bytes, status: int, words: str
) -> None:
    headers = {"content-type": "application/json"} | headers
    answer = httpx.request(method, server.url + path, headers=headers, content=body, timeout=120)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert words in error["message"]
    assert error["code"]
    assert server.post().status_code == 200


@pytest.mark.parametrize("kind", [{}, {"content-type": "application/x-www-form-urlencoded"}])
def test_programs_need_not_say_that_a_body_is_json_and_web_pages_must(server: Running, kind: dict[str, str]) -> None:
    url = f"{server.url}/v1/chat/completions"
    body = json.dumps(server.body()).encode()
    assert httpx.post(url, content=body, headers=kind, timeout=60).status_code == 200
    assert httpx.post(url, content=body, headers=kind | {"origin": server.url}, timeout=60).status_code == 415
    assert httpx.post(url, content=body, headers=kind | {"origin": "https://a.example"}, timeout=60).status_code == 403


def test_an_unforeseen_failure_is_a_500_with_its_traceback_in_the_log(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("tripped")

    with monkeypatch.context() as patch:
        patch.setattr(server.llm, "prompt", broken)
        with pytest.raises(openai.InternalServerError, match="ZeroDivisionError") as failed:
            create(server)
    assert failed.value.type == "server_error"
    deadline = time.monotonic() + 60
    while "tripped" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)  # the log is written after the answer
    assert "tripped" in caplog.text
    assert "Traceback" in caplog.text
    assert server.post().status_code == 200


def test_a_failure_in_mid_stream_is_an_event(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = server.llm._engine.runner
    forward, calls = runner.forward, []

    def breaks_later(chunks: Any) -> Any:
        calls.append(chunks)
        if len(calls) > 4:
            raise ZeroDivisionError("tripped")
        return forward(chunks)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "forward", breaks_later)
        stream = create(server, stream=True, max_tokens=50)
        with pytest.raises(openai.APIError, match="ZeroDivisionError"):
            list(stream)
        calls.clear()
        with pytest.raises(openai.InternalServerError, match="ZeroDivisionError"):
            create(server, max_tokens=50)
    assert server.is_idle()
    assert server.post().status_code == 200
