"""Numbers as people say them, written down: 三十九块九一斤 is 39.9元/斤, 八八折 8.8折, 三到五天 3-5天, 一百九 190.

The other way of `spoken.py`.  What is no number stays: 一定, 一起, 十分好吃, 第一次, 百吃不厌.  一 before a
measure word is an article (一个, 一款) and stays too, except behind a price, where it is what the price is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from huozhong.verify import numerals
from huozhong.verify.spoken import DIGITS, MEASURES, NUMERAL

_CN = r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+[万亿]?)?"
_WHOLE = r"(?![十百千万亿](?![克卡米瓦焦帕]))"  # behind a numeral: not in its middle, but 五 of 五千克 is whole
_D = "[零〇一二三四五六七八九]"
_COUNTED = f"(?:公斤|千克|毫升|厘米|平方米|小时|分钟|[{MEASURES}号月日度折楼级码%])"
_PER = rf"(?:一(?P<per>公斤|千克|升|米|[{MEASURES}])(?![{MEASURES}]))?"

IDIOMS = re.compile(
    r"(?<![零一二两三四五六七八九十百千万亿点])(?:"
    r"一家[二三四五六七八]口|一(?:定|起|样|直|般|边|旁|切|致|共|些|旦|向|律|概|心|路|生|时|会儿?|整|身|模一样|番|同|半儿|下子?|流|并|经|再|口气|眼|手|家人|家|款|看|听|试|吃"
    r"|喝|用|闻|口|站式|目了然|年四季|如既往|点(?:儿|都|也|点)|次性|对一|线|体|心一意|应俱全)"
    r"|第一(?:次|步|时间|眼|口|反应)|[每逐唯同统专单万]一(?![元块件])|[说看等试想问聊尝闻摸]一[说看等下试想问聊尝闻摸]|十分(?!钟|之)"
    r"|千万(?=[别不要记注])|百(?:吃不厌|搭|姓|货|科|合|年老|分百)|十(?:足|全十美)|三(?:心二意|五好友|明治|文鱼)|四(?:季|周|川|海|处|面)"
    r"|五(?:花肉|谷|颜六色|湖四海)|六神|七(?:夕|上八下)|八(?:角|宝|仙)|九(?:寨|阳)|千(?:家|层|锤|元机|叶|禧)|万(?:能|家|里|万|众)|两(?:全|面|边|者|口子)"
    r"|(?:三番五|三令五)[次申]|九牛一毛|说一千道一万|一分钱一分货|一五一十|三言两语|四通八达|四面八方|七嘴八舌|七七八八|八面玲珑|五花八门|十之八九"
    r"|千方百计|百发百中|千真万确|千辛万苦|千变万化|[百千万]里挑一|[一两]举两得|一刀两断|三生有幸|三十而立|丢三落四|颠三倒四|一千零一夜|九九归一"
    r"|不三不四|乱七八糟|独一无二|举一反三|三三两两|二(?:维|手|话|十四节气)|双十[一二]"
    # nobody knows how many: 几十块, 数百人, 上千斤
    r"|[几数](?:十|[百千万亿]+)|[上成](?:百|千|万)(?=[块元人个件斤家种次年])|成[百千]上[千万]"
    # what goods are called
    r"|[三五七九]分裤|[二三四五]件套|九层塔|十三香|六味地黄|三黄鸡|四物汤|四神汤|五粮液|二锅头|七喜|千张|三角[形裤钉巾]|六安|五指毛桃|万年青"
    # and houses that make them
    r"|三只松鼠|七匹狼|六个核桃|三棵树|七度空间|三顿半|百雀羚|百岁山|千岛湖|九牧王|六必居|五芳斋|八马|一叶子|三九胃泰|四个圈)(?![十百千万亿点])"
)

_SPELLINGS = str.maketrans("〇幺两", "零一二")

Say = Callable[[re.Match[str]], str]


def written(text: str) -> str:
    """A text with every number that is said in it written in digits, prices as 39.9元, discounts as 8.8折."""
    parts, last = [], 0
    for idiom in IDIOMS.finditer(text):
        parts += [_written(text[last : idiom.start()]), idiom[0]]
        last = idiom.end()
    return "".join((*parts, _written(text[last:])))


def value_of(said: str) -> Fraction | None:
    """The value of a numeral as it is said, short forms too: 一百九 is 190; None where it is none."""
    return numerals.read(said.translate({ord("幺"): "一"})) if said else None


def _written(text: str) -> str:
    for pattern, write in _RULES:
        text = pattern.sub(write, text)
    return text


def _plain(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


def _figures(said: str) -> str:
    """A numeral in digits; 一点五万 keeps its 万.  What is no numeral stays."""
    if "点" in said and said[-1] in "万亿":
        value = value_of(said[:-1])
        return said if value is None else _plain(value) + said[-1]
    value = value_of(said)
    if value is None:
        return said
    if "点" in said:
        whole, _, decimals = said.partition("点")
        return f"{_plain(value_of(whole) or Fraction(0))}.{_digits(decimals)}"
    return _plain(value)


def _digits(said: str) -> str:
    return "".join(str(DIGITS.index(character)) for character in said.translate(_SPELLINGS))


def _string(match: re.Match[str]) -> str:
    said = match["digits"]
    word = match.groupdict().get("word")
    if word or "幺" in said or len(said) >= 7:
        return (word or "") + _digits(said)
    return match[0]


def _behind_letter(match: re.Match[str]) -> str:
    said = match[0]
    return _digits(said) if len(said) > 1 and not re.search("[十百千]", said) else _figures(said)


def _two(form: str) -> Say:
    """A form with the figures of the groups `a` and `b`; untouched where one of them is no numeral."""

    def write(match: re.Match[str]) -> str:
        a, b = _figures(match["a"]), _figures(match["b"])
        return match[0] if a == match["a"] or b == match["b"] else form.format(a=a, b=b, **_tails(match))

    return write


def _tails(match: re.Match[str]) -> dict[str, str]:
    return {name: value or "" for name, value in match.groupdict().items() if name not in "ab"}


def _one(form: str) -> Say:
    def write(match: re.Match[str]) -> str:
        a = _figures(match["a"])
        return match[0] if a == match["a"] else form.format(a=a, **_tails(match))

    return write


def _hundredths(match: re.Match[str]) -> str:
    if match["a"] == "百":
        return "100%"
    a = _figures(match["a"])
    if a == match["a"]:
        return match[0]
    return f"{a}%-{_figures(match['b'])}%" if match["b"] else f"{a}%"


def _discount(match: re.Match[str]) -> str:
    said = match["a"]
    return ".".join(_digits(said)) + "折"


def _same_place(match: re.Match[str]) -> str:
    """两到三千 is 两千到三千."""
    place = match.string[match.end() + 1]
    return f"{match['a']}{place}到"


def _product(match: re.Match[str]) -> str:
    factors = [_figures(one) for one in re.split("乘以?", match[0])]
    return match[0] if any(re.search(_CN, one) for one in factors) else "×".join(factors)


def _time(match: re.Match[str]) -> str:
    hour, said = value_of(match["a"]), match["b"]
    minute = {"半": Fraction(30), "一刻": Fraction(15), "三刻": Fraction(45)}.get(said) or value_of(
        said.removesuffix("分").lstrip("零")
    )
    if hour is None or minute is None or hour > 24 or minute > 59:
        return match[0]
    return f"{_plain(hour)}:{int(minute):02d}"


def _money(match: re.Match[str]) -> str:
    yuan = value_of(match["a"])
    if yuan is None:
        return match[0]
    tenths, cents = match["tenths"] or match["tenth"], match["cents"] or match["cent"]
    value = yuan + Fraction(_digits(tenths) if tenths else "0") / 10 + Fraction(_digits(cents) if cents else "0") / 100
    return f"{_plain(value)}元" + (f"/{match['per']}" if match["per"] else "")


def _small_money(match: re.Match[str]) -> str:
    tenths = value_of(match["tenths"]) or Fraction(0)
    cents = value_of(match["cents"]) if match["cents"] else Fraction(0)
    return f"{_plain(tenths / 10 + (cents or Fraction(0)) / 100)}元" + (f"/{match['per']}" if match["per"] else "")


def _cents(match: re.Match[str]) -> str:
    return f"{_plain((value_of(match['a']) or Fraction(0)) / 100)}元"


def _and_half(match: re.Match[str]) -> str:
    value = value_of(match["a"])
    return match[0] if value is None else f"{_plain(value + Fraction(1, 2))}{match['unit']}"


def _metres(match: re.Match[str]) -> str:
    return f"{_figures(match['a'])}.{_digits(match['b'])}米"


def _decade(match: re.Match[str]) -> str:
    """九零后 is 90后."""
    return f"{_digits(match['a'])}后"


def _year(match: re.Match[str]) -> str:
    return _digits(match[0])


def _counted(match: re.Match[str]) -> str:
    """What is left; a lone digit only where something is counted, 一 only where nothing else can be meant."""
    said, text, end = match[0], match.string, match.end()
    if said.endswith("两") and len(said) > 1:  # 十二两
        figures = _figures(said[:-1])
        return said if figures == said[:-1] else figures + "两"
    if len(said) > 1 and said[-1] in "千一" and value_of(said) is None:  # 一千二百千卡, 一百八十八一箱
        behind = "[克卡米瓦焦帕]" if said[-1] == "千" else f"[{MEASURES}]"
        figures = _figures(said[:-1])
        return said if figures == said[:-1] or not re.match(behind, text[end:]) else figures + said[-1]
    if len(said) == 1:
        before, after = text[match.start() - 1 : match.start()], text[end:]
        counted = re.match(_COUNTED, after) is not None and not (
            said == "一" and re.match("(?!公斤|千克|毫升)[^斤克月号日楼两升%]", after)
        )
        if said in "百千万亿十" and said != "十":
            return said
        if not counted and before not in tuple("第满减打加乘到等±"):
            return said
    return _figures(said)


def _rule(pattern: str, write: Say | str) -> tuple[re.Pattern[str], Say | str]:
    return re.compile(pattern), write


_RULES = [
    _rule(
        r"(?P<word>(?:电话|拨打|热线|致电|尾号|邮编|单号|货号|编号|型号)[:： ]*)"
        r"(?P<digits>[零〇幺一二三四五六七八九]{3,})",
        _string,
    ),
    _rule(r"(?P<digits>[零〇幺一二三四五六七八九]{5,})(?![十百千万亿])", _string),
    _rule(rf"{_D}{{4}}(?=年)", _year),
    _rule(r"(?<=[A-Za-z])[零〇一二三四五六七八九十百千]+(?![个件])", _behind_letter),
    _rule(rf"百分之(?P<a>{_CN})(?:到(?:百分之)?(?P<b>{_CN}))?", _hundredths),
    _rule(rf"千分之(?P<a>{_CN})", _one("{a}‰")),
    _rule(rf"(?P<a>{_CN})分之(?P<b>{_CN})", _two("{b}/{a}")),
    _rule(rf"(?<!\d)(?P<a>{_CN})比(?P<b>{_CN})(?!{_COUNTED})", _two("{a}:{b}")),
    _rule(rf"(?P<word>[买拍])(?P<a>{_CN})(?P<verb>[送发得赠付])(?P<b>{_CN})", _two("{word}{a}{verb}{b}")),
    _rule(rf"满(?P<a>{_CN})(?P<unit>元|块)?减(?P<b>{_CN})(?:元|块)?", _two("满{a}减{b}")),
    _rule(rf"(?<!点)(?P<a>{_D}{{1,2}})折", _discount),
    _rule(rf"(?P<a>{_CN})点(?P<b>半|[一三]刻|[零〇一二三四五六七八九十]+分(?!之|钟))", _time),
    _rule(rf"(?<=[晚早午上天晨点])(?P<a>[一二两三四五六七八九十]+)点(?!{_D})", _one("{a}点")),
    _rule(
        rf"(?P<a>[一二两三四五六七八])(?:到|至)(?=[一二两三四五六七八九][十百千万](?![克卡米瓦焦帕{NUMERAL}]))",
        _same_place,
    ),
    _rule(rf"(?P<a>{_CN})(?:到|至)(?P<b>{_D})(?=千[克米卡瓦])", _two("{a}-{b}")),
    _rule(rf"(?P<a>{_CN})(?:到|至)(?P<b>{_CN})(?:块|元)(?!{_D})(?:钱)?", _two("{a}-{b}元")),
    _rule(
        rf"(?P<a>{_CN})(?:[块元]钱?)(?:零(?P<cent>{_D})(?:分|(?![毛角{MEASURES}]))|零?(?P<tenths>{_D})毛(?P<cents>{_D})?分?钱?"
        rf"|(?<!钱)(?P<tenth>{_D})(?![十百千万点毛分])(?!(?!包邮)[{MEASURES.replace('一', '')}]))?{_PER}",
        _money,
    ),
    _rule(
        rf"(?P<tenths>[一二两三四五六七八九])[毛角](?:(?P<cents>{_D})(?:分|(?![{MEASURES}])))?钱?{_PER}", _small_money
    ),
    _rule(rf"(?P<a>{_D})分钱", _cents),
    _rule(
        r"(?P<a>[一二两三四五六七八九])米(?P<b>[一二三四五六七八九]{1,2}|零[一二三四五六七八九])(?![十百千个米])",
        _metres,
    ),
    _rule(rf"(?P<a>{_CN})个半(?P<unit>小时|月)", _and_half),
    _rule(rf"(?P<a>{_CN})(?P<unit>公斤|斤|小时|天|年|升|米|公里|千克|度)半", _and_half),
    _rule(r"(?<![一二两三四五六七八九十百千个])半(?P<unit>公斤|斤|升|米)", r"0.5\g<unit>"),
    _rule(rf"{_CN}(?:乘以?{_CN})+", _product),
    _rule(rf"(?P<a>{_CN})加(?P<b>{_CN})(?![{NUMERAL}])", _two("{a}+{b}")),
    _rule(rf"零下(?P<a>{_CN})", _one("-{a}")),
    _rule(rf"(?P<a>{_CN})度(?P<b>{_D})(?![{NUMERAL}]|[{MEASURES}])", _two("{a}.{b}度")),
    _rule(
        r"(?<![零〇一二三四五六七八九十百千])(?P<a>[五六七八九零〇][零〇五])后(?![天来面]|[一二三四五六七八九十])",
        _decade,
    ),
    _rule(rf"(?P<a>{_CN})(?:到|至)(?P<b>{_CN}){_WHOLE}(?={_COUNTED}|[千兆伏瓦赫安摄])", _two("{a}-{b}")),
    _rule(r"(?<=元)到(?=\d)", "-"),
    _rule(_CN, _counted),
]
