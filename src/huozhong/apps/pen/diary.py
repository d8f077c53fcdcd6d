"""What each pig did: seconds, places and outlines, added up while the pen is watched.  Nothing is concluded here."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.gait import SLOWEST
from huozhong.apps.pen.outline import Outline

F64 = NDArray[np.float64]
STILL_SECONDS, STILL_WAY = 25.0, 0.13  # a pig that moved less than this part of its length lies
VISIT, BETWEEN = 10.0, 60.0  # seconds at the trough that are a visit; away that part two
MOST_GAP = 15.0  # seconds between two sights that count as watched
_WINDOW = 60.0  # seconds over which a speed is taken


@dataclass
class Day:
    """Of one pig on one day.  Seconds: watched, lying, at feeder and drinker.  apart: the distance to the nearest
    other pig, times seconds, and how long that was known.  volume: length x width², of outlines on its feet."""

    watched: float = 0.0
    lying: float = 0.0
    feeder: float = 0.0
    drinker: float = 0.0
    visits: int = 0
    apart: float = 0.0
    together: float = 0.0
    volume: float | None = None
    metric: bool = False

    def told(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Day:
        """One that was written; raises ValueError where it is none."""
        if not isinstance(kept, dict) or set(kept) - {one.name for one in fields(cls)}:
            raise ValueError("no day of a pig")
        return cls(**kept)


@dataclass(frozen=True)
class Sight:
    """A pig in a picture.  ends in pixels; nearest: the distance to the nearest other pig in its own lengths, None
    where it is alone.  feeder, drinker: whether its snout is there, None where nobody said where those are."""

    ends: F64
    length: float
    clear: tuple[float, float]
    nearest: float | None
    feeder: bool | None
    drinker: bool | None


@dataclass
class Pig:
    """What is known of one pig that is followed."""

    number: int
    days: dict[str, Day] = field(default_factory=dict)
    sights: deque[tuple[float, F64]] = field(default_factory=lambda: deque(maxlen=900))
    last: Sight | None = None
    seen: float = -1e9
    lying: bool | None = None
    lengths: deque[float] = field(default_factory=lambda: deque(maxlen=400))  # on its feet, both ends clear; pixels
    metres: deque[float] = field(default_factory=lambda: deque(maxlen=400))
    standing: deque[F64] = field(default_factory=lambda: deque(maxlen=160))  # widths of outlines
    resting: deque[F64] = field(default_factory=lambda: deque(maxlen=160))
    walk: list[tuple[float, float]] = field(default_factory=list)  # seconds and headings of the walk that goes on
    walks: deque[tuple[F64, F64]] = field(default_factory=lambda: deque(maxlen=40))
    paints: dict[str, int] = field(default_factory=dict)
    warmths: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    quickest: float = 0.0  # pictures a second that it was seen with
    _at_feeder: float = 0.0
    _left: float = -1e9
    _counted: bool = False

    def see(self, time: float, day: str, sight: Sight, metres: float | None) -> None:
        """Add a sight.  metres: the pig's length on the floor, where a scale is known."""
        passed = time - self.seen
        today = self.days.setdefault(day, Day())
        if self.last is not None and 0 < passed <= MOST_GAP:
            self._spend(today, passed, sight)
            self.quickest = max(self.quickest, 1 / passed)
        self.sights.append((time, sight.ends))
        self.lying = self._lies(time, sight)
        if self.lying is False and min(sight.clear) > 0.3:
            self.lengths.append(float(np.linalg.norm(sight.ends[0] - sight.ends[1])))
            if metres is not None:
                self.metres.append(metres)
        self._walk(time, sight)
        self.last, self.seen = sight, time

    def _spend(self, today: Day, passed: float, sight: Sight) -> None:
        today.watched += passed
        if self.lying:
            today.lying += passed
        if sight.nearest is not None:
            today.apart += sight.nearest * passed
            today.together += passed
        if sight.drinker:
            today.drinker += passed
        if sight.feeder:
            if self.seen - self._left > BETWEEN:
                self._at_feeder, self._counted = 0.0, False
            today.feeder += passed
            self._at_feeder += passed
            self._left = self.seen + passed
            if self._at_feeder >= VISIT and not self._counted:
                today.visits += 1
                self._counted = True

    def _lies(self, time: float, sight: Sight) -> bool | None:
        """Whether it lies: it stayed where it is, and not to eat or drink; None while it was not watched for long."""
        if sight.feeder or sight.drinker:
            return False
        middle = sight.ends.mean(0)
        for then, ends in reversed(self.sights):
            if np.linalg.norm(ends.mean(0) - middle) > STILL_WAY * sight.length:
                return False
            if time - then >= STILL_SECONDS:
                return True
        return None

    def _walk(self, time: float, sight: Sight) -> None:
        """Keep headings while it walks, where pictures come fast enough to see a stride."""
        way = sight.ends[0] - sight.ends[1]
        fast = self.last is not None and 0 < time - self.seen <= 1 / SLOWEST + 0.02
        moved = 0.0
        for then, ends in reversed(self.sights):
            if time - then >= 1.0:
                moved = float(np.linalg.norm(ends.mean(0) - sight.ends.mean(0))) / sight.length / (time - then)
                break
        if fast and moved > 0.12:
            self.walk.append((time, float(np.arctan2(way[1], way[0]))))
        elif len(self.walk) >= 12:
            self.walks.append((np.array([one for one, _ in self.walk]), np.array([one for _, one in self.walk])))
            self.walk = []
        else:
            self.walk = []

    def outlined(self, found: Outline) -> None:
        """Add an outline of the present sight."""
        if self.last is not None and found.clear > 0:
            (self.resting if self.lying or self.lying is None else self.standing).append(found.widths)

    def speed(self, time: float) -> float | None:
        """Lengths a second over the last minute; None where it was not seen for 10 seconds of it."""
        if self.last is None:
            return None
        recent = [(then, ends.mean(0)) for then, ends in self.sights if time - then <= _WINDOW]
        if len(recent) < 3 or recent[-1][0] - recent[0][0] < 10:
            return None
        way, (then, here) = 0.0, recent[0]
        for at, place in recent[1:]:
            if at - then >= 3.0:  # over some seconds, so that a shaking detection is no walk
                far = float(np.linalg.norm(place - here))
                way += far if far > 0.08 * self.last.length else 0.0
                then, here = at, place
        return way / self.last.length / (recent[-1][0] - recent[0][0])

    def all_walks(self) -> list[tuple[F64, F64]]:
        """Those that ended, and the one that goes on."""
        going = (
            [(np.array([one for one, _ in self.walk]), np.array([one for _, one in self.walk]))] if self.walk else []
        )
        return [*self.walks, *going]
