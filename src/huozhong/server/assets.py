"""Files of pages, as they are sent: hashed and compressed once, and sent again only when they have changed."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass

from fastapi import Request, Response

HTML, CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
JAVASCRIPT, JSON = "text/javascript; charset=utf-8", "application/json"
TYPES = {
    "js": JAVASCRIPT,
    "css": CSS,
    "html": HTML,
    "json": JSON,
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
BY_READER = "Accept-Encoding, Accept-Language, Cookie"
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_COMMENT = re.compile(rb"^[ ]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Asset:
    media_type: str
    plain: bytes
    compressed: bytes
    etag: str


def made(media_type: str, data: bytes) -> Asset:
    etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    return Asset(media_type, data, gzip.compress(data, 9, mtime=0), etag)


def without_comments(script: bytes) -> bytes:
    """A script as browsers get it: comments are for who reads the source; lines keep their numbers."""
    return _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), script)


def in_language(html: str, tag: str) -> str:
    """A page's source as the page of one language; tag: HTML's name of it."""
    return html.replace('<html lang="zh-CN"', f'<html lang="{tag}"', 1)


def serve(request: Request, asset: Asset, **more: str) -> Response:
    """An asset, compressed where the browser takes that, and only if it has changed."""
    # no-cache means: keep it, but ask whether it changed.  So an update of the server shows at once.
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **SECURITY, **more}
    if asset.media_type in (JAVASCRIPT, CSS):
        # The document's count; with each script they would be a tenth of the load.
        del headers["Content-Security-Policy"], headers["Referrer-Policy"]
    known = request.headers.get("if-none-match", "")
    if asset.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    body = asset.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)
