"""Plans read back from visible working: only what holds, and rests on the problem's own numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.acts.read_back import known_numbers, read_plan, twin
from huozhong.acts.solve import value_of

APPLES = "小明有36个苹果，每天吃4个，吃了5天，还剩几个？"


@pytest.mark.parametrize(
    ("problem", "answer", "plan"),
    [
        (APPLES, "先算5天一共吃多少个：4×5=20（个）。\n再算还剩几个：36-20=16（个）。\n答：还剩16个。", "36-4×5"),
        (APPLES, "36-4×5=36-20=16\n答：16", "36-4×5"),
        (APPLES, "4个×5天=20个，36个-20个=16个。答：还剩16个。", "36-4×5"),
        (APPLES, "First, $4 \\times 5 = 20$. Then $36 - 20 = 16$. Answer: 16", "36-4×5"),
        (APPLES, "4*5=20\n36-20=16\n检验：16+20=36\n答：16个", "36-4×5"),
        (
            "果园里有苹果树120棵，梨树是苹果树的3/4，梨树有多少棵？",
            "120×3/4=90（棵）。\n答：梨树有90棵。",
            "120×(3/4)",
        ),
        (
            "一条路长1.2千米，已经修了350米，还剩多少米？",
            "先看清数和单位：1.2千米=1200米。\n1200-350=850（米）。\n答：还剩850米。",
            "1200-350",
        ),
        (
            "一辆汽车3小时行180千米，5小时行多少千米？",
            "180÷3=60（千米）\n60×5=300（千米）\n答：300千米。",
            "180÷3×5",
        ),
        ("一个正方形的边长是7厘米，周长是多少厘米？", "7×4=28（厘米）\n答：28厘米", "7×4"),
        ("8元买了2个，一共3角？还剩多少？买5个要多少元？", "8÷2=4\n4×5=20\n答：20元", None),
    ],
)
def test_visible_working_is_a_plan(problem: str, answer: str, plan: str | None) -> None:
    found = read_plan(problem, answer)
    assert (str(found) if found is not None else None) == plan


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "我没有把握。",
        "答：16个。",
        "4×5=21\n36-21=15\n答：15",  # wrong
        "4×5=20\n36-20=16\n答：15",  # states something else
        "4×5=20\n36-20=16\n16-7=9\n答：9",  # a number that nobody told
        "36+4=40\n4×5=20\n36-20=16\n答：16",  # a step for nothing
        "4-5=-1\n36-1=35\n答：35",
        "36÷5=7.2（个）\n答：还剩7.2个",
    ],
)
def test_what_cannot_be_confirmed_is_no_plan(answer: str) -> None:
    assert read_plan(APPLES, answer) is None


def test_two_questions_have_no_one_plan() -> None:
    assert read_plan("苹果36个，梨4个，苹果和梨各分给4人，每人各多少个？", "36÷4=9\n4÷4=1\n答：9") is None


def test_what_is_known_are_the_numbers_in_any_of_the_units() -> None:
    known = [number.value for number in known_numbers("一条路长1.2千米，已经修了350米，还剩多少米？")]
    assert known == [Fraction("1.2"), 350, 1200]


def test_a_twin_is_the_same_problem_with_another_number() -> None:
    plan = read_plan(APPLES, "4×5=20\n36-20=16\n答：16")
    assert plan is not None
    made = twin(APPLES, plan)
    assert made is not None
    assert made[0] == APPLES.replace("36", "108")
    assert str(made[1]) == "108-4×5"
    assert value_of(made[1]) == 88


def test_a_twin_never_breaks_what_was_whole() -> None:
    problem = "20个苹果分给5人，每人吃了3个，每人还剩几个？"
    plan = read_plan(problem, "20÷5=4\n4-3=1\n答：每人还剩1个")
    assert plan is not None
    made = twin(problem, plan)
    assert made is not None
    assert value_of(made[1]).denominator == 1
