"""Numbers as they are said, written down: the hand-written pairs, and what is no number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.verify.test_spoken import RIGHT, pairs

from huozhong.verify.written import value_of, written

PAIRS = Path(__file__).parent / "spoken" / "written.txt"


def test_the_hand_written_pairs_come_true() -> None:
    all_pairs = pairs(PAIRS)
    assert len(all_pairs) >= 100
    wrong = [(text, wanted, written(text)) for text, wanted in all_pairs if written(text) != wanted]
    assert len(wrong) <= (1 - RIGHT) * len(all_pairs), wrong


def test_short_forms_have_their_value() -> None:
    assert value_of("一百九") == 190
    assert value_of("三点五万") == Fraction(35000)
    assert value_of("三二") is None
    assert value_of("") is None
