"""What is on a pig's back: a paint mark, and where a thermal camera looks along, its warmth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError

F64 = NDArray[np.float64]
COLOURS = {"red": "红", "green": "绿", "blue": "蓝"}
_MUCH = 0.03  # of the back
_COLD, _HOT = -40.0, 80.0


def back(ends: F64, shape: tuple[int, ...], wide: float = 0.07) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the strip along a pig's back that lies in a picture of that shape."""
    length = float(np.linalg.norm(ends[1] - ends[0]))
    way = ends[1] - ends[0]
    side = np.array([-way[1], way[0]]) / max(length, 1e-6)
    along = np.linspace(0.25, 0.92, max(8, int(length * 0.67)))
    across = np.linspace(-wide, wide, max(4, int(2 * wide * length))) * length
    points = (ends[0] + along[:, None, None] * way + across[None, :, None] * side).reshape(-1, 2).astype(int)
    good = (points >= 0).all(1) & (points[:, 0] < shape[1]) & (points[:, 1] < shape[0])
    return points[good, 1], points[good, 0]


def has_colour(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture has colours at all; an infrared night has none."""
    few = picture[::6, ::6].astype(np.float64)
    return float(np.median(few.max(-1) - few.min(-1))) > 5 or float(np.percentile(few.max(-1) - few.min(-1), 97)) > 40


def paint(picture: NDArray[np.uint8], ends: F64) -> str | None:
    """ "red", "green", "blue": what a pig is marked with; "" for no mark; None where that cannot be seen."""
    rows, columns = back(ends, picture.shape)
    if len(rows) < 60 or not has_colour(picture):
        return None
    few = picture[::6, ::6].reshape(-1, 3).astype(np.float64)
    white = np.median(few, 0) / max(1.0, float(np.median(few)))
    r, g, b = (picture[rows, columns].astype(np.float64) / white).T + 1.0
    shares = {
        "red": float(((r > 1.9 * g) & (r > 1.9 * b) & (r > 60)).mean()),
        "green": float(((g > 1.15 * r) & (g > 1.12 * b) & (g > 40)).mean()),
        "blue": float(((b > 1.25 * r) & (b > 1.12 * g) & (b > 40)).mean()),
    }
    name = max(shares, key=lambda each: shares[each])
    return name if shares[name] >= _MUCH else ""


def read_degrees(text: str) -> F64:
    """A thermal picture as a CSV of degrees Celsius, a line a row; raises `SkillError`."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    try:
        rows = [
            [float(cell) for cell in line.replace(";", ",").replace("\t", ",").strip(", ").split(",")] for line in lines
        ]
        degrees = np.array(rows, np.float64)
    except ValueError:
        raise _no_degrees() from None
    if degrees.ndim != 2 or min(degrees.shape, default=0) < 8 or degrees.size > 4_000_000:
        raise _no_degrees()
    if not np.isfinite(degrees).all() or degrees.min() < _COLD or degrees.max() > _HOT:
        raise _no_degrees()
    return degrees


def _no_degrees() -> SkillError:
    return SkillError(
        "热像表是一行一行的摄氏度，用逗号隔开，至少 8×8，都在 -40 到 80 之间。",
        "A thermal table has rows of degrees Celsius with commas, 8 x 8 at least, all of -40 to 80.",
    )


def warmth(degrees: F64, ends: F64, shape: tuple[int, ...]) -> float | None:
    """The warm tenth of a back, degrees; `degrees` shows the same view as a picture of that shape."""
    scale = np.array([degrees.shape[1] / shape[1], degrees.shape[0] / shape[0]])
    rows, columns = back(ends * scale, degrees.shape)
    return float(np.percentile(degrees[rows, columns], 90)) if len(rows) >= 12 else None
