"""What a rule is sure of, and what it leaves to the model."""

from __future__ import annotations

import re

import pytest

from huozhong.acts.choosing import table
from huozhong.acts.labels import (
    CHECK,
    CLOCK,
    JUDGE_RESULT,
    LABELS,
    PAIR,
    RATE,
    SURE_ACTS,
    TELL_PROBLEM,
    cannot_label,
    talk_label,
)
from huozhong.acts.sure import sure, verdict
from huozhong.acts.turn import Forced, Turn


def talk(*contents: str) -> list[dict[str, str]]:
    """Turns of the user and the assistant, the user's first and last."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(contents)]


SUM = ("3+5等于几", "3+5=8。答：8。")
PROBLEM = ("小明有5个苹果，又买了7个，一共几个？", "5+7=12（个）。\n答：一共12个。")


@pytest.mark.parametrize(
    ("turns", "label"),
    [
        (("3+5=9对吗",), CHECK),
        ((*SUM, "是9吗"), CHECK),
        ((*PROBLEM, "我算的是13对吗"), CHECK),
        (("从8:30到10:15多久",), CLOCK),
        (("今天星期三，再过10天星期几",), CLOCK),
        (("小红早上6:50起床，比妈妈晚20分钟，妈妈几点起床",), CLOCK),
        (("鸡兔同笼，头35个，脚94只，各有多少只",), PAIR),
        (("三斤15元，买八斤多少元",), RATE),
        (("出一道数学题",), TELL_PROBLEM),
        ((*PROBLEM, "再来一道"), TELL_PROBLEM),
        (("考考我", "请听题：树上有23只小鸟，又飞来了25只，现在树上有多少只小鸟？", "48"), JUDGE_RESULT),
        (("现在几点了",), cannot_label("时事")),
        (("What time is it?",), cannot_label("时事")),
        (("今天星期几",), cannot_label("时事")),
        (("再过3小时是几点？",), cannot_label("时事")),
        (("你会取代人类吗",), talk_label("生活")),
        (("你去死吧",), talk_label("调侃")),
        (("you are stupid",), talk_label("调侃")),
    ],
)
def test_a_rule_knows_it_and_nothing_else_can_be_written(turns: tuple[str, ...], label: str) -> None:
    found = sure(talk(*turns), 0)
    assert found is not None
    assert found[0] == label
    turn = Turn(talk(*turns))
    assert turn.is_sure
    assert [one for one in LABELS if turn.possible(one)] == [label]
    said = turn.next(label)
    assert isinstance(said, Forced)
    assert said.answer


@pytest.mark.parametrize(
    "turns",
    [
        ("你好",),
        ("小明有5个苹果，又买了7个，一共几个？",),
        ("36×25等于多少",),
        ("讲个笑话",),
        ("我好难过",),
        ("是12吗",),
        ("我今年8岁",),
        ("星期一看了12页，星期二看了15页，一共几页",),
        ("火车上午8时出发，每小时行80千米，11时到达，行了多少千米",),
        ("写一首关于月亮的诗",),
        ("我好笨啊，什么都学不会",),
    ],
)
def test_the_rest_is_the_models(turns: tuple[str, ...]) -> None:
    assert sure(talk(*turns), 0) is None
    assert not any(Turn(talk(*turns)).possible(label) for label in SURE_ACTS)


def test_a_claim_is_held_against_what_was_answered() -> None:
    def said(*turns: str) -> str:
        found = sure(talk(*turns), 0)
        assert found is not None
        assert isinstance(found[1], str)
        return found[1]

    assert said(*SUM, "是9吗").startswith("不对，是8，不是9")
    assert said(*SUM, "是8吗") == "对，就是8。"
    assert "不一样" in said(*PROBLEM, "我算的是13对吗")  # a plan may be wrong itself
    assert "一样，对" in said(*PROBLEM, "我算的是12对吗")
    assert verdict("答：没有。", 3, english=False) == "这个我没有把握。"  # type: ignore[arg-type]


def test_pointed_words_have_a_reply_in_both_languages() -> None:
    assert len(table("pointed")["reviewed"]) > 60
    for part in table("pointed")["talk"]:
        assert talk_label(part["label"]) in LABELS
        assert part["zh"]
        assert part["en"]
        re.compile(part["when"])
        assert all(len(text) < 160 for text in (*part["zh"], *part["en"]))
