"""Voice tags: which of the words that somebody recorded was said again.  No model, any tongue.

A recording becomes a row of features every 10 ms (mel-frequency cepstra without the room and the microphone, and how
they change); the query is warped in time onto every recording of every word (dynamic time warping: it may be half or
twice as fast), and the word whose recordings lie nearest is meant.  How far the second word lies behind is the margin.
Below `SURE` the answer is no word at all but the nearest three: whoever asks shows pictures, and never guesses.

Both bounds were calibrated on two of espeak-ng's voices that benchmarks/call_home.py does not report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import SkillError
from huozhong.senses.sound import Floats, Sound, resample

RATE, HOP, WINDOW, FFT = 16000, 160, 400, 512  # Hz; samples: 10 ms, 25 ms
BANDS, CEPSTRA = 32, 14
SHORTEST, LONGEST = 0.15, 6.0  # seconds that a word may take
SURE = 0.10  # how far behind the second word must lie, of its distance
FARTHEST = 0.72  # how far the nearest may lie, of what is usual between recordings of different words
LEAST = 0.3  # how far a voice must stand out of the noise, in nepers a band
NEAREST = 3  # how many are shown when it is not sure


@dataclass(frozen=True)
class Tag:
    """One recording of a word.  rows: [frames, features] float32, as `features` gives them."""

    word: str
    rows: Floats


class Tags:
    """All recordings of one person's words."""

    def __init__(self, recordings: Sequence[Tag]) -> None:
        self.recordings = tuple(recordings)
        self.words = tuple(dict.fromkeys(one.word for one in recordings))

    @cached_property
    def usual(self) -> float:
        """How far recordings of different words usually lie from one another; of one word alone, a guess."""
        firsts = [next(tag.rows for tag in self.recordings if tag.word == word) for word in self.words[:12]]
        if len(firsts) < 2:
            return 0.9
        found = [d for i, rows in enumerate(firsts) for d in warped(rows, firsts[:i] + firsts[i + 1 :])]
        return float(np.median(found))


@dataclass(frozen=True)
class Heard:
    """word: what was said, or None when it is not sure.  nearest: up to three words, the nearest first.

    margin: 0 (two are as near) to 1.  distance: of the nearest, in features' standard deviations.
    """

    word: str | None
    nearest: tuple[str, ...]
    margin: float
    distance: float


def tag(word: str, sound: Sound) -> Tag:
    """A recording of a word, to be compared with later.  SkillError: nobody speaks in it, or too long."""
    return Tag(word, features(sound))


def hear(sound: Sound, tags: Tags, sure: float = SURE) -> Heard:
    """Which word of `tags` was said.  SkillError: nobody speaks, nothing was recorded before."""
    return hear_rows(features(sound), tags, sure)


def hear_rows(query: Floats, tags: Tags, sure: float = SURE) -> Heard:
    """The same for features that are there already."""
    if not tags.words:
        raise SkillError(
            "还没有录过名字，请先让家里人录三遍。", "No name was recorded yet; record each three times first."
        )
    distances = warped(query, [one.rows for one in tags.recordings])
    by_word: dict[str, list[float]] = {}
    for one, distance in zip(tags.recordings, distances, strict=True):
        by_word.setdefault(one.word, []).append(float(distance))
    # the two nearest recordings of a word: one alone may be near by chance, the farthest may be badly recorded
    scores = {word: float(np.mean(sorted(found)[:2])) for word, found in by_word.items()}
    order = sorted(scores, key=scores.__getitem__)
    best = scores[order[0]]
    second = scores[order[1]] if len(order) > 1 else tags.usual
    margin = max(0.0, 1.0 - best / second) if second > 0 else 0.0
    certain = margin >= sure and best <= FARTHEST * tags.usual
    return Heard(order[0] if certain else None, tuple(order[:NEAREST]), margin, best)


def features(sound: Sound) -> Floats:
    """[frames, 2 * CEPSTRA] float32 of what is spoken, a row every 10 ms; each column's mean 0, deviation 1.

    SkillError: nobody speaks, or longer than LONGEST seconds.
    """
    at16 = resample(sound, RATE).samples
    if len(at16) < WINDOW:
        raise _silent()
    bands = _bands(at16)
    noise = _floor(bands)
    begin, end = _ends(bands, noise)
    if (end - begin) * HOP < SHORTEST * RATE:
        raise _silent()
    if (end - begin) * HOP > LONGEST * RATE:
        raise SkillError("说得太长了，只说名字就好。", "That was too long; say the name alone.")
    spoken = bands[begin:end]
    # what noise adds is taken off; what is left is held above a floor, so that silence does not count as a shape
    clean = np.maximum(spoken - 1.2 * noise, 0.0) + 0.08 * noise + 1e-3 * spoken.mean()
    cepstra = np.log(clean) @ _cosines()
    change = _slope(cepstra)
    rows = np.concatenate([_normal(cepstra), 0.7 * _normal(change)], axis=1)
    return rows.astype(np.float32)


def warped(query: Floats, others: Sequence[Floats]) -> Floats:
    """[len(others)] float32: the mean distance of a query's rows from each recording's, best warped in time.

    Every row of the query counts once, whatever the other's length, so the means can be compared.
    """
    n, longest = len(query), max(len(one) for one in others)
    stack = np.zeros((len(others), longest, query.shape[1]), np.float32)
    lengths = np.array([len(one) for one in others])
    for i, one in enumerate(others):
        stack[i, : len(one)] = one
    outside = np.arange(longest)[None, :] >= lengths[:, None]
    squares = (stack**2).sum(axis=2)
    cross = np.einsum("nf,rlf->nrl", query, stack, optimize=True)
    cost = np.sqrt(np.maximum((query**2).sum(axis=1)[:, None, None] + squares[None] - 2 * cross, 0.0))
    cost /= np.sqrt(np.float32(query.shape[1]))
    cost[:, outside] = np.inf
    total = np.full((len(others), longest), np.inf, np.float32)
    total[:, :3] = cost[0][:, :3] + 0.1 * np.arange(min(3, longest), dtype=np.float32)
    for i in range(1, n):
        stay, one, two = total.copy(), np.full_like(total, np.inf), np.full_like(total, np.inf)
        one[:, 1:], two[:, 2:] = total[:, :-1], total[:, :-2]
        # to stand still and to skip a row are both allowed, and both cost a little: the shape of time counts
        total = cost[i] + np.minimum(np.minimum(stay + 0.15, two + 0.15), one)
    ends = np.stack([total[np.arange(len(others)), np.maximum(lengths - 1 - back, 0)] for back in range(3)])
    found = ends.min(axis=0) / n
    return np.where(np.isfinite(found), found, np.float32(9.0)).astype(np.float32)


@cache
def _filters() -> NDArray[np.float64]:
    """[FFT // 2 + 1, BANDS]: triangles evenly spaced in mel, 100 Hz to 7 kHz."""

    def mel(hz: float) -> float:
        return float(2595 * np.log10(1 + hz / 700))

    edges = 700 * (10 ** (np.linspace(mel(100), mel(7000), BANDS + 2) / 2595) - 1)
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    low, top, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (hz[:, None] - low) / (top - low)
    falling = (high - hz[:, None]) / (high - top)
    return np.maximum(0.0, np.minimum(rising, falling))


@cache
def _cosines() -> NDArray[np.float64]:
    """[BANDS, CEPSTRA]: the cosine transform, higher ones lifted; loudness itself is the first of them."""
    k, m = np.arange(CEPSTRA), np.arange(BANDS)
    lifter = 1 + 5 * np.sin(np.pi * k / 22)
    return np.asarray(np.cos(np.pi * np.outer(m + 0.5, k) / BANDS) * lifter)


def _bands(samples: Floats) -> NDArray[np.float64]:
    """[frames, BANDS]: energy by band, every 10 ms."""
    sharpened = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(sharpened, WINDOW)[::HOP] * np.hamming(WINDOW)
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return np.asarray(power @ _filters()) + 1e-10


def _floor(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """[BANDS]: how loud each band is while nobody speaks: the quietest eighth of the frames."""
    total = bands.sum(axis=1)
    quiet = bands[total <= np.quantile(total, 0.125)]
    return np.asarray(quiet.mean(axis=0))


def _ends(bands: NDArray[np.float64], noise: NDArray[np.float64]) -> tuple[int, int]:
    """The frames from which to which somebody speaks, pauses included."""
    ground = noise + 1e-4 * np.quantile(bands.max(axis=1), 0.98) + 1e-7
    above = np.maximum(np.log(bands / ground) - 0.7, 0.0).mean(axis=1)  # each band by itself: a hum hides but its own
    smooth = np.convolve(above, np.ones(5) / 5, mode="same")
    loudest = np.quantile(smooth, 0.95)
    if loudest < LEAST:
        raise _silent()
    spoken = np.flatnonzero(smooth > max(0.2 * loudest, 0.6 * LEAST))
    groups = np.split(spoken, np.flatnonzero(np.diff(spoken) > 35) + 1)  # a pause of a third of a second ends it
    kept = [group for group in groups if above[group].sum() > 0.1 * above[spoken].sum()]
    return int(kept[0][0]), int(kept[-1][-1]) + 1


def _slope(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """How each column changes: the least-squares slope over five rows."""
    padded = np.pad(rows, ((2, 2), (0, 0)), mode="edge")
    return np.asarray((2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10)


def _normal(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6))


def _silent() -> SkillError:
    return SkillError(
        "没有听到人说话，请按住再说一遍，靠近一点。",
        "Nobody is heard speaking; press and say it again, a little nearer.",
    )
