"""Answers -> JSON: `chat.completion` objects and chunks, usage.

What differs from OpenAI's dialect is DeepSeek's: `reasoning_content` in messages and deltas,
`prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` in the usage.  vLLM's is `stop_reason`, where a stop string
ended an answer.  Ours are `cost`, `tokens_per_second` and `seconds_to_first_token` in the usage, and `rule` in the
message (and in the delta that ends a stream) of an answer that is a fixed text: {"id": ..., "kind": ..., "numbers":
[...]}, the rule that was met and the numbers to ring.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import huozhong
from huozhong.engine.requests import Completion, Delta, TokenLogprob, Usage
from huozhong.server.dialects import ChatReply, Event, parts_of, total_usage
from huozhong.server.dialects.openai.errors import error_body
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart

FINGERPRINT = f"build-huozhong-{huozhong.__version__}"  # another one may answer otherwise to the same seed


@dataclass(kw_only=True)
class ChatCompletionReply(ChatReply):
    """A `chat.completion` object for whole answers, `chat.completion.chunk` objects for streamed ones."""

    def __post_init__(self) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._choices = [_Choice(self, index) for index in range(self.num_answers)]
        self._usages: list[Usage] = []

    def whole(self, answers: Sequence[Completion]) -> dict[str, Any]:
        choices = [choice.whole(answer) for choice, answer in zip(self._choices, answers, strict=True)]
        return self._head("chat.completion") | {
            "choices": choices,
            "usage": usage_json(total_usage([answer.usage for answer in answers], self.num_answers)),
        }

    def first(self) -> Iterator[Event]:
        for choice in self._choices:
            change = {"role": "assistant", "content": "", "reasoning_content": None}
            yield Event(self._chunk(choice.chunk(change)))

    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        for choice in self._choices[index].chunks(delta):
            yield Event(self._chunk(choice))
        if delta.finish_reason is None:
            return
        if delta.usage is not None:
            self._usages.append(delta.usage)
        self._choices[index].is_open = False
        if any(choice.is_open for choice in self._choices):
            return
        if self.include_usage and self._usages:
            yield Event(
                self._head() | {"choices": [], "usage": usage_json(total_usage(self._usages, self.num_answers))}
            )
        yield Event("[DONE]")

    def failed(self, failure: Failure) -> Event:
        return Event(error_body(failure))

    def _head(self, kind: str = "chat.completion.chunk") -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self._created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        return self._head() | {"choices": [choice]} | ({"usage": None} if self.include_usage else {})


class _Choice:
    """One of the answers, as it grows."""

    def __init__(self, reply: ChatReply, index: int) -> None:
        self._reply, self._index = reply, index
        self._calls = None if reply.new_parser is None else reply.new_parser()
        self._in_reasoning = reply.thinking
        self.is_open = True

    def whole(self, answer: Completion) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": answer.text,
            "reasoning_content": answer.reasoning if self._reply.thinking or answer.reasoning else None,
        }
        if self._reply.fixed is not None:
            message["rule"] = self._reply.fixed.as_dict()
        if self._calls is not None:
            message |= _message_with_calls(parts_of(self._calls, answer))
        return {
            "index": self._index,
            "message": message,
            "logprobs": self._logprobs(answer.logprobs) if self._reply.with_logprobs else None,
            "finish_reason": self._finish_reason(answer.finish_reason),
        } | _stopped_by(answer.stop_string)

    def chunks(self, delta: Delta) -> Iterator[dict[str, Any]]:
        """The `choices` of one delta that carries no error.

        Reasoning and content never share a chunk, and both keys are always there: DeepSeek's own examples
        read `delta.reasoning_content` and, when that is empty, add `delta.content`.
        """
        logprobs = self._logprobs(delta.logprobs) if delta.logprobs else None
        if delta.reasoning:
            yield self.chunk({"content": None, "reasoning_content": delta.reasoning}, logprobs=logprobs)
            logprobs = None
        for part in parts_of(self._calls, delta):
            if isinstance(part, str):
                change: dict[str, Any] = {"content": part, "reasoning_content": None}
            else:
                change = {"content": None, "reasoning_content": None, "tool_calls": [_call_delta(part)]}
            yield self.chunk(change, logprobs=logprobs)
            logprobs = None
        empty: dict[str, Any] = {"content": "", "reasoning_content": None}
        if logprobs is not None and delta.finish_reason is None:
            yield self.chunk(empty, logprobs=logprobs)
        elif delta.finish_reason is not None:
            if self._reply.fixed is not None:
                empty["rule"] = self._reply.fixed.as_dict()
            last = self.chunk(empty, logprobs=logprobs, finish_reason=self._finish_reason(delta.finish_reason))
            yield last | _stopped_by(delta.stop_string)

    def chunk(
        self, delta: dict[str, Any], *, logprobs: dict[str, Any] | None = None, finish_reason: str | None = None
    ) -> dict[str, Any]:
        return {"index": self._index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}

    def _finish_reason(self, reason: str) -> str:
        has_calls = self._calls is not None and self._calls.num_calls > 0
        return "tool_calls" if has_calls and reason == "stop" else reason

    def _logprobs(self, tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        reasoning: list[dict[str, Any]] = []
        for token in tokens:
            (reasoning if self._in_reasoning else content).append(logprob_json(token))
            if token.token_id == self._reply.think_end_id:
                self._in_reasoning = False
        return {"content": content, "reasoning_content": reasoning if self._reply.thinking else None}


def _stopped_by(stop_string: str | None) -> dict[str, Any]:
    return {} if stop_string is None else {"stop_reason": stop_string}


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


def logprob_json(token: TokenLogprob) -> dict[str, Any]:
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
