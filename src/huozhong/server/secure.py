"""HTTPS, and on the same port a plain answer for those who type an address without it.

A browser that is given "192.168.1.5:8000" speaks plain HTTP first.  The first byte of a connection tells which it is
(22 begins a TLS handshake); who speaks plainly is sent on to HTTPS, and finds the one page that must work before a
device trusts this house: how it comes to.  Nothing else is ever answered in the clear.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from huozhong.errors import RequestError
from huozhong.server.authority import Authority
from huozhong.server.routes import trust
from huozhong.server.routes.page import FILES, serve_file

log = logging.getLogger("huozhong.server")

FIRST_BYTE_SECONDS = 20.0  # as long as for the head of a request
HANDSHAKE_SECONDS = 20.0
_TLS = 0x16
_TRUST_FILES = (
    *("boot.js", "page.css", "people.css", "flame.svg"),
    *("trust.js", "house.js", "api.js", "language.js", "hant.js"),  # all that trust.js imports, too
)
_RETRY_SECONDS = 0.2  # after the system has no more sockets to give
# Bytes that a connection reads at once, half a record of TLS: most requests are far shorter.  asyncio would hold a
# quarter of a megabyte for each, fifty for 200 people.
_READ_BYTES = 8 * 2**10

MakeProtocol = Callable[[], asyncio.Protocol]


class Accepting:
    """Takes a listener's connections and hands each to the protocol that it speaks."""

    def __init__(
        self, listener: socket.socket, secure: MakeProtocol, plain: MakeProtocol, context: ssl.SSLContext
    ) -> None:
        listener.setblocking(False)
        SSLProtocol.max_size = _READ_BYTES
        self._listener, self._secure, self._plain, self._context = listener, secure, plain, context
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """No more connections; those that are open stay."""
        for task in (self._accepting, *self._tasks):
            task.cancel()
        await asyncio.gather(self._accepting, *self._tasks, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("no connection could be taken: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(FIRST_BYTE_SECONDS):
                first = await _peek(connection)
            if first == _TLS:
                await loop.connect_accepted_socket(
                    self._secure, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
                )
            elif first is not None:
                await loop.connect_accepted_socket(self._plain, connection)
            else:
                connection.close()
        except (OSError, TimeoutError):  # gone, silent, or a device that does not trust us: its own business
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise


async def _peek(connection: socket.socket) -> int | None:
    """The first byte, which stays to be read; None where the other side has closed."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    with contextlib.suppress(BlockingIOError):
        found = connection.recv(1, socket.MSG_PEEK)
        return found[0] if found else None
    return None


def plain_app(authority: Authority) -> FastAPI:
    """What is answered without TLS: the page about trust, and the way to HTTPS."""
    app = FastAPI(openapi_url=None)
    app.state.authority = authority
    app.include_router(trust.router)

    @app.get("/page/{name}")
    def file(request: Request, name: str) -> Response:
        if name not in _TRUST_FILES or name not in FILES:
            return _to_https(request)
        return serve_file(request, name)

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def anything(request: Request, path: str) -> Response:
        return _to_https(request)

    @app.exception_handler(RequestError)
    def refused(request: Request, error: RequestError) -> Response:
        return PlainTextResponse(str(error), 404)

    return app


def _to_https(request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        # What was sent has crossed the network in the clear already: a redirect would let that go on unseen.
        return PlainTextResponse("This house speaks HTTPS only: use https:// in its address.\n", 426)
    return RedirectResponse(request.url.replace(scheme="https"), 307, {"cache-control": "no-store"})
