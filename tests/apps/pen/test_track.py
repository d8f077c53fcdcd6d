"""Pigs keep their numbers: through what hides them, misses, mistakes and a pen that is full."""

from __future__ import annotations

import numpy as np
from tests.apps.pen.made import Told, film

from huozhong.apps.pen.hota import Frame, Hota, hota, overlaps
from huozhong.apps.pen.track import Tracker
from huozhong.apps.pen.watching import body_box
from huozhong.senses.keypoints import Seen


def followed(count: int | None, told: Told, *asked: object, **more: object) -> Hota:
    tracker, frames = Tracker(count), []
    for time, picture, truths in film(*asked, **more):  # type: ignore[arg-type]
        told.truths = truths
        tracks = tracker.step(time, told.find(picture), picture)
        true = [one for one in truths if one.visible > 0]
        boxes = np.array([body_box(one.ends, 0.27) for one in tracks]).reshape(-1, 4)
        like = overlaps(np.array([one.box for one in true]), boxes)
        frames.append(Frame([one.pig for one in true], [one.number for one in tracks], like))
    return hota(frames)


def test_twelve_pigs_keep_their_numbers() -> None:
    found = followed(12, Told(1, shake=0.02, misses=0.05, invents=0.3), 11, 12, 40)
    assert found.association > 0.6, found
    assert found.hota > 0.6, found


def test_at_five_pictures_a_second_no_number_changes() -> None:
    found = followed(6, Told(2, shake=0.02, misses=0.02), 12, 6, 10, every=0.2, busy=2.0)
    assert found.switches == 0
    assert found.association > 0.78, found


def blank(value: int = 90) -> np.ndarray:
    return np.full((120, 200, 3), value, np.uint8)


def pig(x: float, y: float, length: float = 40.0, score: float = 0.9) -> Seen:
    return Seen((x + length / 2, y), (x - length / 2, y), score)


def test_who_was_hidden_is_the_same_afterwards() -> None:
    tracker = Tracker(2)
    for time in range(1, 60):
        hidden = 20 <= time < 40
        seen = [pig(50, 30)] if hidden else [pig(50, 30), pig(120, 80, 50)]
        tracks = tracker.step(float(time), seen, blank())
    assert {one.number: round(one.length) for one in tracks} == {1: 40, 2: 50}


def test_a_full_pen_gets_no_new_pig_but_the_lost_one_most_like_it() -> None:
    tracker = Tracker(2)
    for time in range(1, 80):
        seen = [pig(40, 30)]
        if time < 20:
            seen.append(pig(150, 90, 52))
        if time > 50:
            seen.append(pig(60, 90, 51))  # on the other side of the pen, after half a minute of nothing
        tracks = tracker.step(float(time), seen, blank())
    assert {one.number for one in tracks} == {1, 2}
    free = Tracker(None)
    for time in range(1, 20):
        free.step(float(time), [pig(40, 30), pig(40, 90), pig(150, 60)], blank())
    assert len([one for one in free.tracks if one.sure]) == 3


def test_a_single_mistake_is_no_pig_and_a_turned_sight_turns_nobody() -> None:
    tracker = Tracker(None)
    for time in range(1, 20):
        seen = [pig(60, 60)]
        if time == 5:
            seen.append(pig(150, 100))
        if time == 9:
            seen = [Seen(seen[0].tail, seen[0].snout, 0.9)]
        tracks = tracker.step(float(time), seen, blank())
        if time > 3:
            assert [one.number for one in tracks] == [1]
            assert tracks[0].ends[0, 0] > tracks[0].ends[1, 0]


def striped(x: float, y: float) -> np.ndarray:
    """A floor with one pig on it that has a dark hind part."""
    made = blank()
    made[int(y) - 7 : int(y) + 7, int(x) - 20 : int(x) + 20] = 210
    made[int(y) - 7 : int(y) + 7, int(x) - 14 : int(x) - 4] = 60
    return made


def test_whom_the_detector_misses_is_found_by_its_back() -> None:
    tracker = Tracker(1)
    for time in range(1, 15):
        tracker.step(float(time), [pig(60, 60)], striped(60, 60))
    for time in range(15, 40):
        (track,) = tracker.step(float(time), [], striped(60 + 0.4 * (time - 14), 60))
        assert track.seen == time
        assert track.clear == (0.0, 0.0)  # so nothing is measured on it
    np.testing.assert_allclose(track.middle, (70, 60), atol=3)
    for time in range(40, 48):  # it went, and the floor does not look like it
        left = tracker.step(float(time), [], blank())
    assert left == []


def test_in_a_pen_whose_number_nobody_told_the_lost_one_comes_back_as_itself() -> None:
    tracker = Tracker(None)
    for time in range(1, 30):
        tracker.step(float(time), [pig(60, 60), pig(120, 30, 50)], striped(60, 60))
    for time in range(30, 50):
        tracker.step(float(time), [pig(120, 30, 50)], blank())
    for time in range(50, 60):
        tracks = tracker.step(float(time), [pig(120, 30, 50), pig(170, 90)], striped(170, 90))
    assert {one.number: round(one.length) for one in tracks} == {1: 40, 2: 50}
