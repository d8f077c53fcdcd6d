"""Answers and failures -> Ollama's JSON: one object, or one a line while the answer grows."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.dialects import ChatReply, Event, parts_of
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart


def error_body(failure: Failure) -> dict[str, Any]:
    return {"error": failure.message}


@dataclass(kw_only=True)
class OllamaChatReply(ChatReply):
    """/api/chat's answers: a `message`.  Tool calls come whole, at the end."""

    framing: ClassVar[Literal["events", "lines"]] = "lines"

    def __post_init__(self) -> None:
        self.id = secrets.token_hex(12)
        self._calls = None if self.new_parser is None else self.new_parser()
        self._called: list[CallPart] = []

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        (answer,) = answers
        text = answer.text
        if self._calls is not None:
            parts = parts_of(self._calls, answer)
            text = "".join(part for part in parts if isinstance(part, str))
            self._called = [part for part in parts if not isinstance(part, str)]
        said = self._said(text, answer.reasoning, self._tool_calls())
        return self._head() | said | self._end(answer.finish_reason, answer.usage)

    def first(self) -> Iterator[Event]:
        return iter(())

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        parts = parts_of(self._calls, delta)
        text = "".join(part for part in parts if isinstance(part, str))
        self._called += [part for part in parts if not isinstance(part, str)]
        if delta.finish_reason is None:
            if text or delta.reasoning:
                yield Event(self._head() | self._said(text, delta.reasoning) | {"done": False})
            return
        calls = self._tool_calls()
        if text or delta.reasoning or calls:
            yield Event(self._head() | self._said(text, delta.reasoning, calls) | {"done": False})
        yield Event(self._head() | self._said("", "") | self._end(delta.finish_reason, delta.usage))

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure))

    def _said(self, text: str, reasoning: str, calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"thinking": reasoning} if reasoning else {}
        return {"message": message | ({"tool_calls": calls} if calls else {})}

    def _tool_calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        for part in self._called:
            if part.name is not None:
                function = {"index": part.index, "name": part.name, "arguments": ""}
                calls.append({"id": f"call_{secrets.token_hex(12)}", "function": function})
            calls[-1]["function"]["arguments"] += part.arguments
        for call in calls:
            call["function"]["arguments"] = _object(call["function"]["arguments"])
        return calls

    def _head(self) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {"model": self.model, "created_at": now}

    def _end(self, reason: str, usage: Usage | None) -> dict[str, Any]:
        end: dict[str, Any] = {"done": True, "done_reason": reason}
        end |= {} if self.fixed is None else {"rule": self.fixed.as_dict()}
        if usage is None:
            return end
        until_first = usage.seconds_to_first_token or 0.0
        return end | {
            "total_duration": _nanoseconds(usage.seconds),
            "load_duration": 0,
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": _nanoseconds(until_first),
            "eval_count": usage.completion_tokens,
            "eval_duration": _nanoseconds(usage.seconds - until_first),
        }


@dataclass(kw_only=True)
class OllamaTextReply(OllamaChatReply):
    """/api/generate's answers: a `response`."""

    def _said(self, text: str, reasoning: str, calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        return {"response": text} | ({"thinking": reasoning} if reasoning else {})


def loaded_json(
    model: str, what: Literal["message", "response"], done: Literal["load", "unload"] = "load"
) -> dict[str, Any]:
    """The answer to a body that says nothing, with which clients ask that the model be loaded or put away: it is."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    said = {"message": {"role": "assistant", "content": ""}} if what == "message" else {"response": ""}
    return {"model": model, "created_at": now} | said | {"done": True, "done_reason": done}


def _object(arguments: str) -> Any:
    """A call's arguments; those that were cut off are left empty."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
