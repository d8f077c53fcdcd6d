"""POST /v1/messages and /v1/messages/count_tokens: Anthropic's names for a chat and for its prompt's length."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.server.dialects.anthropic.messages import parse_count, parse_messages
from huozhong.server.dialects.anthropic.reply import MessageReply, count_json
from huozhong.server.http import json_response
from huozhong.server.routes.chat import answer, prepare
from huozhong.server.routes.models import asked

router = APIRouter()


@router.post("/v1/messages")
async def messages(request: Request) -> Response:
    llm, call = await asked(request, parse_messages)
    return await answer(request, llm, call, MessageReply)


@router.post("/anthropic/v1/messages")
async def deepseeks_messages(request: Request) -> Response:
    """DeepSeek's path, where any model's name means its own: programs name those that they were written for."""
    llm, call = await asked(request, parse_messages, any_model=True)
    return await answer(request, llm, call, MessageReply)


@router.post("/v1/messages/count_tokens")
@router.post("/anthropic/v1/messages/count_tokens")
async def count_tokens(request: Request) -> Response:
    llm, call = await asked(request, parse_count, any_model=request.url.path.startswith("/anthropic/"))
    prepared = await asyncio.to_thread(prepare, llm, call)
    return json_response(count_json(len(prepared.prompt.ids)))
