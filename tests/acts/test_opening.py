"""Kinds of talk told apart: what is never confused, what is no opinion, and the weights as they are shipped."""

from __future__ import annotations

import numpy as np
import pytest

from huozhong.acts import opening
from huozhong.acts.labels import CANNOT_KINDS, TALK_KINDS, TELL_IDIOM, TELL_JOKE, TELL_RIDDLE, TELL_SAYING
from huozhong.acts.labels import cannot_label as cannot
from huozhong.acts.labels import talk_label as talk

SAID = {
    "你好呀": talk("问候"),
    "Good evening!": talk("问候"),
    "你到底是谁": talk("介绍"),
    "谢谢老师": talk("感谢"),
    "拜拜，明天见": talk("告别"),
    "我今天好难过，想哭": talk("难过"),
    "我发烧了，嗓子疼": talk("生病"),
    "好无聊啊没事干": talk("无聊"),
    "帮我把这段话翻译成英文": cannot("翻译"),
    "明天会下雨吗": cannot("时事"),
    "太阳为什么会发光": cannot("知识"),
    "写一段Python代码": cannot("编程"),
    "再讲个笑话听听": TELL_JOKE,
    "出个谜语考考我": TELL_RIDDLE,
}


@pytest.mark.parametrize(("text", "label"), SAID.items())
def test_what_is_said_every_day_is_told_apart(text: str, label: str) -> None:
    assert label in opening.likely(text)
    assert len(opening.likely(text)) <= 2


def test_every_kind_of_talk_is_known() -> None:
    told = {*map(talk, TALK_KINDS), *map(cannot, CANNOT_KINDS), TELL_JOKE, TELL_RIDDLE, TELL_IDIOM, TELL_SAYING}
    assert opening.known() == told


def test_features_do_not_depend_on_case_blanks_or_its_name() -> None:
    assert np.array_equal(opening.features("  Hello Ember "), opening.features("hello 小火苗"))
    assert len(opening.features("你好" * 1_000_000)) < 1000  # a megabyte is not read to its end
    assert opening.features("").size


def test_chances_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    weights_DL = rng.normal(size=(opening.BUCKETS, 7)).astype(np.float32)
    chances = opening.chances(weights_DL, 1.0, np.zeros(7, np.float32), "你好 hello there")
    assert chances.shape == (7,)
    assert chances.sum() == pytest.approx(1)
