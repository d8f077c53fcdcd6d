"""Bodies, pieces that travel together and say the same, streams that are kept alive, clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message
from tests.server.conftest import Running

from huozhong.engine.llm import Completion, Delta
from huozhong.errors import EngineError, RequestError
from huozhong.server import beat, http
from huozhong.server.dialects import ChatReply, Event
from huozhong.server.failures import Failure, refusal
from huozhong.server.http import MOST_TEXTS, EventStream, RunningAnswers, joined, parse_json

HELLO = [{"role": "user", "content": "你好"}]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"a":NaN}', b"\xff", b"[" * 10**5])
def test_a_body_that_is_no_json_object(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        parse_json(body)
    assert caught.value.code == "invalid_json"


def test_a_body_of_far_too_many_parts_is_refused_before_it_is_read() -> None:
    many = b'{"a": [' + b",".join([b'"b"'] * MOST_TEXTS) + b"]}"
    with pytest.raises(RequestError, match="about 65,537 names and texts; at most 65,536") as caught:
        parse_json(many)
    assert caught.value.code == "request_too_large"
    quoted = json.dumps({"a": 'He said "no" and "yes".\n' * 40_000}).encode()  # 80,000 quotes, and two texts
    assert len(parse_json(quoted)["a"]) > 900_000


def test_neighbours_become_one() -> None:
    deltas = [
        Delta(reasoning="a", token_ids=(1,)),
        Delta(reasoning="b", token_ids=(2,)),
        Delta(text="c", token_ids=(3,)),
        Delta(text="d", token_ids=(4,), finish_reason="stop"),
    ]
    whole = Delta(reasoning="ab", text="cd", token_ids=(1, 2, 3, 4), finish_reason="stop")
    assert joined([(0, delta) for delta in deltas]) == [(0, whole)]
    mixed = [(1, deltas[0]), (0, deltas[2]), (1, deltas[1]), (0, deltas[3])]
    assert [(index, delta.reasoning + delta.text) for index, delta in joined(mixed)] == [(0, "cd"), (1, "ab")]
    assert joined([]) == []


def test_reasoning_after_text_and_errors_stay_apart() -> None:
    broken = Delta(error=EngineError("broken"))
    deltas = [Delta(text="a"), Delta(reasoning="b"), Delta(text="c"), broken]
    apart = [Delta(text="a"), Delta(reasoning="b", text="c"), broken]
    assert joined([(0, delta) for delta in deltas]) == [(0, delta) for delta in apart]


def scripted(deltas: list[Delta]) -> RunningAnswers:
    """An answer whose deltas are there at once."""

    def start(on_delta: Callable[[Delta], None]) -> Any:
        for delta in deltas:
            on_delta(delta)
        return SimpleNamespace(abort=lambda: None)

    return RunningAnswers([start])


def test_every_delta_arrives_once_and_in_order_from_another_thread() -> None:
    async def run() -> list[Delta]:
        loop = asyncio.get_running_loop()
        tasks = []

        def start(on_delta):  # type: ignore[no-untyped-def]
            def work() -> None:
                for i in range(2000):
                    on_delta(Delta(token_ids=(i,), finish_reason="stop" if i == 1999 else None))
                    if i % 100 == 0:
                        time.sleep(0.001)

            tasks.append(loop.run_in_executor(None, work))
            return SimpleNamespace(abort=lambda: None)

        answer = RunningAnswers([start])
        got: list[Delta] = []
        while not got or not got[-1].is_last:
            got += [delta for _, delta in await answer.next()]
        await tasks[0]
        return got

    assert [d.token_ids[0] for d in asyncio.run(run())] == list(range(2000))


def collecting(delta: Delta) -> float:
    """How long collecting takes after this delta, when no more come."""

    async def run() -> float:
        answer = scripted([delta])
        await answer.next()
        began = time.perf_counter()
        await answer.collect()
        return time.perf_counter() - began

    return asyncio.run(run())


def test_collecting_ends_with_the_last_delta_and_otherwise_at_the_next_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "BEAT_SECONDS", 0.05)
    assert 0.04 <= collecting(Delta(text="a")) < 30
    monkeypatch.setattr(beat, "BEAT_SECONDS", 60)
    assert collecting(Delta(finish_reason="stop")) < 30


def test_what_comes_between_two_beats_comes_together_and_the_last_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "BEAT_SECONDS", 60)  # the test would see every wait for a beat

    async def run() -> list[list[str]]:
        tell: list[Callable[[Delta], None]] = []

        def start(on_delta: Callable[[Delta], None]) -> Any:
            tell.append(on_delta)
            return SimpleNamespace(abort=lambda: None)

        answer, came = RunningAnswers([start]), []
        waiting = asyncio.create_task(answer.next())
        await asyncio.sleep(0)
        await asyncio.to_thread(tell[0], Delta(text="a"))
        came.append(await waiting)
        collecting = asyncio.create_task(answer.collect())
        for delta in (Delta(text="b"), Delta(text="c"), Delta(text="d", finish_reason="stop")):
            await asyncio.to_thread(tell[0], delta)
        await collecting
        came.append(await answer.next())
        return [[delta.text for _, delta in pieces] for pieces in came]

    assert asyncio.run(asyncio.wait_for(run(), 30)) == [["a"], ["b", "c", "d"]]


# -- a stream in words that are nobody's ------------------------------------------------------------


class Telegram(ChatReply):
    """A dialect for the tests: events have names, and text is capitalised."""

    id = "telegram-1"

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        return {"said": answers[0].text.upper()}

    def first(self) -> Iterator[Event]:
        yield Event({"from": self.model}, "start")

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        yield Event({"said": delta.text.upper()}, "piece")
        if delta.is_last:
            yield Event("STOP")

    def failed(self, failure: Failure) -> Event:
        return Event({"status": failure.status, "why": failure.message}, "error")


def streamed(deltas: list[Delta]) -> bytes:
    """The body that a client gets of these deltas."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        reply = Telegram(model="m", thinking=False, think_end_id=None)
        await EventStream(scripted(deltas), reply)({"type": "http"}, asyncio.Event().wait, send)  # type: ignore[arg-type]

    asyncio.run(run())
    assert (sent[0]["type"], sent[0]["status"]) == ("http.response.start", 200)
    return b"".join(message["body"] for message in sent[1:])


def test_a_stream_is_in_the_words_of_its_dialect() -> None:
    said = streamed([Delta(text="你"), Delta(text="a", finish_reason="stop")])
    assert said.decode().split("\n\n") == [
        'event: start\ndata: {"from":"m"}', 'event: piece\ndata: {"said":"你A"}', "data: STOP", "",
    ]  # fmt: skip


def test_what_clients_take_for_the_end_of_a_line_is_escaped() -> None:
    said = streamed([Delta(text="a\u2028b\u2029c\x85d", finish_reason="stop")]).decode()
    assert 'data: {"said":"A\\u2028B\\u2029C\\u0085D"}' in said.splitlines()


@pytest.mark.parametrize(
    ("last", "status", "why"),
    [
        (Delta(error=EngineError("broken")), 500, "broken"),
        (Delta(error=RequestError("no guide")), 400, "no guide"),
        (Delta(finish_reason="abort"), 503, "The server was stopped before the answer was complete; ask again."),
    ],
)
def test_a_stream_that_cannot_go_on_ends_with_an_error(last: Delta, status: int, why: str) -> None:
    *_, error, end = streamed([Delta(reasoning="a"), last]).decode().split("\n\n")
    assert error == f'event: error\ndata: {{"status":{status},"why":"{why}"}}'
    assert end == ""


def test_a_silent_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 0.01)
    tell: list[Callable[[Delta], None]] = []
    sent: list[bytes] = []

    def start(on_delta: Callable[[Delta], None]) -> Any:
        tell.append(on_delta)
        return SimpleNamespace(abort=lambda: None)

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if sent[-1] == b": keep-alive\n\n" and tell:
            tell.pop()(Delta(text="a", finish_reason="stop"))  # only now, so that it was silent before

    async def run() -> None:
        reply = Telegram(model="m", thinking=False, think_end_id=None)
        stream = EventStream(RunningAnswers([start]), reply)
        await asyncio.wait_for(stream({"type": "http"}, asyncio.Event().wait, send), 30)  # type: ignore[arg-type]

    asyncio.run(run())
    assert b"".join(sent).endswith(b'event: piece\ndata: {"said":"A"}\n\ndata: STOP\n\n')


def test_errors_are_in_the_words_of_the_paths_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("/telegram/", lambda failure: {"why": failure.message})
    monkeypatch.setattr(http, "ERROR_BODIES", (ours, *http.ERROR_BODIES))
    assert http.error_response(refusal(404, "no", "not_found"), "/telegram/x").body == b'{"why":"no"}'
    openai = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "not_found"}}
    assert json.loads(http.error_response(refusal(404, "no", "not_found"), "/v1/x").body) == openai


# -- through a real server --------------------------------------------------------------------------


def test_clients_skip_the_comments_of_a_silent_stream(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 1e-6)
    monkeypatch.setattr(beat, "BEAT_SECONDS", 0.0)
    stream = server.client.chat.completions.create(
        model=server.llm.name, messages=HELLO, max_tokens=64, temperature=0, stream=True
    )
    assert len(list(stream)) > 2


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_request(server: Running, stream: bool) -> None:
    assert server.is_idle()
    host, port = server.url.removeprefix("http://").split(":")
    body, before = json.dumps(server.body(stream=stream, max_tokens=8000)).encode(), server.llm.stats()
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        if stream:
            while b'"content"' not in connection.recv(4096):
                pass
        while server.llm.stats().steps == before.steps:
            time.sleep(0.001)
    assert server.is_idle()
    assert server.llm.stats().generated_tokens - before.generated_tokens < 8000
    assert server.llm._engine.scheduler.pool.num_used == 0
    assert server.post().status_code == 200
