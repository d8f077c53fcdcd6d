"""GET /openapi.json: what every route takes and gives, for programs that are made from such a document."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.server.dialects.openai.schemas import DOCUMENT, ERROR
from huozhong.server.dialects.schemas import described
from huozhong.server.document import document
from huozhong.server.http import json_response

router = APIRouter()


@router.get("/openapi.json", openapi_extra=described(DOCUMENT, ERROR))
async def openapi(request: Request) -> Response:
    return json_response(document(request.app))
