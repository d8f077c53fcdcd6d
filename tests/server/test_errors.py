"""Whatever comes in, the server answers with OpenAI's error object and goes on serving."""

from __future__ import annotations

import json
import random
import socket
import time
from typing import Any

import httpx
import openai
import pytest
from tests.server.conftest import Running

HELLO = [{"role": "user", "content": "你好"}]


def create(server: Running, **changes: Any) -> Any:
    arguments = {"model": server.llm.name, "messages": HELLO, "max_tokens": 4, "temperature": 0} | changes
    return server.client.chat.completions.create(**arguments)


def test_bad_requests_are_the_clients_exceptions(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="between 0 and 2") as bad:
        create(server, temperature=9)
    assert (bad.value.param, bad.value.code) == ("temperature", "invalid_value")
    assert bad.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="not supported yet"):
        create(server, logit_bias={"5": 1})
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
    answer = httpx.request(method, server.url + path, headers=headers, content=body, timeout=30)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert words in error["message"]
    assert error["code"]
    assert server.post().status_code == 200


def test_a_chunked_body_is_limited_too(server: Running) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100_000

    try:
        answer = httpx.post(
            f"{server.url}/v1/chat/completions",
            content=pieces(),
            headers={"content-type": "application/json"},
            timeout=30,
        )
    except httpx.WriteError:
        pass  # the server has closed the connection before the client was through
    else:
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request_too_large"
    assert server.post().status_code == 200


def test_own_page_and_addresses_pass_the_guard(server: Running) -> None:
    port = server.url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"192.168.3.4:{port}", f"[::1]:{port}"):
        headers = {"host": host, "origin": f"http://{host}"}
        assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200
    assert "access-control-allow-origin" not in httpx.get(f"{server.url}/v1/models").headers


def test_something_that_is_not_http(server: Running) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b"400" in connection.recv(1000)
    assert server.post().status_code == 200


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
    deadline = time.monotonic() + 5
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


# -- fuzz ----------------------------------------------------------------------------------------

_JUNK: list[Any] = [None, True, -1, 2**80, -1e300, "", "x", [], [None], {}, {"a": []}, [[["deep"]]]]
_FIELDS = ["messages", "temperature", "top_p", "top_k", "stop", "seed", "stream", "thinking",
           "n", "logprobs", "stream_options", "tools", "model", "user", "reasoning_effort"]  # fmt: skip


def malformed(good: dict[str, Any], dice: random.Random) -> bytes:
    """A good body with one thing wrong, as bytes; some of them happen to stay acceptable."""
    text = json.dumps(good).encode()
    match dice.randrange(6):
        case 0:
            return text[: dice.randrange(len(text))]
        case 1:
            spot = dice.randrange(len(text))
            return text[:spot] + bytes([dice.randrange(256)]) + text[spot + 1 :]
        case 2:
            return json.dumps(good | {dice.choice(_FIELDS): dice.choice(_JUNK)}).encode()
        case 3:
            change = {dice.choice(["role", "content", "x"]): dice.choice(_JUNK)}
            message = good["messages"][0] | change
            return json.dumps(good | {"messages": [message]}).encode()
        case 4:
            bad = dice.choice([b"\\ud800", b"\\x", b"\xff", b"\x00"])
            return text.replace("你好".encode("unicode_escape"), bad)
        case _:
            depth = dice.choice([50, 500, 50_000])
            return dice.choice([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])


@pytest.mark.slow
def test_two_hundred_malformed_bodies(server: Running) -> None:
    dice = random.Random(20)
    good = server.body(max_tokens=1)
    refused = 0
    with httpx.Client(timeout=30) as client:
        for _ in range(200):
            body = malformed(good, dice)
            answer = client.post(
                f"{server.url}/v1/chat/completions", content=body, headers={"content-type": "application/json"}
            )
            if answer.status_code != 200:
                refused += 1
                assert 400 <= answer.status_code < 500, body
                message = answer.json()["error"]["message"]
                assert message, body
                assert "\n" not in message, body
            assert client.post(f"{server.url}/v1/chat/completions", json=good).status_code == 200, body
    assert refused > 120
    assert server.is_idle()
