"""Answers belong to the server: they go on whoever listens, and are kept as they grow.

A `GrowingAnswer` is one message that is being written.  A task of its own reads the engine; any number of watchers
follow it, each from where it stands, so that a slow one costs no memory and one that leaves ends nothing.  The
*keeper* writes to the store: what grows at most every KEEP_SECONDS, what has ended at once, all of it together in one
transaction, in a thread.  Only then is an answer's end told, so what a reader has seen complete is on the disk.  Where
the store cannot write (disk full, locked), the end is told with that reason, and the keeper tries again until it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from huozhong.engine.llm import Delta
from huozhong.errors import HuozhongError
from huozhong.server.called import Called, gap
from huozhong.server.dialects import Event, FixedText
from huozhong.server.dialects.house import conversation_json, message_json
from huozhong.server.dialects.openai.reply import usage_json
from huozhong.server.failures import known_failure
from huozhong.server.feed import Feed
from huozhong.server.http import KEEP_ALIVE_SECONDS, RunningAnswers
from huozhong.server.rendering import html_of
from huozhong.store.conversations import Conversations, Turn
from huozhong.store.database import Store
from huozhong.store.tables.conversations import ConversationRow, MessageRow

log = logging.getLogger("huozhong.server")

KEEP_SECONDS = 2.0
WAITING_SECONDS = 0.5  # how often those who wait are told their place
PURGE_SECONDS = 86_400.0  # how often what was deleted long ago is forgotten, besides at a start
_CLOSE_SECONDS = 10.0


@dataclass(frozen=True)
class Fixed:
    """An answer that is all there: a rule's text, or passages of documents.  sources: those passages."""

    text: str
    rule: FixedText | None = None
    sources: list[Any] | None = None


@dataclass(frozen=True)
class Sourced:
    """An answer in the engine that may quote these passages, or call tools."""

    answers: RunningAnswers
    sources: list[Any] | None = None
    called: Called | None = None


# Prepares an answer and hands it to the engine; called once, in the answer's own task.
Begin = Callable[[], Awaitable[RunningAnswers | Sourced | Fixed]]
# How much of the model's weights is there and how much in all, while it is being loaded; None before and afterwards.
Loading = Callable[[], tuple[int, int] | None]


@dataclass(eq=False)
class GrowingAnswer:
    """A message that is being written.  message: its row, which no session holds; brought up to date at its end.

    was: the state, finish and error that it had before it was continued.
    """

    conversation: ConversationRow
    message: MessageRow
    model: str
    loading: Loading
    was: tuple[str, str | None, str | None] | None = None
    pieces: list[tuple[str, str]] = field(default_factory=list)  # (content, reasoning), the begun ones first
    waiting: dict[str, Any] | None = None
    is_stopped: bool = False  # by its reader
    has_ended: bool = False  # the engine is done with it
    told: dict[str, Any] | None = None  # the whole message, once its end may be told
    kept_pieces: int = 0
    _answers: RunningAnswers | None = None
    _watchers: set[asyncio.Event] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.message.content or self.message.reasoning:
            self.pieces.append((self.message.content, self.message.reasoning))
        self._old_usage = self.message.usage
        self._old_think_ms = self.message.think_ms or 0
        self._began = time.perf_counter()
        self._has_text = bool(self.message.content)
        self._called: Called | None = None
        self._has_gap = False

    @property
    def content(self) -> str:
        return "".join(content for content, _ in self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(reasoning for _, reasoning in self.pieces)

    def stop(self) -> None:
        """Its reader has had enough."""
        self.is_stopped = True
        if self._answers is not None:
            self._answers.abort()

    async def write(self, begin: Begin) -> None:
        """From the preparation to the end; whatever goes wrong becomes the message's error."""
        try:
            begun = await self._begun(begin)
            if begun is None:
                self._never_mind()
                return
            if isinstance(begun, Fixed):
                self._say(begun)
                return
            if isinstance(begun, Sourced):
                self.message.files = begun.sources or self.message.files
                self._called = begun.called
                begun = begun.answers
            self._answers = begun
            if self.is_stopped:
                begun.abort()
            await self._read(begun)
        except HuozhongError as error:
            self._fail(error)
        except Exception as error:
            log.exception("answer %s failed", self.message.id)
            self._fail(HuozhongError(f"The server failed on this answer ({type(error).__name__}); its log says why."))
        finally:
            if self._answers is not None:
                self._answers.abort()
            self.has_ended = True

    async def _begun(self, begin: Begin) -> RunningAnswers | Sourced | Fixed | None:
        """What the answer comes from; None where its reader would not wait until the model is loaded."""
        preparing = asyncio.ensure_future(begin())
        try:
            while not preparing.done():
                await asyncio.wait({preparing}, timeout=WAITING_SECONDS)
                if not preparing.done() and self._tell_loading() and self.is_stopped:
                    return None
            return preparing.result()
        finally:
            preparing.cancel()

    def _tell_loading(self) -> bool:
        """Whether the model is being loaded; who waits is told how far that is."""
        found = self.loading()
        if found is None:
            return False
        done, total = found
        waiting = {"loading": 100 * done // total if total else 0}
        if waiting != self.waiting:
            self.waiting = waiting
            self.wake()
        return True

    async def _read(self, answers: RunningAnswers) -> None:
        last: Delta | None = None
        while last is None:
            deltas = [delta for _, delta in await answers.next(WAITING_SECONDS)]
            if not deltas:
                self._wait(answers)
            for delta in deltas:
                self._grow(delta)
                last = delta if delta.is_last else None
            if last is None and deltas:
                await answers.collect()
        if last.error is not None:
            raise last.error
        self._end(last)

    def _wait(self, answers: RunningAnswers) -> None:
        progress = answers.progress()
        if progress.place == 0 and progress.prompt_done >= progress.prompt_total:
            return
        waiting = {
            "place": progress.place,
            "seconds": progress.seconds,
            "prompt_done": progress.prompt_done,
            "prompt_total": progress.prompt_total,
        }
        if waiting != self.waiting:
            self.waiting = waiting
            self.wake()

    def _grow(self, delta: Delta) -> None:
        text = delta.text if self._called is None else self._called.text_of(delta)
        if not text and not delta.reasoning:
            return
        if text and not self._has_text:
            self._has_text = True
            if self.reasoning or delta.reasoning:
                self.message.think_ms = self._thought()
        if text and (between := gap(self.message)) and not self._has_gap:
            self._has_gap, text = True, between + text
        self.pieces.append((text, delta.reasoning))
        self.wake()

    def _thought(self) -> int:
        return self._old_think_ms + round((time.perf_counter() - self._began) * 1000)

    def _end(self, last: Delta) -> None:
        row = self.message
        row.content, row.reasoning = self.content, self.reasoning
        row.finish, row.error, row.model = last.finish_reason, None, self.model
        if last.usage is not None:
            row.usage = added(self._old_usage, usage_json(last.usage))
        row.state = "done" if last.finish_reason != "abort" else "stopped" if self.is_stopped else "cut"
        if self._called is not None and row.state == "done" and (calls := self._called.calls(row)):
            row.calls, row.finish = [*(row.calls or []), *calls], "tool_calls"
        if row.reasoning and not row.content:
            row.think_ms = self._thought()

    def _say(self, fixed: Fixed) -> None:
        """A text that is all there, instead of whatever was begun."""
        row = self.message
        row.content, row.reasoning = fixed.text, ""
        row.rule, row.files = fixed.rule.as_dict() if fixed.rule else None, fixed.sources
        row.state, row.finish, row.error, row.usage, row.model = "done", "stop", None, None, self.model
        self.pieces = [(fixed.text, "")]

    def _never_mind(self) -> None:
        """Stopped before it was begun; a continuation leaves the answer as it was."""
        row = self.message
        row.content, row.reasoning, row.model = self.content, self.reasoning, self.model
        row.state, row.finish, row.error = ("stopped", None, None) if self.was is None else self.was

    def _fail(self, error: HuozhongError) -> None:
        """A continuation that could not even begin leaves the answer as it was, with the reason."""
        row, failure = self.message, known_failure(error)
        is_new = (self.content, self.reasoning) != (row.content, row.reasoning)
        if self.was is not None and not is_new:
            row.state, row.finish, _ = self.was
        else:
            row.content, row.reasoning = self.content, self.reasoning
            row.state, row.finish = "failed", failure.code
        row.error, row.model = failure.message, self.model

    # -- watching --------------------------------------------------------------------------------

    def wake(self) -> None:
        """There is something new for those who watch."""
        for watcher in self._watchers:
            watcher.set()

    async def watch(self) -> AsyncIterator[Event | None]:
        """What there is, what comes, and the end; None now and then in a long silence."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            place, waiting = len(self.pieces), None
            yield snapshot(self.message, self.content, self.reasoning)
            while True:
                if place < len(self.pieces):
                    new, place = self.pieces[place:], len(self.pieces)
                    yield Event(
                        {"content": "".join(c for c, _ in new), "reasoning": "".join(r for _, r in new)}, "delta"
                    )
                elif self.waiting != waiting and not self.pieces:
                    waiting = self.waiting
                    yield Event(dict(waiting or {}), "waiting")
                if self.told is not None:
                    yield Event({"message": self.told}, "done")
                    return
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    yield None
                changed.clear()
        finally:
            self._watchers.discard(changed)

    def columns(self) -> dict[str, Any]:
        """What the store is to keep of it now."""
        row = self.message
        if not self.has_ended:
            kept = {"content": self.content, "reasoning": self.reasoning, "think_ms": row.think_ms}
            return kept | ({"calls": row.calls} if row.calls else {})
        names = ("content", "reasoning", "state", "finish", "usage", "rule", "model", "files", "error", "think_ms")
        return {name: getattr(row, name) for name in (*names, "calls")}


def snapshot(row: MessageRow, content: str, reasoning: str) -> Event:
    """How a message stands."""
    return Event({"content": content, "reasoning": reasoning, "state": row.state, "think_ms": row.think_ms}, "snapshot")


def added(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """The usage of an answer in two parts: what was written, thought and paid, added up; the rest is the newer's."""
    whole = dict(new)
    if old is None:
        return whole
    whole["completion_tokens"] += old["completion_tokens"]
    whole["total_tokens"] += old["completion_tokens"]
    thought = (
        old["completion_tokens_details"]["reasoning_tokens"] + new["completion_tokens_details"]["reasoning_tokens"]
    )
    whole["completion_tokens_details"] = {"reasoning_tokens": thought}
    if old["cost"] is not None and new["cost"] is not None:
        whole["cost"] = {
            name: value + old["cost"][name] if isinstance(value, int | float) and name in old["cost"] else value
            for name, value in new["cost"].items()
        }
    return whole


class Answers:
    """All that are being written, and the keeper.  Belongs to the event loop of the server."""

    def __init__(self, store: Store) -> None:
        self.feed = Feed()
        self._conversations = Conversations(store)
        self._growing: dict[str, GrowingAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._purged = time.monotonic()

    def begin(
        self,
        turn: Turn,
        begin: Begin,
        model: str,
        loading: Loading,
        was: tuple[str, str | None, str | None] | None,
    ) -> None:
        """Write the turn's answer; returns at once."""
        growing = GrowingAnswer(turn.conversation, turn.answer, model, loading, was)
        self._growing[turn.answer.id] = growing
        self._start(self._write(growing, begin))
        if self._keeper is None or self._keeper.done():
            self._keeper = self._start(self._keep())
        if time.monotonic() - self._purged > PURGE_SECONDS:
            self._purged = time.monotonic()
            self._start(run_in_threadpool(self._conversations.purge))
        self.tell(growing)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)  # asyncio itself holds tasks but weakly
        task.add_done_callback(self._tasks.discard)
        return task

    def find(self, message: str) -> GrowingAnswer | None:
        """The answer if it is being written, or could not be kept yet."""
        return self._growing.get(message)

    def growing_in(self, conversation: str) -> dict[str, GrowingAnswer]:
        """Those of a conversation, by their message."""
        return {id: g for id, g in self._growing.items() if g.conversation.id == conversation}

    def runs_in(self, conversation: str) -> bool:
        """Whether an answer of it is being written."""
        return any(g.conversation.id == conversation and g.told is None for g in self._growing.values())

    def stop(self, message: str) -> None:
        """Nothing happens to one that is not being written."""
        if (growing := self._growing.get(message)) is not None:
            growing.stop()

    def stop_all_of(self, conversation: str) -> None:
        """What a conversation that goes away is still writing."""
        for growing in self._growing.values():
            if growing.conversation.id == conversation:
                growing.stop()

    def tell(self, growing: GrowingAnswer) -> None:
        """Other tabs and lists hear how a message stands."""
        person, id = growing.conversation.person_id, growing.conversation.id
        message = {"conversation": id, "id": growing.message.id, "state": growing.message.state}
        self.feed.tell(person, Event(message, "message"))
        if growing.conversation.deleted is None:
            conversation = conversation_json(growing.conversation, running=self.runs_in(id))
            self.feed.tell(person, Event({"conversation": conversation}, "conversation"))

    async def close(self) -> None:
        """Once the engine is closed: the last words are kept, and all who listen are let go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._tasks:
                    self._ended.set()
                    if self._keeper is not None and all(g.told is not None for g in self._growing.values()):
                        self._keeper.cancel()  # what it could not keep until now is lost: it said so
                    await asyncio.wait([*self._tasks], timeout=0.1)
        self.feed.close()

    # -- inside ----------------------------------------------------------------------------------

    async def _write(self, growing: GrowingAnswer, begin: Begin) -> None:
        await growing.write(begin)
        self._ended.set()

    async def _keep(self) -> None:
        """Runs while anything grows or is not kept yet."""
        kept_at = time.monotonic()
        while self._growing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEP_SECONDS):
                    await self._ended.wait()
            self._ended.clear()
            is_time = time.monotonic() - kept_at >= KEEP_SECONDS
            if is_time:
                kept_at = time.monotonic()
            changed = [g for g in self._growing.values() if g.has_ended or (is_time and g.kept_pieces < len(g.pieces))]
            if changed:
                await self._write_down(changed)
                if any(g.has_ended for g in changed if g.message.id in self._growing):
                    await asyncio.sleep(KEEP_SECONDS / 2)  # it could not be kept: not at once again

    async def _write_down(self, changed: list[GrowingAnswer]) -> None:
        ended = [g for g in changed if g.has_ended]
        counts = [len(growing.pieces) for growing in changed]
        columns = [(g.conversation.person_id, g.message.id, g.columns()) for g in changed]
        problem: HuozhongError | None = None
        html: dict[str, str] = {}
        try:
            conversations = await run_in_threadpool(self._conversations.keep, columns)
            for growing, count in zip(changed, counts, strict=True):
                growing.kept_pieces = count
                growing.conversation = conversations.get(growing.message.id, growing.conversation)
            html = await run_in_threadpool(html_of, self._conversations, [g.message for g in ended if g.told is None])
        except HuozhongError as error:
            problem = error
            log.error("answers could not be kept: %s", error)
        for growing in ended:
            if problem is None:
                del self._growing[growing.message.id]
            if growing.told is None:
                growing.told = message_json(growing.message, html.get(growing.message.id))
                if problem is not None:
                    growing.told["error"] = str(problem)
                self.tell(growing)
                growing.wake()
