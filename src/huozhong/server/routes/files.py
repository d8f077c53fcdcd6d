"""/house/files: documents that a person asks about.  Their passages are kept; the files themselves are not."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from huozhong.errors import RequestError
from huozhong.memory.apart import read_apart
from huozhong.server.documents import keep_document
from huozhong.server.http import json_response
from huozhong.server.identity import person_of
from huozhong.store.database import Store
from huozhong.store.files import StoredFile, delete_file, find_file, pages_without_text, passages_of

PATH = "/house/files"
TEXT_PATH = PATH + "/text"
MAX_BYTES = 50 * 2**20
_LONGEST_NAME = 200

router = APIRouter()


@router.post(PATH)
async def add(request: Request, name: str = "") -> Response:
    """The body is the file, `?name=` what it is called -> 201 and what it is; 400 says why it cannot be read."""
    called = _called(name)
    data = await request.body()
    person, store = person_of(request), _store(request)
    async with request.app.state.reading:  # it takes a core and up to two gigabytes: others wait their turn
        kept = await asyncio.to_thread(keep_document, store.begin, person.id, called, data)
    with store.read() as session:
        return json_response(_as_json(kept) | {"pages_without_text": pages_without_text(session, kept)}, 201)


@router.post(TEXT_PATH)
async def text_of(request: Request, name: str = "") -> dict[str, Any]:
    """The text of a photo or document that is sent as the body, for a form to be filled in; nothing of it is kept."""
    called = _called(name)
    data = await request.body()
    async with request.app.state.reading:
        document = await asyncio.to_thread(read_apart, called, data)
    return {"text": "\n\n".join(page.strip() for page in document.pages).strip()}


@router.get(PATH + "/{file}")
def look(request: Request, file: str) -> dict[str, Any]:
    """What a file is."""
    with _store(request).read() as session:
        found = _found(find_file(session, person_of(request).id, file))
        return _as_json(found) | {"pages_without_text": pages_without_text(session, found)}


@router.get(PATH + "/{file}/passages/{number}")
def passage(request: Request, file: str, number: int) -> dict[str, Any]:
    """A passage, and those before and after it, to be read where it stands."""
    with _store(request).read() as session:
        found = _found(find_file(session, person_of(request).id, file))
        passages = passages_of(session, found.id, [number - 1, number, number + 1])
    by_number = {one.number: one for one in passages}
    if number not in by_number:
        raise RequestError(
            f"{found.name} has {found.passages} passages; there is no number {number}.", code="not_found"
        )
    one = by_number[number]
    return {
        "file": _as_json(found),
        "number": number,
        "page": one.page,
        "text": one.text,
        "before": by_number[number - 1].text if number - 1 in by_number else None,
        "after": by_number[number + 1].text if number + 1 in by_number else None,
    }


@router.delete(PATH + "/{file}", status_code=204)
def forget(request: Request, file: str) -> Response:
    """The file's passages are gone; answers that quoted them stay."""
    with _store(request).begin() as session:
        if not delete_file(session, person_of(request).id, file):
            _found(None)
    return Response(status_code=204)


def _called(name: str) -> str:
    called = name.replace("\\", "/").rpartition("/")[2].strip() or "file"
    if len(called) > _LONGEST_NAME or any(ord(character) < 32 for character in called):
        raise RequestError(f"A file's name has at most {_LONGEST_NAME} characters.", param="name")
    return called


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _found(file: StoredFile | None) -> StoredFile:
    if file is None:
        raise RequestError("You have no such file.", code="not_found")
    return file


def _as_json(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "kind": file.kind,
        "size": file.size,
        "pages": file.pages,
        "passages": file.passages,
        "created": file.created,
    }
