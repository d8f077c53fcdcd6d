"""Conversations as programs send them, checked: every mistake is a `RequestError` that names the field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from huozhong.errors import RequestError
from huozhong.text.tokenizer import END_THINK, THINK
from huozhong.text.tools import NAME

ROLES = ("system", "user", "assistant", "tool")

_KEYS = {"role", "content", "reasoning_content", "tool_calls", "tool_call_id"}


class InlineThought(str):
    """A thought that was written into an answer; written: all of that, for templates that read it themselves."""

    written: str

    def __new__(cls, thought: str, written: str) -> InlineThought:
        made = super().__new__(cls, thought)
        made.written = written
        return made


def checked_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Validated copies with the keys role, content, and for assistants reasoning_content (str or None).

    `reasoning_content` and `tool_calls` belong to assistants only and may be absent or None.
    tool_calls: [{"id": ..., "type": "function", "function": {"name": ..., "arguments": JSON text}}]; with them
    `content` may be None.  tool_call_id: which of these calls a message with role "tool" answers.

    Reasoning written into an assistant's content as "<think>...</think>answer" is moved to its own key, as an
    InlineThought.
    Raises RequestError with param "messages".
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence) or not messages:
        _refuse("messages must be a list with at least one message")
    turns = [_checked_message(f"messages[{i}]", m) for i, m in enumerate(messages)]
    called: set[str] = set()
    for i, turn in enumerate(turns):
        called |= {call["id"] for call in turn.get("tool_calls", ())}
        if turn["role"] == "tool" and turn["tool_call_id"] not in called:
            _refuse(f"messages[{i}].tool_call_id is {turn['tool_call_id']!r}, but no earlier message has that call")
    return turns


def _checked_message(where: str, message: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        _refuse(f"{where} must be an object with role and content")
    role, content, reasoning = message.get("role"), message.get("content"), message.get("reasoning_content")
    if role not in ROLES:
        _refuse(f"{where}.role is {role!r}; it must be one of {', '.join(ROLES)}")
    if "content" not in message:
        _refuse(f"{where} has no content")
    calls = message.get("tool_calls")
    if calls is not None and role != "assistant":
        _refuse(f"{where}.tool_calls belongs to assistant messages only")
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        _refuse(f"{where}.content must be a string, not {type(content).__name__}")
    unknown = sorted(map(str, message.keys() - _KEYS))
    if unknown:
        _refuse(f"{where} has an unknown field {unknown[0]!r}")
    if reasoning is not None and role != "assistant":
        _refuse(f"{where}.reasoning_content belongs to assistant messages only")
    if reasoning is not None and not isinstance(reasoning, str):
        _refuse(f"{where}.reasoning_content must be a string, not {type(reasoning).__name__}")
    if role == "tool":
        if not isinstance(message.get("tool_call_id"), str):
            _refuse(f"{where}.tool_call_id must say which call this answers")
        return {"role": role, "content": content, "tool_call_id": message["tool_call_id"]}
    if "tool_call_id" in message:
        _refuse(f"{where}.tool_call_id belongs to tool messages only")
    if role != "assistant":
        return {"role": role, "content": content}
    inline = content.lstrip()
    if reasoning is None and inline.startswith(THINK) and END_THINK in inline:
        thought, rest = inline.removeprefix(THINK).split(END_THINK, 1)
        reasoning, content = InlineThought(thought, content), rest.lstrip("\n")  # line breaks are marks, as tags are
    turn = {"role": role, "content": content, "reasoning_content": reasoning}
    return turn | {"tool_calls": _checked_calls(f"{where}.tool_calls", calls)} if calls else turn


def _checked_calls(where: str, calls: Any) -> list[dict[str, Any]]:
    if not isinstance(calls, list | tuple):
        _refuse(f"{where} must be a list")
    checked = []
    for i, call in enumerate(calls):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(call.get("id"), str):
            _refuse(f"{where}[{i}] must be an object with id and function")
        name, arguments = function.get("name"), function.get("arguments")
        if arguments is None or (isinstance(arguments, str) and arguments.strip() in ("", "null")):
            arguments = "{}"  # what several servers write of a call without any
        elif isinstance(arguments, Mapping):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            _refuse(f"{where}[{i}].function.name must be 1 to 64 letters, digits, '_' or '-'")
        try:
            is_object = isinstance(arguments, str) and isinstance(json.loads(arguments), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            _refuse(f"{where}[{i}].function.arguments must be the JSON text of an object")
        checked.append({"id": call["id"], "type": "function", "function": {"name": name, "arguments": arguments}})
    return checked


def _refuse(message: str) -> NoReturn:
    raise RequestError(message, param="messages")
