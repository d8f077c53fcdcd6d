"""Plans worked out: every line is true, as a pupil writes it, and the last one says what the plan comes to."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from huozhong.acts.solve import (
    LARGEST,
    Node,
    NoDivisor,
    Number,
    Operation,
    TooLittle,
    TooLong,
    Unsolvable,
    leaves,
    parse,
    solve,
    value_of,
    write,
)
from huozhong.verify.arithmetic import check_steps, evaluate


@pytest.mark.parametrize(
    ("equation", "lines", "answer"),
    [
        ("316+230*(6-1)", ["6-1=5", "230×5=1150", "316+1150=1466"], "1466"),
        ("25*80%", ["25×80%=20"], "20"),
        ("50%", [], "0.5"),
        ("(1/2)+(1/3)", ["(1/2)+(1/3)=(3/6)+(2/6)=(5/6)"], "(5/6)"),
        ("(1/6)+(1/6)", ["(1/6)+(1/6)=(2/6)=(1/3)"], "(1/3)"),
        ("1-(1/3)", ["1-(1/3)=(2/3)"], "(2/3)"),
        ("(2/3)/(4/5)", ["(2/3)÷(4/5)=(2/3)×(5/4)=(10/12)=(5/6)"], "(5/6)"),
        ("12/(3/4)", ["12÷(3/4)=12×(4/3)=16"], "16"),
        ("0.75-(1/2)", ["0.75-(1/2)=0.75-0.5=0.25"], "0.25"),
        ("10/3", ["10÷3=(10/3)"], "(10/3)"),
        ("3.14*5^2", ["5×5=25", "3.14×25=78.5"], "78.5"),
        ("2^3", ["2×2×2=8"], "8"),
        ("5-5", ["5-5=0"], "0"),
    ],
)
def test_one_line_for_each_operation(equation: str, lines: list[str], answer: str) -> None:
    solution = solve(parse(equation))
    assert (list(solution.lines), str(solution.answer)) == (lines, answer)


@pytest.mark.parametrize(
    ("equation", "error", "told"),
    [
        ("36.5-41.4", TooLittle, "36.5-41.4"),
        ("(1/3)-(1/2)", TooLittle, "(1/3)-(1/2)"),
        ("8-3-6", TooLittle, "5-6"),
        ("7/(5-5)", NoDivisor, "7÷0"),
        ("7/0", NoDivisor, "7÷0"),
        (f"{LARGEST}*2", TooLong, ""),
        ("2^4", Unsolvable, ""),
        ("2+", Unsolvable, ""),
        ("2)", Unsolvable, ""),
        ("两", Unsolvable, ""),
    ],
)
def test_what_cannot_be_finished_says_why(equation: str, error: type[Unsolvable], told: str) -> None:
    with pytest.raises(error, match=None) as caught:
        solve(parse(equation))
    assert told in str(caught.value)


def test_what_was_worked_out_until_then_is_kept() -> None:
    lines: list[str] = []
    with pytest.raises(TooLittle):
        solve(parse("(36.5+41.4-100)*2"), lines)
    assert lines == ["36.5+41.4=77.9"]


def some_equation(dice: random.Random, depth: int) -> Node:
    if depth == 0 or dice.random() < 0.2:
        return dice.choice(
            [
                Number(Fraction(dice.randrange(1, 500))),
                Number(Fraction(dice.randrange(1, 5000), 100)),
                Number(Fraction(dice.randrange(1, 12), dice.randrange(2, 12)), "fraction"),
                Number(Fraction(dice.randrange(1, 100), 100), "percent"),
            ]
        )
    left, right = some_equation(dice, depth - 1), some_equation(dice, depth - 1)
    return Operation(dice.choice("+-×÷"), left, right)


def test_every_line_is_true_and_the_last_is_the_answer() -> None:
    dice, solved = random.Random(4), 0
    for _ in range(2000):
        node = some_equation(dice, 3)
        try:
            solution = solve(node)
        except Unsolvable:
            continue
        solved += 1
        report = check_steps(solution.text())
        assert report.all_correct, solution.text()
        assert len(report.steps) >= len(solution.lines)
        assert solution.answer.value == value_of(node) == evaluate(str(node))
        assert str(parse(str(node))) == str(node)
        if solution.lines:
            assert solution.lines[-1].endswith(f"={solution.answer}")
    assert solved > 500


def test_a_plan_in_letters() -> None:
    plan = parse("(25+18)*4-18^2")
    names = {number: letter for letter, number in zip("abc", dict.fromkeys(leaves(plan)), strict=False)}
    assert write(plan, names) == "(a+b)×c-b^2"
