"""How wide a pig is along its body: its outline, cut out of the picture between snout and tail.

Lines across the body are read at 24 stations.  What belongs to the pig is told from what does not by colours, learnt
from this pig in this picture: the strip along its back, and the floor beside it where no other pig is.  The outline is
the pair of lines along the body, one a side, that parts the two best and does not jump from station to station.  A
side where the two do not differ, or where another pig lies, gives no width: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
STATIONS = 24
PLACES = (np.arange(STATIONS) + 0.5) / STATIONS  # of the stations, from snout (0) to tail (1)
_REACH, _STEP = 0.3, 0.006  # across, in lengths
_OFFSETS = np.arange(0.0, _REACH, _STEP)
_CLEAR = 0.8  # how much more likely pig than floor within, and floor than pig outside, in nats
_JUMP = 2  # offsets that the outline may move from a station to the next
_MANY = 8  # outlines of a station: enough to do without its neighbours
WAIST, HIP, SHOULDER = (0.45, 0.76), (0.72, 0.93), (0.28, 0.46)


@dataclass(frozen=True)
class Outline:
    """widths [STATIONS]: across the body, as parts of its length; NaN where a side is not clear.

    lines [STATIONS, 2]: the outline's distances from the line snout-tail, left and right, as parts of the length.
    clear: the part of the stations that has a width.
    """

    widths: F64
    lines: F64
    clear: float


def outline(picture: NDArray[np.uint8], snout: Sequence[float], tail: Sequence[float], others: F64) -> Outline | None:
    """The outline of a pig; None where it is too small to be measured, or its line leaves the picture.

    picture: [height, width, 3].  others: ends of the other pigs [n, 2, 2], pixels.
    """
    a, b = np.asarray(snout, np.float64), np.asarray(tail, np.float64)
    length = float(np.linalg.norm(b - a))
    if length < 24:
        return None
    way = (b - a) / length
    side = np.array([-way[1], way[0]])
    across = np.concatenate([-_OFFSETS[::-1], _OFFSETS])
    points = a + (PLACES * length)[:, None, None] * way + (across * length)[None, :, None] * side
    inside = (points >= 0).all(-1) & (points[..., 0] < picture.shape[1]) & (points[..., 1] < picture.shape[0])
    if inside[:, len(_OFFSETS) - 4 : len(_OFFSETS) + 4].mean() < 0.8:
        return None
    colours = _read(picture, points)
    free = inside & (_beside(points, others) > 0.16)  # no other pig's body is near
    lines = np.full((STATIONS, 2), 0.11)
    evidence = np.zeros(colours.shape[:2])
    for _ in range(3):
        known_pig = (np.abs(across)[None] < 0.6 * np.where(across[None] < 0, lines[:, :1], lines[:, 1:])) & inside
        beyond = np.where(across[None] < 0, lines[:, :1], lines[:, 1:]) + 0.045
        known_floor = (np.abs(across)[None] > beyond) & free
        if known_floor.sum() < 60:
            return Outline(np.full(STATIONS, np.nan), lines, 0.0)
        evidence = _evidence(colours, known_pig, known_floor)
        half = len(_OFFSETS)
        lines = np.stack([_best(evidence[:, :half][:, ::-1]), _best(evidence[:, half:])], 1)
    half = len(_OFFSETS)
    clear = np.stack(
        [
            _clear(evidence[:, :half][:, ::-1], free[:, :half][:, ::-1], lines[:, 0]),
            _clear(evidence[:, half:], free[:, half:], lines[:, 1]),
        ],
        1,
    ).all(1)
    widths = np.where(clear, lines.sum(1), np.nan)
    return Outline(widths, lines, float(clear.mean()))


def _read(picture: NDArray[np.uint8], points: F64) -> F32:
    """Colours between pixels; those outside of the picture as at its edge."""
    x = np.clip(points[..., 0] - 0.5, 0, picture.shape[1] - 1.001)
    y = np.clip(points[..., 1] - 0.5, 0, picture.shape[0] - 1.001)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = picture[y0, x0] * (1 - fx) + picture[y0, x0 + 1] * fx
    low = picture[y0 + 1, x0] * (1 - fx) + picture[y0 + 1, x0 + 1] * fx
    return np.asarray(top * (1 - fy) + low * fy, np.float32)


def _beside(points: F64, others: F64) -> F64:
    """How far each point is from the nearest other pig's line snout-tail, as a part of that pig's length."""
    found = np.full(points.shape[:2], np.inf)
    for first, last in others:
        way = last - first
        length = float(np.linalg.norm(way))
        if length < 1:
            continue
        along = np.clip(((points - first) @ way) / length**2, 0, 1)
        found = np.minimum(found, np.linalg.norm(points - (first + along[..., None] * way), axis=-1) / length)
    return found


def _evidence(colours: F32, pig: NDArray[np.bool_], floor: NDArray[np.bool_]) -> F64:
    """Log of how much likelier each colour is on the pig than on the floor, by smoothed histograms of three axes.

    The axes are lightness and two of hue, scaled by their own spread, so that a grey night uses the one that it has.
    """
    axes = np.stack([colours.mean(-1), colours[..., 0] - colours[..., 2], colours[..., 1] - colours.mean(-1)], -1)
    low, high = np.percentile(axes.reshape(-1, 3), [1, 99], axis=0)
    bins = np.array([20, 12, 6])
    placed = np.clip((axes - low) / np.maximum(high - low, 12.0) * (bins - 1e-3), 0, bins - 1e-3).astype(int)
    index = (placed[..., 0] * bins[1] + placed[..., 1]) * bins[2] + placed[..., 2]
    logs = []
    for where in (pig, floor):
        counts = np.bincount(index[where], minlength=int(bins.prod())).reshape(bins).astype(np.float64)
        for axis in range(3):
            padded = np.pad(counts, [(1, 1) if one == axis else (0, 0) for one in range(3)], mode="edge")
            before, after = (np.take(padded, np.arange(bins[axis]) + step, axis) for step in (0, 2))
            counts = (before + 2 * counts + after) / 4
        logs.append(np.log((counts + 0.02) / (counts.sum() + 0.02 * counts.size)))
    return np.asarray(np.clip(logs[0] - logs[1], -3, 3).reshape(-1)[index])


def _best(evidence: F64) -> F64:
    """Distances [STATIONS] of the line that has most pig within and most floor outside; evidence [STATIONS, offsets]
    goes outwards."""
    inner = np.cumsum(evidence, 1)
    score = 2 * inner - inner[:, -1:]
    score = score - 6.0 * np.abs(np.arange(score.shape[1])[None] * _STEP - 0.12)  # a little towards the usual
    total, ways = score[0], []
    for row in score[1:]:
        padded = np.pad(total, _JUMP * 2, constant_values=-np.inf)
        steps = np.stack([padded[shift : shift + len(total)] for shift in range(4 * _JUMP + 1)])
        steps = steps - 0.4 * np.abs(np.arange(4 * _JUMP + 1) - 2 * _JUMP)[:, None]
        way = steps.argmax(0)
        ways.append(way)
        total = steps.max(0) + row
    place = int(total.argmax())
    places = [place]
    for way in reversed(ways):
        place = place + int(way[place]) - 2 * _JUMP
        places.append(place)
    found = np.array(places[::-1])
    return np.asarray((found + 1) * _STEP)


def _clear(evidence: F64, free: NDArray[np.bool_], line: F64) -> NDArray[np.bool_]:
    """Whether there is pig just within the line and floor, no other pig, just outside."""
    where = np.round(line / _STEP).astype(int)
    offsets = np.arange(evidence.shape[1])[None]
    within = (offsets < where[:, None] - 1) & (offsets >= where[:, None] - 6)
    outside = (offsets >= where[:, None] + 1) & (offsets < where[:, None] + 6)
    inner = (evidence * within).sum(1) / np.maximum(within.sum(1), 1)
    outer = (evidence * outside).sum(1) / np.maximum(outside.sum(1), 1)
    alone = (free | ~outside).all(1)
    found = (inner > _CLEAR) & (outer < -_CLEAR) & alone & (where < evidence.shape[1] - 6) & (where > 3)
    return np.asarray(found)


@dataclass(frozen=True)
class Shape:
    """What many outlines of a pig say together, as parts of its length; None where too few were clear.

    pictures: how many outlines had a waist and a hip.
    """

    profile: F64
    waist: float | None
    hip: float | None
    shoulder: float | None
    pictures: int

    @property
    def ratio(self) -> float | None:
        return None if self.waist is None or self.hip is None else self.waist / self.hip


def shape(widths: F64, fewest: int = 3) -> Shape:
    """The medians of outlines' widths [pictures, STATIONS] at each station, smoothed, and its waist, hip, shoulder."""
    widths = np.asarray(widths, np.float64).reshape(-1, STATIONS)
    seen = np.isfinite(widths).sum(0)
    profile = np.full(STATIONS, np.nan)
    for station in np.nonzero(seen >= fewest)[0]:
        profile[station] = np.nanmedian(widths[:, station])
    smooth = _smoothed(profile, seen)
    hip, waist, shoulder = (_extreme(smooth, *place) for place in ((HIP, 1), (WAIST, -1), (SHOULDER, 1)))
    both = [_covered(row, WAIST) and _covered(row, HIP) for row in widths]
    return Shape(profile, waist, hip, shoulder, int(np.sum(both)))


def _smoothed(profile: F64, seen: NDArray[np.int64]) -> F64:
    """Stations of few outlines with their neighbours, 1 2 1; those of many as they are, for a waist is narrow."""
    padded = np.pad(profile, 1, mode="edge")
    around = (padded[:-2] + 2 * profile + padded[2:]) / 4
    return np.where((seen < _MANY) & np.isfinite(around), around, profile)


def _extreme(profile: F64, span: tuple[float, float], sign: int) -> float | None:
    """The largest (1) or smallest (-1) value of a span, where most of it is known."""
    part = profile[(span[0] <= PLACES) & (span[1] >= PLACES)]
    known = part[np.isfinite(part)]
    return float(sign * (sign * known).max()) if len(known) > 0.7 * len(part) else None


def _covered(row: F64, span: tuple[float, float]) -> bool:
    return bool(np.isfinite(row[(span[0] <= PLACES) & (span[1] >= PLACES)]).mean() > 0.7)
