"""RATE: 三斤苹果15元，买八斤要多少元; 5本本子12.5元，20元能买几本; 3 pens cost $4.50, how much do 7 pens cost?

So much for so many, and the same for others: one is found first.  Read when these three numbers are all that is told.
"""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.acts.exact.asking import asked, simple
from huozhong.acts.exact.done import Done, factor, finish, is_short, said, said_en, text_of
from huozhong.acts.exact.marked import Marked, marked
from huozhong.acts.measures import NAME
from huozhong.verify.numbers import number_at

_UNIT = NAME.pattern
_MONEY = r"(?:元|块钱?|块)"
_THINGS = rf"⟨(?P<a>\d)⟩\s*(?P<unit>{_UNIT})(?P<what>[^⟨，。,；]{{0,8}}?)"
_PAIR = re.compile(
    rf"{_THINGS}(?:一?共|要|卖|是|花了?|用了?|付了?|值|售价|[，,])*⟨(?P<p>\d)⟩{_MONEY}"
    rf"|⟨(?P<p2>\d)⟩{_MONEY}(?:钱)?(?:可以|能|可|就能)?买?(?:了|到|回)?⟨(?P<a2>\d)⟩\s*(?P<unit2>{_UNIT})"
)
_STORY = re.compile(
    r"每|又|还剩|剩|找|优惠|折|送|便宜|贵|多[付花买]|(?<!多)少|再|第|比|另|降|涨|平均|各|其中|和⟨|一(?:个|本|支|斤"
    r"|千克|张)(?!是|要)|⟨\d⟩%|单价|单买|砖|铺|换|锯|段|人民币"
)
_PAIR_EN = re.compile(
    r"⟨(?P<a>\d)⟩ (?P<what>[a-z]+(?: of [a-z]+)?) (?:cost|costs|are|for|is|sell for)(?: for)? (?:\$ ?⟨(?P<p>\d)⟩"
    r"|⟨(?P<p2>\d)⟩ (?:dollars|yuan|euros|pounds))",
    re.IGNORECASE,
)
_STORY_EN = re.compile(r"\beach\b|\bleft\b|change|more|less|discount|%|\bper\b|\bthen\b|\balso\b", re.IGNORECASE)


def done(question: str) -> Done | None:
    """The price of so many more, or how many for so much; None for other questions."""
    text = simple(question)
    if len(text) > 80:
        return None
    if (dozens := _DOZENS.search(text)) is not None:
        return _in_dozens(dozens)
    note = marked(text)
    if len(note.values) != 3 or any(value <= 0 for value in note.values):
        return None
    return _english(note) if asked(question).english else _chinese(note)


_DOZENS = re.compile(
    r"^(?:请问|那么?|买了?|有)?(?P<n>[\d一二两三四五六七八九十半]{1,3})打(?P<what>[\u4e00-\u9fff]{0,6}?)(?:一共|总共|共)?(?:有|是|等于)"
    r"(?:多少|几)(?P<unit>[个支枚只条瓶本张块双])?(?P=what)?[呢啊呀？?\s]*$"
)


def _in_dozens(found: re.Match[str]) -> Done | None:
    """两打鸡蛋有多少个"""
    number = number_at(found["n"])
    if number is None or number.end != len(found["n"]):
        return None
    count = number.number.value * 12
    line = f"12×{factor(number.number.value)}={factor(count)}"
    short = f"{text_of(count)}{found['unit'] or '个'}"
    return finish(False, (line,), f"一打是12{found['unit'] or '个'}，{line}", short)


def _chinese(note: Marked) -> Done | None:
    found = _PAIR.search(note.text)
    if found is None or _STORY.search(note.text):
        return None
    things, price = int(found["a"] or found["a2"]), int(found["p"] or found["p2"])
    unit, other = found["unit"] or found["unit2"], 3 - things - price
    rest = note.text[found.end() :]
    if unit in ("元", "块", "角", "分") or other in (things, price):
        return None
    many, cost, more = (note.values[at] for at in (things, price, other))
    if (
        re.search(rf"⟨{other}⟩\s*{re.escape(unit)}", rest)
        and re.search("多少|几", rest)
        and not re.search(rf"[几少]{unit}", rest)
    ):
        return _say(cost / many, more, f"1{unit}", f"⟨⟩{unit}", "元", (cost, many))
    if re.search(rf"⟨{other}⟩{_MONEY}", rest) and re.search(rf"(?:多少|几)\s*{re.escape(unit)}", rest):
        return _back(many, cost, more, unit)
    return None


def _say(one: Fraction, more: Fraction, single: str, many: str, unit: str, pair: tuple[Fraction, Fraction]) -> Done:
    """First one, then as many as are wanted."""
    cost, count = pair
    result = one * more
    lines = (f"{factor(cost)}÷{factor(count)}={factor(one)}", f"{factor(one)}×{factor(more)}={factor(result)}")
    first = (
        f"先求{single}要多少{unit}：{lines[0]}（{unit}）；再求{many.replace('⟨⟩', text_of(more))}：{lines[1]}（{unit}）"
    )
    return finish(False, lines, first, f"{said(result)}{unit}")


def _back(many: Fraction, cost: Fraction, money: Fraction, unit: str) -> Done | None:
    one = cost / many
    result = money / one
    lines = [f"{factor(cost)}÷{factor(many)}={factor(one)}", f"{factor(money)}÷{factor(one)}={factor(result)}"]
    first = f"先求1{unit}要多少元：{lines[0]}（元）；再求{text_of(money)}元买多少：{lines[1]}（{unit}）"
    if result.denominator != 1 and unit not in ("斤", "千克", "公斤", "克", "米", "升", "吨", "两"):
        whole = int(result)
        return finish(False, lines, f"{first}，只能买整{unit}", f"最多买{whole}{unit}") if whole else None
    return finish(False, lines, first, f"{said(result)}{unit}")


def _english(note: Marked) -> Done | None:
    found = _PAIR_EN.search(note.text)
    if found is None or _STORY_EN.search(note.text):
        return None
    things, price = int(found["a"]), int(found["p"] or found["p2"])
    other = 3 - things - price
    rest = note.text[found.end() :]
    if not re.search(r"how much|what", rest, re.IGNORECASE) or re.search(rf"\$ ?⟨{other}⟩", rest):
        return None
    many, cost, more = (note.values[at] for at in (things, price, other))
    one, result = cost / many, cost / many * more
    lines = (f"{factor(cost)}÷{factor(many)}={factor(one)}", f"{factor(one)}×{factor(more)}={factor(result)}")
    money = f"{float(result):.2f}" if is_short(result) and result.denominator != 1 else said_en(result)
    return finish(True, lines, f"One first: {lines[0]}; then {text_of(more)}: {lines[1]}", f"${money}")
