"""/house/people and /house/join-code: an owner's view of who may come in, and what they may use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict
from huozhong.server.http import json_body, json_response
from huozhong.server.identity import accounts_only, owner_only
from huozhong.server.permits import Permits
from huozhong.server.qr import qr_svg
from huozhong.server.remembered import forget
from huozhong.server.routes.login import hashed
from huozhong.skills.shelf import AppShelf
from huozhong.store.joining import JoinCode, current_codes, drop_codes, new_code
from huozhong.store.people import (
    ROLES,
    Person,
    add_person,
    change_person,
    find_person,
    list_people,
    remove_person,
    set_password,
)
from huozhong.store.sessions import end_sessions

router = APIRouter(prefix="/house", dependencies=[Depends(owner_only), Depends(accounts_only)])

Result = TypeVar("Result")
_LONGEST_HOURS = 31 * 24


class NewPerson(Strict):
    name: str
    password: str
    role: str = "member"


class PersonChange(Strict):
    """Only the fields that are sent are changed; null takes a limit away."""

    role: str | None = None
    language: str | None = None
    quiet_from: int | None = None
    quiet_to: int | None = None
    daily_tokens: int | None = None
    daily_money: float | None = None
    disabled: bool | None = None
    password: str | None = None


class ChosenApps(Strict):
    """apps: names; None: nobody chooses."""

    apps: list[str] | None


class NewCode(Strict):
    role: str = "member"
    hours: float = 24
    uses: int | None = None


@router.get("/people")
async def people(request: Request) -> Response:
    found = await asyncio.to_thread(_read, request, list_people)
    return json_response({"people": [known_json(person) for person in found]})


@router.post("/people")
async def new_person(request: Request) -> Response:
    asked = NewPerson.parse(await json_body(request))
    role = _role(asked.role)
    person = await hashed(lambda: _write(request, lambda s: add_person(s, asked.name, role, asked.password)))
    return json_response({"person": known_json(person)}, 201)


@router.patch("/people/{number}")
async def change(request: Request, number: int) -> Response:
    body = await json_body(request)
    asked = PersonChange.parse(body)
    changes = {name: getattr(asked, name) for name in body if name != "password"}
    for name in ("role", "disabled"):
        if name in changes and changes[name] is None:
            raise RequestError(f"'{name}' cannot be null.", param=name)

    def act(session: Session) -> Person:
        if asked.password is not None:
            set_password(session, number, asked.password)
        if asked.password is not None or changes.get("disabled"):
            end_sessions(session, number)
        return change_person(session, number, changes)

    person = await hashed(lambda: _write(request, act))
    request.app.state.visitors.forget()
    return json_response({"person": known_json(person)})


@router.delete("/people/{number}")
async def remove(request: Request, number: int) -> Response:
    await asyncio.to_thread(_write, request, lambda session: remove_person(session, number))
    await asyncio.to_thread(request.app.state.collections.delete_all, number)
    await asyncio.to_thread(forget, number)
    await asyncio.to_thread(request.app.state.permits.forget, number)
    await asyncio.to_thread(request.app.state.ledger.forget, number)
    request.app.state.visitors.forget()
    return json_response({"ok": True})


@router.get("/people/{number}/apps")
async def apps_of(request: Request, number: int) -> Response:
    """Which apps a child sees, of which; chosen: whether an owner chose them."""
    child = await asyncio.to_thread(_read, request, lambda session: _child(session, number))
    shelf: AppShelf = request.app.state.apps
    permits: Permits = request.app.state.permits
    found = await asyncio.to_thread(shelf.apps)
    titles = [(app.name, app.skill.titles) for app in found if app.skill is not None]
    return json_response(
        {
            "apps": permits.seen_by(child.id, found),
            "chosen": permits.chosen(child.id) is not None,
            "of": [{"name": name, "titles": {"zh": zh, "en": en}} for name, (zh, en) in titles],
        }
    )


@router.put("/people/{number}/apps")
async def choose_apps(request: Request, number: int) -> Response:
    """{"apps": [names]} -> what a child sees from now on; null: what children see where nobody chose."""
    child = await asyncio.to_thread(_read, request, lambda session: _child(session, number))
    names = ChosenApps.parse(await json_body(request)).apps
    shelf: AppShelf = request.app.state.apps
    known = {app.name for app in await asyncio.to_thread(shelf.apps)}
    if unknown := sorted(set(names or []) - known):
        raise RequestError(f"没有叫“{unknown[0][:60]}”的应用。 / There is no such app.", param="apps")
    permits: Permits = request.app.state.permits
    await asyncio.to_thread(permits.choose, child.id, names)
    return await apps_of(request, number)


@router.get("/join-code")
async def codes(request: Request) -> Response:
    found = await asyncio.to_thread(_read, request, current_codes)
    return json_response(
        {"codes": [_code_json(request, code) for code in found]}, headers={"cache-control": "no-store"}
    )


@router.post("/join-code")
async def make_code(request: Request) -> Response:
    """A new code for a role; its old one holds no longer."""
    asked = NewCode.parse(await json_body(request))
    role = _role(asked.role)
    if role == "owner":
        raise RequestError("Nobody joins as an owner; make somebody one afterwards.", param="role")
    if not 0 < asked.hours <= _LONGEST_HOURS:
        raise RequestError(f"'hours' is {asked.hours:g}; give up to {_LONGEST_HOURS}.", param="hours")
    if asked.uses is not None and not 1 <= asked.uses <= 10_000:
        raise RequestError(f"'uses' is {asked.uses}; give 1 to 10000, or null for any number.", param="uses")
    code = await asyncio.to_thread(_write, request, lambda s: new_code(s, role, hours=asked.hours, uses=asked.uses))
    return json_response(_code_json(request, code), 201, {"cache-control": "no-store"})


@router.delete("/join-code")
async def no_codes(request: Request) -> Response:
    """Nobody joins any more."""
    await asyncio.to_thread(_write, request, drop_codes)
    return json_response({"ok": True})


@router.get("/join-code/{role}.svg")
async def code_picture(request: Request, role: str) -> Response:
    """The QR code that a phone's camera opens."""
    found = await asyncio.to_thread(_read, request, current_codes)
    code = next((one for one in found if one.role == role), None)
    if code is None:
        raise RequestError("There is no code for this role.", code="not_found")
    headers = {"cache-control": "no-store", "content-security-policy": "default-src 'none'"}
    return Response(qr_svg(join_url(request, code)), headers=headers, media_type="image/svg+xml")


def join_url(request: Request, code: JoinCode) -> str:
    """What the QR code says; what stands behind the # goes to no server and into no log."""
    home = request.app.state.address or str(request.base_url).rstrip("/")
    return f"{home}/page/login.html#join={code.code}"


def known_json(person: Person) -> dict[str, Any]:
    """What owners are told of a person: never the password's hash."""
    return asdict(person)


def _code_json(request: Request, code: JoinCode) -> dict[str, Any]:
    return {
        "code": code.spelled,
        "role": code.role,
        "expires": code.expires,
        "uses_left": code.uses_left,
        "url": join_url(request, code),
        "picture": f"/house/join-code/{code.role}.svg",
    }


def _role(role: str) -> Any:
    if role not in ROLES:
        raise RequestError(f"'role' is {role!r}; choose among {', '.join(ROLES)}.", param="role")
    return role


def _read(request: Request, find: Callable[[Session], Result]) -> Result:
    with request.app.state.store.read() as session:
        return find(session)


def _write(request: Request, act: Callable[[Session], Result]) -> Result:
    with request.app.state.store.begin() as session:
        return act(session)


def _child(session: Session, number: int) -> Person:
    """The child with this number; for whom else nobody chooses."""
    person = find_person(session, number) if 0 < number < 2**31 else None
    if person is None:
        raise RequestError("There is no such person.", code="not_found")
    if person.role != "child":
        raise RequestError("只为孩子选应用。 / Apps are chosen for children only.", param="number")
    return person
