"""A result that somebody claims is taken off the problem, and nothing else is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.acts.claims import claim


@pytest.mark.parametrize(
    "message",
    [
        "我算的是12对吗",
        "是12吗",
        "12个，对不对？",
        "答案是12吗",
        "等于12吧",
        "我得12",
        "老师说是12，对吗",
        "不是12吗",
        "应该是12个吧",
        "I got 12. Is that right?",
        "is it 12?",
        "Is the answer 12?",
        "My answer is 12 apples, right?",
    ],
)
def test_a_result_alone(message: str) -> None:
    found = claim(message)
    assert found is not None
    assert (found.problem, found.value) == ("", Fraction(12))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("小明有5个苹果，又买了7个，一共13个，对吗", "小明有5个苹果，又买了7个，一共多少个？"),
        ("小明有5个苹果，又买了7个，一共几个？我算的是13，对吗", "小明有5个苹果，又买了7个，一共几个？"),
        ("Tom has 5 apples and buys 7. How many? I got 13, is that right?", "Tom has 5 apples and buys 7. How many?"),
        ("一本书240页，每天看12页，看完要13天，是不是", "一本书240页，每天看12页，看完要多少天？"),
    ],
)
def test_a_result_at_the_end_of_a_problem(message: str, problem: str) -> None:
    found = claim(message)
    assert found is not None
    assert (found.problem, found.value) == (problem, Fraction(13))


@pytest.mark.parametrize(
    "message",
    [
        "你是5岁吗",
        "我今年8岁",
        "我有12个朋友",
        "我考了95分",
        "我是3年级",
        "那是10月吗",
        "现在是3点吗",
        "是吗",
        "你好吗",
        "小明有5个苹果，又买了7个，对吗",
        "成绩是9.467分，比跳马多0.35分，她两项共得分多少？",
    ],
)
def test_what_claims_no_result(message: str) -> None:
    assert claim(message) is None
