"""What an app needs to know its people: put together here, and closed in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request

from huozhong.errors import RequestError
from huozhong.server.attempts import Attempts
from huozhong.server.authority import Authority
from huozhong.server.careful import Careful
from huozhong.server.door import Door, Visitors
from huozhong.server.identity import person_of
from huozhong.server.journal import Journal, keep_the_day
from huozhong.server.ledger import Ledger
from huozhong.server.measures import Measures
from huozhong.store.database import Store
from huozhong.store.people import HOUSE


def settle(
    app: FastAPI,
    store: Store,
    *,
    login: bool,
    address: str | None = None,
    authority: Authority | None = None,
    own_key: str | None = None,
) -> None:
    """Give an app its ledger, measures, day log and, with `login`, its door.  Before all other middleware.

    address: how others reach this house ("http://192.168.1.5:8000"), for QR codes; None: as they reached it.
    authority: what signed its certificate, shown to those who are to trust it.
    own_key: with which this machine's own commands come in, as the house.
    """
    state = app.state
    state.login, state.address, state.authority = login, address, authority
    state.stopping = False
    state.currency = state.llm.currency
    state.measures = Measures()
    state.ledger = Ledger(store, state.measures)
    state.attempts = Attempts()
    state.visitors = Visitors(store, own_key)
    state.day_log = keep_the_day()
    if login:
        app.add_middleware(Door, visitors=state.visitors)


def watch(app: FastAPI) -> None:
    """Let the journal see every request; after all other middleware, so that it is the outermost."""
    app.add_middleware(Journal, measures=app.state.measures, nobody=None if app.state.login else HOUSE)


async def admit(request: Request) -> None:
    """Before every answer, and after what rules say to somebody in distress: `RequestError` for who must wait.

    See `Ledger.admit`.
    """
    ledger: Ledger = request.app.state.ledger
    await ledger.admit(person_of(request))


async def admit_question(request: Request, question: str, settings: Mapping[str, Any]) -> None:
    """The same for a question in a conversation, before it is kept; a cry for help is let through to its rule.

    settings: those that are sent along; a child has none but whether to think.
    """
    check_settings(request, settings)
    try:
        await admit(request)
    except RequestError:
        careful: Careful = request.app.state.careful
        said = [{"role": "user", "content": question}]
        llm = await asyncio.to_thread(lambda: request.app.state.llm)  # it may have to be loaded
        if not careful.holds_for(llm, request) or await careful.said(said) is None:
            raise


def check_settings(request: Request, settings: Mapping[str, Any]) -> None:
    """`RequestError` for a child that would change how it is answered."""
    if person_of(request).role == "child" and (wrong := sorted(set(settings) - {"thinking"})):
        raise RequestError(
            "孩子的账号不能改设置。 / A child's account has no settings.",
            param=f"settings.{wrong[0]}",
            code="forbidden",
        )


def close(app: FastAPI) -> None:
    """Write what is still in memory; the store stays open."""
    app.state.stopping = True
    app.state.ledger.close()
    app.state.collections.close()
