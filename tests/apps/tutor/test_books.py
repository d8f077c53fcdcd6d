"""What the tutor says of the books at hand."""

from __future__ import annotations

import pytest

from huozhong.apps.tutor.books import pages_below

CLIMB = (
    "某人从山脚走到山顶，再翻过山顶走下山共行了31.5千米，用了6.6小时，"
    "并且他上山的速度是每小时4.5千米，下山的速度是每小时5千米，求返回的时间。"
)
LONG = "修路队要修一条很长很长的路，第一天上午修了它的一小段，下午又接着修了另外的一小段，晚上量了一下还剩{}米没有修。"


@pytest.mark.parametrize(("problem", "ends"), [
    (CLIMB, "并且他上山的速度是每小时…"),  # and not 4.… of 4.5, which is a step's result here
    (LONG.format("1234"), "量了一下还剩…"),
    (LONG.format("(3/4)"), "量了一下还剩…"),
    ("小明有3个苹果。", "小明有3个苹果。…"),
])  # fmt: skip
def test_no_number_is_cut_in_two(problem: str, ends: str) -> None:
    assert pages_below(None, problem, [f"《练习册》第 33 页：{problem}"]).endswith(ends)
