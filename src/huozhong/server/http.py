"""What lies between HTTP and every dialect: bodies in; JSON, events and errors out; answers that are being made.

The engine calls back from its step thread; `RunningAnswers` carry the deltas over into the event loop.  A client
that goes away, in the middle of a stream or while it waits for a whole answer, aborts its request there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qs

import pydantic_core
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from huozhong.engine.llm import Completion, Delta, Progress
from huozhong.errors import RequestError
from huozhong.server.beat import beat_of
from huozhong.server.dialects import Event, Reply
from huozhong.server.dialects.anthropic.reply import error_body as anthropic_error
from huozhong.server.dialects.llamacpp.reply import error_body as llamacpp_error
from huozhong.server.dialects.ollama.reply import error_body as ollama_error
from huozhong.server.dialects.openai.errors import error_body as openai_error
from huozhong.server.failures import Failure, known_failure, server_failure, stopped

log = logging.getLogger("huozhong.server")

# What a path begins with -> how its errors are worded; the first that fits, so OpenAI's, for all that is no other's,
# stay last.
ERROR_BODIES: tuple[tuple[str, Callable[[Failure], dict[str, Any]]], ...] = (
    ("/v1/messages", anthropic_error),
    ("/anthropic/", anthropic_error),
    ("/api/", ollama_error),
    ("/completions", openai_error),
    *((path, llamacpp_error) for path in ("/completion", "/infill", "/props", "/slots", "/rerank", "/v1/rerank")),
    ("", openai_error),
)

# DeepSeek's servers too send a comment now and then while the model is still reading a long prompt, so that
# neither the client nor a proxy takes the connection for dead.
KEEP_ALIVE_SECONDS = 10.0


# -- bodies, and answers that are there at once ----------------------------------------------------


async def json_body(request: Request) -> dict[str, Any]:
    """The object in a body that says it is JSON, as web pages must (another kind they could send without asking).

    Programs, which send nothing of what browsers do, may leave it out or let it be curl's, as Ollama's and llama.cpp's.
    Raises `RequestError`.  How large a body may be is `guard`'s.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    of_a_browser = any(name in request.headers for name in ("origin", "referer", "cookie", "sec-fetch-site"))
    of_a_program = not of_a_browser and kind in ("", "application/x-www-form-urlencoded")
    if kind != "application/json" and not of_a_program:
        raise RequestError(
            "Send the request with the header Content-Type: application/json.", code="unsupported_media_type"
        )
    return parse_json(await request.body())


async def form_body(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form, as browsers without scripts send it; the guard has bounded its size."""
    try:
        fields = parse_qs((await request.body()).decode("utf-8"), max_num_fields=8, errors="strict")
    except ValueError:
        raise RequestError("The body is not a form; send application/x-www-form-urlencoded in UTF-8.") from None
    return {name: values[0].replace("\r\n", "\n") for name, values in fields.items()}


# Names and texts in a body.  A conversation of a million tokens has a few thousand, and reading so many
# takes 40 ms, in which the interpreter does nothing else.
MOST_TEXTS = 65_536


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body; `RequestError` when it is none, or one of far too many parts."""
    texts = (body.count(b'"') - body.count(b'\\"')) // 2
    if texts > MOST_TEXTS:
        raise RequestError(
            f"The body has about {texts:,} names and texts; at most {MOST_TEXTS:,} are possible.",
            code="request_too_large",
        )
    try:
        # Some editors and shells put a byte order mark before what they save.
        raw = pydantic_core.from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(raw, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(raw), "a number or boolean")
        raise RequestError(f"The body must be a JSON object, not {kind}.", code="invalid_json")
    return raw


def json_response(
    content: dict[str, Any] | list[Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(pydantic_core.to_json(content), status, headers, "application/json")


def error_response(failure: Failure, path: str) -> Response:
    """The failure of a request to `path`, in the words of the dialect that is spoken there."""
    body = next(body for start, body in ERROR_BODIES if path.startswith(start))
    return json_response(body(failure), failure.status, failure.headers)


# -- answers that are being made -------------------------------------------------------------------


class Started(Protocol):
    """An answer that is being made: `engine.llm.Handle`, or one that is made elsewhere."""

    def abort(self) -> None: ...
    def progress(self) -> Progress: ...


Start = Callable[[Callable[[Delta], None]], Started]
Piece = tuple[int, Delta]


class RunningAnswers:
    """A request's answers in the engine: their deltas, each with its answer's number, as lists of what has come."""

    def __init__(self, starts: Iterable[Start]) -> None:
        """starts: each hands one answer's request to the engine, which will call back with its deltas."""
        self._loop = asyncio.get_running_loop()
        self._deltas: deque[Piece] = deque()  # filled in the engine's thread
        self._is_awaited = False  # the next delta, by somebody who has none
        self._some = asyncio.Event()
        self._collecting: asyncio.Future[None] | None = None
        self._handles: list[Started] = []
        self._unfinished = 0
        try:
            for index, start in enumerate(starts):
                self._unfinished += 1
                self._handles.append(start(partial(self._on_delta, index)))
        except BaseException:
            self.abort()
            raise
        self.number = len(self._handles)

    def _on_delta(self, index: int, delta: Delta) -> None:
        self._deltas.append((index, delta))
        if not self._is_awaited and not delta.is_last:
            return
        self._is_awaited = False
        # The loop may be closed already while the server goes down; then nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, delta.is_last)

    def _tell(self, is_last: bool) -> None:
        self._some.set()
        self._unfinished -= is_last
        if self._unfinished == 0 and self._collecting is not None and not self._collecting.done():
            self._collecting.set_result(None)

    def abort(self) -> None:
        """End them; their last deltas come with finish_reason "abort".  No effect on finished ones."""
        for handle in self._handles:
            handle.abort()

    def progress(self) -> Progress:
        """How far the first of them is."""
        return self._handles[0].progress()

    async def next(self, patience: float | None = None) -> list[Piece]:
        """Waits for at least one delta; after `patience` seconds without any, the list is empty."""
        while not self._deltas:
            self._some.clear()
            self._is_awaited = True
            if self._deltas:  # it came before the engine's thread could know that it is awaited
                break
            try:
                async with asyncio.timeout(patience):
                    await self._some.wait()
            except TimeoutError:
                break
        self._is_awaited = False
        deltas = []
        while self._deltas:
            deltas.append(self._deltas.popleft())
        return deltas

    async def collect(self) -> None:
        """Waits for the next beat, or until the last delta is there: what has come until then goes out together."""
        if self._unfinished > 0:
            self._collecting = beat_of(self._loop).next()
            await self._collecting

    async def begun(self) -> None:
        """Waits for the first delta and takes none; raises what ended an answer before it said anything."""
        pieces = await self.next()
        self._deltas.extendleft(reversed(pieces))
        if (error := pieces[0][1].error) is not None:
            raise error

    async def all(self) -> list[list[Delta]]:
        """Waits for everything: each answer's deltas."""
        deltas: list[list[Delta]] = [[] for _ in range(self.number)]
        while not all(one and one[-1].is_last for one in deltas):
            for index, delta in await self.next():
                deltas[index].append(delta)
                if delta.error is not None:
                    raise delta.error
                if delta.finish_reason == "abort":
                    raise stopped()
        return deltas


@contextlib.asynccontextmanager
async def watched(answers: RunningAnswers, receive: Receive) -> AsyncIterator[None]:
    """Abort the answers when the client goes away, and in any case when the block is left."""
    try:
        async with _left(answers, receive):
            yield
    finally:
        answers.abort()


@contextlib.asynccontextmanager
async def _left(answers: RunningAnswers, receive: Receive) -> AsyncIterator[None]:
    """Abort the answers when the client goes away."""

    async def abort_when_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        answers.abort()

    watcher = asyncio.create_task(abort_when_gone())
    try:
        yield
    finally:
        watcher.cancel()


async def begun(answers: RunningAnswers, receive: Receive) -> None:
    """Waits until they say something; raises what ended one before.  A client that goes away meanwhile ends them."""
    try:
        async with _left(answers, receive):
            await answers.begun()
    except BaseException:
        answers.abort()
        raise


async def whole_answers(answers: RunningAnswers, receive: Receive) -> list[Completion]:
    """Waits for all of them; raises what the engine failed with, and `stopped()` where the server cut one off."""
    async with watched(answers, receive):
        return [Completion.from_deltas(deltas) for deltas in await answers.all()]


EVENT_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would otherwise collect the whole answer
}


LINE_HEADERS = EVENT_HEADERS | {"content-type": "application/x-ndjson"}


def stream_response(reply: Reply, last: Delta, headers: Mapping[str, str]) -> Response:
    """A stream of one answer that is all there."""
    body = framed(reply, [*reply.first(), *reply.events(0, last)])
    return Response(body, headers=_headers(reply) | dict(headers))


def _headers(reply: Reply) -> dict[str, str]:
    return EVENT_HEADERS if reply.framing == "events" else LINE_HEADERS


class EventStream(Response):
    """A stream in the reply's words: its beginning, each piece, and an error on failure."""

    def __init__(
        self, answers: RunningAnswers, reply: Reply, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._answers = answers
        self._reply = reply
        self.status_code = 200
        self.background = None
        self.init_headers(_headers(reply) | dict(headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with watched(self._answers, receive):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for data in self._pieces():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncIterator[bytes]:
        silence = b": keep-alive\n\n" if self._reply.framing == "events" else b""  # lines know no comments
        unfinished = self._answers.number
        try:
            yield framed(self._reply, self._reply.first())
            while unfinished:
                pieces = await self._answers.next(KEEP_ALIVE_SECONDS)
                data = b"" if pieces else silence
                for index, delta in joined(pieces) if self._reply.joins else pieces:
                    failure = _failure(delta)
                    if failure is not None:
                        yield data + framed(self._reply, [self._reply.failed(failure)])
                        return
                    data += framed(self._reply, self._reply.events(index, delta))
                    unfinished -= delta.is_last
                if data:  # a delta whose text is held back says nothing yet
                    yield data
                    await self._answers.collect()
        except Exception as error:
            # The status line is long gone: the error is an event, and the traceback goes to the log.
            log.exception("answer %s failed in mid-stream", self._reply.id)
            message = f"The server failed amid this answer ({type(error).__name__}); its log says why."
            yield framed(self._reply, [self._reply.failed(server_failure(message))])


def _failure(delta: Delta) -> Failure | None:
    """Why a stream cannot go on after this delta; None where it can."""
    error = stopped() if delta.finish_reason == "abort" else delta.error
    if error is None:
        return None
    failure = known_failure(error)
    if isinstance(error, RequestError):  # in a stream even `stopped()` is of this kind
        failure = replace(failure, kind="invalid_request_error")
    return failure


def joined(pieces: list[Piece]) -> list[Piece]:
    """The same answers in fewer deltas: neighbours become one, as long as no reasoning follows text in it."""
    runs: list[tuple[int, list[Delta]]] = []
    has_text = after_alone = False
    for index, delta in sorted(pieces, key=lambda piece: piece[0]):
        stands_alone = delta.error is not None or delta.reading is not None or bool(delta.calls)
        is_broken = stands_alone or after_alone or (has_text and delta.reasoning != "")
        if not runs or runs[-1][0] != index or is_broken:
            runs.append((index, []))
            has_text = False
        runs[-1][1].append(delta)
        after_alone = stands_alone
        has_text = has_text or delta.text != ""
    return [(index, _one(deltas)) for index, deltas in runs]


def _one(deltas: list[Delta]) -> Delta:
    if len(deltas) == 1:
        return deltas[0]
    return replace(
        deltas[-1],
        text="".join(delta.text for delta in deltas),
        reasoning="".join(delta.reasoning for delta in deltas),
        token_ids=tuple(token for delta in deltas for token in delta.token_ids),
        logprobs=tuple(one for delta in deltas for one in delta.logprobs),
    )


# Where JSON lets them stand as they are, many clients take them for the end of a line.
_LINE_ENDS = {chr(end).encode(): f"\\u{end:04x}".encode() for end in (0x85, 0x2028, 0x2029)}


def framed(reply: Reply, events: Iterable[Event]) -> bytes:
    """Pieces as they go over the wire."""
    data = b""
    for event in events:
        data += _content(event) + b"\n" if reply.framing == "lines" else server_sent(event)
    return data


def server_sent(event: Event) -> bytes:
    """One server-sent event."""
    head = b"" if event.name is None else b"event: " + event.name.encode() + b"\n"
    return head + b"data: " + _content(event) + b"\n\n"


def _content(event: Event) -> bytes:
    content = event.data.encode() if isinstance(event.data, str) else pydantic_core.to_json(event.data)
    for end, escaped in _LINE_ENDS.items():
        content = content.replace(end, escaped)
    return content
