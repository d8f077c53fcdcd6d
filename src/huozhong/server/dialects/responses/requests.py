"""Bodies of POST /v1/responses: JSON -> `ResponseCall`.

A conversation may go on from a response that is kept here (`previous_response_id`); its items come first, its
instructions do not come along.  Functions are the only tools: what runs on OpenAI's machines is refused by its name.
Ours are the sampling fields that the chat has too: `top_k`, `min_p`, penalties and `seed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, Field, WithJsonSchema

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.server.dialects.fields import FunctionGiven, NotYet, Strict, also, without_unsupported
from huozhong.server.dialects.openai.sampling import StreamOptions
from huozhong.server.dialects.openai.structure import (
    JsonSchemaFormat,
    ResponseFormat,
    StructuredOutputs,
    Tool,
    answer_form,
)
from huozhong.server.dialects.responses.items import Item, ReferenceItem, read_items, turns_of
from huozhong.server.dialects.sampling import limits, sampling
from huozhong.server.dialects.thinking import Effort, effort_thinks, effort_tokens

# For the vendor's machines or for what its own models do: here it changes no answer.
CHANGES_NOTHING = frozenset(
    {"background_options", "prompt_cache_options", "prompt_cache_retention", "priority", "user_id"}
)
NOT_YET: NotYet = {
    "background": (False,),
    "context_management": ([],),
    "conversation": (),
    "moderation": (),
    "prompt": (),
}
_NAMES = {"max_tokens": "max_output_tokens", "logprobs": "top_logprobs"}
_LOGPROBS, _SEALED_THOUGHTS = "message.output_text.logprobs", "reasoning.encrypted_content"
_REPEATED = (
    "instructions", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt_cache_key",
    "safety_identifier", "user",
)  # fmt: skip


class Kept(Protocol):
    """What one owner's earlier responses are found in."""

    def conversation(self, response_id: str) -> list[dict[str, Any]] | None:
        """All items up to that response's last."""

    def item(self, item_id: str) -> Mapping[str, Any] | None: ...


class TextFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class TextConfig(Strict):
    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None  # this server's models know one


class Reasoning(Strict):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None  # its older name
    max_tokens: int | None = None  # ours: how long a thought may be
    context: Literal["auto", "current_turn", "all_turns"] | None = None  # which old thoughts count: the template's own


class FunctionTool(FunctionGiven):
    type: Literal["function"]
    defer_loading: Literal[False] | None = None


def _as_it_is(value: Any) -> Any:
    """For what is read by hand, so that an error names the item and not every kind that it might have been."""
    return value


_NAMED = {
    "type": "object",
    "properties": {"type": {"const": "function"}, "name": {"type": "string"}},
    "required": ["type", "name"],
}
_CHOICE = {
    "anyOf": [
        {"enum": [None, "none", "auto", "required"]},
        _NAMED,
        {
            "type": "object",
            "properties": {
                "type": {"const": "allowed_tools"},
                "mode": {"enum": ["auto", "required"]},
                "tools": {"type": "array", "items": _NAMED},
            },
            "required": ["type", "mode", "tools"],
        },
    ]
}


class ResponseRequest(Strict):
    """The body of POST /v1/responses."""

    model_config = also(CHANGES_NOTHING, NOT_YET, limits(_NAMES))

    model: str
    input: Annotated[Any, BeforeValidator(_as_it_is, json_schema_input_type=str | list[Item | ReferenceItem])] = None
    instructions: str | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = Field(None, max_length=16)
    reasoning: Reasoning | None = None
    text: TextConfig | None = None
    tools: Annotated[list[Any] | None, BeforeValidator(_as_it_is, json_schema_input_type=list[FunctionTool] | None)] = (
        None
    )
    tool_choice: Annotated[Any, WithJsonSchema(_CHOICE)] = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = None  # of tools that run on the vendor's machines
    truncation: Literal["auto", "disabled"] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    user: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResponseCall:
    """chat: what is asked of the model.  items: the conversation so far, to be kept with the answer.

    repeated: what the response says of the request.  tells_summary: the thought is told as its own summary.
    seals_thoughts: the thought is told in a word of its own too, for a client that will send it back.
    """

    chat: ChatCall
    items: list[dict[str, Any]]
    repeated: dict[str, Any]
    store: bool
    tells_summary: bool
    seals_thoughts: bool

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self.chat.model


@dataclass(kw_only=True)
class _Form:
    response_format: ResponseFormat | None
    tools: list[Tool] | None
    tool_choice: Any
    parallel_tool_calls: bool | None
    structured_outputs: StructuredOutputs | None = None


def parse_response(body: dict[str, Any], defaults: SamplingParams, kept: Kept) -> ResponseCall:
    """Raises `RequestError` naming the first field that is wrong."""
    raw = without_unsupported({name: value for name, value in body.items() if name not in CHANGES_NOTHING}, NOT_YET)
    request = ResponseRequest.parse(raw)
    tools = _tools(request.tools or [])
    given = (request.text or TextConfig()).format or TextFormat.model_validate({"type": "text"})
    form = answer_form(
        _Form(
            response_format=_response_format(given),
            tools=[Tool(type="function", function=_function(tool)) for tool in tools],
            tool_choice=_nested(request.tool_choice),
            parallel_tool_calls=request.parallel_tool_calls,
        ),
        "text.format",
    )
    items = _earlier(request.previous_response_id, kept)
    items += read_items([] if request.input is None else request.input, kept.item)
    turns = turns_of(items)
    if not turns or turns[-1]["role"] == "assistant":
        what = "says nothing" if not turns else "ends with the model's own words"
        raise RequestError(f"'input' {what}; end it with a user's message or a function's output.", param="input")
    if request.instructions:
        turns.insert(0, {"role": "system", "content": request.instructions})
    reasoning, params = request.reasoning or Reasoning(), _sampling(request, defaults)
    chat = ChatCall(
        model=request.model,
        messages=turns,
        params=params,
        form=form,
        thinking=reasoning.effort is None or effort_thinks(reasoning.effort),
        stream=bool(request.stream),
        drops_oldest=request.truncation == "auto",
    )
    return ResponseCall(
        chat=chat,
        items=[item.model_dump(exclude_none=True) for item in items],
        repeated=_repeated(request, tools, given, params),
        store=request.store is not False,
        tells_summary=(reasoning.summary or reasoning.generate_summary) is not None,
        seals_thoughts=_SEALED_THOUGHTS in (request.include or ()),
    )


def _earlier(response_id: str | None, kept: Kept) -> list[Any]:
    if response_id is None:
        return []
    items = kept.conversation(response_id)
    if items is None:
        raise RequestError(
            f"There is no response {response_id!r} here (any more): it was not stored, or it gave way to newer ones; "
            "send the conversation whole.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    return list(read_items(items, kept.item))


def _sampling(request: ResponseRequest, defaults: SamplingParams) -> SamplingParams:
    reasoning, most = request.reasoning or Reasoning(), request.max_output_tokens
    told = request.top_logprobs
    if told is None and _LOGPROBS in (request.include or ()):
        told = 0
    limit = effort_tokens(reasoning.effort, most) if reasoning.max_tokens is None else reasoning.max_tokens
    given = {
        name: getattr(request, name)
        for name in (
            "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
            "seed",
        )
    } | {"max_tokens": most, "logprobs": told, "max_reasoning_tokens": limit}  # fmt: skip
    return sampling(defaults, given, _NAMES)


def _tools(given: list[Any]) -> list[FunctionTool]:
    tools = []
    for index, raw in enumerate(given):
        kind = raw.get("type") if isinstance(raw, dict) else None
        if kind != "function" and isinstance(kind, str):
            raise RequestError(
                f"'tools[{index}]' is of the type {kind!r}, which this server does not have; only functions, which "
                "the client runs, can be tools here.",
                param=f"tools[{index}].type",
                code="unsupported_value",
            )
        if not isinstance(raw, dict):
            raise RequestError(f"'tools[{index}]' must be an object.", param=f"tools[{index}]", code="invalid_value")
        tools.append(FunctionTool.parse(raw, f"tools[{index}]."))
    return tools


def _function(tool: FunctionTool) -> FunctionGiven:
    return FunctionGiven(name=tool.name, description=tool.description, parameters=tool.parameters, strict=tool.strict)


def _response_format(given: TextFormat) -> ResponseFormat:
    """The chat's form of `text.format`, which nests what is flat here."""
    if given.type != "json_schema":
        return ResponseFormat(type=given.type)
    if given.schema_ is None:
        raise RequestError(
            "'text.format.schema' is missing.", param="text.format.schema", code="missing_required_parameter"
        )
    schema = {"name": given.name, "schema": given.schema_, "strict": given.strict}
    return ResponseFormat(type="json_schema", json_schema=JsonSchemaFormat.model_validate(schema))


def _nested(choice: Any) -> Any:
    """The chat's form of `tool_choice`."""
    match choice:
        case {"type": "function", "name": str(name)}:
            return {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "tools": [*tools], **more}:
            return {"type": "allowed_tools", "allowed_tools": {**more, "tools": [_nested(tool) for tool in tools]}}
    return choice


def _repeated(
    request: ResponseRequest, tools: list[FunctionTool], given: TextFormat, params: SamplingParams
) -> dict[str, Any]:
    reasoning, text = request.reasoning or Reasoning(), request.text or TextConfig()
    return {name: getattr(request, name) for name in _REPEATED} | {
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "reasoning": {"effort": reasoning.effort, "summary": reasoning.summary or reasoning.generate_summary},
        "service_tier": "default",
        "store": request.store is not False,
        "temperature": params.temperature,
        "text": {
            "format": given.model_dump(by_alias=True, exclude_none=True),
            "verbosity": text.verbosity or "medium",
        },
        "tool_choice": request.tool_choice or "auto",
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": bool(tool.strict),
            }
            for tool in tools
        ],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": params.top_p,
        "truncation": request.truncation or "disabled",
        "background": False,
    }
