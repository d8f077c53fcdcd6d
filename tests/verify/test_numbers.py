"""The numbers of a question: all that are meant as numbers, and nothing that is a word."""

from __future__ import annotations

import re
import time
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huozhong.verify.numbers import Number, first_line, mentions, show, tidy, told


def line(text: str) -> str:
    return first_line(told(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("小明有五个苹果，吃了两个", "a=5，b=2"),
        ("有16个苹果，２４个梨", "a=16，b=24"),
        ("1,200米的3/4", "a=1200，b=(3/4)"),
        ("3(1/2)千克和1又1/2千克", "a=(7/2)，b=(3/2)"),
        ("占80%，又占２５％，再占百分之十二点五", "a=80%，b=25%，c=12.5%"),
        ("两百零五元", "a=205"),
        ("白菜每斤2块5，买3斤", "a=2.5，b=3"),
        ("一支3块5毛的笔，两块五一个的橡皮", "a=3.5，b=2.5"),
        ("有2块3米长的布，20块5种颜色的糖", "a=2，b=3，c=20，d=5"),
        ("三个半西瓜，半小时，2个半小时", "a=3.5，b=(1/2)，c=2.5"),
        ("一打鸡蛋", "a=12"),
        ("全长的三分之二", "a=(2/3)"),
        ("打八折，再打八五折，最后打9折", "a=0.8，b=0.85，c=0.9"),
        ("三成", "a=0.3"),
        ("五千克米", "a=5"),
        ("跑了三千五百米", "a=3500"),
        ("二十减八", "a=20，b=8"),
        ("一加一等于几", "a=1"),
        ("一个数的三倍是十五", "a=3，b=15"),
        ("每周三次", "a=3"),
        ("两根绳子", "a=2"),
        ("half a dozen eggs, twenty-three apples and two and a half pies", "a=6，b=23，c=2.5"),
        ("Tom gives one third of two hundred and five marbles, twice", "a=(1/3)，b=205，c=2"),
        ("20 percent of 1,500 and fifty percent", "a=20%，b=1500，c=50%"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, expected: str) -> None:
    assert line(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "第一次", "一起走", "一共多少", "一边", "星期三", "一些", "一定", "三年级", "二月", "十字路口", "三角形",
        "百货商场", "四边形",
        "半径", "上半年", "一半", "十分高兴", "千方百计", "几十个", "两三个", "十几个", "甲、乙两车", "两地相距",
        "两人一共", "他们俩", "二班",
        "九牛一毛", "一辆车", "万一", "each one of us", "the other one",
    ],
)  # fmt: skip
def test_words_that_are_no_numbers(text: str) -> None:
    assert told(text) == []


def test_ten_thousand_belongs_to_the_unit_until_somebody_minds() -> None:
    assert line("今年生产4.5万吨，去年3.8万吨，多多少万吨") == "a=4.5，b=3.8"
    assert line("有3万元，花了2000元，还剩多少元") == "a=30000，b=2000"
    assert line("3.5万和34000哪个大") == "a=35000，b=34000"


def test_a_quotient_is_no_fraction() -> None:
    assert line("40000-82620/27等于多少") == "a=40000，b=82620，c=27"
    assert line("60/12是多少") == "a=60，b=12"


def test_told_once_each_and_at_most_as_many_as_there_are_letters() -> None:
    assert line("5个人，每人5本，共25本") == "a=5，b=25"
    assert line("50%和1/2和0.5") == "a=50%，b=(1/2)，c=0.5"
    assert len(told("，".join(map(str, range(100, 200))))) == 26


def test_places_in_the_text() -> None:
    text = "小明有２３个，吃了三分之一"
    assert [text[m.start : m.end] for m in mentions(text)] == ["２３", "三分之一"]


@given(st.text("0123456789./%()（）又个半一二三两百千万亿点分之折成打 ,，．abxX-", max_size=40))
def test_nothing_breaks_it(text: str) -> None:
    found = mentions(text)
    assert all(0 <= a.start < a.end <= b.start for a, b in pairwise(found))
    assert all(m.end <= len(text) for m in found)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=10))
def test_plain_digits_are_always_told(values: list[int]) -> None:
    text = "、".join(f"{value}个" for value in values)
    assert told(text) == [Number(Fraction(value)) for value in dict.fromkeys(values)]


@given(
    st.fractions(min_value=0, max_value=10**6, max_denominator=10**4),
    st.sampled_from(["decimal", "fraction", "percent"]),
)
def test_what_is_shown_is_read_back(value: Fraction, style: str) -> None:
    written = show(value, style)  # type: ignore[arg-type]
    found = mentions(f"共{written}，")
    assert [m.number.value for m in found] == [value]


def test_tidy_changes_nothing_but_width() -> None:
    text = "３６×２５－１４＝？（ａ）％"
    assert tidy(text) == "36×25-14=？(a)%"
    assert len(tidy(text)) == len(text)


def test_a_question_is_read_in_a_moment() -> None:
    text = "学校买来3箱苹果，每箱25千克，第一天吃了三分之一，第二天吃了二十千克，还剩多少千克？" * 3
    started = time.process_time()
    for _ in range(20):
        told(text)
    assert (time.process_time() - started) / 20 < 0.05
    assert re.match("a=3", line(text))
