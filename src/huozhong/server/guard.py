"""What is refused before any route sees it: foreign web pages, and bodies that are too large.

Unless it is given keys, the server has no password; it listens on the user's own machine, so any page open in the
user's browser could try to talk to it.  Two rules stop that, without being in the way of programs:

- *Origin*: a browser says which site a request comes from; only the server's own page, or a site the user has
  allowed, may ask.  Programs send no Origin.
- *Host*: a foreign site can point its own name at 127.0.0.1 (DNS rebinding) and so pass the first rule.
  Then the request's Host is that name; only addresses, this machine's names and allowed names are served.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huozhong.server.failures import refusal
from huozhong.server.http import error_response
from huozhong.server.memory import give_back

# A client in the middle of sending does not read: take in this many times the limit, and throw it away,
# so that it gets to see the answer instead of a broken connection.
_DRAIN = 8
# Bytes of a body from which on its memory is given back to the machine after its request.
_LARGE = 2**18


class Guard:
    """ASGI middleware.  allow_hosts: further names; allow_origins: "http://localhost:5173", "null", "*"."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        allow_hosts: Iterable[str] = (),
        allow_origins: Iterable[str] = (),
        max_body_bytes: int,
        larger_bodies: Mapping[str, int] | None = None,
        api_keys: Iterable[str] = (),
    ) -> None:
        """larger_bodies: paths that take larger ones -> bytes; one that ends with a slash stands for all below it."""
        own = socket.gethostname().lower()
        self._app = app
        self._hosts = {"localhost", own, f"{own}.local", *(name.lower() for name in allow_hosts)}
        self._origins = set(allow_origins)
        self._limit = max_body_bytes
        self._limits = dict(larger_bodies or {})
        self._limits_below = [(start, limit) for start, limit in self._limits.items() if start.endswith("/")]
        self._keys = [key.encode() for key in api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit_of(scope["path"])
        if problem := self._foreign(headers):
            refused = refusal(403, problem, "forbidden")
            await error_response(refused, scope["path"])(scope, receive, send)
        elif self._keys and not self._is_open(scope) and not self._has_key(headers):
            message = "This server needs a key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
            refused = refusal(401, message, "invalid_api_key", {"www-authenticate": "Bearer"})
            await error_response(refused, scope["path"])(scope, receive, send)
        elif int(headers.get("content-length", "0")) > limit:
            await self._drain(receive, limit)
            refused = refusal(413, _too_large(limit), "request_too_large")
            await error_response(refused, scope["path"])(scope, receive, send)
        else:
            counted = _Counted(receive, limit)
            try:
                await self._app(scope, counted, send)
            finally:
                if counted.taken > _LARGE:
                    await asyncio.shield(asyncio.to_thread(give_back))

    def _limit_of(self, path: str) -> int:
        below = (limit for start, limit in self._limits_below if path.startswith(start))
        return self._limits.get(path) or next(below, self._limit)

    def _foreign(self, headers: Headers) -> str | None:
        """Why a request is not let in, or None."""
        host = headers.get("host", "")
        if host and not self._is_own(host):
            return (
                f"This server does not answer to the name {host!r}; use its address, or start it with "
                f"--allow-host {_name(host)}."
            )
        origin = headers.get("origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return None
        if origin != "null" and urlsplit(origin).netloc == host:
            return None
        return (
            f"Web pages from {origin!r} may not use this server; if they should, start it with --allow-origin {origin}."
        )

    def _is_open(self, scope: Scope) -> bool:
        """What tells nothing and costs nothing: that the server is there, the page's own files, and a browser's
        question whether a site may ask."""
        path = scope["path"]
        is_read = scope["method"] in ("GET", "HEAD")
        # Files have endings; what is asked of the server under /page/ (info, render, plain) has none.
        own_file = is_read and (path == "/" or (path.startswith(("/page/", "/room/")) and "." in path))
        room = is_read and path.startswith("/room/") and path.endswith("/")
        # A link's secret is its key; what is behind it is looked at there.
        by_link = path.startswith("/link/")
        return scope["method"] == "OPTIONS" or path == "/health" or own_file or room or by_link

    def _has_key(self, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        sent = [headers.get("x-api-key", ""), bearer.strip() if kind.lower() == "bearer" else ""]
        # All are compared, each in constant time, so that no answer's time tells how much of a key is right.
        same = [hmac.compare_digest(key, one.encode("latin-1")) for key in self._keys for one in sent]
        return any(same)

    def _is_own(self, host: str) -> bool:
        name = _name(host)
        if name in self._hosts or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _drain(self, receive: Receive, limit: int) -> None:
        taken = 0
        while taken < limit * _DRAIN:
            message = await receive()
            taken += len(message.get("body", b""))
            if not message.get("more_body"):
                return


def _too_large(limit: int) -> str:
    return f"The body is too large: this server takes at most {limit:,} bytes."


class _Counted:
    """`receive`, failing with 413 once a body without a declared length has grown too large."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self.taken = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self.taken += len(message.get("body", b""))
        if self.taken > self._limit:
            raise HTTPException(413, _too_large(self._limit))
        return message


def _name(host: str) -> str:
    """`localhost` of `localhost:8000`, `::1` of `[::1]:8000`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
