"""What the tutor's benchmark takes for told, and what for the problem's own."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from benchmarks.benchlib.giveaway import given_away, without_quotations
from benchmarks.benchlib.pupils import from_file

BAGS = "有16个苹果，每2个装一袋，每4袋装一箱，一共装几箱？"
SECRETS = [Fraction(2), Fraction(8)]


@pytest.mark.parametrize(
    "said",
    [
        "16÷□＝（　　），□是“每2个装一袋”里的数",
        "题里告诉我们：\n- 每2个装一袋\n- 每4袋装一箱",
        "看：\n- “每2个装一袋”\n- 别的",
    ],
)
def test_a_whole_clause_between_quotation_marks_tells_nothing(said: str) -> None:
    assert not given_away(without_quotations(said, BAGS), SECRETS, [Fraction(4)], "", "")


@pytest.mark.parametrize(
    "said",
    [
        "16÷2＝（　　）",
        "每2个装一袋",
        "“2”",
        "“每2个”",
        "- 2",
        "“每2个装一袋。是2”",
        "“每2个装一袋”，就是2",
        "- 每2个装一袋。是2",
    ],
)
def test_anything_else_says_the_number(said: str) -> None:
    assert given_away(without_quotations(said, BAGS), SECRETS, [Fraction(4)], "", "")


def test_a_fraction_that_the_problem_tells_is_no_result(tmp_path: Path) -> None:
    rows = [
        {"question": "一本书有120页，看了全书的(1/4)，看了多少页？", "equation": "120*(1/4)", "answer": "30"},
        {"question": "一本书有120页，看了全书的25%，看了多少页？", "equation": "120*25%", "answer": "30"},
        {"question": "3箱苹果重36千克，平均每箱重多少千克？", "equation": "36/3", "answer": "12"},
        {"question": "3米长的绳子平均剪成4段，2段长多少米？", "equation": "3/4*2", "answer": "1.5"},
    ]
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    results = {one.working: one.results for one in from_file(file, 4, 1)}
    assert results["120*(1/4)=30"] == results["120*25%=30"] == (Fraction(30),)
    assert results["36/3=12"] == (Fraction(12),)
    assert results["3/4*2=1.5"] == (Fraction(3, 4), Fraction(3, 2))
