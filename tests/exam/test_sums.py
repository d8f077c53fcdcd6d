"""The generated sums: exact, of the exam's own kind, and the same for a seed."""

from __future__ import annotations

from huozhong.exam.sums import LARGEST, Sum, one_step, two_step
from huozhong.verify.arithmetic import canonical, evaluate, is_exam_expression


def test_generated_sums_are_the_exams_own() -> None:
    sums = one_step(100, 0) + two_step(300, 0)
    assert len({canonical(s.expression) for s in sums}) == 400
    for entry in sums:
        assert is_exam_expression(entry.expression)
        assert entry.expression in entry.question
        assert evaluate(entry.expression) == entry.value
        assert 0 <= entry.value <= LARGEST
        assert entry.value.denominator in (1, 2, 4, 5, 10, 20, 25, 50, 100)  # a short decimal at most


def test_generated_sums_follow_the_seed() -> None:
    assert two_step(20, 3) == two_step(20, 3)
    assert two_step(20, 3) != two_step(20, 4)
    assert two_step(20, 3) == two_step(40, 3)[:20]
    assert isinstance(one_step(1, 0)[0], Sum)


def test_whole_numbers_divide_exactly_in_between() -> None:
    for entry in two_step(300, 0):
        if "÷" in entry.expression and "." not in entry.expression:
            assert entry.value.denominator == 1, entry
