"""/room/NAME/: the pages of trusted apps that have one (`skills.rooms`), what they ask, and links for guests.

- /room/NAME/ and /room/NAME/FILE: the page, for whoever may see the app.
- /house/room/NAME/PATH: what it asks, on the person's rights.
- /link/NAME/SECRET/...: the same for who comes without an account; the app itself says whether a secret is good, and
  but for doors that are made for it nothing opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from huozhong.errors import HuozhongError, RequestError, SkillError
from huozhong.files import app_folder
from huozhong.server.assets import (
    BY_READER,
    HTML,
    SECURITY,
    TYPES,
    Asset,
    at_once,
    in_language,
    made,
    serve,
    without_comments,
)
from huozhong.server.dialects import Event
from huozhong.server.household import admit
from huozhong.server.http import EVENT_HEADERS, KEEP_ALIVE_SECONDS, json_body, json_response, server_sent
from huozhong.server.identity import owner_only, person_of
from huozhong.server.routes.apps import app_for, asker
from huozhong.server.routes.page import source_of
from huozhong.server.words import LANGUAGES, language_of, sentence, zh_or_en
from huozhong.skills.rooms import Blob, Door, Guest, Missing, Room, Visit, rooms

PAGES, DOORS, LINKS = "/room/", "/house/room/", "/link/"
# A room shows pictures that were just taken and plays what was just recorded; neither leaves the browser for that.
_CSP = SECURITY["Content-Security-Policy"].replace("img-src 'self'", "img-src 'self' blob:; media-src 'self' blob:")

Answer = Callable[[Request], Awaitable[Response]]


def room_router() -> APIRouter:
    """The routes of every room here."""
    router = APIRouter(include_in_schema=False)
    for room in rooms().values():
        base = PAGES + room.name
        router.add_api_route(base + "/", _page(room), methods=["GET", "HEAD"])
        router.add_api_route(base + "/{file}", _page(room), methods=["GET", "HEAD"])
        for door in room.doors:
            router.add_api_route(f"{DOORS}{room.name}/{door.path}", _open(room, door), methods=[door.method])
        if room.open_link is None:
            continue
        link = f"{LINKS}{room.name}/{{secret}}/"
        for door in (one for one in room.doors if one.who == "link"):
            router.add_api_route(link + door.path, _open(room, door, by_link=True), methods=[door.method])
        router.add_api_route(link, _link_page(room), methods=["GET", "HEAD"])
        router.add_api_route(link + "{file}", _link_page(room), methods=["GET", "HEAD"])
    return router


def body_limits() -> dict[str, int]:
    """What rooms' doors take at most (bytes), by what their paths begin with."""
    return {f"{start}{room.name}/": room.largest for room in rooms().values() for start in (DOORS, LINKS)}


# -- pages ---------------------------------------------------------------------------------


def _page(room: Room) -> Answer:
    async def page(request: Request) -> Response:
        app_for(request, room.name)
        return _file(request, room, request.path_params.get("file", "index.html"))

    return page


def _link_page(room: Room) -> Answer:
    async def page(request: Request) -> Response:
        await _check_link(request, room)
        return _file(request, room, request.path_params.get("file", room.link_page))

    return page


def _file(request: Request, room: Room, name: str) -> Response:
    if name not in _names(room.page):
        raise RequestError("The page has no such file.", code="not_found")
    if not name.endswith(".html"):
        return serve(request, _asset(room.page, name))
    more = {"Vary": BY_READER, "Content-Security-Policy": _CSP}
    return serve(request, _sheet(room.page, name, language_of(request)), **more)


@cache
def _names(page: Path) -> frozenset[str]:
    """The files that are served, and nothing else ever is."""
    return frozenset(one.name for one in page.iterdir() if one.is_file() and one.suffix[1:] in TYPES)


@cache
def _asset(page: Path, name: str) -> Asset:
    data = (page / name).read_bytes()
    return made(TYPES[name.rpartition(".")[2]], without_comments(data) if name.endswith(".js") else data)


@cache
def _sheet(page: Path, name: str, language: str) -> Asset:
    def source(address: str) -> bytes:
        return source_of(address) if address.startswith("/") else _asset(page, address).plain

    html = in_language((page / name).read_text(encoding="utf-8"), LANGUAGES[language])
    return made(HTML, at_once(html, source).encode())


# -- doors ---------------------------------------------------------------------------------


def _open(room: Room, door: Door, *, by_link: bool = False) -> Answer:
    async def answer(request: Request) -> Response:
        if by_link:
            await _check_link(request, room)
        else:
            app_for(request, room.name)
            if door.who == "owner":
                owner_only(request)
        visit = await _visit(request, room, door, by_link)
        if inspect.isasyncgenfunction(door.call):
            return StreamingResponse(_events(request, door.call(visit)), headers=EVENT_HEADERS)
        try:
            if inspect.iscoroutinefunction(door.call):
                found = await door.call(visit)
            else:
                found = await asyncio.to_thread(door.call, visit)
        except SkillError as error:
            raise _refused(error, request) from None
        return _answer(found)

    return answer


def _answer(found: Any) -> Response:
    if found is None:
        return Response(status_code=204)
    if not isinstance(found, Blob):
        return json_response(found, headers={"cache-control": "no-store"})
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    # What people brought is shown by the page and never run as a page of its own.
    headers["content-security-policy"] = "default-src 'none'; sandbox"
    if found.name is not None:
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(found.name)}"
    return Response(found.data, media_type=found.kind, headers=headers)


async def _visit(request: Request, room: Room, door: Door, by_link: bool) -> Visit:
    folder = app_folder(room.name)
    folder.mkdir(parents=True, exist_ok=True)
    language = zh_or_en(request)
    person = person_of(request)
    guest = Guest(0, "", "link", language) if by_link else Guest(person.id, person.name, person.role, language)
    ask = None
    if door.asks:
        await admit(request)
        _, ask = await asker(request)
    home = request.app.state.address or str(request.base_url).rstrip("/")
    return Visit(
        guest,
        folder,
        request.app.state.rooms.setdefault(room.name, {}),
        {name: value for name, value in request.path_params.items() if name != "secret"},
        dict(request.query_params),
        await _body(request, door),
        request.headers.get("content-type", ""),
        ask,
        home,
    )


async def _body(request: Request, door: Door) -> Any:
    if door.takes == "nothing":
        return None
    size = len(await request.body())
    if size > door.max_bytes:
        raise RequestError(
            f"The body is too large: this takes at most {door.max_bytes:,} bytes.", code="request_too_large"
        )
    return await json_body(request) if door.takes == "json" else await request.body()


async def _events(request: Request, told: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """A door's events as they come; a comment in a long silence, so that a reader who is gone is noticed."""
    waiting: asyncio.Future[dict[str, Any]] | None = None
    try:
        yield b": here\n\n"
        while not request.app.state.stopping:
            waiting = waiting or asyncio.ensure_future(anext(told))
            done, _ = await asyncio.wait([waiting], timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield b": still here\n\n"
                continue
            ready, waiting = waiting, None
            yield server_sent(Event(ready.result()))
    except StopAsyncIteration:
        return
    except HuozhongError as error:
        yield server_sent(Event({"message": sentence(error, request)}, "error"))
    finally:
        if waiting is not None:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting
        await told.aclose()  # type: ignore[attr-defined]  # doors are generators


async def _check_link(request: Request, room: Room) -> None:
    assert room.open_link is not None
    if not await asyncio.to_thread(room.open_link, app_folder(room.name), request.path_params["secret"]):
        raise RequestError("这个链接不能用了。 / This link is no longer good.", code="not_found")


def _refused(error: SkillError, request: Request) -> RequestError:
    code = "not_found" if isinstance(error, Missing) else "invalid_value"
    return RequestError(sentence(error, request), code=code)
