"""Mistakes as pupils make them, each in a problem of its own: the first wrong step and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.apps.tutor.tools import tutor

APPLES = ("小明有36个苹果，每天吃4个，吃了5天，还剩几个？", "36-4×5")
ROAD = ("修一条长1.2千米的路，已经修了350米，还剩多少米？", "1200-350")
BOXES = ("学校买来8箱粉笔，每箱24盒，用去50盒，还剩多少盒？", "8×24-50")
HENS = ("鸡兔同笼，共有35个头，94只脚，鸡和兔各有多少只？", "35-(94-2×35)÷(4-2)")


def turn(problem: tuple[str, str], mine: str) -> dict[str, Any]:
    text, plan = problem
    return tutor({"problem": text, "plan": plan, "reached": [], "level": 1, "tried": False, "done": False}, mine)


@pytest.mark.parametrize(
    ("problem", "mine", "says", "counted"),
    [
        (BOXES, "8×24=162", "进位", ["×", "carry"]),
        (BOXES, "8×24=192，192-50=152", "退位", ["-", "borrow"]),
        (BOXES, "8×24=216", "口诀", ["×", "table"]),
        (BOXES, "8×24=1920", "末尾的0", ["×", "zero"]),
        (BOXES, "8×42=336", "抄错", ["×", "copied"]),
        (BOXES, "24×8=192，192-60=132", "抄错", ["-", "copied"]),
        (BOXES, "24+8=192", "运算符号", ["+", "sign"]),
        (BOXES, "24+8=32", "哪种算法", ["+", "method"]),
        (BOXES, "24×8=192\n50-192=142", "写反", ["-", "order"]),
        (BOXES, "8×24=192，192-50=142，答：124盒", "再对一对", ["answer", "copied"]),
        (BOXES, "8×77=616", "从哪里来", ["×", "unknown number"]),
        (ROAD, "350-1.2=348.8", "单位", ["-", "unit"]),
        (ROAD, "1200-350=950", "退位", ["-", "borrow"]),
        (APPLES, "36-5=31", "没有这一步", ["-", "other"]),
        (APPLES, "4×5=20-36=16", "等号", ["×", "equals"]),
        (APPLES, "4×5=20，36-20=26", "退位", ["-", "borrow"]),
        (APPLES, "20", "中间的一步", ["answer", "unfinished"]),
    ],
)
def test_what_went_wrong(problem: tuple[str, str], mine: str, says: str, counted: list[str]) -> None:
    told = turn(problem, mine)
    assert says in told["answer"]
    assert counted in told["tallies"]
    assert not told["state"]["done"]


def test_both_of_two_that_are_asked_for() -> None:
    assert turn(HENS, "鸡23只，兔12只")["state"]["done"]
    assert not turn(HENS, "鸡12只，兔13只")["state"]["done"]


def test_a_right_way_of_ones_own_is_right() -> None:
    assert turn(BOXES, "24×8=192，192-50=142，答：142盒")["state"]["done"]
    assert turn(("电视机原价2500元，降价20%，现价多少元？", "2500×(1-20%)"), "1-20%=80%，2500×80%=2000")["state"][
        "done"
    ]
    assert turn(("小华有45元，买书用去3/5，用去多少元？", "45×(3/5)"), "45×3/5=27")["state"]["done"]
    assert turn(ROAD, "1.2千米=1200米，1200-350=850")["state"]["done"]


@pytest.mark.parametrize(
    "mine",
    [
        "36-20=16",
        "36-4×5=36-20=16",
        "三十六减二十等于十六",
        "36减20等于16",
        "36-(4×5)=16",
        "4×5=20，36-20=16",
        "sixteen",
    ],
)
def test_a_step_in_the_head_and_a_chain_of_equations_are_no_mistake(mine: str) -> None:
    said = turn(APPLES, mine)
    assert said["state"]["done"]
    assert "✗" not in said["answer"]


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        ("36-4×5", "列对了"),
        ("36-20", "列对了"),
        ("4×5＝", "列对了"),
        ("36÷4", "每个数"),
        ("15+1", "每个数"),
        ("10+6", "每个数"),
    ],
)
def test_a_sum_without_its_result_is_no_wrong_result(mine: str, words: str) -> None:
    said = turn(APPLES, mine)
    assert words in said["answer"]
    assert not said["state"]["done"]
    assert said["state"]["tried"] == (words == "列对了")
    assert "16" not in said["answer"]
    assert "得数不对" not in said["answer"]


PART = ("一本书120页，看了30%，看了多少页？", "120×30%")
ROPE = ("一根绳子长3米，平均分成4段，每段长多少米？", "3÷4")


@pytest.mark.parametrize(
    ("problem", "mine"),
    [
        (PART, "120×30/100=36"),
        (PART, "一百二十乘百分之三十等于三十六"),
        (PART, "three dozen"),
        (ROPE, "3÷4=四分之三"),
        (ROPE, "三除以四等于零点七五"),
        (ROPE, "¾"),
        (ROPE, ".75"),
        (ROPE, "zero point seven five"),
        (ROPE, "75厘米"),
        (ROPE, "3/4"),
    ],
)
def test_a_right_answer_is_right_however_it_is_written(problem: tuple[str, str], mine: str) -> None:
    assert turn(problem, mine)["state"]["done"]
