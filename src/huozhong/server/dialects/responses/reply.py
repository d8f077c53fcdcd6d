"""Answers -> OpenAI's response objects, whole or as the events of one that grows.

A response is a list of items: a thought, a message, a call.  A thought is told as `content` (`reasoning_text`), or as
its own summary where a client asks for one: what there is to be told is the same.  A whole answer is built by a
stream's events, so a stream's last object is what the whole answer would have been.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.dialects import ChatReply, Event, parts_of
from huozhong.server.dialects.openai.reply import logprob_json, usage_json
from huozhong.server.dialects.responses.items import sealed
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart


@dataclass(kw_only=True)
class ResponseReply(ChatReply):
    """A `response` object.

    repeated: what it says of its request.  keep: is given what is to be kept once it is complete.
    tells_summary, seals_thoughts: see `ResponseCall`.
    """

    repeated: Mapping[str, Any] = field(default_factory=dict)
    tells_summary: bool = False
    seals_thoughts: bool = False
    keep: Callable[[dict[str, Any]], None] | None = None

    def __post_init__(self) -> None:
        self.id = f"resp_{secrets.token_hex(24)}"
        self._created = int(time.time())
        self._calls = None if self.new_parser is None else self.new_parser()
        self._number = 0  # of the next event
        self._output: list[dict[str, Any]] = []
        self._text = ""  # of the last item, while it grows
        self._grows = False
        self._in_thought = self.thinking
        self._logprobs: list[dict[str, Any]] = []  # of the text to come
        self._text_logprobs: list[dict[str, Any]] = []

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        (answer,) = answers
        said = Delta(
            text=answer.text,
            reasoning=answer.reasoning,
            logprobs=answer.logprobs,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            calls=answer.calls,
        )
        *_, last = self.events(0, said)
        assert isinstance(last.data, dict)
        response: dict[str, Any] = last.data["response"]
        return response

    def first(self) -> Iterator[Event]:
        for name in ("created", "in_progress"):
            yield self._event(f"response.{name}", response=self._response("in_progress", None))

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        self._take_logprobs(delta)
        if delta.reasoning:
            yield from self._in("reasoning")
            yield self._adds(delta.reasoning)
        for part in parts_of(self._calls, delta):
            if isinstance(part, CallPart):
                yield from self._calls_on(part)
            else:
                yield from self._in("message")
                yield self._adds(part)
        if delta.finish_reason is not None:
            yield from self._ended(delta.finish_reason, delta.usage)

    def failed(self, failure: Failure) -> Event:
        # OpenAI's codes for these are few: whether it was the server, or what it was given.
        code = "server_error" if failure.kind == "server_error" else "invalid_prompt"
        response = self._response("failed", None) | {"error": {"code": code, "message": failure.message}}
        return self._event("response.failed", response=response)

    # -- the item that grows ---------------------------------------------------------------------

    def _calls_on(self, part: CallPart) -> Iterator[Event]:
        if part.name is not None:
            yield from self._closed("completed")
            call = {"call_id": f"call_{secrets.token_hex(12)}", "name": part.name, "arguments": ""}
            yield from self._opened({"type": "function_call", "id": f"fc_{secrets.token_hex(24)}"} | call)
        if part.arguments:
            yield self._adds(part.arguments)

    def _in(self, kind: str) -> Iterator[Event]:
        """Opens an item of the kind, unless it is the one that grows."""
        if self._grows and self._output[-1]["type"] == kind:
            return
        yield from self._closed("completed")
        if kind == "reasoning":
            yield from self._opened({"type": kind, "id": f"rs_{secrets.token_hex(24)}", "summary": [], "content": []})
        else:
            message = {"role": "assistant", "content": []}
            yield from self._opened({"type": kind, "id": f"msg_{secrets.token_hex(24)}"} | message)

    def _opened(self, item: dict[str, Any]) -> Iterator[Event]:
        self._output.append(item | {"status": "in_progress"})
        self._text, self._grows, self._text_logprobs = "", True, []
        yield self._event("response.output_item.added", output_index=len(self._output) - 1, item=self._output[-1])
        if item["type"] == "reasoning" and self.tells_summary:
            yield self._of_item("response.reasoning_summary_part.added", part=self._part())
        elif item["type"] != "function_call":
            yield self._of_item("response.content_part.added", part=self._part())

    def _adds(self, text: str) -> Event:
        self._text += text
        kind = self._output[-1]["type"]
        if kind == "function_call":
            return self._of_item("response.function_call_arguments.delta", delta=text)
        if kind == "reasoning":
            return self._of_item(f"response.reasoning_{self._thought}.delta", delta=text)
        logprobs, self._logprobs = self._logprobs, []
        self._text_logprobs += logprobs
        return self._of_item("response.output_text.delta", delta=text, logprobs=logprobs)

    def _closed(self, status: str) -> Iterator[Event]:
        """Ends the item that grows, if one does."""
        if not self._grows:
            return
        self._grows = False
        item, part = self._output[-1], self._part()
        if item["type"] == "function_call":
            done = {"name": item["name"], "arguments": self._text}
            yield self._of_item("response.function_call_arguments.done", **done)
            item = item | done
        elif item["type"] == "reasoning":
            yield self._of_item(f"response.reasoning_{self._thought}.done", text=self._text)
            where = "summary" if self.tells_summary else "content"
            name = "reasoning_summary_part" if self.tells_summary else "content_part"
            yield self._of_item(f"response.{name}.done", part=part)
            item = item | {where: [part]}
            if self.seals_thoughts:
                item["encrypted_content"] = sealed(self._text)
        else:
            yield self._of_item("response.output_text.done", text=self._text, logprobs=self._text_logprobs)
            yield self._of_item("response.content_part.done", part=part)
            item = item | {"content": [part]}
        self._output[-1] = item | {"status": status}
        yield self._event("response.output_item.done", output_index=len(self._output) - 1, item=self._output[-1])

    @property
    def _thought(self) -> str:
        return "summary_text" if self.tells_summary else "text"

    def _part(self) -> dict[str, Any]:
        """What the item that grows holds so far, as its one part."""
        if self._output[-1]["type"] == "reasoning":
            return {"type": "summary_text" if self.tells_summary else "reasoning_text", "text": self._text}
        logprobs = list(self._text_logprobs)
        return {"type": "output_text", "text": self._text, "annotations": [], "logprobs": logprobs}

    def _of_item(self, name: str, /, **more: Any) -> Event:
        """An event of the item that grows."""
        item = self._output[-1]
        where = {"item_id": item["id"], "output_index": len(self._output) - 1}
        if item["type"] != "function_call":
            where["summary_index" if "reasoning_summary" in name else "content_index"] = 0
        return self._event(name, **where, **more)

    # -- the response ----------------------------------------------------------------------------

    def _ended(self, reason: str, usage: Usage | None) -> Iterator[Event]:
        status = "incomplete" if reason == "length" else "completed"
        if status == "completed" and all(item["type"] == "reasoning" for item in self._output):
            yield from self._in("message")  # an answer of no words is an answer
        yield from self._closed(status)
        response = self._response(status, usage)
        if self.keep is not None:
            self.keep(response)
        yield self._event(f"response.{status}", response=response)

    def _response(self, status: str, usage: Usage | None) -> dict[str, Any]:
        response = {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "model": self.model,
            "output": list(self._output),
            "usage": None if usage is None else _usage(usage),
        }
        rule = {} if self.fixed is None else {"rule": self.fixed.as_dict()}
        return dict(self.repeated) | response | rule

    def _take_logprobs(self, delta: Delta) -> None:
        for token in delta.logprobs:
            if not self._in_thought:
                self._logprobs.append(logprob_json(token))
            elif token.token_id == self.think_end_id:
                self._in_thought = False

    def _event(self, name: str, /, **data: Any) -> Event:
        self._number += 1
        return Event({"type": name, "sequence_number": self._number - 1} | data, name)


def _usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's counts by this API's names, then what the chat tells too: the cost, and how fast it came."""
    chat = usage_json(usage)
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_hit_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    } | {name: chat[name] for name in ("tokens_per_second", "seconds_to_first_token", "cost")}
