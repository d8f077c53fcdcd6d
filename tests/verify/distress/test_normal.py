"""The one form in which rules read a message."""

from __future__ import annotations

import pytest

from huozhong.verify.distress.normal import HEAD, TAIL, excerpt, normal, spellings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我想自殺", "我想自杀"),
        ("自 杀", "自杀"),
        ("自*杀，想自.杀", "自杀,想自杀"),
        ("我，想，死", "我想死"),
        ("我想，他不想", "我想,他不想"),
        ("好。不。好", "好不好"),
        ("I don't", "i dont"),
        ("ＳＯＳ", "sos"),
        ("死死死死", "死"),
        ("helllp", "help"),
        ("k i l l", "kill"),
        ("12 + 5", "12 + 5"),
        ("111", "111"),
        ("a\u200bb", "ab"),
        ("俺吥想活", "我不想活"),
        ("我想姿杀", "我想自杀"),
        ("我不想货了", "我不想活了"),
        ("粑粑打偶", "爸爸打我"),
        ("奶奶摔到了", "奶奶摔倒了"),
        ("吃糍粑粑", "吃糍粑粑"),
        ("密密麻麻的字", "密密麻麻的字"),
        ("孩子鲨鱼", "孩子鲨鱼"),
    ],
)
def test_normal_form(text: str, expected: str) -> None:
    assert normal(text) == expected


def test_a_long_text_is_its_head_and_its_tail() -> None:
    assert excerpt("a" * (HEAD + TAIL)) == "a" * (HEAD + TAIL)
    assert excerpt("a" * HEAD + "b" * 10_000 + "c" * TAIL) == "a" * HEAD + "\n" + "c" * TAIL


def test_what_is_set_right_is_right() -> None:
    """Setting right once is enough, so nothing is chased in a circle."""
    for wrong, right in spellings().items():
        assert normal(right) == right, wrong
