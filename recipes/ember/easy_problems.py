"""Simple word problems from templates, in Chinese and English: the first school years, which Math23K leaves out."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Literal

from word_problems import Problem

from huozhong.acts.solve import Unsolvable, parse, solve
from huozhong.verify.arithmetic import is_exam_expression
from huozhong.verify.numbers import Number

_EN_NAMES = (
    "Tom",
    "Mary",
    "Sam",
    "Anna",
    "Li Ming",
    "Ben",
    "Lucy",
    "Jack",
    "Emma",
    "Peter",
    "Nina",
    "Omar",
    "Sara",
    "Mei",
    "David",
    "Kate",
)
_EN_THINGS = (
    "apples",
    "books",
    "pencils",
    "eggs",
    "stickers",
    "marbles",
    "cookies",
    "flowers",
    "candies",
    "stamps",
    "oranges",
    "balloons",
    "cards",
    "toys",
    "pens",
    "cakes",
)
_EN_PLACES = ("A school", "A shop", "A farmer", "A library", "A factory", "A class", "A bakery", "A team")

# text with {n} name, {t} things, {p} place and numbers {a} {b} {c}; the equation in a, b, c
_EN_TEMPLATES = (
    ("{n} has {a} {t} and buys {b} more. How many {t} does {n} have now?", "a+b"),
    ("{n} has {a} {t} and gives away {b}. How many are left?", "a-b"),
    ("There are {a} boxes with {b} {t} in each box. How many {t} are there?", "a*b"),
    ("{p} has {a} {t}. They are shared equally among {b} children. How many does each child get?", "a/b"),
    ("One of the {t} costs {a} yuan. How much do {b} of them cost?", "a*b"),
    ("{n} reads {a} pages every day. How many days does {n} need for a book of {b} pages?", "b/a"),
    ("A book has {a} pages. {n} has read {b} pages. How many pages are left?", "a-b"),
    ("{p} buys {a} boxes of {t} with {b} in each box and uses {c} of them. How many are left?", "a*b-c"),
    ("{n} buys {a} {t} at {b} yuan each and pays with {c} yuan. How much change does {n} get?", "c-a*b"),
    ("A car drives {a} km per hour. How far does it go in {b} hours?", "a*b"),
    ("A train travels {a} km in {b} hours. What is its speed in km per hour?", "a/b"),
    ("{n} has {a} {t}. {m} has {b} more than {n}. How many do they have together?", "a+(a+b)"),
    ("{n} has {a} {t}. {m} has {b} times as many. How many {t} does {m} have?", "a*b"),
    ("{n} saves {a} yuan a week. How much does {n} save in {b} weeks?", "a*b"),
    ("A rectangle is {a} m long and {b} m wide. What is its area?", "a*b"),
    ("A rectangle is {a} m long and {b} m wide. What is its perimeter?", "(a+b)*2"),
    ("A square has a side of {a} cm. What is its perimeter?", "a*4"),
    ("{n} had {a} {t}, lost {b} and then found {c}. How many {t} does {n} have now?", "a-b+c"),
    ("{p} has {a} rows of {b} chairs and {c} more chairs. How many chairs are there in all?", "a*b+c"),
    ("{a} {t} are packed into bags of {b}. How many bags are needed?", "a/b"),
    ("{n} runs {a} meters every day for {b} days. How many meters is that in all?", "a*b"),
    ("{p} made {a} {t} on Monday and {b} on Tuesday. How many did it make in the two days?", "a+b"),
    ("{n} is {a} years old. {m} is {b} years older. How old is {m}?", "a+b"),
    ("{n} shares {a} {t} and {b} more equally with {c} friends. How many does each friend get?", "(a+b)/c"),
    ("A ticket costs {a} yuan for adults and {b} yuan for children. What do {c} adults and one child pay?", "a*c+b"),
)

_NAMES = (
    "小明",
    "小红",
    "小华",
    "小丽",
    "小刚",
    "小强",
    "小芳",
    "小军",
    "小亮",
    "小玲",
    "妈妈",
    "爸爸",
    "奶奶",
    "爷爷",
    "老师",
    "哥哥",
    "姐姐",
    "弟弟",
    "妹妹",
    "小兔",
    "小猴",
    "李叔叔",
    "王阿姨",
)
_THINGS = (  # what is counted, and how
    ("苹果", "个"),
    ("梨", "个"),
    ("橘子", "个"),
    ("桃子", "个"),
    ("糖", "颗"),
    ("铅笔", "支"),
    ("书", "本"),
    ("本子", "本"),
    ("邮票", "张"),
    ("贴纸", "张"),
    ("花", "朵"),
    ("气球", "个"),
    ("鸡蛋", "个"),
    ("饼干", "块"),
    ("积木", "块"),
    ("玩具", "个"),
    ("球", "个"),
    ("萝卜", "根"),
    ("鱼", "条"),
    ("鸡", "只"),
    ("鸭", "只"),
    ("羊", "只"),
    ("树", "棵"),
    ("椅子", "把"),
    ("杯子", "个"),
    ("红旗", "面"),
    ("包子", "个"),
    ("粽子", "个"),
)

# {n} {m} names, {t} things, {u} how they are counted, numbers {a} {b} {c}; the equation in a, b, c
_TEMPLATES = (
    ("{n}有{a}{u}{t}，又买了{b}{u}，一共有多少{u}？", "a+b"),
    ("{n}有{a}{u}{t}，又买来{b}{u}，现在有几{u}？", "a+b"),
    ("{n}有{a}{u}{t}，{m}给了他{b}{u}，{n}现在有多少{u}{t}？", "a+b"),
    ("{n}有{a}{u}{t}，{m}有{b}{u}，他们一共有多少{u}{t}？", "a+b"),
    ("{n}有{a}{u}{t}，{m}有{b}{u}{t}，两人合起来有几{u}？", "a+b"),
    ("原来有{a}{u}{t}，又来了{b}{u}，现在一共有几{u}？", "a+b"),
    ("左边有{a}{u}{t}，右边有{b}{u}，一共有多少{u}？", "a+b"),
    ("上午卖了{a}{u}{t}，下午卖了{b}{u}，一天一共卖了多少{u}？", "a+b"),
    ("{n}比{m}多{b}{u}{t}，{m}有{a}{u}，{n}有多少{u}？", "a+b"),
    ("{n}有{a}{u}{t}，给了{m}{b}{u}，还剩多少{u}？", "a-b"),
    ("{n}有{a}{u}{t}，吃了{b}{u}，还剩几{u}？", "a-b"),
    ("{n}有{a}{u}{t}，用去{b}{u}，还有多少{u}？", "a-b"),
    ("树上有{a}{u}{t}，摘走了{b}{u}，还剩多少{u}？", "a-b"),
    ("一共有{a}{u}{t}，拿走{b}{u}，还剩下几{u}？", "a-b"),
    ("{n}有{a}{u}{t}，{m}有{b}{u}，{n}比{m}多几{u}？", "a-b"),
    ("{n}有{a}{u}{t}，{m}比{n}少{b}{u}，{m}有多少{u}{t}？", "a-b"),
    ("一本书{a}页，看了{b}页，还剩多少页没看？", "a-b"),
    ("{n}要写{a}个字，已经写了{b}个，还要写多少个？", "a-b"),
    ("停车场有{a}辆车，开走{b}辆，还剩几辆？", "a-b"),
    ("停车场有{a}辆车，又开来{b}辆，现在有几辆？", "a+b"),
    ("车上有{a}人，下去{b}人，又上来{c}人，现在车上有多少人？", "a-b+c"),
    ("每盒有{a}{u}{t}，{b}盒一共有多少{u}？", "a*b"),
    ("有{a}盒{t}，每盒{b}{u}，一共有多少{u}{t}？", "a*b"),
    ("一{u}{t}{a}元，买{b}{u}要多少元？", "a*b"),
    ("每{u}{t}{a}元，{n}买了{b}{u}，一共花了多少钱？", "a*b"),
    ("{n}每天看{a}页书，{b}天看多少页？", "a*b"),
    ("每排坐{a}人，{b}排一共坐多少人？", "a*b"),
    ("{n}有{a}{u}{t}，{m}的{t}是{n}的{b}倍，{m}有多少{u}？", "a*b"),
    ("一辆汽车每小时行{a}千米，{b}小时行多少千米？", "a*b"),
    ("把{a}{u}{t}平均分给{b}个小朋友，每人分几{u}？", "a/b"),
    ("{a}{u}{t}平均分成{b}份，每份多少{u}？", "a/b"),
    ("{n}有{a}{u}{t}，每{b}{u}装一盒，可以装几盒？", "a/b"),
    ("{a}个人坐车，每辆车坐{b}人，要几辆车？", "a/b"),
    ("买{b}{u}{t}用了{a}元，每{u}多少元？", "a/b"),
    ("{n}{b}天看了{a}页书，平均每天看多少页？", "a/b"),
    ("一本书有{b}页，{n}每天看{a}页，几天看完？", "b/a"),
    ("{n}买来{a}箱{t}，每箱{b}{u}，用去{c}{u}，还剩多少{u}？", "a*b-c"),
    ("{n}有{a}{u}{t}，又买了{b}盒，每盒{c}{u}，现在一共有多少{u}？", "a+b*c"),
    ("一{u}{t}{a}元，{n}买了{b}{u}，付了{c}元，应找回多少元？", "c-a*b"),
    ("{n}有{a}元，买了{b}{u}{t}，每{u}{c}元，还剩多少元？", "a-b*c"),
    ("{n}有{a}{u}{t}，给了{m}{b}{u}，又买了{c}{u}，现在有多少{u}？", "a-b+c"),
    ("有{a}{u}红{t}和{b}{u}黄{t}，平均分给{c}人，每人几{u}？", "(a+b)/c"),
    ("{n}有{a}{u}{t}，{m}比{n}多{b}{u}，两人一共有多少{u}？", "a+(a+b)"),
    ("{n}今年{a}岁，{m}比{n}大{b}岁，{m}今年多少岁？", "a+b"),
    ("{n}今年{a}岁，{b}年后是多少岁？", "a+b"),
    ("长方形长{a}米，宽{b}米，面积是多少平方米？", "a*b"),
    ("长方形长{a}米，宽{b}米，周长是多少米？", "(a+b)*2"),
    ("正方形的边长是{a}厘米，周长是多少厘米？", "a*4"),
    ("正方形边长{a}厘米，面积是多少平方厘米？", "a*a"),
)


def whole(rng: random.Random, digits: int) -> Number:
    value = rng.randint(10 ** (digits - 1) if digits > 1 else 2, 10**digits - 1)
    if digits > 1 and rng.random() < 0.2:
        value = value // 10 * 10
    return Number(Fraction(value))


def problem(rng: random.Random, language: Literal["zh", "en"]) -> Problem:
    """One problem whose answer is a positive whole number; in Chinese mostly with small numbers."""
    while True:
        text, equation = rng.choice(_TEMPLATES if language == "zh" else _EN_TEMPLATES)
        lengths = (1, 1, 2, 2, 3) if language == "zh" else (1, 2, 2, 3)
        a, b, c = (str(whole(rng, rng.choice(lengths))) for _ in range(3))
        if equation in ("a/b", "b/a") and rng.random() < 0.9:
            big, small = str(int(a) * int(b)), b if equation == "a/b" else a
            a, b = (big, small) if equation == "a/b" else (small, big)
        if max(map(int, (a, b, c))) > 9999:
            continue
        try:
            solution = solve(parse(equation.translate({97: a, 98: b, 99: c})))
        except Unsolvable:
            continue
        if solution.answer.value.denominator != 1 or not 0 < solution.answer.value < 100_000:
            continue
        if is_exam_expression(solution.equation):
            continue
        if language == "zh":
            n, m = rng.sample(_NAMES, 2)
            t, u = rng.choice(_THINGS)
            return Problem(text.format(a=a, b=b, c=c, n=n, m=m, t=t, u=u), solution)
        n, m = rng.sample(_EN_NAMES, 2)
        t, p = rng.choice(_EN_THINGS), rng.choice(_EN_PLACES)
        return Problem(text.format(a=a, b=b, c=c, n=n, m=m, t=t, p=p), solution)
