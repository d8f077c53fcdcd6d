"""Captions while a sentence grows: what stands never changes, and no price is shown before it is said."""

from __future__ import annotations

import random

import pytest
from tests.apps.live.scripted import Scripted

from huozhong.apps.live.agree import Agreement, agreed, sentences, settled
from huozhong.apps.live.grammar import locks
from huozhong.apps.live.names import names

SAID = [
    "今天苹果三十九块九一斤，买两斤送半斤，大家赶紧下单",
    "华为Mate60今晚八点半开抢，原价三千九百九十九现价两千九百九十九只剩三百台了",
    "10块钱三个9块9两包两斤装的橘子包邮大家赶紧下单",
    "第二件半价满199减20，红色有S、M、L、XL、XXL五个码",
    "电话13812345678，身高一米六五体重一百二十斤穿L码",
]


@pytest.mark.parametrize("source", SAID)
def test_what_has_been_read_of_a_growing_source_is_read_alike_in_the_end(source: str) -> None:
    words = names([])
    whole = [(lock.start, lock.fact) for lock in locks(source, words)]
    for length in range(len(source) + 1):
        early = [(lock.start, lock.fact) for lock in locks(settled(source[:length], words), words)]
        assert early == whole[: len(early)], source[:length]


@pytest.mark.parametrize("source", SAID)
@pytest.mark.parametrize("loses", [False, True])
def test_what_stands_never_changes_and_in_the_end_every_fact_is_there_once(source: str, loses: bool) -> None:
    rng = random.Random(source)
    for language in ("en", "ja"):
        caption, stood, length = Agreement(language), "", 0
        translator = Scripted(loses=loses)
        while length < len(source):
            length += rng.randint(1, 5)
            caption.grow(source[:length], names([]), translator, final=False)
            assert caption.stands.startswith(stood)
            stood = caption.stands
        caption.grow(source, names([]), translator, final=True)
        assert caption.stands.startswith(stood)
        assert "⟦" not in caption.stands
        assert caption.guess == ""
    if source == SAID[0]:
        for shown in ("¥39.9 per 500 g", "1 kg", "250 g"):
            assert whole_caption(source, loses).count(shown) == 1


def whole_caption(source: str, loses: bool) -> str:
    caption = Agreement("en")
    caption.grow(source, names([]), Scripted(loses=loses), final=True)
    return caption.stands


def test_two_translations_stand_as_far_as_they_agree_in_whole_words() -> None:
    assert agreed("today the apples are", "today the apple pie") == "today the"
    assert agreed("", "today") == ""
    assert agreed("today ⟦1⟧ apples", "today ⟦1⟧ pears") == "today ⟦1⟧"
    assert agreed("the same", "the same") == "the same"
    assert agreed("今日はりんごが安い", "今日はりんごを買う") == "今日はり"


def test_something_stands_before_the_sentence_is_over() -> None:
    caption = Agreement("en")
    source = "今天大家赶紧下单买苹果好吃的苹果包邮"
    for length in range(4, len(source), 4):
        caption.grow(source[:length], names([]), Scripted(), final=False)
    assert caption.stands.startswith("today everyone quickly order")


def test_sentences_end_where_a_mark_ends_them() -> None:
    assert sentences("好。来了！还有") == (["好。", "来了！"], "还有")
    assert sentences("。。\n三块五\n") == (["三块五"], "")
    assert sentences("39.9元") == ([], "39.9元")
