"""OpenAI's and DeepSeek's chat completions: JSON -> `ChatCall`, and answers -> JSON.

What differs from OpenAI's dialect is DeepSeek's: `thinking` in the request, `reasoning_content` in messages
and deltas, `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` in the usage.  Ours are `top_k`, `min_p`,
`repetition_penalty` and `ignore_eos` (for benchmarks, named as by vLLM and llama.cpp) in the request; `cost`,
`tokens_per_second` and `seconds_to_first_token` in usage.

A field that this server does not know, or knows and does not support, is an error that names it; it is never
dropped in silence.  (A null, or the value that means "off", is taken as not given: many clients send those.)

Sources: platform.openai.com/docs/api-reference/chat, api-docs.deepseek.com/api/create-chat-completion.
"""

from __future__ import annotations

import difflib
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from huozhong.engine.sequence import Completion, Delta, SamplingParams, TokenLogprob, Usage
from huozhong.errors import HuozhongError, RequestError

# Fields of the dialects that are not served yet, and the values (besides null) that ask for nothing.
_NOT_YET: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "metadata": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (False,),
    "prediction": (),
    "prompt_cache_key": (),
    "response_format": ({"type": "text"},),
    "safety_identifier": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "tool_choice": ("none",),
    "tools": ([],),
    "verbosity": ("medium",),
    "web_search_options": (),
}
_NOT_YET_IN_MESSAGE: dict[str, tuple[Any, ...]] = {
    "annotations": ([],),
    "audio": (),
    "function_call": (),
    "name": (),
    "prefix": (False,),
    "refusal": (),
    "tool_call_id": (),
    "tool_calls": ([],),
}


# -- the request ---------------------------------------------------------------------------------


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


class _Strict(BaseModel):
    """Unknown fields are errors, and so is a value of another type ("0.5" is no number)."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ChatMessage(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, BeforeValidator(_text_of)]
    # Of earlier answers; the chat template leaves it out, as DeepSeek does.
    reasoning_content: str | None = None


class ThinkingSwitch(_Strict):
    type: Literal["enabled", "disabled"]


class StreamOptions(_Strict):
    include_usage: bool | None = None


class ChatRequest(_Strict):
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
    user: str | None = None  # the client's own label, for its records; it changes nothing


@dataclass(frozen=True, kw_only=True)
class ChatCall:
    """A checked request, in the engine's words."""

    model: str
    messages: list[dict[str, str]]
    params: SamplingParams
    thinking: bool
    stream: bool
    include_usage: bool


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body; `RequestError` when it is none."""
    try:
        raw = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(raw, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(raw), "a number or boolean")
        raise RequestError(f"The body must be a JSON object, not {kind}.", code="invalid_json")
    return raw


def parse_chat(body: bytes, defaults: SamplingParams) -> ChatCall:
    """Read a chat completion's body.  `defaults` are the model's own, for what the request leaves out.

    Raises `RequestError` naming the first field that is wrong.
    """
    raw = _without_unsupported(parse_json(body), _NOT_YET, "")
    if isinstance(messages := raw.get("messages"), list):
        raw["messages"] = [
            _without_unsupported(message, _NOT_YET_IN_MESSAGE, f"messages[{index}].")
            if isinstance(message, dict) else message
            for index, message in enumerate(messages)
        ]
    try:
        request = ChatRequest.model_validate(raw)
    except ValidationError as error:
        raise _first_problem(error) from None
    if request.messages[-1].role == "assistant":
        raise RequestError(
            "The last message is the assistant's own: continuing it (prefix completion) is not supported "
            "yet; end with a user message.", param="messages", code="unsupported_value",
        )
    return ChatCall(
        model=request.model,
        messages=[_for_template(message) for message in request.messages],
        params=_sampling(request, defaults),
        thinking=_thinking(request),
        stream=bool(request.stream),
        include_usage=_include_usage(request),
    )


def _without_unsupported(
    raw: dict[str, Any], table: dict[str, tuple[Any, ...]], where: str
) -> dict[str, Any]:
    for name, off in table.items():
        value = raw.get(name)
        if value is not None and not any(value == o and type(value) is type(o) for o in off):
            raise RequestError(
                f"'{where}{name}' is not supported yet by this server; leave it out.",
                param=where + name, code="unsupported_parameter",
            )
    return {name: value for name, value in raw.items() if name not in table}


def _first_problem(error: ValidationError) -> RequestError:
    """One sentence for pydantic's first complaint, naming the field as a path such as messages[0].role."""
    problem = error.errors(include_url=False)[0]
    path = ""
    for step in problem["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    if problem["type"] == "missing":
        return RequestError(f"'{path}' is missing.", param=path, code="missing_required_parameter")
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), ChatRequest.model_fields, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "; leave it out."
        return RequestError(f"Unknown field '{path}'{hint}", param=path, code="unknown_parameter")
    what = problem["msg"].removeprefix("Value error, ")
    return RequestError(f"'{path}' is wrong: {what[:1].lower()}{what[1:]}.", param=path, code="invalid_value")


def _for_template(message: ChatMessage) -> dict[str, str]:
    role = "system" if message.role == "developer" else message.role  # OpenAI's newer name for the same thing
    out = {"role": role, "content": message.content}
    if message.reasoning_content is not None:
        if message.role != "assistant":
            raise RequestError("Only an assistant's message has 'reasoning_content'.", param="messages")
        out["reasoning_content"] = message.reasoning_content
    return out


def _sampling(request: ChatRequest, defaults: SamplingParams) -> SamplingParams:
    same = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
            "frequency_penalty", "seed", "ignore_eos")
    given = {name: getattr(request, name) for name in same if getattr(request, name) is not None}
    if request.n not in (None, 1):
        raise RequestError(f"'n' is {request.n}; this server gives one answer per request, so leave it at 1.",
                           param="n", code="unsupported_value")
    limits = {request.max_tokens, request.max_completion_tokens} - {None}
    if len(limits) == 2:
        raise RequestError("'max_tokens' and 'max_completion_tokens' differ; they mean the same: give one.",
                           param="max_tokens")
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
        raise RequestError("'thinking' and 'reasoning_effort' contradict each other; give one of them.",
                           param="reasoning_effort")
    return switch is not False and effort is not False


def _include_usage(request: ChatRequest) -> bool:
    if request.stream_options is None:
        return False
    if not request.stream:
        raise RequestError("'stream_options' needs \"stream\": true.", param="stream_options")
    return bool(request.stream_options.include_usage)


# -- the answer ----------------------------------------------------------------------------------


@dataclass
class Reply:
    """Builds the JSON of one answer: `completion` for a whole one, `chunks` for a streamed one.

    thinking: the prompt ended inside <think>, so tokens up to `think_end_id` are reasoning.
    """

    model: str
    thinking: bool
    think_end_id: int | None
    include_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        self._in_reasoning = self.thinking

    def completion(self, answer: Completion, *, with_logprobs: bool) -> dict[str, Any]:
        """A `chat.completion` object."""
        choice = {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": answer.text,
                "reasoning_content": answer.reasoning if self.thinking or answer.reasoning else None,
            },
            "logprobs": self._logprobs(answer.logprobs) if with_logprobs else None,
            "finish_reason": answer.finish_reason,
        }
        return self._head("chat.completion") | {"choices": [choice], "usage": usage_json(answer.usage)}

    def first_chunk(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": "", "reasoning_content": None})

    def chunks(self, delta: Delta) -> Iterator[dict[str, Any]]:
        """The `chat.completion.chunk` objects of one delta that carries no error.

        Reasoning and content never share a chunk, and both keys are always there: DeepSeek's own examples
        read `delta.reasoning_content` and, when that is empty, add `delta.content`.
        """
        logprobs = self._logprobs(delta.logprobs) if delta.logprobs else None
        if delta.reasoning:
            yield self._chunk({"content": None, "reasoning_content": delta.reasoning}, logprobs=logprobs)
            logprobs = None
        if delta.text or (logprobs is not None and delta.finish_reason is None):
            yield self._chunk({"content": delta.text, "reasoning_content": None}, logprobs=logprobs)
            logprobs = None
        if delta.finish_reason is not None:
            empty = {"content": "", "reasoning_content": None}
            yield self._chunk(empty, logprobs=logprobs, finish_reason=delta.finish_reason)
            if self.include_usage and delta.usage is not None:
                yield self._head() | {"choices": [], "usage": usage_json(delta.usage)}

    def _head(self, kind: str = "chat.completion.chunk") -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _chunk(
        self, delta: dict[str, Any], *, logprobs: dict[str, Any] | None = None,
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


def models_json(names: Iterable[str], created: int) -> dict[str, Any]:
    """The answer of GET /v1/models."""
    return {"object": "list", "data": [model_json(name, created) for name in names]}


def model_json(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "huozhong"}


def error_json(error: HuozhongError | str, *, kind: str, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object.  `kind` is its "type"; a `RequestError` brings its own param and code."""
    param = error.param if isinstance(error, RequestError) else None
    code = error.code if isinstance(error, RequestError) else code
    return {"error": {"message": str(error), "type": kind, "param": param, "code": code}}
