"""Who is who from picture to picture: pigs in a closed pen, which hide each other and come back.

Each pig has a place and a speed (a Kalman filter whose speed dies away), ends, a length and a back.  Pictures' pigs go
to tracks by the cheapest assignment, in turns: sure ones to pigs seen lately, unsure ones to what is left, what is
left to pigs that were lost, by how far those can have walked, their size and their back.  A pig that the detector
missed is looked for where it should be, by its back.  Nobody leaves a closed pen, so tracks are kept, and where the
number of pigs was told there are never more.  Numbers that were mistaken all the same are put right by `mistaken`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.assign import assign
from huozhong.apps.pen.back import SIZE, TURNED, Noise, backs
from huozhong.apps.pen.followed import LATELY, Body, Track, knowns, lately, strange
from huozhong.apps.pen.mistaken import Mistaken
from huozhong.senses.keypoints import Seen

F64 = NDArray[np.float64]
HELD = 3.0  # seconds for which a hidden pig counts as being where it was
SURE = 0.35  # scores from here on may begin a track
KNOWN = 5.0  # sights from which on a back is used
_DIES = 1.5  # seconds in which a speed falls to a third
_SHAKES = 0.04  # of a length: how far a detection is off
_STARTS = 0.25  # lengths a second, each second: how suddenly a pig goes
_TURN_COST = 0.25
_TURNS = 2.2  # seconds unseen
_WITHOUT = 0.55  # what it costs to leave a pig without a sight of it: a dearer one is of somebody else
_BACK = 0.16  # what each unit of unlikeness of a back costs
_STRANGE = 2.5  # times what is usual: a body so unlike its pig teaches nothing about it
_FOUND = 1.6  # how unlike a back may be where the detector saw nothing
_LIKE, _LIKE_LATER = 0.35, 0.6  # how unlike a lost pig one may be that is taken for it where the pen is not full
_SETTLED = 60.0  # seconds after which a pen hardly shows a pig that it did not show before
_STEPS = np.array([(along, across) for along in (0.0, -0.07, 0.07) for across in (0.0, -0.05, 0.05)])


@dataclass(frozen=True)
class _Looks:
    """What a picture shows: of n pigs ends [n, 2, 2], lengths, scores, backs and how far those show themselves."""

    ends: F64
    length: F64
    score: F64
    values: F64
    shown: F64
    clear: list[tuple[float, float]]


class Tracker:
    """Follows the pigs of one pen; `step` takes the pictures one after the other.

    count: how many pigs there are, where it is known.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count, self.tracks, self.time = count, list[Track](), 0.0
        self.noise, self.mistaken = Noise(), Mistaken()
        self._next, self._began = 1, 0.0

    def step(self, time: float, seen: list[Seen], picture: NDArray[np.uint8]) -> list[Track]:
        """The pen's pigs that are in this picture (`seen` is its time), and those that were a moment ago.

        time: seconds, later than before.  seen: what the detector found in `picture` [height, width, 3].
        """
        passed = max(1e-3, time - self.time) if self.tracks else 0.0
        if self.time == 0.0:
            self._began = time
        self.time = time
        looks = _looks([one for one in seen if one.length > 2], picture)
        for track in self.tracks:
            _move(track.body, passed)
        free = set(range(len(looks.score)))
        near = [one for one in self.tracks if time - one.seen <= LATELY + passed]
        lost = [one for one in self.tracks if time - one.seen > LATELY + passed]
        certain = [place for place in sorted(free) if looks.score[place] >= SURE]
        waiting = self._pair(near, certain, looks, free, _WITHOUT, passed)
        waiting = self._pair(waiting, sorted(free), looks, free, 0.7 * _WITHOUT, passed)
        waiting = self._stay(waiting, picture, passed)
        left = [place for place in certain if place in free]
        self._pair(waiting + lost, left, looks, free, 2.2 * _WITHOUT, passed)
        first = not self.tracks  # a photo has no second picture: what is sure in it counts at once
        for place in sorted(free, key=lambda each: -looks.score[each]):
            if looks.score[place] >= SURE and not self._doubled(looks.ends[place].mean(0)):
                self._begin(looks, place, first and (self.count is None or len(self.tracks) < self.count))
        self._settle()
        self.mistaken.mend(self.tracks, self.noise, time)
        return [one for one in self.tracks if one.sure and time - one.seen <= HELD]

    def _pair(
        self, tracks: list[Track], places: list[int], looks: _Looks, free: set[int], dearest: float, passed: float
    ) -> list[Track]:
        """Give looks to tracks, none at a cost above `dearest`; the tracks that got none."""
        if not tracks or not places:
            return tracks
        costs = self._costs(tracks, places, looks)
        # each track may go without, at a price: else one that is missed would have all its neighbours change places
        without = np.where(np.eye(len(tracks), dtype=bool), dearest, np.inf)
        pairs = [
            (row, places[column])
            for row, column in assign(np.concatenate([costs, without], 1))
            if column < len(places)
        ]  # fmt: skip
        self._take([tracks[row] for row, _ in pairs], [place for _, place in pairs], looks, passed)
        free.difference_update(place for _, place in pairs)
        taken = {row for row, _ in pairs}
        return [track for row, track in enumerate(tracks) if row not in taken]

    def _costs(self, tracks: list[Track], places: list[int], looks: _Looks) -> F64:
        """What it costs to say that they are the same pig [tracks, places]; inf where they cannot be."""
        gone = np.array([self.time - one.seen for one in tracks])[:, None]
        length = np.array([one.length for one in tracks])[:, None]
        was, ends = np.array([one.ends for one in tracks])[:, None], looks.ends[places][None]
        far = np.linalg.norm(ends.mean(2) - was.mean(2), axis=-1) / length
        reach = np.minimum(4.0, 0.3 + 0.5 * np.minimum(gone, LATELY) + 0.2 * np.maximum(0.0, gone - LATELY))
        size = np.abs(np.log(looks.length[places][None] / length))
        back, known = knowns(tracks)
        unlike = self.noise.unlike(back, known, looks.values[places], looks.shown[places])
        well = np.array([one.known.mean() >= KNOWN for one in tracks])[:, None]
        back_cost = _BACK * np.clip(np.where(well & np.isfinite(unlike), unlike, 1.0) - 1.0, -0.5, 5.0)
        straight = np.linalg.norm(ends - was, axis=-1).mean(-1) / length
        around = np.linalg.norm(ends[:, :, ::-1] - was, axis=-1).mean(-1) / length
        soon = np.minimum(straight, around + _TURN_COST) + 0.6 * size + back_cost
        # it may have turned round meanwhile: only the way, the size and the back count
        late = 0.5 * far / reach + 0.15 * np.log1p(gone) + size + 2.0 * back_cost
        return np.where((far > reach) | (size > 0.5), np.inf, np.where(gone > _TURNS, late, soon))

    def _take(self, tracks: list[Track], places: list[int], looks: _Looks, passed: float) -> None:
        """Correct tracks by what was seen of them."""
        odd = strange(tracks, self.noise)
        gaps, weights = np.zeros((0, SIZE)), np.zeros((0, SIZE))
        for track, place, unlike in zip(tracks, places, odd, strict=True):
            values, shown = looks.values[place], looks.shown[place]
            if self._correct(track, looks.ends[place], looks.length[place]):
                values, shown = values[TURNED], shown[TURNED]
            track.body.score, track.body.clear = float(looks.score[place]), looks.clear[place]
            track.body.saw(values, shown, passed)
            if not unlike > _STRANGE * self.noise.usual:  # NaN: not known yet
                if track.known.mean() >= KNOWN:
                    gaps = np.concatenate([gaps, (values - track.back)[None]])
                    weights = np.concatenate([weights, (shown * (track.known >= KNOWN))[None]])
                track.length += max(0.02, 1 / (track.hits + 1)) * (looks.length[place] - track.length)
                track.learn(values, shown)
            track.hits += 1
        self.noise.learn(gaps, weights)
        self.noise.settle(odd[np.isfinite(odd) & np.array([one.known.mean() >= KNOWN for one in tracks], bool)])

    def _correct(self, track: Track, ends: F64, length: float) -> bool:
        """Bring a body to where it was seen; whether that sight was turned round."""
        body = track.body
        straight = np.linalg.norm(ends - body.ends, axis=1).sum()
        around = np.linalg.norm(ends[::-1] - body.ends, axis=1).sum()
        near = self.time - body.seen <= LATELY
        turn = bool(near and around + _TURN_COST * track.length < straight and body.turned < 3)
        body.turned = body.turned + 1 if turn else 0  # more likely a mistake than a pig that spun
        ends = ends[::-1] if turn else ends
        gain = body.spread[:, 0] / (body.spread[0, 0] + _SHAKES**2)
        missed = ends.mean(0) - body.ends.mean(0)
        if near:
            body.speed = body.speed + gain[1] * missed
            body.spread = body.spread - np.outer(gain, body.spread[0])
        else:
            body.speed, body.spread = np.zeros(2), np.diag([0.01, 0.04])
        keep = 0.25  # a pig's ends are seen as well as its middle: little is gained by doubting them
        body.ends = ends + keep * (1 - gain[0]) * (body.ends.mean(0) - ends.mean(0))
        body.length += 0.15 * (length - body.length)
        body.seen = self.time
        return turn

    def _stay(self, tracks: list[Track], picture: NDArray[np.uint8], passed: float) -> list[Track]:
        """Look for pigs that the detector missed where they should be, by their backs; those that are not there."""
        here = np.array([one.ends for one in self.tracks if one.seen == self.time]).reshape(-1, 2, 2)
        gone = []
        for track in tracks:
            if not track.sure or track.known.mean() < KNOWN or self._doubled(track.middle):
                gone.append(track)
                continue
            way = track.ends[1] - track.ends[0]
            side = np.array([-way[1], way[0]])
            places = track.ends + (_STEPS[:, :1] * way + _STEPS[:, 1:] * side)[:, None]
            values, shown = backs(places, picture, here)
            unlike = self.noise.unlike(values, shown, *knowns([track]))[:, 0]
            best = int(np.nanargmin(unlike)) if np.isfinite(unlike).any() else 0
            if not unlike[best] < _FOUND or self._doubled(places[best].mean(0)):
                gone.append(track)
                continue
            body = track.body
            body.ends, body.speed = 0.5 * (track.ends + places[best]), 0.5 * body.speed
            body.seen, body.score, body.clear = self.time, 0.2, (0.0, 0.0)
            body.saw(values[best], shown[best], passed)
        return gone

    def _doubled(self, middle: F64) -> bool:
        """Whether it lies where a pig was seen just now."""
        return any(
            one.seen == self.time and np.linalg.norm(one.middle - middle) < 0.25 * one.length for one in self.tracks
        )

    def _begin(self, looks: _Looks, place: int, sure: bool) -> None:
        length = float(looks.length[place])
        body = Body(looks.ends[place], length, self.time, float(looks.score[place]), looks.clear[place])
        track = Track(self._next, body, length, self.time, sure=sure)
        body.saw(looks.values[place], looks.shown[place], 0.0)
        track.learn(looks.values[place], looks.shown[place])
        self.tracks.append(track)
        self._next += 1

    def _settle(self) -> None:
        """New tracks that were seen three times running are pigs: the lost ones most like them, or new ones where the
        pen is not full.  Those that were not seen again are forgotten."""
        kept = [
            one for one in self.tracks
            if (one.sure and (one.hits >= 3 or self.time - one.seen <= LATELY)) or self.time - one.seen < 1.5
        ]  # fmt: skip
        ready = [one for one in kept if not one.sure and one.hits >= 3]
        pigs = [one for one in kept if one.sure]
        lost = [one for one in pigs if self.time - one.seen > LATELY]
        costs = self._unlike(ready, lost)
        if self.count is None or len(pigs) < self.count:
            costs = np.where(costs > (_LIKE if self.time - self._began < _SETTLED else _LIKE_LATER), np.inf, costs)
        for row, column in assign(costs):
            lost[column].body = ready[row].body
            kept.remove(ready[row])
        for one in ready:
            if one in kept and (self.count is None or len(pigs) < self.count):
                one.sure = True
                pigs.append(one)
        self.tracks = kept

    def _unlike(self, new: list[Track], lost: list[Track]) -> F64:
        """By size and back, and a little by the way."""
        if not new or not lost:
            return np.zeros((len(new), len(lost)))
        back = self.noise.unlike(*lately(new), *knowns(lost))
        sizes = np.abs(np.log([[one.body.length / other.length for other in lost] for one in new]))
        far = [[np.linalg.norm(one.middle - other.middle) / other.length for other in lost] for one in new]
        return np.asarray(sizes + 0.1 * np.where(np.isnan(back), 1.0, back) + 0.05 * np.array(far))


def _move(body: Body, passed: float) -> None:
    """Where it should be by now."""
    decay = float(np.exp(-passed / _DIES))
    way = _DIES * (1 - decay)
    body.ends = body.ends + body.speed * way
    body.speed = body.speed * decay
    turn = np.array([[1.0, way], [0.0, decay]])
    drive = np.array([0.5 * passed**2, passed]) * _STARTS
    body.spread = turn @ body.spread @ turn.T + np.outer(drive, drive)


def _looks(seen: list[Seen], picture: NDArray[np.uint8]) -> _Looks:
    ends = np.array([(one.snout, one.tail) for one in seen], np.float64).reshape(-1, 2, 2)
    values, shown = backs(ends, picture)
    return _Looks(
        ends, np.array([one.length for one in seen]), np.array([one.score for one in seen]), values, shown,
        [one.clear for one in seen],
    )  # fmt: skip
