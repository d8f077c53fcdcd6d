"""Does a pig sway more to one side than to the other while it walks?

Walking, a pig swings left and right once a stride.  Where the halves of the swing are not alike, as a(1 + d) to the
left and a(1 - d) to the right, the swing's second harmonic is 4 d / 3 pi of its first, at a fixed phase; d is read
off a fit of both.  That needs some pictures a second: at one, nothing of it can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
SLOWEST = 5.0  # pictures a second
STRIDES = 6.0  # at least, of a walk
_STRIDE = (0.5, 1.8)  # hertz
_SURE = 0.12  # of d: a larger error is no measurement


@dataclass(frozen=True)
class Gait:
    """asymmetry: -1 (all to the right) to 1 (all to the left).  error: its standard error.  strides: that were seen."""

    asymmetry: float
    error: float
    strides: float


def gait(walks: list[tuple[F64, F64]]) -> Gait | None:
    """From walks: (seconds, heading in radians) of pictures in which the pig went on walking; None where that is too
    little to tell."""
    total = weight = strides = 0.0
    for times, headings in walks:
        found = _one(np.asarray(times, np.float64), np.asarray(headings, np.float64))
        if found is not None:
            total += found.asymmetry / found.error**2
            weight += 1 / found.error**2
            strides += found.strides
    if weight == 0 or strides < STRIDES or weight**-0.5 > _SURE:
        return None
    return Gait(total / weight, weight**-0.5, strides)


def _one(times: F64, headings: F64) -> Gait | None:
    if len(times) < 12 or (len(times) - 1) / (times[-1] - times[0]) < SLOWEST:
        return None
    spent = float(times[-1] - times[0])
    swing = np.unwrap(headings)
    at = (times - times.mean()) / max(spent, 1e-9) * 2
    trend = np.stack([at**power for power in range(5)], 1)
    best: tuple[float, float] | None = None
    for hertz in np.arange(_STRIDE[0], _STRIDE[1], 0.02):
        left = _left(swing, np.concatenate([trend, _waves(times, hertz, 1)], 1))
        if best is None or left < best[0]:
            best = (left, float(hertz))
    assert best is not None
    hertz = best[1]
    design = np.concatenate([trend, _waves(times, hertz, 1), _waves(times, hertz, 2)], 1)
    solved, *_ = np.linalg.lstsq(design, swing, rcond=None)
    rest = swing - design @ solved
    noise = float(rest @ rest) / max(1, len(times) - design.shape[1])
    first, second = complex(solved[-4], -solved[-3]), complex(solved[-2], -solved[-1])
    size = abs(first)
    slip = np.sqrt(2 * noise / len(times))  # of each wave's height
    if size < 4 * slip or spent * hertz < 2:
        return None  # no swing to be seen
    part = (second * np.conj(first * first)).real / size**3
    scale = 3 * np.pi / 4
    return Gait(float(part * scale), float(scale * slip / size), spent * hertz)


def _waves(times: F64, hertz: float, harmonic: int) -> F64:
    angle = 2 * np.pi * hertz * harmonic * times
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _left(values: F64, design: F64) -> float:
    solved, *_ = np.linalg.lstsq(design, values, rcond=None)
    rest = values - design @ solved
    return float(rest @ rest)
