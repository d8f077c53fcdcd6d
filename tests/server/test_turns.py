"""Requests that bring something begin one a pass of the loop; who only reads waits for none of them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from huozhong.server.turns import Turns


async def nothing() -> Message:
    raise AssertionError


async def nowhere(message: Message) -> None:
    raise AssertionError


class Begun:
    """An app that notes in which pass of the loop each request began, and ends it there."""

    def __init__(self) -> None:
        self.order: list[tuple[str, int]] = []
        self.passes = 0
        self.inner: Any = Turns(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.order.append((scope["path"], self.passes))

    async def ask(self, path: str, method: str = "POST") -> None:
        await self.inner({"type": "http", "method": method, "path": path}, nothing, nowhere)

    def count(self, loop: asyncio.AbstractEventLoop) -> None:
        self.passes += 1
        loop.call_soon(self.count, loop)


def test_one_begins_in_a_pass_in_the_order_of_coming_and_reading_waits_for_none() -> None:
    begun = Begun()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(begun.count, loop)
        asked = [begun.ask(str(i)) for i in range(9)]
        await asyncio.gather(*asked, begun.ask("/health", "GET"))

    asyncio.run(run())
    passes = dict(begun.order)
    assert [path for path, _ in begun.order if path != "/health"] == [str(i) for i in range(9)]
    assert [passes[str(i + 1)] - passes[str(i)] for i in range(8)] == [2] + [1] * 7  # the first found nobody waiting
    assert passes["/health"] == passes["0"]


def test_who_left_while_waiting_keeps_no_turn() -> None:
    begun = Begun()

    async def run() -> None:
        tasks = [asyncio.create_task(begun.ask(str(i))) for i in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await begun.ask("later")  # nobody's turn was lost

    asyncio.run(run())
    assert [path for path, _ in begun.order] == ["0", "2", "3", "later"]
