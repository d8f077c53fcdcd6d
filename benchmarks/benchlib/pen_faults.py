"""Where a pen's HOTA is lost: pigs not found, by how much of them shows, and numbers that changed, by where.

Needs the truth of `recipes/pen`; nothing of it reaches what is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from recipes.pen.paint import Truth

from huozhong.apps.pen.assign import assign
from huozhong.apps.pen.hota import Change, Frame, hota, numbered
from huozhong.senses.keypoints import Seen

SHOWS = ((0.9, 1.01, "in full view"), (0.5, 0.9, "half hidden"), (0.1, 0.5, "mostly hidden"))
KINDS = ("under a pig", "under roof or rail", "in a huddle", "in the bar's shadow", "in the open")


@dataclass(frozen=True)
class Shown:
    """A picture's truth, its size, and where the bar's shadow falls in it (0 to 1, None without)."""

    truths: Sequence[Truth]
    size: tuple[int, int]
    band: float | None


def found_by_view(shown: Sequence[Shown], frames: Sequence[Frame]) -> dict[str, tuple[int, int]]:
    """(found at an overlap of 0.5, all) of the true ones, by how much of them shows."""
    counts = {name: [0, 0] for *_, name in SHOWS}
    for picture, frame in zip(shown, frames, strict=True):
        visible = {one.pig: one.visible for one in picture.truths}
        found = {row for row, _ in assign(np.where(frame.like >= 0.5, -frame.like, np.inf))}
        for row, pig in enumerate(frame.true):
            for low, high, name in SHOWS:
                if low <= visible[pig] < high:
                    counts[name][0] += row in found
                    counts[name][1] += 1
    return {name: (good, every) for name, (good, every) in counts.items()}


def where(change: Change, shown: Sequence[Shown]) -> str:
    """What went on about a pig between the last sight under its old number and the first under its new one."""
    kinds = {_around(shown[place], change.true) for place in range(change.since, change.frame + 1)}
    return next(kind for kind in KINDS if kind in kinds)


def _around(picture: Shown, pig: int) -> str:
    me = next(one for one in picture.truths if one.pig == pig)
    length = float(np.hypot(me.snout[0] - me.tail[0], me.snout[1] - me.tail[1]))
    others = [one for one in picture.truths if one.pig != pig]
    near = [one for one in others if np.hypot(*(np.array(_middle(one)) - _middle(me))) < length]
    if me.visible < 0.9:
        return KINDS[0] if any(_overlap(me, one) for one in near) else KINDS[1]
    if len(near) >= 2:
        return KINDS[2]
    if picture.band is not None:
        x, y = np.array(_middle(me)) / picture.size
        if abs((x + 0.25 * y - picture.band * 1.5 + 0.15) / 0.09) < 1.3:
            return KINDS[3]
    return KINDS[4]


def _middle(one: Truth) -> tuple[float, float]:
    return (one.snout[0] + one.tail[0]) / 2, (one.snout[1] + one.tail[1]) / 2


def _overlap(one: Truth, other: Truth) -> bool:
    (a, b, c, d), (e, f, g, h) = one.box, other.box
    return min(c, g) > max(a, e) and min(d, h) > max(b, f)


def told(shown: Sequence[Shown], frames: Sequence[Frame], minutes: float) -> tuple[str, dict[str, float]]:
    """The decomposition in words, and as figures."""
    whole, alone = hota(frames), hota(numbered(frames))
    views = found_by_view(shown, frames)
    spots = Counter(where(change, shown) for change in whole.changes)
    extra = sum(max(0, len(one.found) - len(one.true)) for one in frames) / len(frames)
    lines = [
        f"HOTA {whole.hota:.3f}: finding {whole.detection:.3f}, keeping apart {whole.association:.3f}, "
        f"placing {whole.location:.3f}; with true numbers it would be {alone.hota:.3f}",
        "found: " + ", ".join(f"{name} {good} of {every}" for name, (good, every) in views.items())
        + f"; {extra:.2f} too many a picture",
        f"numbers changed {len(whole.changes) / minutes:.1f} times a minute: "
        + ", ".join(f"{kind} {spots[kind]}" for kind in KINDS),
    ]  # fmt: skip
    figures = {"hota_with_true_numbers": alone.hota, "changes_a_minute": len(whole.changes) / minutes}
    figures |= {f"found_{name.replace(' ', '_')}": good / max(1, every) for name, (good, every) in views.items()}
    figures |= {f"changed_{kind.replace(' ', '_').replace(chr(39), '')}": float(spots[kind]) for kind in KINDS}
    return "\n".join(lines), figures


def perfect(truths: Sequence[Truth], random: np.random.Generator) -> list[Seen]:
    """What a detector without faults would say, but for 2% of a length and 5% missed: what the tracker is worth."""
    seen = []
    for one in truths:
        if one.visible < 0.35 or random.random() < 0.05:
            continue
        ends = np.array([one.snout, one.tail], np.float64)
        ends += random.normal(0, 0.02 * np.linalg.norm(ends[0] - ends[1]), (2, 2))
        seen.append(Seen((ends[0, 0], ends[0, 1]), (ends[1, 0], ends[1, 1]), 0.5 + 0.5 * one.visible))
    return seen
