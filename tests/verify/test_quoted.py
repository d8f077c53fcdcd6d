from __future__ import annotations

import pytest

from huozhong.verify.quoted import is_quotation, unquoted

BAGS = "有16个苹果，每2个装一袋，每4袋装一箱，一共装几箱？"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("看“每2个装一袋”里的数", "看□里的数"),
        ("题里说：\n- 有16个苹果\n- 每2个装一袋", "题里说：\n□\n□"),
        ("看：\n- “每2个装一袋”\n- 别的", "看：\n- □\n- 别的"),
        ("“有16个苹果，每2个装一袋”", "□"),  # clauses that follow each other
        ("要求的是“一共装几箱”。", "要求的是□。"),
    ],
)
def test_whole_clauses_are_quotations(text: str, left: str) -> None:
    assert unquoted(text, BAGS) == left


@pytest.mark.parametrize(
    "text",
    [
        "每2个装一袋",  # said, not quoted
        "“2”",
        "“2个”",
        "“每2个”",  # half a clause
        "“每2个装一袋。答案是2”",
        "“每 2 个装一袋”",
        "“每2个装两袋”",
        "“有16个苹果，每4袋装一箱”",
        "- 2",
        "答：- 每2个装一袋",  # no line of its own
        "“”",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert unquoted(text, BAGS) == text


def test_a_bare_number_is_no_quotation_though_it_is_a_clause() -> None:
    assert not is_quotation("5", "3，5，8的平均数是多少？")
    assert not is_quotation("14元", "书，14元，笔，3元，一共多少元？")
    assert is_quotation("8的平均数是多少", "3，5，8的平均数是多少？")
    assert is_quotation("He eats 4 a day", "Tom has 36. He eats 4 a day.")
