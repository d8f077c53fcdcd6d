"""Questions about units and about which is more."""

from __future__ import annotations

import random
from fractions import Fraction

from huozhong.exam.exact.writing import Made, in_chinese, shown

# -- units -----------------------------------------------------------------------------------------------

# large, small, how many
_UNITS: tuple[tuple[str, str, Fraction], ...] = tuple(
    (large, small, Fraction(factor))
    for large, small, factor in (
        ("千米", "米", 1000), ("米", "厘米", 100), ("米", "分米", 10), ("分米", "毫米", 100), ("公里", "米", 1000),
        ("厘米", "毫米", 10),
        ("平方米", "平方分米", 100), ("平方米", "平方厘米", 10000), ("公顷", "平方米", 10000),
        ("平方千米", "公顷", 100),
        ("立方米", "立方分米", 1000), ("升", "毫升", 1000), ("立方分米", "立方厘米", 1000), ("立方米", "升", 1000),
        ("吨", "千克", 1000), ("千克", "克", 1000), ("公斤", "斤", 2), ("斤", "克", 500), ("斤", "两", 10),
        ("吨", "公斤", 1000),
        ("小时", "分钟", 60), ("分钟", "秒", 60), ("天", "小时", 24), ("星期", "天", 7), ("年", "个月", 12),
        ("小时", "秒", 3600),
        ("元", "角", 10), ("元", "分", 100), ("角", "分", 10), ("英尺", "英寸", 12), ("英寸", "厘米", "2.54"),
        ("GB", "MB", 1024),
    )
)  # fmt: skip
_ASK_UNIT = (
    "{q}，用{u}来算是多少？", "{q}折成{u}是多少？", "请把{q}写成以{u}为单位的数。", "{q}一共是多少{u}？",
    "{q}，也就是多少{u}？",
    "填一填：{q}＝（　　）{u}", "你说{q}到底等于多少{u}啊", "{q}变成{u}", "{q}换成{u}是多少", "算出{q}等于多少{u}",
    "{q}能换多少{u}？",
    "如果用{u}表示，{q}是多少？", "{q}里面有几{u}？", "{q}合计多少{u}", "{q}得是多少{u}呀", "把{q}改写成{u}",
)  # fmt: skip
_EN_UNITS = (
    ("kilometers", "meters", 1000), ("meters", "centimeters", 100), ("kilograms", "grams", 1000),
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60), ("days", "hours", 24), ("feet", "inches", 12), ("liters", "milliliters", 1000),
    ("weeks", "days", 7),
    ("dollars", "cents", 100), ("yards", "feet", 3), ("pounds", "ounces", 16),
)  # fmt: skip
_EN_ASK_UNIT = (
    "What number of {u} equals {q}?", "Please convert {q} into {u}.", "How many {u} does {q} make?",
    "Give {q} in {u}.",
    "{q} are how many {u}?", "Write {q} as {u}.",
)  # fmt: skip


def units(rng: random.Random) -> Made:
    kind = rng.random()
    if kind < 0.1:
        celsius = rng.randint(-4, 20) * 5
        fahrenheit = celsius * 9 // 5 + 32
        pair = (
            (f"{celsius}摄氏度", "华氏度", fahrenheit)
            if rng.random() < 0.5
            else (f"{fahrenheit}华氏度", "摄氏度", celsius)
        )
        text = rng.choice(("{}换算过来是多少{}？", "{}相当于几{}", "把{}化成{}是多少")).format(*pair[:2])
        return text, f"number {pair[2]}"
    if kind < 0.28:
        large, small, factor = rng.choice([u for u in _UNITS if u[2].denominator == 1 and u[2] > 9 and u[0] != "GB"])
        a, b = rng.randint(1, 15), rng.randint(1, min(int(factor) - 1, 60))
        return rng.choice(_ASK_UNIT).format(q=f"{a}{large}{b}{small}", u=small), f"number {a * factor + b}"
    if kind < 0.38:
        large, small, factor = rng.choice([u for u in _UNITS if u[2].denominator == 1 and u[2] > 9 and u[0] != "GB"])
        a, b = rng.randint(1, 9), rng.randint(1, int(factor) - 1)
        text = rng.choice(
            ("{q}等于几{l}几{s}？", "{q}是多少{l}多少{s}", "{q}改写成几{l}几{s}", "{q}＝（　）{l}（　）{s}")
        )
        return text.format(q=f"{a * int(factor) + b}{small}", l=large, s=small), f"numbers {a} {b}"
    large, small, factor = rng.choice(_UNITS)
    if rng.random() < 0.6:
        value = (
            Fraction(rng.randint(2, 90))
            if rng.random() < 0.7
            else Fraction(rng.randint(1, 99), rng.choice((2, 4, 5, 10)))
        )
        written = in_chinese(int(value)) if value.denominator == 1 and rng.random() < 0.25 else shown(value)
        return rng.choice(_ASK_UNIT).format(q=written + large, u=small), f"number {value * factor}"
    value = Fraction(rng.randint(1, 60)) * factor / rng.choice((1, 1, 2, 10 if factor % 10 == 0 else 1))
    if (value / factor * 1000).denominator != 1 or (value * 100).denominator != 1:
        value = factor * rng.randint(2, 9)
    return rng.choice(_ASK_UNIT).format(q=shown(value) + small, u=large), f"number {value / factor}"


def units_en(rng: random.Random) -> Made:
    large, small, factor = rng.choice(_EN_UNITS)
    value = rng.randint(2, 40)
    if rng.random() < 0.6:
        return rng.choice(_EN_ASK_UNIT).format(q=f"{value} {large}", u=small), f"number {value * factor}"
    return rng.choice(_EN_ASK_UNIT).format(q=f"{value * factor} {small}", u=large), f"number {value}"


# -- comparison --------------------------------------------------------------------------------------------


def _written(rng: random.Random) -> tuple[str, Fraction]:
    kind = rng.randrange(6)
    if kind < 2:
        value = Fraction(rng.randint(1, 2000), rng.choice((10, 100)))
        return shown(value), value
    if kind == 2:
        bottom = rng.randint(3, 11)
        top = rng.randint(1, bottom - 1)
        return f"{top}/{bottom}", Fraction(top, bottom)
    if kind == 3:
        percent = rng.randint(3, 99)
        return f"{percent}%", Fraction(percent, 100)
    value = Fraction(rng.randint(10, 9000))
    return shown(value), value


def _two(rng: random.Random) -> tuple[tuple[str, Fraction], tuple[str, Fraction]]:
    """Two numbers that one could take for each other, such as 9.8 and 9.11."""
    while True:
        if rng.random() < 0.5:
            whole = rng.randint(0, 20)
            parts = [
                f"{whole}.{rng.choice((rng.randint(1, 9), rng.randint(10, 99), f'0{rng.randint(1, 9)}'))}"
                for _ in range(2)
            ]
            pair = [(part, Fraction(part)) for part in parts]
        else:
            pair = [_written(rng), _written(rng)]
        if pair[0][1] != pair[1][1]:
            return pair[0], pair[1]


def _one(right: str, *all_of_them: str) -> str:
    """Gold: this one, and not the others."""
    return " ".join(["one", right, *(other for other in all_of_them if other != right)])


def comparison(rng: random.Random) -> Made:
    kind = rng.random()
    if kind < 0.25:
        return _compared_units(rng)
    if kind < 0.45:
        several = dict(_written(rng) for _ in range(rng.randint(3, 4)))
        if len(set(several.values())) < 3:
            return comparison(rng)
        listed, ordered = "、".join(several), sorted(several, key=several.__getitem__)
        if rng.random() < 0.5:
            most = rng.random() < 0.5
            text = rng.choice(("{}，最{}的是谁？", "在{}当中，最{}的数是哪一个？", "{}这几个数里哪个最{}？"))
            return text.format(listed, "大" if most else "小"), _one(ordered[-1 if most else 0], *several)
        down = rng.random() < 0.5
        order = ("从大到小", "＞") if down else ("从小到大", "＜")
        text = rng.choice(("请将{}{}排列起来。", "{}，按照{}的顺序排队", "{}，{}排一排"))
        return text.format(listed, order[0]), "order " + " ".join(reversed(ordered) if down else ordered)
    (a, x), (b, y) = _two(rng)
    if kind < 0.65:
        sign = ">" if x > y else "<"
        text = rng.choice(
            (
                "{}和{}，用>还是<连接？",
                "{}（　　）{}，括号里填>、<还是=？",
                "比一比{}和{}的大小",
                "{}与{}的大小关系是什么？",
            )
        )
        return text.format(a, b), f"sign {sign}"
    more = rng.random() < 0.6
    if kind < 0.8:
        text = rng.choice(("{}是不是比{}{}？", "{}比{}{}吗？", "{}比{}要{}吗"))
        return text.format(a, b, "大" if more else "小"), "yes" if (x > y) == more else "no"
    text = rng.choice(
        (
            "{}跟{}相比，哪个{}？",
            "两个数{}和{}，{}的是哪个？",
            "{}和{}当中谁{}一些",
            "你觉得{}与{}谁更{}",
            "{}和{}，哪个数{}呢？",
        )
    )
    return text.format(a, b, "大" if more else "小"), _one(a if (x > y) == more else b, a, b)


def _compared_units(rng: random.Random) -> Made:
    words = {"千克": "重", "米": "长", "小时": "长", "元": "多", "千米": "远", "升": "多"}
    large, small, factor = rng.choice([u for u in _UNITS if u[0] in words])
    a = Fraction(rng.randint(1, 9)) + Fraction(rng.choice((0, 0, 5)), 10)
    b = a * factor + rng.choice((-1, 1)) * rng.randint(1, max(1, int(factor) // 4))
    if b.denominator != 1 or b <= 0:
        return _compared_units(rng)
    x, y = f"{shown(a)}{large}", f"{b}{small}"
    text = rng.choice(("{}跟{}比，哪个更{}？", "{}和{}，{}的是哪一个？", "{}与{}相比谁{}？")).format(x, y, words[large])
    return text, _one(x if a * factor > b else y, x, y)


def comparison_en(rng: random.Random) -> Made:
    (a, x), (b, y) = _two(rng)
    if rng.random() < 0.5:
        ask = rng.choice(("Tell me which is greater: {} or {}?", "Of {} and {}, which is larger?"))
        return ask.format(a, b), _one(a if x > y else b, a, b)
    ask = rng.choice(("Which of {} and {} is smaller?", "{} and {}: which one is less?"))
    return ask.format(a, b), _one(a if x < y else b, a, b)
