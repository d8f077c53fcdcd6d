"""The DeepSeek app's conversations.json: a `mapping` of nodes as ChatGPT's, with other words in them.

    {"id", "title", "inserted_at", "updated_at",
     "mapping": {id: {"id", "parent", "children", "message": {"model", "inserted_at", "files",
                 "fragments": [{"type": "REQUEST" | "THINK" | "RESPONSE" | "SEARCH", "content"}]}}}}

Times are texts (ISO 8601).  Before there were fragments a message had "content" and "reasoning_content", and who wrote
it was told by its place alone: questions and answers take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from huozhong.store.exchange.shape import Chat, Said, listed, mapping, text, time_ms
from huozhong.store.tables.base import now


def is_deepseeks(raw: Mapping[str, Any]) -> bool:
    nodes = mapping(raw.get("mapping")).values()
    return "mapping" in raw and ("inserted_at" in raw or any("inserted_at" in _message(node) for node in nodes))


def read(raw: Mapping[str, Any]) -> Chat:
    created = _time(raw.get("inserted_at")) or _time(raw.get("create_time")) or now()
    nodes = {key: mapping(node) for key, node in mapping(raw.get("mapping")).items()}
    odd = _odd_ones(nodes)
    said = [_said(key, node, key in odd) for key, node in nodes.items()]
    last = max(said, key=lambda one: one.created or 0, default=None)
    return Chat(
        source=text(raw.get("id")),
        title=text(raw.get("title")),
        model=None,  # DeepSeek's are not here; each answer says who wrote it
        created=created,
        updated=_time(raw.get("updated_at")) or created,
        leaf=last.key if last else None,
        said=said,
    )


def _message(node: Any) -> Mapping[str, Any]:
    return mapping(mapping(node).get("message"))


def _said(key: str, node: Mapping[str, Any], is_odd: bool) -> Said:
    message = _message(node)
    fragments = [mapping(one) for one in listed(message.get("fragments"))]
    if fragments:
        kinds = {text(one.get("type")) for one in fragments}
        role: Literal["user", "assistant"] | None = "user" if "REQUEST" in kinds else "assistant"
        content = _joined(fragments, "REQUEST") or _joined(fragments, "RESPONSE")
        reasoning = _joined(fragments, "THINK")
    else:
        content, reasoning = text(message.get("content")), text(message.get("reasoning_content"))
        role = None if not message else "user" if is_odd else "assistant"
    return Said(
        key=key,
        parent=text(node.get("parent")) or None,
        role=role,
        content=content,
        reasoning=reasoning if role == "assistant" else "",
        model=text(message.get("model")) or None if role == "assistant" else None,
        created=_time(message.get("inserted_at")),
    )


def _joined(fragments: list[Mapping[str, Any]], kind: str) -> str:
    return "\n\n".join(said for one in fragments if one.get("type") == kind and (said := text(one.get("content"))))


def _odd_ones(nodes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The first, third, ... messages on their ways from a root, which is nobody's."""
    below: dict[str, list[str]] = {}
    for key, node in nodes.items():
        parent = text(node.get("parent"))
        below.setdefault(parent if parent in nodes else "", []).append(key)
    odd: set[str] = set()
    level, is_odd = below.get("", []), False
    while level:
        if is_odd:
            odd.update(level)
        level, is_odd = [child for key in level if key for child in below.get(key, [])], not is_odd
    return odd


def _time(value: Any) -> int | None:
    """Milliseconds of a time with its zone; one without is taken as UTC's."""
    try:
        at = datetime.fromisoformat(text(value))
        return time_ms(at.timestamp() if at.tzinfo else datetime.fromisoformat(f"{value}+00:00").timestamp())
    except (ValueError, OverflowError):
        return None
