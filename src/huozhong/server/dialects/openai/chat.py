"""OpenAI's and DeepSeek's chat completions: JSON -> `ChatCall`.

What differs from OpenAI's dialect is DeepSeek's: `thinking` in the request, `reasoning_content` and `prefix` in
messages (and what `reply` says of answers).  Ours are `top_k`, `min_p`, `repetition_penalty` and `ignore_eos` (for
benchmarks, named as by vLLM and llama.cpp); `structured_outputs` and `chat_template_kwargs` are vLLM's,
`enable_thinking` is Qwen's.

A field that this server does not know, or knows and does not support, is an error that names it; it is never
dropped in silence.  (A null, or the value that means "off", is taken as not given: many clients send those.  What
can change no answer is listed in `sampling`.)

Sources: platform.openai.com/docs/api-reference/chat, api-docs.deepseek.com/api/create-chat-completion.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.server.dialects.fields import NotYet, Strict, without_unsupported
from huozhong.server.dialects.openai.messages import ChatMessage, for_template, readable
from huozhong.server.dialects.openai.sampling import Sampled, without_what_changes_nothing
from huozhong.server.dialects.openai.structure import ResponseFormat, StructuredOutputs, Tool, answer_form

_NOT_YET: NotYet = {
    "audio": (),
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none",),
    "functions": ([],),
    "modalities": (["text"],),
    "suffix": ("",),
    "web_search_options": (),
}
# DeepSeek's names for one model in two ways; who asks for one of them means whatever is served.
THINKS_UNDER_THE_NAME = {"deepseek-chat": False, "deepseek-reasoner": True}


class ThinkingSwitch(Strict):
    type: Literal["enabled", "disabled", "auto"]


class TemplateSwitches(Strict):
    """Of all that templates can be told, what this server knows the meaning of."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class ChatRequest(Sampled):
    """The body of POST /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    thinking: ThinkingSwitch | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: TemplateSwitches | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None


def parse_chat(body: dict[str, Any], defaults: SamplingParams) -> ChatCall:
    """Read a chat completion's body.  `defaults` are the model's own, for what the request leaves out.

    Raises `RequestError` naming the first field that is wrong.
    """
    raw = without_unsupported(without_what_changes_nothing(body), _NOT_YET)
    if "messages" in raw:
        raw["messages"] = readable(raw["messages"])
    request = ChatRequest.parse(raw)
    messages, begun = for_template(request.messages)
    return ChatCall(
        model=request.model,
        messages=messages,
        params=_sampling(request, defaults),
        form=answer_form(request),
        thinking=_thinking(request),
        stream=bool(request.stream),
        include_usage=request.wants_usage(),
        begun=begun,
        num_answers=request.num_answers(),
    )


def _sampling(request: ChatRequest, defaults: SamplingParams) -> SamplingParams:
    limits = {request.max_tokens, request.max_completion_tokens} - {None}
    if len(limits) == 2:
        raise RequestError(
            "'max_tokens' and 'max_completion_tokens' differ; they mean the same: give one.", param="max_tokens"
        )
    if not request.logprobs and request.top_logprobs:
        raise RequestError("'top_logprobs' needs \"logprobs\": true.", param="top_logprobs")
    told = (request.top_logprobs or 0) if request.logprobs else None
    try:
        return request.sampling(defaults, max_tokens=limits.pop() if limits else None, logprobs=told)
    except RequestError as error:
        if error.param != "logprobs":
            raise
        raise RequestError(f"top_{error}", param="top_logprobs") from None


def _thinking(request: ChatRequest) -> bool:
    """Whether it thinks first: what a switch says, then the effort, then the model's name; else it does.

    This server's models know one level of effort, so all but the two lowest are the same.
    """
    kwargs = request.chat_template_kwargs or TemplateSwitches()
    switches = {
        "thinking": None
        if request.thinking is None
        else {"enabled": True, "disabled": False}.get(request.thinking.type),
        "enable_thinking": request.enable_thinking,
        "chat_template_kwargs.enable_thinking": kwargs.enable_thinking,
        "chat_template_kwargs.thinking": kwargs.thinking,
    }
    given = {name: value for name, value in switches.items() if value is not None}
    if len(set(given.values())) > 1:
        first, second = [f"'{name}'" for name in given][:2]
        raise RequestError(f"{first} and {second} contradict each other; give one of them.", param=[*given][1])
    switch = next(iter(given.values()), None)
    effort = request.reasoning_effort
    if switch is not None:
        if switch and effort == "none":
            raise RequestError(
                f"'{next(iter(given))}' and 'reasoning_effort' contradict each other; give one of them.",
                param="reasoning_effort",
            )
        return switch
    if effort is not None:
        return effort not in ("none", "minimal")
    return THINKS_UNDER_THE_NAME.get(request.model, True)
