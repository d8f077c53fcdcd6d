"""The web application, put together: the guard, the routes, and an answer to every failure."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from huozhong import __version__
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import HuozhongError
from huozhong.server.careful import Careful
from huozhong.server.failures import failure_of
from huozhong.server.guard import Guard
from huozhong.server.http import error_response
from huozhong.server.kept import KeptResponses
from huozhong.server.pools import Pools
from huozhong.server.routes import (
    chat,
    completions,
    embeddings,
    health,
    messages,
    models,
    ollama,
    openapi,
    page,
    responses,
    tokens,
)

# A prompt of a million tokens is about 4 MB of text; more cannot be meant.
MAX_BODY_BYTES = 4 * 2**20


def create_app(
    llm: LLM,
    *,
    defaults: SamplingParams | None = None,
    careful: Careful | None = None,
    any_model: bool = False,
    api_keys: Iterable[str] = (),
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """The API and the page for one model.

    defaults: sampling for what a request leaves out; None is the model's own.
    careful: who is answered by rules where the model must not; None: everybody, with the built-in model only.
    any_model: whatever model a client names, this one answers.
    api_keys: who sends none of these is refused; none given: everybody is let in.
    allow_hosts, allow_origins: names this server answers to and web sites that may use it, besides its own.
    """
    # No generated documentation pages: they load scripts from elsewhere, and the machine may be offline.
    app = FastAPI(title="Huozhong", version=__version__, openapi_url=None)
    app.state.llm = llm
    app.state.defaults = defaults if defaults is not None else llm.defaults
    app.state.careful = careful or Careful()
    app.state.any_model = any_model
    app.state.pools = Pools()
    app.state.created = int(time.time())
    app.state.responses = KeptResponses()
    origins = list(allow_origins)
    app.add_middleware(
        Guard,
        allow_hosts=allow_hosts,
        allow_origins=origins,
        max_body_bytes=max_body_bytes,
        api_keys=[*api_keys],
    )
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST", "DELETE"], allow_headers=["*"]
        )
    for noun in (chat, responses, completions, messages, embeddings, models, ollama, tokens, health, openapi, page):
        app.include_router(noun.router)
    answer_failures(app)
    return app


def answer_failures(app: FastAPI) -> None:
    """Whatever goes wrong in a route is said in the words of its dialect."""
    for kind in (HTTPException, RequestValidationError, HuozhongError, Exception):
        app.add_exception_handler(kind, _failed)


async def _failed(request: Request, error: Exception) -> Response:
    return error_response(failure_of(error, request), request.url.path)
