"""ChatGPT's conversations.json: each conversation a `mapping` of nodes, of which many are nobody's words.

    {"title", "create_time", "update_time", "current_node", "conversation_id",
     "mapping": {id: {"id", "parent", "children", "message": {"author": {"role"}, "recipient", "create_time",
                 "content": {"content_type", "parts" | "text" | "thoughts"}, "metadata": {...}}}}}

Times are seconds.  Prompts of the program, tools and hidden messages are left out; `thoughts` become the reasoning of
the answer that follows; pictures and sounds, which the export holds as pointers only, are named in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from huozhong.store.exchange.shape import Chat, Said, listed, mapping, text, time_ms
from huozhong.store.tables.base import now

_WORDS = ("text", "multimodal_text", "code")


def is_chatgpts(raw: Mapping[str, Any]) -> bool:
    return isinstance(raw.get("mapping"), dict)


def read(raw: Mapping[str, Any]) -> Chat:
    created = time_ms(raw.get("create_time")) or now()
    return Chat(
        source=text(raw.get("conversation_id")) or text(raw.get("id")),
        title=text(raw.get("title")),
        model=None,  # it is not here; each answer says who wrote it
        pinned=raw.get("is_starred") is True,
        created=created,
        updated=time_ms(raw.get("update_time")) or created,
        leaf=text(raw.get("current_node")),
        said=[_said(key, mapping(node)) for key, node in mapping(raw.get("mapping")).items()],
    )


def _said(key: str, node: Mapping[str, Any]) -> Said:
    message = mapping(node.get("message"))
    content, about = mapping(message.get("content")), mapping(message.get("metadata"))
    role = _role(message, content, about)
    kind = content.get("content_type")
    return Said(
        key=key,
        parent=text(node.get("parent")) or None,
        role=role,
        content=_words(content) if role is not None and kind in _WORDS else "",
        reasoning=_thoughts(content) if role == "assistant" and kind == "thoughts" else "",
        model=text(about.get("model_slug")) or None if role == "assistant" else None,
        created=time_ms(message.get("create_time")),
    )


def _role(
    message: Mapping[str, Any], content: Mapping[str, Any], about: Mapping[str, Any]
) -> Literal["user", "assistant"] | None:
    role = mapping(message.get("author")).get("role")
    is_hidden = about.get("is_visually_hidden_from_conversation") is True or message.get("weight") == 0
    if is_hidden or message.get("recipient", "all") != "all":
        return None  # a call of a tool is addressed to it
    if role == "user" and content.get("content_type") in _WORDS:
        return "user"
    if role == "assistant" and content.get("content_type") in (*_WORDS, "thoughts"):
        return "assistant"
    return None


def _words(content: Mapping[str, Any]) -> str:
    if content.get("content_type") == "code":
        language = text(content.get("language"))
        language = "" if language == "unknown" else language
        return f"```{language}\n{text(content.get('text'))}\n```" if content.get("text") else ""
    return "\n\n".join(part for raw in listed(content.get("parts")) if (part := _part(raw)))


def _part(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    kind = text(mapping(raw).get("content_type"))
    if kind == "audio_transcription":
        return text(raw.get("text"))
    return f"[{kind.removesuffix('_asset_pointer')}]" if kind.endswith("_asset_pointer") else ""


def _thoughts(content: Mapping[str, Any]) -> str:
    thoughts = [mapping(thought) for thought in listed(content.get("thoughts"))]
    return "\n\n".join(said for one in thoughts if (said := text(one.get("content")) or text(one.get("summary"))))
