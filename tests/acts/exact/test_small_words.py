"""Small words say nothing: a question made of them alone is empty, a story never."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.small_words import rest_of


@pytest.mark.parametrize(
    "text", ["请问一下，这道题的结果到底是多少呀？谢谢", "老师好，你能告诉我答案吗", "那么就是说", ""]
)
def test_nothing_is_left_of_small_talk(text: str) -> None:
    assert rest_of(text, english=False) == ""
    assert rest_of("Could you please tell me what the answer is? Thanks!", english=True) == ""


@pytest.mark.parametrize(
    "text", ["小明吃了多少", "妈妈买了一些", "他跑了多少", "还剩多少", "平均每天是多少", "船长是多少"]
)
def test_something_that_happens_is_left(text: str) -> None:
    assert rest_of(text, english=False) != ""
    assert rest_of("How many did Tom eat?", english=True) != ""
