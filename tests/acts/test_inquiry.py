"""A plan is relied on only where everything that a model says about it agrees."""

from __future__ import annotations

import pytest

from huozhong.acts.inquiry import inquiry

APPLES = "小明有36个苹果，每天吃4个，吃了5天，还剩几个？"
GOOD, TWIN = "4×5=20\n36-20=16\n答：16", "4×5=20\n108-20=88\n答：88"


def test_a_model_that_shows_its_working_is_asked_again_and_for_a_twin() -> None:
    assert inquiry(APPLES, []) == (APPLES, None)
    assert inquiry(APPLES, [GOOD]) == (f"应用题：{APPLES}", None)
    assert inquiry(APPLES, [GOOD, GOOD]) == (APPLES.replace("36", "108"), None)
    question, plan = inquiry(APPLES, [GOOD, GOOD, TWIN])
    assert (question, plan) == (f"今天老师出了一道题。{APPLES}", None)
    assert inquiry(APPLES, [GOOD, GOOD, TWIN, GOOD]) == (f"{APPLES}（要写出每一步）", None)
    question, plan = inquiry(APPLES, [GOOD, GOOD, TWIN, GOOD, GOOD])
    assert (question, str(plan)) == ("", "36-4×5")


def test_what_a_rule_reads_is_not_asked() -> None:
    question, plan = inquiry("笼子里有鸡和兔共8只，脚有26只，兔有几只？", [])
    assert (question, str(plan)) == ("", "(26-2×8)÷(4-2)")


def test_a_model_that_does_not_is_told_how() -> None:
    question, _ = inquiry(APPLES, ["还剩16个。"])
    assert "请分步列式" in question
    question, _ = inquiry(APPLES, ["还剩16个。", GOOD])
    assert question.startswith(APPLES.replace("36", "108"))
    assert "请分步列式" in question
    assert str(inquiry(APPLES, ["还剩16个。", GOOD, TWIN])[1]) == "36-4×5"


@pytest.mark.parametrize(
    "said",
    [
        ["还剩16个。", "还剩16个。"],
        [GOOD, "36-4=32\n32-5=27\n答：27"],
        [GOOD, "不会"],
        [GOOD, GOOD, "108-36=72\n答：72"],
        [GOOD, GOOD, "不会"],
        [GOOD, "36÷4=9\n9+5=14\n答：14"],
        [GOOD, GOOD, TWIN, "36-4=32\n答：32"],
        ["36-5=31\n答：31", "36-5=31\n答：31"],  # agrees with itself, and leaves a number aside
    ],
)
def test_whatever_does_not_agree_is_no_plan(said: list[str]) -> None:
    assert inquiry(APPLES, said) == ("", None)


def test_a_plan_whose_units_do_not_come_out_has_to_stand_another_wording() -> None:
    problem = "一辆自行车车轮的周长是1.8米，转200圈能走多少米？"
    answer = "1.8×200=360\n答：360米"
    said = [answer, answer, "1.8×600=1080\n答：1080米", answer, answer]
    question, plan = inquiry(problem, said)
    assert "请分步列式" in question
    assert plan is None
    assert inquiry(problem, [*said, said[0]])[1] is not None
    assert inquiry(problem, [*said, "200÷1.8=111\n答：111"]) == ("", None)


def test_what_is_counted_is_not_multiplied_by_itself() -> None:
    problem = "三年级有105名同学，每7人一组，每组发4本书，一共要发多少本书？"
    wrong = "105×7=735\n735×4=2940（本）\n答：2940本"
    assert inquiry(problem, [wrong, wrong]) == ("", None)
