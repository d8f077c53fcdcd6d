"""Files of pages, as they are sent: hashed and compressed once, and sent again only when they have changed.

A document brings with it all that its first paint waits for (`at_once`): over a slow line each further request is a
round trip, and two where it needs a connection of its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import posixpath
import re
from collections.abc import Callable
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
_WITHIN = {
    "script": re.compile(r"<script>(.*?)</script>", re.DOTALL),
    "style": re.compile(r"<style>(.*?)</style>", re.DOTALL),
}
_BLOCKING = re.compile(r'<script src="([^"]+)"></script>|<link rel="stylesheet" href="([^"]+)">')
_MODULE = re.compile(r'<script type="module" src="([^"]+)"></script>')
_IMPORT = re.compile(r"^(?:import|export)\b[^;]*? from '([^']+)';|^import '([^']+)';", re.MULTILINE)
_COMMENT = re.compile(rb"^[ ]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)


Source = Callable[[str], bytes]


@dataclass(frozen=True)
class Asset:
    """within: the hashes by which a document's policy lets its own scripts and styles in, by "script" and "style"."""

    media_type: str
    plain: bytes
    compressed: bytes
    etag: str
    within: dict[str, str]


def made(media_type: str, data: bytes) -> Asset:
    etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    within = {}
    if media_type == HTML:
        html = data.decode()
        within = {kind: "".join(map(_hashed, pattern.findall(html))) for kind, pattern in _WITHIN.items()}
    return Asset(media_type, data, gzip.compress(data, 9, mtime=0), etag, within)


def _hashed(text: str) -> str:
    return f" 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def at_once(html: str, source: Source) -> str:
    """A document whose first paint waits for nothing else, and that names all its modules in its head.

    The scripts and styles that its head asks for are written into it.  Those that stand in its body stay: they hold
    up scripts, but not what is seen.  A browser learns of modules here, and not of each from the one that imports it,
    one round trip after another.  source: the file that an address in the document means.
    """
    head, end, body = html.partition("</head>")

    def written(match: re.Match[str]) -> str:
        if match[1]:
            return f"<script>{source(match[1]).decode()}</script>"
        return f"<style>{source(match[2]).decode()}</style>"

    head = _BLOCKING.sub(written, head).replace("</style>\n<style>", "")
    preloads = (f'<link rel="modulepreload" href="{address}">\n' for address in _modules(html, source))
    return head + "".join(preloads) + end + body


def _modules(html: str, source: Source) -> list[str]:
    """The addresses of a document's modules and of all that they import."""
    found = _MODULE.findall(html)
    for address in found:  # which grows meanwhile
        for names in _IMPORT.findall(source(address).decode()):
            name = posixpath.normpath(posixpath.join(posixpath.dirname(address), names[0] or names[1]))
            if name not in found:
                found.append(name)
    return found


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
    for kind, hashes in asset.within.items():
        own = f"{kind}-src 'self'"
        headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(own, own + hashes, 1)
    known = request.headers.get("if-none-match", "")
    if asset.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    body = asset.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)
