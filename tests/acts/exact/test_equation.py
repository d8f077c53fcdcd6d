"""Equations in one unknown, in signs and in words."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.equation import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("x+5=12", "x=7"),
        ("解方程：3(x-2)=2x+1", "x=7"),
        ("x/3=4", "x=12"),
        ("3:4=x:8", "x=6"),
        ("解比例 3:4=x:8", "x=6"),
        ("□×6=54", "9"),
        ("( )+5=12", "7"),
        ("5+?=12", "7"),
        ("一个数加5等于12，这个数是多少", "x=7"),
        ("一个数的3倍加上5等于20，求这个数", "x=5"),
        ("一个数的一半是12，这个数是多少？", "x=24"),
        ("什么数加8等于15", "x=7"),
        ("Solve for x: 2x+3=7", "x=2"),
        ("2x+3=7, x=?", "x=2"),
        ("If 3y - 4 = 11, what is y?", "y=5"),
        ("What number plus 5 is 12?", "x=7"),
        ("x²=16", "x=4或x=-4"),
        ("x+1=x+2", "方程无解"),
        ("2(x+1)=2x+2", "任意数都是解"),
        ("12÷x=3", "x=4"),
        ("5x=2x+9", "x=3"),
        ("４ｘ－３＝９", "x=3"),
        ("0.5x=3", "x=6"),
        ("x的3倍是12", "x=4"),
        ("已知x+5=12，求x的值", "x=7"),
        ("x-1/2=3/4", "x=1.25"),
        ("20-x=8，x等于几", "x=12"),
        ("y÷4=2.5", "y=10"),
        ("18-2(x+3)=4", "x=4"),
        ("100-3x=40", "x=20"),
        ("某数减去7等于15，某数是多少", "x=22"),
        ("x:5=6:10", "x=3"),
        ("a number minus 3 is 9, what is the number?", "x=12"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "3+5=?",
        "小明有x个苹果，吃了5个剩3个",
        "3x5=15",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
