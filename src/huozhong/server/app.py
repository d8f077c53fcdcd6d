"""The web application: routes, and every failure as OpenAI's error object."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import HuozhongError, RequestError
from huozhong.server.dialects.openai.reply import error_json, model_json, models_json
from huozhong.server.guard import Guard
from huozhong.server.routes import chat as chat_routes
from huozhong.server.routes import embeddings as embedding_routes
from huozhong.server.routes import page as page_routes
from huozhong.server.routes.chat import json_response

# A prompt of a million tokens is about 4 MB of text; more cannot be meant.
MAX_BODY_BYTES = 4 * 2**20

_STATUS = {"model_not_found": 404, "unsupported_media_type": 415, "request_too_large": 413, "aborted": 503}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


def create_app(
    llm: LLM,
    *,
    defaults: SamplingParams | None = None,
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """The API and the page for one model.

    defaults: sampling for what a request leaves out; None is the model's own.
    allow_hosts, allow_origins: names this server answers to and web sites that may use it, besides its own.
    """
    # No generated documentation pages: they load scripts from elsewhere, and the machine may be offline.
    app = FastAPI(title="Huozhong", openapi_url=None)
    app.state.llm = llm
    app.state.defaults = defaults if defaults is not None else llm.defaults
    origins = list(allow_origins)
    app.add_middleware(Guard, allow_hosts=allow_hosts, allow_origins=origins, max_body_bytes=max_body_bytes)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    app.include_router(chat_routes.router)
    app.include_router(embedding_routes.router)
    app.include_router(page_routes.router)
    _add_model_routes(app, llm.name)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HuozhongError, _known_error)
    app.add_exception_handler(Exception, _unknown_error)
    return app


def _add_model_routes(app: FastAPI, name: str) -> None:
    created = int(time.time())

    @app.get("/v1/models")
    @app.get("/models")  # DeepSeek's path
    async def models() -> Response:
        return json_response(models_json([name], created))

    @app.get("/v1/models/{model:path}")
    async def one_model(model: str) -> Response:
        if model != name:
            raise RequestError(
                f"Model {model!r} is not served here; this server has {name!r}.", param="model", code="model_not_found"
            )
        return json_response(model_json(name, created))

    @app.get("/health")
    async def health() -> Response:
        return json_response({"status": "ok", "model": name})


# -- errors --------------------------------------------------------------------------------------


async def _known_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HuozhongError)
    if isinstance(error, RequestError):
        status = _STATUS.get(error.code, 400)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return json_response(error_json(error, kind=kind), status)
    return json_response(error_json(error, kind="server_error", code="internal_error"), 500)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = f"There is no {request.url.path} here; the API is at /v1/chat/completions and /v1/models."
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.url.path} does not take {request.method}; use {allowed}."
    else:
        message = error.detail
    code = _CODES.get(error.status_code)
    body = error_json(message, kind="invalid_request_error", code=code)
    return json_response(body, error.status_code, dict(error.headers or {}))


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    where = ".".join(str(step) for step in problem["loc"])
    message = f"'{where}' is wrong: {problem['msg']}."
    return json_response(error_json(message, kind="invalid_request_error", code="invalid_value"), 400)


async def _unknown_error(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, and uvicorn writes its traceback to the log.
    message = f"The server failed on this request ({type(error).__name__}); its log says why."
    return json_response(error_json(message, kind="server_error", code="internal_error"), 500)
