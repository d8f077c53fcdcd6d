"""What a detector is worth on frames whose pigs are known: how many it finds, and how far off it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from huozhong.apps.pen.assign import assign
from huozhong.apps.pen.labelled import Pair
from huozhong.senses.look import Detector, Picture


@dataclass(frozen=True)
class Worth:
    """Over some frames.  pigs: there are; found: of them; invented: what was taken for a pig.

    off: how far snouts and tails are off, the median, as a part of the pig's length.  turned: snout taken for tail.
    """

    frames: int
    pigs: int
    found: int
    invented: int
    turned: int
    off: float

    def told(self) -> dict[str, float]:
        return {
            "frames": self.frames, "pigs": self.pigs, "found": self.found, "invented": self.invented,
            "turned": self.turned, "off": round(self.off, 4),
        }  # fmt: skip


def worth(detector: Detector, frames: list[tuple[Picture, list[Pair]]]) -> Worth:
    """A pig counts as found where a detection's middle lies within 0.35 of its length, one for one."""
    pigs = found = invented = turned = 0
    offs: list[float] = []
    for picture, pairs in frames:
        seen = detector.find(picture)
        ends = np.array([(one.snout, one.tail) for one in seen]).reshape(-1, 2, 2)
        true = np.array(pairs, np.float64).reshape(-1, 2, 2)
        length = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
        far = np.linalg.norm(true.mean(1)[:, None] - ends.mean(1)[None], axis=2) / np.maximum(length, 1)[:, None]
        pairing = [(a, b) for a, b in assign(np.where(far < 0.35, far, np.inf))]
        for a, b in pairing:
            straight = np.linalg.norm(true[a] - ends[b], axis=1)
            around = np.linalg.norm(true[a] - ends[b][::-1], axis=1)
            if around.sum() < straight.sum():
                turned += 1
            else:
                offs += list(straight / length[a])
        pigs, found, invented = pigs + len(true), found + len(pairing), invented + len(seen) - len(pairing)
    return Worth(len(frames), pigs, found, invented, turned, float(np.median(offs)) if offs else 1.0)
