"""Open WebUI's export of chats: an array of what its database holds.

    {"id", "title", "created_at", "updated_at", "pinned", "archived",
     "chat": {"title", "models", "params": {"system"?, "temperature"?, ...},
              "history": {"currentId", "messages": {id: {"id", "parentId", "childrenIds", "role", "content", "model",
                                                        "timestamp", "error"?, "usage"?}}},
              "messages": [the shown branch]}}

Older exports have the inner object alone, or only `messages`.  Reasoning and calls of tools stand inside an answer's
text, as <details type="reasoning" duration="seconds">, or <think> before there were those, and
<details type="tool_calls">.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from huozhong.store.exchange.shape import Chat, Said, listed, mapping, text, time_ms
from huozhong.store.tables.base import now

_DETAILS = re.compile(r'<details type="(\w+)"([^>]*)>\s*(?:<summary>[^<]*</summary>)?(.*?)</details>\s*', re.S)
_THINK = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>", re.S)  # as models write it, and older ones kept it
_DURATION = re.compile(r'duration="(\d{1,6})"')
_OWN_TITLES = ("New Chat", "新对话", "新建对话")


def is_open_webuis(raw: Mapping[str, Any]) -> bool:
    chat = mapping(raw.get("chat", raw))
    return isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)


def read(raw: Mapping[str, Any]) -> Chat:
    chat = mapping(raw.get("chat", raw))
    params, history = mapping(chat.get("params")), mapping(chat.get("history"))
    created = time_ms(raw.get("created_at")) or time_ms(chat.get("timestamp")) or now()
    title = text(raw.get("title")) or text(chat.get("title"))
    settings: dict[str, Any] = {}
    if system := text(params.get("system")) or text(chat.get("system")):
        settings["system"] = system
    said = [_said(mapping(one), key) for key, one in mapping(history.get("messages")).items()]
    return Chat(
        source=text(raw.get("id")) or text(chat.get("id")),
        title="" if title in _OWN_TITLES else title,
        pinned=raw.get("pinned") is True,
        settings=settings,
        created=created,
        updated=time_ms(raw.get("updated_at")) or created,
        leaf=text(history.get("currentId")),
        said=said or list(_in_a_row(listed(chat.get("messages")))),
    )


def _in_a_row(messages: list[Any]) -> Iterator[Said]:
    """Without a tree: each follows the one before."""
    before: str | None = None
    for place, raw in enumerate(messages):
        message = mapping(raw)
        key = f"#{place}"
        yield _said({**message, "parentId": before}, key)
        before = key


def _said(raw: Mapping[str, Any], key: str) -> Said:
    role = raw.get("role")
    content, reasoning, seconds = (
        _apart(_words(raw.get("content")))
        if role == "assistant"
        else (
            _words(raw.get("content")),
            "",
            0,
        )
    )
    error = raw.get("error")
    why = text(error) or text(mapping(error).get("content")) or text(mapping(error).get("message"))
    failed = role == "assistant" and bool(error)
    return Said(
        key=key,
        parent=text(raw.get("parentId")) or None,
        role=role if role in ("user", "assistant") else None,
        content=content,
        reasoning=reasoning or (text(raw.get("reasoning_content")) if role == "assistant" else ""),
        state="failed" if failed else "done" if role == "user" or raw.get("done") is not False else "cut",
        model=text(raw.get("model")) or None if role == "assistant" else None,
        error=(why or "It failed there.") if failed else None,
        created=time_ms(raw.get("timestamp")),
        think_ms=seconds * 1000 or None,
    )


def _words(content: Any) -> str:
    """A text, or a list of parts of which the texts are kept."""
    if isinstance(content, list):
        parts = [text(mapping(part).get("text")) or _picture(mapping(part)) for part in content]
        return "\n\n".join(part for part in parts if part)
    return text(content)


def _picture(part: Mapping[str, Any]) -> str:
    return "[image]" if part.get("type") == "image_url" else ""


def _apart(content: str) -> tuple[str, str, int]:
    """An answer's text, its reasoning, and how many seconds that took."""
    thoughts: list[str] = []
    seconds = 0

    def take(found: re.Match[str]) -> str:
        nonlocal seconds
        kind, attributes, inner = found.groups()
        if kind != "reasoning":
            return ""
        lines = html.unescape(inner).strip().splitlines()
        thoughts.append("\n".join(line.removeprefix(">").removeprefix(" ") for line in lines))
        seconds += int(duration[1]) if (duration := _DURATION.search(attributes)) else 0
        return ""

    rest = _DETAILS.sub(take, content) if "<details" in content else content
    if not thoughts and (found := _THINK.match(rest)) and found[1].strip():
        thoughts.append(found[1].strip())
        rest = rest[found.end() :]
    return rest.strip() if thoughts else rest, "\n\n".join(thoughts), seconds
