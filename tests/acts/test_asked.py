"""Whether halves can be meant by what a problem asks for."""

from __future__ import annotations

import pytest

from huozhong.acts.asked import asks_whole


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
