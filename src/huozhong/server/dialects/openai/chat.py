"""OpenAI's and DeepSeek's chat completions: JSON -> `ChatCall`.

What differs from OpenAI's dialect is DeepSeek's: `thinking` in the request, `reasoning_content` in messages
(and what `reply` says of answers).  Ours are `top_k`, `min_p`, `repetition_penalty` and `ignore_eos` (for
benchmarks, named as by vLLM and llama.cpp); `structured_outputs` is vLLM's.

A field that this server does not know, or knows and does not support, is an error that names it; it is never
dropped in silence.  (A null, or the value that means "off", is taken as not given: many clients send those.)

Sources: platform.openai.com/docs/api-reference/chat, api-docs.deepseek.com/api/create-chat-completion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.server.dialects.fields import NotYet, Strict, without_unsupported
from huozhong.server.dialects.openai.structure import (
    ResponseFormat,
    StructuredOutputs,
    Tool,
    ToolCallGiven,
    answer_form,
)

_NOT_YET: NotYet = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "metadata": ({},),
    "modalities": (["text"],),
    "prediction": (),
    "prompt_cache_key": (),
    "safety_identifier": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "verbosity": ("medium",),
    "web_search_options": (),
}
_NOT_YET_IN_MESSAGE: NotYet = {
    "annotations": ([],),
    "audio": (),
    "function_call": (),
    "name": (),
    "prefix": (False,),
    "refusal": (),
}


def _text_of(content: Any) -> Any:
    """A message's content as one string: a string stays, a list of text parts is joined."""
    if not isinstance(content, list):
        return content
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            raise ValueError(f"part {index} is not a text part; this model reads text only")
        if set(part) != {"type", "text"} or not isinstance(part["text"], str):
            raise ValueError(f'part {index} must be {{"type": "text", "text": "..."}}')
        texts.append(part["text"])
    return "".join(texts)


def _strings(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


class ChatMessage(Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(_text_of)] = None
    # Of earlier answers; the chat template leaves it out, as DeepSeek does.
    reasoning_content: str | None = None
    tool_calls: list[ToolCallGiven] | None = None
    tool_call_id: str | None = None


class ThinkingSwitch(Strict):
    type: Literal["enabled", "disabled"]


class StreamOptions(Strict):
    include_usage: bool | None = None


class ChatRequest(Strict):
    """The body of POST /v1/chat/completions.  None: not given, so the model's own default holds."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: Annotated[list[str] | None, BeforeValidator(_strings)] = None
    seed: int | None = None
    ignore_eos: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    thinking: ThinkingSwitch | None = None
    reasoning_effort: Literal["none", "high"] | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    user: str | None = None  # the client's own label, for its records; it changes nothing


def parse_chat(body: dict[str, Any], defaults: SamplingParams) -> ChatCall:
    """Read a chat completion's body.  `defaults` are the model's own, for what the request leaves out.

    Raises `RequestError` naming the first field that is wrong.
    """
    raw = without_unsupported(body, _NOT_YET)
    if isinstance(messages := raw.get("messages"), list):
        raw["messages"] = [
            without_unsupported(message, _NOT_YET_IN_MESSAGE, f"messages[{index}].")
            if isinstance(message, dict)
            else message
            for index, message in enumerate(messages)
        ]
    request = ChatRequest.parse(raw)
    if request.messages[-1].role == "assistant":
        raise RequestError(
            "The last message is the assistant's own: continuing it (prefix completion) is not supported "
            "yet; end with a user message.",
            param="messages",
            code="unsupported_value",
        )
    return ChatCall(
        model=request.model,
        messages=[_for_template(i, message) for i, message in enumerate(request.messages)],
        params=_sampling(request, defaults),
        form=answer_form(request),
        thinking=_thinking(request),
        stream=bool(request.stream),
        include_usage=_include_usage(request),
    )


def _for_template(index: int, message: ChatMessage) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role  # OpenAI's newer name for the same thing
    calls = [call.model_dump() for call in message.tool_calls or ()]
    if message.content is None and not calls:
        where = f"messages[{index}].content"
        raise RequestError(f"'{where}' is missing.", param=where, code="missing_required_parameter")
    out: dict[str, Any] = {"role": role, "content": message.content}
    for name, value, owner in (
        ("reasoning_content", message.reasoning_content, "assistant"),
        ("tool_calls", calls or None, "assistant"),
        ("tool_call_id", message.tool_call_id, "tool"),
    ):
        if value is None:
            continue
        if role != owner:
            said = "an assistant's" if owner == "assistant" else "a tool's"
            raise RequestError(f"Only {said} message has '{name}'.", param="messages")
        out[name] = value
    return out


def _sampling(request: ChatRequest, defaults: SamplingParams) -> SamplingParams:
    same = (
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "ignore_eos",
    )
    given = {name: getattr(request, name) for name in same if getattr(request, name) is not None}
    if request.n not in (None, 1):
        raise RequestError(
            f"'n' is {request.n}; this server gives one answer per request, so leave it at 1.",
            param="n",
            code="unsupported_value",
        )
    limits = {request.max_tokens, request.max_completion_tokens} - {None}
    if len(limits) == 2:
        raise RequestError(
            "'max_tokens' and 'max_completion_tokens' differ; they mean the same: give one.", param="max_tokens"
        )
    if limits:
        given["max_tokens"] = limits.pop()
    if request.stop is not None:
        given["stop"] = tuple(request.stop)
    if request.logprobs:
        given["logprobs"] = request.top_logprobs or 0
    elif request.top_logprobs is not None:
        raise RequestError("'top_logprobs' needs \"logprobs\": true.", param="top_logprobs")
    try:
        return replace(defaults, **given)
    except RequestError as error:
        if error.param != "logprobs":
            raise
        raise RequestError(f"top_{error}", param="top_logprobs") from None


def _thinking(request: ChatRequest) -> bool:
    """Thinking is on unless switched off; there is one level of effort, so 'none' and 'high' are all."""
    switch = None if request.thinking is None else request.thinking.type == "enabled"
    effort = None if request.reasoning_effort is None else request.reasoning_effort != "none"
    if switch is not None and effort is not None and switch != effort:
        raise RequestError(
            "'thinking' and 'reasoning_effort' contradict each other; give one of them.", param="reasoning_effort"
        )
    return switch is not False and effort is not False


def _include_usage(request: ChatRequest) -> bool:
    if request.stream_options is None:
        return False
    if not request.stream:
        raise RequestError("'stream_options' needs \"stream\": true.", param="stream_options")
    return bool(request.stream_options.include_usage)
