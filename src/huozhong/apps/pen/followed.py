"""A pig that is followed: what it is (a number, a size, a back), and the body in the pictures that carries that number.

The two are kept apart because they can be parted by mistake: two pigs that cross may leave with each other's numbers.
Then their bodies are exchanged, and what was learnt of each pig stays with its number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.back import SIZE, Noise

F64 = NDArray[np.float64]
LATELY = 3.0  # seconds
_FADES = 7.0  # seconds in which what a body looked like counts a third
_OFTEN = 6.0  # sights of a cell after which it is well known
_SLOWEST = 0.006  # of a sight: how little a well-known back is moved by one


def _nothing() -> F64:
    return np.zeros(SIZE)


@dataclass(eq=False)
class Body:
    """Where it is and what it has looked like lately.  Pixels, seconds; `ends` [snout or tail, x or y].

    seen: when last.  speed: pixels a second.  spread: of place and speed, in lengths.  look, looked: its back over the
    last seconds, and how often each number of it was seen.  length: over the last sights.
    """

    ends: F64
    length: float
    seen: float
    score: float = 1.0
    clear: tuple[float, float] = (1.0, 1.0)
    turned: int = 0
    speed: F64 = field(default_factory=lambda: np.zeros(2))
    spread: F64 = field(default_factory=lambda: np.diag([0.01, 0.04]))
    look: F64 = field(default_factory=_nothing)
    looked: F64 = field(default_factory=_nothing)

    def saw(self, values: F64, shown: F64, passed: float) -> None:
        """Add a sight of its back, `passed` seconds after the one before."""
        self.looked = self.looked * float(np.exp(-passed / _FADES)) + shown
        self.look = self.look + shown / np.maximum(self.looked, 1e-6) * (values - self.look)


@dataclass(eq=False)
class Track:
    """A pig.  hits: how often it was seen.  sure: whether it is one of the pen's pigs yet.  born: when first seen.

    back, known: what its back looks like, and how often each number of that was seen.
    """

    number: int
    body: Body
    length: float
    born: float = 0.0
    hits: int = 1
    sure: bool = False
    back: F64 = field(default_factory=_nothing)
    known: F64 = field(default_factory=_nothing)

    @property
    def ends(self) -> F64:
        return self.body.ends

    @property
    def seen(self) -> float:
        return self.body.seen

    @property
    def score(self) -> float:
        return self.body.score

    @property
    def clear(self) -> tuple[float, float]:
        return self.body.clear

    @property
    def middle(self) -> F64:
        return np.asarray(self.body.ends.mean(0))

    def learn(self, values: F64, shown: F64) -> None:
        """Its back, by one more sight."""
        self.known = self.known + shown
        self.back = self.back + shown * np.maximum(1 / np.maximum(self.known, 1), _SLOWEST) * (values - self.back)


def knowns(tracks: list[Track]) -> tuple[F64, F64]:
    """Backs [n, SIZE] of what pigs look like, and how well each number is known, 0 to 1."""
    return (
        np.array([one.back for one in tracks]).reshape(-1, SIZE),
        np.minimum(1, np.array([one.known for one in tracks]) / _OFTEN).reshape(-1, SIZE),
    )


def lately(tracks: list[Track]) -> tuple[F64, F64]:
    """Backs [n, SIZE] of what their bodies looked like in the last seconds, and how sure that is, 0 to 1."""
    return (
        np.array([one.body.look for one in tracks]).reshape(-1, SIZE),
        np.minimum(1, np.array([one.body.looked for one in tracks]) / 3).reshape(-1, SIZE),
    )


def strange(tracks: list[Track], noise: Noise) -> F64:
    """How unlike each body is to the pig whose number it carries [n]; NaN where that is not known."""
    if not tracks:
        return np.zeros(0)
    return np.asarray(np.diagonal(noise.unlike(*lately(tracks), *knowns(tracks))))
