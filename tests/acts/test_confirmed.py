"""Plans that can be relied on, and plans that say the right number or agree with themselves and cannot."""

from __future__ import annotations

import pytest

from huozhong.acts.confirmed import exact_plan, exactly, is_confirmed
from huozhong.acts.solve import parse


@pytest.mark.parametrize(
    ("problem", "plan"),
    [
        ("小明有36个苹果，每天吃4个，吃了5天，还剩几个？", "36-4×5"),
        ("学校买了3个足球和2个篮球，足球每个45元，篮球每个60元，一共要付多少元？", "3×45+2×60"),
        ("修一条长1.2千米的路，已经修了350米，还剩多少米？", "1200-350"),
        ("小红看一本120页的书，第一天看了全书的1/4，还剩多少页没看？", "120×(1-(1/4))"),
        ("把36个苹果平均分给9个小朋友，每人分几个？", "36÷9"),
        ("一根绳子长20米，第一次剪去6米，第二次剪去8米，还剩多少米？", "20-6-8"),
        ("一条路修了3/7，还剩80米，这条路全长多少米？", "80÷(1-(3/7))"),
        ("妈妈今年36岁，小明今年9岁，妈妈的年龄是小明的几倍？", "36÷9"),
        ("一个数的3倍加上5等于26，这个数是多少？", "(26-5)÷3"),
        ("Tom has 36 apples. He eats 4 apples a day for 5 days. How many apples are left?", "36-4×5"),
    ],
)
def test_confirmed(problem: str, plan: str) -> None:
    assert is_confirmed(problem, parse(plan))


@pytest.mark.parametrize(
    ("problem", "plan"),
    [
        ("小明有36个苹果，每天吃4个，吃了5天，还剩几个？", "36-5"),  # a number left aside
        ("小明有36个苹果，每天吃4个，吃了5天，还剩几个？", "36-4-5"),  # a sum of what is not alike
        ("植物园的面积是6公顷，宽是200米，它的长是多少米？", "6÷200"),
        ("以小敏家为起点，他从家向东走了300米，又向西走了600米，这时离家多少米？", "300+600"),
        ("一家三口坐火车去旅游，车票每人315元，回来还坐火车，买车票花了多少元？", "3×315"),
        ("连环画比科技书多1/3，科技书240本，连环画比科技书多多少本？", "(1+(1/3))×240"),
        ("一个数除以4的商是24，被除数不变，除数扩大4倍，商是多少？", "24÷4"),
        ("一个数的3倍加上5等于26，这个数是多少？", "26×3+5"),
        ("小明有5支铅笔，每支5元，一共多少元？", "5×5"),  # which 5 is which
        ("一条路修了全长的1/4，又修了全长的2/5，还剩70米，全长多少米？", "70÷(1-(1/4)-(2/5))"),
        ("一本书140页，已读的页数是剩下的3/7，还剩多少页没有读？", "140÷(1-(3/7))"),
        ("16根小棒可以摆多少个正方形？", "16-1"),
    ],
)
def test_not_confirmed(problem: str, plan: str) -> None:
    assert not is_confirmed(problem, parse(plan))


@pytest.mark.parametrize(
    ("problem", "plan"),
    [
        ("鸡兔同笼，共有35个头，94只脚，鸡和兔各有多少只？", "35-(94-2×35)÷(4-2)"),
        ("笼子里有鸡和兔共8只，脚有26只，兔有几只？", "(26-2×8)÷(4-2)"),
        ("圆的半径是3厘米，它的周长是多少厘米？", "2×3.14×3"),
        ("一个三角形的底是6厘米，高是4厘米，面积是多少？", "6×4÷2"),
        ("24÷(2+4)等于多少？", "24÷(2+4)"),
    ],
)
def test_what_a_rule_reads_needs_no_model(problem: str, plan: str) -> None:
    done = exactly(problem)
    assert done is not None
    assert str(exact_plan(problem, done)) == str(parse(plan))


def test_what_a_rule_only_tries_out_is_no_plan() -> None:
    done = exactly("x+5=12，x是多少？")
    assert done is not None
    assert exact_plan("x+5=12，x是多少？", done) is None
