"""Answers as HTML, made once and kept: a chat of hundreds of messages opens without rendering one of them again.

What was never shown (an import, another version of this program) is made ahead of its reader, in slices that keep
nobody waiting, and whoever opens it before waits for no more than `AT_ONCE_SECONDS` of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from huozhong.errors import RequestError, StoreError
from huozhong.server.render import render_markdown
from huozhong.store.conversations import Conversations
from huozhong.store.tables.conversations import MessageRow

_MADE_BY = ("render.py", "markup.py", "mathml.py", "highlight.py")
LONGEST = 100_000  # characters; a longer answer is shown as the plain text that it is
AT_ONCE_SECONDS = 0.1  # of rendering that whoever opens a conversation waits for
_SLICE_SECONDS = 0.05
_AHEAD = 20  # conversations of an import that are made ready, the newest


@cache
def _version() -> str:
    """Of what makes the HTML: other code, other HTML."""
    made_by = (path for name in _MADE_BY if (path := Path(__file__).with_name(name)).exists())
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:16]


def html_of(
    conversations: Conversations, messages: Iterable[MessageRow], seconds: float | None = None
) -> dict[str, str]:
    """The HTML of those messages that are whole answers; what had to be made is kept.  Slow: call it in a thread.

    seconds: no more than about so long is spent on making, the last messages first; None: until all is made.
    """
    answers = {message.id: message.content for message in messages if has_html(message)}
    if not answers:
        return {}
    html = conversations.renderings(answers, _version())
    made: dict[str, str] = {}
    began = time.perf_counter()
    for id in reversed([id for id in answers if id not in html]):
        if seconds is not None and time.perf_counter() - began > seconds:
            break
        made[id] = render_markdown(answers[id])
    if made:
        try:
            conversations.keep_renderings(made, _version())
        except StoreError:
            return html | made  # a full disk: they will be made again
    return html | made


def has_html(message: MessageRow) -> bool:
    """Whether it is a whole answer that is shown as HTML."""
    return message.role == "assistant" and message.state != "running" and 0 < len(message.content) <= LONGEST


class Ahead:
    """Makes the HTML of conversations before they are opened.  Belongs to the event loop of the server."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._waiting: dict[tuple[int, str], None] = {}
        self._task: asyncio.Task[None] | None = None

    def prepare(self, person: int, ids: Sequence[str]) -> None:
        """Begin with the person's conversations `ids`, the last ones first; returns at once."""
        self._waiting |= {(person, id): None for id in reversed(ids[-_AHEAD:])}
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            person, id = next(iter(self._waiting))
            del self._waiting[person, id]
            is_ready = False
            while not is_ready:
                began = time.perf_counter()
                is_ready = await run_in_threadpool(self._slice, person, id)
                await asyncio.sleep(time.perf_counter() - began)  # the other half of the time is everybody else's

    def _slice(self, person: int, id: str) -> bool:
        """Whether all of it is made now, or cannot be."""
        try:
            _, messages = self._conversations.get(person, id)
            html = html_of(self._conversations, messages, _SLICE_SECONDS)
        except (RequestError, StoreError):  # gone meanwhile, or out of reach: it will be made when it is opened
            return True
        return all(message.id in html for message in messages if has_html(message))
