"""The exact acts together: the right one is possible, the wrong ones are not, and nothing breaks them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.acts import labels
from huozhong.acts.exact import do, kinds_possible
from huozhong.verify.arithmetic import check_steps


@pytest.mark.parametrize(
    ("question", "label", "short"),
    [
        ("5千克等于多少克？", labels.CONVERT, "5000克"),
        ("9.8和9.11哪个大", labels.COMPARE, "9.8"),
        ("x+5=12", labels.EQUATION, "x=7"),
        ("二十减八", labels.CALCULATE, "12"),
        ("3/4化成小数", labels.REWRITE, "0.75"),
        ("12和18的最大公因数", labels.FACTORS, "6"),
        ("3、5、7的平均数", labels.AVERAGE, "5"),
        ("长方形的面积公式", labels.FORMULA, "面积=长×宽"),
        ("What is 50−3×12?", labels.CALCULATE, "14"),
    ],
)
def test_the_cases_of_the_issue(question: str, label: str, short: str) -> None:
    done = do(label, question)
    assert done is not None
    assert done.short == short
    assert short in done.answer
    assert kinds_possible(question) == [label]


STORIES = (
    "小明有5个苹果，吃了2个，还剩多少个？",
    "妈妈买了5千克苹果，吃了2千克，还剩多少千克？",
    "小明买了5千克苹果，吃了多少克",
    "一辆汽车2小时行120千米，平均每小时行多少千米？",
    "小明和小红谁高",
    "小明今年8岁，比妹妹大3岁，妹妹几岁？",
    "有3箱牛奶，每箱24盒，一共多少盒？",
    "一根绳子长5米，剪去3/4，还剩多少米？",
    "商店运来苹果和梨共48千克，苹果是梨的3倍，苹果有多少千克？",
    "小红3天看了45页书，平均每天看多少页？",
    "小明有x个苹果，吃了5个剩3个",
    "妈妈今年的年龄是12和18的最小公倍数，妈妈几岁？",
    "一个长方形花坛长5米宽3米，要围一圈篱笆，多少米",
    "There are 24 students in 3 rows. How many students are in each row?",
    "Tom has 5 kilograms of apples and eats 300 grams. How many grams are left?",
    "A rope is 12 feet long. How many inches are cut off?",
    "船上有26只羊和10只山羊，船长多大？",
)
OTHERS = (
    "", "？", "你好", "你是谁", "给我讲个笑话", "画蛇添足是什么意思", "我的电话是010-65276611", "2008-08-08",
    "8:30", "It is 7:45.", "床前明月光",
    "什么是爱", "三心二意", "一大一小", "5亿日元", "半懂不懂", "第3题", "3", "二十", "1/2", "9.8", "5千克", "千克",
    "= = =", "The number is 408-399-5677.",
    "3:2赢了", "等于多少", "多少克", "比大小", "求平均数", "解方程", "质数", "0.33…和1/3哪个大", "(((((", "))", "x",
    "x=", "=5",
)  # fmt: skip


@pytest.mark.parametrize("question", STORIES)
def test_a_story_is_none_of_them(question: str) -> None:
    assert kinds_possible(question) == []


@pytest.mark.parametrize("question", OTHERS)
def test_what_asks_nothing_exact_is_none_of_them(question: str) -> None:
    assert kinds_possible(question) == []


def test_an_unknown_label_and_a_long_text_are_no_act() -> None:
    assert do(labels.IDIOM, "36+27=") is None
    assert do(labels.CALCULATE, "1+" * 300 + "1") is None


@settings(max_examples=300)
@given(
    st.text(
        "0123456789零一二三四十百万半两.%/()+-×÷*xy=：:、，的和与比大小哪个多少等于是几千克米"
        "平方倍数因质公最分之化成小数解方程求平均 ",
        max_size=30,
    )
)
def test_whatever_is_asked_nothing_breaks_and_every_step_is_true(question: str) -> None:
    for label in labels.EXACT_ACTS:
        done = do(label, question)
        if done is not None:
            assert done.answer
            assert done.short
            report = check_steps(
                "\n".join(line for line in done.lines if not any(c.isalpha() and c.isascii() for c in line))
            )
            assert report.correct == len(report.steps), (question, done)


def test_a_question_is_judged_in_a_moment() -> None:
    questions = [f"把{n}千克换算成克是多少" for n in range(40)]
    started = time.process_time()
    for question in questions:
        kinds_possible(question)
    assert (time.process_time() - started) / len(questions) < 0.1
