"""Tools and earlier calls, in the shape that a chat template can take.

Templates disagree.  Some want "" as the content beside calls and fail on None, some test for None and drop the calls
otherwise; some join a call's arguments to text, some write an object as JSON; some know nothing of tools, or of system
messages.  What a template can take is found out by showing it a small conversation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.errors import RequestError, TokenizerError
from huozhong.text.tools import Function, ToolFormat

Render = Callable[[list[dict[str, Any]], list[dict[str, Any]] | None], str]

_NAME, _KEY, _VALUE, _RESULT = "probe_call", "probe_key", "probe value", "probe result"
_TOOL = Function(_NAME, "probe", {"type": "object", "properties": {_KEY: {"type": "string"}}, "required": [_KEY]})


@dataclass(frozen=True)
class History:
    """native: the template shows calls and their results itself.  content: what stands beside calls without text.

    text: arguments are given as JSON text, not as an object.  system: the template takes system messages.
    describes: it tells the model about the tools that it is given.
    """

    native: bool
    content: str | None = ""
    text: bool = False
    system: bool = True
    describes: bool = False

    @classmethod
    def of(cls, render: Render) -> History:
        """What the template behind `render` can take."""
        question = {"role": "user", "content": "probe question"}
        system = _shows(render, [{"role": "system", "content": "probe system"}, question], None, ["probe system"])
        tools = [_TOOL.for_template()]
        described = _rendered(render, [question], tools)
        describes = described is not None and _NAME in described
        for text in (False, True):
            for content in ("", None):
                history = cls(True, content, text, system, describes)
                function = {"name": _NAME, "arguments": json.dumps({_KEY: _VALUE})}
                call = {"id": "call12345", "type": "function", "function": function}
                called = history.shown({"role": "assistant", "content": "", "tool_calls": [call]})
                result = {"role": "tool", "content": _RESULT, "tool_call_id": "call12345"}
                if _shows(render, [question, called, result], tools, [_KEY, _VALUE, _RESULT]):
                    return history
        return cls(False, system=system, describes=describes)

    def shown(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message as the template can take it."""
        calls = message.get("tool_calls")
        if not calls:
            return message
        given = [
            call
            | {
                "function": {
                    "name": call["function"]["name"],
                    "arguments": call["function"]["arguments"]
                    if self.text
                    else json.loads(call["function"]["arguments"]),
                }
            }
            for call in calls
        ]
        return message | {"content": message["content"] or self.content, "tool_calls": given}


def _shows(
    render: Render, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, words: list[str]
) -> bool:
    """Whether the messages bring all words, and arguments as JSON: neither as Python writes them nor escaped twice."""
    text = _rendered(render, messages, tools)
    without = _rendered(render, [{"role": "user", "content": "probe question"}], tools) or ""
    if text is None:
        return False
    escaped = f"{{'{_KEY}'" in text or f'{{\\"{_KEY}' in text
    return not escaped and all(text.count(word) > without.count(word) for word in words)


def _rendered(render: Render, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> str | None:
    """None where the template refuses."""
    try:
        return render(messages, tools)
    except (RequestError, TokenizerError):
        return None


def with_ids(messages: Sequence[Mapping[str, Any]], form: ToolFormat) -> list[dict[str, Any]]:
    """The ids of calls as the form wants them, where they are not so already."""
    names: dict[str, str] = {}
    shown = []
    for message in messages:
        turn = dict(message)
        if calls := turn.get("tool_calls"):
            for call in calls:
                names[call["id"]] = form.id_for(call["id"], call["function"]["name"], len(names))
            turn["tool_calls"] = [call | {"id": names[call["id"]]} for call in calls]
        if "tool_call_id" in turn:
            turn["tool_call_id"] = names.get(turn["tool_call_id"], turn["tool_call_id"])
        shown.append(turn)
    return shown


def as_text(messages: Sequence[Mapping[str, Any]], form: ToolFormat) -> list[dict[str, Any]]:
    """Calls written into the assistant's content, and results as the user's, for a template that knows neither."""
    shown: list[dict[str, Any]] = []
    for message in messages:
        turn = dict(message)
        if calls := turn.pop("tool_calls", None):
            written = form.written([(call["function"]["name"], call["function"]["arguments"]) for call in calls])
            turn["content"] = f"{turn['content']}\n{written}" if turn["content"] else written
        if turn["role"] == "tool":
            turn = {"role": "user", "content": f"<tool_response>\n{turn['content']}\n</tool_response>"}
            if shown and shown[-1]["role"] == "user":
                turn["content"] = f"{shown.pop()['content']}\n{turn['content']}"
        shown.append(turn)
    return shown


def describe(description: str, messages: Sequence[Mapping[str, Any]], *, system: bool) -> list[dict[str, Any]]:
    """The tools' description at the end of the system message; without one, before the conversation.

    system: the template takes system messages; otherwise it stands before what the user says first.
    """
    shown = [dict(message) for message in messages]
    if shown and shown[0]["role"] == "system":
        shown[0]["content"] = f"{shown[0]['content']}\n\n{description}"
    elif system:
        shown.insert(0, {"role": "system", "content": description})
    elif shown and shown[0]["role"] == "user":
        shown[0]["content"] = f"{description}\n\n{shown[0]['content']}"
    else:
        shown.insert(0, {"role": "user", "content": description})
    return shown
