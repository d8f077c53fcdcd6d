"""What happens to a person's conversations, told to every list and tab that they have open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from huozhong.server.dialects import Event
from huozhong.server.http import KEEP_ALIVE_SECONDS

_MOST_BEHIND = 500  # events; who reads none of so many is let go, and asks anew


class Feed:
    """Belongs to the server's event loop."""

    def __init__(self) -> None:
        self._listeners: defaultdict[int, set[asyncio.Queue[Event | None]]] = defaultdict(set)

    def tell(self, person: int, event: Event) -> None:
        """Tell all of a person's listeners."""
        for listener in list(self._listeners.get(person, ())):
            if listener.qsize() >= _MOST_BEHIND:
                self._let_go(person, listener)
            else:
                listener.put_nowait(event)

    async def listen(self, person: int) -> AsyncIterator[Event | None]:
        """What happens from now on; None now and then in a long silence.  Ends when the server does."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners[person].add(queue)
        try:
            yield None  # so that its reader knows that it is heard
            while True:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        event = await queue.get()
                except TimeoutError:
                    yield None
                    continue
                if event is None:
                    return
                yield event
        finally:
            self._listeners[person].discard(queue)
            if not self._listeners[person]:
                del self._listeners[person]

    def close(self) -> None:
        """Let everybody go."""
        for person, listeners in list(self._listeners.items()):
            for listener in list(listeners):
                self._let_go(person, listener)

    def _let_go(self, person: int, listener: asyncio.Queue[Event | None]) -> None:
        self._listeners[person].discard(listener)
        listener.put_nowait(None)
