"""POST /house/login, /house/logout, /house/join: coming in, and going.

Every login is a new session (none that a browser brought along is taken over), and says the same of a wrong password
as of a name that nobody has, in the same time.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.attempts import Attempts
from huozhong.server.dialects.fields import Strict
from huozhong.server.door import cookie_in, cookie_name
from huozhong.server.http import json_body, json_response
from huozhong.store.database import Store
from huozhong.store.joining import join
from huozhong.store.passwords import LONGEST, checked_password, hash_password, is_outdated, is_password
from huozhong.store.people import LONGEST_NAME, Person, find_row, folded, has_owner, person_of_row, take_over
from huozhong.store.sessions import LONGEST_MS, end_session, find_session, forget_old_sessions, open_session

router = APIRouter(prefix="/house")

Result = TypeVar("Result")

# A password takes tens of milliseconds and 19 MiB: two at a time leave room for answers; more wait, up to a limit.
_hashing = ThreadPoolExecutor(2, thread_name_prefix="huozhong-passwords")
_MOST_WAITING = 64
_waiting = 0


class LoginRequest(Strict):
    name: str
    password: str


class JoinRequest(Strict):
    code: str
    name: str
    password: str


async def hashed(work: Callable[[], Result]) -> Result:
    """Run what hashes a password; `RequestError` "busy" while too many wait for that already."""
    global _waiting
    if _waiting >= _MOST_WAITING:
        raise RequestError(
            "登录的人太多，请过几秒再试。 / Too many people are logging in; try again in a few seconds.",
            code="busy",
            retry_after=3,
        )
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_hashing, work)
    finally:
        _waiting -= 1


@router.post("/login")
async def login(request: Request) -> Response:
    person = await who_logs_in(request, LoginRequest.parse(await json_body(request)))
    return await begin_session(request, json_response({"person": person_json(person)}), person)


@router.post("/join")
async def join_house(request: Request) -> Response:
    person = await who_joins(request, JoinRequest.parse(await json_body(request)))
    return await begin_session(request, json_response({"person": person_json(person)}, 201), person)


@router.post("/logout")
async def logout(request: Request) -> Response:
    return await end_own_session(request, json_response({"ok": True}))


async def who_logs_in(request: Request, asked: LoginRequest) -> Person:
    """Whose name and password these are; `RequestError` where they are nobody's, or too many were tried."""
    attempts: Attempts = request.app.state.attempts
    name, address = folded(asked.name)[: LONGEST_NAME + 1], address_of(request)
    check_wait(attempts, name, address)
    person = await hashed(functools.partial(_check, request.app.state.store, asked.name, asked.password))
    if person is None:
        attempts.failed(name, address)
        raise RequestError("名字或密码不对。 / The name or the password is wrong.", code="wrong_login")
    attempts.succeeded(name, address)
    return person


async def who_joins(request: Request, asked: JoinRequest) -> Person:
    """A new person of this house; `RequestError` where the code, the name or the password will not do."""
    attempts: Attempts = request.app.state.attempts
    address = address_of(request)
    check_wait(attempts, "\0join", address)
    try:
        person = await hashed(functools.partial(_join, request.app.state.store, asked))
    except RequestError as error:
        if error.code == "wrong_code":
            attempts.failed("\0join", address)
        raise
    attempts.succeeded("\0join", address)
    request.app.state.visitors.forget()
    return person


async def end_own_session(request: Request, response: Response) -> Response:
    """Ends this browser's session; it forgets what it kept of the house."""
    await asyncio.to_thread(_end, request)
    request.app.state.visitors.forget()
    response.headers["clear-site-data"] = '"cache", "storage"'
    response.delete_cookie(cookie_name(request.url.scheme), path="/", httponly=True, samesite="strict")
    return response


async def begin_session(request: Request, response: Response, person: Person) -> Response:
    """A new session for this browser, and the end of the one it had."""
    token = await asyncio.to_thread(_open, request, person)
    request.app.state.visitors.forget()
    response.headers["cache-control"] = "no-store"
    response.set_cookie(
        cookie_name(request.url.scheme),
        token,
        max_age=LONGEST_MS // 1000,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def person_json(person: Person) -> dict[str, Any]:
    """What a person's own browser is told of them."""
    return {"id": person.id, "name": person.name, "role": person.role, "language": person.language}


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def check_wait(attempts: Attempts, name: str, address: str) -> None:
    """`RequestError` while this name and address have to wait before they may try again."""
    wait = attempts.seconds_to_wait(name, address)
    if wait > 0:
        raise RequestError(
            "试的次数太多了，请过一会儿再试。 / Too many attempts; wait a little before the next.",
            code="too_many_attempts",
            retry_after=wait,
        )


def _check(store: Store, name: str, password: str) -> Person | None:
    with store.read() as session:
        row = find_row(session, name[: LONGEST_NAME * 4])
        stored = None if row is None else row.password_hash
        number = None if row is None else row.id
        usable = row is not None and row.disabled is None
        person = None if row is None else person_of_row(row)
    # For a name that nobody has, too: else the time would tell which names there are.
    right = is_password(stored, password)
    if not right or not usable or stored is None or number is None:
        return None
    if is_outdated(stored) and len(password) <= LONGEST:
        with store.begin() as session:
            again = find_row(session, name)
            if again is not None and again.password_hash == stored:
                again.password_hash = hash_password(password)
    return person


def _join(store: Store, asked: JoinRequest) -> Person:
    checked_password(asked.password, asked.name)  # before the code: its mistakes are no guesses at codes
    with store.begin() as session:
        is_first = not has_owner(session)
        person = join(session, asked.code, asked.name, asked.password)
        if is_first and person.role == "owner":
            take_over(session, person.id)
        return person


def _open(request: Request, person: Person) -> str:
    store: Store = request.app.state.store
    with store.begin() as session:
        _end_old(session, request)
        forget_old_sessions(session)
        agent = request.headers.get("user-agent", "")
        return open_session(session, person.id, agent=agent, address=address_of(request))[0]


def _end(request: Request) -> None:
    with request.app.state.store.begin() as session:
        _end_old(session, request)


def _end_old(session: Any, request: Request) -> None:
    token = cookie_in(request.headers, request.url.scheme)
    found = find_session(session, token) if token else None
    if found is not None:
        end_session(session, found[0].id, found[1].id)
