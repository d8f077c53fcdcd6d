"""A pen that is watched: pictures in; who is there, where, and what is known of each out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen import marks
from huozhong.apps.pen.body import Body, Known
from huozhong.apps.pen.cough import coughs
from huozhong.apps.pen.diary import Day, Pig, Sight
from huozhong.apps.pen.followed import Track
from huozhong.apps.pen.geometry import Floor, inside, to_segment
from huozhong.apps.pen.label import Label
from huozhong.apps.pen.labels import labels
from huozhong.apps.pen.outline import outline
from huozhong.apps.pen.settings import Settings
from huozhong.apps.pen.track import Tracker
from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.senses.look import Detector, Picture

F64 = NDArray[np.float64]
OUTLINES_AT_ONCE = 4  # of a picture: the others have their turn in the next ones
MOST_DAYS = 40  # of a pig that are kept
_ZONE = 0.12  # of a length: how near a snout must be to the feeder


@dataclass(frozen=True)
class Here:
    """A pig in the picture: its number, ends and box in pixels.  hidden: it was seen a moment ago and not now."""

    number: int
    snout: tuple[float, float]
    tail: tuple[float, float]
    box: tuple[float, float, float, float]
    score: float
    hidden: bool


class Watch:
    """One pen; `look` takes its pictures one after the other.

    history: days of pigs that have a name, from before.
    """

    def __init__(
        self, settings: Settings, detector: Detector, history: dict[str, dict[str, Day]] | None = None
    ) -> None:
        self.detector = detector
        self.history = history or {}
        self.tracker = Tracker(settings.count)
        self.pigs: dict[int, Pig] = {}
        self.time, self.day = 0.0, ""
        self.heard: tuple[int, float] | None = None
        self.here: list[Here] = []
        self._turn = 0
        self._floor: Floor | None = None
        self.settings = settings
        self.tell(settings)

    def tell(self, settings: Settings) -> None:
        """Other settings, from now on."""
        self.settings, self._floor = settings, settings.floor()
        self.tracker.count = settings.count

    def look(self, time: float, picture: Picture, day: str | None = None) -> list[Here]:
        """The pigs in a picture.  time: seconds, later than before.  day: 2026-11-30; today without it."""
        if self.time and time <= self.time:
            raise SkillError("照片要按时间先后来。", "Pictures are to come in their order.")
        size = (picture.shape[1], picture.shape[0])
        if self.settings.picture is None:
            self.settings = replace(self.settings, picture=size)
        elif self.settings.picture != size:
            raise SkillError("照片大小变了，请重新开始。", "The size of the pictures changed; begin anew.")
        self.time, self.day = time, day or datetime.now().date().isoformat()
        followed = self.tracker.step(time, self.detector.find(picture), picture)
        tracks = [track for track in followed if track.seen == time]
        ends = np.array([track.ends for track in tracks]).reshape(-1, 2, 2)
        for place, track in enumerate(tracks):
            pig = self.pigs.setdefault(track.number, Pig(track.number))
            others = np.delete(ends, place, 0)
            pig.see(time, self.day, self._sight(track, others), self._metres(track))
            if track.score > 0.3:
                painted = marks.paint(picture, track.ends)
                if painted is not None:
                    pig.paints[painted] = pig.paints.get(painted, 0) + 1
        self._outlines(tracks, ends, picture)
        self.here = [self._here(track) for track in followed if track.number in self.pigs]
        return self.here

    def _sight(self, track: Track, others: F64) -> Sight:
        length = float(np.linalg.norm(track.ends[0] - track.ends[1]))
        nearest = min((to_segment(track.middle, other) for other in others), default=None)
        settings, snout = self.settings, track.ends[0]
        return Sight(
            track.ends.copy(),
            length,
            track.clear,
            None if nearest is None else nearest / max(length, 1.0),
            None if settings.feeder is None else inside(snout, settings.feeder, _ZONE * length),
            None if settings.drinker is None else inside(snout, settings.drinker, _ZONE * length),
        )

    def _metres(self, track: Track) -> float | None:
        return None if self._floor is None else self._floor.distance(track.ends[0], track.ends[1])

    def _outlines(self, tracks: list[Track], ends: F64, picture: Picture) -> None:
        """Of a few pigs a picture, by turns; those on their feet first, whose outlines say more."""
        order = sorted(
            range(len(tracks)),
            key=lambda place: (self.pigs[tracks[place].number].lying is not False, (place - self._turn) % len(tracks)),
        )
        self._turn += OUTLINES_AT_ONCE
        for place in order[:OUTLINES_AT_ONCE]:
            if min(tracks[place].clear) < 0.2:
                continue
            found = outline(picture, ends[place, 0], ends[place, 1], np.delete(ends, place, 0))
            if found is not None:
                self.pigs[tracks[place].number].outlined(found)

    def _here(self, track: Track) -> Here:
        snout, tail = track.ends
        pig = self.pigs[track.number]
        known = [widths for kept in (pig.standing, pig.resting) for widths in kept]
        wide = 0.27
        if len(known) >= 5:
            at = np.nanmedian(np.array(known), axis=1) if np.isfinite(known).any(1).all() else np.array([0.27])
            wide = float(np.clip(np.nanmedian(at) * 1.04, 0.2, 0.36))
        box = body_box(track.ends, wide)
        return Here(
            track.number,
            (float(snout[0]), float(snout[1])),
            (float(tail[0]), float(tail[1])),
            box,
            track.score,
            track.seen < self.time,
        )

    def hear(self, samples: NDArray[np.float32], rate: int) -> int:
        """Count the coughs of a sound, and add them to those before; how many it has."""
        found = len(coughs(samples, rate))
        before = self.heard or (0, 0.0)
        self.heard = (before[0] + found, before[1] + len(samples) / rate / 60)
        return found

    def feel(self, degrees: F64) -> int:
        """Take a thermal picture of the view as it is now; of how many pigs it gave a temperature."""
        if self.settings.picture is None:
            raise SkillError("先要有一张照片。", "There must be a picture first.")
        shape, count = (self.settings.picture[1], self.settings.picture[0]), 0
        for one in self.here:
            warm = marks.warmth(degrees, np.array([one.snout, one.tail]), shape)
            if warm is not None:
                self.pigs[one.number].warmths.append(warm)
                count += 1
        return count

    # -- what is known ---------------------------------------------------------------------

    def pig(self, number: int) -> Pig:
        """Raises `SkillError` where there is none of that number."""
        if number not in self.pigs:
            raise SkillError("没有这个号的猪。", "There is no pig of that number.")
        return self.pigs[number]

    def labels(self, number: int) -> list[Label]:
        """The twenty of one pig."""
        return labels(self.pig(number), self.known(number))

    def known(self, number: int) -> Known:
        settings = self.settings
        weighed, metric = settings.weighed or (None, self._floor is not None)
        return Known(
            self.day, self._floor is not None, settings.camera is not None, settings.feeder is not None,
            settings.drinker is not None, len(self.here) if settings.count is None else settings.count, weighed, metric,
            self.days(), self._who(number), settings.names.get(str(number), ""), self.heard, settings.target, self.time,
        )  # fmt: skip

    def _who(self, number: int) -> str:
        return settings_name(self.settings, number) or f"#{number}"

    def days(self) -> dict[str, dict[str, Day]]:
        """Days of all pigs by name, or by number where they have none; with those of before, by name."""
        found = {name: dict(days) for name, days in self.history.items()}
        for number, pig in self.pigs.items():
            kept = found.setdefault(self._who(number), {})
            for date, day in pig.days.items():
                kept[date] = _sum(kept[date], day) if date in kept else day
        return found

    def weigh(self, number: int, kilograms: float) -> Settings:
        """One pig stood on a scale; the settings with what follows for the others."""
        if not 3 <= kilograms <= 500:
            raise SkillError("体重在 3 到 500 公斤之间。", "A pig weighs 3 to 500 kg.")
        volume = Body(self.pig(number), self.known(number)).volume()
        if volume is None:
            raise SkillError(
                "这头的轮廓还没看清几次，等它站开一会儿再写。",
                "This one's outline was not clear often enough yet; wait until it stands apart for a while.",
            )
        return replace(self.settings, weighed=(kilograms / volume[0], volume[1]))

    def write(self, file: Path) -> None:
        """Keep the days of pigs that have a name."""
        kept: dict[str, dict[str, Any]] = {}
        names = {settings_name(self.settings, number): number for number in self.pigs}
        for name, days in self.days().items():
            if name.startswith("#"):
                continue
            if name in names and self.day in days:
                volume = Body(self.pigs[names[name]], self.known(names[name])).volume()
                if volume is not None:
                    days[self.day] = replace(days[self.day], volume=volume[0], metric=volume[1])
            kept[name] = {date: days[date].told() for date in sorted(days)[-MOST_DAYS:]}
        write_whole(file, json.dumps(kept, ensure_ascii=False))


def settings_name(settings: Settings, number: int) -> str:
    """What its owner calls a pig; "" for no name."""
    return settings.names.get(str(number), "")


def read_history(file: Path) -> dict[str, dict[str, Day]]:
    """What `Watch.write` kept."""
    if not file.exists():
        return {}
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return {name: {date: Day.of(day) for date, day in days.items()} for name, days in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise SkillError("以前的记录读不了。", "The records of days before cannot be read.") from None


def _sum(one: Day, other: Day) -> Day:
    """Two parts of a day as one."""
    return Day(
        one.watched + other.watched, one.lying + other.lying, one.feeder + other.feeder, one.drinker + other.drinker,
        one.visits + other.visits, one.apart + other.apart, one.together + other.together,
        one.volume if other.volume is None else other.volume, one.metric if other.volume is None else other.metric,
    )  # fmt: skip


def body_box(ends: F64, wide: float) -> tuple[float, float, float, float]:
    """The box around a body of that width (a part of its length) between snout and tail: pixels x0, y0, x1, y1."""
    way = ends[1] - ends[0]
    side = np.array([-way[1], way[0]])
    stations = ((0.0, 0.26), (0.1, 0.45), (0.2, 0.66), (0.36, 0.98), (0.6, 0.94), (0.8, 1.0), (0.92, 0.8), (1.04, 0.2))
    places = np.array(stations)  # part of the way to the tail, and of the width; the tail itself hangs over
    points = np.concatenate(
        [ends[0] + places[:, :1] * way + sign * places[:, 1:] * (0.5 * wide) * side for sign in (-1.0, 1.0)]
    )
    low, high = points.min(0), points.max(0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
