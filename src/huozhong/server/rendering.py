"""Answers as HTML, made once and kept: a chat of hundreds of messages opens without rendering one of them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from huozhong.errors import StoreError
from huozhong.server.render import render_markdown
from huozhong.store.conversations import Conversations
from huozhong.store.tables.conversations import MessageRow

_MADE_BY = ("render.py", "mathml.py", "highlight.py")
LONGEST = 100_000  # characters; a longer answer is shown as the plain text that it is


@cache
def _version() -> str:
    """Of what makes the HTML: other code, other HTML."""
    made_by = (path for name in _MADE_BY if (path := Path(__file__).with_name(name)).exists())
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:16]


def html_of(conversations: Conversations, messages: Iterable[MessageRow]) -> dict[str, str]:
    """The HTML of those messages that are whole answers; what had to be made is kept.  Slow: call it in a thread."""
    answers = {
        message.id: message.content
        for message in messages
        if message.role == "assistant" and message.state != "running" and 0 < len(message.content) <= LONGEST
    }
    if not answers:
        return {}
    html = conversations.renderings(answers, _version())
    made = {id: render_markdown(content) for id, content in answers.items() if id not in html}
    if made:
        try:
            conversations.keep_renderings(made, _version())
        except StoreError:
            return html | made  # a full disk: they will be made again
    return html | made
