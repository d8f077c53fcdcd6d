"""GET /health: that the server is there; GET /ready: that it can answer; GET /metrics: its numbers for Prometheus."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import Response

from huozhong.errors import HuozhongError, RequestError
from huozhong.server.dialects.openai.schemas import ERROR, HEALTH, METRICS, READINESS, UNREADY
from huozhong.server.dialects.schemas import described
from huozhong.server.http import json_response
from huozhong.server.identity import visitor_of
from huozhong.server.metrics import exposition
from huozhong.store.database import Store

router = APIRouter()


@router.get("/health", openapi_extra=described(HEALTH, ERROR))
async def health(request: Request) -> Response:
    """Strangers are told no more than that."""
    known = {} if request.app.state.login else {"model": request.app.state.shelf.default}
    return json_response({"status": "ok", **known})


@router.get("/ready", openapi_extra=described(READINESS, UNREADY))
async def ready(request: Request) -> Response:
    """503 while the database does not answer, and once the server is about to stop."""
    state = request.app.state
    if state.stopping:
        return json_response({"status": "stopping"}, 503, {"retry-after": "5"})
    try:
        async with asyncio.timeout(5):
            await asyncio.to_thread(_ask, state.store)
    except (HuozhongError, TimeoutError):
        return json_response({"status": "no database"}, 503, {"retry-after": "5"})
    return json_response({"status": "ready"})


def _ask(store: Store) -> None:
    with store.read() as session:
        session.execute(text("SELECT 1"))


@router.get("/metrics", openapi_extra=described(METRICS, ERROR, media_type="text/plain"))
async def metrics(request: Request) -> Response:
    """For owners, and for keys with the scope "metrics"."""
    if visitor_of(request).person.role != "owner":
        raise RequestError(
            "Only an owner, or an owner's key with the scope 'metrics', may read this.", code="forbidden"
        )
    body, media_type = await asyncio.to_thread(exposition, request.app)
    began = {"process-start-time-unix": str(request.app.state.created)}  # llama.cpp's
    return Response(body, headers=began, media_type=media_type)
