"""Connections that keep the server waiting are closed; those that are merely slow are not."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import h11
import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong import LLM
from huozhong.server.connections import Limits, Straight

IMPATIENT = Limits(head_seconds=0.4, body_seconds=0.4, body_rate=1_000, max_silent=5)
LATEST = 15.0  # the usual limits are 20 seconds: who hangs up before that keeps to the test's own
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def impatient(llm: LLM) -> Iterator[Running]:
    with serving(llm, limits=IMPATIENT) as running:
        yield running


def connect(running: Running) -> socket.socket:
    url = urlsplit(running.url)
    assert url.hostname is not None
    return socket.create_connection((url.hostname, url.port or 80), timeout=60)


def ended(connection: socket.socket) -> float:
    """Waits until the other side hangs up without a word; when that was."""
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    return time.monotonic()


@pytest.mark.parametrize("said", [b"", b"GET /hea", HEAD])
def test_half_a_head_is_waited_for_only_so_long(impatient: Running, said: bytes) -> None:
    began = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(said)
        assert 0.3 < ended(connection) - began < LATEST


def test_half_a_head_after_an_answer_is_no_better(impatient: Running) -> None:
    began = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
        assert b"200 OK" in answer
        assert ended(connection) - began < LATEST


def test_a_body_that_trickles_is_given_up_and_one_that_flows_is_not(impatient: Running) -> None:
    began = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n{")
        assert 0.3 < ended(connection) - began < LATEST
    body = b'{"model": "' + impatient.llm.name.encode() + b'", "messages": [{"role": "user", "content": "'
    body += b"a" * 3_000 + b'"}], "max_tokens": 1}'
    body += b" " * (40_000 - len(body))
    with connect(impatient) as connection:
        begun = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode()
        for at in range(0, len(body), 5_000):  # more than a second in all, and well ahead of the rate from the first on
            connection.sendall(begun + body[at : at + 5_000])
            begun = b""
            time.sleep(0.13)
        assert b"200 OK" in connection.recv(4096)


def test_an_answer_may_take_longer_than_any_request(llm: LLM) -> None:
    with serving(llm, limits=Limits(head_seconds=0.05, body_seconds=0.05)) as running:
        began = time.monotonic()
        answer = running.post(max_tokens=2_000, ignore_eos=True)
        assert time.monotonic() - began > 0.1
        assert answer.json()["usage"]["completion_tokens"] == 2_000


def test_the_silent_shut_nobody_out_and_the_newest_of_them_stay(llm: LLM) -> None:
    with serving(llm, limits=Limits(head_seconds=600, max_silent=5)) as running:
        silent = []
        for _ in range(12):
            silent.append(connect(running))
            silent[-1].sendall(b"GET /hea")
        assert httpx.get(f"{running.url}/health").status_code == 200
        for connection in silent[:6]:
            ended(connection)
        silent[-1].sendall(b"lth HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in silent[-1].recv(4096)
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("headers", [[], [("Content-Length", "12")], [("Transfer-Encoding", "chunked")]])
def test_pieces_that_go_the_short_way_are_h11s_own_bytes(
    version: bytes, method: bytes, headers: list[tuple[str, str]]
) -> None:
    asked = method + b" / HTTP/" + version + b"\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
    said: list[bytes] = []
    for connection in (h11.Connection(h11.SERVER), Straight(h11.SERVER)):
        out = b""
        for status in (200, 201):
            connection.receive_data(asked)
            while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                pass
            pieces = [b""] * 2 if method == b"HEAD" else [b"data: ", "火".encode(), b"\r\n\n"]
            events = [h11.Response(status_code=status, headers=headers), *(h11.Data(data=piece) for piece in pieces)]
            for event in [*events, h11.EndOfMessage()]:
                out += connection.send(event) or b""
            if connection.our_state is h11.MUST_CLOSE:
                break
            connection.start_next_cycle()
        said.append(out)
    assert said[0] == said[1]


def test_a_piece_after_the_end_is_refused_on_the_short_way_too() -> None:
    connection = Straight(h11.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.next_event()
    connection.send(h11.Response(status_code=200, headers=[]))
    assert connection.send(h11.Data(data=b"a" * 17)) == b"11\r\n" + b"a" * 17 + b"\r\n"
    connection.send(h11.EndOfMessage())
    with pytest.raises(h11.LocalProtocolError):
        connection.send(h11.Data(data=b"more"))
