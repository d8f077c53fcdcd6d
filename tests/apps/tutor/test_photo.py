"""Problems as they come from a photo: letters for digits, broken lines, the number in the book."""

from __future__ import annotations

import pytest

from huozhong.apps.tutor.photo import cleaned


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("1、小明有4O元，买了3支笔，每支\n5元，还剩多少元？", "小明有40元，买了3支笔，每支5元，还剩多少元？"),
        ("王老师带了 1OO 元，买 8 本书，还剩（ ）元？", "王老师带了100元，买8本书，还剩多少元？"),
        ("（2）小红有３６个苹果，\n每天吃４个", "小红有36个苹果，每天吃4个"),
        ("一、应用题\n5．甲有l2个，乙有2lO个", "甲有12个，乙有210个"),
        ("3.5加2是多少", "3.5加2是多少"),
        ("绳子长O.5米", "绳子长0.5米"),
        ("第3题 一条路长12 米", "一条路长12米"),
        ("Tom has 36 apples.\nHe eats 4.", "Tom has 36 apples. He eats 4."),
        ("Bob has 10 books. IV is Roman.", "Bob has 10 books. IV is Roman."),
    ],
)
def test_cleaned(seen: str, meant: str) -> None:
    assert cleaned(seen) == meant
