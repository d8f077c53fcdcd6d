"""Made-up pens for tests: small pictures with their truth, and a detector that is told it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from recipes.pen.herd import Herd, make_herd
from recipes.pen.paint import Scene, Truth, frame

from huozhong.senses.keypoints import Seen


class Told:
    """Finds what it was told, shaken by `shake` of a length; hidden pigs seldom, and now and then what is no pig."""

    def __init__(self, seed: int = 0, shake: float = 0.02, misses: float = 0.03, invents: float = 0.0) -> None:
        self.random = np.random.default_rng(seed)
        self.shake, self.misses, self.invents = shake, misses, invents
        self.truths: list[Truth] = []

    def find(self, picture: np.ndarray) -> list[Seen]:
        seen = []
        for one in self.truths:
            if one.visible < 0.35 or self.random.random() < self.misses:
                continue
            ends = np.array([one.snout, one.tail])
            ends += self.random.normal(0, self.shake * np.linalg.norm(ends[0] - ends[1]), (2, 2))
            seen.append(Seen(tuple(ends[0]), tuple(ends[1]), 0.5 + 0.5 * one.visible))
        for _ in range(self.random.poisson(self.invents)):
            at = self.random.uniform(20, 140, 2)
            seen.append(Seen(tuple(at), tuple(at + self.random.uniform(20, 40, 2)), 0.4))
        return seen


def film(
    seed: int, count: int, seconds: float, every: float = 1.0, scale: float = 40.0, busy: float = 1.0,
    herd: Herd | None = None, hour: float = 10.0,
) -> Iterator[tuple[float, np.ndarray, list[Truth]]]:  # fmt: skip
    """(seconds, picture, truth) of a pen; the sun's bands move over it."""
    herd = herd or make_herd(seed, count, busy)
    for place in range(int(seconds / every)):
        herd.step(every)
        scene = Scene(seed, hour, scale, band=(place % 240) / 240 if place % 3 else None)
        yield (place + 1) * every, *frame(herd, scene)


PEN, PIGS = 5, 101  # seeds of the pen and the pigs that `detector` was taught


def known_pigs(count: int, seed: int) -> Herd:
    """Some of the pigs that `detector` was taught, in their pen."""
    return make_herd(seed, pigs=make_herd(PIGS, 20).pigs[:count])


def detector() -> Path:
    """Weights that `benchmarks/pen.py --keep` taught, at half of their precision."""
    return Path(__file__).with_name("detector.npz")
