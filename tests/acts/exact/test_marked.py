"""Numbers numbered."""

from __future__ import annotations

from fractions import Fraction

from huozhong.acts.exact.marked import marked


def test_numbers_are_marked_in_order() -> None:
    found = marked("三斤15元，买八斤")
    assert found.text == "⟨0⟩斤⟨1⟩元，买⟨2⟩斤"
    assert found.values == (Fraction(3), Fraction(15), Fraction(8))
    assert marked("the sum of two numbers is 50").values == (Fraction(50),)
    assert len(marked("，".join(map(str, range(20)))).values) == 10
