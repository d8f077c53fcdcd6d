"""The chat page: its static files, the Markdown renderer and what the page needs to know about the model.

The files are read, hashed and compressed once; nothing but the names listed here is ever served.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from huozhong.errors import RequestError
from huozhong.server.http import json_response
from huozhong.server.render import render_markdown

MAX_RENDER_CHARACTERS = 100_000
# JSON may spell a character in up to twelve bytes (an escaped surrogate pair).
MAX_RENDER_BYTES = 12 * MAX_RENDER_CHARACTERS + 1000
LANGUAGES = ("zh", "en")

_FOLDER = Path(__file__).parents[1] / "page"
_JAVASCRIPT, _CSS, _SVG = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"
_HTML = "text/html; charset=utf-8"
FILES = {
    "index.html": _HTML,
    "page.css": _CSS,
    "answer.css": _CSS,
    "boot.js": _JAVASCRIPT,
    "page.js": _JAVASCRIPT,
    "api.js": _JAVASCRIPT,
    "i18n.js": _JAVASCRIPT,
    "store.js": _JAVASCRIPT,
    "view.js": _JAVASCRIPT,
    "settings.js": _JAVASCRIPT,
    "format.js": _JAVASCRIPT,
    "flame.svg": _SVG,
    "login.html": _HTML,
    "login.js": _JAVASCRIPT,
    "account.html": _HTML,
    "account.js": _JAVASCRIPT,
    "owner.html": _HTML,
    "owner.js": _JAVASCRIPT,
    "charts.js": _JAVASCRIPT,
    "house.js": _JAVASCRIPT,
    "people.css": _CSS,
    "trust.html": _HTML,
    "trust.js": _JAVASCRIPT,
}
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _Asset:
    media_type: str
    plain: bytes
    compressed: bytes
    etag: str


@cache
def _asset(name: str) -> _Asset:
    data = (_FOLDER / name).read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    return _Asset(FILES[name], data, gzip.compress(data, 9, mtime=0), etag)


def serve_file(request: Request, name: str) -> Response:
    """One of FILES, compressed where the browser takes that, and only if it has changed."""
    asset = _asset(name)
    # no-cache means: keep it, but ask whether it changed.  So an update of the server shows at once.
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **_SECURITY}
    known = request.headers.get("if-none-match", "")
    if asset.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    body = asset.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)


@router.api_route("/", methods=["GET", "HEAD"])
def index(request: Request) -> Response:
    """The page itself."""
    return serve_file(request, "index.html")


@router.get("/page/info")
def info(request: Request) -> dict[str, Any]:
    """What the page shows about the model: its name, context (tokens) and default temperature.

    acts: its answers are whole without its reasoning, so the page keeps that folded.  Needs `app.state.llm` with
    `name`, `max_context` and `acts`, and `app.state.defaults` with `temperature`.
    """
    state = request.app.state
    return {
        "model": state.llm.name,
        "max_context": state.llm.max_context,
        "temperature": state.defaults.temperature,
        "acts": state.llm.acts,
        "languages": list(LANGUAGES),
    }


@router.post("/page/render")
async def render(request: Request) -> Response:
    """{"text": Markdown} -> {"html": safe HTML}; 413 above MAX_RENDER_CHARACTERS, 400 for anything else."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_RENDER_BYTES:
            raise _too_long()
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError('The body is not JSON; send {"text": "..."}.', code="invalid_json") from None
    if not isinstance(fields, dict) or set(fields) != {"text"} or not isinstance(fields["text"], str):
        raise RequestError('The body must be an object with the one field "text", a string.', param="text")
    text = fields["text"]
    if len(text) > MAX_RENDER_CHARACTERS:
        raise _too_long()
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent back
    return json_response({"html": await run_in_threadpool(render_markdown, text)})


def _too_long() -> RequestError:
    message = f"The text is longer than {MAX_RENDER_CHARACTERS} characters; render it in parts."
    return RequestError(message, param="text", code="text_too_long")


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
def file(request: Request, name: str) -> Response:
    """One of the page's files, by its exact name."""
    if name not in FILES:
        raise RequestError("The page has no such file.", code="not_found")
    return serve_file(request, name)
