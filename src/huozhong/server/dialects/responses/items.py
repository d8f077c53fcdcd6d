"""The items that a conversation is made of in OpenAI's responses, and the turns that chat templates know.

A thought, what is said after it and the calls that follow are items of their own here, and one turn there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict
from huozhong.server.dialects.openai.messages import Arguments

_SEALED = "huozhong-thought:"


def _joined(content: Any) -> Any:
    """A text, or text parts, as one string."""
    if not isinstance(content, list):
        return content
    texts = []
    for index, part in enumerate(content):
        match part:
            case {"type": "input_text" | "output_text" | "text", "text": str(text), **more}:
                if not set(more) <= set(TextPart.model_fields):
                    unknown = sorted(map(str, set(more) - set(TextPart.model_fields)))
                    raise ValueError(f"part {index} has the unknown field {unknown[0]!r}")
                texts.append(text)
            case {"type": "refusal", "refusal": str(text)}:
                texts.append(text)
            case {"type": str(kind)} if kind.endswith("_text") or kind in ("text", "refusal"):
                raise ValueError(f'part {index} must be {{"type": "{kind}", "text": "..."}}')
            case _:
                raise ValueError(f"part {index} is not a text part; this model reads text only")
    return "".join(texts)


class TextPart(Strict):
    """What a part of a content may be."""

    type: Literal["input_text", "output_text", "text"]
    text: str
    annotations: Any = None
    logprobs: Any = None
    prompt_cache_breakpoint: Any = None


class RefusalPart(Strict):
    type: Literal["refusal"]
    refusal: str


Text = Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | list[TextPart | RefusalPart])]


class _Item(Strict):
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class MessageItem(_Item):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Text
    phase: str | None = None  # whether an answer's text is its last; it goes where it stood


class FunctionCallItem(_Item):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: Arguments = "{}"
    namespace: None = None
    caller: Any = None


class FunctionOutputItem(_Item):
    type: Literal["function_call_output"]
    call_id: str
    output: Text
    name: str | None = None
    namespace: None = None
    caller: Any = None


class ThoughtText(Strict):
    type: Literal["summary_text", "reasoning_text", "text"]
    text: str


class ReasoningItem(_Item):
    type: Literal["reasoning"]
    summary: list[ThoughtText] = Field(default_factory=list)
    content: list[ThoughtText] | None = None
    encrypted_content: str | None = None

    @property
    def text(self) -> str:
        parts = self.content or self.summary
        return "\n".join(part.text for part in parts) if parts else unsealed(self.encrypted_content)


class ReferenceItem(Strict):
    """One that this server has kept, by its id."""

    type: Literal["item_reference"] | None = None
    id: str


Item = MessageItem | FunctionCallItem | FunctionOutputItem | ReasoningItem
ITEMS: dict[str, type[Item]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "function_call_output": FunctionOutputItem,
    "reasoning": ReasoningItem,
}


def sealed(thought: str) -> str:
    """A thought for a client that keeps the conversation itself: no secret, but one word for the client."""
    return _SEALED + base64.b64encode(thought.encode("utf-8", "replace")).decode()


def unsealed(given: str | None) -> str:
    """The way back; another server's thoughts cannot be read, and are left out."""
    if given is None or not given.startswith(_SEALED):
        return ""
    try:
        return base64.b64decode(given.removeprefix(_SEALED), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def read_items(given: Any, find: Callable[[str], Mapping[str, Any] | None]) -> list[Item]:
    """A request's `input`: a text, or a list of items; `RequestError` naming what is wrong.

    find: an item that was kept, by its id.
    """
    if isinstance(given, str):
        return [MessageItem(role="user", content=given)]
    if not isinstance(given, list):
        raise RequestError("'input' must be a text or a list of items.", param="input", code="invalid_value")
    return [_read_item(f"input[{index}]", raw, find) for index, raw in enumerate(given)]


def _read_item(where: str, raw: Any, find: Callable[[str], Mapping[str, Any] | None]) -> Item:
    if not isinstance(raw, dict):
        raise RequestError(f"'{where}' must be an object.", param=where, code="invalid_value")
    kind = raw.get("type") or ("message" if "role" in raw else "item_reference")
    if kind == "item_reference":
        reference = ReferenceItem.parse(raw, where + ".")
        kept = find(reference.id)
        if kept is None:
            raise RequestError(
                f"'{where}': there is no item {reference.id!r} here any more; send it whole.", param=where
            )
        raw, kind = dict(kept), kept["type"]
    model = ITEMS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise RequestError(
            f"'{where}' is of the type {kind!r}; this server knows {', '.join(ITEMS)} and item_reference.",
            param=f"{where}.type",
            code="unsupported_value",
        )
    return model.parse(raw, where + ".")


def turns_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """As chat templates take a conversation."""
    turns: list[dict[str, Any]] = []
    own: dict[str, Any] = {}  # the model's turn that is being put together
    for item in (*items, None):
        begins = "content" in own or "tool_calls" in own
        is_call = isinstance(item, FunctionCallItem)
        is_own = (
            is_call or isinstance(item, ReasoningItem) or (isinstance(item, MessageItem) and item.role == "assistant")
        )
        if own and (not is_own or (begins and not is_call)):
            if begins:  # a thought after which nothing was said is no turn
                turns.append({"role": "assistant", "content": None, **own})
            own = {}
        match item:
            case ReasoningItem() if item.text:
                own["reasoning_content"] = item.text
            case FunctionCallItem():
                function = {"name": item.name, "arguments": item.arguments}
                call = {"id": item.call_id, "type": "function", "function": function}
                own["tool_calls"] = [*own.get("tool_calls", ()), call]
            case FunctionOutputItem():
                turns.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})
            case MessageItem(role="assistant"):
                own["content"] = item.content
            case MessageItem():
                role = "system" if item.role == "developer" else item.role
                turns.append({"role": role, "content": item.content})
    return turns
