"""What a pig's back looks like from above, and how unlike two sights of it are.

The strip between snout and tail is laid straight and cut into cells, 10 along and 3 across.  Kept of each cell: how
light it is beside the whole back, and two hues; of the whole back: how light it is beside the picture.  A shadow that
falls on a pig moves the last of these and leaves spots, dirt and paint where they are.  How much each number differs
between sights of the same pig is learnt while the pen is watched (`Noise`): what shakes much counts little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
ALONG, ACROSS = 10, 3
CELLS = ALONG * ACROSS
SIZE = 3 * CELLS + 1
_BEGIN, _END, _SIDE = (
    0.1,
    0.9,
    0.075,
)  # of the length: where the strip begins and ends; half its width
_POINTS = (3, 2)  # that are read in a cell, along and across
_HIDES = 0.13  # of a length from another pig's line: it may hide what lies there
_DARK = 8.0  # added to colours, so that the logarithm of a dark one does not shake
_WHOLE = 8.0  # how many cells' numbers the lightness of the whole counts for
_LARGEST = 9.0  # a cell that differs by more than three times its noise is hidden, or dirty since
_PLAIN = np.concatenate([np.full(CELLS, 0.12), np.full(2 * CELLS, 0.05), [0.25]]) ** 2  # before anything is learnt
_WEIGHTS = np.concatenate([np.ones(3 * CELLS), [_WHOLE]])


def _turned() -> NDArray[np.int64]:
    """Places of the numbers of a back that is read from tail to snout."""
    cells = np.arange(CELLS).reshape(ALONG, ACROSS)[::-1, ::-1].reshape(-1)
    return np.concatenate([cells, CELLS + cells, 2 * CELLS + cells, [3 * CELLS]])


TURNED = _turned()


def backs(ends: F64, picture: NDArray[np.uint8], others: F64 | None = None) -> tuple[F64, F64]:
    """Numbers [n, SIZE] of the backs between ends [n, 2, 2] (snout, tail; x, y in pixels), and how far each shows
    itself (0 or 1): not where it leaves the picture, or where another pig may lie over it.

    others: ends [m, 2, 2] of what may hide them, a pig itself among them; without them, `ends`.
    """
    count = len(ends)
    if not count:
        return np.zeros((0, SIZE)), np.zeros((0, SIZE))
    points = _points(ends)
    high, wide = picture.shape[:2]
    inside = ((points >= 0) & (points < (wide, high))).all(-1)
    columns = np.clip(points[..., 0], 0, wide - 1).astype(int)
    rows = np.clip(points[..., 1], 0, high - 1).astype(int)
    read = picture[rows, columns].astype(np.float64).reshape(count, ALONG, _POINTS[0], ACROSS, _POINTS[1], 3)
    mean = float(picture[::8, ::8].mean()) + _DARK
    logs = np.log((read.mean((2, 4)) + _DARK) / mean).reshape(count, CELLS, 3)
    shown = inside.reshape(count, ALONG, _POINTS[0], ACROSS, _POINTS[1]).all((2, 4)).reshape(count, CELLS)
    middles = points.reshape(count, ALONG, _POINTS[0], ACROSS, _POINTS[1], 2).mean((2, 4)).reshape(count, CELLS, 2)
    shown = shown & ~_beneath(middles, ends, ends if others is None else others)
    light = logs.mean(-1)
    whole = (light * shown).sum(1) / np.maximum(1, shown.sum(1))
    values = np.concatenate(
        [light - whole[:, None], logs[..., 0] - light, logs[..., 2] - light, whole[:, None]], axis=1
    )  # fmt: skip
    seen = np.concatenate([shown, shown, shown, shown.sum(1, keepdims=True) > CELLS // 3], axis=1)
    return values, seen.astype(np.float64)


def _points(ends: F64) -> F64:
    """Where colours are read: [n, along, across, x y]."""
    way = (ends[:, 1] - ends[:, 0])[:, None, None]
    side = np.stack([-way[..., 1], way[..., 0]], -1)
    fine = ALONG * _POINTS[0], ACROSS * _POINTS[1]
    along = _BEGIN + (np.arange(fine[0]) + 0.5) / fine[0] * (_END - _BEGIN)
    across = ((np.arange(fine[1]) + 0.5) / fine[1] - 0.5) * 2 * _SIDE
    return np.asarray(ends[:, :1][:, None] + along[:, None, None] * way + across[None, :, None] * side)


def _beneath(middles: F64, ends: F64, others: F64) -> NDArray[np.bool_]:
    """Whether cells [n, CELLS, 2] lie where another pig than their own is."""
    if not len(others):
        return np.zeros(middles.shape[:2], bool)
    first, way = others[:, 0], others[:, 1] - others[:, 0]
    square = np.maximum((way**2).sum(-1), 1e-9)
    gap = middles[:, :, None] - first  # [n, CELLS, m, 2]
    part = np.clip((gap * way).sum(-1) / square, 0, 1)
    far = np.linalg.norm(gap - part[..., None] * way, axis=-1) / np.sqrt(square)
    apart = np.linalg.norm(ends.mean(1)[:, None] - others.mean(1), axis=-1) / np.sqrt(square)
    same = apart < 0.2  # it is the pig itself, as the detector or the track has it
    return np.asarray(((far < _HIDES) & ~same[:, None]).any(-1))


class Noise:
    """How much backs differ from sight to sight, number by number, and what is usual in all."""

    def __init__(self) -> None:
        self.squares, self.usual = _PLAIN.copy(), 1.0

    def learn(self, gaps: F64, seen: F64, rate: float = 0.002) -> None:
        """gaps, seen [n, SIZE]: between what was seen of pigs that are well known and what they look like."""
        for gap, here in zip(gaps, seen, strict=True):
            missing = np.minimum(gap**2, _LARGEST * self.squares) - self.squares
            self.squares = np.maximum(self.squares + rate * here * missing, 1e-4)

    def settle(self, found: F64, rate: float = 0.02) -> None:
        """found [n]: how unlike pigs that are well known are to themselves."""
        if len(found):
            self.usual += rate * (float(np.median(found)) - self.usual)

    def unlike(self, values: F64, seen: F64, known: F64, known_seen: F64) -> F64:
        """The mean square of what differs, in units of the noise: [n, SIZE] beside [m, SIZE] -> [n, m]; about 1 for
        two sights of one pig, and NaN where too little shows itself in both."""
        gaps = np.minimum((values[:, None] - known[None]) ** 2 / self.squares, _LARGEST)
        weights = seen[:, None] * known_seen[None] * _WEIGHTS
        total = weights.sum(-1)
        enough = total > 0.3 * _WEIGHTS.sum()
        return np.where(enough, (gaps * weights).sum(-1) / np.maximum(total, 1e-9), np.nan)
