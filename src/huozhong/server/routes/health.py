"""GET /health: that the server is there."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.server.dialects.openai.schemas import ERROR, HEALTH
from huozhong.server.dialects.schemas import described
from huozhong.server.http import json_response

router = APIRouter()


@router.get("/health", openapi_extra=described(HEALTH, ERROR))
async def health(request: Request) -> Response:
    return json_response({"status": "ok", "model": request.app.state.llm.name})
