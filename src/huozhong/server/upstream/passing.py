"""A request in OpenAI's dialect, passed on as it is; its answer comes back as it is, with what it used counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from huozhong.server.dialects.openai.errors import error_body
from huozhong.server.failures import server_failure
from huozhong.server.http import EVENT_HEADERS
from huozhong.server.identity import person_of
from huozhong.server.ledger import Ledger
from huozhong.server.upstream.answering import usage_elsewhere
from huozhong.server.upstream.engines import CONNECT_SECONDS, Engine, Engines, none_left, retry_after
from huozhong.text.wire import Used, usage_of

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

log = logging.getLogger("huozhong.server")


async def pass_on(request: Request, engines: Engines, model: str, path: str, body: dict[str, Any]) -> Response:
    """The answer of an engine that has the model to a body whose "model" is that name."""
    passing = _Passing(request, engines, model, path, dict(body) | {"model": model})
    return await (passing.stream() if body.get("stream") is True else passing.whole())


@dataclass
class _Passing:
    request: Request
    engines: Engines
    model: str
    path: str
    body: dict[str, Any]
    reasons: list[str] = field(default_factory=list)
    wait: float | None = None
    began: float = field(default_factory=time.monotonic)
    first: float | None = None

    def client(self) -> httpx.AsyncClient:
        import httpx

        patience = httpx.Timeout(self.engines.patience, connect=CONNECT_SECONDS)
        return httpx.AsyncClient(timeout=patience)

    async def whole(self) -> Response:
        import httpx

        async with self.client() as client:
            for engine in self.engines.candidates(self.model):
                with self._busy(engine):
                    try:
                        answer = await self._until_gone(
                            client.post(f"{engine.url}{self.path}", json=self.body, headers=engine.headers)
                        )
                    except httpx.HTTPError as error:
                        self._failed(engine, error)
                        continue
                if self._is_taken(engine, answer):
                    if answer.status_code == 200:
                        with contextlib.suppress(ValueError):
                            self._count(usage_of(answer.json()))
                    return Response(answer.content, answer.status_code, media_type="application/json")
        raise none_left(self.model, self.reasons, self.wait)

    async def _until_gone(self, asked: Any) -> httpx.Response:
        """The engine's answer; whoever goes away takes the question back."""
        task = asyncio.ensure_future(asked)

        async def watch() -> None:
            while (await self.request.receive())["type"] != "http.disconnect":
                pass
            task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            answer: httpx.Response = await task
            return answer
        finally:
            watcher.cancel()

    async def stream(self) -> Response:
        """Nothing goes out before the first piece of an answer is here: until then another engine can be asked."""
        import httpx

        wants_usage = (self.body.get("stream_options") or {}).get("include_usage") is True
        self.body["stream_options"] = {**(self.body.get("stream_options") or {}), "include_usage": True}
        client = self.client()
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(client)
        try:
            for engine in self.engines.candidates(self.model):
                inner = await stack.enter_async_context(contextlib.AsyncExitStack())
                inner.enter_context(self._busy(engine))
                try:
                    answer = await inner.enter_async_context(
                        client.stream("POST", f"{engine.url}{self.path}", json=self.body, headers=engine.headers)
                    )
                    if not self._is_taken(engine, answer):
                        await inner.aclose()
                        continue
                    if answer.status_code != 200:
                        content = await answer.aread()
                        await stack.aclose()
                        return Response(content, answer.status_code, media_type="application/json")
                    events = _events(answer)
                    begun = await self._begun(events)
                except httpx.HTTPError as error:
                    self._failed(engine, error)
                    await inner.aclose()
                    continue
                if begun is None:
                    self._failed(engine, "it ended before it said anything")
                    await inner.aclose()
                    continue
                engine.answered()
                pieces = self._pieces(stack, engine, begun, events, wants_usage)
                return StreamingResponse(pieces, headers=EVENT_HEADERS)
            raise none_left(self.model, self.reasons, self.wait)
        except BaseException:
            await stack.aclose()
            raise

    async def _begun(self, events: AsyncIterator[str]) -> list[str] | None:
        """The first events, up to one that says something; None for a stream that ends or fails before."""
        begun = []
        async for event in events:
            if _is_error(event):
                return None
            begun.append(event)
            if _says_something(event) or event == "[DONE]":
                self.first = time.monotonic() - self.began
                return begun
        return None

    async def _pieces(
        self,
        stack: contextlib.AsyncExitStack,
        engine: Engine,
        begun: list[str],
        events: AsyncIterator[str],
        usage: bool,
    ) -> AsyncIterator[bytes]:
        import httpx

        used: Used | None = None
        number, is_done = 0, False
        try:
            async for event in _after(begun, events):
                is_done = is_done or event == "[DONE]"
                found = _usage_in(event)
                used = found or used
                if found is not None and not usage and _has_no_choice(event):
                    continue
                number += 1
                yield b"data: " + event.encode() + b"\n\n"
            if not is_done:
                raise httpx.RemoteProtocolError("the connection ended in the middle of the answer")
        except httpx.HTTPError as error:
            # Some of the answer has gone out: another engine's would not continue it.
            engine.failed()
            log.warning("upstream %s failed amid an answer: %s", engine.url, error)
            failure = server_failure(f"The engine failed amid this answer ({type(error).__name__}); ask again.")
            yield b"data: " + json.dumps(error_body(failure)).encode() + b"\n\n"
        finally:
            self._count(used or Used(completion=number))
            with contextlib.suppress(httpx.HTTPError):
                await stack.aclose()

    # -- what came of it ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def _busy(self, engine: Engine) -> Any:
        self.engines.begin(engine)
        try:
            yield
        finally:
            self.engines.end(engine)

    def _is_taken(self, engine: Engine, answer: httpx.Response) -> bool:
        """Whether an answer is one; the client's own mistakes are told by the engine."""
        if answer.status_code == 429:
            asked = retry_after(answer)
            engine.failed(asked)
            self.wait = min(self.wait or 1e9, asked or 1.0)
            self.reasons.append(f"{engine.url}: busy")
            return False
        if answer.status_code >= 500 or answer.status_code in (401, 403, 404):
            self._failed(engine, f"HTTP {answer.status_code}")
            return False
        if answer.status_code == 200:
            engine.answered()
        return True

    def _failed(self, engine: Engine, error: Exception | str) -> None:
        engine.failed()
        text = (str(error) or type(error).__name__) if isinstance(error, Exception) else error
        log.warning("upstream %s: %s", engine.url, text)
        self.reasons.append(f"{engine.url}: {text}")

    def _count(self, used: Used | None) -> None:
        ledger: Ledger = self.request.app.state.ledger
        ledger.add(person_of(self.request).id, self.model, usage_elsewhere(used or Used(), self.first, self.began))


async def _after(begun: list[str], rest: AsyncIterator[str]) -> AsyncIterator[str]:
    for event in begun:
        yield event
    async for event in rest:
        yield event


async def _events(answer: httpx.Response) -> AsyncIterator[str]:
    """The data of server-sent events; lines end in \\n or \\r\\n alone, other ends may stand inside JSON."""
    rest = ""
    async for chunk in answer.aiter_text():
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            if line.startswith("data:"):
                yield line[5:].strip("\r ")
    if rest.startswith("data:"):
        yield rest[5:].strip("\r ")


def _read(event: str) -> dict[str, Any]:
    try:
        found = json.loads(event)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_error(event: str) -> bool:
    return bool(_read(event).get("error"))


def _says_something(event: str) -> bool:
    choices = _read(event).get("choices")
    for choice in choices if isinstance(choices, list) else []:
        said = (choice.get("delta") or choice.get("message") or {}) if isinstance(choice, dict) else {}
        names = ("content", "reasoning_content", "reasoning", "tool_calls")
        if any(said.get(name) for name in names) or choice.get("text") or choice.get("finish_reason"):
            return True
    return False


def _usage_in(event: str) -> Used | None:
    return usage_of(_read(event)) if '"usage"' in event else None


def _has_no_choice(event: str) -> bool:
    return not _read(event).get("choices")
