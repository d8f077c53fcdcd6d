"""Apps of the shelf, run with a model of this server: in a thread, piece by piece, on the person's account."""

from __future__ import annotations

import asyncio
import datetime
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from huozhong.engine.guides.guide import JsonSchema
from huozhong.engine.llm import LLM, Delta, SamplingParams
from huozhong.errors import RequestError
from huozhong.files import data_folder
from huozhong.server.documents import best
from huozhong.server.http import Start
from huozhong.server.permits import Permits
from huozhong.server.remembered import remembered
from huozhong.server.upstream.answering import Distant, chat_body
from huozhong.server.upstream.engines import Engines
from huozhong.skills.fields import Language
from huozhong.skills.label import sealed
from huozhong.skills.run import Ask, Piece, run
from huozhong.skills.sandbox import Tools
from huozhong.skills.shelf import AppShelf
from huozhong.skills.skill import Skill
from huozhong.skills.tools import keep_in
from huozhong.skills.trusted import HOUSE_APPS
from huozhong.store.database import Store
from huozhong.store.files import own_files
from huozhong.store.people import Person
from huozhong.store.tallies import add_tally

FOUND = 5  # passages that an app's search gives

# Puts an answer of at most so many tokens on somebody's account.
Counted = Callable[[Start, int], Start]


def app_shelf() -> AppShelf:
    """The apps of this machine; people's own lie in the data folder."""
    return AppShelf(data_folder() / "apps", HOUSE_APPS)


def app_permits() -> Permits:
    """What people of this machine decided about its apps."""
    return Permits(data_folder() / "apps-chosen.json")


def tools_for(shelf: AppShelf, skill: Skill, person: Person, store: Store) -> Tools:
    """What an app may call when this person runs it: what it keeps and finds is the person's own."""

    def find(question: str) -> list[str]:
        return _find(store, person.id, str(question))

    def tally(what: str, how: str) -> bool:
        with store.begin() as session:
            return add_tally(session, person.id, skill.name, str(datetime.date.today()), str(what), str(how))

    lent = {name: tool.call for name, tool in shelf.tools().items()}
    trusted = {"tally": tally} if shelf.is_trusted(skill) else {}
    return lent | {"keep": keep_in(remembered(person.id, skill.name)), "search": find} | trusted


def _find(store: Store, person: int, question: str) -> list[str]:
    """The passages of all the person's documents that share most with a question, each with its place."""
    with store.read() as session:
        found = best(session, person, own_files(session, person), question, FOUND)
    return [
        f"《{source.file.name}》"
        + (f"第 {source.passage.page} 页：" if source.passage.page else "：")
        + source.passage.text
        for source in found.sources
    ]


def model_ask(llm: LLM, user: str | None, counted: Counted) -> Ask:
    """Asks a model of this process."""

    def ask(messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int) -> Iterator[str]:
        prompt = llm.prompt(messages, thinking=False, acts=schema is None)
        room = llm.max_context - len(prompt.ids)
        params: SamplingParams = replace(llm.defaults, max_tokens=max(1, min(max_tokens, room)))
        if schema is not None:
            guide = JsonSchema(json.dumps(schema))
            llm.guides.prepare(guide)
            params = replace(params, guide=guide)
        return _said(counted(partial(llm.submit, prompt, params, user=user), len(prompt.ids) + max_tokens))

    return ask


def distant_ask(engines: Engines, model: str, counted: Counted) -> Ask:
    """Asks an engine that is elsewhere."""

    def ask(messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int) -> Iterator[str]:
        body = chat_body(messages, {"max_tokens": max_tokens})
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        length = sum(len(str(message["content"])) for message in messages) // 2
        return _said(counted(partial(Distant, engines, model, body), length + max_tokens))

    return ask


def _said(start: Start) -> Iterator[str]:
    """An answer's text as it comes; who stops reading ends it."""
    deltas: queue.SimpleQueue[Delta] = queue.SimpleQueue()
    handle = start(deltas.put)
    try:
        while True:
            delta = deltas.get()
            if delta.error is not None:
                raise delta.error
            if delta.finish_reason == "abort":
                raise RequestError("The server was stopped before the answer was complete.", code="aborted")
            if delta.text:
                yield delta.text
            if delta.is_last:
                return
    finally:
        handle.abort()  # no effect on an answer that has ended


async def pieces(
    skill: Skill, given: Mapping[str, Any], ask: Ask, tools: Tools, numbers: Mapping[str, str], language: Language
) -> AsyncIterator[Piece]:
    """An app's run as it goes on, from a thread of its own; who stops listening ends it."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()
    left = False

    def work() -> None:
        try:
            for piece in run(skill, given, ask, tools, numbers=numbers, language=language):
                if left:
                    return
                loop.call_soon_threadsafe(ready.put_nowait, piece)
            loop.call_soon_threadsafe(ready.put_nowait, None)
        except BaseException as error:
            loop.call_soon_threadsafe(ready.put_nowait, error)

    working = asyncio.create_task(asyncio.to_thread(work))
    try:
        while (piece := await ready.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
        await working
    finally:
        left = True


def files_of(skill: Skill, piece: Piece, model: str, *, english: bool) -> dict[str, str]:
    """What a run made, as files to be handed on, by name: with the label, where a model wrote it."""
    if piece.kind != "done":
        return {}
    extra = skill.text_in("label", "en" if english else "zh")
    if piece.script is None:
        text = sealed(piece.text, model, extra, english=english) if piece.by_model else piece.text + "\n"
        return {f"{skill.name}.txt": text}
    made = {"by_model": piece.by_model, "english": english}
    return {
        f"{skill.name}.txt": piece.script.text(model, extra, **made),
        f"{skill.name}.srt": piece.script.subtitles(model, extra, **made),
    }
