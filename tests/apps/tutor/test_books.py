"""What the tutor says of the books at hand."""

from __future__ import annotations

import re

import pytest

from huozhong.apps.tutor.books import pages_below
from huozhong.verify.quoted import unquoted

CLIMB = (
    "某人从山脚走到山顶，再翻过山顶走下山共行了31.5千米，用了6.6小时，"
    "并且他上山的速度是每小时4.5千米，下山的速度是每小时5千米，求返回的时间。"
)
LONG = "修路队要修一条很长很长的路，第一天上午修了它的一小段，下午又接着修了另外的一小段，晚上量了一下还剩{}米没有修。"


@pytest.mark.parametrize(("problem", "ends"), [
    (CLIMB, "用了6.6小时”…"),  # whole clauses
    (LONG.format("1234"), "另外的一小段”…"),
    ("路" * 47 + "是4.5米的两倍", "路是”…"),  # and not 4.… of 4.5, which is a step's result here
    ("路" * 46 + "是(3/4)米的两倍", "路是”…"),
    ("小明有3个苹果。", "小明有3个苹果。”…"),
])  # fmt: skip
def test_no_number_is_cut_in_two(problem: str, ends: str) -> None:
    assert pages_below(None, problem, [f"《练习册》第 33 页：{problem}"]).endswith(ends)


def test_a_page_that_repeats_the_problem_quotes_it() -> None:
    said = pages_below(None, CLIMB, [f"《练习册》第 33 页：{CLIMB}"])
    assert not re.search(r"\d", unquoted(said, CLIMB).replace("第 33 页", ""))
