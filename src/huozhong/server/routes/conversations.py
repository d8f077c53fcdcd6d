"""/house/conversations, /house/messages, /house/events: a person's conversations, and the answers in them.

Every route asks the store for the person's own: another's id is 404, as one that never was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

import huozhong
from huozhong.errors import RequestError
from huozhong.server import remembered
from huozhong.server.answers import Answers, GrowingAnswer, snapshot
from huozhong.server.asking import answer_turn
from huozhong.server.dialects import Event
from huozhong.server.dialects.house import (
    ClearedAt,
    Continuation,
    ConversationChanges,
    NewConversation,
    OtherAnswer,
    Question,
    conversation_json,
    message_json,
)
from huozhong.server.household import admit_question, check_settings
from huozhong.server.http import EVENT_HEADERS, json_body, json_response, server_sent
from huozhong.server.identity import person_of
from huozhong.server.rendering import AT_ONCE_SECONDS, has_html, html_of
from huozhong.server.routes.models import model_name
from huozhong.store.conversations import Conversations
from huozhong.store.search import search
from huozhong.store.tables.conversations import ConversationRow, MessageRow

router = APIRouter()

_MOST = 200  # conversations in one list
_LONGEST_SEARCH = 200
_TRIES = 20


@router.get("/house/me")
async def me(request: Request) -> Response:
    """login: whether this house knows accounts."""
    person = person_of(request)
    known = {"id": person.id, "name": person.name, "role": person.role, "language": person.language}
    return json_response({"person": known, "login": request.app.state.login, "version": huozhong.__version__})


# -- conversations ---------------------------------------------------------------------------------


@router.get("/house/conversations")
async def conversations(request: Request) -> Response:
    """The latest, or those that hold what ?search= says."""
    person, limit = person_of(request).id, _number(request, "limit", 50, 1, _MOST)
    before = _number(request, "before", None, 0, 2**63 - 1)
    words = request.query_params.get("search", "").strip()
    if words:
        return await _found(request, person, words[:_LONGEST_SEARCH], limit or 50)
    rows, more = await run_in_threadpool(_kept(request).latest, person, before=before, limit=limit or 50)
    return json_response({"conversations": [_short(request, row) for row in rows], "more": more})


async def _found(request: Request, person: int, words: str, limit: int) -> Response:
    def look() -> list[Any]:
        with request.app.state.store.read() as session:
            return search(session, person, words, limit)

    hits = await run_in_threadpool(look)
    listed = [
        _short(request, hit.conversation)
        | ({"message": hit.message_id, "snippet": hit.snippet} if hit.message_id else {})
        for hit in hits
    ]
    return json_response({"conversations": listed, "more": False})


@router.post("/house/conversations")
async def create(request: Request) -> Response:
    body = NewConversation.parse(await json_body(request))
    person = person_of(request).id
    check_settings(request, body.settings.given())
    model = None if body.model is None else model_name(request, body.model)
    row = await run_in_threadpool(
        _kept(request).create, person, id=body.id, title=body.title, model=model, settings=body.settings.given()
    )
    _tell(request, row)
    return json_response(_whole(request, row), 201)


@router.get("/house/conversations/{id}")
async def one_conversation(request: Request, id: str) -> Response:
    """A conversation with its whole tree; a growing answer as far as it is.

    later: the answer's HTML is still being made; `/html` has it.
    """
    person, kept, answers = person_of(request).id, _kept(request), _answers(request)

    def look() -> tuple[ConversationRow, list[MessageRow], dict[str, str]]:
        row, messages = kept.get(person, id)
        return row, messages, html_of(kept, messages, AT_ONCE_SECONDS)

    before = answers.growing_in(id)  # what ends while the store is read is whole here
    row, messages, html = await run_in_threadpool(look)
    told = []
    for message in messages:
        growing = answers.find(message.id) or (before.get(message.id) if message.state == "running" else None)
        if growing is None:
            later = has_html(message) and message.id not in html
            told.append(message_json(message, html.get(message.id)) | ({"later": True} if later else {}))
        elif growing.told is not None:
            told.append(growing.told)
        else:
            told.append(
                message_json(message) | {"content": growing.content, "reasoning": growing.reasoning, "state": "running"}
            )
    return json_response({"conversation": _whole(request, row), "messages": told})


@router.get("/house/conversations/{id}/html")
async def html_of_all(request: Request, id: str) -> Response:
    """The HTML of all its answers, by their ids, once it is made."""
    person, kept = person_of(request).id, _kept(request)

    def look() -> dict[str, str]:
        return html_of(kept, kept.get(person, id)[1])

    return json_response({"html": await run_in_threadpool(look)})


@router.patch("/house/conversations/{id}")
async def change(request: Request, id: str) -> Response:
    changes = ConversationChanges.parse(await json_body(request)).given()
    check_settings(request, changes.get("settings", {}))
    if changes.get("model") is not None:
        changes["model"] = model_name(request, changes["model"])
    row = await run_in_threadpool(_kept(request).change, person_of(request).id, id, changes)
    _tell(request, row)
    return json_response(_whole(request, row))


@router.delete("/house/conversations/{id}")
async def delete(request: Request, id: str) -> Response:
    person = person_of(request).id
    await run_in_threadpool(_kept(request).delete, person, id)
    _answers(request).stop_all_of(id)
    _answers(request).feed.tell(person, Event({"id": id}, "deleted"))
    return json_response({"deleted": id})


@router.post("/house/conversations/{id}/restore")
async def restore(request: Request, id: str) -> Response:
    row = await run_in_threadpool(_kept(request).restore, person_of(request).id, id)
    _tell(request, row)
    return json_response(_whole(request, row))


@router.post("/house/clear")
async def clear(request: Request) -> Response:
    """For the next pupil.  at: what takes it back."""
    person, kept, answers = person_of(request).id, _kept(request), _answers(request)
    at, ids = await run_in_threadpool(kept.clear, person)
    await run_in_threadpool(remembered.put_aside, person, at)
    for id in ids:
        answers.stop_all_of(id)
        answers.feed.tell(person, Event({"id": id}, "deleted"))
    return json_response({"at": at, "cleared": len(ids)})


@router.post("/house/clear/undo")
async def undo_clear(request: Request) -> Response:
    body = ClearedAt.parse(await json_body(request))
    rows = await run_in_threadpool(_kept(request).undo_clear, person_of(request).id, body.at)
    await run_in_threadpool(remembered.bring_back, person_of(request).id, body.at)
    for row in rows:
        _tell(request, row)
    return json_response({"restored": len(rows)})


# -- questions and answers -------------------------------------------------------------------------


@router.post("/house/conversations/{id}/ask")
async def ask(request: Request, id: str) -> Response:
    body = Question.parse(await json_body(request))
    model = None if body.model is None else model_name(request, body.model)
    await admit_question(request, body.content, body.settings.given())
    turn = await run_in_threadpool(
        _kept(request).ask,
        person_of(request).id,
        id,
        parent=body.parent,
        content=body.content,
        files=body.files,
        model=model,
        settings=body.settings.given(),
    )
    answer_turn(request, turn)
    return json_response({"question": message_json(turn.question), "answer": message_json(turn.answer)}, 201)


@router.post("/house/conversations/{id}/again")
async def again(request: Request, id: str) -> Response:
    body = OtherAnswer.parse(await json_body(request))
    model = None if body.model is None else model_name(request, body.model)
    await admit_question(request, "", body.settings.given())
    turn = await run_in_threadpool(
        _kept(request).again,
        person_of(request).id,
        id,
        body.message,
        model=model,
        settings=body.settings.given(),
    )
    answer_turn(request, turn, again=True)
    return json_response({"answer": message_json(turn.answer)}, 201)


@router.post("/house/conversations/{id}/continue")
async def go_on(request: Request, id: str) -> Response:
    body = Continuation.parse(await json_body(request))
    await admit_question(request, "", {})
    turn, was = await run_in_threadpool(_kept(request).go_on, person_of(request).id, id, body.message)
    answer_turn(request, turn, was=was)
    return json_response({"answer": message_json(turn.answer)})


@router.post("/house/messages/{id}/stop")
async def stop(request: Request, id: str) -> Response:
    """The answer ends where it is; one that has ended stays as it is."""
    if _own(request, id) is None:
        await run_in_threadpool(_kept(request).find_message, person_of(request).id, id)
    _answers(request).stop(id)
    return json_response({"id": id})


@router.get("/house/messages/{id}/events")
async def message_events(request: Request, id: str) -> Response:
    """A message as it grows, from wherever it is; who leaves ends nothing."""
    kept = _kept(request)
    for _ in range(_TRIES):
        # In this order: what is no longer written when it is looked for is whole in the store.
        if (growing := _own(request, id)) is not None:
            return _events(growing.watch())
        row, _conversation = await run_in_threadpool(kept.find_message, person_of(request).id, id)
        if row.state != "running":
            break
        await asyncio.sleep(0.05)  # it is about to be continued
    html = await run_in_threadpool(html_of, kept, [row])

    async def ended() -> AsyncIterator[Event | None]:
        yield snapshot(row, row.content, row.reasoning)
        yield Event({"message": message_json(row, html.get(id))}, "done")

    return _events(ended())


@router.get("/house/events")
async def events(request: Request) -> Response:
    """What happens to this person's conversations from now on."""
    return _events(_answers(request).feed.listen(person_of(request).id))


# -- inside ----------------------------------------------------------------------------------------


def _own(request: Request, id: str) -> GrowingAnswer | None:
    """The person's answer that is being written; the store need not be asked for that, and may be out of reach."""
    growing = _answers(request).find(id)
    is_own = growing is not None and growing.conversation.person_id == person_of(request).id
    return growing if is_own and growing is not None and growing.conversation.deleted is None else None


def _kept(request: Request) -> Conversations:
    return Conversations(request.app.state.store)


def _answers(request: Request) -> Answers:
    answers: Answers = request.app.state.answers
    return answers


def _short(request: Request, row: ConversationRow) -> dict[str, Any]:
    return conversation_json(row, running=_answers(request).runs_in(row.id))


def _whole(request: Request, row: ConversationRow) -> dict[str, Any]:
    return conversation_json(row, running=_answers(request).runs_in(row.id), whole=True)


def _tell(request: Request, row: ConversationRow) -> None:
    _answers(request).feed.tell(row.person_id, Event({"conversation": _short(request, row)}, "conversation"))


def _events(events: AsyncIterator[Event | None]) -> Response:
    async def data() -> AsyncIterator[bytes]:
        async for event in events:
            yield b": keep-alive\n\n" if event is None else server_sent(event)

    return StreamingResponse(data(), headers=EVENT_HEADERS)


def _number(request: Request, name: str, default: int | None, low: int, high: int) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and low <= int(given) <= high):
        raise RequestError(f"'{name}' must be a whole number between {low} and {high}.", param=name)
    return int(given)
