"""POST /v1/chat/completions: one request's way from its body to the engine and back.

The engine calls back from its step thread; `Answer` carries the deltas over into the event loop.  A client
that goes away, in the middle of a stream or while it waits for a whole answer, aborts its request there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pydantic_core
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from huozhong.engine.guides.guide import Grammar
from huozhong.engine.llm import LLM, Completion, Delta, Handle, SamplingParams
from huozhong.errors import HuozhongError, RequestError
from huozhong.server.dialects.openai.chat import ChatCall, parse_chat
from huozhong.server.dialects.openai.reply import Reply, error_json
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK
from huozhong.text.tools import ToolCallParser

log = logging.getLogger("huozhong.server")
router = APIRouter()

# DeepSeek's servers too send a comment now and then while the model is still reading a long prompt, so that
# neither the client nor a proxy takes the connection for dead.
KEEP_ALIVE_SECONDS = 10.0


# A stream's pieces are sent at most so often: at thousands of tokens a second, an event and a write for each of them
# would cost more than the tokens.  The first piece and the last are never held back.
PIECE_SECONDS = 0.01


class Answer:
    """One running request: its deltas as an async iterator of lists (all that have come by now)."""

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
async def watched(answers: list[Answer], receive: Receive) -> AsyncIterator[None]:
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


@router.post("/v1/chat/completions")
@router.post("/chat/completions")  # DeepSeek's path
async def chat_completions(request: Request) -> Response:
    llm: LLM = request.app.state.llm
    call = parse_chat(await json_body(request), request.app.state.defaults)
    check_model(llm, call.model)
    # In a thread: a prompt as long as a book takes a while to tokenize, as a large schema takes to compile, and
    # others are being answered.
    prepared = await asyncio.to_thread(prepare, llm, call)
    answer = Answer(
        lambda on_delta: llm.submit(
            prepared.prompt,
            prepared.params,
            on_delta,
            user=request.client.host if request.client else None,  # users take turns
        )
    )
    reply = Reply(
        model=llm.name,
        thinking=prepared.prompt.opens_thinking,
        think_end_id=_think_end_id(llm),
        include_usage=call.include_usage,
        calls=prepared.calls,
    )
    if call.stream:
        return EventStream(answer, reply)
    whole = await _whole(answer, request.receive)
    return json_response(reply.completion(whole, with_logprobs=call.params.logprobs is not None))


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON (a web page could send another kind without asking)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(
            "Send the request with the header Content-Type: application/json.", code="unsupported_media_type"
        )
    return await request.body()


def check_model(llm: LLM, model: str) -> None:
    if model != llm.name:
        raise RequestError(
            f"Model {model!r} is not served here; this server has {llm.name!r}.", param="model", code="model_not_found"
        )


@dataclass(frozen=True)
class Prepared:
    """A call ready for the engine.  calls: finds the tool calls in the answer, where tools were offered."""

    prompt: ChatPrompt
    params: SamplingParams
    calls: ToolCallParser | None = None


def prepare(llm: LLM, call: ChatCall) -> Prepared:
    """The prompt, and the guide compiled; `RequestError` for what the model cannot do."""
    want = call.wanted
    prompt = llm.prompt(call.messages, thinking=call.thinking, functions=want.functions)
    guide, parser = want.guide, None
    if want.functions:
        form = llm.template.tool_format
        assert form is not None, "the prompt has no functions then"
        guide = Grammar(form.grammar(want.functions, want.choice, llm.tokenizer.split_specials))
        parser = ToolCallParser(form, want.functions)
    if guide is None:
        return Prepared(prompt, call.params)
    try:
        llm.prepare(guide)
    except RequestError as error:
        raise RequestError(f"'{want.source}': {error}", param=want.source) from None
    return Prepared(prompt, replace(call.params, guide=guide), parser)


def _think_end_id(llm: LLM) -> int | None:
    return llm.tokenizer.token_id(END_THINK) if llm.tokenizer.has(END_THINK) else None


async def _whole(answer: Answer, receive: Receive) -> Completion:
    deltas: list[Delta] = []
    async with watched([answer], receive):
        while not deltas or not deltas[-1].is_last:
            deltas += await answer.next()
    return _checked(Completion.from_deltas(deltas))


def _checked(whole: Completion) -> Completion:
    if whole.finish_reason == "abort":
        raise stopped()
    return whole


def stopped() -> RequestError:
    """What a client is told whose answer was cut off by the server (one that left is told nothing)."""
    return RequestError("The server was stopped before the answer was complete; ask again.", code="aborted")


class EventStream(Response):
    """Server-sent events: a `data:` line per chunk, `data: [DONE]` at the end, an error event on failure."""

    def __init__(self, answer: Answer, reply: Reply) -> None:
        self._answer = answer
        self._reply = reply
        self.status_code = 200
        self.background = None
        # X-Accel-Buffering: nginx would otherwise collect the whole answer.
        self.init_headers(
            {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with watched([self._answer], receive):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for data in self._events():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self) -> AsyncIterator[bytes]:
        try:
            yield _event(self._reply.first_chunk())
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
            yield _event(error_json(message, kind="server_error", code="internal_error"))

    def _encode(self, delta: Delta) -> bytes:
        error: HuozhongError | None = stopped() if delta.finish_reason == "abort" else delta.error
        if error is not None:
            kind = "invalid_request_error" if isinstance(error, RequestError) else "server_error"
            return _event(error_json(error, kind=kind, code="internal_error"))
        data = b"".join(_event(chunk) for chunk in self._reply.chunks(delta))
        return data + b"data: [DONE]\n\n" if delta.is_last else data


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


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + pydantic_core.to_json(content) + b"\n\n"


def json_response(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(pydantic_core.to_json(content), status, headers, "application/json")
