"""The made-up pen: the same film from the same seed, and a truth that the picture bears out."""

from __future__ import annotations

import numpy as np
from recipes.pen.herd import HEIGHT, WIDTH, make_herd, make_pig
from recipes.pen.paint import SCALE, Scene, frame


def test_the_same_seed_is_the_same_film() -> None:
    pictures = []
    for _ in range(2):
        herd = make_herd(4, 6)
        herd.step(5)
        pictures.append(frame(herd, Scene(4))[0])
    np.testing.assert_array_equal(*pictures)


def test_truth_is_what_is_painted() -> None:
    pig = make_pig(np.random.default_rng(1), length=1.2, hip=0.28, waist=0.22, coat="white")
    herd = make_herd(2, pigs=[pig])
    herd.step(10)
    state = herd.states[0]
    state.x, state.y, state.heading, state.bend, state.sway, state.doing = 3.0, 2.0, 0.0, 0.0, 0.0, "stand"
    picture, (truth,) = frame(herd, Scene(2, rail=False, noise=0.0))
    assert truth.visible > 0.99
    np.testing.assert_allclose(truth.snout, (3.6 * SCALE, 2.0 * SCALE), atol=0.01)
    np.testing.assert_allclose(truth.tail, (2.4 * SCALE, 2.0 * SCALE), atol=0.01)
    without, _ = frame(make_far(herd), Scene(2, rail=False, noise=0.0))
    reds = picture[..., 0].astype(int) - without[..., 0] > 25
    hip_column = int((3.6 - 0.8 * 1.2) * SCALE)
    assert abs(reds[:, hip_column].sum() - truth.hip) <= 4  # rounded by the light, so its edge is dim


def make_far(herd):  # type: ignore[no-untyped-def]
    """The same pen with its pig in another corner."""
    herd.states[0].x, herd.states[0].y = 7.0, 3.8
    return herd


def test_pigs_stay_in_the_pen_and_do_all_there_is_to_do() -> None:
    herd = make_herd(5, 20)
    for _ in range(120):
        herd.step(2)
        assert all(0 < one.x < WIDTH and 0 < one.y < HEIGHT for one in herd.states)
    done = {doing for log in herd.log for doing in log}
    assert {"lie", "walk", "eat", "drink"} <= done


def test_a_night_has_no_colour_and_a_shadow_no_pig() -> None:
    herd = make_herd(6, 3)
    night, _ = frame(herd, Scene(6, hour=23))
    assert np.abs(night[..., 0].astype(int) - night[..., 2]).mean() < 8
    day, _ = frame(herd, Scene(6, hour=12))
    banded, truths = frame(herd, Scene(6, hour=12, band=0.5))
    assert banded.mean() < day.mean()
    assert len(truths) == 3
