"""GET /v1/models: what is served here, and what is not."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.server.dialects.openai.models import model_json, models_json
from huozhong.server.dialects.openai.schemas import ERROR, MODEL, MODELS
from huozhong.server.dialects.schemas import described
from huozhong.server.http import json_response

router = APIRouter()

DEEPSEEKS = re.compile(r"deepseek-(chat|reasoner|flash|v4-[a-z0-9-]{1,40})")


@router.get("/v1/models", openapi_extra=described(MODELS, ERROR))
@router.get("/models", openapi_extra=described(MODELS, ERROR))  # DeepSeek's path
async def models(request: Request) -> Response:
    state = request.app.state
    return json_response(models_json([state.llm.name], state.created))


@router.get("/v1/models/{model:path}", openapi_extra=described(MODEL, ERROR))
async def one_model(request: Request, model: str) -> Response:
    state = request.app.state
    check_model(request, model)
    return json_response(model_json(state.llm.name, state.created))


def check_model(request: Request, model: str) -> None:
    """`RequestError` for another name than that of the model which is served, unless the operator takes any.

    DeepSeek's own names mean whatever is served: programs that were written for its API have them built in.
    Answers always carry the true name.
    """
    llm: LLM = request.app.state.llm
    if model != llm.name and not request.app.state.any_model and not DEEPSEEKS.fullmatch(model):
        raise RequestError(
            f"Model {model!r} is not served here; this server has {llm.name!r}.", param="model", code="model_not_found"
        )
