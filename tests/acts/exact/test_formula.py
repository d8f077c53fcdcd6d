"""Formulas, with their values when sizes are given, and what terms mean."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.formula import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("长方形的面积公式", "面积=长×宽"),
        ("圆周率是多少", "圆周率是圆的周长与直径的比，用π表示，约等于3.14"),
        ("长方形的面积公式是什么？", "面积=长×宽"),
        ("长方形面积怎么算", "面积=长×宽"),
        ("圆的周长公式", "周长=2×π×半径"),
        ("半径3厘米的圆的面积", "28.26平方厘米"),
        ("半径是3厘米的圆的面积是多少", "28.26平方厘米"),
        ("长5厘米、宽3厘米的长方形的面积是多少平方厘米", "15平方厘米"),
        ("一个长方形，长5厘米，宽3厘米，周长是多少厘米？", "16厘米"),
        ("长方形长8米宽5米，面积是多少", "40平方米"),
        ("什么是三角形", "三角形是由三条线段首尾相接围成的图形，它有三条边、三个角，内角和是180度"),
        ("三角形是什么", "三角形是由三条线段首尾相接围成的图形，它有三条边、三个角，内角和是180度"),
        ("什么叫质数", "质数（素数）是只有1和它本身两个因数的大于1的整数，比如2、3、5、7"),
        ("质数是什么意思", "质数（素数）是只有1和它本身两个因数的大于1的整数，比如2、3、5、7"),
        ("路程怎么求", "路程=速度×时间"),
        ("速度的公式", "速度=路程÷时间"),
        ("乘法分配律是什么", "乘法分配律：两个数的和乘一个数，可以分别相乘再相加，(a+b)×c=a×c+b×c"),
        ("乘法分配律", "乘法分配律：两个数的和乘一个数，可以分别相乘再相加，(a+b)×c=a×c+b×c"),
        ("加法交换律用字母怎么表示", "加法交换律：两个数相加，交换加数的位置，和不变，a+b=b+a"),
        ("边长4分米的正方形的周长", "16分米"),
        ("棱长2厘米的正方体的体积", "8立方厘米"),
        ("底6厘米高4厘米的三角形面积", "12平方厘米"),
        ("圆柱的体积公式", "体积=底面积×高"),
        ("底面半径2厘米、高5厘米的圆柱的体积是多少", "62.8立方厘米"),
        ("梯形面积公式", "面积=(上底+下底)×高÷2"),
        ("上底3厘米，下底5厘米，高4厘米的梯形的面积", "16平方厘米"),
        (
            "what is a prime number",
            "A prime number is a whole number above 1 whose only factors are 1 and itself, such as 2, 3, 5 and 7",
        ),
        ("what is the formula for the area of a circle", "area = π × radius²"),
        ("area of a circle with radius 3 cm", "28.26 square centimetres"),
        ("area of a rectangle with length 5 and width 3", "15"),
        (
            "What is a triangle?",
            "A triangle is a shape with three straight sides and three angles that add up to 180 degrees",
        ),
        ("三角形的内角和是多少", "内角和=180度"),
        ("直径10厘米的圆的周长", "31.4厘米"),
        ("π是什么", "圆周率是圆的周长与直径的比，用π表示，约等于3.14"),
        ("平均数是什么", "平均数是一组数的总和除以这组数的个数"),
        ("解释一下分数", "分数表示把单位“1”平均分成若干份，取其中的一份或几份，比如3/4"),
        ("圆的面积", "面积=π×半径×半径"),
        ("求圆的面积", "面积=π×半径×半径"),
        ("運算順序是什麼", "运算顺序：先算乘除，后算加减；有括号的先算括号里面的；同一级从左往右算"),
        ("長方形的面積公式", "面积=长×宽"),
        ("how do you find the volume of a cube", "volume = side × side × side"),
        ("怎样求平行四边形的面积", "面积=底×高"),
        ("勾股定理", "勾股定理：直角三角形两条直角边的平方和等于斜边的平方，a²+b²=c²"),
        ("利息怎么算", "利息=本金×利率×时间"),
        ("长方形的宽是3厘米，长是5厘米，面积是多少", "15平方厘米"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "一个长方形花坛长5米宽3米，要围一圈篱笆，多少米",
        "什么是爱",
        "小明画了一个圆，半径3厘米，面积是多少",
        "画蛇添足是什么意思",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
