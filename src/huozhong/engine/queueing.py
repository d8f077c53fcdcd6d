"""How long a request still waits: its place among those that wait, and the seconds that this will take.

The step thread alone writes; a number is read from any other thread, as it was some steps ago.  The seconds are an
estimate: with n requests running that each take d seconds, one place becomes free every d / n.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from huozhong.engine.sequence import Sequence

TELL_SECONDS = 0.2  # numbering hundreds of waiting requests in every step would cost more than it tells
_WEIGHT = 0.2  # of the newest request in the averages


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a request is.

    place: 1 for the next to be begun, 0 once it is running.  seconds: until its first token, as far as that can be
    known (None before the engine has any experience).  prompt_done of prompt_total tokens of the prompt are read.
    """

    place: int
    seconds: float | None
    prompt_done: int
    prompt_total: int


class Queueing:
    """What is told to those who wait.  Belongs to the step thread."""

    def __init__(self) -> None:
        self._told = 0.0
        self._service: float | None = None  # seconds from a request's beginning to its end, lately
        self._running = 1

    def tell(self, waiting: Iterable[Sequence], running: int) -> None:
        """Number those that wait, now and then."""
        now = time.perf_counter()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        self._running = max(1, running)
        for place, sequence in enumerate(waiting, 1):
            sequence.place = place

    def begun(self, sequence: Sequence) -> None:
        """A request has been admitted."""
        sequence.place = 0
        if sequence.begun_at is None:
            sequence.begun_at = time.perf_counter()

    def ended(self, sequence: Sequence) -> None:
        """A request that was running has come to its end."""
        if sequence.begun_at is None:
            return
        took = time.perf_counter() - sequence.begun_at
        self._service = took if self._service is None else (1 - _WEIGHT) * self._service + _WEIGHT * took

    def progress(self, sequence: Sequence, prompt_rate: float | None) -> Progress:
        """From any thread.  prompt_rate: tokens of prompts per second, lately."""
        place, done = sequence.place, min(sequence.num_computed, sequence.prompt_len)
        left = sequence.prompt_len - done
        reading = 0.0 if left == 0 else None if not prompt_rate else left / prompt_rate
        queueing = 0.0 if place == 0 else None if self._service is None else place * self._service / self._running
        known = reading is not None or place > 0  # a prompt's reading is little beside a queue
        seconds = None if queueing is None or not known else queueing + (reading or 0.0)
        return Progress(place=place, seconds=seconds, prompt_done=done, prompt_total=sequence.prompt_len)
