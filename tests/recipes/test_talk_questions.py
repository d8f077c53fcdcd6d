"""What ember is taught to hear: every kind is there and can be answered, and nothing of what will judge it is in it."""

from __future__ import annotations

import json
import random
import re
import sys
from itertools import islice
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "recipes/ember"
sys.path.insert(0, str(RECIPE))

import talk_questions  # noqa: E402

from huozhong.acts import labels  # noqa: E402
from huozhong.acts.tables import reply  # noqa: E402
from huozhong.exam.questions import written_questions  # noqa: E402


def asked(count: int) -> list[tuple[list[dict[str, str]], str]]:
    return list(islice(talk_questions.questions(random.Random(3)), count))


def test_every_kind_is_asked_in_both_languages_and_can_be_answered() -> None:
    rows = asked(6000)
    expected = {
        *labels.TABLE_ACTS,
        *map(labels.talk_label, labels.TALK_KINDS),
        *map(labels.cannot_label, labels.CANNOT_KINDS),
    }
    assert {label for _, label in rows} == expected
    english = {label for messages, label in rows if messages[-1]["content"].isascii()}
    assert english >= expected - {labels.IDIOM, labels.SAYING}
    for messages, label in rows[:500]:
        assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"]
        assert reply(label, messages, 0) is not None
    assert asked(50) == rows[:50]


def test_later_turns_come_after_what_ember_really_says() -> None:
    rows = asked(2000)
    judged = [messages for messages, label in rows if label == labels.JUDGE_RIDDLE]
    assert all("猜" in m[-2]["content"] or "Riddle" in m[-2]["content"] or "hint" in m[-2]["content"] for m in judged)
    assert all(len(messages) > 1 for messages, label in rows if label == labels.ONE_MORE)


def test_nothing_of_what_judges_ember_is_taught() -> None:
    def bare(text: str) -> str:
        return re.sub(r"[\W_]", "", text).lower()

    taught = {bare(messages[-1]["content"]) for messages, _ in asked(20_000)}
    lines = "".join((RECIPE / name).read_text(encoding="utf-8") for name in ("everyday.jsonl", "everyday_later.jsonl"))
    everyday = [json.loads(line) for line in lines.splitlines()]
    assert len(everyday) == 120
    fresh = [row for row in everyday if not row.get("taught")]  # everybody says "What's your name?"
    assert len(fresh) == 113
    assert not taught & {bare(row["messages"][-1]["content"]) for row in fresh}
    assert not taught & {bare(q.question) for q in written_questions("out_of_scope_fresh")}
    assert all(label in labels.LABELS for row in everyday for label in row["expected"])


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("用Python写一个爬虫", "编程"),
        ("把这句话翻译成英语", "翻译"),
        ("写一篇关于春天的作文", "写作"),
        ("明天会下雨吗", "时事"),
        ("证明勾股定理", "难题"),
        ("红烧肉的做法", "建议"),
        ("“龘”字怎么读", "语言"),
        ("Draw a cat", "图音"),
        ("I want to book a table for two", "时事"),
        ("哪一年发生了安史之乱", "知识"),
        ("Who painted this?", "知识"),
    ],
)
def test_questions_from_elsewhere_get_the_kind_of_no_that_fits(question: str, kind: str) -> None:
    assert talk_questions.cannot_kind(question) == labels.cannot_label(kind)
