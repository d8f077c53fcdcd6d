"""Where numbers change and what is not found is said as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from benchmarks.benchlib.pen_faults import Shown, found_by_view, perfect, told, where
from recipes.pen.paint import Truth

from huozhong.apps.pen.hota import Change, Frame


def pig(number: int, x: float, y: float, visible: float = 1.0) -> Truth:
    return Truth(number, (x + 20, y), (x - 20, y), (x - 20, y - 6, x + 20, y + 6), visible, 11.0, 9.0, "stand", 0.0)


def test_where_a_number_changed() -> None:
    size, change = (320, 180), Change(1, 0, 1, 7, 8)
    alone, far = pig(1, 60, 60), pig(2, 250, 150)
    cases = {
        "in the open": [alone, far],
        "under a pig": [replace(alone, visible=0.6), pig(2, 70, 64)],
        "under roof or rail": [replace(alone, visible=0.6), far],
        "in a huddle": [alone, pig(2, 60, 80), pig(3, 60, 40)],
    }
    for kind, truths in cases.items():
        assert where(change, [Shown([alone, far], size, None), Shown(truths, size, None)]) == kind
    # the bar falls where x + y / 4 = 1.5 of its place, less a tenth
    band = (60 / 320 + 0.25 * 60 / 180 + 0.15) / 1.5
    assert where(change, [Shown([alone, far], size, band)] * 2) == "in the bar's shadow"
    assert where(change, [Shown([alone, far], size, band + 0.3)] * 2) == "in the open"


def test_found_by_how_much_shows() -> None:
    truths = [pig(1, 60, 60), pig(2, 150, 60, 0.7), pig(3, 250, 60, 0.3)]
    frame = Frame([1, 2, 3], [7, 8], np.array([[0.9, 0], [0, 0.8], [0, 0.4]]))
    found = found_by_view([Shown(truths, (320, 180), None)], [frame])
    assert found == {"in full view": (1, 1), "half hidden": (1, 1), "mostly hidden": (0, 1)}
    words, figures = told([Shown(truths, (320, 180), None)] * 2, [frame] * 2, 0.5)
    assert figures["found_mostly_hidden"] == 0
    assert figures["changes_a_minute"] == 0
    assert "half hidden 2 of 2" in words


def test_a_perfect_detector_is_shaken_a_little() -> None:
    seen = perfect([pig(1, 60, 60), pig(2, 250, 60, 0.2)] * 40, np.random.default_rng(1))
    assert 34 <= len(seen) <= 40  # those of which a fifth shows are never found
    off = [np.hypot(one.snout[0] - 80, one.snout[1] - 60) for one in seen]
    assert 0.3 < float(np.mean(off)) < 2.5
