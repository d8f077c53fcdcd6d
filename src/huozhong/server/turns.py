"""Requests that bring something begin one after the other, so that who asks little meanwhile is not behind them all.

When a class presses its button together, fifty requests lie ready in the same pass of the event loop.  Begun in one go
they keep it for a tenth of a second, and whoever asks whether the server is there, or waits for the next piece of an
answer, waits that long.  One a pass, the loop looks at everybody else between two of them, and the last of the fifty
begins as soon as before.
"""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

_LIGHT = ("GET", "HEAD", "OPTIONS")


class Turns:
    """ASGI middleware: of all requests that are no mere reading, one begins in a pass of the loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False  # this pass's turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _LIGHT:
            await self._turn()
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._pass_on, loop)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a pass, until nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # not gone meanwhile
                turn.set_result(None)
                loop.call_soon(self._pass_on, loop)
                return
        self._taken = False
