"""POST /v1/responses, OpenAI's newer name for a chat; GET and DELETE of one that is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.dialects.openai.schemas import ERROR, INPUT_TOKENS
from huozhong.server.dialects.responses.reply import ResponseReply
from huozhong.server.dialects.responses.requests import ResponseCall, ResponseRequest, parse_response
from huozhong.server.dialects.responses.schemas import DELETED, RESPONSE
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.http import json_response
from huozhong.server.identity import person_of
from huozhong.server.kept import OwnResponses, owner_of
from huozhong.server.routes.chat import answer, counted
from huozhong.server.routes.elsewhere import answered_elsewhere
from huozhong.server.routes.models import asked
from huozhong.store.people import HOUSE

router = APIRouter()
CHAT = described(RESPONSE, ERROR, takes=body_of(ResponseRequest, "responses"), streams="text/event-stream")
KEPT = described(RESPONSE, ERROR)
COUNTING = described(INPUT_TOKENS, ERROR, takes=body_of(ResponseRequest, "responses"))
GONE = described(DELETED, ERROR)


@router.post("/v1/responses", openapi_extra=CHAT)
@router.post("/responses", openapi_extra=CHAT)
async def create(request: Request) -> Response:
    kept = _own(request)
    parse = partial(parse_response, kept=kept)

    def reply(call: ResponseCall) -> Callable[..., ResponseReply]:
        return partial(
            ResponseReply,
            repeated=call.repeated,
            tells_summary=call.tells_summary,
            seals_thoughts=call.seals_thoughts,
            keep=partial(kept.keep, call.items) if call.store else None,
        )

    far = await answered_elsewhere(request, parse, reply, chat=lambda call: call.chat)
    if far is not None:
        return far
    llm, call = await asked(request, parse)
    return await answer(request, llm, call.chat, reply(call))


@router.post("/v1/responses/input_tokens", openapi_extra=COUNTING)
@router.post("/responses/input_tokens", openapi_extra=COUNTING)
async def input_tokens(request: Request) -> Response:
    """How many tokens the prompt of a response would have; nothing is answered, nothing kept."""
    llm, call = await asked(request, partial(parse_response, kept=_own(request)))
    return await counted(request, llm, call.chat)


@router.get("/v1/responses/{response_id}", openapi_extra=KEPT)
@router.get("/responses/{response_id}", openapi_extra=KEPT)
async def retrieve(request: Request, response_id: str) -> Response:
    if request.query_params.get("stream", "").lower() in ("true", "1"):
        raise RequestError("A response that is kept is told whole; leave 'stream' out.", param="stream")
    response = _own(request).response(response_id)
    if response is None:
        raise _unknown(response_id)
    return json_response(response)


@router.delete("/v1/responses/{response_id}", openapi_extra=GONE)
@router.delete("/responses/{response_id}", openapi_extra=GONE)
async def delete(request: Request, response_id: str) -> Response:
    if not _own(request).remove(response_id):
        raise _unknown(response_id)
    return json_response({"id": response_id, "object": "response", "deleted": True})


def _own(request: Request) -> OwnResponses:
    person = person_of(request)
    owner = owner_of(request.headers) if person.id == HOUSE else f"person {person.id}"
    own: OwnResponses = request.app.state.responses.of(owner)
    return own


def _unknown(response_id: str) -> RequestError:
    return RequestError(f"There is no response {response_id!r} here.", param="response_id", code="not_found")
