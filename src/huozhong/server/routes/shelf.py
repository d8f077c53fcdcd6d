"""/house/models: every model of this machine and how it is; an owner loads it, puts it away, and brings others here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, Literal

import pydantic_core
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from huozhong.engine.bandwidth import read_bandwidth
from huozhong.engine.machine import available_memory
from huozhong.errors import ConfigError, HubError, RequestError
from huozhong.hub.advice import offers
from huozhong.hub.media import find_models
from huozhong.server.dialects.fields import Strict
from huozhong.server.here import owner_here
from huozhong.server.http import EVENT_HEADERS, KEEP_ALIVE_SECONDS, json_body, json_response
from huozhong.server.models import ModelState, Shelf
from huozhong.server.pulls import Pulls
from huozhong.server.routes.models import model_name

router = APIRouter(prefix="/house/models")
MINE = [Depends(owner_here)]
_TELL_SECONDS = 0.5


@router.get("")
async def list_models(request: Request) -> Response:
    """The model that answers where none is named, and all there are."""
    shelf: Shelf = request.app.state.shelf
    return json_response({"default": shelf.default, "models": [_json(state) for state in shelf.states()]})


@router.post("/{name}/load", dependencies=MINE)
async def load(request: Request, name: str) -> Response:
    """Begin to load a model: 202; how far it is, the list says."""
    shelf: Shelf = request.app.state.shelf
    full = model_name(request, name)
    shelf.load(full)
    return json_response(_json(shelf.state(full)), 202)


@router.post("/{name}/unload", dependencies=MINE)
async def unload(request: Request, name: str) -> Response:
    """Put a model away as soon as its answers are complete."""
    shelf: Shelf = request.app.state.shelf
    full = model_name(request, name)
    return json_response({"name": full, "unloaded": shelf.unload(full)})


def _json(state: ModelState) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": state.name,
        "size": state.size,
        "state": state.state,
        "loaded": state.state == "loaded",
        "built_in": state.built_in,
        "running": state.running,
        "waiting": state.waiting,
        "elsewhere": state.is_elsewhere,
    }
    if state.state == "loading":
        done, total = state.progress
        told["progress"] = {"done": done, "total": total}
    if state.error is not None:
        told["error"] = state.error
    if state.llm is not None:
        told |= {
            "memory": state.memory,
            "context": state.context,
            "temperature": state.llm.defaults.temperature,
            "acts": state.llm.acts,
            "idle_seconds": None if state.idle is None else round(state.idle, 1),
            "seconds_left": None if state.left is None else round(state.left, 1),
        }
    return told


# -- bringing models here ----------------------------------------------------------------------------


class Wanted(Strict):
    name: str


class FromMedium(Strict):
    path: str
    name: str | None = None


@router.get("/advice", dependencies=MINE)
async def advice(request: Request) -> Response:
    """What is worth bringing to this machine, the best first; what it has room for was measured now."""
    shelf: Shelf = request.app.state.shelf
    names = shelf.names()
    free, bandwidth = await asyncio.to_thread(_machine)
    offered = [] if free is None else offers(free, bandwidth, names)
    return json_response(
        {
            "memory_free": free,
            "bytes_per_second": round(bandwidth),
            "models": [
                {
                    "name": offer.model.name,
                    "size": offer.model.size,
                    "tokens_per_second": round(offer.tokens_per_second, 1),
                    "zh": offer.model.chinese,
                    "en": offer.model.english,
                }
                for offer in offered
            ],
        }
    )


@cache
def _bandwidth() -> float:
    """Measured once: it takes a moment of all cores, and does not change.  On less than elsewhere, since a small
    machine serves meanwhile: an ordinary one's caches hold half of that at most."""
    return read_bandwidth(64 << 20)


def _machine() -> tuple[int | None, float]:
    return available_memory(), _bandwidth()


@router.get("/pulls", dependencies=MINE)
async def list_pulls(request: Request) -> Response:
    pulls: Pulls = request.app.state.pulls
    return json_response({"pulls": [pull.as_json() for pull in pulls.all()]})


@router.get("/pulls/events", dependencies=MINE)
async def pull_events(request: Request) -> Response:
    """The list again whenever it has changed, at most every half a second; a comment in long silences."""
    pulls: Pulls = request.app.state.pulls

    async def events() -> AsyncIterator[bytes]:
        told, silent = None, 0.0
        while not pulls.is_closed and not await request.is_disconnected():
            now = pydantic_core.to_json({"pulls": [pull.as_json() for pull in pulls.all()]})
            if now != told:
                told, silent = now, 0.0
                yield b"event: pulls\ndata: " + now + b"\n\n"
            elif silent >= KEEP_ALIVE_SECONDS:
                silent = 0.0
                yield b": here\n\n"
            await asyncio.sleep(_TELL_SECONDS)
            silent += _TELL_SECONDS

    return StreamingResponse(events(), headers=EVENT_HEADERS)


@router.post("/pull", dependencies=MINE)
async def begin_pull(request: Request) -> Response:
    """Bring a model by its short name or repository: 202; how far it is, the list of pulls says."""
    wanted = Wanted.parse(await json_body(request))
    pulls: Pulls = request.app.state.pulls
    try:
        begun = await asyncio.to_thread(pulls.pull, wanted.name)
    except (HubError, ConfigError) as error:
        raise RequestError(f"{error.chinese or error} / {error}", param="name") from None
    return json_response(begun.as_json(), 202)


@router.post("/pulls/{name}/{what}", dependencies=MINE)
async def change_pull(request: Request, name: str, what: Literal["pause", "resume", "cancel"]) -> Response:
    pulls: Pulls = request.app.state.pulls
    changed = await asyncio.to_thread(getattr(pulls, what), name)
    return json_response(changed.as_json())


@router.get("/media", dependencies=MINE)
async def list_media(request: Request) -> Response:
    """The models on what is plugged in."""
    found = await asyncio.to_thread(find_models)
    return json_response({"models": [{"path": str(one.path), "name": one.name, "size": one.size} for one in found]})


@router.post("/import", dependencies=MINE)
async def begin_import(request: Request) -> Response:
    """Copy a model from a medium: 202.  Only what `media` lists can be named, nothing else on this machine."""
    wanted = FromMedium.parse(await json_body(request))
    found = {str(one.path): one for one in await asyncio.to_thread(find_models)}
    if wanted.path not in found:
        raise RequestError(
            "这个模型不在插着的盘上。 / No such model is on what is plugged in.", param="path", code="not_found"
        )
    pulls: Pulls = request.app.state.pulls
    one = found[wanted.path]
    name = wanted.name or re.sub(r"[^\w.:-]+", "-", one.name).strip("-.:") or "model"
    try:
        begun = await asyncio.to_thread(pulls.bring, one.path, name)
    except ConfigError as error:
        raise RequestError(f"{error.chinese or error} / {error}", param="name") from None
    return json_response(begun.as_json(), 202)
