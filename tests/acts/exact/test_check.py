"""Sums that somebody says come to something: held against what they do come to."""

from __future__ import annotations

import pytest

from huozhong.acts import labels
from huozhong.acts.exact import do


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("3+5=9对吗", "3+5=8。答：不对，应该是8。"),
        ("7乘8是56吧", "7×8=56。答：对，是56。"),
        ("三加五等于九对吗", "3+5=8。答：不对，应该是8。"),
        ("25×4=100", "25×4=100。答：对，是100。"),
        ("99×99等于9801是不是", "99×99=9801。答：对，是9801。"),
        ("3+5=8，6×7=43，9-4=5 对不对", "3+5=8；6×7=42；9-4=5。答：3个里对了2个。"),
        ("1千米=100米对吗", "1千米=1000米。答：不对，应该是1000米。"),
        ("1公斤是2斤吗", "1公斤=2斤。答：对，是2斤。"),
        ("36÷5=7余2，对吗", "36÷5=7……1。答：不对，应该是7余1。"),
        ("0.5=1/2对吗", "0.5和1/2一样大。答：对，是0.5。"),
        ("1/3=0.33对吗", "1/3>0.33。答：不对，应该是1/3（约0.33）。"),
        ("9.8<9.11 是吗", "9.8>9.11。答：不对，应该是9.8>9.11。"),
        ("是不是45+38=83", "45+38=83。答：对，是83。"),
        ("is 3+5=9 right?", "3+5=8. Answer: not right, it is 8."),
        ("12 times 12 is 144, right?", "12×12=144. Answer: right, it is 144."),
        ("true or false: 1 km = 100 m", "1 km = 1000 metres. Answer: not right, it is 1000 metres."),
    ],
)
def test_a_claim_is_checked(question: str, answer: str) -> None:
    done = do(labels.CHECK, question)
    assert done is not None
    assert done.answer == answer


def test_rounding_is_checked_at_its_places() -> None:
    right, wrong = do(labels.CHECK, "22÷7≈3.14对吗"), do(labels.CHECK, "22÷7≈3.15对吗")
    assert right is not None
    assert "答：对" in right.answer
    assert wrong is not None
    assert "答：不对" in wrong.answer


@pytest.mark.parametrize(
    "question",
    [
        "3+5=?",
        "3+5等于多少",
        "17是质数吗",
        "你是机器人吗",
        "今天是星期一吗",
        "小明有5个苹果，又买了7个，一共13个，对吗",
        "5是什么",
        "我今年8岁对吗",
        "x+5=8对吗",
        "",
    ],
)
def test_what_claims_nothing_is_not_checked(question: str) -> None:
    assert do(labels.CHECK, question) is None
