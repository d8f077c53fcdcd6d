"""benchmarks/streaming.py: what disk and processor would allow, and how much of their times overlaps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from streaming import limits

# For others its kernels.py would stand for a package that transformers looks for.
sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


@pytest.mark.parametrize(
    ("seconds", "lower", "overlap"),
    [
        (0.15, 2 / 3, 0.0),  # one after the other
        (0.10, 1.0, 1.0),  # all of the shorter behind the longer
        (0.125, 0.8, 0.5),
    ],
)
def test_overlap_says_how_much_of_the_shorter_time_hides(seconds: float, lower: float, overlap: float) -> None:
    # The disk needs 0.1 s for a token, the processor 0.05 s.
    found = limits({"disk_limit": 10.0, "tokens_per_second": 1 / seconds}, 20.0)
    assert found["processor_limit"] == 20.0
    assert found["of_the_lower_limit"] == pytest.approx(lower)
    assert found["overlap"] == pytest.approx(overlap)


def test_the_processor_may_be_the_slower() -> None:
    found = limits({"disk_limit": 20.0, "tokens_per_second": 8.0}, 10.0)
    assert found["of_the_lower_limit"] == pytest.approx(0.8)
    assert found["overlap"] == pytest.approx((0.05 + 0.1 - 0.125) / 0.05)
