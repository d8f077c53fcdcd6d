"""OpenAI's and DeepSeek's chat completions: JSON -> `ChatCall`.

What differs from OpenAI's dialect is DeepSeek's: `thinking` in the request, `reasoning_content` and `prefix` in
messages (and what `reply` says of answers).  Ours are `top_k`, `min_p`, `repetition_penalty` and `ignore_eos` (for
benchmarks, named as by vLLM and llama.cpp); `structured_outputs` and `chat_template_kwargs` are vLLM's,
`enable_thinking` is Qwen's.  How long is thought is limited by Anthropic's `thinking.budget_tokens`, Qwen's
`thinking_budget`, vLLM's `thinking_token_budget`, OpenRouter's `reasoning`, our `max_reasoning_tokens`, or an effort.

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
from huozhong.server.calls import AnswerForm, ChatCall, Extras
from huozhong.server.dialects.fields import NotYet, Strict, also, without_unsupported
from huozhong.server.dialects.llamacpp.requests import native_guide
from huozhong.server.dialects.openai.messages import ChatMessage, for_template, readable
from huozhong.server.dialects.openai.sampling import CHANGES_NOTHING, Sampled, without_what_changes_nothing
from huozhong.server.dialects.openai.structure import (
    ResponseFormat,
    StructuredOutputs,
    Tool,
    ToolChoiceGiven,
    answer_form,
)
from huozhong.server.dialects.sampling import limits
from huozhong.server.dialects.thinking import Effort, effort_tokens, one_budget, one_switch

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
_LIMITS = limits() | {"top_logprobs": limits()["logprobs"], "max_completion_tokens": limits()["max_tokens"]}
# DeepSeek's names for one model in two ways; who asks for one of them means whatever is served.
THINKS_UNDER_THE_NAME = {"deepseek-chat": False, "deepseek-reasoner": True}


class ThinkingSwitch(Strict):
    type: Literal["enabled", "disabled", "auto", "adaptive"]
    budget_tokens: int | None = None


class Reasoning(Strict):
    enabled: bool | None = None
    effort: Effort | None = None
    max_tokens: int | None = None
    exclude: Literal[False] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None  # the thought is told whole in any case


class TemplateSwitches(Strict):
    """Of all that templates can be told, what this server knows the meaning of."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


class ChatRequest(Sampled):
    """The body of POST /v1/chat/completions."""

    model_config = also(
        CHANGES_NOTHING,
        _NOT_YET,
        limits() | {"top_logprobs": limits()["logprobs"], "max_completion_tokens": limits()["max_tokens"]},
    )

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    thinking: ThinkingSwitch | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: TemplateSwitches | None = None
    reasoning_effort: Effort | None = None
    reasoning: Reasoning | None = None
    thinking_budget: int | None = None
    thinking_token_budget: int | None = None
    max_reasoning_tokens: int | None = None
    response_format: ResponseFormat | None = None
    grammar: str | None = None  # this and the next four are llama.cpp's
    json_schema: dict[str, Any] | None = None
    timings_per_token: bool | None = None
    return_progress: bool | None = None
    verbose: bool | None = None
    add_generation_prompt: bool | None = None  # this and the next are vLLM's
    continue_final_message: bool | None = None
    structured_outputs: StructuredOutputs | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoiceGiven = None
    parallel_tool_calls: bool | None = None


def parse_chat(body: dict[str, Any], defaults: SamplingParams) -> ChatCall:
    """Read a chat completion's body.  `defaults` are the model's own, for what the request leaves out.

    Raises `RequestError` naming the first field that is wrong.
    """
    raw = without_unsupported(without_what_changes_nothing(body), _NOT_YET)
    if "messages" in raw:
        raw["messages"] = readable(raw["messages"])
    request = ChatRequest.parse(raw)
    messages, begun = for_template(_continued(request))
    return ChatCall(
        model=request.model,
        messages=messages,
        params=_sampling(request, defaults),
        form=_form(request),
        thinking=_thinking(request),
        stream=bool(request.stream),
        include_usage=request.wants_usage(),
        begun=begun,
        num_answers=request.num_answers(),
        extras=_extras(request),
    )


def _extras(request: ChatRequest) -> Extras | None:
    asked = {"timings": request.timings_per_token, "progress": request.return_progress, "verbose": request.verbose}
    return Extras(**{name: bool(value) for name, value in asked.items()}) if any(asked.values()) else None


def _form(request: ChatRequest) -> AnswerForm:
    """What the answer is to be, by whichever of the fields for it."""
    guide, source = native_guide(request.grammar, request.json_schema)
    if guide is None:
        return answer_form(request)
    others = {"response_format": request.response_format, "structured_outputs": request.structured_outputs,
              "tools": request.tools, "json_schema": request.json_schema if source == "grammar" else None}  # fmt: skip
    other = next((name for name, value in others.items() if value), None)
    if other is not None:
        raise RequestError(f"'{source}' and '{other}' exclude each other; give one of them.", param=source)
    return AnswerForm(guide=guide, source=source)


def _continued(request: ChatRequest) -> list[ChatMessage]:
    """The messages; the last one marked as an answer's beginning where a request says so in vLLM's words."""
    *before, last = request.messages
    if not request.continue_final_message:
        if request.add_generation_prompt is False:
            raise RequestError(
                "'add_generation_prompt' false needs 'continue_final_message' true: an answer follows in any case.",
                param="add_generation_prompt",
            )
        return request.messages
    if request.add_generation_prompt:
        raise RequestError(
            "'continue_final_message' and 'add_generation_prompt' exclude each other.", param="continue_final_message"
        )
    return [*before, last.model_copy(update={"prefix": True})]


def _sampling(request: ChatRequest, defaults: SamplingParams) -> SamplingParams:
    limits = {request.max_tokens, request.max_completion_tokens} - {None}
    if len(limits) == 2:
        raise RequestError(
            "'max_tokens' and 'max_completion_tokens' differ; they mean the same: give one.", param="max_tokens"
        )
    if not request.logprobs and request.top_logprobs:
        raise RequestError("'top_logprobs' needs \"logprobs\": true.", param="top_logprobs")
    told = (request.top_logprobs or 0) if request.logprobs else None
    most = limits.pop() if limits else None
    try:
        return request.sampling(defaults, max_tokens=most, logprobs=told, max_reasoning_tokens=_budget(request, most))
    except RequestError as error:
        if error.param != "logprobs":
            raise
        raise RequestError(f"top_{error}", param="top_logprobs") from None


def _effort(request: ChatRequest) -> Effort | None:
    both = {request.reasoning_effort, None if request.reasoning is None else request.reasoning.effort} - {None}
    if len(both) > 1:
        raise RequestError(
            "'reasoning_effort' and 'reasoning.effort' differ; they mean the same: give one.", param="reasoning.effort"
        )
    return next(iter(both), None)


def _budget(request: ChatRequest, max_tokens: int | None) -> int | None:
    budget = one_budget(
        {
            "thinking.budget_tokens": None if request.thinking is None else request.thinking.budget_tokens,
            "thinking_budget": request.thinking_budget,
            "thinking_token_budget": request.thinking_token_budget,
            "reasoning.max_tokens": None if request.reasoning is None else request.reasoning.max_tokens,
            "max_reasoning_tokens": request.max_reasoning_tokens,
        }
    )
    return effort_tokens(_effort(request), max_tokens) if budget is None else budget


def _thinking(request: ChatRequest) -> bool:
    """Whether it thinks first: what a switch says, then the effort, then the model's name; else it does."""
    kwargs = request.chat_template_kwargs or TemplateSwitches()
    switches = {
        "thinking": None
        if request.thinking is None
        else {"enabled": True, "disabled": False}.get(request.thinking.type),
        "enable_thinking": request.enable_thinking,
        "chat_template_kwargs.enable_thinking": kwargs.enable_thinking,
        "chat_template_kwargs.thinking": kwargs.thinking,
        "reasoning.enabled": None if request.reasoning is None else request.reasoning.enabled,
    }
    switch = one_switch(switches, _effort(request), "reasoning_effort")
    return THINKS_UNDER_THE_NAME.get(request.model, True) if switch is None else switch
