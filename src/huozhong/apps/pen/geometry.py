"""From pixels to metres: four corners of the pen's floor, and how long its sides are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

F64 = NDArray[np.float64]
BACK = 0.55  # metres: how high a pig's back is above the floor


@dataclass(frozen=True)
class Floor:
    """Where the floor's points are.  matrix [3, 3]: from pixels to metres.

    nearer: how much larger a back looks than what lies on the floor; 1 where nobody said how high the camera hangs.
    """

    matrix: F64
    nearer: float = 1.0

    def metres(self, points: F64 | Sequence[Sequence[float]]) -> F64:
        """[n, 2] pixels -> metres on the floor."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        mapped = np.concatenate([points, np.ones((len(points), 1))], 1) @ self.matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:])

    def distance(self, one: Sequence[float] | F64, other: Sequence[float] | F64) -> float:
        """Metres between two points of a pig, pixels."""
        a, b = self.metres(np.stack([np.asarray(one, np.float64), np.asarray(other, np.float64)]))
        return float(np.linalg.norm(a - b)) / self.nearer


def floor_of(corners: Sequence[Sequence[float]], width: float, depth: float, camera: float | None = None) -> Floor:
    """The floor whose corners were tapped in their order: along one side of `width` metres, then along `depth`.

    camera: metres that it hangs above the floor.  Raises `SkillError` where the corners are no quadrilateral.
    """
    given = np.asarray(corners, np.float64)
    if given.shape != (4, 2) or not np.isfinite(given).all():
        raise SkillError("要点四个角。", "Four corners are wanted.")
    for size in (width, depth):
        if not 0.3 <= size <= 100:
            raise SkillError("猪圈每边在 0.3 到 100 米之间。", "A side of the pen is 0.3 to 100 metres.")
    if camera is not None and not 1.2 <= camera <= 30:
        raise SkillError("镜头离地在 1.2 到 30 米之间。", "The camera hangs 1.2 to 30 metres high.")
    sides = np.roll(given, -1, 0) - given
    bends = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    if not ((bends > 1).all() or (bends < -1).all()):
        raise SkillError("四个角要按顺序点，围成一圈。", "Tap the four corners in their order, once round.")
    meant = np.array([(0, 0), (width, 0), (width, depth), (0, depth)], np.float64)
    rows, values = [], []
    for (x, y), (u, v) in zip(given, meant, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved = np.linalg.solve(np.array(rows), np.array(values))
    nearer = 1.0 if camera is None else camera / (camera - BACK)
    return Floor(np.append(solved, 1.0).reshape(3, 3), nearer)


def to_segment(point: F64, ends: F64) -> float:
    """How far a point is from a line between two ends [2, 2]."""
    way = ends[1] - ends[0]
    along = float(np.clip((point - ends[0]) @ way / max(1e-9, float(way @ way)), 0, 1))
    return float(np.linalg.norm(point - ends[0] - along * way))


def inside(point: Sequence[float] | F64, box: Sequence[float], more: float = 0.0) -> bool:
    """Whether a point is in a box x0, y0, x1, y1, or so near to it."""
    x, y = float(point[0]), float(point[1])
    return box[0] - more <= x <= box[2] + more and box[1] - more <= y <= box[3] + more
