"""Whether halves can be meant by what a problem asks for."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.acts.asked import asks_two, asks_whole, is_follow_up, rounded
from huozhong.acts.solve import parse
from huozhong.acts.wording import worded
from huozhong.verify.numbers import told


@pytest.mark.parametrize(
    "question",
    [
        "小明有5个苹果，吃了2个，还剩几个？",
        "学校有男生120人，女生比男生少20人，一共有多少人？",
        "每支铅笔2元，10元可以买几支？",
        "食堂运来多少只鸡？",
        "Tom has 3 apples and buys 5 more. How many apples does he have?",
    ],
)
def test_things_are_whole(question: str) -> None:
    assert asks_whole(question)


@pytest.mark.parametrize(
    "question",
    [
        "这根绳子有多少米？",
        "做一个要用(3/4)米彩绳，想做6个，至少要多少米？小英想做几个？一共要多少米彩绳？",
        "平均每人分到几个苹果？",
        "苹果的个数是梨的多少倍？",
        "计划生产12.5万辆自行车，已经生产60%，还有多少辆没有生产？",
        "11.7里面有多少个2.6？",
        "几小时后相遇？",
        "过了几个月？",
        "几个小时能到？",
        "How many hours does it take?",
        "How many apples does each child get on average?",
        "How many more kilometres are left?",
        "你好",
        "",
    ],
)
def test_halves_can_be_meant(question: str) -> None:
    assert not asks_whole(question)


@pytest.mark.parametrize(
    ("question", "value", "meant"),
    [
        ("35人去参观，每辆车坐8人，至少要几辆车？", "35/8", "5"),
        ("有23个鸡蛋，每盒装6个，至少需要几个盒子？", "23/6", "4"),
        ("每套用布3米，20米布最多可以做几套？", "20/3", "6"),
        ("35 people, 8 in each car. How many cars are needed at least?", "35/8", "5"),
        ("35人去参观，每辆车坐7人，至少要几辆车？", "5", "5"),
        ("35人去参观，每辆车坐8人，要几辆车？", "35/8", "35/8"),  # a plan that cannot be meant
        ("一根绳子剪成8段，每段至少多少米？", "35/8", "35/8"),
    ],
)
def test_things_are_rounded_as_the_question_says(question: str, value: str, meant: str) -> None:
    assert rounded(question, Fraction(value)) == Fraction(meant)


def test_a_rounded_answer_says_why() -> None:
    question = "35人去参观，每辆车坐8人，至少要几辆车？"
    assert worded(question, told(question), parse("35÷8")).split("\n") == [
        "35÷8=4.375（辆）。",
        "要取整数，不足一份的也要算一份，所以是5辆。",
        "答：至少要5辆车。",
    ]
    english = "35 people, 8 in each car. How many cars are needed at least?"
    assert "It has to be a whole number, so it is 5." in worded(english, told(english), parse("35÷8"))


def test_more_than_one_number_is_asked_for() -> None:
    for question in (
        "甲乙各有多少个？",
        "长和宽分别是多少厘米？",
        "一共多少元？还剩多少元？",
        "How many of each are there?",
    ):
        assert asks_two(question), question
    for question in ("一共多少元？", "她各买20本，一共花了多少钱？", "平均每人各有多少个？", "还剩几个", ""):
        assert not asks_two(question), question


def test_what_goes_on_from_the_question_before() -> None:
    assert is_follow_up("如果剪去50厘米呢？")
    assert is_follow_up("What if he buys 7?")
    assert not is_follow_up("小明有5个苹果，吃了2个")
