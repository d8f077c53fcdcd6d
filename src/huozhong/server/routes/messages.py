"""POST /v1/messages and /v1/messages/count_tokens: Anthropic's names for a chat and for its prompt's length."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.server.dialects.anthropic.messages import Conversation, MessagesRequest, parse_count, parse_messages
from huozhong.server.dialects.anthropic.reply import MessageReply, count_json
from huozhong.server.dialects.anthropic.schemas import COUNT, ERROR, MESSAGE
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.http import json_response
from huozhong.server.preparing import read_prompt, reading
from huozhong.server.routes.chat import answer
from huozhong.server.routes.elsewhere import answered_elsewhere
from huozhong.server.routes.models import asked

router = APIRouter()
CHAT = described(MESSAGE, ERROR, takes=body_of(MessagesRequest, "anthropic"), streams="text/event-stream")
COUNTING = described(COUNT, ERROR, takes=body_of(Conversation, "anthropic"))


@router.post("/v1/messages", openapi_extra=CHAT)
async def messages(request: Request) -> Response:
    return await _answered(request)


@router.post("/anthropic/v1/messages", openapi_extra=CHAT)
async def deepseeks_messages(request: Request) -> Response:
    """DeepSeek's path, where any model's name means its own: programs name those that they were written for."""
    return await _answered(request, any_model=True)


async def _answered(request: Request, *, any_model: bool = False) -> Response:
    far = await answered_elsewhere(
        request, parse_messages, lambda call: MessageReply, chat=lambda call: call, any_model=any_model
    )
    if far is not None:
        return far
    llm, call = await asked(request, parse_messages, any_model=any_model)
    return await answer(request, llm, call, MessageReply)


@router.post("/v1/messages/count_tokens", openapi_extra=COUNTING)
@router.post("/anthropic/v1/messages/count_tokens", openapi_extra=COUNTING)
async def count_tokens(request: Request) -> Response:
    llm, call = await asked(request, parse_count, any_model=request.url.path.startswith("/anthropic/"))
    size = sum(len(message.get("content") or "") for message in call.messages)
    prompt = await reading(request, size, lambda: read_prompt(llm, call, counted=True))
    return json_response(count_json(len(prompt.ids)))
