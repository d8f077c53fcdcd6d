"""Our own JSON: an array of conversations, each of them whole by itself, so that a file may be cut or joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huozhong.store.exchange.shape import Chat, NotTaken, Said, listed, mapping, text, time_ms
from huozhong.store.tables.base import now
from huozhong.store.tables.conversations import ConversationRow, MessageRow

FORMAT = "huozhong-conversation"
VERSION = 1
_STATES = ("done", "stopped", "cut", "failed")
_SETTINGS: Mapping[str, tuple[type, ...]] = {
    "thinking": (bool,),
    "temperature": (int, float),
    "top_p": (int, float),
    "max_tokens": (int,),
    "system": (str,),
}


def to_json(conversation: ConversationRow, messages: Sequence[MessageRow]) -> dict[str, Any]:
    """A conversation, to be read by `read` or by anybody.  Times are milliseconds since 1970 UTC."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": conversation.id,
        "title": conversation.title,
        "title_is_own": conversation.title_is_own,
        "pinned": conversation.pinned,
        "model": conversation.model,
        "settings": conversation.settings,
        "created": conversation.created,
        "updated": conversation.updated,
        "leaf": conversation.leaf_id,
        "messages": [_message_json(message) for message in messages],
    }


def _message_json(row: MessageRow) -> dict[str, Any]:
    said = {
        "id": row.id,
        "parent": row.parent_id,
        "role": row.role,
        "content": row.content,
        "created": row.created,
    }
    if row.role == "user":
        return said
    return said | {
        "reasoning": row.reasoning,
        "state": "cut" if row.state == "running" else row.state,
        "finish": row.finish,
        "model": row.model,
        "usage": row.usage,
        "rule": row.rule,
        "error": row.error,
        "think_ms": row.think_ms,
    }


def is_ours(raw: Mapping[str, Any]) -> bool:
    return raw.get("format") == FORMAT


def read(raw: Mapping[str, Any]) -> Chat:
    """`NotTaken` for what a newer program wrote."""
    if raw.get("version") != VERSION:
        raise NotTaken("unknown", "A newer Huozhong has written it; update this one.")
    settings = {
        name: value
        for name, value in mapping(raw.get("settings")).items()
        if isinstance(value, _SETTINGS.get(name, ())) and (name == "thinking" or not isinstance(value, bool))
    }
    created = time_ms(raw.get("created")) or now()
    return Chat(
        source=text(raw.get("id")),
        title=text(raw.get("title")),
        title_is_own=raw.get("title_is_own") is True,
        pinned=raw.get("pinned") is True,
        model=text(raw.get("model")) or None,
        settings=settings,
        created=created,
        updated=time_ms(raw.get("updated")) or created,
        leaf=text(raw.get("leaf")),
        said=[_said(mapping(one), place) for place, one in enumerate(listed(raw.get("messages")))],
    )


def _said(raw: Mapping[str, Any], place: int) -> Said:
    think = raw.get("think_ms")
    return Said(
        key=text(raw.get("id")) or f"#{place}",
        parent=text(raw.get("parent")) or None,
        role=raw["role"] if raw.get("role") in ("user", "assistant") else None,
        content=text(raw.get("content")),
        reasoning=text(raw.get("reasoning")),
        state=raw["state"] if raw.get("state") in _STATES else "done",
        finish=text(raw.get("finish")) or None,
        model=text(raw.get("model")) or None,
        usage=dict(mapping(raw.get("usage"))) or None,
        rule=dict(mapping(raw.get("rule"))) or None,
        error=text(raw.get("error")) or None,
        created=time_ms(raw.get("created")),
        think_ms=think if type(think) is int and 0 <= think < 2**53 else None,
    )
