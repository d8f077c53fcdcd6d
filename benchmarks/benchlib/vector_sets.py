"""Made-up vectors to search among: the same for everybody, from a seed.

Random directions are easy to describe and unlike anything real: embeddings lean one way and use few directions, so that
the signs of their numbers hardly differ.  Both kinds are here, and real ones can be given (`--data`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
PIECE = 50_000


@dataclass(frozen=True)
class Questions:
    """Vectors to search for; `name` says how they were made."""

    name: str
    vectors: Array


def isotropic(count: int, dim: int, seed: int) -> Array:
    """Random directions."""
    rng = np.random.default_rng(seed)
    rows = np.empty((count, dim), np.float32)
    for some in pieces(count):
        rng.standard_normal(dtype=np.float32, out=rows[some])
        rows[some] /= np.linalg.norm(rows[some], axis=1, keepdims=True)
    return rows


def at_cosine(rows: Array, cosine: float, number: int, seed: int) -> Questions:
    """Each question has the given cosine with one of the rows, in a random direction from it."""
    rng = np.random.default_rng(seed)
    chosen = rows[rng.choice(len(rows), number, replace=False)]
    noise = rng.standard_normal(chosen.shape, dtype=np.float32)
    noise -= (noise * chosen).sum(1, keepdims=True) * chosen
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return Questions(f"cosine {cosine}", cosine * chosen + np.sqrt(1 - cosine**2).astype(np.float32) * noise)


@dataclass(frozen=True)
class Leaning:
    """Vectors of low rank with a mean, as embeddings of faces are: `spectrum` [rank], `basis` [rank, dim], `mean`."""

    spectrum: Array
    basis: Array
    mean: Array

    @classmethod
    def of(cls, dim: int, seed: int, rank: int = 96, lean: float = 2.2) -> Leaning:
        """lean: the mean's length, in lengths of what is added to it; 2.2 gives raw signs that differ in 19%."""
        rng = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.standard_normal((dim, rank)))[0].T
        spectrum = 1 / np.sqrt(np.arange(1, rank + 1))
        mean = rng.standard_normal(dim)
        mean *= lean * np.linalg.norm(spectrum) / np.linalg.norm(mean)
        return cls(spectrum.astype(np.float32), basis.astype(np.float32), mean.astype(np.float32))

    def rows(self, count: int, seed: int) -> Array:
        rng = np.random.default_rng(seed)
        rows = np.empty((count, len(self.mean)), np.float32)
        for some in pieces(count):
            own = rng.standard_normal((some.stop - some.start, len(self.spectrum)), dtype=np.float32)
            rows[some] = self.mean + (own * self.spectrum) @ self.basis
            rows[some] += rng.standard_normal(rows[some].shape, dtype=np.float32) * self._floor
        return rows

    @property
    def _floor(self) -> np.float32:
        """A little of every direction: a tenth of the whole."""
        return np.float32(0.1 * np.linalg.norm(self.spectrum) / np.sqrt(len(self.mean)))

    def others(self, rows: Array, number: int, seed: int, differ: float = 0.5) -> Questions:
        """Another picture of somebody who is there: `differ` of a stranger's difference is mixed in."""
        rng = np.random.default_rng(seed)
        chosen = rows[rng.choice(len(rows), number, replace=False)]
        strangers = self.rows(number, seed + 1)
        return Questions("another picture", chosen + np.float32(differ) * (strangers - self.mean))

    def strangers(self, number: int, seed: int) -> Questions:
        return Questions("a stranger", self.rows(number, seed))


def read(path: Path, number: int, seed: int) -> tuple[Array, Questions]:
    """Vectors of a .npy file [n, dim]; `number` of them, drawn, are the questions and not among the rows."""
    rows = np.load(path).astype(np.float32)
    drawn = np.random.default_rng(seed).permutation(len(rows))
    return rows[drawn[number:]], Questions("of the file", rows[drawn[:number]])


def pieces(count: int) -> Iterator[slice]:
    for at in range(0, count, PIECE):
        yield slice(at, min(at + PIECE, count))


def nearest(rows: Array, questions: Array) -> Array:
    """The row with the largest cosine for each question, exactly."""
    best, which = np.full(len(questions), -np.inf, np.float32), np.zeros(len(questions), np.int64)
    for some in pieces(len(rows)):
        lengths = np.linalg.norm(rows[some], axis=1, keepdims=True)
        likeness = (rows[some] / lengths) @ questions.T
        at = likeness.argmax(0)
        here = likeness[at, np.arange(len(questions))]
        better = here > best
        best[better], which[better] = here[better], at[better] + some.start
    return which


def signs_that_differ(rows: Array) -> tuple[float, float]:
    """In how many of 100 coordinates two rows differ in sign: as they are, and around their mean."""
    some = rows[np.random.default_rng(0).choice(len(rows), min(2000, len(rows)), replace=False)]
    some = some / np.linalg.norm(some, axis=1, keepdims=True)
    half = len(some) // 2
    raw, centred = some > 0, some > some.mean(0)
    return tuple(100 * float((x[:half] != x[half : 2 * half]).mean()) for x in (raw, centred))  # type: ignore[return-value]
