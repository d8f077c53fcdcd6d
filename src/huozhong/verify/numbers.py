"""The numbers of a question as people write them: 16, ２５％, 1,200, (3/4), 二十三, 两百零五, 三个半, half a dozen.

`number_at` reads what stands at one place; `mentions` finds everything in a text that is meant as a number.  What
is meant was decided by looking at the equations of Math23K's training problems:

- Digits always are, as they always were for this data, with two readings that are new.  `3/4` is a fraction when
  nothing is computed around it and its numbers do not divide evenly, otherwise a division whose numbers are told
  each; and 八折, 8折 is 0.8.
- 一 is an article and never told (一个 is used as a 1 in none of 2,229 problems that a plain 1 would not explain),
  unless the sentence counts with it (一加一).  A plan may use 1, 2 and 100 without being told them.
- A small numeral (两, 三 … 十) is told before a measure word (两根, 三个人), a unit or as the operand of an
  operation in words.  Not in names and idioms (第二天, 三年级, 二月, 星期三, 四边形, 十字路口), and not 两 where it
  only sums up who was named before: 甲、乙两车, 两地, 两人, 这两天 (used in 1 of 1,500 problems).
- 一半 and 半 in names (半径, 上半年) are not told; 半小时 is (1/2), 三个半 is 3.5, 一打 12.
- 3.5万 is 3.5, and 万 belongs to the unit, where nobody minds: all numbers of this unit have their 万 (in 495 of 503
  cases the equations take it so).  It is 35000 where the same unit also stands without 万, or where no unit
  follows (3.5万和34000).
- 2块5 (2块5毛, 两块五) is 2.5.
- 千 before 克, 米, 瓦 belongs to the unit: 五千克 is 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from string import ascii_lowercase
from typing import Literal

from huozhong.verify import number_words, numerals

Style = Literal["decimal", "fraction", "percent"]
MAX_DECIMALS = 4
MOST_TOLD = len(ascii_lowercase)

_OPERATORS = {
    code: chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_OPERATORS |= dict(zip(map(ord, "％（）［］＋－−–＊✕✖╳⨯／∕⁄＝＾＜＞"), "%()[]+---*××××///=^<>", strict=True))


def tidy(text: str) -> str:
    """Full-width digits, letters, ％ and operators in their ASCII form (× and ÷ stay); nothing else is changed.

    A character for a character, so places in the text stay what they are.
    """
    return text.translate(_OPERATORS)


@dataclass(frozen=True)
class Number:
    """An exact value and the style in which it is written."""

    value: Fraction
    style: Style = "decimal"

    def __str__(self) -> str:
        return show(self.value, self.style)


@dataclass(frozen=True)
class Mention:
    """A number and where it stands: `text[start:end]`."""

    start: int
    end: int
    number: Number


def decimals_of(value: Fraction) -> int | None:
    """Decimal places of a terminating fraction, None if it does not terminate."""
    denominator, twos, fives = value.denominator, 0, 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives) if denominator == 1 else None


def show(value: Fraction, style: Style = "decimal") -> str:
    """Write a value: 12, 0.75, 80%, (3/4).  What has no short decimal is written as a fraction."""
    if style == "percent":
        return show(value * 100) + "%"
    if value.denominator == 1:
        return str(value.numerator)
    places = decimals_of(value)
    if style == "fraction" or places is None or places > MAX_DECIMALS:
        return f"({value.numerator}/{value.denominator})"
    sign, digits = "-" * (value < 0), str(abs(value.numerator) * 10**places // value.denominator).zfill(places + 1)
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


# -- one number ----------------------------------------------------------------------------------------

_CN = f"[{numerals.CHARACTERS}]+"
_CN_DECIMAL = f"{_CN}(?:[点點][{numerals.CHARACTERS}]+)?"
_WHOLE = rf"(?:\d+|{_CN})"
_PLAIN = r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?"
_NUMBER = re.compile(
    rf"""(?<!\^)(?:
    (?P<hundredths>百分之|千分之|万分之)(?P<of>{_PLAIN}|{_CN_DECIMAL})
    |(?:(?P<with>{_WHOLE})又)?(?P<parts>{_WHOLE})分之(?P<top>{_WHOLE})
    |(?P<whole>\d+)?\((?P<over>\d+)/(?P<under>\d+)\)(?P<part>%?)
    |(?P<mixed>\d+)(?:又|[ ](?=\d+/))\(?(?P<mover>\d+)/(?P<munder>\d+)\)?
    |(?<![\d./])(?P<a>\d+)/(?P<b>\d+)(?![\d.]|/\d)
    |(?P<plain>{_PLAIN})(?P<sign>[%‰]?)
    |(?P<chinese>[一二三四五六七八九][一二三四五六七八九](?=折)|{_CN_DECIMAL}|[俩仨])
    |(?P<half>半)
    )""",
    re.VERBOSE,
)
_STARTS = re.compile(rf"\((?=\d+/\d+\))|[\d半俩仨{numerals.CHARACTERS}]|{number_words.START.pattern}", re.IGNORECASE)
_LETTERED = {"俩": Fraction(2), "仨": Fraction(3)}
_HUNDREDTHS = {"百分之": 100, "千分之": 1000, "万分之": 10**4}
_DISCOUNT = re.compile(r"\s*折(?![叠纸扇腰断磨算合返断线])")
_TENTHS = re.compile(r"成(?=[\u3002，、；？！．.,?!新熟）)]|左右|以上|的|$)")
_DOZEN = re.compile(r"打(?![一二三四五六七八九\d.]+折)(?![开听扮电球折扫算印包车工架针击字雷扰破动招水鱼猎牌中到死])")
_PERCENT = re.compile(r"\s*per\s?cent(?:s|age)?(?![A-Za-z])", re.IGNORECASE)
_DOZENS = re.compile(r"\s*(dozen|hundred|thousand|million|billion)(?![A-Za-z])", re.IGNORECASE)
_SIZES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_AND_HALF = re.compile(
    r"[个個](?=半(?!径|圆|球|路|夜|月形|价))半|(?:小时|分钟|年|天|千克|公斤|斤|米|里|公里|吨|升|元|块|倍|圈)半(?!径|圆|球|路|夜|价)"
)
_TENTH_OF_YUAN = re.compile(r"块([1-9一二三四五六七八九])毛?(?=[，。；、！？,;!?\s]|的|[一每买卖]|就|钱|$)")
_SI = "克米瓦卡帕伏安焦赫"


@dataclass(frozen=True)
class Found:
    """A number read at one place.  kind: digits, chinese, half or english; `times`: a 万 or 亿 that follows digits."""

    start: int
    end: int
    number: Number
    kind: Literal["digits", "chinese", "half", "english"]
    times: int = 1


@lru_cache(maxsize=4096)
def number_at(text: str, at: int = 0) -> Found | None:
    """The number that begins at `at` of a tidy text, read as far as it goes; idioms and articles are read as well."""
    match = _NUMBER.match(text, at)
    if match is None or (match["half"] and number_words.START.match(text, at)):
        words = number_words.read(text, at) if number_words.START.match(text, at) else None
        if words is None:
            return None
        style: Style = "fraction" if words.is_fraction else "decimal"
        if percent := _PERCENT.match(text, words.end):
            return Found(at, percent.end(), Number(words.value / 100, "percent"), "english")
        return Found(at, words.end, Number(words.value, style), "english")
    return _simple(match) or _quotient(match) or _plain(text, match)


def _simple(match: re.Match[str]) -> Found | None:
    """Percentages in words, fractions and mixed numbers; None for what is something else."""
    kind: Literal["digits", "chinese"] = "digits" if re.search(r"\d", match[0]) else "chinese"
    if match["hundredths"]:
        value = _value(match["of"])
        if value is None:
            return None
        style: Style = "percent" if match["hundredths"] == "百分之" else "decimal"
        return Found(match.start(), match.end(), Number(value / _HUNDREDTHS[match["hundredths"]], style), kind)
    if match["half"]:
        return Found(match.start(), match.end(), Number(Fraction(1, 2), "fraction"), "half")
    for names in (("with", "parts", "top"), ("whole", "under", "over"), ("mixed", "munder", "mover")):
        whole, bottom, top = (match[name] for name in names)
        if bottom is None:
            continue
        values = [_value(part) if part else Fraction(0) for part in (whole, bottom, top)]
        if None in values or not values[1]:
            return None
        value = values[0] + values[2] / values[1]  # type: ignore[operator]
        if "under" in names and match["part"]:
            return Found(match.start(), match.end(), Number(value / 100, "percent"), kind)
        return Found(match.start(), match.end(), Number(value, "fraction"), kind)
    return None


def _quotient(match: re.Match[str]) -> Found | None:
    """3/4 is a fraction, 12/3 a division: its first number alone."""
    if match["a"] is None:
        return None
    top, bottom = int(match["a"]), int(match["b"])
    around = match.string[: match.start()].rstrip()[-1:] + match.string[match.end() :].lstrip()[:1]
    if bottom < 2 or top == 0 or top % bottom == 0 or set(around) & set("+-*/×÷[]") or "商" in match.string:
        return Found(match.start(), match.end("a"), Number(Fraction(top)), "digits")
    return Found(match.start(), match.end(), Number(Fraction(top, bottom), "fraction"), "digits")


_LONGEST_NUMERAL = 48  # characters


def _plain(text: str, match: re.Match[str]) -> Found | None:
    """A whole number or decimal and what changes its value: %, 万, 折, 打, 个半."""
    written, end = match["plain"] or match["chinese"], match.end()
    if written is None:  # what looked like a fraction is none, 5/0
        digits = re.compile(r"\d+").match(text, match.start())
        return digits and Found(digits.start(), digits.end(), Number(Fraction(digits[0])), "digits")
    kind: Literal["digits", "chinese"] = "digits" if match["plain"] else "chinese"
    if kind == "chinese":
        written = _without_unit(text, written, match.start())
        end = match.start() + len(written)
    value = _LETTERED.get(written) or _value(written)
    if value is None and len(written) == 2 and text[end : end + 1] == "折":  # 八五折
        value = Fraction(int("".join(str(numerals.read(c)) for c in written)))
    if value is None and kind == "chinese":  # no numeral is that long, and each of its beginnings is looked at
        written, end = written[:_LONGEST_NUMERAL], min(end, match.start() + _LONGEST_NUMERAL)
    while value is None and kind == "chinese" and len(written) > 1:  # 三二: the longest beginning that is a numeral
        written = written[:-1]
        end, value = end - 1, _value(written)
    if value is None:
        return None
    if match["sign"]:
        style: Style = "percent" if match["sign"] == "%" else "decimal"
        return Found(match.start(), end, Number(value / (100 if style == "percent" else 1000), style), kind)
    return _enlarged(text, match.start(), end, value, kind)


def _enlarged(text: str, start: int, end: int, value: Fraction, kind: Literal["digits", "chinese"]) -> Found:
    times = 1
    if kind == "digits" and (percent := _PERCENT.match(text, end)):
        return Found(start, percent.end(), Number(value / 100, "percent"), kind)
    if kind == "digits" and (sign := re.compile(r"(?:[百千十]?[万萬]|[亿億])").match(text, end)):
        times = {"百": 100, "千": 1000, "十": 10}.get(sign[0][0], 1)
        times *= 10**8 if sign[0][-1] in "亿億" else 10**4
        return Found(start, sign.end(), Number(value * times), kind, times)
    if kind == "chinese" and (sign := re.compile(r"[^万萬亿億]+([万萬亿億])").fullmatch(text, start, end)):
        times = 10**8 if sign[1] in "亿億" else 10**4
    for pattern, factor in ((_DISCOUNT, Fraction(1, 10)), (_TENTHS, Fraction(1, 10)), (_DOZEN, Fraction(12))):
        if sign := pattern.match(text, end):
            if pattern is _DISCOUNT and value > 10 and (kind == "digits" or text[start:end][-1] not in "十百"):
                factor = Fraction(1, 100)
            if pattern is _DOZEN and re.search("几打|多少打|打.{0,6}(?:[有是=]|等于)12", text):
                continue
            return Found(start, sign.end(), Number(value * factor), kind)
    if value.denominator == 1 and (sign := _TENTH_OF_YUAN.match(text, end)):
        tenths = _value(sign[1]) or Fraction(0)
        return Found(start, sign.end(), Number(value + tenths / 10), kind)
    if sign := _AND_HALF.match(text, end):
        return Found(start, sign.end() if sign[0][0] in "个個" else end, Number(value + Fraction(1, 2)), kind, times)
    if kind == "digits" and (sign := _DOZENS.match(text, end)):
        return Found(start, sign.end(), Number(value * _SIZES[sign[1].lower()]), kind)
    return Found(start, end, Number(value), kind, times)


def _without_unit(text: str, written: str, start: int) -> str:
    """五千克 is 五 and 千克."""
    after = text[start + len(written) : start + len(written) + 1]
    if len(written) > 1 and written[-1] in "千仟" and after and after in _SI:
        return written[:-1]
    if re.search("[点點].+[两兩]$", written):  # 四点五两
        written = written[:-1]
    hour = re.split("[点點]", written, maxsplit=1)[0]
    is_time = hour != written and (
        numerals.read(written) is None
        or (after in ("分", "刻") and not re.match("分[米之钟]", text[start + len(written) :]))
    )
    return hour if is_time else written


def _value(written: str) -> Fraction | None:
    if written[0].isdigit():
        return Fraction(written.replace(",", ""))
    return numerals.read(written)


# -- what is meant as a number ---------------------------------------------------------------------------

_MEASURE = re.compile(
    r"节课|口人|个月|小时|小時|分钟|分鐘|刻钟|块钱|厘米|分米|毫米|千米|公里|千克|公斤|毫克|毫升|平方|立方|公顷|世纪|星期|礼拜|美元|海里|千瓦|米/秒"
    r"|[个個只隻本张張支枝条條根块塊辆輛台棵株件套双副把艘列匹座间位名口瓶杯盒箱袋包桶筐篮盘碗份串束朵片页頁行排层層圈次遍趟颗粒幅盏道题句字段节門门种種盆堆捆架顶所家扇"
    r"罐壶听板摞群对對组头頭步下场届封枚团锅勺卷轮批项捧滴面栋幢处篇首部册款样人倍成折岁歲天周年秒夜元角分毛米里尺寸丈克斤两吨升亩度季钱点吋磅万亿]"
)
_NAMES_AFTER = re.compile(
    r"年级|年級|月(?!饼)|号(?!球)|日(?!元)|班(?![人有共])|等奖|等座|车间|大队|小(?!时|時)|中(?!有)|楼|环路|季度|期工程|角形|角|边形|边|面体|面形"
    r"|维|次方|手|者|路|区|村(?!民)|连(?!续)|营|团(?!面)|军|代|世(?!纪)|爷|叔|伯|哥|姐|弟|妹|娃|儿|郎|胡|国|峡|亚|王|线|连环"
)
_NAMES_BEFORE = re.compile(
    r"(?:第|星期|礼拜|初|老|阿|小(?!于)|农历|版|[几幾数数](?!是)|(?<!每)周|[队隊]|正|伞|图|表|题|编号)$"
)
_ORDINAL = re.compile(r"第$")
_IDIOMS = re.compile(
    r"一[共起样直定边些般旁侧律齐会同致切家道点(?:儿)]|十分(?!钟|鐘|之|米|[是等相加减乘除可])|十字|十足|十全十美|十万火急|百货|百合|百科|百姓|千万(?![个元吨人只台米辆棵册]|$)"
    r"|万一|十万个为|[三四五六七八九两]面|[三四五六七八九]角|[四五六七八九][边方]|四[季周川处则环]|四舍五入|三明治|三轮|三好|三峡|三亚|三国|三字经"
    r"|三[心三][二两]意?|三三两两|三五成|五[颜湖光谷官]|五一(?:劳动|假|节|黄金|期|长|国|小)|六一|八一|十一”?(?:国庆|假|节|黄金|期间|长假)|七[上夕巧嘴]|八[达宝卦仙]|九寨|二维|二氧化|二胡"
    r"|两[地车队班城站港码校村厂船数岸栖极端旁侧底腰][^个]?"
)
_PAIR = re.compile(
    r"[两兩二](?:人(?!份)|地|车|車|队|隊|班|城|站|港|校|村|厂|船|数|數|岸|端|旁|侧|边|邊|头(?![牛猪羊驴大狮])|底|面|组|家|位同|名同|样|科"
    r"|辆.{0,2}(?:同时|相|从)|列.{0,2}(?:同时|相|从))"
    r"|两个?(?:因数|乘数|加数|数|外项|内项|工程队|车间|小?队|小?组|班|年级|城|仓|书架|港|码头|修路队|村|厂|商场|车站|容器|兴趣|方向)"
)
_TOGETHER = re.compile(
    r"两.(?:书|树|水|地|题|球)?(?:[，、]|一?共|总共|合计|正好|刚好|恰好|都|各|相差|同时|后|看|运|修|读|行)"
)
_OWN = re.compile(r"(?:有|成|给|了|买|出|派|用)$")
_SUMS_UP = re.compile(
    r"(?:[甲乙丙丁戊A-Za-z这這那哪前后後其他们們的俩]|[、和与與及跟同][^，。；、？！,.;?!\s有买用了是吃给拿去走行]{1,8})$"
)
_COUNTS = re.compile(
    r"[加减減乘除+\-×÷*/=＝<>]|等于|等於|大小|哪个大|哪个小|因数|倍数|质数|合数|平方|立方|[和差积商]是|平均|相加|相乘"
)
_LEFT = re.compile(r"(?:^|[加减減乘除上去以于於是比和与與跟、的从從到算求=+\-×÷*/(<>：:，,。？?！!“\s]|为)$")
_RIGHT = re.compile(
    r"$|[加减減乘除等是和与與比的、=+\-×÷*/)<>倍，,。？?！!”\s]|[大小](?:$|[？?吗呢多])|乘|到|分之|多少|为|跟"
)


def mentions(text: str) -> list[Mention]:
    """Every number of the text that is meant as one, in order."""
    return [Mention(found.start, found.end, found.number) for found in _found(text)]


def told(text: str) -> list[Number]:
    """The different numbers of the text, value and style, in the order in which they are first named; at most 26."""
    return list(dict.fromkeys(found.number for found in _found(text)))[:MOST_TOLD]


def first_line(numbers: Iterable[Number]) -> str:
    """The numbers and their letters, `a=16，b=(1/2)`."""
    return "，".join(f"{letter}={number}" for letter, number in zip(ascii_lowercase, numbers, strict=False))


def _found(text: str) -> list[Found]:
    text = tidy(text)
    if "．" in text and not re.search(r"．(?!\d)", text):  # otherwise it is this text's full stop
        text = re.sub(r"(?<=\d)．(?=\d)", ".", text)
    found: list[Found] = []
    at = 0
    while start := _STARTS.search(text, at):
        one = number_at(text, start.start())
        if one is None or one.end <= start.start():
            at = start.start() + 1
            continue
        at = one.end
        if one.kind == "chinese":
            idiom = _IDIOMS.match(text, one.start)
            if (
                idiom
                and not text[one.start : one.end].startswith(("百分", "千分"))
                and "分之" not in text[one.start : one.end]
            ):
                at = max(idiom.end() - 1, one.start + 1) if len(text[one.start : one.end]) > 1 else one.end
                if idiom.end() >= one.end:
                    continue
        if _is_meant(text, one):
            found.append(one)
    return [_sized(text, one, found) for one in found] if any(one.times > 1 for one in found) else found


def _is_meant(text: str, one: Found) -> bool:
    before, after = text[max(0, one.start - 12) : one.start], text[one.end : one.end + 12]
    written = text[one.start : one.end]
    if one.kind == "digits":
        return True
    if one.kind == "half":
        return not re.search(r"[一上下前后後大多小过過夜]$", before) and bool(
            re.match(
                r"(?:个|個)?(?:小时|小時|钟头|天|斤|公斤|千克|公里|千米|米|吨|升|页|块|瓶|杯|碗|袋|篮|打|年|个月|分钟|圈|个)(?!圆|头|池|场)",
                after,
            )
        )
    if one.kind == "english":
        if written.lower() != "one":
            return True
        return bool(
            re.match(r"\s+(?:plus|minus|times|divided|and)\b", after)
            or re.search(r"(?:plus|minus|times|by)\s$", before)
        )
    if "分之" in written or "点" in written or "點" in written or written[-1] in "折打成半":
        return not (_ORDINAL.search(before) or (written[-1] == "打" and written[:-1] == "一" and not after))
    return _chinese_is_meant(text, one, written, before, after)


def _chinese_is_meant(text: str, one: Found, written: str, before: str, after: str) -> bool:
    if _NAMES_BEFORE.search(before) or re.match("[几幾]", after):
        return False
    counts = bool(_LEFT.search(before) and _RIGHT.match(after) and _COUNTS.search(text))
    if len(written) == 1 and before[-1:] and before[-1] in numerals.CHARACTERS:  # 两三个
        return False
    if written in ("一", "壹", "零", "〇"):
        return counts and after[:1] != "倍"
    if written == "二" and _PAIR.match(text, one.start):
        return False
    if written in ("俩", "仨"):
        return bool(re.search(r"[了有买吃用拿给要送]$", before)) and not re.match("人|口", after)
    name = _NAMES_AFTER.match(after)
    if name and not counts and not (name[0] == "月" and before.endswith("个")):
        return False
    if written in ("两", "兩"):
        sums_up = (_PAIR.match(text, one.start) and not _OWN.search(before)) or _SUMS_UP.search(before)
        if sums_up or (_TOGETHER.match(text, one.start) and len(re.findall(r"\d+(?:\.\d+)?", text[: one.start])) > 1):
            return bool(re.match("倍", after))
        return counts or bool(_MEASURE.match(after))
    if len(written) == 1 or (written[0] in "一二三四五六七八九" and numerals.read_whole(written) is None):
        return counts or bool(_MEASURE.match(after))
    return True


def _sized(text: str, one: Found, others: list[Found]) -> Found:
    """3.5万 where 万 is part of the unit is 3.5, as told in this module's docstring."""
    if one.times == 1:
        return one
    text = tidy(text)
    unit = re.match(r"[^\W\d_]?", text[one.end :])
    name = unit[0] if unit else ""
    if not name or re.match("[和与與比跟大小哪是的等多]", name):
        plain = any(o.times != one.times and not re.match(r"\w", text[o.end :]) for o in others)
        plain = plain or any(re.match("[和与與比跟大小哪是的等多]", text[o.end :]) for o in others if o.times == 1)
    else:
        plain = any(o.times != one.times and text[o.end : o.end + 1] == name for o in others)
        plain = plain or bool(re.search(rf"(?:多少|几){name}", text))
    if plain and not re.search(r"(?:多少|几)[万萬亿億]", text):
        return one
    return Found(one.start, one.end, Number(one.number.value / one.times, one.number.style), one.kind, one.times)
