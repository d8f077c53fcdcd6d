"""What lies between HTTP and every dialect: bodies in; JSON, events and errors out; answers that are being made.

The engine calls back from its step thread; `RunningAnswer` carries the deltas over into the event loop.  A client
that goes away, in the middle of a stream or while it waits for a whole answer, aborts its request there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pydantic_core
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from huozhong.engine.llm import Completion, Delta, Handle
from huozhong.errors import RequestError
from huozhong.server.dialects import ChatReply, Event
from huozhong.server.dialects.openai.errors import error_body as openai_error
from huozhong.server.failures import Failure, known_failure, server_failure, stopped

log = logging.getLogger("huozhong.server")

# What a path begins with -> how its errors are worded; the first that fits, so OpenAI's, for all that is no other's,
# stay last.
ERROR_BODIES: tuple[tuple[str, Callable[[Failure], dict[str, Any]]], ...] = (("", openai_error),)

# DeepSeek's servers too send a comment now and then while the model is still reading a long prompt, so that
# neither the client nor a proxy takes the connection for dead.
KEEP_ALIVE_SECONDS = 10.0

# A stream's pieces are sent at most so often: at thousands of tokens a second, an event and a write for each of them
# would cost more than the tokens.  The first piece and the last are never held back.
PIECE_SECONDS = 0.01


# -- bodies, and answers that are there at once ----------------------------------------------------


async def json_body(request: Request) -> dict[str, Any]:
    """The object in a body that says it is JSON (a web page could send another kind without asking).

    Raises `RequestError`.  How large a body may be is `guard`'s.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(
            "Send the request with the header Content-Type: application/json.", code="unsupported_media_type"
        )
    return parse_json(await request.body())


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body; `RequestError` when it is none."""
    try:
        raw = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(raw, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(raw), "a number or boolean")
        raise RequestError(f"The body must be a JSON object, not {kind}.", code="invalid_json")
    return raw


def json_response(content: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(pydantic_core.to_json(content), status, headers, "application/json")


def error_response(failure: Failure, path: str) -> Response:
    """The failure of a request to `path`, in the words of the dialect that is spoken there."""
    body = next(body for start, body in ERROR_BODIES if path.startswith(start))
    return json_response(body(failure), failure.status, failure.headers)


# -- answers that are being made -------------------------------------------------------------------


class RunningAnswer:
    """A request in the engine: its deltas, in lists of all that have come by now."""

    def __init__(self, start: Callable[[Callable[[Delta], None]], Handle]) -> None:
        """start: hands the request to the engine, which will call back with its deltas."""
        self._loop = asyncio.get_running_loop()
        self._deltas: deque[Delta] = deque()  # filled in the engine's thread
        self._is_told = False  # that there are some
        self._some, self._last = asyncio.Event(), asyncio.Event()
        self._handle = start(self._on_delta)

    def _on_delta(self, delta: Delta) -> None:
        self._deltas.append(delta)
        if self._is_told and not delta.is_last:
            return
        self._is_told = True
        # The loop may be closed already while the server goes down; then nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, delta.is_last)

    def _tell(self, is_last: bool) -> None:
        self._some.set()
        if is_last:
            self._last.set()

    def abort(self) -> None:
        """End the request; its last delta comes with finish_reason "abort".  No effect on a finished one."""
        self._handle.abort()

    async def next(self, patience: float | None = None) -> list[Delta]:
        """Waits for at least one delta; after `patience` seconds without any, the list is empty."""
        try:
            async with asyncio.timeout(patience):
                await self._some.wait()
        except TimeoutError:
            return []
        # In this order: a delta that comes in between is taken now, and told of once more for nothing.
        self._some.clear()
        self._is_told = False
        deltas = []
        while self._deltas:
            deltas.append(self._deltas.popleft())
        return deltas or await self.next(patience)

    async def collect(self, seconds: float) -> None:
        """Waits so long for more deltas, or until the last one is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._last.wait()


@contextlib.asynccontextmanager
async def watched(answers: list[RunningAnswer], receive: Receive) -> AsyncIterator[None]:
    """Abort the answers when the client goes away, and in any case when the block is left."""

    def abort() -> None:
        for answer in answers:
            answer.abort()

    async def abort_when_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        abort()

    watcher = asyncio.create_task(abort_when_gone())
    try:
        yield
    finally:
        watcher.cancel()
        abort()


async def whole_answer(answer: RunningAnswer, receive: Receive) -> Completion:
    """Waits for all of it; raises what the engine failed with, and `stopped()` where the server cut it off."""
    deltas: list[Delta] = []
    async with watched([answer], receive):
        while not deltas or not deltas[-1].is_last:
            deltas += await answer.next()
    if deltas[-1].finish_reason == "abort":
        raise stopped()
    return Completion.from_deltas(deltas)


EVENT_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would otherwise collect the whole answer
}


def stream_response(events: Iterable[Event], headers: Mapping[str, str]) -> Response:
    """A stream whose events are all there."""
    return Response(_framed(events), headers=EVENT_HEADERS | dict(headers))


class EventStream(Response):
    """Server-sent events, in the reply's words: its beginning, each piece, and an error event on failure."""

    def __init__(self, answer: RunningAnswer, reply: ChatReply) -> None:
        self._answer = answer
        self._reply = reply
        self.status_code = 200
        self.background = None
        self.init_headers(EVENT_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with watched([self._answer], receive):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for data in self._pieces():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            yield _framed(self._reply.first())
            deltas: list[Delta] = []
            while not deltas or not deltas[-1].is_last:
                deltas = await self._answer.next(KEEP_ALIVE_SECONDS)
                data = b"".join(self._encode(delta) for delta in joined(deltas)) if deltas else b": keep-alive\n\n"
                if data:  # a delta whose text is held back says nothing yet
                    yield data
                    await self._answer.collect(PIECE_SECONDS)
        except Exception as error:
            # The status line is long gone: the error is an event, and the traceback goes to the log.
            log.exception("answer %s failed in mid-stream", self._reply.id)
            message = f"The server failed amid this answer ({type(error).__name__}); its log says why."
            yield _framed([self._reply.failed(server_failure(message))])

    def _encode(self, delta: Delta) -> bytes:
        error = stopped() if delta.finish_reason == "abort" else delta.error
        if error is None:
            return _framed(self._reply.events(delta))
        failure = known_failure(error)
        if isinstance(error, RequestError):  # in a stream even `stopped()` is of this kind
            failure = replace(failure, kind="invalid_request_error")
        return _framed([self._reply.failed(failure)])


def joined(deltas: list[Delta]) -> list[Delta]:
    """The same answer in fewer deltas: neighbours become one, as long as no reasoning follows text in it."""
    out: list[Delta] = []
    for delta in deltas:
        before = out[-1] if out else None
        if before is None or before.error is not None or delta.error is not None or (before.text and delta.reasoning):
            out.append(delta)
        else:
            out[-1] = replace(
                delta,
                text=before.text + delta.text,
                reasoning=before.reasoning + delta.reasoning,
                token_ids=before.token_ids + delta.token_ids,
                logprobs=before.logprobs + delta.logprobs,
            )
    return out


def _framed(events: Iterable[Event]) -> bytes:
    """Events as they go over the wire."""
    data = b""
    for event in events:
        head = b"" if event.name is None else b"event: " + event.name.encode() + b"\n"
        content = event.data.encode() if isinstance(event.data, str) else pydantic_core.to_json(event.data)
        data += head + b"data: " + content + b"\n\n"
    return data
