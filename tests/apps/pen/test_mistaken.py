"""Pigs that leave a crossing with each other's numbers get their own back, and none that look alike are exchanged."""

from __future__ import annotations

import numpy as np

from huozhong.apps.pen.track import Tracker
from huozhong.senses.keypoints import Seen

LIGHT, DARK, RED = (220, 190, 175), (70, 62, 60), (150, 92, 62)


def picture(pigs: list[tuple[float, float, tuple[int, int, int]]]) -> tuple[np.ndarray, list[Seen]]:
    """Bodies 44 x 14 pixels of one colour each, and what a detector says of them."""
    made = np.full((140, 260, 3), 110, np.uint8)
    for x, y, colour in pigs:
        made[int(y) - 7 : int(y) + 7, int(x) - 22 : int(x) + 22] = colour
    return made, [Seen((x + 22, y), (x - 22, y), 0.9) for x, y, _ in pigs]


def numbers(tracker: Tracker, time: float, *pigs: tuple[float, float, tuple[int, int, int]]) -> list[int | None]:
    """The number of each."""
    made, seen = picture(list(pigs))
    tracks = tracker.step(time, seen, made)
    return [
        next((one.number for one in tracks if one.seen == time and np.hypot(*(one.middle - (x, y))) < 12), None)
        for x, y, _ in pigs
    ]


def test_two_that_changed_places_unseen_change_back() -> None:
    tracker = Tracker(2)
    for time in range(1, 40):
        before = numbers(tracker, time, (60, 40, LIGHT), (60, 90, DARK))
    for time in range(40, 60):  # in each other's place from one picture to the next, as after a crossing
        after = numbers(tracker, time, (60, 90, LIGHT), (60, 40, DARK))
    assert None not in before
    assert after == before


def test_a_ring_of_three_and_one_that_was_lost() -> None:
    tracker = Tracker(3)
    places = [(50, 30), (50, 70), (50, 110)]
    coats = [LIGHT, DARK, RED]
    for time in range(1, 40):
        before = numbers(tracker, time, *[(*at, coat) for at, coat in zip(places, coats, strict=True)])
    turned = [(*at, coat) for at, coat in zip(places[1:] + places[:1], coats, strict=True)]
    for time in range(40, 62):
        after = numbers(tracker, time, *turned)
    assert after == before
    for time in range(62, 90):
        numbers(tracker, time, turned[1], turned[2])  # the light one is gone for half a minute
    for time in range(90, 110):
        found = numbers(tracker, time, turned[1], turned[2], (200, 40, LIGHT))
    assert found == [before[1], before[2], before[0]]


def test_two_that_look_alike_keep_what_they_have() -> None:
    tracker = Tracker(2)
    for time in range(1, 80):
        found = numbers(tracker, time, (60, 40, LIGHT), (60, 90, LIGHT))
    assert found == [1, 2]
    assert not tracker.mistaken.doubts
