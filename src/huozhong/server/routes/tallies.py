"""/house/tallies/{app}: what an app counts of whoever lets it - one's own, and of a class the sums.

Only a teacher or an owner sees the class, and sees no names.  A person says yes, sees and takes back
their own; what was counted goes with it.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from huozhong.errors import RequestError, SkillError
from huozhong.server.here import owner_here
from huozhong.server.http import json_body, json_response
from huozhong.server.identity import person_of, teachers_only
from huozhong.server.words import sentence
from huozhong.skills.shelf import AppShelf
from huozhong.store.database import Store
from huozhong.store.tallies import (
    Tally,
    class_tallies,
    forget_class,
    forget_tallies,
    let_count,
    lets_count,
    own_tallies,
    people_counted,
)

router = APIRouter(prefix="/house/tallies", include_in_schema=False)

MOST_DAYS = 366
_PRIVATE = {"cache-control": "no-store"}
T = TypeVar("T")


@router.get("/{app}")
async def own(request: Request, app: str, days: int = 30) -> Response:
    """Whether one lets it count, and what was counted."""
    app, since, person = _app(request, app), _since(days), person_of(request).id

    def look(session: Session) -> dict[str, Any]:
        return {"yes": lets_count(session, person, app), "tallies": _told(own_tallies(session, person, app, since))}

    return json_response(await _read(request, look), headers=_PRIVATE)


@router.put("/{app}")
async def agree(request: Request, app: str) -> Response:
    """{"yes": true} to be counted; {"yes": false} takes it back, and what was counted is deleted."""
    app, person, body = _app(request, app), person_of(request).id, await json_body(request)
    if set(body) != {"yes"} or not isinstance(body["yes"], bool):
        raise RequestError('Send {"yes": true} or {"yes": false}.', param="yes")
    change = let_count if body["yes"] else forget_tallies
    await _write(request, lambda session: change(session, person, app))
    return json_response({"yes": body["yes"]})


@router.get("/{app}/class", dependencies=[Depends(teachers_only)])
async def of_the_class(request: Request, app: str, days: int = 30) -> Response:
    """The sums of all who let it count, and how many those are."""
    app, since = _app(request, app), _since(days)

    def look(session: Session) -> dict[str, Any]:
        return {"people": people_counted(session, app), "tallies": _told(class_tallies(session, app, since))}

    told = await _read(request, look) | {"may_forget": person_of(request).role == "owner"}
    return json_response(told, headers=_PRIVATE)


@router.delete("/{app}/class", dependencies=[Depends(owner_here)], status_code=204)
async def forget(request: Request, app: str) -> Response:
    """Everything that was counted is deleted."""
    app = _app(request, app)
    await _write(request, lambda session: forget_class(session, app))
    return Response(status_code=204)


def _told(tallies: list[Tally]) -> list[dict[str, Any]]:
    return [{"what": one.what, "how": one.how, "times": one.times, "people": one.people} for one in tallies]


def _app(request: Request, name: str) -> str:
    shelf: AppShelf = request.app.state.apps
    try:
        return shelf.find(name).name
    except SkillError as error:
        raise RequestError(sentence(error, request), code="not_found") from None


def _since(days: int) -> str:
    if not 1 <= days <= MOST_DAYS:
        raise RequestError(f"'days' is {days}; give 1 to {MOST_DAYS}.", param="days")
    return str(datetime.date.today() - datetime.timedelta(days=days - 1))


async def _read(request: Request, look: Callable[[Session], T]) -> T:
    store: Store = request.app.state.store

    def work() -> T:
        with store.read() as session:
            return look(session)

    return await asyncio.to_thread(work)


async def _write(request: Request, change: Callable[[Session], None]) -> None:
    store: Store = request.app.state.store

    def work() -> None:
        with store.begin() as session:
            change(session)

    await asyncio.to_thread(work)
