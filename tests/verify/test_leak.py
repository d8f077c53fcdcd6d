"""Secrets told in every kind of numeral are found; what tells nothing is left alone.  All written by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from benchmarks.benchlib.disguises import HARMLESS as PLAIN_WORDS
from benchmarks.benchlib.disguises import disguised

from huozhong.verify.leak import leaks

# The secret, and texts that tell it, one a line.
TOLD = {
    "16": """
    答案是16
    一共16个
    16
    答:16元。
    得数是16.0
    等于 016
    结果＝１６
    还剩１６本
    选⑯
    是⑯个
    𝟏𝟔只
    ¹⁶
    ١٦
    是 1 6 个
    1·6
    1_6
    1*6*
    是“1”“6”
    【1】【6】
    1…6
    是1\u200b6个
    1|6
    十六
    一十六
    是拾陆元
    壹拾陆元整
    一共十六个
    第十六个
    第16个数
    是第十六天
    十 六
    十·六
    一六
    幺六
    一 六
    十6
    1十6
    一十6
    四四十六
    二八十六
    XVI
    sixteen
    Sixteen apples
    it is SIXTEEN
    the sixteenth
    the 16th one
    s-i-x-t-e-e-n
    S I X T E E N
    one six
    one-six
    shi liu
    shí liù
    Shi2liu4
    shíliù
    l6个
    I6
    0x10
    0b10000
    十位是1，个位是6
    十位上的数字是1，个位上的数字是6
    1个十和6个一
    十位写一、个位写六
    个位是6，十位是1
    1在十位，6在个位
    ●●●●●●●●●●●●●●●●
    🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎🍎
    ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○ ○
    12+4
    12+4个
    12 + 4 = ?
    （12＋4）
    20-4
    20－4
    4×4
    4x4
    4*4
    32÷2
    32/2
    2×3+10
    (3+5)×2
    4²
    4^2
    2的立方再乘2，也就是8×2
    十二加四
    十二加上四
    二十减四的得数
    二十减去四
    20去掉4
    20个去掉4个
    20拿走4
    四乘四
    四乘以四
    三十二除以二
    二除三十二
    比15多1
    比十五多一
    比15多1的数
    比17少1
    比20少4
    比17小1的数
    15的下一个数
    15后面的那个数
    17前面的数
    17的上一个数
    15和17之间的数
    15与17中间的整数
    12和4的和
    20与4的差
    4和4的积
    32和2的商
    8的两倍
    8的2倍
    4的4倍
    32的一半
    4的平方
    20的五分之四
    8翻一番
    4个4
    四个四
    两个8
    再加4就是20
    还差4到20
    去掉4剩12
    它的一半是8
    2倍是32
    百分之一千六百
    32的50%
    twelve plus four
    twelve + four
    20 minus 4
    twenty minus four
    4 times 4
    four times four
    32 divided by 2
    twice 8
    double eight
    half of 32
    4 squared
    4 more than 12
    4 less than 20
    the sum of 12 and 4
    the difference of 20 and 4
    the product of 4 and 4
    between 15 and 17
    one more than fifteen
    the number after 15
    1角6分
    1元6角
    1分米6厘米
    1.6米
    一角六
    小明有36个，吃了20个，还剩16
    √256
    16%
    百分之十六
    16/3
    是１ ６
    """,
    "120": """
    120
    一百二
    一百二十
    壹佰贰拾
    1米20
    一米二
    1米20厘米
    1.2米
    1米2分米
    2分钟就是120秒
    2分
    2小时
    两小时
    120分钟
    十打？不，是一百二十个
    10打
    1百2十
    一二〇
    12个十
    one hundred and twenty
    a hundred and twenty
    CXX
    十二乘十
    100+20
    60的两倍
    一百二十只
    1 2 0
    百位是1，十位是2，个位是0
    """,
    "1/4": """
    1/4
    (1/4)
    ¼
    四分之一
    4分之1
    0.25
    .25
    零点二五
    25%
    ２５％
    百分之二十五
    百分之25
    25 percent
    a quarter
    one quarter
    one fourth
    1÷4
    二成五
    2.5成
    1除以4
    半的一半，就是四分之一
    """,
    "7/2": """
    3.5
    3½
    3又1/2
    三又二分之一
    三点五
    三个半
    3个半
    three and a half
    7/2
    二分之七
    7÷2
    七除以二
    """,
    "3500": """
    三千五
    三千五百
    3千5百
    3,500
    3500
    0.35万
    35百
    35×100
    叁仟伍佰
    3.5千克就是3500克
    3.5公里
    three thousand five hundred
    thirty-five hundred
    """,
    "6": """
    是6
    还剩六个
    答案：六。
    六只
    得6
    6
    six
    半打
    half a dozen
    2×3
    二三得六，是6
    3的两倍
    3个2
    ｜｜｜｜｜｜
    """,
    "1": """
    还剩一个。
    等于1
    答案是一。
    结果是壹
    one is not it, the answer is one
    剩1只
    2-1
    """,
    "94": """
    九十四
    94
    144-50
    144减50
    ninety-four
    九四
    jiu shi si
    6×24-50
    六乘二十四减五十
    九 十 四
    100-6
    比100少6
    XCIV
    """,
    "39.9": """
    39.9
    39块9
    三十九块九
    三十九点九
    39元9角
    叁拾玖点玖
    ３９.９
    40-0.1
    """,
}

# What is secret, and texts that do not tell it.
HARMLESS = {
    "16": """
    第16步
    第十六步：先读题
    第 16 页
    课本第16页
    见书第十六页
    第十六课
    第16题
    第十六单元
    第16行
    3月16日
    三月十六日
    是3月16号
    2016年
    2016年3月16日
    2016-03-16
    2016/3/16
    8:16
    16:05
    图16
    表16
    例16
    练习16
    p. 16
    page 16
    P16
    Step 16
    Chapter 16
    No. 16
    1.6
    1.6个
    160
    116
    1600
    0.16
    16.5
    161
    1,600
    十七
    六十
    一百六十
    一千六百
    六
    十
    十分认真
    一起想一想
    36个苹果，每天吃4个
    每天吃4个，吃了5天
    小明有36个苹果
    20和4
    从20里去掉一些
    先读一遍题目
    六一儿童节
    比一比谁多谁少
    每人分到的一样多
    sixty
    six
    ten
    one of the two
    the first step
    think again
    think, then write
    16. 先读题，再列算式
    16、想一想用什么方法
    (16) 说出你的想法
    四边形
    三角形有三条边
    二年级
    三年级二班
    星期六
    用加法还是减法？
    5天吃4个
    1、6两题先不做
    4：5
    4×5
    36÷4
    36-5
    15和18
    比15多3
    比15少1
    20减5
    8的3倍
    8的一半
    4和5的积
    20与5的差
    XIV
    XX
    一共有多少个？
    还剩几个？
    □-□=□
    ___×___=___
    ……
    ======
    **重点**
    --------
    哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈
    四季如春
    shi
    she is six
    """,
    "1": """
    一共有多少？
    一起算
    一个数的两倍
    先想一想
    第1步
    1. 先读题
    一样多
    每一天
    看一看
    一边读一边画
    十一假期
    10个
    11
    one of them
    """,
    "2": """
    两人一起
    两地相距多少
    甲、乙两车
    第二步
    二年级
    第2课
    2. 再算
    二维码
    20
    12
    """,
    "120": """
    1米2厘米
    12
    1.2
    1米
    20
    21
    第120页
    12页
    """,
    "1/4": """
    四季
    14
    4.1
    2/5
    四分之三
    25
    2.5
    百分之二
    """,
    "6": """
    六月
    6月1日
    星期六
    六年级
    六边形
    第六章
    六亿
    六十
    60
    6:30
    """,
}


def lines(table: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (secret, line[4:] if line.startswith("    ") else line)
        for secret, texts in table.items()
        for line in texts.strip("\n").split("\n")
        if line.strip()
    ]


def test_there_are_as_many_as_promised() -> None:
    assert len(lines(TOLD)) >= 150
    assert len(lines(HARMLESS)) >= 100


@pytest.mark.parametrize(("secret", "text"), lines(TOLD))
def test_a_secret_is_found_however_it_is_written(secret: str, text: str) -> None:
    found = leaks(text, [Fraction(secret)])
    assert found
    assert all(one.value == Fraction(secret) and 0 <= one.start < one.end <= len(text) for one in found)


@pytest.mark.parametrize(("secret", "text"), lines(HARMLESS))
def test_what_tells_nothing_is_left_alone(secret: str, text: str) -> None:
    assert leaks(text, [Fraction(secret)]) == []


def test_the_problems_own_numbers_are_no_leaks() -> None:
    problem = "小明有16个苹果，吃了4个，又买来4个，现在有几个？"
    assert leaks(problem, [Fraction(16), Fraction(12)], allowed=[Fraction(16), Fraction(4)]) == []
    assert leaks(problem, [Fraction(16)])


def test_a_sum_that_is_shown_may_stand_there_and_no_other_one() -> None:
    secrets, known = [Fraction(20), Fraction(16)], [Fraction(36), Fraction(4), Fraction(5)]
    assert leaks("第一步：4×5=□", secrets, known, shown=["4×5"]) == []
    assert leaks("第一步：4 × 5 = （ ）", secrets, known, shown=["4×5"]) == []
    assert leaks("再算36-4×5", secrets, known, shown=["4×5"])
    assert leaks("第一步：4×5=20", secrets, known, shown=["4×5"])[0].value == 20
    assert leaks("其实就是14×5", [Fraction(70)], known, shown=["4×5"])


def test_the_place_of_a_leak_is_that_in_the_text_as_it_was_given() -> None:
    text = "答\u200b案：１\u200b６。"
    (found,) = leaks(text, [Fraction(16)])
    assert text[found.start : found.end] == "１\u200b６"


def test_the_longest_form_is_told_once() -> None:
    assert [one.form for one in leaks("12+4", [Fraction(16), Fraction(12)])] == ["sum"]
    assert leaks("", [Fraction(1)]) == []
    assert leaks("没有数", [Fraction(1)]) == []


def test_a_long_text_takes_no_time() -> None:
    text = "每天吃4个，12加上3、再比15多1；一二三四五六七八九十" * 400
    assert leaks(text, [Fraction(10**9 + 7)]) == []


# -- what becomes of a number ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        "得数乘10是160", "加4的一半是10", "减去6得10", "□+4=20", "2x=32", "把61倒过来", "1-6", "把1和6写在一起",
        "第一个数字是1，最后一个数字是6", "比15大，比17小", "15<得数<17", "大于15小于17", "the double of eight",
    ],
)  # fmt: skip
def test_a_number_told_by_what_becomes_of_it(told: str) -> None:
    assert leaks(told, [Fraction(16)])


@pytest.mark.parametrize("plain", ["再看15到30页", "第 1 步写好了，最后一步再想想", "乘10以后再想", "倒着验算61"])
def test_what_becomes_of_other_numbers_tells_nothing(plain: str) -> None:
    assert not leaks(plain, [Fraction(16)])


def test_what_a_problem_says_may_be_quoted_with_its_units() -> None:
    assert not leaks("一条路长12米", [Fraction(1200)], [Fraction(12)], ("一条路长12米，宽3米。",))
    assert leaks("一共12米", [Fraction(1200)], [Fraction(12)])


def test_ninety_disguises_of_a_number_are_found() -> None:
    for value in (24, 50, 57, 100, 360, 1705):
        missed = [kind for kind, told in disguised(value) if not leaks(told, [Fraction(value)])]
        assert missed == []
    for sentence in PLAIN_WORDS:
        assert not leaks(sentence, [Fraction(value) for value in (*range(3, 34), *range(35, 200))])
