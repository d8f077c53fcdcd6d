"""HOTA, how well animals are found and kept apart over a film (Luiten et al. 2021), as its authors' program counts it.

For each overlap that is asked for (0.05 to 0.95) what was found is paired with what is true, frame by frame; detection
counts pairs, association counts for each pair how much of both tracks is the same pair.  HOTA is the mean over the
overlaps of the root of their product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.assign import assign

F64 = NDArray[np.float64]
OVERLAPS = np.arange(1, 20) * 0.05


@dataclass(frozen=True)
class Frame:
    """true, found: whose tracks are in a frame, numbers.  like: how much each pair overlaps, [true, found], 0 to 1."""

    true: Sequence[int]
    found: Sequence[int]
    like: F64


@dataclass(frozen=True)
class Change:
    """Of a true track's number, at a frame; since: the frame before in which it was paired at all."""

    frame: int
    since: int
    true: int
    before: int
    after: int


@dataclass(frozen=True)
class Hota:
    """All 0 to 1, means over the overlaps.  at: HOTA of each of `OVERLAPS`.  changes: whenever a true track is paired
    with another found one than before, at an overlap of 0.5."""

    hota: float
    detection: float
    association: float
    location: float
    at: F64
    changes: tuple[Change, ...] = ()

    @property
    def switches(self) -> int:
        """How many changes there are."""
        return len(self.changes)


def hota(frames: Sequence[Frame]) -> Hota:
    """Over the frames of one film."""
    names_true = {name: place for place, name in enumerate(sorted({name for one in frames for name in one.true}))}
    names_found = {name: place for place, name in enumerate(sorted({name for one in frames for name in one.found}))}
    if not names_true or not names_found:
        nothing = float(not names_true and not names_found)
        return Hota(nothing, nothing, nothing, nothing, np.full(len(OVERLAPS), nothing))
    placed = [
        (
            np.array([names_true[name] for name in one.true], int),
            np.array([names_found[name] for name in one.found], int),
        )
        for one in frames
    ]
    together = _together(frames, placed, (len(names_true), len(names_found)))
    true_count, found_count = np.zeros(len(names_true)), np.zeros(len(names_found))
    matches = np.zeros((len(OVERLAPS), len(names_true), len(names_found)))
    pairs, located = np.zeros(len(OVERLAPS)), np.zeros(len(OVERLAPS))
    last: dict[int, tuple[int, int]] = {}
    changes: list[Change] = []
    for place, (one, (rows, columns)) in enumerate(zip(frames, placed, strict=True)):
        true_count[rows] += 1
        found_count[columns] += 1
        if not len(rows) or not len(columns):
            continue
        for row, column in assign(-together[rows[:, None], columns[None]] * one.like):
            like = float(one.like[row, column])
            good = like >= OVERLAPS - np.finfo(float).eps
            pairs += good
            located += like * good
            matches[good, rows[row], columns[column]] += 1
            if like >= 0.5:
                true, found = one.true[row], one.found[column]
                since, before = last.get(true, (place, found))
                if before != found:
                    changes.append(Change(place, since, true, before, found))
                last[true] = (place, found)
    detection = pairs / np.maximum(1, true_count.sum() + found_count.sum() - pairs)
    either = np.maximum(1, true_count[:, None] + found_count[None] - matches)
    association = (matches * matches / either).sum((1, 2)) / np.maximum(1, pairs)
    location = np.where(pairs > 0, located / np.maximum(pairs, 1e-9), 1.0)
    at = np.sqrt(detection * association)
    return Hota(
        float(at.mean()), float(detection.mean()), float(association.mean()), float(location.mean()), at,
        tuple(changes),
    )  # fmt: skip


def numbered(frames: Sequence[Frame]) -> list[Frame]:
    """What was found, under the numbers of what is true: the HOTA that finding alone would allow.

    What overlaps nothing keeps a number that is nobody's, another one in each frame.
    """
    made, nobody = [], max([name for one in frames for name in one.true], default=0)
    for one in frames:
        true = {column: one.true[row] for row, column in assign(np.where(one.like >= OVERLAPS[0], -one.like, np.inf))}
        names = []
        for column in range(len(one.found)):
            nobody += 1
            names.append(true.get(column, nobody))
        made.append(Frame(one.true, names, one.like))
    return made


def _together(
    frames: Sequence[Frame], placed: list[tuple[NDArray[np.int64], NDArray[np.int64]]], sizes: tuple[int, int]
) -> F64:
    """How much two tracks overlap over the whole film; it decides between pairings of a frame."""
    both, true_count, found_count = np.zeros(sizes), np.zeros((sizes[0], 1)), np.zeros((1, sizes[1]))
    for one, (rows, columns) in zip(frames, placed, strict=True):
        true_count[rows, 0] += 1
        found_count[0, columns] += 1
        if len(rows) and len(columns):
            total = one.like.sum(0)[None] + one.like.sum(1)[:, None] - one.like
            share = np.where(total > np.finfo(float).eps, one.like / np.maximum(total, 1e-12), 0.0)
            both[rows[:, None], columns[None]] += share
    return both / np.maximum(true_count + found_count - both, 1e-12)


def overlaps(one: F64, other: F64) -> F64:
    """Intersection over union of boxes x0, y0, x1, y1: [n, 4] and [m, 4] -> [n, m]."""
    one, other = one.reshape(-1, 1, 4), other.reshape(1, -1, 4)
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    inside = np.clip(high - low, 0, None).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (one, other)]
    return np.asarray(inside / np.maximum(areas[0] + areas[1] - inside, 1e-9))
