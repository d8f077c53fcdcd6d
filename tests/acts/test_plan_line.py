"""A plan as it is written: what `solve.write` writes can be, anything else cannot."""

from __future__ import annotations

import pytest

from huozhong.acts.plan_line import DEEPEST, PlanLine


@pytest.mark.parametrize(
    "plan",
    ["a", "a-b", "(a+b)×c-b^2", "b÷(b÷a+c)", "a×(1/3)", "3.14×a^2", "a×(1-20%)", "100-a÷10%", "((a+b)×c+a)÷2", "a^3"],
)
def test_plans_go_on_to_their_end(plan: str) -> None:
    line = PlanLine(3)
    for character in plan:
        further = line.after(character)
        assert further is not None, (plan, character)
        line = further
    assert line == PlanLine(3).after(plan)
    end = line.after("\n")
    assert end is not None
    assert end.place == "end"
    assert end.after("\n") is None


@pytest.mark.parametrize(
    "wrong",
    [
        "d",  # not told
        "ab",
        "a1",
        "1a",
        "(a",
        "a)",
        "()",
        "a+",
        "a+×b",
        "+a",
        "a^4",
        "a^b",
        "1.",
        ".5",
        "1.2.3",
        "1/2",  # a division is written ÷
        "(1/2+a)",
        "(1/2",
        "a%",
        "2%%",
        "a=b",
        "a，b",
        "(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1),
        "",
    ],
)
def test_what_is_no_plan_has_no_end(wrong: str) -> None:
    line = PlanLine(3).after(wrong)
    assert line is None or line.after("\n") is None
