"""GET /v1/models: what is served here; and which model a request gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.server.dialects.openai.models import model_json, models_json
from huozhong.server.dialects.openai.schemas import ERROR, MODEL, MODELS
from huozhong.server.dialects.schemas import described
from huozhong.server.held import hold
from huozhong.server.http import json_body, json_response
from huozhong.server.models import Shelf
from huozhong.server.preparing import parsed

router = APIRouter()

DEEPSEEKS = re.compile(r"deepseek-(chat|reasoner|flash|v4-[a-z0-9-]{1,40})")


class Named(Protocol):
    """A call that says which model it is for."""

    @property
    def model(self) -> str: ...


CallT = TypeVar("CallT", bound=Named | None)


@router.get("/v1/models", openapi_extra=described(MODELS, ERROR))
@router.get("/models", openapi_extra=described(MODELS, ERROR))  # DeepSeek's path
async def models(request: Request) -> Response:
    state = request.app.state
    return json_response(models_json(state.shelf.names(), state.created))


@router.get("/v1/models/{model:path}", openapi_extra=described(MODEL, ERROR))
async def one_model(request: Request, model: str) -> Response:
    return json_response(model_json(model_name(request, model), request.app.state.created))


async def body_with_model(request: Request) -> dict[str, Any]:
    """The JSON object of a body; where the operator takes any model's name, the name may be left out too."""
    body = await json_body(request)
    if request.app.state.any_model and body.get("model") is None:
        body["model"] = request.app.state.shelf.default
    return body


def model_name(request: Request, asked: str | None, *, any_model: bool = False) -> str:
    """The full name of the model that a client means; it is loaded or not.

    None is the model that is served where none is named.  DeepSeek's own names mean that one too, since programs that
    were written for its API have them built in; and any unknown name does where the operator, or the path, takes any.
    Answers always carry the true name.  `RequestError` for a model that is not here.
    """
    shelf: Shelf = request.app.state.shelf
    if asked is None:
        return shelf.default
    found = shelf.find(asked)
    if found is None and (any_model or request.app.state.any_model or DEEPSEEKS.fullmatch(asked)):
        found = shelf.default
    return shelf.check(found or asked)


async def model_for(request: Request, asked: str | None = None, *, any_model: bool = False) -> LLM:
    """The model that a client means, loaded, and kept until this request is answered.

    Every route that needs a model asks here.  Raises what `model_name` and `Shelf.take` do.
    """
    return await hold(request, model_name(request, asked, any_model=any_model))


def defaults_of(request: Request, llm: LLM) -> SamplingParams:
    """Sampling for what a request leaves out: what the operator chose, or the model's own."""
    given: SamplingParams | None = request.app.state.own_defaults
    return given or llm.defaults


async def asked(
    request: Request, parse: Callable[[dict[str, Any], SamplingParams], CallT], *, any_model: bool = False
) -> tuple[LLM, CallT]:
    """A request's body, read with the sampling defaults of the model that it names, and that model.

    A body that is wrong is refused before a model is loaded for it.  A call that is None, of a body that only wants
    the model to be there, is given the model too.
    """
    body = await body_with_model(request)
    named = body.get("model")
    model = named if isinstance(named, str) else None
    shelf: Shelf = request.app.state.shelf
    given: SamplingParams | None = request.app.state.own_defaults
    likely = given or shelf.defaults(model) or SamplingParams()
    call = await parsed(request, lambda: parse(body, likely))
    llm = await model_for(request, model if call is None else call.model, any_model=any_model)
    defaults = given or llm.defaults
    return llm, call if defaults == likely else await parsed(request, lambda: parse(body, defaults))
