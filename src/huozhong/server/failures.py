"""What went wrong with a request: an exception becomes a `Failure` here, once; each dialect puts it in its words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from huozhong.errors import ContextLengthError, DocumentError, HuozhongError, RequestError, SkillError, StoreError
from huozhong.server.words import sentence

# A `RequestError`'s status by its code; any other is 400.
_STATUS = {
    "aborted": 503,
    "budget_exceeded": 429,
    "busy": 503,
    "conflict": 409,
    "forbidden": 403,
    "last_owner": 409,
    "model_not_found": 404,
    "name_taken": 409,
    "no_memory": 503,
    "not_found": 404,
    "not_logged_in": 401,
    "quiet_hours": 403,
    "request_too_large": 413,
    "text_too_long": 413,
    "too_many_attempts": 429,
    "upstream_busy": 429,
    "upstream_failed": 502,
    "too_busy": 503,
    "not_supported": 501,
    "unsupported_media_type": 415,
    "wrong_code": 403,
    "wrong_login": 401,
}
_DATABASE_SECONDS = 5
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """status: of HTTP.  kind: whose fault it is.  code: a short word for programs.  param: the field that is wrong.

    tokens, context: of a prompt that is too long for a model, how many it has and how many fit.
    """

    status: int
    kind: Literal["invalid_request_error", "server_error"]
    message: str
    code: str | None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens: int | None = None
    context: int | None = None


def failure_of(error: Exception, request: Request) -> Failure:
    """What a client is told of an exception that ended its request."""
    match error:
        case DocumentError():
            return refusal(400, sentence(error, request), "unreadable_document")
        case SkillError():
            return refusal(400, sentence(error, request), "app_refused")
        case HuozhongError():
            return known_failure(error)
        case HTTPException():
            return _http_failure(error, request)
        case RequestValidationError():
            problem = error.errors()[0]
            where = ".".join(str(step) for step in problem["loc"])
            return refusal(400, f"'{where}' is wrong: {problem['msg']}.", "invalid_value")
    # Starlette raises the error again after this answer, and uvicorn writes its traceback to the log.
    return server_failure(f"The server failed on this request ({type(error).__name__}); its log says why.")


def known_failure(error: HuozhongError) -> Failure:
    """A `RequestError` is the client's fault unless its code says otherwise; any other is the server's.

    A database that is gone may be back in a moment: that is 503, and worth another try.
    """
    if isinstance(error, StoreError):
        return Failure(
            status=503,
            kind="server_error",
            message=str(error),
            code="no_database",
            headers={"retry-after": str(_DATABASE_SECONDS)},
        )
    if not isinstance(error, RequestError):
        return server_failure(str(error))
    status = _STATUS.get(error.code, 400)
    kind: Literal["invalid_request_error", "server_error"] = (
        "server_error" if status >= 500 else "invalid_request_error"
    )
    wait = error.retry_after
    headers = {} if wait is None else {"retry-after": str(max(1, math.ceil(wait)))}
    long = (error.tokens, error.context) if isinstance(error, ContextLengthError) else (None, None)
    return Failure(
        status=status, kind=kind, message=str(error), code=error.code, param=error.param, headers=headers,
        tokens=long[0], context=long[1],
    )  # fmt: skip


def refusal(status: int, message: str, code: str | None, headers: Mapping[str, str] | None = None) -> Failure:
    return Failure(status=status, kind="invalid_request_error", message=message, code=code, headers=dict(headers or {}))


def server_failure(message: str) -> Failure:
    return Failure(status=500, kind="server_error", message=message, code="internal_error")


def stopped() -> RequestError:
    """What a client is told whose answer was cut off by the server (one that left is told nothing)."""
    return RequestError("The server was stopped before the answer was complete; ask again.", code="aborted")


def _http_failure(error: HTTPException, request: Request) -> Failure:
    path, headers = request.url.path, dict(error.headers or {})
    message = error.detail
    if error.status_code == 404:
        message = f"There is no {path} here; the API is at /v1/chat/completions and /v1/models."
    elif error.status_code == 405:
        message = f"{path} does not take {request.method}; use {headers.get('Allow', 'another method')}."
    return Failure(
        status=error.status_code,
        kind="invalid_request_error",
        message=message,
        code=_CODES.get(error.status_code),
        headers=headers,
    )
