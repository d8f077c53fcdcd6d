"""What the model is shown of a conversation."""

from __future__ import annotations

from fractions import Fraction

from huozhong.acts.reading import read, shown


def test_a_claim_is_not_shown_and_units_are_one() -> None:
    found = read("绳子长3米，剪去80厘米，还剩多少厘米？我算的是230，对吗")
    assert found.text == "绳子长300厘米，剪去80厘米，还剩多少厘米？"
    assert found.claimed == Fraction(230)


def test_only_questions_are_changed() -> None:
    messages = [
        {"role": "system", "content": "3米和80厘米"},
        {"role": "user", "content": "绳子长3米，剪去80厘米，还剩多少？"},
        {"role": "assistant", "content": "3米=300厘米"},
        {"role": "user", "content": "如果剪去1米呢？"},
    ]
    assert [message["content"] for message in shown(messages)] == [
        "3米和80厘米",
        "绳子长300厘米，剪去80厘米，还剩多少？",
        "3米=300厘米",
        "如果剪去100厘米呢？",
    ]
    assert messages[1]["content"] == "绳子长3米，剪去80厘米，还剩多少？"


def test_parts_of_content_are_left_as_they_are() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "3米和80厘米"}]}, {"role": "user", "content": None}]
    assert shown(parts) == parts
