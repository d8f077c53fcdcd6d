"""Means, medians and sums of lists."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.average import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("3、5、7的平均数", "5"),
        ("求3，5，7的平均数", "5"),
        ("85分、90分和95分的平均分", "90分"),
        ("3,5,7这三个数的平均数是多少", "5"),
        ("the median of 3, 1 and 2", "2"),
        ("average of 3, 5 and 7", "5"),
        ("12、15、18的总和是多少", "45"),
        ("1,2,3,4的中位数", "2.5"),
        ("三、五、七的平均数", "5"),
        ("2,2,3的众数", "2"),
        ("What is the mean of 10, 20, 30, and 40?", "25"),
        ("求平均数：12，14，16", "14"),
        ("1.5米、1.6米、1.7米的平均数", "1.6米"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "小明三次考了85、90、95分，平均多少分",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
