"""GET and PATCH /house/me, /house/sessions, /house/keys: what people see and change of their own account."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict
from huozhong.server.http import json_body, json_response
from huozhong.server.identity import accounts_only, person_of, visitor_of
from huozhong.server.routes.login import address_of, begin_session, check_wait, hashed, person_json
from huozhong.store.database import Store
from huozhong.store.keys import list_keys, make_key, remove_key
from huozhong.store.passwords import is_password
from huozhong.store.people import Person, change_person, set_password
from huozhong.store.sessions import end_session, end_sessions, list_sessions
from huozhong.store.tables.people import PersonRow

router = APIRouter(prefix="/house", dependencies=[Depends(accounts_only)])


class MeRequest(Strict):
    """password: the present one, without which `new_password` is nobody's."""

    language: str | None = None
    password: str | None = None
    new_password: str | None = None


class KeyRequest(Strict):
    name: str
    scopes: list[str]


@router.patch("/me")
async def change_me(request: Request) -> Response:
    body = await json_body(request)
    asked, person = MeRequest.parse(body), person_of(request)
    store: Store = request.app.state.store
    if "language" in body:
        person = await asyncio.to_thread(_set_language, store, person, asked.language)
        request.app.state.visitors.forget()
    if asked.new_password is None:
        return json_response({"person": person_json(person)})
    attempts, about, address = request.app.state.attempts, f"\0password {person.id}", address_of(request)
    check_wait(attempts, about, address)
    work = functools.partial(_set_password, store, person, asked.password or "", asked.new_password)
    try:
        await hashed(work)
    except RequestError as error:
        if error.code == "wrong_login":
            attempts.failed(about, address)
        raise
    attempts.succeeded(about, address)
    # Whoever had the old password is out, on every device; this one goes on with a new session.
    return await begin_session(request, json_response({"person": person_json(person)}), person)


def _set_language(store: Store, person: Person, language: str | None) -> Person:
    with store.begin() as session:
        return change_person(session, person.id, {"language": language})


def _set_password(store: Store, person: Person, old: str, new: str) -> None:
    with store.read() as session:
        row = session.get(PersonRow, person.id)
        stored = None if row is None else row.password_hash
    if not is_password(stored, old):
        raise RequestError("现在的密码不对。 / Your present password is wrong.", param="password", code="wrong_login")
    with store.begin() as session:
        set_password(session, person.id, new)
        end_sessions(session, person.id)


@router.get("/sessions")
async def sessions(request: Request) -> Response:
    visitor = visitor_of(request)
    found = await asyncio.to_thread(_read, request, list_sessions)
    shown = [asdict(one) | {"current": one.id == visitor.session} for one in found]
    return json_response({"sessions": shown})


@router.delete("/sessions")
async def end_others(request: Request) -> Response:
    """Every session of this person but the one that asks."""
    visitor = visitor_of(request)
    await asyncio.to_thread(_write, request, functools.partial(end_sessions, but=visitor.session))
    request.app.state.visitors.forget()
    return json_response({"ok": True})


@router.delete("/sessions/{number}")
async def end_one(request: Request, number: str) -> Response:
    if not await asyncio.to_thread(_write, request, functools.partial(end_session, number=number)):
        raise RequestError("There is no such session.", code="not_found")
    request.app.state.visitors.forget()
    return json_response({"ok": True})


@router.get("/keys")
async def keys(request: Request) -> Response:
    return json_response({"keys": [asdict(one) for one in await asyncio.to_thread(_read, request, list_keys)]})


@router.post("/keys")
async def new_key(request: Request) -> Response:
    """The key itself is in this answer, and never in another one."""
    asked, person = KeyRequest.parse(await json_body(request)), person_of(request)
    if person.role == "child":
        raise RequestError("孩子的账号没有密钥。 / A child's account has no keys.", code="forbidden")

    def make() -> tuple[str, Any]:
        with request.app.state.store.begin() as session:
            return make_key(session, person, asked.name, asked.scopes)

    key, info = await asyncio.to_thread(make)
    return json_response({"key": key, **asdict(info)}, 201, {"cache-control": "no-store"})


@router.delete("/keys/{number}")
async def drop_key(request: Request, number: str) -> Response:
    if not await asyncio.to_thread(_write, request, functools.partial(remove_key, number=number)):
        raise RequestError("There is no such key.", code="not_found")
    request.app.state.visitors.forget()
    return json_response({"ok": True})


def _read(request: Request, find: Any) -> Any:
    with request.app.state.store.read() as session:
        return find(session, person_of(request).id)


def _write(request: Request, act: Any) -> Any:
    with request.app.state.store.begin() as session:
        return act(session, person_of(request).id)
