"""Who is who from picture to picture: pigs in a closed pen, which hide each other and come back.

Each pig has a place and a speed (a Kalman filter whose speed dies away), ends, a length and a coat.  Pictures' pigs go
to tracks by the cheapest assignment, in turns: sure ones to pigs seen lately, unsure ones to what is left, what is
left to pigs that were lost, by how far those can have walked, their size and their coat.  Nobody leaves a closed pen,
so tracks are kept, and where the number of pigs was told there are never more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.assign import assign
from huozhong.senses.keypoints import Seen

F64 = NDArray[np.float64]
LATELY = 3.0  # seconds
HELD = 3.0  # seconds for which a hidden pig counts as being where it was
SURE = 0.35  # scores from here on may begin a track
_COAT_PARTS = 5
_DIES = 1.5  # seconds in which a speed falls to a third
_SHAKES = 0.04  # of a length: how far a detection is off
_STARTS = 0.25  # lengths a second, each second: how suddenly a pig goes
_TURN_COST = 0.25
_TURNS = 2.2  # seconds unseen
_WITHOUT = 0.55  # what it costs to leave a pig without a sight of it: a dearer one is of somebody else


@dataclass
class Track:
    """A pig that is followed.  Places in pixels, times in seconds; `ends` [snout or tail, x or y].

    seen: when last.  hits: how often.  sure: whether it is one of the pen's pigs yet.
    """

    number: int
    ends: F64
    length: float
    coat: F64
    seen: float
    hits: int = 1
    sure: bool = False
    score: float = 1.0
    turned: int = 0
    speed: F64 = field(default_factory=lambda: np.zeros(2))
    spread: F64 = field(default_factory=lambda: np.diag([0.01, 0.04]))  # of place and speed, in lengths
    clear: tuple[float, float] = (1.0, 1.0)

    @property
    def middle(self) -> F64:
        return np.asarray(self.ends.mean(0))


@dataclass(frozen=True)
class _Look:
    """What a picture shows of one pig."""

    ends: F64
    length: float
    coat: F64
    score: float
    clear: tuple[float, float]


class Tracker:
    """Follows the pigs of one pen; `step` takes the pictures one after the other.

    count: how many pigs there are, where it is known.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count, self.tracks, self.time = count, list[Track](), 0.0
        self._next = 1

    def step(self, time: float, seen: list[Seen], picture: NDArray[np.uint8]) -> list[Track]:
        """The pen's pigs that are in this picture (`seen` is its time), and those that were a moment ago.

        time: seconds, later than before.  seen: what the detector found in `picture` [height, width, 3].
        """
        passed = max(1e-3, time - self.time) if self.tracks else 0.0
        self.time = time
        looks = [_look(one, picture) for one in seen if one.length > 2]
        for track in self.tracks:
            self._move(track, passed)
        free = set(range(len(looks)))
        lately = [one for one in self.tracks if time - one.seen <= LATELY + passed]
        lost = [one for one in self.tracks if time - one.seen > LATELY + passed]
        sure = [place for place in sorted(free) if looks[place].score >= SURE]
        waiting = self._pair(lately, sure, looks, free, _WITHOUT)
        waiting = self._pair(waiting, sorted(free), looks, free, 0.7 * _WITHOUT)
        self._pair(waiting + lost, [place for place in sure if place in free], looks, free, 2.2 * _WITHOUT)
        first = not self.tracks  # a photo has no second picture: what is sure in it counts at once
        for place in sorted(free, key=lambda each: -looks[each].score):
            if looks[place].score >= SURE and not self._doubled(looks[place]):
                self._begin(looks[place], first and (self.count is None or len(self.tracks) < self.count))
        self._settle()
        return [one for one in self.tracks if one.sure and time - one.seen <= HELD]

    def _pair(
        self, tracks: list[Track], places: list[int], looks: list[_Look], free: set[int], dearest: float
    ) -> list[Track]:
        """Give looks to tracks, none at a cost above `dearest`; the tracks that got none."""
        costs = np.array([[self._cost(track, looks[place]) for place in places] for track in tracks])
        taken = set()
        costs = costs.reshape(len(tracks), len(places))
        # each track may go without, at a price: else one that is missed would have all its neighbours change places
        without = np.where(np.eye(len(tracks), dtype=bool), dearest, np.inf)
        for row, column in assign(np.concatenate([costs, without], 1)):
            if column < len(places):
                self._take(tracks[row], looks[places[column]])
                free.discard(places[column])
                taken.add(row)
        return [track for row, track in enumerate(tracks) if row not in taken]

    def _cost(self, track: Track, look: _Look) -> float:
        """What it costs to say that they are the same pig; inf where they cannot be."""
        gone = self.time - track.seen
        length = track.length
        far = float(np.linalg.norm(look.ends.mean(0) - track.middle)) / length
        reach = min(4.0, 0.3 + 0.5 * min(gone, LATELY) + 0.2 * max(0.0, gone - LATELY))
        size = abs(float(np.log(look.length / length)))
        if far > reach or size > 0.5:
            return float("inf")
        coat = float(np.abs(look.coat - track.coat).mean())
        straight = np.linalg.norm(look.ends - track.ends, axis=1).mean() / length
        around = np.linalg.norm(look.ends[::-1] - track.ends, axis=1).mean() / length
        if gone > _TURNS:  # it may have turned round meanwhile: only the way, the size and the coat count
            return 0.5 * far / reach + 0.15 * float(np.log1p(gone)) + 1.0 * size + 3.0 * coat
        return float(min(straight, around + _TURN_COST)) + 0.6 * size + 2.0 * coat

    def _move(self, track: Track, passed: float) -> None:
        """Where it should be by now."""
        decay = float(np.exp(-passed / _DIES))
        way = _DIES * (1 - decay)
        track.ends = track.ends + track.speed * way
        track.speed = track.speed * decay
        turn = np.array([[1.0, way], [0.0, decay]])
        drive = np.array([0.5 * passed**2, passed]) * _STARTS
        track.spread = turn @ track.spread @ turn.T + np.outer(drive, drive)

    def _take(self, track: Track, look: _Look) -> None:
        """Correct a track by what was seen."""
        ends = look.ends
        straight = np.linalg.norm(ends - track.ends, axis=1).sum()
        around = np.linalg.norm(ends[::-1] - track.ends, axis=1).sum()
        near = self.time - track.seen <= LATELY
        if near and around + _TURN_COST * track.length < straight and track.turned < 3:
            ends, track.turned = ends[::-1], track.turned + 1  # more likely a mistake than a pig that spun
        else:
            track.turned = 0
        gain = track.spread[:, 0] / (track.spread[0, 0] + _SHAKES**2)
        missed = ends.mean(0) - track.middle
        if self.time - track.seen > LATELY:
            track.speed, track.spread = np.zeros(2), np.diag([0.01, 0.04])
        else:
            track.speed = track.speed + gain[1] * missed
            track.spread = track.spread - np.outer(gain, track.spread[0])
        keep = 0.25  # a pig's ends are seen as well as its middle: little is gained by doubting them
        track.ends = ends + keep * (1 - gain[0]) * (track.middle - ends.mean(0))
        weight = max(0.04, 1 / (track.hits + 1))
        track.length += weight * (look.length - track.length)
        track.coat = track.coat + max(0.05, weight) * (look.coat - track.coat)
        track.seen, track.hits, track.score, track.clear = self.time, track.hits + 1, look.score, look.clear

    def _doubled(self, look: _Look) -> bool:
        """Whether it lies where a pig was seen just now."""
        return any(
            one.seen == self.time and np.linalg.norm(one.middle - look.ends.mean(0)) < 0.25 * one.length
            for one in self.tracks
        )

    def _begin(self, look: _Look, sure: bool) -> None:
        track = Track(self._next, look.ends, look.length, look.coat, self.time, sure=sure, score=look.score)
        track.clear = look.clear
        self.tracks.append(track)
        self._next += 1

    def _settle(self) -> None:
        """New tracks that were seen three times running are pigs: new ones, or in a full pen the lost one most like
        it.  Those that were not are forgotten."""
        kept = [
            one for one in self.tracks
            if (one.sure and (one.hits >= 3 or self.time - one.seen <= LATELY)) or self.time - one.seen < 1.5
        ]  # fmt: skip
        ready = [one for one in kept if not one.sure and one.hits >= 3]
        pigs = [one for one in kept if one.sure]
        for one in ready:
            if self.count is None or len(pigs) < self.count:
                one.sure = True
                pigs.append(one)
        late = [one for one in ready if not one.sure]
        lost = [one for one in pigs if self.time - one.seen > LATELY]
        costs = np.array([[_unlike(one, other) for other in lost] for one in late]).reshape(len(late), len(lost))
        for row, column in assign(costs):
            new, old = late[row], lost[column]
            old.ends, old.speed, old.spread, old.seen = new.ends, new.speed, new.spread, new.seen
            old.score, old.clear, old.turned = new.score, new.clear, 0
            kept.remove(new)
        self.tracks = kept


def _unlike(one: Track, other: Track) -> float:
    """By size and coat, and a little by the way."""
    size = abs(float(np.log(one.length / other.length)))
    far = float(np.linalg.norm(one.middle - other.middle)) / other.length
    return size + 3.0 * float(np.abs(one.coat - other.coat).mean()) + 0.05 * far


def _look(seen: Seen, picture: NDArray[np.uint8]) -> _Look:
    ends = np.array([seen.snout, seen.tail], np.float64)
    return _Look(ends, seen.length, coat(ends, picture), seen.score, seen.clear)


def coat(ends: F64, picture: NDArray[np.uint8]) -> F64:
    """A pig's colours along its back, five parts from snout to tail, beside the picture's mean: [5 * 3]."""
    mean = float(picture[::8, ::8].mean()) + 1.0
    along = (np.arange(_COAT_PARTS * 4) + 0.5) / (_COAT_PARTS * 4) * 0.8 + 0.12
    across = np.array([-0.05, 0.0, 0.05]) * np.linalg.norm(ends[1] - ends[0])
    way = ends[1] - ends[0]
    side = np.array([-way[1], way[0]]) / max(1e-6, float(np.linalg.norm(way)))
    points = ends[0] + along[:, None, None] * way + across[None, :, None] * side
    columns = np.clip(points[..., 0].astype(int), 0, picture.shape[1] - 1)
    rows = np.clip(points[..., 1].astype(int), 0, picture.shape[0] - 1)
    colours = picture[rows, columns].astype(np.float64).reshape(_COAT_PARTS, -1, 3).mean(1) / mean
    return np.asarray(np.log(colours + 0.1).reshape(-1) / 3)
