"""Questions about numerals, forms of a number, equations, factors, averages and sums."""

from __future__ import annotations

import math
import random
from fractions import Fraction

from huozhong.exam.exact.writing import Made, in_chinese, shown
from huozhong.verify.arithmetic import evaluate, is_exam_expression

# -- numerals, forms ---------------------------------------------------------------------------------------


def numerals(rng: random.Random) -> Made:
    value = rng.choice((rng.randint(11, 99), rng.randint(100, 9999), rng.randint(10000, 999999)))
    kind = rng.random()
    if kind < 0.35:
        text = rng.choice(("“{}”写成阿拉伯数字是什么？", "{}用数字表示出来", "{}这个数写作什么？", "请用数字写{}"))
        return text.format(in_chinese(value)), f"number {value}"
    if kind < 0.6:
        text = rng.choice(("{}读成什么？", "{}该怎么念？", "{}用中文怎么读", "请问{}的读法是什么"))
        return text.format(value), f"text {in_chinese(value)}"
    a, b = rng.randint(11, 300), rng.randint(2, 99)
    sign = rng.choice("加减乘")
    result = {"加": a + b, "减": a - b, "乘": a * b}[sign]
    text = rng.choice(("{}{}{}，答案是几？", "{}{}{}会得到多少", "你会算{}{}{}吗", "{}{}{}最后是多少？"))
    return text.format(in_chinese(a), sign, in_chinese(b)), f"number {result}"


def numerals_en(rng: random.Random) -> Made:
    words = [
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fifteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
    ]
    values = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 20, 30, 40, 50]
    i, j = rng.randrange(17), rng.randrange(17)
    name, result = rng.choice(
        (("plus", values[i] + values[j]), ("times", values[i] * values[j]), ("minus", values[i] - values[j]))
    )
    return rng.choice(("How much is {} {} {}?", "Can you work out {} {} {}?")).format(
        words[i], name, words[j]
    ), f"number {result}"


_FORM_ASKS = {
    "decimal": ("{}写成小数的话是多少？", "{}化成小数等于几？", "请用小数表示{}。", "{}等于多少小数"),
    "percent": ("{}写成百分数是多少？", "{}等于百分之几？", "把{}化为百分数。", "{}用百分数来表示"),
    "fraction": ("{}写成分数是多少？", "{}等于几分之几？", "把{}化为最简分数。", "{}化成最简分数是多少"),
}


def forms(rng: random.Random) -> Made:
    kind = rng.random()
    if kind < 0.6:
        bottom = rng.choice((2, 4, 5, 8, 10, 20, 25, 40, 50))
        value = Fraction(rng.randint(1, bottom - 1), bottom)
        names = {
            "decimal": shown(value),
            "percent": f"{shown(value * 100)}%",
            "fraction": f"{value.numerator}/{value.denominator}",
        }
        source, target = rng.sample(sorted(names), 2)
        written = names[source]
        if source == "fraction" and rng.random() < 0.3:
            written = f"{in_chinese(value.denominator)}分之{in_chinese(value.numerator)}"
        gold = f"text {names['fraction']}" if target == "fraction" else f"number {names[target]}"
        return rng.choice(_FORM_ASKS[target]).format(written), gold
    if kind < 0.75:
        a, b, k = rng.randint(1, 9), rng.randint(2, 12), rng.randint(2, 9)
        value = Fraction(a, b)
        if value.denominator == 1:
            return forms(rng)
        return rng.choice(("把{}/{}约分", "{}/{}约成最简分数是多少？", "{}/{}化简后是多少")).format(
            a * k, b * k
        ), f"text {value}"
    if kind < 0.88:
        places = rng.randint(1, 2)
        value = Fraction(rng.randint(1000, 99999), 1000)
        scaled = math.floor(value * 10**places + Fraction(1, 2))
        text = rng.choice(("{}保留{}小数约是多少？", "将{}四舍五入，保留{}小数", "{}取近似值，保留{}小数"))
        return text.format(shown(value), ("一位", "两位")[places - 1]), f"number {Fraction(scaled, 10**places)}"
    value = Fraction(rng.randint(1, 9), rng.randint(2, 12))
    if 1 in (value.denominator, value.numerator):
        return forms(rng)
    return rng.choice(("{}的倒数等于多少？", "求出{}的倒数")).format(value), f"text {1 / value}"


def forms_en(rng: random.Random) -> Made:
    bottom = rng.choice((2, 4, 5, 8, 10, 20))
    value = Fraction(rng.randint(1, bottom - 1), bottom)
    return rng.choice(
        (
            (f"Write {value} as a decimal number.", f"number {value}"),
            (f"What is {shown(value)} written as a percentage?", f"number {shown(value * 100)}%"),
            (f"Express {shown(value)} as a fraction.", f"text {value}"),
        )
    )


# -- equations, factors, averages, sums --------------------------------------------------------------------


def equations(rng: random.Random) -> Made:
    x = rng.choice("xxxyam")
    root, a, b = rng.randint(1, 40), rng.randint(2, 9), rng.randint(1, 50)
    forms = (
        f"{x}+{b}={root + b}",
        f"{a}{x}={a * root}",
        f"{a}{x}+{b}={a * root + b}",
        f"{a}{x}-{b}={a * root - b}",
        f"{root + b}-{x}={b}",
        f"{x}÷{a}={root}",
        f"{a}({x}+{b})={a * (root + b)}",
        f"{a + 2}{x}={a}{x}+{2 * root}",
        f"{a}:{b}={a * root}:{x}",
    )
    form = rng.choice(forms)
    answer = root * b if form == forms[-1] else root * a if form == forms[5] else root
    if rng.random() < 0.25:
        number = rng.choice(
            (
                "一个数加上{b}是{c}，这个数是几？",
                "一个数乘{a}等于{d}，这个数是什么？",
                "一个数减去{b}得{e}，这个数等于多少？",
                "什么数加{b}等于{c}？",
            )
        )
        gold = b + root if "减去" in number else root
        return number.format(a=a, b=b, c=b + root, d=a * root, e=root), f"number {gold}"
    text = rng.choice(
        (
            "方程{}的解是什么？",
            "{}，{x}的值是多少？",
            "解这个方程：{}",
            "在{}中，{x}是多少？",
            "已知{}，那么{x}等于几？",
            "{}，请求出{x}",
        )
    )
    return text.format(form, x=x), f"number {answer}"


def equations_en(rng: random.Random) -> Made:
    root, a, b = rng.randint(1, 30), rng.randint(2, 9), rng.randint(1, 40)
    form = rng.choice((f"x + {b} = {b + root}", f"{a}x = {a * root}", f"{a}x - {b} = {a * root - b}"))
    return rng.choice(("Find the value of x: {}", "What is x if {}?", "Solve the equation {}.")).format(
        form
    ), f"number {root}"


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def factors(rng: random.Random) -> Made:
    number, g = rng.randint(6, 99), rng.randint(2, 12)
    a, b = g * rng.randint(2, 9), g * rng.randint(2, 9)
    prime = len(_divisors(number)) == 2
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(("{}一共有哪些因数？", "请列出{}的所有因数。", "{}的因数分别是哪些")).format(
            number
        ), "numbers " + " ".join(map(str, _divisors(number)))
    if kind == 1:
        return rng.choice(("{}属于质数吗？", "{}是一个质数吗", "判断{}是不是质数")).format(
            number
        ), "yes" if prime else "no"
    if kind == 2:
        return rng.choice(("{}与{}的最大公因数等于几？", "求出{}和{}的最大公因数")).format(
            a, b
        ), f"number {math.gcd(a, b)}"
    if kind == 3:
        return rng.choice(("{}与{}的最小公倍数等于几？", "找出{}和{}的最小公倍数")).format(
            a, b
        ), f"number {math.lcm(a, b)}"
    if kind == 4:
        return rng.choice(("{}能被{}整除吗？", "{}可以被{}整除吗？", "{}是不是{}的倍数？")).format(
            number, g
        ), "no" if number % g else "yes"
    if kind == 5:
        left, parts = number, []
        for p in range(2, number + 1):
            while left % p == 0:
                parts.append(p)
                left //= p
        return rng.choice(("请把{}分解质因数。", "{}分解质因数的结果是什么？")).format(number), "product " + " ".join(
            map(str, parts)
        )
    return rng.choice(("{}是奇数还是偶数呢？", "判断{}是奇数还是偶数")).format(
        number
    ), f"text {'奇' if number % 2 else '偶'}数"


def factors_en(rng: random.Random) -> Made:
    g = rng.randint(2, 12)
    a, b = g * rng.randint(2, 9), g * rng.randint(2, 9)
    return rng.choice(
        (
            (f"Find the greatest common divisor of {a} and {b}.", f"number {math.gcd(a, b)}"),
            (f"Which numbers are factors of {a}?", "numbers " + " ".join(map(str, _divisors(a)))),
            (f"What is the least common multiple of {a} and {b}?", f"number {math.lcm(a, b)}"),
        )
    )


def averages(rng: random.Random) -> Made:
    count = rng.choice((3, 4, 5))
    numbers = [rng.randint(2, 90) for _ in range(count)]
    numbers[-1] += -sum(numbers) % count
    listed, median = (
        "、".join(map(str, numbers)),
        Fraction(sorted(numbers)[count // 2] + sorted(numbers)[(count - 1) // 2], 2),
    )
    if rng.random() < 0.25:
        return rng.choice(("{}，中位数是几？", "这组数据的中位数是多少：{}")).format(listed), f"number {median}"
    text = rng.choice(
        ("{}，它们的平均数是几？", "这几个数的平均数是多少：{}", "请算出{}的平均数", "{}的平均数等于几？", "{}求平均数")
    )
    return text.format(listed), f"number {Fraction(sum(numbers), count)}"


def averages_en(rng: random.Random) -> Made:
    numbers = [rng.randint(2, 90) for _ in range(4)]
    numbers[-1] += -sum(numbers) % 4
    listed = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return rng.choice(("Work out the average of {}.", "The numbers are {}. What is their mean?")).format(
        listed
    ), f"number {sum(numbers) // 4}"


def _expression(rng: random.Random) -> str:
    while True:
        a, b, c = rng.randint(10, 600), rng.randint(2, 40), rng.randint(2, 9)
        text = rng.choice(
            (
                f"{a}+{b}×{c}",
                f"{a}-{b}",
                f"{a}×{c}",
                f"({a}+{b})×{c}",
                f"{b * c}÷{c}+{a}",
                f"{a}×{b}-{c}",
                f"{a}.5+{b}.7",
            )
        )
        if is_exam_expression(text):
            return text


def sums(rng: random.Random) -> Made:
    if rng.random() < 0.3:
        a, b = rng.randint(2, 60) * 20, rng.choice((5, 10, 20, 25, 50, 75))
        return rng.choice(("{}的{}%等于几？", "{}的百分之{}是几？")).format(a, b), f"number {Fraction(a * b, 100)}"
    text = _expression(rng)
    return rng.choice(("{}这道题答案是多少？", "{}，结果是几？", "麻烦算出{}", "{}最后等于几")).format(
        text
    ), f"number {evaluate(text)}"


def sums_en(rng: random.Random) -> Made:
    text = _expression(rng)
    return rng.choice(("What do you get for {}?", "Give me the result of {}.")).format(text), f"number {evaluate(text)}"
