"""Questions in one unit of each kind, exactly, and left alone where that cannot be meant."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.acts.one_unit import in_one_unit, like_before


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("绳子长3米，剪去80厘米，还剩多少？", "绳子长300厘米，剪去80厘米，还剩多少？"),
        ("小红有5元，买本子花了3元5角，还剩多少钱？", "小红有5元，买本子花了3.5元，还剩多少钱？"),
        ("一块橡皮8角，一支铅笔1元2角，一共多少钱？", "一块橡皮0.8元，一支铅笔1.2元，一共多少钱？"),
        ("3公斤苹果，吃了2斤，还剩几斤？", "6斤苹果，吃了2斤，还剩几斤？"),
        ("3吨煤，每天烧150千克，能烧多少天？", "3000千克煤，每天烧150千克，能烧多少天？"),
        ("汽车的速度是60千米/时，行了40分钟，行了多少千米？", "汽车的速度是60千米/时，行了(2/3)小时，行了多少千米？"),
        ("小明每分钟走60米，走1.5千米要多少分钟？", "小明每分钟走60米，走1500米要多少分钟？"),
        ("苹果1千克8元，买500克要多少元？", "苹果1千克8元，买0.5千克要多少元？"),
        (
            "一块地2公顷，种菜用去8000平方米，还剩多少平方米？",
            "一块地20000平方米，种菜用去8000平方米，还剩多少平方米？",
        ),
        ("水箱长60厘米，宽5分米，高4分米，容积多少升？", "水箱长6分米，宽5分米，高4分米，容积多少升？"),
        (
            "教室长8米，宽6米，每张课桌占面积50平方分米，可放多少张？",
            "教室长80分米，宽60分米，每张课桌占面积50平方分米，可放多少张？",
        ),
        ("一瓶水1升，喝了350毫升，还剩多少毫升？", "一瓶水1000毫升，喝了350毫升，还剩多少毫升？"),
        ("看电影1小时45分，看书50分钟，一共多少分钟？", "看电影105分钟，看书50分钟，一共多少分钟？"),
        (
            "A bag holds 2 kg of rice. We eat 350 g. How many grams are left?",
            "A bag holds 2000 grams of rice. We eat 350 g. How many grams are left?",
        ),
        (
            "Tom has $5. A pen costs 80 cents. How much money is left?",
            "Tom has $5. A pen costs 0.8 dollars. How much money is left?",
        ),
    ],
)
def test_two_units_become_one(question: str, shown: str) -> None:
    found = in_one_unit(question)
    assert found.text == shown
    assert found.facts


def test_whole_numbers_stay_whole_and_the_result_is_converted() -> None:
    found = in_one_unit("一袋米重5千克，吃掉800克，还剩多少千克？")
    assert found.text == "一袋米重5000克，吃掉800克，还剩多少克？"
    assert found.converted(Fraction(4200)) == Fraction("4.2")
    area = in_one_unit("长方形地长3米，宽80厘米，面积是多少平方米？")
    assert area.text == "长方形地长300厘米，宽80厘米，面积是多少平方厘米？"
    assert area.converted(Fraction(24000)) == Fraction("2.4")


@pytest.mark.parametrize(
    "question",
    [
        "每千克海水含盐30克，5千克海水含盐多少克？",
        "地图上1厘米表示50千米，3厘米表示多少千米",
        "比例尺1:50000，图上3厘米，实际多少千米？",
        "小明每天看书2小时，5天看多少小时",
        "小明考了95分，用了2小时，比小红多5分",
        "小明6:30起床，用了40分钟，又用了1小时",
        "百公里油耗为8升，每天行驶30公里，每升7.2元，每天多少元",
        "绳子长3米，剪去1米，还剩多少米？",
        "小明有5个苹果，又买了7个，一共几个？",
        "",
    ],
)
def test_what_is_left_alone(question: str) -> None:
    assert in_one_unit(question).text == question


def test_a_follow_up_takes_the_units_of_the_question_before() -> None:
    before = "绳子长3米，剪去80厘米，还剩多少？"
    assert like_before("如果剪去1米呢？", before).text == "如果剪去100厘米呢？"
    assert like_before("如果剪去50厘米呢？", before).text == "如果剪去50厘米呢？"
