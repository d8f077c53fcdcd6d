"""So much for so many."""

from __future__ import annotations

import pytest

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.verify.arithmetic import check_steps


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("三斤苹果15元，买八斤要多少元？", "40元"),
        ("三斤15元买八斤多少钱", "40元"),
        ("5本本子12.5元，20元能买几本", "8本"),
        ("5本本子12.5元，21元能买几本", "最多买8本"),
        ("15元买3斤苹果，买8斤要多少元", "40元"),
        ("6瓶水9块，10瓶多少钱", "15元"),
        ("半斤8元，三斤多少元", "48元"),
        ("两斤半12.5元，四斤多少钱", "20元"),
        ("5块钱3个，20块钱能买几个", "12个"),
        ("两打鸡蛋有多少个", "24个"),
        ("3打铅笔一共有多少支", "36支"),
        ("半打鸡蛋有几个", "6个"),
        ("3 pens cost $4.50, how much do 7 pens cost?", "$10.50"),
    ],
)
def test_one_is_found_first(question: str, short: str) -> None:
    done = do(labels.RATE, question)
    assert done is not None
    assert done.short == short
    assert check_steps("\n".join(done.lines)).all_correct


@pytest.mark.parametrize(
    "question",
    [
        "买3斤苹果和15元的梨，又买8斤，多少钱",
        "6张50元的人民币可以兑换多少张20元的人民币",
        "一根木料，锯成4段要付费1.2元，如果要锯成12段要付费多少元",
        "每斤5元，买3斤，付20元，找回多少元",
        "3斤15元，打八折后多少元",
        "",
    ],
)
def test_other_stories_are_left_to_the_model(question: str) -> None:
    assert do(labels.RATE, question) is None
