"""Outlines of painted pigs: as wide as they were painted, and no width where it cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest
from recipes.pen.herd import make_herd, make_pig
from recipes.pen.paint import Scene, frame

from huozhong.apps.pen.outline import outline, shape


def alone(seed: int, **given: object):  # type: ignore[no-untyped-def]
    """Pictures of one pig on its feet at nine places, and its ends, shaken by 1.5 pixels."""
    random = np.random.default_rng(seed)
    pig = make_pig(random, **given)
    herd = make_herd(seed, pigs=[pig])
    state = herd.states[0]
    for place in range(9):
        state.x, state.y, state.heading = 1.6 + 0.35 * place, 1.5 + 0.2 * (place % 3), 0.7 * place
        state.doing, state.bend, state.sway, state.side = "stand", 0.03 * (place % 3 - 1), 0.0, 0.0
        picture, (truth,) = frame(herd, Scene(seed, 9 + place, rail=False))
        ends = np.array([truth.snout, truth.tail]) + random.normal(0, 1.5, (2, 2))
        yield pig, picture, ends


def test_waist_to_hip_within_five_in_a_hundred() -> None:
    """Of light coats each; of dark ones, whose shadow looks like them, nine in a hundred."""
    none = np.zeros((0, 2, 2))
    for coat, seed, most in (("white", 1, 0.05), ("white", 2, 0.05), ("spotted", 3, 0.05), ("duroc", 4, 0.09)):
        pictures = list(alone(seed, coat=coat))
        found = [outline(picture, ends[0], ends[1], none) for _, picture, ends in pictures]
        whole, pig = shape(np.array([one.widths for one in found if one is not None])), pictures[0][0]
        assert whole.ratio == pytest.approx(pig.ratio, rel=most), coat
        assert whole.hip == pytest.approx(pig.hip, rel=0.07)


def test_no_width_where_another_pig_lies_close() -> None:
    for _, picture, ends in alone(7, coat="white"):
        way = ends[1] - ends[0]
        beside = ends + 0.24 * np.array([-way[1], way[0]])
        found = outline(picture, ends[0], ends[1], beside[None])
        assert found is None or np.isnan(found.widths[4:20]).all()


def test_nothing_to_measure() -> None:
    picture = np.full((100, 200, 3), 120, np.uint8)
    none = np.zeros((0, 2, 2))
    assert outline(picture, (10, 10), (20, 10), none) is None  # too small
    assert outline(picture, (-90, 50), (20, 50), none) is None  # mostly outside
    blank = outline(picture, (60, 50), (120, 50), none)
    assert blank is None or blank.clear == 0.0
    assert shape(np.full((4, 24), np.nan)).ratio is None
