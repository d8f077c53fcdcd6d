"""ChatGPT's conversations.json: each conversation a `mapping` of nodes, of which many are nobody's words.

    {"title", "create_time", "update_time", "current_node", "conversation_id",
     "mapping": {id: {"id", "parent", "children", "message": {"author": {"role"}, "recipient", "create_time",
                 "content": {"content_type", "parts" | "text" | "thoughts"}, "metadata": {...}}}}}

Times are seconds.  Prompts of the program, tools and hidden messages are left out; `thoughts` become the reasoning of
the answer that follows; pictures, sounds and files, which the export holds as pointers only, are named in their place.
A text that was written into a canvas is a call of a tool, and part of the answer all the same.  Where an answer quotes
the web it holds marks in private characters; `content_references` says what was shown for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from huozhong.store.exchange.shape import Chat, Said, listed, mapping, text, time_ms
from huozhong.store.tables.base import now

_WORDS = ("text", "multimodal_text", "code")
_CANVAS = ("canmore.create_textdoc", "canmore.update_textdoc")
# What stands for a source, a map, a row of pictures: \ue200 kind \ue202 where from \ue201.
_MARK = re.compile("\ue200[^\ue200\ue201]*(?:\ue201|$)|[\ue200-\ue206]|【\\d+(?::\\d+)?†[^】\\n]{0,80}】")


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
    words = _words(content) if role is not None and kind in _WORDS else ""
    if role == "assistant":
        words = _canvas(content) if message.get("recipient") in _CANVAS else _quoted(words, about)
    elif role == "user":
        words = _with_files(words, about)
    return Said(
        key=key,
        parent=text(node.get("parent")) or None,
        role=role,
        content=words,
        reasoning=_thoughts(content) if role == "assistant" and kind == "thoughts" else "",
        model=text(about.get("model_slug")) or None if role == "assistant" else None,
        created=time_ms(message.get("create_time")),
    )


def _role(
    message: Mapping[str, Any], content: Mapping[str, Any], about: Mapping[str, Any]
) -> Literal["user", "assistant"] | None:
    role = mapping(message.get("author")).get("role")
    is_hidden = about.get("is_visually_hidden_from_conversation") is True or message.get("weight") == 0
    if is_hidden:
        return None
    if role == "assistant" and message.get("recipient") in _CANVAS and _canvas(content):
        return "assistant"
    if (message.get("recipient") or "all") != "all":
        return None  # a call of a tool is addressed to it
    if role == "tool" and content.get("content_type") == "multimodal_text" and _words(content):
        return "assistant"  # a picture that was drawn
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


def _canvas(content: Mapping[str, Any]) -> str:
    """What was written into a canvas: a document, or code as such."""
    try:
        told = mapping(json.loads(text(content.get("text")) or "".join(map(text, listed(content.get("parts"))))))
    except (ValueError, RecursionError):
        return ""
    written = [
        text(told.get("content")),
        *(text(mapping(one).get("replacement")) for one in listed(told.get("updates"))),
    ]
    inner = "\n\n".join(part for part in written if part)
    kind, _, language = text(told.get("type")).partition("/")
    if kind == "code" and inner:
        inner = f"```{language}\n{inner}\n```"
    name = text(told.get("name")).replace("_", " ")
    return f"**{name}**\n\n{inner}" if name and inner else inner


def _quoted(words: str, about: Mapping[str, Any]) -> str:
    """An answer's text with what was shown for its marks: links mostly, and nothing where it is not told."""
    for reference in map(mapping, listed(about.get("content_references"))):
        if _MARK.fullmatch(mark := text(reference.get("matched_text"))):
            words = words.replace(mark, text(reference.get("alt")), 1)
    return re.sub(r"[ \t]+$", "", _MARK.sub("", words), flags=re.M) if _MARK.search(words) else words


def _with_files(words: str, about: Mapping[str, Any]) -> str:
    """A question with the names of the files that came with it; pictures stand in their places already."""
    files = [mapping(one) for one in listed(about.get("attachments"))]
    names = [text(one.get("name")) for one in files if not text(one.get("mime_type")).startswith("image/")]
    return "\n\n".join(part for part in (*(f"[{name}]" for name in names if name), words) if part)


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
