"""Clauses that have nothing in common with any other."""

from __future__ import annotations

import pytest

from huozhong.acts.useless import without_useless


@pytest.mark.parametrize(
    ("question", "shorter"),
    [
        (
            "一间会议室长12米，钟敲了2下。宽9米，它的面积是多少平方米？",
            "一间会议室长12米，宽9米，它的面积是多少平方米？",
        ),
        (
            "小红有5个苹果，孙阿姨唱了4首歌，又买了7个苹果，一共有几个苹果？",
            "小红有5个苹果，又买了7个苹果，一共有几个苹果？",
        ),
    ],
)
def test_a_clause_of_its_own_is_left_out(question: str, shorter: str) -> None:
    assert without_useless(question) == shorter


@pytest.mark.parametrize(
    "question",
    [
        "小明有5个苹果，又买了7个，一共几个？",
        "一件衣服200元，打八折，现价多少元？",
        "在比例尺是1:2000000的地图上，量得两地的距离是4厘米，两地实际相距多少千米？",
        "王阿姨把20000元存入银行，定期三年，年利率是2.75%，到期能取回多少元？",
        "我今天考了95分，钟敲了2下。",
        "Tom has 5 apples. The clock strikes 2. How many apples does he have?",
        "",
    ],
)
def test_what_may_be_needed_stays(question: str) -> None:
    assert without_useless(question) is None
