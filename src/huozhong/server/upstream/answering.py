"""An engine's answer to a conversation of this house, in the deltas that its own engine would give."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huozhong.engine.queueing import Progress
from huozhong.engine.requests import Delta, FinishReason, Usage
from huozhong.errors import EngineError, RequestError
from huozhong.server.upstream.engines import CONNECT_SECONDS, Engine, Engines, none_left, retry_after
from huozhong.text.wire import Used, error_sentence, pieces

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class Distant:
    """An answer that is being made elsewhere, in a thread of its own; the handle to it.

    on_delta is called from that thread; the last delta has a finish_reason or an error.
    shows_reasoning: what is thought is told; some dialects tell it to those alone who ask.
    """

    def __init__(
        self,
        engines: Engines,
        model: str,
        body: dict[str, Any],
        on_delta: Callable[[Delta], None],
        *,
        shows_reasoning: bool = True,
    ) -> None:
        self._shows_reasoning = shows_reasoning
        self._engines, self._model, self._on_delta = engines, model, on_delta
        self._body = body | {"model": model, "stream": True, "stream_options": {"include_usage": True}}
        self._stopped = threading.Event()
        self._answer: httpx.Response | None = None
        self._state = _State()
        threading.Thread(target=self._run, name="huozhong-distant", daemon=True).start()

    def abort(self) -> None:
        """End it; its last delta says "abort".  A finished one stays."""
        self._stopped.set()
        if (answer := self._answer) is not None:
            threading.Thread(target=answer.close, daemon=True).start()

    def progress(self) -> Progress:
        """Nothing is known of the queue of another's engine."""
        return Progress(place=0, seconds=None, prompt_done=0, prompt_total=0)

    def _run(self) -> None:
        import httpx

        try:
            last = self._ask()
        except RequestError as error:
            last = Delta(error=error, usage=self._state.usage())
        except httpx.HTTPError as error:
            failed = EngineError(f"The engine elsewhere failed amid this answer ({type(error).__name__}); ask again.")
            last = Delta(error=failed, usage=self._state.usage())
        except Exception as error:  # whatever it is, who waits must hear of the end
            last = Delta(error=EngineError(f"The engine elsewhere failed ({error})."), usage=self._state.usage())
        if self._stopped.is_set():
            last = Delta(finish_reason="abort", usage=self._state.usage())
        self._on_delta(last)

    def _ask(self) -> Delta:
        """The last delta, of the first engine that says anything."""
        import httpx

        reasons: list[str] = []
        wait: float | None = None
        timeout = httpx.Timeout(self._engines.patience, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout) as client:
            for engine in self._engines.candidates(self._model):
                self._engines.begin(engine)
                try:
                    said = self._from(client, engine)
                    if isinstance(said, Delta):
                        engine.answered()
                        return said
                    reasons.append(f"{engine.url}: {said[0]}")
                    if said[1] is not None:
                        wait = min(wait or 1e9, said[1])
                    engine.failed(said[1])
                except httpx.HTTPError as error:
                    engine.failed()
                    if self._state.has_begun or self._stopped.is_set():
                        raise
                    reasons.append(f"{engine.url}: {str(error) or type(error).__name__}")
                finally:
                    self._engines.end(engine)
        raise none_left(self._model, reasons, wait)

    def _from(self, client: httpx.Client, engine: Engine) -> Delta | tuple[str, float | None]:
        """The last delta; or why this engine did not take it, and how long it asks to wait."""
        import httpx

        address = f"{engine.url}/v1/chat/completions"
        with client.stream("POST", address, json=self._body, headers=engine.headers) as answer:
            self._answer = answer
            status = answer.status_code
            if status == 429:
                return "busy", retry_after(answer) or 1.0
            if status >= 500 or status in (401, 403, 404):
                return f"HTTP {status}", None
            if status != 200:
                answer.read()
                raise RequestError(error_sentence(answer.text))
            reason: FinishReason | None = None
            stop: str | None = None
            for said in pieces(answer.iter_text()):
                if said.usage is not None:
                    self._state.used = said.usage
                if said.text or said.reasoning or said.calls:
                    self._state.begin()
                    reasoning = said.reasoning if self._shows_reasoning else ""
                    self._on_delta(Delta(text=said.text, reasoning=reasoning, calls=said.calls))
                if said.finish_reason is not None:
                    reason, stop = _REASONS.get(said.finish_reason, "stop"), said.stop
        if reason is not None:
            return Delta(finish_reason=reason, stop_string=stop, usage=self._state.usage())
        if self._state.has_begun:
            raise httpx.RemoteProtocolError("the answer ended in the middle")
        return "it ended before it said anything", None


@dataclass
class _State:
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    pieces: int = 0
    used: Used | None = None

    def begin(self) -> None:
        self.pieces += 1
        if self.first is None:
            self.first = time.monotonic() - self.began

    @property
    def has_begun(self) -> bool:
        return self.first is not None

    def usage(self) -> Usage:
        """What was said to be used; a piece for a token where nothing was."""
        return usage_elsewhere(self.used or Used(completion=self.pieces), self.first, self.began)


def usage_elsewhere(used: Used, first: float | None, began: float) -> Usage:
    """What an engine elsewhere says that it used.

    first: seconds to the first token; began: when it was asked, in the clock of `time.monotonic`.
    """
    return Usage(
        prompt_tokens=used.prompt,
        completion_tokens=used.completion,
        reasoning_tokens=min(used.reasoning, used.completion),
        cache_hit_tokens=min(used.cached, used.prompt),
        seconds_to_first_token=first,
        seconds=time.monotonic() - began,
    )


def chat_body(messages: Sequence[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    """What an engine is asked for a conversation.  settings: the conversation's own."""
    chosen = {name: settings[name] for name in ("temperature", "top_p", "max_tokens") if settings.get(name) is not None}
    if settings.get("thinking") is False:
        chosen["thinking"] = {"type": "disabled"}
    return {"messages": list(messages), **chosen}
