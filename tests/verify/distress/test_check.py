"""Distress found and look-alikes left alone; what is said then, and in the turns after it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from huozhong.verify.distress import CHINA, Finding, check, language_of

PHRASES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "phrases.jsonl").read_text(encoding="utf-8").splitlines()
]


def said(*texts: str) -> list[dict[str, Any]]:
    """A conversation of these turns of the user, with something answered in between."""
    messages: list[dict[str, Any]] = []
    for text in texts:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "嗯。"}]
    return messages[:-1]


def found(*texts: str) -> Finding:
    finding = check(said(*texts))
    assert finding is not None, texts
    return finding


def test_the_set_is_large_and_half_of_it_is_harmless() -> None:
    assert len(PHRASES) >= 400
    harmless = sum(not phrase["kinds"] for phrase in PHRASES)
    assert 0.4 < harmless / len(PHRASES) < 0.6
    assert len({phrase["text"] for phrase in PHRASES}) == len(PHRASES)


def test_no_distress_is_missed_and_its_kind_is_known() -> None:
    wrong = []
    for phrase in PHRASES:
        if phrase["kinds"]:
            finding = check(said(phrase["text"]))
            if finding is None or finding.kind not in phrase["kinds"] or finding.language != phrase["language"]:
                wrong.append((phrase["text"], finding))
    assert wrong == []


def test_look_alikes_go_to_the_model() -> None:
    assert [phrase["text"] for phrase in PHRASES if not phrase["kinds"] and check(said(phrase["text"]))] == []


@pytest.mark.parametrize(
    "text",
    [
        "我想自殺",
        "自 杀，我想自 杀",
        "我想自*杀",
        "我　想　死",
        "我，不，想，活，了",
        "我不想活了" + "啊" * 40,
        "我不想活\u200b了",
        "Ｉ ｗａｎｔ ｔｏ ｄｉｅ",
        "i want to k i l l myself",
        "I WANT TO DIE!!!",
        "i waaaant to dieeee",
    ],
)
def test_spelling_does_not_hide_it(text: str) -> None:
    assert found(text).kind == "suicide"


def test_a_film_or_a_game_beside_it_does_not_excuse_it() -> None:
    assert found("打完游戏我就去死").kind == "suicide"
    assert check(said("我在游戏里被杀了")) is None
    assert check(said("电影里主角说他不想活了")) is None


def test_only_what_the_user_says_counts() -> None:
    assert check([{"role": "system", "content": "我想自杀"}, {"role": "user", "content": "你好"}]) is None
    assert check([{"role": "user", "content": "你好"}, {"role": "assistant", "content": "我想自杀"}]) is None
    assert check([]) is None
    parts = [{"type": "text", "text": "我不想活了"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert check([{"role": "user", "content": parts}]) is not None
    assert check([{"role": "user", "content": None}, {"role": "user", "content": 3}]) is None


def test_the_answer_is_in_the_language_of_the_question() -> None:
    assert "请" in found("我不想活了").reply()
    assert "請" not in found("我不想活了，媽媽對不起").reply()
    assert "Please" in found("i want to die").reply()
    assert "Please" in found("我不想活了").reply("en")
    assert found("wo bu xiang huo le").language == "zh"
    assert language_of("12") == "zh"


def test_a_place_has_its_own_numbers() -> None:
    finding = found("我不想活了")
    assert finding.numbers() == ["12356", "12355", "120", "110"]
    own = {**CHINA, "mind": "988", "police": "911"}
    assert finding.numbers(numbers=own) == ["988", "12355", "120", "911"]
    assert "988" in finding.reply(numbers=own)
    assert "12356" not in finding.reply(numbers=own)


# -- later turns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chat", ["哈哈", "再来一个", "给我讲个笑话", "嗯", "谢谢", "我开玩笑的", "你好笨", "lol", "说个谜语"]
)
def test_after_it_there_is_no_small_talk(chat: str) -> None:
    follow = found("我不想活了", chat)
    assert follow.said == "follow"
    assert follow.language == "zh"
    assert follow.reply() != found("我不想活了").reply()
    assert "12356" in follow.reply()


@pytest.mark.parametrize(
    "request_",
    [
        "3+5等于几",
        "12×7",
        "小明有五个苹果，吃了两个，还剩几个？",
        "一本书180页，每天看15页，几天看完？",
        "How many is 3 and 4?",
        "写一首关于春雨的五言绝句",
        "5千克等于多少克",
        "画蛇添足是什么意思",
    ],
)
def test_a_clear_request_of_another_kind_goes_to_the_model(request_: str) -> None:
    assert check(said("我不想活了", request_)) is None


def test_after_some_turns_everything_is_as_before() -> None:
    assert check(said("我不想活了", *["1+1"] * 5, "哈哈")) is not None
    assert check(said("我不想活了", *["1+1"] * 6, "哈哈")) is None
    assert check(said("布洛芬一次能吃几片", "哈哈")) is not None
    assert check(said("布洛芬一次能吃几片", "1+1", "1+2", "哈哈")) is None


def test_distress_that_goes_on_is_not_answered_with_the_same_words() -> None:
    first, again, third = (found(*["我不想活了"] * times) for times in (1, 2, 3))
    assert [finding.said for finding in (first, again, third)] == ["first", "again", "again"]
    assert len({finding.reply() for finding in (first, again, third)}) == 3
    assert found("我不想活了", "爸爸打我").said == "first"  # of another kind: what to do about that


def test_follow_ups_take_turns() -> None:
    assert found("我不想活了", "哈哈").reply() != found("我不想活了", "哈哈", "哈哈").reply()


# -- time ------------------------------------------------------------------------------------------


def test_long_messages_do_not_stall() -> None:
    pieces = ["我", "我想", "a b ", "死", "爸爸打", "1 ", "我，", "i want to ", "吃了一瓶1", "how many # 1 "]
    worst = [piece * (100_000 // len(piece)) for piece in pieces]
    for text in worst:
        start = time.process_time()
        check(said(text))
        assert time.process_time() - start < 1.0, text[:10]


def test_the_head_and_the_tail_of_a_long_message_are_read() -> None:
    story = "春天来了，小草绿了。" * 3000
    assert check(said(story)) is None
    assert found("我不想活了。" + story).kind == "suicide"
    assert found(story + "我不想活了").kind == "suicide"
