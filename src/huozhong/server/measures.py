"""How the house is doing, minute by minute: what the owner's page draws and Prometheus collects.

An hour lies in memory; what must last (tokens, joules and money of people) is in the store.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from huozhong.engine.requests import Usage

MINUTES = 60
FIRST_TOKEN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds
_FIRSTS = 2000  # first-token times that percentiles are taken of


@dataclass
class Minute:
    """minute: since 1970 UTC.  most_running: answers at once.  first: seconds to first tokens, summed."""

    minute: int
    answers: int = 0
    tokens: int = 0
    first: float = 0.0
    firsts: int = 0
    most_running: int = 0


@dataclass
class Histogram:
    """counts: of values up to each bound of FIRST_TOKEN_BUCKETS, the last those above all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(FIRST_TOKEN_BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(FIRST_TOKEN_BUCKETS, value)] += 1
        self.total += value


class Measures:
    """clock: seconds since 1970 (a parameter for tests).  Any thread may call."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._firsts: deque[tuple[float, float]] = deque(maxlen=_FIRSTS)  # when, seconds
        self.first_token = Histogram()
        self.responses: dict[int, int] = {}  # by status

    def answered(self, usage: Usage) -> None:
        """An answer is at its end."""
        first = usage.seconds_to_first_token
        with self._lock:
            minute = self._minute()
            minute.answers += 1
            minute.tokens += usage.completion_tokens
            if first is not None:
                minute.first += first
                minute.firsts += 1
                self._firsts.append((self._clock(), first))
                self.first_token.add(first)

    def responded(self, status: int) -> None:
        """A request was answered with this status."""
        with self._lock:
            self.responses[status] = self.responses.get(status, 0) + 1

    def sample(self, running: int) -> None:
        """So many answers are being made now."""
        with self._lock:
            minute = self._minute()
            minute.most_running = max(minute.most_running, running)

    def first_token_percentiles(self) -> dict[str, float | None]:
        """Seconds, of the last hour: {"p50", "p95"}; None where nothing was answered."""
        since = self._clock() - 3600
        with self._lock:
            values = sorted(seconds for when, seconds in self._firsts if when >= since)
        if not values:
            return {"p50": None, "p95": None}
        return {name: values[min(len(values) - 1, int(len(values) * q))] for name, q in (("p50", 0.5), ("p95", 0.95))}

    def minutes(self) -> list[dict[str, Any]]:
        """The last hour, oldest first, minutes in which nothing happened included."""
        with self._lock:
            now = int(self._clock() // 60)
            known = {minute.minute: minute for minute in self._minutes}
        return [asdict(known.get(m) or Minute(m)) for m in range(now - MINUTES + 1, now + 1)]

    def _minute(self) -> Minute:
        now = int(self._clock() // 60)
        if not self._minutes or self._minutes[-1].minute != now:
            self._minutes.append(Minute(now))
        return self._minutes[-1]
