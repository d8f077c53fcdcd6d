"""One beat for all streams of an event loop: what has come meanwhile is sent at the same moments.

At thousands of tokens a second an event and a write for each of them would cost more than the tokens, and so would a
timer for each stream: every one wakes the loop, and takes Python's lock from the thread that computes.  So who has sent
a piece waits for the next beat, which is the same for all.  The more wait, the longer it is: a piece costs the loop a
fifth of a millisecond however many tokens are in it, and while it is sent nothing is computed.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

# A film's 25 pictures a second look smooth; at ten a second a text still runs.
BEAT_SECONDS = 0.04
LONGEST_SECONDS = 0.1
SECONDS_EACH = 0.005  # for each who waits: sending takes the loop a twenty-fifth of the time


def seconds_between(waiting: int) -> float:
    """Between two beats for so many."""
    return min(max(BEAT_SECONDS, SECONDS_EACH * waiting), LONGEST_SECONDS)


class Beat:
    """Of one event loop.  Beats only while somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[asyncio.Future[None]] = []
        self._last = 0  # how many the last beat sent on

    def next(self) -> asyncio.Future[None]:
        """Done at the next beat; who cannot wait so long may end it before."""
        if not self._waiting:
            self._loop.call_later(seconds_between(self._last), self._strike)
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def _strike(self) -> None:
        all_of_them, self._waiting = self._waiting, []
        self._last = len(all_of_them)
        for waiting in all_of_them:
            if not waiting.done():
                waiting.set_result(None)


_BEATS: WeakKeyDictionary[asyncio.AbstractEventLoop, Beat] = WeakKeyDictionary()


def beat_of(loop: asyncio.AbstractEventLoop) -> Beat:
    """The loop's own."""
    found = _BEATS.get(loop)
    if found is None:
        found = _BEATS[loop] = Beat(loop)
    return found
