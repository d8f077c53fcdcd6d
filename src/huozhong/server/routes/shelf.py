"""GET /house/models: every model of this machine and how it is; an owner loads it and puts it away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from huozhong.server.here import owner_here
from huozhong.server.http import json_response
from huozhong.server.models import ModelState, Shelf
from huozhong.server.routes.models import model_name

router = APIRouter(prefix="/house/models")
MINE = [Depends(owner_here)]


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
