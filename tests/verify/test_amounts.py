"""Amounts, written and spoken, as exact values and units."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.verify.amounts import amounts


def read(text: str) -> list[tuple[Fraction, str]]:
    return [(amount.value, amount.unit) for amount in amounts(text)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("39.9元", "三十九块九"),
        ("¥199.00", "一百九十九块"),
        ("9.99元", "九块九毛九"),
        ("0.5元", "五毛"),
        ("500g", "五百克"),
        ("1kg", "两斤"),
        ("1.5L", "一千五百毫升"),
        ("8.8折", "八八折"),
        ("12.8%", "百分之十二点八"),
        ("满199减20", "满一百九十九减二十"),
        ("300件", "三百件"),
        ("3.5万件", "三万五千件"),
        ("2袋", "两袋"),
        ("1.8m", "一米八"),
        ("24小时", "二十四小时"),
        ("1,299元", "一千二百九十九块"),
        ("1年", "一年"),
        ("2.5斤", "两斤半"),
        ("1/2", "二分之一"),
        ("190", "一百九"),
        ("9块9", "九块九"),
        ("39块9毛9", "39.99元"),
        ("9毛9", "九毛九"),
        ("1米8", "一米八"),
        ("2斤半", "两斤半"),
        ("半斤", "250g"),
        ("半年", "六个月"),
        ("0.3元", "三毛一片"),
        ("40.05元", "四十块零五"),
        ("2坛", "两坛"),
    ],
)
def test_written_and_spoken_are_the_same(written: str, said: str) -> None:
    assert read(written)
    assert read(written) == read(said)


@pytest.mark.parametrize(
    "text", ["一定要买", "大家一起来", "十分好吃", "千万别错过", "第一次来", "一个苹果", "A2-306", "iPhone15", ""]
)
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read(text) == []


def test_places_are_those_of_the_text() -> None:
    text = "今天三十九块九一斤，买5kg送２袋"
    assert [text[one.start : one.end] for one in amounts(text)] == ["三十九块九", "5", "２"]


def test_a_bare_number_behind_a_price_word_is_money() -> None:
    assert read("只要三百") == [(Fraction(300), "元")]
    assert read("库存300") == [(Fraction(300), "")]
