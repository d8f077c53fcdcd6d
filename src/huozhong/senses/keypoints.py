"""Where animals are in a picture, read out of what a detector gives: heat maps, or rows of boxes with keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
MIDDLE, SNOUT, TAIL, AHEAD_X, AHEAD_Y = range(5)  # channels of the maps
AHEAD_UNIT = 16.0  # cells that a 1 in the channels of the vector means
_SNAP = 0.35  # of half a body: how far a peak may lie from where the vector says


@dataclass(frozen=True)
class Seen:
    """One animal in a picture: snout and tail (x, y in pixels), how sure (0 to 1).

    clear: how far the snout and the tail showed themselves (0 to 1 each); where one is hidden, its place is what the
    rest of the body says.
    """

    snout: tuple[float, float]
    tail: tuple[float, float]
    score: float
    clear: tuple[float, float] = (1.0, 1.0)

    @property
    def middle(self) -> tuple[float, float]:
        return (self.snout[0] + self.tail[0]) / 2, (self.snout[1] + self.tail[1]) / 2

    @property
    def length(self) -> float:
        return float(np.hypot(self.snout[0] - self.tail[0], self.snout[1] - self.tail[1]))


def from_maps(maps: F32, pixels: float, least: float = 0.2, most: int = 300) -> list[Seen]:
    """Animals of heat maps [5, height, width]: middles, snouts, tails (0 to 1), and from a middle to its snout.

    pixels: of the picture, in one cell.  A middle is an animal; its vector says where snout and tail should be, and
    the peaks of their maps near by put that right, each peak for one animal only.
    """
    middles = _peaks(maps[MIDDLE], least, most)
    if not len(middles):
        return []
    rows, columns = np.round(middles[:, 1]).astype(int), np.round(middles[:, 0]).astype(int)
    ahead = np.stack([_around(maps[AHEAD_X], rows, columns), _around(maps[AHEAD_Y], rows, columns)], 1) * AHEAD_UNIT
    half = np.linalg.norm(ahead, axis=1)
    ends, clear = [], []
    for channel, sign in ((SNOUT, 1.0), (TAIL, -1.0)):
        found, sure = _snap(middles[:, :2] + sign * ahead, half, _peaks(maps[channel], 0.15, most))
        ends.append(found)
        clear.append(sure)
    seen = []
    for place in range(len(middles)):
        if half[place] < 1.0:  # of no length
            continue
        snout, tail = ((end[place] + 0.5) * pixels for end in ends)
        seen.append(
            Seen(
                (float(snout[0]), float(snout[1])), (float(tail[0]), float(tail[1])), float(middles[place, 2]),
                (float(clear[0][place]), float(clear[1][place])),
            )
        )  # fmt: skip
    return apart(seen)


def from_rows(rows: F32, least: float = 0.3, snout: int = 0, tail: int = 1) -> list[Seen]:
    """Animals of rows [n, 5 + 3 k]: a box, a score, and k keypoints of x, y and how clear each is, in pixels.

    snout, tail: which of the keypoints they are.
    """
    if rows.ndim != 2 or rows.shape[1] < 5 + 3 * (max(snout, tail) + 1):
        raise ValueError("rows of a box, a score and two keypoints at least")
    seen = []
    for row in rows[rows[:, 4] >= least]:
        one, other = row[5 + 3 * snout : 8 + 3 * snout], row[5 + 3 * tail : 8 + 3 * tail]
        clear = (float(np.clip(one[2], 0, 1)), float(np.clip(other[2], 0, 1)))
        seen.append(Seen((float(one[0]), float(one[1])), (float(other[0]), float(other[1])), float(row[4]), clear))
    return apart(seen)


def apart(seen: list[Seen], near: float = 0.3) -> list[Seen]:
    """The surest of those that are the same animal: whose ends both lie within `near` of a length."""
    kept: list[Seen] = []
    for one in sorted(seen, key=lambda each: -each.score):
        if all(_between(one, other) > near * min(one.length, other.length) for other in kept):
            kept.append(one)
    return kept


def _between(one: Seen, other: Seen) -> float:
    """The larger of the distances of the snouts and of the tails, whichever way round fits better."""
    a, b, c, d = (np.array(point) for point in (one.snout, one.tail, other.snout, other.tail))
    straight = max(np.linalg.norm(a - c), np.linalg.norm(b - d))
    turned = max(np.linalg.norm(a - d), np.linalg.norm(b - c))
    return float(min(straight, turned))


def _peaks(heat: F32, least: float, most: int) -> F32:
    """Local maxima as rows (x, y in cells, height), the highest first, placed by a parabola over their neighbours."""
    padded = np.pad(heat, 1, constant_values=-1.0)
    around = np.max(
        [
            padded[1 + dy : 1 + dy + heat.shape[0], 1 + dx : 1 + dx + heat.shape[1]]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ],
        axis=0,
    )
    rows, columns = np.nonzero((heat >= around) & (heat >= least))
    order = np.argsort(-heat[rows, columns], kind="stable")[:most]
    rows, columns = rows[order], columns[order]
    logs = np.log(np.clip(padded, 1e-4, 1.0))
    r, c = rows + 1, columns + 1
    x = columns + _vertex(logs[r, c - 1], logs[r, c], logs[r, c + 1])
    y = rows + _vertex(logs[r - 1, c], logs[r, c], logs[r + 1, c])
    return np.stack([x, y, heat[rows, columns]], 1).astype(np.float32)


def _vertex(before: F32, here: F32, after: F32) -> F32:
    curve = 2 * here - before - after
    return np.asarray(np.clip((after - before) / np.maximum(2 * curve, 1e-3), -0.5, 0.5), np.float32)


def _around(channel: F32, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> F32:
    """Means over 3 x 3 cells."""
    padded = np.pad(channel, 1, mode="edge")
    return np.asarray(
        np.mean([padded[rows + dy, columns + dx] for dy in range(3) for dx in range(3)], axis=0), np.float32
    )


def _snap(wanted: F32, half: F32, peaks: F32) -> tuple[F32, F32]:
    """Each wanted place moved to its peak, the nearest pair first, and the peaks' heights (0 where there was none)."""
    found, sure = wanted.copy(), np.zeros(len(wanted), np.float32)
    if not len(peaks):
        return found, sure
    far = np.linalg.norm(wanted[:, None] - peaks[None, :, :2], axis=2) / np.maximum(half, 1.0)[:, None]
    free = np.ones(len(peaks), bool)
    for pair in np.argsort(far, axis=None, kind="stable"):
        one, peak = divmod(int(pair), len(peaks))
        if far[one, peak] > _SNAP:
            break
        if free[peak] and sure[one] == 0:
            found[one], sure[one], free[peak] = peaks[peak, :2], peaks[peak, 2], False
    return found, sure
