"""/house/export, /house/import: conversations as files, out of the house and into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pydantic_core
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from huozhong.errors import RequestError
from huozhong.server.answers import Answers
from huozhong.server.dialects import Event
from huozhong.server.http import json_response
from huozhong.server.identity import person_of
from huozhong.server.rendering import Ahead
from huozhong.server.words import zh_or_en
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.exchange.keep import MAX_BYTES, import_file
from huozhong.store.exchange.markdown import to_markdown
from huozhong.store.exchange.ours import to_json

router = APIRouter()

IMPORT_PATH = "/house/import"
MAX_IMPORT_BYTES = MAX_BYTES
_JSON, _MARKDOWN = "application/json", "text/markdown; charset=utf-8"
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|\u202a-\u202e\u2066-\u2069]+')


@router.get("/house/conversations/{id}/export")
async def export_one(request: Request, id: str) -> Response:
    """?format=md (the shown branch, to read) or json (everything, to be imported again)."""
    form = request.query_params.get("format", "md")
    if form not in ("md", "json"):
        raise RequestError("'format' must be md or json.", param="format")
    kept = Conversations(request.app.state.store)
    conversation, messages = await run_in_threadpool(kept.get, person_of(request).id, id)
    if form == "md":
        return _file(to_markdown(conversation, messages, zh_or_en(request)), _MARKDOWN, conversation.title, "md")
    body = pydantic_core.to_json([to_json(conversation, messages)], indent=1)
    return _file(body, _JSON, conversation.title, "json")


@router.get("/house/export")
async def export_all(request: Request) -> Response:
    """All of the person's conversations, one after the other, as JSON."""
    kept, person = Conversations(request.app.state.store), person_of(request).id
    ids = await run_in_threadpool(kept.ids, person)

    def pieces() -> Iterator[bytes]:
        yield b"["
        between = b"\n"
        for id in ids:
            try:
                conversation, messages = kept.get(person, id)
            except RequestError:  # deleted since the list was made
                continue
            yield between + pydantic_core.to_json(to_json(conversation, messages))
            between = b",\n"
        yield b"\n]\n"

    return StreamingResponse(pieces(), media_type=_JSON, headers=_attachment("huozhong", "json"))


@router.post(IMPORT_PATH)
async def import_all(request: Request) -> Response:
    """A file of conversations, ours or others' (`store.exchange`); one that is refused does not stop the others."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/zip"):
        raise RequestError(
            "Send the file with the header Content-Type: application/json (or application/zip).",
            code="unsupported_media_type",
        )
    store: Store = request.app.state.store
    person, data = person_of(request).id, await request.body()
    if not data:
        raise RequestError("The body is empty; send the file that was exported.", code="invalid_json")
    result = await run_in_threadpool(import_file, store, person, data)
    answers: Answers = request.app.state.answers
    answers.feed.tell(person, Event({"count": result.imported}, "imported"))
    ahead: Ahead = request.app.state.ahead
    ahead.prepare(person, result.newest)
    return json_response({"imported": result.imported, "skipped": result.skipped})


def _file(body: bytes | str, media_type: str, title: str, ending: str) -> Response:
    return Response(body, media_type=media_type, headers=_attachment(title, ending))


def _attachment(title: str, ending: str) -> dict[str, str]:
    """A download's name, which no title can make into another header or another folder."""
    name = " ".join(_NOT_IN_NAMES.sub(" ", title).split()).strip(". ")[:80] or "huozhong"
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(f'{name}.{ending}', safe='')}"}
