"""Answers and failures -> Anthropic's JSON: a message of blocks, or the events of one that grows."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.dialects import ChatReply, Event, parts_of
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart

_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}


def error_body(failure: Failure) -> dict[str, Any]:
    kind = _ERROR_TYPES.get(failure.status, "api_error" if failure.status >= 500 else "invalid_request_error")
    # Anthropic's words for a prompt that is too long: programs that shorten a conversation look for them.
    long = (
        "" if failure.context is None else f"prompt is too long: {failure.tokens} tokens > {failure.context} maximum; "
    )
    return {"type": "error", "error": {"type": kind, "message": long + failure.message}}


def count_json(tokens: int) -> dict[str, Any]:
    return {"input_tokens": tokens}


@dataclass(kw_only=True)
class MessageReply(ChatReply):
    """A `message`, whole or as events."""

    def __post_init__(self) -> None:
        self.id = f"msg_{secrets.token_hex(12)}"
        self._calls = None if self.new_parser is None else self.new_parser()
        self._block: dict[str, Any] | None = None  # the one that is open
        self._index = -1
        self._call_index = -1

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        (answer,) = answers
        blocks: list[dict[str, Any]] = []
        if answer.reasoning:
            blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
        parts = [answer.text] if self._calls is None else parts_of(self._calls, answer)
        spelled: list[str] = []
        for part in parts:
            if isinstance(part, str):
                if blocks and blocks[-1]["type"] == "text":
                    blocks[-1]["text"] += part
                elif part:
                    blocks.append({"type": "text", "text": part})
                continue
            if part.name is not None:
                blocks.append(_tool_use(part))
                spelled.append("")
            spelled[-1] += part.arguments
        uses = [block for block in blocks if block["type"] == "tool_use"]
        for block, arguments in zip(uses, spelled, strict=True):
            block["input"] = _object(arguments)
        stopped = self._stopped(answer.finish_reason, answer.stop_string)
        return self._message(blocks, answer.usage) | stopped | self._rule()

    def first(self) -> Iterator[Event]:
        message = self._message([], None)
        message["usage"]["input_tokens"] = self.prompt_tokens  # what of it the cache knows is told at the end
        yield Event({"type": "message_start", "message": message}, "message_start")

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        if delta.reasoning:
            yield from self._in({"type": "thinking", "thinking": "", "signature": ""})
            yield self._grows({"type": "thinking_delta", "thinking": delta.reasoning})
        for part in parts_of(self._calls, delta):
            if isinstance(part, str):
                yield from self._in({"type": "text", "text": ""})
                yield self._grows({"type": "text_delta", "text": part})
                continue
            if part.index != self._call_index:
                self._call_index = part.index
                yield from self._closed()
                yield from self._in(_tool_use(part))
            if part.arguments:
                yield self._grows({"type": "input_json_delta", "partial_json": part.arguments})
        if delta.finish_reason is None:
            return
        yield from self._closed()
        last: dict[str, Any] = {
            "type": "message_delta",
            "delta": self._stopped(delta.finish_reason, delta.stop_string) | self._rule(),
            "usage": _usage(delta.usage),
        }
        yield Event(last, "message_delta")
        yield Event({"type": "message_stop"}, "message_stop")

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure), "error")

    def _in(self, block: dict[str, Any]) -> Iterator[Event]:
        """Opens the block, unless one of its kind is open."""
        if self._block is not None and self._block["type"] == block["type"]:
            return
        yield from self._closed()
        self._block = block
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        yield Event(start, "content_block_start")

    def _closed(self) -> Iterator[Event]:
        if self._block is not None:
            if self._block["type"] == "thinking":
                yield self._grows({"type": "signature_delta", "signature": ""})
            self._block = None
            yield Event({"type": "content_block_stop", "index": self._index}, "content_block_stop")

    def _grows(self, delta: dict[str, Any]) -> Event:
        return Event({"type": "content_block_delta", "index": self._index, "delta": delta}, "content_block_delta")

    def _stopped(self, reason: str, stop_string: str | None) -> dict[str, Any]:
        told = _STOP_REASONS.get(reason, "end_turn")
        if self._calls is not None and self._calls.num_calls > 0 and reason == "stop":
            told, stop_string = "tool_use", None
        return {"stop_reason": told if stop_string is None else "stop_sequence", "stop_sequence": stop_string}

    def _message(self, blocks: list[dict[str, Any]], usage: Usage | None) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": blocks,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(usage),
        }

    def _rule(self) -> dict[str, Any]:
        return {} if self.fixed is None else {"rule": self.fixed.as_dict()}


def _tool_use(part: CallPart) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": part.name, "input": {}}


def _object(arguments: str) -> Any:
    """A call's arguments; those that were cut off are left empty."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}


def _usage(usage: Usage | None) -> dict[str, Any]:
    """Anthropic counts what was found in the cache apart from the rest of the prompt."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    return {
        "input_tokens": usage.prompt_tokens - usage.cache_hit_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read_input_tokens": usage.cache_hit_tokens,
        "cache_creation_input_tokens": 0,
    }
