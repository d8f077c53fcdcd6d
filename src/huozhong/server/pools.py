"""Threads for slow work, each kind of it in a pool of its own, so that what is slow stands in nobody else's way.

Python's own pool for `asyncio.to_thread` is one for all: six large schemas filled it, and every chat waited behind
them.  Here a kind of work has few threads, at a lower priority than the engine's; who finds too many waiting is told
so at once; and work whose client has gone is not begun, or is told to stop.

`shortly` is for the opposite, what takes milliseconds and no longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Receive

from huozhong.errors import RequestError

Result = TypeVar("Result")
IsWanted = Callable[[], bool]

LONG = 50_000  # characters from which on a text is read in a pool of its own: 50 ms of one core

_NICE = 10
# Python's own pool has six threads and more, and all of them computing leave the event loop, and with it everybody's
# answers, a seventh of the interpreter's lock.  Milliseconds one after the other take no longer.
_SHORT = ThreadPoolExecutor(1, "huozhong-short")


async def shortly(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, which computes for milliseconds and waits for nothing."""
    return await asyncio.get_running_loop().run_in_executor(_SHORT, work)


class Pool:
    """A few threads for one kind of work.  max_waiting: more than so many are refused (`RequestError`, "too_busy")."""

    def __init__(self, name: str, *, threads: int, max_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, f"huozhong-{name}", initializer=_step_back)
        self._most = threads + max_waiting
        self._inside = 0

    async def run(self, work: Callable[[IsWanted], Result], receive: Receive) -> Result:
        """What `work` returns or raises.  It is given a question to ask now and then: whether anybody still waits.

        receive: of the request whose body has been read; a client that goes away ends its work.
        """
        if self._inside >= self._most:
            raise RequestError(
                "Too much of this kind is being prepared for others; ask again in a few seconds.", code="too_busy"
            )
        gone, loop = threading.Event(), asyncio.get_running_loop()

        def left(_: Future[Result]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already while the server goes down
                loop.call_soon_threadsafe(self._leave)

        self._inside += 1
        submitted = self._executor.submit(work, lambda: not gone.is_set())
        submitted.add_done_callback(left)
        future, watcher = asyncio.wrap_future(submitted), asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait((future, watcher), return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise RequestError("The client went away.", code="aborted")
            return future.result()
        finally:
            gone.set()
            watcher.cancel()
            future.cancel()  # what runs already asks

    def _leave(self) -> None:
        self._inside -= 1


class Pools:
    """A server's pools.

    guides: forms of answers that take long to compile.  texts: prompts as long as a book.  bodies: of requests that
    are as long, read and checked.
    """

    def __init__(self) -> None:
        self.guides = Pool("guides", threads=1, max_waiting=32)
        self.texts = Pool("texts", threads=1, max_waiting=32)
        self.bodies = Pool("bodies", threads=1, max_waiting=32)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _step_back() -> None:
    """Give this thread a lower priority.  Only Linux has one for threads; elsewhere it would be the process's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it: the work is then merely as urgent as any
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
