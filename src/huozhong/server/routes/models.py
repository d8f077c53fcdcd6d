"""GET /v1/models: what is served here, and what is not."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.server.dialects.openai.models import model_json, models_json
from huozhong.server.http import json_response

router = APIRouter()


@router.get("/v1/models")
@router.get("/models")  # DeepSeek's path
async def models(request: Request) -> Response:
    state = request.app.state
    return json_response(models_json([state.llm.name], state.created))


@router.get("/v1/models/{model:path}")
async def one_model(request: Request, model: str) -> Response:
    state = request.app.state
    check_model(state.llm, model)
    return json_response(model_json(model, state.created))


def check_model(llm: LLM, model: str) -> None:
    """`RequestError` for any other name than that of the model which is served."""
    if model != llm.name:
        raise RequestError(
            f"Model {model!r} is not served here; this server has {llm.name!r}.", param="model", code="model_not_found"
        )
