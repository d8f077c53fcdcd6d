"""Coughs in a sound: short, sudden, rough bursts, several times as loud as what is around.

A grunt is longer and hums, a bar that is struck rings on: what tells a cough from both is how soon it is over and how
flat its spectrum is.  It is an estimate, and of the pen: which pig it was, one microphone does not know.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_HOP = 0.01  # seconds
_LOUDER = 10.0  # decibels above what is around
_LENGTHS = (0.06, 0.6)  # seconds
_SUDDEN = 0.06  # seconds from a quarter to all of its loudness
_FLAT = 0.18  # spectral flatness of 300 to 6000 Hz: 1 is noise, a hum is below 0.1
_APART = 0.15


def coughs(samples: F32, rate: int) -> list[float]:
    """When the coughs begin, in seconds.  samples: mono, -1 to 1; rate: at least 8000 a second."""
    hop = max(1, round(rate * _HOP))
    frames = len(samples) // hop
    if frames < 20 or rate < 8000:
        return []
    samples = np.asarray(samples[: frames * hop], np.float32)
    power = (samples.reshape(frames, hop) ** 2).mean(1) + 1e-10
    decibels = 10 * np.log10(power)
    around = _around(decibels)
    loud = decibels > around + _LOUDER
    found: list[float] = []
    for begin, end in _runs(loud):
        peak = begin + int(np.argmax(decibels[begin:end]))
        length = (end - begin) * _HOP
        if not _LENGTHS[0] <= length <= _LENGTHS[1] or (peak - begin) * _HOP > _SUDDEN:
            continue
        if _flatness(samples[begin * hop : end * hop], rate) < _FLAT:
            continue
        if not found or begin * _HOP - found[-1] > _APART:
            found.append(round(begin * _HOP, 2))
    return found


def _around(decibels: NDArray[np.floating]) -> NDArray[np.floating]:
    """The lower third of the four seconds around each frame."""
    wide, step = 200, 25
    places = np.arange(0, len(decibels), step)
    lows = [np.percentile(decibels[max(0, at - wide) : at + wide], 33) for at in places]
    return np.asarray(np.interp(np.arange(len(decibels)), places, lows))


def _runs(loud: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Beginnings and ends of what is loud; holes of two frames are no end."""
    closed = loud.copy()
    for shift in (1, 2):
        closed[:-shift] |= loud[shift:] & np.roll(loud, 1)[:-shift]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _flatness(part: F32, rate: int) -> float:
    """The geometric over the arithmetic mean of the spectrum's power, 300 to 6000 Hz, over windows of 32 ms."""
    size = int(rate * 0.032)
    if len(part) < size:
        part = np.pad(part, (0, size - len(part)))
    windows = np.lib.stride_tricks.sliding_window_view(part, size)[:: max(1, size // 2)] * np.hanning(size)
    power = (np.abs(np.fft.rfft(windows, axis=1)) ** 2).mean(0)
    hertz = np.fft.rfftfreq(size, 1 / rate)
    power = power[(hertz >= 300) & (hertz <= min(6000, rate / 2 - 200))] + 1e-14
    return float(np.exp(np.log(power).mean()) / power.mean())
