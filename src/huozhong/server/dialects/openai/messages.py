"""The messages of a chat, as OpenAI's and DeepSeek's clients and those of their imitators send them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from huozhong.errors import RequestError
from huozhong.server.dialects.fields import NotYet, Strict, also, without_unsupported
from huozhong.text.template import Begun

_NOT_YET: NotYet = {"audio": (), "function_call": ()}
# A participant's name is no part of any template that is known here; the rest is what answers carry, this server's
# own (`rule`) and others', and what comes back with them in the next request.
_CHANGES_NOTHING = frozenset(
    {"annotations", "cache_control", "name", "provider_specific_fields", "reasoning_details", "refusal", "rule"}
)


def text_of(content: Any) -> Any:
    """A message's content as one string: a string stays, a list of text parts is joined."""
    if not isinstance(content, list):
        return content
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            raise ValueError(f"part {index} is not a text part; this model reads text only")
        if not set(part) <= set(TextPart.model_fields) or not isinstance(part.get("text"), str):
            raise ValueError(f'part {index} must be {{"type": "text", "text": "..."}}')
        texts.append(part["text"])
    return "".join(texts)


def json_arguments(given: Any) -> Any:
    """Some servers write null or nothing for a call without arguments, others the object itself."""
    if given is None or (isinstance(given, str) and given.strip() in ("", "null")):
        return "{}"
    return json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else given


Arguments = Annotated[str, BeforeValidator(json_arguments, json_schema_input_type=str | dict[str, Any] | None)]


class TextPart(Strict):
    """What a part of a content may be."""

    type: Literal["text"]
    text: str
    annotations: Any = None
    cache_control: Any = None


class CalledFunction(Strict):
    name: str
    arguments: Arguments = "{}"


class ToolCallGiven(Strict):
    """A call in an earlier answer, as this server wrote it."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction
    index: int | None = Field(None, exclude=True)  # clients that join stream deltas send it back


class ChatMessage(Strict):
    model_config = also(_CHANGES_NOTHING, _NOT_YET)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(text_of, json_schema_input_type=str | list[TextPart] | None)] = None
    # Of earlier answers; the chat template leaves it out, as DeepSeek does.
    reasoning_content: str | None = None
    reasoning: str | None = None  # the same, as vLLM and others call it
    tool_calls: list[ToolCallGiven] | None = None
    tool_call_id: str | None = None
    prefix: bool | None = None  # DeepSeek's: go on with this message


def readable(messages: Any) -> Any:
    """The messages of a body without what changes nothing; `RequestError` for what is known and not supported."""
    if not isinstance(messages, list):
        return messages
    kept = []
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            message = {name: value for name, value in message.items() if name not in _CHANGES_NOTHING}
            message = without_unsupported(message, _NOT_YET, f"messages[{index}].")
        kept.append(message)
    return kept


def for_template(messages: list[ChatMessage]) -> tuple[list[dict[str, Any]], Begun | None]:
    """The conversation, and the beginning of the answer where the last message is one.

    A last message of the assistant's own is gone on with, marked or not, as llama.cpp and Ollama do.
    """
    turns = [_turn(index, message) for index, message in enumerate(messages)]
    marked = next((i for i, message in enumerate(messages) if message.prefix and message is not messages[-1]), None)
    if marked is not None:
        raise RequestError(f"Only the last message can have 'prefix', not messages[{marked}].", param="messages")
    last = messages[-1]
    if last.role != "assistant":
        if last.prefix:
            raise RequestError("'prefix' belongs to an assistant's message.", param="messages")
        return turns, None
    if last.tool_calls:
        raise RequestError(
            "The last message calls tools; end with what they gave, or with a user message.", param="messages"
        )
    if len(turns) == 1:
        raise RequestError(
            "There is nothing before the assistant's message that is to be gone on with ('prefix').", param="messages"
        )
    if turns[-2]["role"] == "assistant" and not last.prefix:
        raise RequestError(
            'The last two messages are the assistant\'s; give the last one "prefix": true to have it gone on with, or '
            "end with a user message.",
            param="messages",
        )
    return turns[:-1], Begun(turns[-1]["content"], turns[-1].get("reasoning_content"))


def _turn(index: int, message: ChatMessage) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role  # OpenAI's newer name for the same thing
    calls = [call.model_dump() for call in message.tool_calls or ()]
    content = message.content
    if content is None and message.prefix and (message.reasoning_content or message.reasoning):
        content = ""
    if content is None and not calls:
        where = f"messages[{index}].content"
        raise RequestError(f"'{where}' is missing.", param=where, code="missing_required_parameter")
    out: dict[str, Any] = {"role": role, "content": content}
    for name, value, owner in (
        ("reasoning_content", message.reasoning_content or message.reasoning, "assistant"),
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
