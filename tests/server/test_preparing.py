"""What is slow to prepare is prepared apart; what a guide cannot hold is told in a header."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tests.server.conftest import Running

from huozhong.server.preparing import LEFT_OUT, left_out_header

LOOKS_AHEAD = {"type": "string", "pattern": "^(?!x)a$"}
# Passes the limits of size, and takes the compiler seconds or for ever.
HEAVY = {"allOf": [{"type": "string", "pattern": f"(a|b){{{i},{i + 90}}}c"} for i in range(40)]}


def tool(parameters: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters} | more}


def schema_format(schema: dict[str, Any], *, strict: bool = False) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": strict}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_lenient_tool_is_held_to_what_can_be_held_and_the_rest_is_told(server: Running, stream: bool) -> None:
    parameters = {"type": "object", "properties": {"甲": LOOKS_AHEAD, "b": {"type": "array", "uniqueItems": True}}}
    answer = server.post(tools=[tool(parameters)], stream=stream)
    assert answer.status_code == 200
    assert unquote(answer.headers[LEFT_OUT]) == "f.properties.甲.pattern, f.properties.b.uniqueItems"
    refused = server.post(tools=[tool(parameters, strict=True)], stream=stream)
    assert refused.status_code == 400
    assert "function 'f': 'properties.甲.pattern'" in refused.json()["error"]["message"]
    assert refused.json()["error"]["param"] == "tools"


def test_a_lenient_response_format_too(server: Running) -> None:
    answer = server.post(response_format=schema_format(LOOKS_AHEAD))
    assert (answer.status_code, answer.headers[LEFT_OUT]) == (200, "pattern")
    refused = server.post(response_format=schema_format(LOOKS_AHEAD, strict=True))
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "response_format")
    assert LEFT_OUT not in server.post(response_format=schema_format({"type": "string"})).headers


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": ["object", "null"], "properties": {}},
        {"type": "object", "properties": None, "required": None},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 1.0}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/地址"}}, "$defs": {"地址": {"type": "string"}}},
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_parameters_as_clients_write_them(server: Running, parameters: dict[str, Any], strict: bool) -> None:
    answer = server.post(tools=[tool(parameters, strict=strict)], tool_choice="required", max_tokens=60)
    assert answer.status_code == 200, answer.text
    assert LEFT_OUT not in answer.headers


def test_the_header_stays_short() -> None:
    header = left_out_header(f"properties.字段{i}.pattern" for i in range(100))[LEFT_OUT]
    assert len(header) <= 1_010
    assert header.isascii()
    assert header.endswith(", ...")
    assert left_out_header([]) == {}


def test_heavy_forms_keep_no_chat_waiting(server: Running) -> None:
    def five() -> None:
        """Light chats with a tool."""
        for _ in range(5):
            assert server.post(tools=[tool({"type": "object"})]).status_code == 200

    five()
    body = server.body(response_format=schema_format(HEAVY, strict=True))
    waiting = [_asked(server, body) for _ in range(8)]
    time.sleep(0.3)
    five()
    # A trial takes five seconds of a processor, however long that is on a busy machine: the chats waited for none.
    assert select.select(waiting, [], [], 0)[0] == []
    began = _spent()
    for connection in waiting:
        connection.close()
    # All eight have left, so the trial of the first was ended and those of the others were never begun: they would be
    # 40 seconds.
    light = {"type": "object", "properties": {f"f{i}": {"type": "integer"} for i in range(900)}}
    assert server.post(response_format=schema_format(light)).status_code == 200
    assert _spent() - began < 20


def _spent() -> float:
    """Seconds of a processor, those of the trials' processes too."""
    return sum(os.times()[:4])


def _asked(server: Running, body: dict[str, Any]) -> socket.socket:
    """A connection on which this has been asked, and whose answer nobody has read."""
    host, port = server.url.removeprefix("http://").split(":")
    content = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((host, int(port)))
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def test_a_book_in_one_message_is_refused_at_once_and_counted_when_asked(server: Running) -> None:
    book = "今天天气很好，我们去公园玩。The quick brown fox. 12345\n" * 20_000
    began = time.process_time()  # the server's too: it is in this process
    refused = server.post(messages=[{"role": "user", "content": book}])
    assert time.process_time() - began < 2
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert "far too long" in refused.json()["error"]["message"]
    asked = {"model": server.llm.name, "messages": [{"role": "user", "content": book[:100_000]}]}
    counted = httpx.post(f"{server.url}/v1/messages/count_tokens", json=asked, timeout=60).json()
    assert counted["input_tokens"] > 30_000
