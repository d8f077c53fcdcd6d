"""Hints of problems whose own numbers are results as well, and of such as change a unit on the way."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from benchmarks.benchlib.giveaway import given_away, without_quotations

from huozhong.apps.tutor.tools import tutor, tutor_reword

BAGS = "有16个苹果，每2个装一袋，每4袋装一箱，一共装几箱？"  # 2, which is told
CARDS = "Ann has 16 cards. She puts 2 cards into each bag and 4 bags into each box. How many boxes does she fill?"
ROPE = "一根绳子长3米，剪去50厘米，还剩多少厘米？"
TRAIN = "一列火车21时从甲地出发，第二天5时到达乙地，每小时行60千米，甲乙两地相距多少千米？"


def begun(problem: str, plan: str) -> dict[str, Any]:
    return {"problem": problem, "plan": plan, "reached": [], "level": 0, "tried": False, "done": False}


def five(state: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """What the five hints say."""
    said = []
    for _ in range(5):
        turn = tutor(state)
        state = turn["state"]
        said.append(turn["answer"])
    return said, state


@pytest.mark.parametrize(
    ("problem", "plan", "answer"),
    [
        (BAGS, "(16÷2)÷4", 2),
        (CARDS, "(16÷2)÷4", 2),
        ("8个小朋友，每人分1个苹果，一共分几个？", "8×1", 8),
        ("一堆煤，用去了20吨，余下的是用去的25%，这一堆煤一共多少吨？", "20+20×25%", 25),
        ("把(3/4)千克橙汁装入小瓶，每个小瓶能装(1/4)千克，需要多少个小瓶？", "(3/4)÷(1/4)", 3),
        ("甲有30元，乙有14元，丙比乙多16元，丙有多少元？", "14+16", 30),
    ],
)
def test_a_number_of_the_problem_that_is_the_answer_is_only_quoted(problem: str, plan: str, answer: int) -> None:
    said, _ = five(begun(problem, plan))
    for one in said:
        own = without_quotations(one, problem)
        assert not re.search(rf"(?<![\d.]){answer}(?![\d.])", own), one
        assert not given_away(own, [Fraction(answer)], [], plan, "")
    assert len(set(said)) == 5, said  # and none was withheld for it


def test_an_operand_that_is_the_answer_is_a_gap() -> None:
    said, state = five(begun(BAGS, "(16÷2)÷4"))
    assert "16÷□＝（" in said[3]
    assert "□是“每2个装一袋”里的数" in said[3]
    assert "应该回到16" in said[4]
    turn = tutor(state, "16÷2=8")
    assert "✓ 第 1 步：16÷2=8" in turn["answer"]  # the pupil's own
    said, state = five(turn["state"])
    assert any("8÷4＝（" in one for one in said)
    assert "对了" in tutor(state, "8÷4=2")["answer"]
    english, _ = five(begun(CARDS, "(16÷2)÷4"))
    assert "16÷□ = ____" in english[3]
    assert "□ is the number in “She puts 2 cards into each bag and 4 bags into each box”" in english[3]


def test_going_backwards_does_not_come_back_to_the_answer() -> None:
    said, _ = five(begun("8个小朋友，每人分1个苹果，一共分几个？", "8×1"))
    assert "应该回到前面那个数" in said[4]


def test_a_change_of_units_is_the_pupils() -> None:
    said, state = five(begun(ROPE, "300-50"))
    assert "3米是多少厘米？" in said[1]
    assert "□-50＝（" in said[3]
    assert "“一根绳子长3米”变好单位的数" in said[3]
    assert not any("300" in one for one in said)
    turn = tutor(state, "3×100=300")
    assert "300-50＝（" in "".join(five(turn["state"])[0])
    for mine in ("300", "300-50"):
        assert "不对" not in tutor(state, mine)["answer"]
    assert "对了" in tutor(state, "300-50=250")["answer"]


def test_how_long_it_is_from_one_hour_to_another_is_the_pupils() -> None:
    said, state = five(begun(TRAIN, "60×8"))
    assert "从21时到5时是多少小时？" in said[1]
    assert not any(re.search(r"(?<!\d)8(?!\d)|480", one) for one in said)
    assert "60×□＝（" in said[3]
    assert "对了" in tutor(state, "60×8=480")["answer"]


def test_of_two_numbers_no_sum_is_made_in_words() -> None:
    said, _ = five(begun("甲有3个，乙有5个，一共几个？", "3+5"))
    assert "“甲有3个”和" not in said[1]
    assert "- “甲有3个”\n- “乙有5个”" in said[1]


def test_what_is_measured_is_no_share() -> None:
    said, _ = five(begun("彩带长18米，每朵花用(3/5)米，能做几朵花？", "18÷(3/5)"))
    assert "占了" not in said[2]
    assert "里面有几个" in said[2]


def test_a_model_does_not_word_what_could_point_at_the_answer() -> None:
    _, state = five(begun(BAGS, "(16÷2)÷4"))
    answer = tutor(state)["answer"]
    assert tutor_reword(state, answer, f"{answer}\n答案就写在“每2个装一袋”里。") == answer
    assert tutor_reword(state, answer, answer.replace("自己", "你自己")) == answer
