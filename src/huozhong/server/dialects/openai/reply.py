"""Answers -> JSON: `chat.completion` objects and chunks, usage.

What differs from OpenAI's dialect is DeepSeek's: `reasoning_content` in messages and deltas,
`prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` in the usage.  Ours are `cost`, `tokens_per_second` and
`seconds_to_first_token` in the usage, and `rule` in the message (and in the delta that ends a stream) of an answer
that is a fixed text: {"id": ..., "kind": ..., "numbers": [...]}, the rule that was met and the numbers to ring.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from huozhong.engine.requests import Completion, Delta, TokenLogprob, Usage
from huozhong.server.dialects import ChatReply, Event
from huozhong.server.dialects.openai.errors import error_body
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart


@dataclass(kw_only=True)
class ChatCompletionReply(ChatReply):
    """A `chat.completion` object for a whole answer, `chat.completion.chunk` objects for a streamed one."""

    def __post_init__(self) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._in_reasoning = self.thinking

    def whole(self, answer: Completion) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": answer.text,
            "reasoning_content": answer.reasoning if self.thinking or answer.reasoning else None,
        }
        if self.fixed is not None:
            message["rule"] = self.fixed.as_dict()
        if self.tool_calls is not None:
            parts = self.tool_calls.push(answer.text)
            parts += self.tool_calls.finish(cut=answer.finish_reason == "length")
            message |= _message_with_calls(parts)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(answer.logprobs) if self.with_logprobs else None,
            "finish_reason": self._finish_reason(answer.finish_reason),
        }
        return self._head("chat.completion") | {"choices": [choice], "usage": usage_json(answer.usage)}

    def first(self) -> Iterator[Event]:
        yield Event(self._chunk({"role": "assistant", "content": "", "reasoning_content": None}))

    def events(self, delta: Delta) -> Iterator[Event]:
        yield from map(Event, self.chunks(delta))
        if delta.is_last:
            yield Event("[DONE]")

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure))

    def chunks(self, delta: Delta) -> Iterator[dict[str, Any]]:
        """The `chat.completion.chunk` objects of one delta that carries no error.

        Reasoning and content never share a chunk, and both keys are always there: DeepSeek's own examples
        read `delta.reasoning_content` and, when that is empty, add `delta.content`.
        """
        logprobs = self._logprobs(delta.logprobs) if delta.logprobs else None
        if delta.reasoning:
            yield self._chunk({"content": None, "reasoning_content": delta.reasoning}, logprobs=logprobs)
            logprobs = None
        for part in self._parts(delta):
            if isinstance(part, str):
                change: dict[str, Any] = {"content": part, "reasoning_content": None}
            else:
                change = {"content": None, "reasoning_content": None, "tool_calls": [_call_delta(part)]}
            yield self._chunk(change, logprobs=logprobs)
            logprobs = None
        empty: dict[str, Any] = {"content": "", "reasoning_content": None}
        if logprobs is not None and delta.finish_reason is None:
            yield self._chunk(empty, logprobs=logprobs)
        elif delta.finish_reason is not None:
            reason = self._finish_reason(delta.finish_reason)
            if self.fixed is not None:
                empty["rule"] = self.fixed.as_dict()
            yield self._chunk(empty, logprobs=logprobs, finish_reason=reason)
            if self.include_usage and delta.usage is not None:
                yield self._head() | {"choices": [], "usage": usage_json(delta.usage)}

    def _parts(self, delta: Delta) -> list[str | CallPart]:
        """What a delta adds to the answer's text and its tool calls."""
        if self.tool_calls is None:
            return [delta.text] if delta.text else []
        parts = self.tool_calls.push(delta.text)
        if delta.finish_reason is None:
            return parts
        return [*parts, *self.tool_calls.finish(cut=delta.finish_reason == "length")]

    def _finish_reason(self, reason: str) -> str:
        has_calls = self.tool_calls is not None and self.tool_calls.num_calls > 0
        return "tool_calls" if has_calls and reason == "stop" else reason

    def _head(self, kind: str = "chat.completion.chunk") -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self._created, "model": self.model}

    def _chunk(
        self,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish_reason: str | None = None,
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self.include_usage else {}
        return self._head() | {"choices": [choice]} | usage

    def _logprobs(self, tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        reasoning: list[dict[str, Any]] = []
        for token in tokens:
            (reasoning if self._in_reasoning else content).append(_logprob_json(token))
            if token.token_id == self.think_end_id:
                self._in_reasoning = False
        return {"content": content, "reasoning_content": reasoning if self.thinking else None}


def _message_with_calls(parts: list[str | CallPart]) -> dict[str, Any]:
    """`content` and `tool_calls` of a whole message; no content is null beside a call."""
    text = "".join(part for part in parts if isinstance(part, str))
    calls: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, str):
            continue
        if part.name is not None:
            calls.append(_new_call(part.name))
        calls[-1]["function"]["arguments"] += part.arguments
    return {"content": text or None, "tool_calls": calls} if calls else {"content": text}


def _new_call(name: str) -> dict[str, Any]:
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }


def _call_delta(part: CallPart) -> dict[str, Any]:
    if part.name is not None:
        return {"index": part.index} | _new_call(part.name)
    return {"index": part.index, "function": {"arguments": part.arguments}}


def _logprob_json(token: TokenLogprob) -> dict[str, Any]:
    return _token_json(token) | {"top_logprobs": [_token_json(other) for other in token.top]}


def _token_json(token: TokenLogprob) -> dict[str, Any]:
    # JSON has no -inf; OpenAI writes -9999.0 for a token that cannot come.
    return {"token": token.token, "logprob": max(token.logprob, -9999.0), "bytes": list(token.bytes)}


def usage_json(usage: Usage) -> dict[str, Any]:
    """The `usage` object: OpenAI's and DeepSeek's counts, then what the answer cost and how fast it came.

    tokens_per_second: after the first token; null for an answer of one token.
    """
    seconds = usage.seconds - (usage.seconds_to_first_token or 0.0)
    followers = usage.completion_tokens - 1
    bill = usage.bill
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_cache_hit_tokens": usage.cache_hit_tokens,
        "prompt_cache_miss_tokens": usage.prompt_tokens - usage.cache_hit_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_hit_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "tokens_per_second": round(followers / seconds, 2) if followers > 0 and seconds > 0 else None,
        "seconds_to_first_token": usage.seconds_to_first_token,
        "cost": None if bill is None else bill.as_dict(),
    }
