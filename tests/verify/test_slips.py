"""The mistakes of pupils, as they stand in exercise books, and what they come from."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.verify.slips import MEANS, slip_of


@pytest.mark.parametrize(
    ("expression", "claimed", "slip"),
    [
        ("36+27", 53, "carry"), ("36+27", 513, "carry"), ("486+257", 643, "carry"), ("24×6", 124, "carry"),
        ("24×13", 96, "carry"), ("5.8+3.6", "8.4", "carry"),
        ("52-37", 25, "borrow"), ("403-168", 345, "borrow"), ("300-164", 264, "borrow"), ("100-36", 74, "borrow"),
        ("7×8", 54, None), ("7×8", 63, "table"), ("7×8", 48, "table"), ("56÷8", 6, "one off"), ("63÷9", 9, "table"),
        ("25×40", 100, "zero"), ("1200÷30", 4, "zero"), ("2.5×4", 1, "zero"), ("0.6×0.7", "4.2", "point"),
        ("36-4", 40, "sign"), ("36÷4", 144, "sign"), ("4×5", 9, "sign"),
        ("5÷20", 4, "order"), ("4-36", 32, "order"),
        ("8×9", 27, "digits"), ("19+8", 26, "one off"),
        ("36+27", 63, None), ("36+27", 7, None), ("36+27+1", 60, None), ("5÷0", 3, None),
    ],
)  # fmt: skip
def test_slips(expression: str, claimed: int | str, slip: str | None) -> None:
    assert slip_of(expression, Fraction(claimed)) == slip


def test_each_is_said_in_two_languages() -> None:
    assert all(chinese and english.isascii() for chinese, english in MEANS.values())
