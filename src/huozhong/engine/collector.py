"""Deltas from the step thread, read in another one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from huozhong.engine.requests import Delta


class Collector:
    """One request's deltas, iterated until the last.  `put` is what the request calls back.

    each: wake the reader for every delta; otherwise it is woken once, by the last, as waking it at every token would
    slow the steps.
    """

    def __init__(self, *, each: bool = False) -> None:
        self._each = each
        self._deltas: deque[Delta] = deque()
        self._some = threading.Event()

    def put(self, delta: Delta) -> None:
        self._deltas.append(delta)
        if self._each or delta.is_last:
            self._some.set()

    def __iter__(self) -> Iterator[Delta]:
        while True:
            self._some.wait()
            self._some.clear()  # before looking: one that comes in between wakes once more for nothing
            while self._deltas:
                delta = self._deltas.popleft()
                yield delta
                if delta.is_last:
                    return
