"""The shown branch of a conversation as Markdown, for people to read, print and pass on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from huozhong.store.tables.conversations import ConversationRow, MessageRow

_WORDS = {
    "zh": {"user": "问", "assistant": "答", "untitled": "对话", "reasoning": "思考", "cut": "（没有写完）"},
    "en": {"user": "Question", "assistant": "Answer", "untitled": "Conversation", "reasoning": "Reasoning",
           "cut": "(unfinished)"},
}  # fmt: skip


def shown_branch(conversation: ConversationRow, messages: Sequence[MessageRow]) -> list[MessageRow]:
    """From the first question to the message that was shown last (where that is not known, the newest)."""
    by_id = {message.id: message for message in messages}
    last = by_id.get(conversation.leaf_id or "") or (messages[-1] if messages else None)
    branch = []
    while last is not None:
        branch.append(last)
        last = by_id.get(last.parent_id or "")
    return branch[::-1]


def to_markdown(
    conversation: ConversationRow, messages: Sequence[MessageRow], language: Literal["zh", "en"] = "zh"
) -> str:
    """Headings and texts as they were written; times in UTC."""
    words = _WORDS[language]
    at = datetime.fromtimestamp(conversation.created / 1000, UTC)
    lines = [f"# {' '.join(conversation.title.split()) or words['untitled']}", "", f"{at:%Y-%m-%d %H:%M} UTC"]
    for message in shown_branch(conversation, messages):
        model = f" · {message.model}" if message.model else ""
        lines += ["", f"## {words[message.role]}{model}", ""]
        if message.reasoning:
            thoughts = message.reasoning.strip().splitlines()
            lines += [f"> **{words['reasoning']}**", ">", *(f"> {line}".rstrip() for line in thoughts), ""]
        lines += [_closed(message.content.strip())]
        if message.role == "assistant" and message.state != "done":
            lines += ["", f"*{words['cut']}*"]
    return "\n".join(lines) + "\n"


def _closed(content: str) -> str:
    """A text with an end for its code, so that one that was cut there does not take in what follows."""
    fence = ""
    for line in content.splitlines():
        mark = re.match(r" *(`{3,}|~{3,})(.*)", line)
        if mark is None:
            continue
        if not fence:
            fence = mark[1]
        elif mark[1].startswith(fence) and not mark[2].strip():
            fence = ""
    return f"{content}\n{fence}" if fence else content
