"""Questions that code answers exactly, in the wordings of people: what a model learns to tell apart by its first line.

`questions` yields (question, label) without end.  Every question is one that `acts.exact.do` can answer under its
label, so a model never learns a label that is not possible.  The wordings are not those of `exam/exact.py`, which is
how that exam can say whether the kind was learnt.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.acts.exact.terms import ENGLISH as TERMS_EN
from huozhong.acts.exact.terms import TERMS
from huozhong.verify import numerals
from huozhong.verify.arithmetic import is_exam_expression
from huozhong.verify.numbers import show

ENGLISH = 0.15
_FULL = str.maketrans("0123456789+-*/=()%.", "０１２３４５６７８９＋－＊／＝（）％．")
_TRADITIONAL = str.maketrans(
    "个几请问计于减数长宽积体圆边质约还对么为换单点时间钟吨两万亿块钱这条张题结会吗从开变转将给诉谢应该达学习简进过较谁轻远后",
    "個幾請問計於減數長寬積體圓邊質約還對麼為換單點時間鐘噸兩萬億塊錢這條張題結會嗎從開變轉將給訴謝應該達學習簡進過較誰輕遠後",
)
_LEAD = (
    "请问", "请问一下，", "问一下，", "老师，", "你好，", "你好，请问", "帮我算一下", "帮我算算，", "帮帮我，",
    "麻烦问一下，",
    "我想知道", "我想问一下，", "你知道", "告诉我", "小火苗，", "那", "嗯，", "快告诉我", "考考你，",
    "请你算一算，", "算一算：",
    "算一下", "你来算算：", "请问老师，", "数学题：", "哎，", "能不能告诉我", "可以帮我算一下吗？", "请教一下，",
    "再问一个，",
)  # fmt: skip
_TAIL = (
    "？", "？", "？", "?", "。", "呀？", "呢？", "啊？", "呀", "呢", "啊", "！", "？？", "谢谢", "？谢谢！",
    "，谢谢老师", "，请写出过程",
    "？要写过程", "？要带单位", "，急", "？在线等", "吖", "捏？", "咧", "哈", "？帮我算一下", "，你会吗？",
    "，你知道吗", "…", "~",
)  # fmt: skip
_EN_LEAD = (
    "Please ",
    "Can you tell me ",
    "Hi, ",
    "Hello! ",
    "Quick question: ",
    "Help me: ",
    "Could you please ",
    "hey, ",
    "I need to know ",
)
_EN_TAIL = ("?", "?", "?", ".", "", " please", " please?", "? Thanks!", "?? ")


class Draw:
    """The chances of one question."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def __call__(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def of(self, choices: Sequence[str]) -> str:
        return self.rng.choice(choices)

    def often(self, share: float) -> bool:
        return self.rng.random() < share

    def whole(self, low: int = 2, high: int = 999) -> int:
        top = self.rng.choice((20, 100, high, high)) if high > 100 else high
        return self.rng.randint(low, max(low, min(top, high)))

    def value(self) -> Fraction:
        """A number as units and decimals have it."""
        kind = self.rng.randrange(10)
        if kind < 6:
            return Fraction(self.whole())
        if kind < 8:
            return Fraction(self.rng.randint(1, 99), 10)
        return Fraction(self.rng.choice((1, 2, 5, 10, 25, 75, 125)) * self.rng.randint(1, 40), 100)

    def spelt(self, value: Fraction | int, chinese: float = 0.25) -> str:
        """In digits, or now and then in words."""
        value = Fraction(value)
        if self.often(chinese) and value.denominator == 1 and 0 <= value < 10**5:
            return words(int(value), self.rng)
        if self.often(chinese) and value.denominator in (2, 4, 5, 10) and value < 100:
            return numerals.write(value)
        return show(value).strip("()")


def words(value: int, rng: random.Random) -> str:
    """A numeral as it is said: 两百零五 as often as 二百零五."""
    written = numerals.write_whole(value)
    if rng.random() < 0.6:
        written = re.sub("(?<!十)二(?=[千百万])", "两", written)
    return written


# -- sums ----------------------------------------------------------------------------------------------

_ZH_SIGNS = {
    "+": ("加", "加上", "+", " + "),
    "-": ("减", "减去", "-", " - "),
    "×": ("乘", "乘以", "×", "*", "x", "X", "乘上"),
    "÷": ("除以", "÷", "/", "除以"),
}
_SUM_FRAMES = (
    "{}等于多少", "{}等于几", "{}是多少", "{}=", "{}=?", "{}＝", "{}", "{}得多少", "{}得几", "计算{}", "计算：{}",
    "算{}", "{}的结果是多少",
    "{}的得数是几", "{}结果等于多少", "口算：{}", "{}等于啥", "{}是几", "求{}的值", "{}算出来是多少",
    "列竖式计算{}", "{}=多少",
    "{}=( )", "简便计算{}", "{}等于什么",
)  # fmt: skip
_EN_SUM = (
    "what is {}",
    "what's {}",
    "{}",
    "calculate {}",
    "compute {}",
    "{} =",
    "how much is {}",
    "work out {}",
    "What does {} equal",
    "find {}",
    "evaluate {}",
)


def _expression(draw: Draw) -> str:
    """A sum in signs that is none of the exam's."""
    while True:
        a, b, c = draw.whole(), draw.whole(2, 99), draw.whole(2, 99)
        d = draw.rng.randint(2, 12)
        kind = draw.rng.randrange(16)
        text = (
            f"{a}+{b}", f"{a}-{b}", f"{a}×{b}", f"{b * d}÷{d}", f"{a}+{b}×{c}", f"{a}-{b}+{c}", f"({a}+{b})×{d}",
            f"{a}×{b}-{c}",
            f"{b * d}÷{d}+{c}", f"{a}.{d}+{b}.{draw.rng.randint(1, 9)}", f"{b}.5×{d}", f"({a}-{b})×{c}",
            f"{a}×{d}÷{d}", f"{a}-{b}×{d}",
            f"{a}+{b}+{c}", f"{c}÷{d}",
        )[kind]  # fmt: skip
        if not is_exam_expression(text):
            return text


def calculate(draw: Draw) -> str:
    kind = draw.rng.randrange(10)
    if kind < 4:
        signs = _expression(draw)
        shown = signs.replace("×", draw("×", "×", "*", "x", "X")).replace("÷", draw("÷", "÷", "/"))
        return draw.of(_SUM_FRAMES).format(shown)
    if kind < 7:
        return draw.of(_SUM_FRAMES).format(_spoken(draw))
    if kind == 7:
        a, b = draw.whole(2, 99), draw.whole(2, 99)
        x, y = draw.spelt(max(a, b), 0.4), draw.spelt(min(a, b), 0.4)
        and_ = draw("和", "与", "跟")
        return draw(
            f"{x}{and_}{y}的和是多少", f"{x}{and_}{y}的差是多少", f"{x}{and_}{y}的积是多少", f"求{x}{and_}{y}的和",
            f"求{x}{and_}{y}的积",
            f"{x}{and_}{y}的和乘以{draw.whole(2, 9)}是多少", f"{x}比{y}多多少", f"比{x}多{y}的数是多少",
            f"比{x}少{y}的数是几", f"从{x}里减去{y}还有多少".replace("还有多少", "是多少"),
            f"{x}除以{draw.whole(2, 9)}的商加上{y}", f"{y}的{draw.whole(2, 9)}倍是多少",
            f"{draw.whole(2, 9)}个{y}是多少", f"{x}减去{y}的差再乘{draw.whole(2, 9)}".replace("再乘", "乘"),
            f"{x}加{y}再加{draw.whole(2, 30)}等于几", f"{x}的平方是多少", f"{draw.whole(2, 12)}的立方等于多少",
            f"{x}乘{y}的积减去{draw.whole(2, 50)}",
        )  # fmt: skip
    if kind == 8:
        a, p = draw.whole(2, 50) * 20, draw.rng.choice((5, 10, 20, 25, 30, 40, 50, 60, 75, 80))
        b = draw.rng.randint(2, 9)
        t = draw.rng.randint(1, b - 1)
        return draw(
            f"{a}的{p}%是多少", f"{a}的百分之{numerals.write_whole(p)}等于多少", f"{a}的一半是多少",
            f"{a}的{t}/{b}是多少",
            f"{a * b}的{numerals.write_whole(b)}分之{numerals.write_whole(t)}是多少", f"求{a}的{p}%",
            f"{p}%乘{a}等于多少", f"{words(a, draw.rng)}的一半是几",
        )  # fmt: skip
    b, d = draw.rng.randint(2, 12), draw.rng.randint(2, 12)
    sign = draw("+", "-", "×", "÷")
    a, c = draw.rng.randint(1, b), draw.rng.randint(1, d)
    if draw.often(0.4):
        names = {"+": "加", "-": "减", "×": "乘", "÷": "除以"}
        return draw.of(_SUM_FRAMES[:3]).format(
            f"{numerals.write_whole(b)}分之{numerals.write_whole(a)}{names[sign]}{numerals.write_whole(d)}分之{numerals.write_whole(c)}"
        )
    if sign == "÷":
        return draw.of(_SUM_FRAMES).format(f"({a}/{b})÷({c}/{d})")
    return draw.of(_SUM_FRAMES).format(f"{a}/{b}{sign}{c}/{d}")


def _spoken(draw: Draw) -> str:
    """A sum in words: 二十减八, 三加四乘以五."""
    chinese = draw("a", "b", "b") == "b"
    signs = [draw("+", "-", "×", "÷") for _ in range(draw.rng.choice((1, 1, 1, 2)))]
    out, last = "", 0
    for at, sign in enumerate(["", *signs]):
        value = draw.whole(2, 12) if sign in ("×", "÷") else draw.whole(2, 300)
        if sign == "-" and len(signs) == 1 and value > last:
            value = draw.rng.randint(1, max(1, last))
        if at == 0 and signs[0] == "÷":
            value = draw.whole(2, 12) * draw.whole(2, 12)
        out += (draw.of(_ZH_SIGNS[sign][:2] if chinese else _ZH_SIGNS[sign]) if sign else "") + (
            words(value, draw.rng) if chinese else str(value)
        )
        last = value
    return out


def calculate_en(draw: Draw) -> str:
    a, b = draw.whole(2, 300), draw.whole(2, 99)
    words_ = draw(
        f"{a} plus {b}", f"{a} minus {b}", f"{a} times {b}", f"{a * b} divided by {b}", f"{a} multiplied by {b}",
        f"the sum of {a} and {b}", f"the product of {a} and {b}",
        f"half of {2 * a}", f"{draw.whole(1, 19) * 5}% of {a}", f"{b} squared", _expression(draw),
        _expression(draw).replace("×", "*").replace("÷", "/"), f"{draw.whole(5, 95)} percent of {a}",
        f"one third of {3 * a}", "seven times eight", "twelve plus nine", "twenty minus eight",
        "forty divided by five", f"the difference between {a + b} and {b}",
    )  # fmt: skip
    return draw.of(_EN_SUM).format(words_)


# -- units ---------------------------------------------------------------------------------------------

_UNITS: tuple[tuple[str, ...], ...] = (
    ("千米", "米"), ("公里", "米"), ("公里", "千米"), ("米", "分米"), ("米", "厘米"), ("米", "毫米"),
    ("分米", "厘米"), ("厘米", "毫米"), ("千米", "分米"), ("里", "米"), ("里", "公里"), ("米", "尺"),
    ("英里", "千米"), ("英尺", "英寸"), ("英寸", "厘米"), ("英尺", "厘米"), ("km", "m"), ("m", "cm"), ("cm", "mm"),
    ("平方米", "平方分米"), ("平方分米", "平方厘米"), ("平方米", "平方厘米"), ("公顷", "平方米"),
    ("平方千米", "公顷"), ("平方千米", "平方米"), ("亩", "平方米"), ("公顷", "亩"), ("立方米", "立方分米"),
    ("立方分米", "立方厘米"), ("立方米", "升"), ("升", "毫升"), ("立方分米", "升"), ("立方厘米", "毫升"),
    ("L", "mL"), ("吨", "千克"), ("吨", "公斤"), ("千克", "克"), ("公斤", "克"), ("公斤", "斤"), ("千克", "斤"),
    ("斤", "克"), ("斤", "两"), ("两", "克"), ("克", "毫克"), ("kg", "g"), ("磅", "克"), ("磅", "千克"),
    ("盎司", "克"), ("小时", "分钟"), ("小时", "秒"), ("时", "分"), ("分钟", "秒"), ("分", "秒"), ("天", "小时"),
    ("天", "分钟"), ("星期", "天"), ("周", "天"), ("个星期", "天"), ("年", "个月"), ("世纪", "年"), ("刻钟", "分钟"),
    ("元", "角"), ("元", "分"), ("角", "分"), ("块钱", "毛"), ("块", "角"), ("美元", "美分"), ("GB", "MB"),
    ("MB", "KB"), ("TB", "GB"), ("字节", "位"), ("平方公里", "公顷"), ("斤", "公斤"), ("加仑", "升"),
    ("海里", "千米"), ("码", "米"),
)  # fmt: skip
_COMPOUND = (
    ("米", "厘米"), ("米", "分米"), ("千米", "米"), ("分米", "厘米"), ("吨", "千克"), ("千克", "克"),
    ("小时", "分钟"), ("时", "分"), ("分", "秒"), ("元", "角"), ("角", "分"), ("升", "毫升"), ("公斤", "克"),
    ("斤", "两"),
    ("平方米", "平方分米"), ("年", "个月"), ("天", "小时"), ("立方米", "立方分米"),
)  # fmt: skip
_CONVERT_FRAMES = (
    "{q}等于多少{u}", "{q}是多少{u}", "{q}=( ){u}", "{q}＝（　）{u}", "{q}=?{u}", "{q}等于几{u}", "{q}有多少{u}",
    "{q}合多少{u}", "把{q}换算成{u}", "{q}换算成{u}是多少",
    "{q}化成{u}", "{q}是几{u}", "{q}转换成{u}", "{q}相当于多少{u}", "多少{u}等于{q}", "几{u}是{q}", "{q}多少{u}",
    "{q}用{u}作单位是多少", "{q}里有多少{u}", "( ){u}={q}", "{q}=____{u}", "将{q}化为{u}",
    "{q}折合多少{u}", "单位换算：{q}=（ ）{u}", "{q}转成{u}是多少", "{q}就是多少{u}",
)  # fmt: skip
_EN_UNITS = (
    ("kilometers", "meters"), ("km", "m"), ("meters", "centimeters"), ("m", "cm"), ("cm", "mm"), ("feet", "inches"),
    ("yards", "feet"), ("miles", "kilometers"), ("inches", "centimeters"), ("kilograms", "grams"), ("kg", "g"),
    ("pounds", "ounces"), ("lb", "kg"), ("tonnes", "kilograms"), ("hours", "minutes"), ("minutes", "seconds"),
    ("days", "hours"), ("weeks", "days"), ("liters", "milliliters"), ("L", "mL"), ("gallons", "quarts"),
    ("dollars", "cents"),
    ("hectares", "square meters"), ("GB", "MB"), ("years", "months"), ("grams", "milligrams"),
)  # fmt: skip
_EN_CONVERT = (
    "how many {u} are in {q}", "How many {u} are there in {q}", "convert {q} to {u}", "{q} to {u}", "{q} in {u}",
    "what is {q} in {u}", "{q} = ? {u}", "{q} equals how many {u}", "change {q} into {u}",
    "how many {u} is {q}", "express {q} in {u}", "{q} is how many {u}",
)  # fmt: skip


def _spoken_quantity(draw: Draw, value: Fraction, unit: str) -> str:
    if unit in ("小时", "年", "天", "公斤", "斤", "公里") and draw.often(0.08):
        count = words(draw.rng.randint(2, 9), draw.rng).replace("二", "两")
        if unit == "小时":
            return draw("半小时", "半个小时", f"{count}个半小时", f"{count}小时半")
        return draw(f"半{unit}", f"{count}{unit}半")
    shown = draw.spelt(value, 0.22)
    if shown == "二" and draw.often(0.8):
        shown = "两"
    if unit == "个星期" and not shown[-1].isdigit():
        return shown + unit
    return shown + unit


def convert(draw: Draw) -> str:
    if draw.often(0.12):
        return _temperature(draw)
    if draw.often(0.2):
        large, small = draw.rng.choice(_COMPOUND)
        a, b = draw.whole(1, 20), draw.rng.randint(1, 50 if small in ("分", "分钟", "秒") else 9)
        q = f"{draw.spelt(a)}{large}{draw.spelt(b)}{small}"
        return draw.of(_CONVERT_FRAMES).format(q=q, u=draw(large, small, small))
    if draw.often(0.12):
        large, small = draw.rng.choice(_COMPOUND)
        q = draw(f"{draw.whole(2, 400)}{small}", f"{draw.whole(1, 9)}.{draw('5', '25', '05', '2', '8')}{large}")
        return draw(
            f"{q}是几{large}几{small}", f"{q}=( ){large}( ){small}", f"{q}等于多少{large}多少{small}",
            f"{q}＝（　）{large}（　）{small}",
        )  # fmt: skip
    large, small = draw.rng.choice(_UNITS)
    if draw.often(0.05):
        return draw(
            f"{large}和{small}之间的进率是多少",
            f"{large}怎么换算成{small}",
            f"一{large.removeprefix('个')}等于多少{small}".replace("一时", "1时"),
            f"{large}与{small}的进率",
        )
    if draw.often(0.1):
        large, small = draw("km/h", "千米/时", "公里每小时"), draw("m/s", "米/秒", "米每秒")
        return draw.of(_CONVERT_FRAMES[:10]).format(q=f"{draw.whole(2, 120)}{large}", u=small)
    down = draw.often(0.6)
    start, end = (large, small) if down else (small, large)
    value = draw.value() if down else Fraction(draw.whole(1, 99)) * draw.rng.choice((10, 100, 100, 1000, 60, 1))
    if start == "个星期" or end == "刻钟":
        value = Fraction(draw.whole(2, 30))
    return draw.of(_CONVERT_FRAMES).format(
        q=_spoken_quantity(draw, value, start), u=end.removeprefix("个") if draw.often(0.5) and end != "个月" else end
    )


def _temperature(draw: Draw) -> str:
    c, f = draw("摄氏度", "℃", "°C"), draw("华氏度", "℉", "°F")
    start, end = draw.rng.sample((c, f), 2)
    value = draw.rng.randint(-20, 110)
    shown = f"零下{-value}" if value < 0 and "度" in start else str(value)
    return draw.of(_CONVERT_FRAMES[:12]).format(q=shown + start, u=end)


def convert_en(draw: Draw) -> str:
    large, small = draw.rng.choice(_EN_UNITS)
    down = draw.often(0.65)
    value = str(draw.whole(2, 200)) if draw.often(0.75) else f"{draw.whole(1, 9)}.5"
    start, end = (large, small) if down else (small, large)
    if draw.often(0.1):
        return draw.of(_EN_CONVERT).format(
            q=draw(
                "half an hour",
                "two and a half hours",
                "five feet",
                "three weeks",
                "a dozen days".replace("a dozen days", "twelve days"),
            ),
            u=draw("minutes", "minutes", "seconds"),
        )
    return draw.of(_EN_CONVERT).format(q=f"{value} {start}", u=end)


# -- comparing -------------------------------------------------------------------------------------------


def _any_number(draw: Draw) -> str:
    kind = draw.rng.randrange(9)
    if kind < 3:
        return f"{draw.rng.randint(0, 20)}.{draw.rng.randint(1, 9)}{draw('', '', '1', '5', '09', '25')}"
    if kind < 5:
        b = draw.rng.randint(2, 12)
        t = draw.rng.randint(1, b - 1)
        return f"{t}/{b}" if draw.often(0.7) else f"{numerals.write_whole(b)}分之{numerals.write_whole(t)}"
    if kind == 5:
        return f"{draw.rng.randint(1, 120)}%"
    if kind == 6:
        return words(draw.whole(11, 5000), draw.rng)
    return str(draw.whole(2, 5000))


_MEASURED = (
    (("千克", "克", "斤", "公斤"), ("哪个重", "哪个更重", "哪个轻", "谁重", "哪个重一些")),
    (("米", "厘米", "分米"), ("哪个长", "哪个更长", "哪个短", "谁长")),
    (("千米", "米", "公里"), ("哪个远", "哪个长", "哪个更远")),
    (("小时", "分钟"), ("哪个长", "哪个时间长", "哪个更长")), (("元", "角"), ("哪个多", "哪个贵", "谁多")),
    (("升", "毫升"), ("哪个多", "哪个少")), (("平方米", "平方分米"), ("哪个大", "哪个小")),
    (("千米/时", "米/秒"), ("哪个快", "哪个慢")),
)  # fmt: skip
_COMPARE_FRAMES = (
    "{a}和{b}哪个大", "{a}和{b}哪个更大", "{a}与{b}哪个小", "{a}跟{b}谁大", "{a}和{b}谁更小", "比较{a}和{b}的大小",
    "比较大小：{a}和{b}", "{a}○{b}", "{a}（ ）{b}，填上>、<或=", "{a}和{b}比较大小", "{a}大还是{b}大",
    "{a}和{b}哪一个大一些",
    "哪个大，{a}还是{b}", "哪个更大：{a}、{b}", "{a}比{b}大吗", "{a}比{b}小吗", "{a}大于{b}吗", "{a}和{b}谁大谁小",
    "在○里填上>、<或=：{a}○{b}", "{a}、{b}哪个数大",
)  # fmt: skip
_EN_COMPARE = (
    "which is bigger, {a} or {b}", "which is larger: {a} or {b}", "which is greater, {a} or {b}",
    "which is smaller, {a} or {b}", "is {a} bigger than {b}", "is {a} less than {b}", "compare {a} and {b}",
    "which number is larger, {a} or {b}",
    "{a} or {b}, which is greater", "what is bigger {a} or {b}",
)  # fmt: skip


def compare(draw: Draw) -> str:
    if draw.often(0.3):
        units, asks = draw.rng.choice(_MEASURED)
        a, b = draw.rng.sample(units, 2)
        x, y = draw.spelt(draw.value()), draw.spelt(Fraction(draw.whole(2, 5000)), 0.1)
        frame = draw("{}{}和{}{}{}", "{}{}与{}{}{}", "{}{}跟{}{}{}", "{}{}，{}{}，{}")
        return frame.format(x, a, y, b, draw.of(asks))
    if draw.often(0.3):
        numbers = [_any_number(draw) for _ in range(draw.rng.randint(3, 5))]
        listed = "、".join(numbers) if draw.often(0.7) else "，".join(numbers)
        joined = "、".join(numbers[:-1]) + draw("和", "与", "、") + numbers[-1]
        return draw(
            f"把{listed}从小到大排列", f"把{joined}按从大到小的顺序排列", f"{listed}中最大的数是哪个",
            f"{joined}中哪个最小", f"{listed}从小到大排序", f"将{listed}按从小到大的顺序排一排",
            f"{listed}里面最大的是哪一个",
            f"下面哪个数最大：{listed}", f"哪个数最小：{listed}", f"{joined}哪个最大",
            f"给{listed}排个序，从大到小".replace("给", "把").replace("排个序", "排序"), f"比较{joined}的大小",
        )  # fmt: skip
    return draw.of(_COMPARE_FRAMES).format(a=_any_number(draw), b=_any_number(draw))


def compare_en(draw: Draw) -> str:
    numbers = [n for n in (_any_number(draw) for _ in range(12)) if n.isascii()]
    while len(numbers) < 4:
        numbers.append(str(draw.whole()))
    if draw.often(0.25):
        return draw(
            f"sort {', '.join(numbers[:4])} in ascending order",
            f"order these numbers from smallest to largest: {', '.join(numbers[:3])}",
            f"which is the largest: {numbers[0]}, {numbers[1]} or {numbers[2]}",
            f"arrange {', '.join(numbers[:3])} from greatest to least",
        )  # fmt: skip
    return draw.of(_EN_COMPARE).format(a=numbers[0], b=numbers[1])


# -- rewriting, equations, factors, averages --------------------------------------------------------------


def rewrite(draw: Draw) -> str:
    b = draw.rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 20, 25, 40, 50))
    t = draw.rng.randint(1, b - 1)
    fraction = f"{t}/{b}" if draw.often(0.7) else f"{numerals.write_whole(b)}分之{numerals.write_whole(t)}"
    decimal = f"{draw.rng.randint(0, 3)}.{draw('5', '25', '75', '2', '4', '6', '8', '125', '05', '375', '12', '35')}"
    percent = f"{draw.rng.choice((5, 10, 12, 15, 20, 25, 30, 40, 45, 50, 60, 75, 80, 90, 120))}%"
    if draw.often(0.2):
        percent = f"百分之{numerals.write_whole(int(percent[:-1]))}"
    n, to = draw.rng.choice(
        (
            (fraction, "小数"),
            (fraction, "百分数"),
            (decimal, "分数"),
            (decimal, "百分数"),
            (percent, "小数"),
            (percent, "分数"),
        )
    )
    big = draw.whole(1000, 999999)
    long = f"{draw.rng.randint(0, 60)}.{draw.rng.randint(1000, 9999)}"
    up = draw.rng.randint(2, 12)
    choice = draw.rng.randrange(10)
    if choice < 5:
        ask = {"小数": "是多少小数", "百分数": "是百分之几", "分数": "是几分之几"}[to]
        return draw(
            f"{n}化成{to}", f"把{n}化成{to}", f"{n}化成{to}是多少", f"{n}改写成{to}", f"{n}用{to}表示",
            f"{n}写成{to}是多少", f"{n}{ask}", f"将{n}转化成{to}", f"{n}等于{ask.removeprefix('是')}",
            f"{n}怎么化成{to}".replace("怎么", ""),
            f"{n}变成{to}等于多少", f"{n}转换为{to}",
        )  # fmt: skip
    if choice == 5:
        return draw(
            f"{t * up}/{b * up}约分", f"把{t * up}/{b * up}约成最简分数", f"化简{t * up}/{b * up}",
            f"{t * up}/{b * up}的最简分数是多少", f"约分：{t * up}/{b * up}", f"{t * up}:{b * up}化简比",
            f"化简比{t * up}:{b * up}".replace("化简比", "求比", 0),
            f"{t * up}:{b * up}的比值是多少", f"{b + t}/{b}化成带分数", f"{up}又{t}/{b}化成假分数",
        )  # fmt: skip
    if choice == 6:
        return draw(
            f"{fraction}的倒数是多少",
            f"{up}的倒数是几",
            f"求{fraction}的倒数",
            f"{decimal}的倒数",
            f"-{up}的相反数是多少",
            f"-{up}的绝对值是多少",
            f"{draw('八', '七', '九', '六', '八五', '七五')}折是百分之几",
        )
    if choice == 7:
        return draw(
            f"{long}保留两位小数", f"{long}保留一位小数是多少", f"把{long}四舍五入到百分位",
            f"{long}精确到十分位是多少", f"{long}保留整数约是多少", f"{big}四舍五入到百位是多少",
            f"{big}省略万位后面的尾数约是多少", f"{long}四舍五入保留一位小数",
        )  # fmt: skip
    number = draw.whole(11, 99999)
    if choice == 8:
        written = words(number, draw.rng)
        return draw(
            f"{written}写成数字",
            f"{written}写作多少",
            f"{written}用数字怎么写",
            f"{written}写作什么",
            f"把{written}写成阿拉伯数字",
            f"{written}用阿拉伯数字表示是多少",
        )
    return draw(
        f"{number}怎么读",
        f"{number}读作什么",
        f"{number}读作",
        f"{number}用汉字怎么写",
        f"{decimal}读作什么",
        f"{number}的大写是什么",
        f"{number}写成汉字",
        f"{big * 10}改写成用万作单位的数是多少",
    )


def rewrite_en(draw: Draw) -> str:
    b = draw.rng.choice((2, 4, 5, 8, 10, 20, 25))
    t = draw.rng.randint(1, b - 1)
    d, k = f"0.{draw('5', '25', '75', '2', '4', '6', '125', '05')}", draw.rng.randint(2, 9)
    p = f"{draw.rng.choice((5, 10, 20, 25, 40, 60, 75, 80))}%"
    return draw(
        f"{t}/{b} as a decimal", f"what is {t}/{b} as a decimal", f"convert {d} to a fraction",
        f"write {d} as a fraction", f"{d} as a percentage", f"what is {t}/{b} as a percent",
        f"convert {p} to a decimal", f"{p} as a fraction",
        f"simplify {t * k}/{b * k}", f"reduce {t * k}/{b * k} to lowest terms",
        f"what is the reciprocal of {t}/{b}",
        f"round {draw.rng.randint(1, 50)}.{draw.rng.randint(1000, 9999)} to two decimal places",
        f"round {draw.whole(100, 9999)} to the nearest ten", f"turn {t}/{b} into a decimal",
        f"express {p} as a decimal",
    )  # fmt: skip


def equation(draw: Draw) -> str:
    x = draw.rng.choice("xxxxxyabnmt")
    root, a, b = draw.rng.randint(1, 30), draw.rng.randint(2, 12), draw.rng.randint(1, 60)
    c = draw.rng.randint(2, 9)
    form = draw(
        f"{x}+{b}={root + b}", f"{x}-{b}={root}", f"{a}{x}={a * root}", f"{x}÷{a}={root}", f"{x}/{a}={root}",
        f"{a}{x}+{b}={a * root + b}", f"{a}{x}-{b}={a * root - b}", f"{b + root}-{x}={b}",
        f"{a}({x}+{b})={a * (root + b)}",
        f"{a + c}{x}={c}{x}+{a * root}", f"{a}×{x}={a * root}", f"{a * root}÷{x}={root}",
        f"{x}:{a}={c * root}:{a * c}", f"{a}:{c}={x}:{c * b}", f"{a}{x}+{c}{x}={(a + c) * root}",
        f"{x}+{b}.5={root + b}.5", f"{b}+{x}={b + root}",
        f"{a}{x}-{c}={x}+{b}", f"{x}×{a}-{b}={a * root - b}", f"2{x}÷{a}={root}",
    )  # fmt: skip
    if draw.often(0.2):
        box = draw("□", "( )", "（　）", "□")
        form = draw(
            f"{box}+{b}={b + root}",
            f"{a}×{box}={a * root}",
            f"{b + root}-{box}={b}",
            f"{box}÷{a}={root}",
            f"{b}+{box}={b + root}",
            f"{box}-{b}={root}",
        )
        return draw(
            form,
            f"{form}，{box}里填几",
            f"{form}，应该填多少",
            f"填空：{form}",
            f"{form}，方框里填什么数".replace("方框", "括号" if box != "□" else "方框"),
        )
    if draw.often(0.25):
        n = draw("一个数", "某数", "一个数")
        ask = draw("，这个数是多少", "，求这个数", "，这个数是几", "，那个数是多少", "。这个数是多少")
        return (
            draw(
                f"{n}加{b}等于{b + root}", f"{n}减去{b}等于{root}", f"{n}的{a}倍是{a * root}",
                f"{n}乘{a}得{a * root}", f"{n}除以{a}等于{root}", f"{n}的{a}倍加上{b}等于{a * root + b}",
                f"{n}的一半是{root}", f"{n}的{words(a, draw.rng)}倍减去{b}是{a * root - b}",
                f"{words(b, draw.rng)}加上{n}等于{words(b + root, draw.rng)}",
            )
            + ask
        )  # fmt: skip
    return draw(
        form, f"解方程{form}", f"解方程：{form}", f"{form}，{x}等于多少", f"{form}，{x}=?", f"{form}，求{x}",
        f"求{x}：{form}", f"如果{form}，那么{x}是多少", f"方程{form}的解是多少", f"{form}解方程",
        f"{form}，{x}是几", f"已知{form}，求{x}的值",
        f"{form} {x}=", f"{form}怎么解".replace("怎么解", "，求解"),
    )  # fmt: skip


def equation_en(draw: Draw) -> str:
    x = draw.rng.choice("xxxyn")
    root, a, b = draw.rng.randint(1, 30), draw.rng.randint(2, 12), draw.rng.randint(1, 60)
    form = draw(
        f"{a}{x} + {b} = {a * root + b}",
        f"{x} + {b} = {b + root}",
        f"{a}{x} = {a * root}",
        f"{x}/{a} = {root}",
        f"{a}({x} - {b}) = {a * (root - b)}",
        f"{a + 1}{x} - {b} = {x} + {a * root - b}",
    )
    return draw(
        f"solve {form}", f"solve for {x}: {form}", f"{form}, what is {x}", f"if {form}, find {x}",
        f"find {x} if {form}", f"what number plus {b} is {b + root}",
        f"a number minus {b} is {root}, what is the number", f"solve the equation {form}",
    )  # fmt: skip


def factors(draw: Draw) -> str:
    n = draw.rng.randint(2, 120)
    g = draw.rng.randint(2, 15)
    a, b = g * draw.rng.randint(1, 9), g * draw.rng.randint(2, 10)
    shown, x, y = draw.spelt(n), draw.spelt(a, 0.15), draw.spelt(b, 0.15)
    and_ = draw("和", "与", "、", "跟")
    return draw(
        f"{shown}的因数有哪些", f"{shown}的所有因数", f"写出{shown}的全部因数", f"{shown}有几个因数",
        f"{shown}的因数是什么", f"{shown}是质数吗", f"{shown}是不是质数", f"{shown}是质数还是合数",
        f"{shown}是合数吗", f"{shown}是素数吗", f"把{n}分解质因数",
        f"{n}分解质因数", f"{n}的质因数有哪些", f"{x}{and_}{y}的最大公因数", f"{x}{and_}{y}的最大公约数是多少",
        f"求{x}{and_}{y}的最小公倍数", f"{x}{and_}{y}的最小公倍数是几", f"{n}以内的质数有哪些",
        f"{n + g * 3}以内{g}的倍数有哪些",
        f"{g}的倍数有哪些", f"{shown}是奇数还是偶数", f"{shown}是单数还是双数", f"{a * b}能被{a}整除吗",
        f"{n}能不能被{g}整除", f"{b}是{g}的倍数吗", f"{g}是{b}的因数吗", f"{x}{and_}{y}互质吗",
        f"{x}{and_}{y}的公因数有哪些",
        f"求{a}、{b}、{g * 2}的最小公倍数", f"{n}有哪些因数", f"{n}是偶数吗", f"{shown}的约数", f"找出{shown}的因数",
    )  # fmt: skip


def factors_en(draw: Draw) -> str:
    n, g = draw.rng.randint(2, 120), draw.rng.randint(2, 15)
    a, b = g * draw.rng.randint(1, 9), g * draw.rng.randint(2, 10)
    return draw(
        f"what are the factors of {n}", f"list all factors of {n}", f"is {n} prime", f"is {n} a prime number",
        f"prime factorization of {n}", f"what is the gcd of {a} and {b}",
        f"find the greatest common factor of {a} and {b}", f"lcm of {a} and {b}",
        f"least common multiple of {a} and {b}", f"is {n} even or odd", f"is {a * b} divisible by {a}",
        f"what are the prime factors of {n}", f"is {b} a multiple of {g}",
    )  # fmt: skip


def average(draw: Draw) -> str:
    kind = draw.rng.randrange(4)
    numbers = [
        str(draw.rng.randint(2, 100)) if kind else f"{draw.rng.randint(1, 20)}.{draw.rng.randint(1, 9)}"
        for _ in range(draw.rng.randint(3, 6))
    ]
    if draw.often(0.12):
        numbers = [words(draw.rng.randint(2, 99), draw.rng) for _ in numbers]
    unit = draw("", "", "", "", "分", "厘米", "岁", "千克", "元", "米")
    numbers = [number + unit for number in numbers]
    listed = draw("、", "，", "、", ", ").join(numbers)
    joined = "、".join(numbers[:-1]) + draw("和", "与", "、") + numbers[-1]
    count = words(len(numbers), draw.rng)
    return draw(
        f"{listed}的平均数是多少", f"求{joined}的平均数", f"{joined}的平均数",
        f"{listed}这{count}个数的平均数是多少", f"求{listed}的平均值", f"{joined}平均是多少",
        f"计算{joined}的平均数", f"{listed}的中位数是多少", f"{joined}的总和是多少", f"{listed}的平均值是几",
        f"求这组数的平均数：{listed}".replace("这组数的", ""), f"{joined}这{len(numbers)}个数的平均数",
        f"{listed}的众数是几", f"{listed}的中位数",
    )  # fmt: skip


def average_en(draw: Draw) -> str:
    numbers = [str(draw.rng.randint(2, 100)) for _ in range(draw.rng.randint(3, 6))]
    listed = ", ".join(numbers[:-1]) + draw(" and ", ", and ", ", ") + numbers[-1]
    return draw(
        f"what is the average of {listed}", f"find the mean of {listed}", f"average of {listed}",
        f"what is the median of {listed}", f"the mean of {listed}", f"calculate the average of {listed}",
        f"what is the sum of {listed}",
    )  # fmt: skip


_SHAPES = (
    ("长方形", ("面积", "周长")), ("正方形", ("面积", "周长")), ("三角形", ("面积",)), ("平行四边形", ("面积",)),
    ("梯形", ("面积",)),
    ("圆", ("面积", "周长")), ("圆形", ("面积", "周长")), ("长方体", ("体积", "表面积", "棱长总和")),
    ("正方体", ("体积", "表面积")),
    ("圆柱", ("体积", "侧面积", "表面积")), ("圆锥", ("体积",)), ("矩形", ("面积", "周长")), ("球", ("体积",)),
    ("圆环", ("面积",)),
)  # fmt: skip
_SIZES = {
    ("长方形", "面积"): ("长", "宽"), ("长方形", "周长"): ("长", "宽"), ("正方形", "面积"): ("边长",),
    ("正方形", "周长"): ("边长",),
    ("三角形", "面积"): ("底", "高"), ("平行四边形", "面积"): ("底", "高"), ("梯形", "面积"): ("上底", "下底", "高"),
    ("圆", "面积"): ("半径",), ("圆", "周长"): ("直径",), ("长方体", "体积"): ("长", "宽", "高"),
    ("正方体", "体积"): ("棱长",),
    ("长方体", "表面积"): ("长", "宽", "高"), ("正方体", "表面积"): ("棱长",), ("圆柱", "体积"): ("底面半径", "高"),
    ("圆锥", "体积"): ("底面半径", "高"),
}  # fmt: skip
_RELATIONS = (
    "路程",
    "速度",
    "时间",
    "总价",
    "单价",
    "利息",
    "工作总量",
    "工作效率",
    "利润率",
    "被除数",
    "比例尺",
    "出勤率",
)
_TERM_FRAMES = (
    "什么是{}", "什么叫{}", "{}是什么", "{}是什么意思", "{}的定义是什么", "解释一下{}", "啥是{}", "{}指的是什么",
    "{}的概念", "怎么理解{}",
    "什么叫做{}", "讲讲什么是{}".replace("讲讲", ""),
)  # fmt: skip


def formula(draw: Draw) -> str:
    kind = draw.rng.randrange(8)
    if kind < 3:
        shape, quantities = draw.rng.choice(_SHAPES)
        what = draw.of(quantities)
        return draw(
            f"{shape}的{what}公式", f"{shape}的{what}公式是什么", f"{shape}{what}怎么算", f"{shape}的{what}怎么求",
            f"怎么求{shape}的{what}",
            f"{shape}{what}公式", f"{shape}的{what}等于什么", f"怎样计算{shape}的{what}",
            f"{shape}的{what}的计算公式", f"{shape}{what}咋算",
        )  # fmt: skip
    if kind == 3:
        return draw(
            "{}的公式", "{}怎么求", "{}公式", "{}怎么算", "怎么求{}", "{}的计算公式是什么", "{}等于什么"
        ).format(draw.of(_RELATIONS))
    if kind == 4:
        law = draw(
            "乘法分配律",
            "加法交换律",
            "乘法结合律",
            "加法结合律",
            "乘法交换律",
            "分数的基本性质",
            "商不变的性质",
            "勾股定理",
            "运算顺序",
        )
        return draw(f"{law}是什么", f"{law}", f"什么是{law}", f"{law}怎么说", f"{law}用字母怎么表示", f"解释一下{law}")
    if kind == 5:
        return draw.of(_TERM_FRAMES).format(draw.of(tuple(TERMS)))
    (shape, what), sizes = draw.rng.choice(tuple(_SIZES.items()))
    unit = draw("厘米", "米", "分米", "厘米", "")
    shown = [f"{size}{draw('', '是', '为', '')}{draw.spelt(draw.rng.randint(2, 20), 0.1)}{unit}" for size in sizes]
    listed = draw("，", "、", "，").join(shown)
    return draw(
        f"{listed}的{shape}的{what}是多少", f"{listed}的{shape}{what}", f"一个{shape}，{listed}，{what}是多少",
        f"{shape}{listed}，求{what}",
        f"求{listed}的{shape}的{what}", f"{shape}的{listed}，{what}是多少", f"已知{shape}{listed}，求它的{what}",
    )  # fmt: skip


def formula_en(draw: Draw) -> str:
    shape, what = draw.rng.choice(
        (
            ("rectangle", "area"),
            ("rectangle", "perimeter"),
            ("square", "area"),
            ("circle", "area"),
            ("triangle", "area"),
            ("cube", "volume"),
        )
    )
    size = {
        "rectangle": f"length {draw.whole(2, 30)} and width {draw.whole(2, 20)}",
        "square": f"side {draw.whole(2, 30)}",
        "circle": f"radius {draw.whole(2, 20)}",
        "triangle": f"base {draw.whole(2, 30)} and height {draw.whole(2, 20)}",
        "cube": f"side {draw.whole(2, 9)}",
    }[shape]  # fmt: skip
    return draw(
        f"what is the formula for the {what} of a {shape}", f"{what} of a {shape} with {size}",
        f"what is the {what} of a {shape} with {size}",
        f"how do you find the {what} of a {shape}", f"formula for the {what} of a {shape}",
        f"what is a {draw.of(tuple(TERMS_EN))}",
        f"define {draw.of(tuple(TERMS_EN))}",
    )  # fmt: skip


Maker = Callable[[Draw], str]
_MAKERS: tuple[tuple[str, float, Maker, Maker], ...] = (
    (labels.CALCULATE, 5, calculate, calculate_en),
    (labels.CONVERT, 5, convert, convert_en),
    (labels.COMPARE, 4, compare, compare_en),
    (labels.REWRITE, 4, rewrite, rewrite_en),
    (labels.EQUATION, 3, equation, equation_en),
    (labels.FACTORS, 3, factors, factors_en),
    (labels.AVERAGE, 2, average, average_en),
    (labels.FORMULA, 4, formula, formula_en),
)


def dressed(core: str, draw: Draw, *, english: bool) -> str:
    """The question as somebody types it: polite or not, full-width, in traditional characters, without its mark."""
    if english:
        lead = draw.of(_EN_LEAD) if draw.often(0.2) else ""
        text = lead + (core if draw.often(0.5) or lead else core[0].upper() + core[1:])
        return (text + draw.of(_EN_TAIL)).strip()
    text = core
    if draw.often(0.3):
        text = draw.of(_LEAD) + text
    if draw.often(0.65) and text[-1] not in "？?=＝_）)":
        text += draw.of(_TAIL)
    elif draw.often(0.3):
        text += draw("？", "?", "。")
    if draw.often(0.07):
        text = text.translate(_FULL)
    if draw.often(0.05):
        text = text.translate(_TRADITIONAL)
    if draw.often(0.04):
        text = text.replace("×", "✖️").replace("多少", draw("多少", "多小"), 0)
    if draw.often(0.05):
        at = draw.rng.randrange(len(text) + 1)
        text = (
            text[:at] + " " + text[at:] if not (text[at - 1 : at].isalnum() and text[at : at + 1].isalnum()) else text
        )
    return text


def questions(rng: random.Random) -> Iterator[tuple[str, str]]:
    """(question, label) without end, the labels as often as people ask for them."""
    draw = Draw(rng)
    weights = [weight for _, weight, _, _ in _MAKERS]
    while True:
        label, _, chinese, english = rng.choices(_MAKERS, weights)[0]
        is_english = rng.random() < ENGLISH
        question = dressed((english if is_english else chinese)(draw), draw, english=is_english)
        if do(label, question) is not None:
            yield question, label
