"""Problems are posed with whole results, and what is answered to them is judged."""

from __future__ import annotations

import pytest

from huozhong.acts.choosing import table
from huozhong.acts.posing import judge, pose, posed_in, templates
from huozhong.acts.steps import plain
from huozhong.verify.numbers import Number


def talk(*contents: str) -> list[dict[str, str]]:
    """Turns of the user and the assistant, the user's first and last."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(contents)]


@pytest.mark.parametrize(
    "wish",
    [
        "出一道数学题",
        "给我出一道三年级的应用题",
        "考考我",
        "来一道难一点的题",
        "我想做题",
        "再来一道题",
        "给我出几道口算题吧",
        "give me a math problem",
        "quiz me",
        "Can you give me an easy sum?",
    ],
)
def test_a_problem_is_posed(wish: str) -> None:
    for seed in range(8):
        said = pose(talk(wish), seed)
        assert said is not None
        posed = posed_in(said)
        assert posed is not None
        assert posed.english == wish.isascii()
        assert posed.value > 0
        assert posed.value.denominator == 1


@pytest.mark.parametrize(
    "other",
    ["这道题怎么做", "我不会做题", "出一道英语题", "出个谜语", "给我讲个笑话", "小明出了3道题", "再见", "再来一个", ""],
)
def test_other_wishes_are_not_posed(other: str) -> None:
    assert pose(talk(other), 0) is None


def test_one_more_after_a_sum_or_a_problem_is_a_problem() -> None:
    assert pose(talk("36×25等于多少", "36×25=900。答：900。", "再来一个"), 0) is not None
    assert pose(talk("How many?", "5 + 7 = 12.\nAnswer: 12 apples.", "another one"), 0) is not None
    assert pose(talk("讲个笑话", "从前有座山。", "再来一个"), 0) is None


def test_the_kind_that_is_named_is_taken_and_none_twice() -> None:
    said = pose(talk("出一道分数题"), 1)
    assert said is not None
    assert "(1/" in said
    turns, seen = ["考考我"], set()
    for _ in range(10):
        answer = pose(talk(*turns), 0)
        assert answer is not None
        posed = next(t for t in templates(False) if t.pattern.search(answer))
        assert posed.text not in seen
        seen.add(posed.text)
        turns += [answer, "再来一道"]


def test_every_template_is_judged_in_its_own_words() -> None:
    for english in (False, True):
        for template in templates(english):
            numbers = [first + 2 * step for first, _, step in template.ranges]
            posed = template.posed(numbers)
            assert posed_in(f"前面{posed.text}后面") == posed
            value = plain(Number(posed.value))
            asked = (posed.text, "1" if english else "一")
            right = judge(talk("考考我", posed.text, f"I think {value}" if english else f"我算的是{value}"), 3)
            assert right is not None
            assert right.startswith(("Right", "Yes") if english else ("答对", "对，", "完全正确")), asked
            wrong = judge(talk("考考我", posed.text, "123457"), 3)
            assert wrong is not None
            assert posed.text in wrong
            told = judge(talk("考考我", wrong, "123457"), 3)
            assert told is not None
            assert value in told


def test_giving_up_hints_sums_and_other_things() -> None:
    posed = "看你的了：树上有23只小鸟，又飞来了25只，现在树上有多少只小鸟？"
    assert "23+25=48" in str(judge(talk("考考我", posed, "不会"), 0))
    assert str(judge(talk("考考我", posed, "提示"), 0)).startswith("提示：用加法。")
    assert str(judge(talk("考考我", posed, "23+25=48"), 0)).startswith(("答对", "对，", "完全正确"))
    for other in ("讲个笑话", "你好", "36×25等于多少", "小明有5个苹果，又买了7个，一共几个？"):
        assert judge(talk("考考我", posed, other), 0) is None
    assert judge(talk("48"), 0) is None


def test_all_says_are_in_both_languages() -> None:
    says = table("problems")["says"]
    assert {key[:-3] for key in says} == {"ask", "right", "wrong", "tell"}
    assert all(f"{key[:-3]}_zh" in says and f"{key[:-3]}_en" in says for key in says)


@pytest.mark.parametrize(
    "asked", ["给我讲讲这道题", "这道题给我讲一下", "给我解释这个问题", "你给我说说那道题", "上一道题怎么做的题"]
)
def test_words_about_a_problem_that_is_there_want_no_new_one(asked: str) -> None:
    before = [
        {"role": "user", "content": "一本书有240页，小明每天看16页，几天可以看完？"},
        {"role": "assistant", "content": "240÷16=15（天）。\n答：15天可以看完。"},
    ]
    assert pose([*before, {"role": "user", "content": asked}], 1) is None
