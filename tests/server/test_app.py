"""Whatever comes in, the server goes on serving."""

from __future__ import annotations

import json
import random
import socket
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running


def test_something_that_is_not_http(server: Running) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b"400" in connection.recv(1000)
    assert server.post().status_code == 200


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
    with httpx.Client(timeout=120) as client:
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
