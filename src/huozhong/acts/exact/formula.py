"""FORMULA: 长方形的面积公式, 半径3厘米的圆的面积, 什么是三角形, 路程怎么求, area of a circle with radius 3.

A formula out of a checked table; worked out when the question also gives the sizes, in one unit and by their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from huozhong.acts.exact.asking import Asked, asked
from huozhong.acts.exact.calculate import work_out
from huozhong.acts.exact.done import Done, factor, finish, text_of
from huozhong.acts.exact.terms import ENGLISH, SAME, TERMS
from huozhong.verify.numbers import number_at
from huozhong.verify.units import unit_at


@dataclass(frozen=True)
class Formula:
    """`says` as one says it; `sums` what to compute, in the names of the sizes (several where several may be given).

    power: 1 for lengths, 2 for areas, 3 for volumes, 0 for what has no unit of its own.
    """

    says: str
    sums: tuple[str, ...]
    power: int


# shape | quantity | as one says it | sums
_SHAPES = """
长方形|面积|长×宽，S=ab|长×宽
长方形|周长|(长+宽)×2，C=2(a+b)|(长+宽)×2
正方形|面积|边长×边长，S=a²|边长×边长
正方形|周长|边长×4，C=4a|边长×4
三角形|面积|底×高÷2，S=ah÷2|底×高÷2
三角形|周长|三条边的长度之和，C=a+b+c|
三角形|内角和|180度|
四边形|内角和|360度|
平行四边形|面积|底×高，S=ah|底×高
平行四边形|周长|(底边+邻边)×2|
梯形|面积|(上底+下底)×高÷2，S=(a+b)h÷2|(上底+下底)×高÷2
菱形|面积|底×高，也等于两条对角线的积÷2|底×高
菱形|周长|边长×4|边长×4
圆|面积|π×半径×半径，S=πr²|3.14×半径×半径;3.14×(直径÷2)×(直径÷2)
圆|周长|2×π×半径，也等于π×直径，C=2πr=πd|2×3.14×半径;3.14×直径
圆|直径|半径×2，d=2r|半径×2
圆|半径|直径÷2，r=d÷2|直径÷2
半圆|面积|π×半径×半径÷2|3.14×半径×半径÷2
半圆|周长|π×半径+半径×2|3.14×半径+半径×2;3.14×直径÷2+直径
圆环|面积|π×(外圆半径²-内圆半径²)，S=π(R²-r²)|3.14×(外圆半径×外圆半径-内圆半径×内圆半径)
扇形|面积|π×半径×半径×圆心角÷360|3.14×半径×半径×圆心角÷360
长方体|体积|长×宽×高，V=abh|长×宽×高;底面积×高
长方体|表面积|(长×宽+长×高+宽×高)×2，S=2(ab+ah+bh)|(长×宽+长×高+宽×高)×2
长方体|棱长总和|(长+宽+高)×4|(长+宽+高)×4
正方体|体积|棱长×棱长×棱长，V=a³|棱长×棱长×棱长
正方体|表面积|棱长×棱长×6，S=6a²|棱长×棱长×6
正方体|棱长总和|棱长×12|棱长×12
圆柱|体积|底面积×高，V=πr²h|3.14×半径×半径×高;3.14×(直径÷2)×(直径÷2)×高;底面积×高
圆柱|侧面积|底面周长×高，S=2πrh|2×3.14×半径×高;3.14×直径×高;底面周长×高
圆柱|表面积|侧面积+底面积×2，S=2πrh+2πr²|2×3.14×半径×高+3.14×半径×半径×2
圆锥|体积|底面积×高÷3，V=πr²h÷3|3.14×半径×半径×高÷3;底面积×高÷3
球|体积|4×π×半径³÷3，V=4πr³÷3|4×3.14×半径×半径×半径÷3
球|表面积|4×π×半径²，S=4πr²|4×3.14×半径×半径
"""
_POWERS = {"面积": 2, "周长": 1, "直径": 1, "半径": 1, "内角和": 0, "表面积": 2, "侧面积": 2, "棱长总和": 1, "体积": 3}
_SHAPE_SAME = {
    "矩形": "长方形",
    "圆形": "圆",
    "立方体": "正方体",
    "圆柱体": "圆柱",
    "圆柱形": "圆柱",
    "圆锥体": "圆锥",
    "圆锥形": "圆锥",
    "球体": "球",
    "半圆形": "半圆",
    "环形": "圆环",
}
_QUANTITY_SAME = {
    "容积": "体积",
    "总棱长": "棱长总和",
    "棱长和": "棱长总和",
    "棱长之和": "棱长总和",
    "棱长总长": "棱长总和",
    "内角之和": "内角和",
    "内角和度数": "内角和",
}

# what is wanted | as one says it
_RELATIONS = """
路程|速度×时间
速度|路程÷时间
时间|路程÷速度
总价|单价×数量
单价|总价÷数量
数量|总价÷单价
工作总量|工作效率×工作时间
工作效率|工作总量÷工作时间
工作时间|工作总量÷工作效率
总产量|单产量×数量
利息|本金×利率×时间
本息和|本金+利息
折扣|现价÷原价
现价|原价×折扣
原价|现价÷折扣
利润|售价-成本
利润率|利润÷成本×100%
比例尺|图上距离÷实际距离
实际距离|图上距离÷比例尺
图上距离|实际距离×比例尺
出勤率|出勤人数÷总人数×100%
合格率|合格产品数÷产品总数×100%
发芽率|发芽种子数÷种子总数×100%
成活率|成活棵数÷总棵数×100%
命中率|命中次数÷总次数×100%
及格率|及格人数÷总人数×100%
浓度|溶质质量÷溶液质量×100%
密度|质量÷体积
被除数|商×除数+余数
除数|被除数÷商
被减数|差+减数
减数|被减数-差
加数|和-另一个加数
因数|积÷另一个因数
相遇路程|速度和×相遇时间
相遇时间|路程÷速度和
追及时间|路程差÷速度差
顺水速度|船速+水速
逆水速度|船速-水速
应纳税额|收入×税率
等差数列的和|(首项+末项)×项数÷2
多边形的内角和|(边数-2)×180度
"""
_EN_SHAPES = """
rectangle|area|length × width|length×width
rectangle|perimeter|2 × (length + width)|2×(length+width)
square|area|side × side|side×side
square|perimeter|4 × side|4×side
triangle|area|base × height ÷ 2|base×height÷2
parallelogram|area|base × height|base×height
trapezoid|area|(a + b) × height ÷ 2, where a and b are the parallel sides|
circle|area|π × radius²|3.14×radius×radius;3.14×(diameter÷2)×(diameter÷2)
circle|circumference|2 × π × radius|2×3.14×radius;3.14×diameter
cuboid|volume|length × width × height|length×width×height
cuboid|surface area|2 × (length × width + length × height + width × height)|2×(length×width+length×height+width×height)
cube|volume|side × side × side|side×side×side
cube|surface area|6 × side × side|6×side×side
cylinder|volume|π × radius² × height|3.14×radius×radius×height
cone|volume|π × radius² × height ÷ 3|3.14×radius×radius×height÷3
sphere|volume|4 × π × radius³ ÷ 3|4×3.14×radius×radius×radius÷3
"""
_EN_RELATIONS = {
    "distance": "speed × time", "speed": "distance ÷ time", "time": "distance ÷ speed",
    "unit price": "total price ÷ quantity",
    "total price": "unit price × quantity", "density": "mass ÷ volume", "simple interest": "principal × rate × time",
}  # fmt: skip


def _read_shapes(table: str) -> dict[tuple[str, str], Formula]:
    found = {}
    for line in table.strip().splitlines():
        shape, quantity, says, sums = line.split("|")
        power = _POWERS.get(quantity, 2 if "area" in quantity else 3 if quantity == "volume" else 1)
        found[shape, quantity] = Formula(says, tuple(sum_ for sum_ in sums.split(";") if sum_), power)
    return found


SHAPES = _read_shapes(_SHAPES)
EN_SHAPES = _read_shapes(_EN_SHAPES)
RELATIONS = dict(line.split("|") for line in _RELATIONS.strip().splitlines())


def _any(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_SHAPE = _any([*{shape for shape, _ in SHAPES}, *_SHAPE_SAME])
_QUANTITY = _any([*{quantity for _, quantity in SHAPES}, *_QUANTITY_SAME])
_ASKS = (
    r"(?:的?(?:计算|求解?|运算)?(?:公式|方法|算法|求法|式子)?(?:是|为|等于|=)?(?:什么|多少"
    r"|啥|怎样的|怎么算的?|怎么求|怎样求|如何求|怎么计算|怎样计算|如何计算|怎么算|怎样算"
    r"|咋算|咋求|怎么写|哪个|怎么得|怎么表示)?)"
)
_SHAPE_FORMULA = re.compile(
    rf"(?:求|计算|写出|背一下|背|说出|说一说)?(?:一个)?(?P<shape>{_SHAPE})的?(?P<quantity>{_QUANTITY}){_ASKS}"
)
_BACK = re.compile(
    rf"(?:怎么|怎样|如何|咋)(?:求|算|计算)(?:出)?(?:一个)?(?P<shape>{_SHAPE})的?(?P<quantity>{_QUANTITY})"
)
_RELATION = re.compile(
    rf"(?:求|计算|写出)?(?P<name>{_any(RELATIONS)})(?:的?(?:计算)?公式|怎么算|怎么求"
    rf"|怎样求|如何求|怎么计算|如何计算|怎样计算|咋算|等于什么|的?求法|的?计算方法|等于什么乘什么"
    rf"|=\?|=$)(?:是|为)?(?:什么|啥)?"
)
_RELATION_BACK = re.compile(rf"(?:怎么|怎样|如何)(?:求|算|计算)(?:出)?(?P<name>{_any(RELATIONS)})")
_TERM = _any([*TERMS, *SAME])
_TERMS = (
    re.compile(rf"(?:什么|啥)(?:是|叫做?|叫作|才?是)(?:一个)?(?P<term>{_TERM})"),
    re.compile(
        rf"(?P<term>{_TERM})(?:是|指|指的是|是指|的定义是|的概念是|的意思是|的含义是|的意义是"
        rf"|表示)(?:一个|一种)?(?:什么|啥)(?:东西|意思|数|图形|样的图形|样的数|样子|形状"
        rf"|概念)?(?:的)?"
    ),
    re.compile(
        rf"(?:解释|介绍|讲解|讲|讲讲|说明|定义|背)(?:一下)?(?:什么是|什么叫)?(?P<term>{_TERM})(?:的(?:定义"
        rf"|概念|意思|含义))?"
    ),
    re.compile(rf"(?P<term>{_TERM})(?:的)?(?:定义|概念|含义|意义|意思)(?:是)?(?:什么)?"),
    re.compile(rf"(?:怎么|怎样|如何)理解(?P<term>{_TERM})"),
    re.compile(r"(?P<term>圆周率|π|派)(?:约|大约)?(?:是|等于|为)?(?:多少|几)"),
    re.compile(
        r"(?P<term>.*(?:律|性质|定理|公式|运算的?顺序))(?:的内容)?(?:是|怎么说|用字母表示"
        r"|用字母怎么表示|的字母公式|的公式|是怎样的|的字母表示)?(?:什么|怎么说|啥)?"
    ),
)
_EN_TERM = re.compile(
    rf"(?:what(?:'s| is| are| does)?|define|explain|the definition of|meaning of)\s*(?:an?"
    rf"|the)?\s*(?P<term>{_any(ENGLISH)})s?(?: mean)?",
    re.IGNORECASE,
)
_EN_FORMULA = re.compile(
    rf"(?:what is|what's|give me|find|how (?:do|can) (?:i|you|we) (?:find|calculate|get|work out)"
    rf"|how to (?:find|calculate|get))?\s*(?:the)?\s*(?:formula (?:for"
    rf"|of))?\s*(?:the)?\s*(?P<quantity>surface area|area|perimeter|circumference|volume)(?: formula)? (?:of"
    rf"|for) (?:an?|the) (?P<shape>{_any({s for s, _ in EN_SHAPES})})(?: formula)?",
    re.IGNORECASE,
)
_EN_RELATION = re.compile(
    rf"(?:what is|what's)?\s*(?:the)?\s*(?:formula (?:for|of)|how (?:do|can) (?:i|you"
    rf"|we) (?:find|calculate|work out)|how to (?:find|calculate))\s*(?:the)?\s*(?P<name>{_any(_EN_RELATIONS)})",
    re.IGNORECASE,
)
_SIZE_NAMES = {
    "底面半径": "半径", "底面直径": "直径", "外半径": "外圆半径", "内半径": "内圆半径", "大圆半径": "外圆半径",
    "小圆半径": "内圆半径", "底边": "底", "高度": "高", "长度": "长", "宽度": "宽", "棱": "棱长", "边": "边长",
    "r": "半径", "d": "直径", "side length": "side", "sides": "side", "底边长": "底",
}  # fmt: skip


def done(question: str) -> Done | None:
    """A formula, with its value when sizes are given, or what a term means."""
    ask = asked(question)
    if ask.english:
        return _sized(ask) or _english(ask)
    text = ask.core.strip('“”"《》「」')
    match = _SHAPE_FORMULA.fullmatch(text) or _BACK.fullmatch(text)
    if match:
        shape, quantity = (
            _SHAPE_SAME.get(match["shape"], match["shape"]),
            _QUANTITY_SAME.get(match["quantity"], match["quantity"]),
        )
        formula = SHAPES.get((shape, quantity))
        if formula is None:
            return None
        said = f"{match['shape']}的{match['quantity']}={formula.says}"
        return finish(False, (), said, f"{match['quantity']}={formula.says.split('，')[0]}")
    relation = _RELATION.fullmatch(text) or _RELATION_BACK.fullmatch(text)
    if relation:
        says = RELATIONS[relation["name"]]
        return finish(False, (), f"{relation['name']}={says}", f"{relation['name']}={says}")
    return _term(ask, text) or _sized(ask)


def _term(ask: Asked, text: str) -> Done | None:
    for pattern in _TERMS:
        match = pattern.fullmatch(text)
        term = SAME.get(match["term"], match["term"]) if match else ""
        if term in TERMS:
            said = TERMS[term]
            return Done((), f"{said}。", said)
    return None


def _english(ask: Asked) -> Done | None:
    text = ask.core
    if match := _EN_FORMULA.fullmatch(text):
        formula = EN_SHAPES.get((match["shape"].lower(), match["quantity"].lower()))
        if formula is None:
            return None
        said = f"The {match['quantity'].lower()} of a {match['shape'].lower()} is {formula.says}"
        return finish(True, (), said, f"{match['quantity'].lower()} = {formula.says}")
    if match := _EN_RELATION.fullmatch(text):
        name = match["name"].lower()
        return finish(
            True, (), f"{name[0].upper()}{name[1:]} = {_EN_RELATIONS[name]}", f"{name} = {_EN_RELATIONS[name]}"
        )
    if match := _EN_TERM.fullmatch(text):
        said = ENGLISH[match["term"].lower()]
        return Done((), f"{said}.", said)
    return None


# -- with sizes --------------------------------------------------------------------------------------------

_FILLERS = re.compile(
    r"一个|一块|一张|一根|有|已知|如果|若|求出|求|计算|算出|它的|这个|这|那么|则|是多少|等于多少|多少|是几"
    r"|面|形|的|是|为|等于|=|分别|和|与|且|了|:|[,，、。;；?？()\s]"
)
_FILLERS_EN = re.compile(
    r"\b(?:what|is|are|the|of|an?|with|and|has|have|find|whose|that|if|its|it|equal"
    r"|to|by|in|calculate|compute|given|for)\b|[=,.:?'\s]",
    re.IGNORECASE,
)
_OF = {1: ("", "{}"), 2: ("平方", "square {}"), 3: ("立方", "cubic {}")}


def _sized(ask: Asked) -> Done | None:
    """半径3厘米的圆的面积, 长方形长5厘米宽3厘米，周长是多少"""
    text, table = ask.core, EN_SHAPES if ask.english else SHAPES
    names = sorted(
        {
            name
            for formula in table.values()
            for sum_ in formula.sums
            for name in re.findall(r"[a-z]+|[\u4e00-\u9fff]+", sum_)
        }
        | set(_SIZE_NAMES),
        key=len,
        reverse=True,
    )
    sizes, unit, text = _sizes(text, names, ask.english)
    if not sizes:
        return None
    shapes = _any({s for s, _ in table} | (set() if ask.english else set(_SHAPE_SAME)))
    quantities = _any({q for _, q in table} | (set() if ask.english else set(_QUANTITY_SAME)))
    found = [re.search(pattern, text, re.IGNORECASE) for pattern in (shapes, quantities)]
    if found[0] is None or found[1] is None:
        return None
    text = re.sub(shapes, " ", re.sub(quantities, " ", text, count=1, flags=re.IGNORECASE), flags=re.IGNORECASE)
    shape, quantity = (
        _SHAPE_SAME.get(found[0][0], found[0][0]).lower(),
        _QUANTITY_SAME.get(found[1][0], found[1][0]).lower(),
    )
    formula = table.get((shape, quantity))
    if formula is None:
        return None
    answer_unit = (
        _OF[formula.power or 1][ask.english].format(unit)
        if ask.english and unit
        else (_OF[formula.power or 1][0] + unit if unit else "")
    )
    if not ask.english and (wanted := re.search(r"多少(平方|立方)?([\u4e00-\u9fff]*米|cm|m|dm)", text)):
        if wanted[0].removeprefix("多少") != answer_unit:
            return None
        text = text.replace(wanted[0], "多少")
    if (_FILLERS_EN if ask.english else _FILLERS).sub("", text):
        return None
    return _worked(ask, found[0][0], found[1][0], formula, sizes, answer_unit)


def _sizes(text: str, names: list[str], english: bool) -> tuple[dict[str, str], str, str]:
    """The sizes by their names in signs, their common unit, and what is left of the text."""
    sizes: dict[str, str] = {}
    units: set[str] = set()
    pattern = re.compile(
        rf"(?<![a-z])({'|'.join(names)})(?:都?是|为|等于|=|:|有|长|\s+of|\s+is|\s)*(?=[\d一二两三四五六七八九十])",
        re.IGNORECASE,
    )
    while match := pattern.search(text):
        found = number_at(text, match.end())
        name = _SIZE_NAMES.get(match[1].lower(), match[1].lower())
        if found is None or name in sizes or found.number.value <= 0:
            return {}, "", text
        end, unit = found.end, ""
        named = unit_at(text, end) or (unit_at(text, end + 1) if text[end : end + 1] == " " else None)
        if named and named[1].kind in ("length", "area"):
            end, unit = named[0], named[1].plural if english else text[end : named[0]]
        units.add(unit)
        sizes[name] = factor(found.number.value)
        text = text[: match.start()] + " " + text[end:]
    return (sizes, units.pop(), text) if len(units) == 1 else ({}, "", text)


def _worked(ask: Asked, shape: str, quantity: str, formula: Formula, sizes: dict[str, str], unit: str) -> Done | None:
    for sum_ in formula.sums:
        names = set(re.findall(r"[a-z]+|[\u4e00-\u9fff]+", sum_))
        if names != set(sizes):
            continue
        signs = re.sub(r"[a-z]+|[\u4e00-\u9fff]+", lambda match: sizes[match[0]], sum_)
        step = work_out(signs)
        if step is None:
            return None
        short = text_of(step.value)
        pi = "3.14" in signs
        if ask.english:
            said = f"The {quantity} of a {shape} is {formula.says}{', with π ≈ 3.14' if pi else ''}: {signs}={short}"
            return finish(True, step.lines, said, f"{short} {unit}".strip())
        said = f"{shape}的{quantity}={formula.says.split('，')[0]}{'（π取3.14）' if pi else ''}，{signs}={short}"
        return finish(False, step.lines, said, short + unit)
    return None
