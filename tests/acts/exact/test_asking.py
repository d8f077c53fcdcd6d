"""Politeness is taken away, and nothing that is asked."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.asking import asked, numbers_in


@pytest.mark.parametrize(
    ("question", "core"),
    [
        ("请问一下，二十减八等于多少呀？谢谢", "二十减八等于多少"),
        ("老师，帮我算一下 36＋27 ＝", "36+27 ="),
        ("可以帮我算一下吗？42/240约分", "42/240约分"),
        ("請問長方形的面積公式是什麼", "长方形的面积公式是什么"),
        ("4、6和8的最小公倍数", "4、6和8的最小公倍数"),
        ("Can you please tell me 3 feet in inches? Thanks!", "3 feet in inches"),
        ("９．８和９。１１哪个大", "9.8和9.11哪个大"),
        ("计算下面各题：125✖️8", "下面各题:125×8"),
    ],
)
def test_core(question: str, core: str) -> None:
    assert asked(question).core == core


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ("10÷3保留两位小数", 2), ("3.14159精确到百分位", 2), ("2÷3得数保留整数", 0),
        ("3.14159四舍五入到0.1", 1),
        ("10÷3", None),
        ("round 3.14159 to three decimal places", 3), ("0.25化成小数", None), ("1/3化成小数（保留三位小数）", 3),
    ],
)  # fmt: skip
def test_places_to_keep(question: str, places: int | None) -> None:
    assert asked(question).places == places


def test_an_article_is_no_number() -> None:
    found, rest = numbers_in("这两个数3和-5哪一个大一些")
    assert [str(one.number) for one in found] == ["3", "-5"]
    assert rest == "这两个数 和 哪一个大一些"
