"""Calls of tools of others: which servers a house offers, and a reader's word on each call in an answer.

Only a person who sits at the page says that word: a key of theirs, which a program holds, may not.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.asking import answer_turn
from huozhong.server.called import decided
from huozhong.server.dialects.fields import Strict
from huozhong.server.dialects.house import Decision, message_json
from huozhong.server.here import owner_here
from huozhong.server.household import admit
from huozhong.server.http import json_body, json_response
from huozhong.server.identity import person_of, visitor_of
from huozhong.server.toolbox import Known, Toolbox
from huozhong.skills.foreign import ToolServer
from huozhong.store.conversations import Conversations
from huozhong.store.tables.conversations import MessageRow

router = APIRouter(include_in_schema=False)
PATH = "/house/tools"


class NewServer(Strict):
    """An address; a command is added on the command line alone, as it runs with the rights of this house."""

    name: str
    url: str
    headers: Annotated[dict[str, str], Field(default_factory=dict)]


class Switch(Strict):
    on: bool


@router.get(PATH)
async def offered(request: Request) -> Response:
    """The servers that whoever asks may choose for a conversation; nothing for a child."""
    toolbox = _toolbox(request)
    if not toolbox.may_use(person_of(request)):
        return json_response({"servers": []})
    servers = [server for server in await asyncio.to_thread(toolbox.servers.all) if server.on]
    known = await asyncio.gather(*map(toolbox.known, servers))
    return json_response({"servers": [_short(server, one) for server, one in zip(servers, known, strict=True)]})


@router.get(PATH + "/all", dependencies=[Depends(owner_here)])
async def every_server(request: Request) -> Response:
    """All of them, with where they are and what is wrong with them; asked anew."""
    toolbox = _toolbox(request)
    servers = await asyncio.to_thread(toolbox.servers.all)
    known = await asyncio.gather(*(toolbox.known(server, anew=True) for server in servers))
    return json_response({"servers": [_whole(server, one) for server, one in zip(servers, known, strict=True)]})


@router.post(PATH, dependencies=[Depends(owner_here)])
async def add(request: Request) -> Response:
    asked = NewServer.parse(await json_body(request))
    server = ToolServer(asked.name.strip(), url=asked.url.strip(), headers=asked.headers)
    toolbox = _toolbox(request)
    await asyncio.to_thread(toolbox.servers.add, server)
    return json_response(_whole(server, await toolbox.known(server, anew=True)), 201)


@router.patch(PATH + "/{name}", dependencies=[Depends(owner_here)])
async def switch(request: Request, name: str) -> Response:
    body = Switch.parse(await json_body(request))
    toolbox = _toolbox(request)
    server = await asyncio.to_thread(toolbox.servers.switch, name, body.on)
    return json_response(_whole(server, await toolbox.known(server)))


@router.delete(PATH + "/{name}", dependencies=[Depends(owner_here)])
async def remove(request: Request, name: str) -> Response:
    await asyncio.to_thread(_toolbox(request).servers.remove, name)
    return json_response({"removed": name})


@router.post("/house/conversations/{id}/calls")
async def decide(request: Request, id: str) -> Response:
    """Yes or no to one call; once none waits, those that were allowed are made and the answer goes on."""
    body = Decision.parse(await json_body(request))
    if visitor_of(request).scopes is not None or not _toolbox(request).may_use(person_of(request)):
        raise RequestError("这一步要本人在页面上同意。 / A person has to agree to this on the page.", code="forbidden")
    await admit(request)
    kept = Conversations(request.app.state.store)
    change = partial(decided, id=body.call, allow=body.allow)
    done = await run_in_threadpool(kept.decide, person_of(request).id, id, body.message, change)
    if isinstance(done, MessageRow):
        return json_response({"answer": message_json(done)})
    turn, was = done
    told = message_json(turn.answer)
    answer_turn(request, turn, was=was, is_decided=True)
    return json_response({"answer": told})


def _short(server: ToolServer, known: Known) -> dict[str, Any]:
    tools = [{"name": tool.name, "description": tool.description} for tool in known.tools.values()]
    return {"name": server.name, "tools": tools, "problem": known.problem}


def _whole(server: ToolServer, known: Known) -> dict[str, Any]:
    kind = "command" if server.command else "address"
    return _short(server, known) | {
        "on": server.on,
        "kind": kind,
        "where": server.where,
        "left_out": list(known.left_out),
    }


def _toolbox(request: Request) -> Toolbox:
    toolbox: Toolbox = request.app.state.toolbox
    return toolbox
