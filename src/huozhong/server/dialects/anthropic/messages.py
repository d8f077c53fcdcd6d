"""Anthropic's messages: JSON -> `ChatCall`.

What its blocks say becomes what chat templates know: `tool_use` a tool call, `tool_result` a tool's message,
`thinking` the reasoning of an earlier answer.  `cache_control` changes nothing: prompts are always kept.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from huozhong.engine.guides.guide import JsonSchema
from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import AnswerForm, ChatCall
from huozhong.server.dialects.fields import Strict, also
from huozhong.server.dialects.sampling import limits, sampling
from huozhong.server.dialects.thinking import effort_tokens
from huozhong.text.template import Begun
from huozhong.text.tools import Function, ToolChoice

# For the vendor's records and machines, or for what its own models do: here it changes no answer.
_CHANGES_NOTHING = frozenset({"metadata", "service_tier", "container", "inference_geo", "cache_control", "user"})
_NAMES = {"max_tokens": "max_tokens", "stop": "stop_sequences"}


class _Block(Strict):
    cache_control: Any = None


class TextBlock(_Block):
    type: Literal["text"]
    text: str
    citations: Any = None


class ThinkingBlock(_Block):
    type: Literal["thinking"]
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(_Block):
    type: Literal["redacted_thinking"]
    data: str


class ToolUseBlock(_Block):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]
    caller: Any = None


class ToolResultBlock(_Block):
    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[TextBlock] | None = None
    is_error: bool | None = None


Block = Annotated[
    TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock, Field(discriminator="type")
]


class Message(Strict):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Strict):
    name: str
    type: Literal["custom"] | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: Any = None
    eager_input_streaming: Any = None


class Choice(Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Strict):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None
    display: Any = None


class OutputFormat(Strict):
    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")


class OutputConfig(Strict):
    format: OutputFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class Conversation(Strict):
    """The body of POST /v1/messages/count_tokens, and what it shares with /v1/messages."""

    model_config = also(_CHANGES_NOTHING)

    model: str
    messages: list[Message] = Field(min_length=1)
    system: str | list[TextBlock] | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None  # the same as its `format`, under the name it had first
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None


class MessagesRequest(Conversation):
    """The body of POST /v1/messages."""

    model_config = also(_CHANGES_NOTHING, None, limits())

    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None


def parse_messages(body: dict[str, Any], defaults: SamplingParams) -> ChatCall:
    """Raises `RequestError` naming the first field that is wrong."""
    request = MessagesRequest.parse(_meant(body))
    given = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "max_tokens": request.max_tokens,
        "stop": request.stop_sequences,
        "max_reasoning_tokens": _budget(request),
    }
    return _call(request, sampling(defaults, given, _NAMES), bool(request.stream))


def parse_count(body: dict[str, Any], defaults: SamplingParams) -> ChatCall:
    """The same without what counts no tokens."""
    return _call(Conversation.parse(_meant(body)), defaults, False)


def _budget(request: MessagesRequest) -> int | None:
    """Tokens of the thought: what the switch gives, or else what the effort comes to."""
    budget = None if request.thinking is None else request.thinking.budget_tokens
    if budget is None:
        effort = None if request.output_config is None else request.output_config.effort
        return effort_tokens(effort, request.max_tokens)
    if budget < 1:
        raise RequestError(
            f"'thinking.budget_tokens' is {budget}; it must be at least 1.", param="thinking.budget_tokens"
        )
    return budget


def _meant(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _CHANGES_NOTHING}


def _call(request: Conversation, params: SamplingParams, stream: bool) -> ChatCall:
    turns = [{"role": "system", "content": _joined(request.system)}] if request.system else []
    for message in request.messages:
        turns += _turns(message)
    if not turns:
        raise RequestError("'messages' say nothing.", param="messages")
    begun = None
    if turns[-1]["role"] == "assistant":
        last = turns.pop()
        if "tool_calls" in last or not turns:
            raise RequestError("The last message must be the user's, or the beginning of an answer.", param="messages")
        begun = Begun(last["content"], last.get("reasoning_content"))
    return ChatCall(
        model=request.model,
        messages=turns,
        params=params,
        form=_form(request),
        thinking=request.thinking is not None and request.thinking.type != "disabled",
        stream=stream,
        begun=begun,
    )


def _turns(message: Message) -> list[dict[str, Any]]:
    """One message as one or several: each tool's result is one of its own, before what the user says then."""
    if isinstance(message.content, str):
        return [{"role": message.role, "content": message.content}]
    turns: list[dict[str, Any]] = []
    texts, thoughts, calls = [], [], []
    for block in message.content:
        wrong = isinstance(block, ToolResultBlock) is (message.role == "assistant")
        match block:
            case TextBlock():
                texts.append(block.text)
                continue
            case ThinkingBlock():
                thoughts.append(block.thinking)
            case ToolUseBlock():
                function = {"name": block.name, "arguments": json.dumps(block.input, ensure_ascii=False)}
                calls.append({"id": block.id, "type": "function", "function": function})
            case ToolResultBlock():
                turns.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": _joined(block.content)})
        if wrong:
            raise RequestError(f"A {message.role}'s message has no '{block.type}' blocks.", param="messages")
    text = "".join(texts) if message.role == "assistant" else "\n".join(texts)
    if texts or calls or not turns:
        turn: dict[str, Any] = {"role": message.role, "content": text}
        turn |= {"reasoning_content": "\n".join(thoughts)} if thoughts else {}
        turns.append(turn | ({"tool_calls": calls} if calls else {}))
    return turns


def _joined(content: str | list[TextBlock] | None) -> str:
    if isinstance(content, list):
        return "\n".join(block.text for block in content)
    return content or ""


def _form(request: Conversation) -> AnswerForm:
    choice = request.tool_choice or Choice(type="auto")
    functions = tuple(
        Function(tool.name, tool.description, tool.input_schema, bool(tool.strict)) for tool in request.tools or ()
    )
    if choice.type in ("any", "tool") and not functions:
        raise RequestError(f"'tool_choice' is \"{choice.type}\", but there are no 'tools'.", param="tool_choice")
    if choice.type == "tool" and choice.name not in [function.name for function in functions]:
        raise RequestError(f"'tool_choice' names {choice.name!r}, which is not among the 'tools'.", param="tool_choice")
    format = request.output_format or (request.output_config or OutputConfig()).format
    if choice.type == "none" or not functions:
        return AnswerForm(guide=_guide(format), source="output_config.format")
    kinds: dict[str, Literal["auto", "required", "named"]] = {"auto": "auto", "any": "required", "tool": "named"}
    return AnswerForm(
        source="tools",
        functions=functions,
        choice=ToolChoice(
            kind=kinds[choice.type],
            name=choice.name if choice.type == "tool" else None,
            parallel=not choice.disable_parallel_tool_use,
            text=None if format is None else format.schema_,
        ),
    )


def _guide(format: OutputFormat | None) -> JsonSchema | None:
    try:
        return None if format is None else JsonSchema(format.schema_, strict=False)
    except RequestError as error:
        where = "output_config.format"
        raise RequestError(f"'{where}': {error}", param=where) from None
