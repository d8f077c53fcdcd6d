"""Written numbers as people say them when they sell: 39.9元/斤 is 三十九块九一斤, 500g*2袋 五百克两袋, 8.8折 八八折.

`spoken` reads a whole text; `unread` finds what is still there that nobody could say: digits, symbols, letters of
units.  How a thing is said was written down by hand first (tests/verify/spoken/spoken.txt), with its choices:

- Money is 块 and 毛, where it has a unit, or stands behind a word such as 只要 and has decimals (只要29.9).
- 两 before what is counted and measured and in 两百, 两千, 两万; 二 in 二十, 第二, 二两, 二号, 二月, 买二送一.
- Telephones digit by digit, with 幺; models and standards digit by digit, with 一, unless they have one number of at
  most two digits (A2-306 is A二三零六, iPhone15 iPhone十五).
- kg is 公斤; GB and TB are G and T, as sellers say.

The other way is `written.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify import numerals
from huozhong.verify.numbers import tidy

UNITS = {
    "kg": "公斤", "g": "克", "mg": "毫克", "μg": "微克", "µg": "微克", "ug": "微克", "t": "吨", "lb": "磅",
    "oz": "盎司", "L": "升", "l": "升", "ml": "毫升", "km": "公里", "m": "米", "dm": "分米", "cm": "厘米", "mm": "毫米",
    "nm": "纳米", "μm": "微米", "µm": "微米", "um": "微米",
    "㎡": "平方米", "m²": "平方米", "m2": "平方米", "m³": "立方米", "m3": "立方米", "cm²": "平方厘米",
    "cm³": "立方厘米",
    "h": "小时", "min": "分钟", "s": "秒", "ms": "毫秒", "W": "瓦", "w": "瓦", "kW": "千瓦", "kWh": "度", "Wh": "瓦时",
    "V": "伏", "v": "伏", "mAh": "毫安时", "Ah": "安时", "mA": "毫安", "Hz": "赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹",
    "Pa": "帕", "kPa": "千帕", "dB": "分贝", "Mbps": "兆", "kcal": "千卡", "kJ": "千焦", "℃": "摄氏度", "°C": "摄氏度",
    "°": "度", "°P": "度", "GB": "G", "TB": "T", "MB": "兆", "rpm": "转每分钟", "r/min": "转每分钟", "KG": "公斤",
    "Kg": "公斤", "ML": "毫升", "mL": "毫升", "Ml": "毫升", "KM": "公里", "CM": "厘米", "MM": "毫米",
}  # fmt: skip

# Characters that begin what is counted or measured: 2 before them is 两.
MEASURES = (
    "个只条双盒袋瓶包箱罐桶支枝片张块斤公克升米厘毫吨千百万亿天年周小时分秒点人位名口次种款套份杯碗盘把台辆部本册页串粒颗枚根束"
    "对组批层间家岁倍元角听卷管板排筐篓提捆朵头匹匙勺滴圈步味色单场盏副件抽毛架棵株筒尺寸立平代美G世T秒赫瓦吨顶饼坛壶尾羽挂扎窝亩磅缸篮桌遍趟"
)
# What stands before a measure (两大袋, 两英寸) or is a measure of two characters: 两 too, although none itself.
_TWO_BEFORE = MEASURES + "大整英盎打伏安成微转节门座艘道首幅封项届扇盆锅瓣剂针轮集篇句堂餐顿股堆群炉夜晚笔副"
# 2 before these is a place in a row, though they begin like a measure: 二单元, 二年级.
_PLACES = ("单元", "年级", "班级", "环路", "车间", "号楼", "楼层")
PACKAGES = "袋瓶包盒罐片支箱个只条块枚颗听杯桶卷双件套份粒张根本台板提抽贴枝饼坛壶篮缸"
_HAN_UNITS = "公斤|千克|毫升|毫克|平方米|平米|厘米|小时|分钟"
DIGITS = "零一二三四五六七八九"
NUMERAL = "零一二两三四五六七八九十百千万亿点"

_N = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
_TO = r"\s*[-~～—–]+\s*"
_U = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
# What a rate may be told for: 5g/100ml, 60km/h.  220V/50Hz is two things beside each other.
_ELECTRIC = (
    "W", "w", "kW", "Wh", "V", "v", "mAh", "Ah", "mA", "Hz", "MHz", "GHz", "dB", "Mbps", "rpm", "r/min", "℃", "°C",
    "°P", "°", "GB", "TB", "MB",
)  # fmt: skip
_E = "|".join(sorted(map(re.escape, _ELECTRIC), key=len, reverse=True))
_UNDER = "|".join(sorted(map(re.escape, set(UNITS) - set(_ELECTRIC)), key=len, reverse=True))
_M = f"(?:{_HAN_UNITS}|[{MEASURES}])"
_END_OF_UNIT = r"(?![A-WYZa-wyz²³])"
_PER = rf"(?:\s*/\s*(?P<n>{_N})?\s*(?P<u>(?:{_U}){_END_OF_UNIT}|{_M}))?"
_PRICE_WORD = r"(?:价|券后|到手|只要|仅需|仅|只需|才|卖|付|省|立减|直降|便宜|补|售|定金|尾款|现在|今天)[为是:：]?\s*"


@dataclass(frozen=True)
class Unread:
    """What a reader would stumble over: `text[start:end]`."""

    start: int
    end: int
    text: str


def spoken(text: str) -> str:
    """A text with every number, unit and sign in it as it is said.  Names in Latin letters stay as they are."""
    text = tidy(text)
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    return text


_SYMBOLS = re.compile(
    r"[\d¥￥$€£%‰*×✕✖+=<>≥≤±≈~～/\\^°℃㎡²³µμ#&@|_]+"
    rf"|(?<=[{NUMERAL}])\s*(?P<unit>{_U})(?![A-Za-z])|(?<=[{NUMERAL}])\s?[-—–](?=\s?[{NUMERAL}])"
)


def unread(text: str) -> list[Unread]:
    """Digits, symbols and letters of units that are left in a text that is to be said; none where all can be read."""
    found = []
    for match in _SYMBOLS.finditer(tidy(text)):
        unit = match["unit"]
        if unit is None or len(unit) > 1 or not unit.isupper():  # G, T, L, V alone are letters of names
            found.append(Unread(match.start(), match.end(), match[0]))
    return found


# -- numbers ---------------------------------------------------------------------------------------------


def say_number(written: str, *, before: str = "") -> str:
    """1,200 as 一千二百, 2.5 as 二点五.  before: what follows it; 2 is 两 before what is counted."""
    whole, point, decimals = written.replace(",", "").partition(".")
    if len(whole) > 16:
        return _digits(whole)
    said = numerals.write_whole(int(whole)).replace("二千", "两千")
    said = re.sub("^二百", "两百", said)
    said = re.sub("(?<![十百千零])二([万亿])", r"两\1", said)
    if point:
        return f"{said}点{_digits(decimals)}"
    return "两" if said == "二" and before and before[0] in _TWO_BEFORE else said


def say_money(written: str) -> str:
    """9.99 as 九块九毛九, 39.90 as 三十九块九, 0.5 as 五毛."""
    value = Fraction(written.replace(",", ""))
    cents = value * 100
    if cents.denominator != 1:
        return say_number(written) + "块"
    yuan, tenths, rest = int(value), int(cents) // 10 % 10, int(cents) % 10
    if not yuan:
        jiao = (say_number(str(tenths), before="毛") + "毛") if tenths else ""
        return jiao + (DIGITS[rest] + ("" if tenths else "分") if rest else "") or "零元"
    said = say_number(str(yuan), before="块") + "块"
    if rest:
        return said + (f"{DIGITS[tenths]}毛{DIGITS[rest]}" if tenths else f"零{DIGITS[rest]}分")
    return said + (DIGITS[tenths] if tenths else "")


def _digits(written: str, one: str = "一") -> str:
    return "".join(DIGITS[int(digit)] if digit != "1" else one for digit in written if digit.isdigit())


def _telephone(match: re.Match[str]) -> str:
    return (match.groupdict().get("word") or "") + _digits(match["digits"], "幺")


def _code(match: re.Match[str]) -> str:
    return (match.groupdict().get("word") or "") + _digits(match["digits"])


# -- names ------------------------------------------------------------------------------------------------


def _model(match: re.Match[str]) -> str:
    name = re.sub(r"[-/\s]", "", match[0])
    runs = re.findall(r"\d+(?:\.\d+)?", name)
    alone = len(runs) == 1 and len(runs[0].partition(".")[0]) <= 2 and (runs[0][0] != "0" or runs[0] == "0")
    return re.sub(r"\d+(?:\.\d+)?", lambda run: say_number(run[0]) if alone else _digits(run[0]), name)


_SHOPPING_DAYS = {"11.11": "双十一", "12.12": "双十二", "618": "六一八", "6.18": "六一八", "818": "八一八"}


def _festival(match: re.Match[str]) -> str:
    return _SHOPPING_DAYS.get(match[0].replace("/", ".")) or _digits(match[0])


def _volts(match: re.Match[str]) -> str:
    return f"{say_number(match['volts'], before='伏')}伏{say_number(match['amperes'], before='安')}安"


def _sizes(match: re.Match[str]) -> str:
    return f"{match['small']}到{match['large']}"


# -- dates and times ----------------------------------------------------------------------------------------


def _date(match: re.Match[str]) -> str:
    year, month, day = match["year"], int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_digits(year)}年{numerals.write_whole(month)}月{numerals.write_whole(day)}日"


def _time(match: re.Match[str]) -> str:
    around = match.string[max(0, match.start() - 4) : match.start()] + match.string[match.end() : match.end() + 3]
    if re.search("按|比例|兑|稀释|配比|混合", around):
        return f"{say_number(match['hour'])}比{say_number(match['minute'])}"
    hour, minute, second = match["hour"], match["minute"], match["second"]
    said = say_number(str(int(hour)), before="点") + "点"
    if int(minute) or second:
        said += ("零" if int(minute) < 10 else "") + numerals.write_whole(int(minute)) + "分"
    return said + (numerals.write_whole(int(second)) + "秒" if second and int(second) else "")


# -- money, percentages, measures -----------------------------------------------------------------------------


def _per(match: re.Match[str]) -> str:
    """/斤 behind a price: 一斤; /500g: 五百克."""
    if match["u"] is None:
        return ""
    unit = UNITS.get(match["u"], match["u"])
    return (say_number(match["n"], before=unit) if match["n"] else "一") + unit


def _price(match: re.Match[str]) -> str:
    groups = match.groupdict()
    written = match["value"]
    if groups.get("myriads"):
        written = str(Fraction(written.replace(",", "")) * 10000)
        if "/" in written:
            return match[0]
    said = say_money(written)
    if match[0].rstrip().endswith("钱") and "块" in said:
        said += "钱" if said.endswith("块") else ""
    if groups.get("low"):
        low = match["low"]
        said = (say_money(low) if "." in low else say_number(low)) + "到" + said
    return (groups.get("word") or "") + said + (_per(match) if "u" in groups else "")


def _bare_price(match: re.Match[str]) -> str:
    """19.9/3斤, 59/件; but 1/3杯 is a fraction of a cup."""
    if match["n"] and "." not in match["value"] and int(match["value"].replace(",", "")) < float(match["n"]):
        return match[0]
    return say_money(match["value"]) + _per(match)


def _less(match: re.Match[str]) -> str:
    """满300-50: 满三百减五十."""
    return f"满{say_number(match[1])}减{say_number(match[2])}"


def _currency(match: re.Match[str]) -> str:
    name = {"$": "美元", "€": "欧元", "£": "英镑"}[match["sign"]]
    return say_number(match["value"], before=name) + name


def _discount(match: re.Match[str]) -> str:
    value = match["value"]
    return (say_number(value) if value.startswith("0") else _digits(value)) + "折"


def _percent(match: re.Match[str]) -> str:
    name = {"%": "百分之", "‰": "千分之"}[match["sign"]]
    value = "百" if match["value"] == "100" and match["sign"] == "%" else say_number(match["value"])
    low = match["low"]
    return name + (f"{say_number(low)}到{say_number(match['value'])}" if low else value)


def _rate(match: re.Match[str]) -> str:
    """120km/h: 每小时一百二十公里; 5g/100g: 每一百克五克; 2次/天: 每天两次."""
    unit, under = UNITS.get(match["unit"], match["unit"]), UNITS.get(match["under"], match["under"])
    amount = say_number(match["amount"], before=under) if match["amount"] else ""
    return f"每{amount}{under}{say_number(match['value'], before=unit)}{unit}"


def _metres(match: re.Match[str]) -> str:
    parts = match["parts"].rstrip("0") and match["parts"]  # 2.0 metres are two
    return say_number(match["whole"], before="米") + "米" + _digits(parts)


def _measured(match: re.Match[str]) -> str:
    unit = UNITS[match["unit"]]
    return say_number(match["value"], before=unit) + unit


def _myriads(match: re.Match[str]) -> str:
    return say_number(match["value"], before="万") + "万"


_BEHIND_RANGE = re.compile(rf"[-~～—–至到]\s*(?:\d[\d.,]*|[{NUMERAL}]+)\s*(?P<next>[^\d\s])")


def _number(match: re.Match[str]) -> str:
    text, end = match.string, match.end()
    written = match[0]
    if re.match(r"0\d", written):
        return _digits(written)
    behind = _BEHIND_RANGE.match(text, end)
    before = behind["next"] if behind else text[end : end + 2].strip()
    if text[max(0, match.start() - 1) : match.start()] == "第" or text[end:].lstrip().startswith(_PLACES):
        before = ""
    return say_number(written, before=before)


def _plus_signs(match: re.Match[str]) -> str:
    return f"PA{numerals.write_whole(len(match['signs'])).replace('二', '两')}个加"


def _rule(pattern: str, say: Callable[[re.Match[str]], str] | str) -> tuple[re.Pattern[str], Callable[..., str] | str]:
    return re.compile(pattern), say


# In this order; what an earlier rule has said is Chinese, and no later one reads it again.
_RULES: list[tuple[re.Pattern[str], Callable[..., str] | str]] = [
    _rule(r"(?<![\d.])(?P<digits>1\d{2}[- ]?\d{4}[- ]?\d{4})(?!\d)", _telephone),
    _rule(r"(?<!\d)(?P<digits>[48]00[- ]?\d{3}[- ]?\d{4}|0\d{2,3}-\d{7,8})(?!\d)", _telephone),
    _rule(
        r"(?P<word>(?:电话|拨打|热线|致电|尾号|邮编|单号|客服|QQ群?|微信号?|手机号?|群号?)[:： ]*)"
        r"(?P<digits>\d{3,})(?![\d.,]|[元块折%件])",
        _telephone,
    ),
    _rule(r"(?P<word>(?:货号|编号|款号|批号|房号|型号|证号|注册号|备案号)[:： ]*)(?P<digits>\d{3,})(?!\d)", _code),
    _rule(
        r"(?<=[元栋幢楼座区排])(?P<digits>[1-9]\d{2,3})(?![\d.,/*×~-]|[平元块折%件单])(?=室|房|号|[，。；！？,;\s)]|$)",
        _code,
    ),
    _rule(r"(?<![\d.])(?P<digits>[1-9]\d{2,3})(?=室|房间|号房|教室)", _code),
    _rule(
        rf"(?<![\d.,¥￥$€£])(?P<digits>\d*[1-9]\d{{0,3}}(?<=\d{{8}}))(?![\d.,]|\s*(?:{_U}|[{MEASURES}元折%‰+]))",
        _telephone,
    ),
    _rule(r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?![\d.])", _date),
    _rule(
        r"(?<![\d./])(?:11[./]11|12[./]12|6[./]?18|818)(?=大促|活动|狂欢|购物|预售|年中|当天|来了|期间|会场)", _festival
    ),
    _rule(r"(?<![\d.])\d{1,2}\.\d{1,2}(?=(?:儿童|妇女|女神|女王|青年|劳动|国庆|吃货|宠粉)?节)", _festival),
    _rule(r"(?<![\d:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])", _time),
    _rule(r"PA(?P<signs>\+{1,5})", _plus_signs),
    _rule(rf"(?P<volts>{_N})\s*[Vv]\s*[⎓=/*,]?\s*(?P<amperes>{_N})\s*A(?![A-Za-z\d])", _volts),
    _rule(rf"(?<=\d[VvWw])\s*[/~～]\s*(?={_N}\s*(?:{_E}))|(?<=[zh])\s*/\s*(?={_N}\s*(?:{_E}))", ""),
    _rule(rf"(?<=\d)\s*/\s*(?=\d+\s*(?:{_E}){_END_OF_UNIT})", "或"),
    _rule(r"(?<![A-Za-z\d])(?P<small>X{0,4}[SML])\s*[-~～—]\s*(?P<large>\d?X{0,4}L)(?![A-Za-z\d])", _sizes),
    _rule(r"(?<!\d)(?P<digits>1[3-9]\d/\d{2,3})(?=[ABCY](?![A-Za-z\d]))", _code),
    _rule(r"(?<![\d.])(?P<digits>\d{3,4})(?=[Pp](?![A-Za-z\d]))", _code),
    _rule(r"(?<![A-Za-z])(?:GB|ISO|SC|QB|NY|DB|HACCP)(?:/[A-Z]+)?[ -]?\d{2,}(?:\.\d+)*(?:-\d+)*", _model),
    _rule(r"(?<![\d.])(?P<digits>9{2,4}0?|925)(?=银|足|纯|黄金|金)", _code),
    _rule(r"(?<![\d.])(?P<digits>304|316|430)(?=L?(?:不锈钢|食品级|钢))", _code),
    _rule(
        rf"(?<![A-Za-z\d])(?![xX]\d+\s*[{PACKAGES}])[A-Za-z]+-?\d+(?:\.\d+)?[A-Za-z\d]*(?:-[A-Za-z\d]+)*(?![元块%])",
        _model,
    ),
    _rule(
        r"(?<!\d)(?P<digits>(?:19|20)\d\d)(?=(?:[-~～](?:19|20)\d\d)?年(?!老|质|保)|款|新[款米茶品]|[春夏秋冬]|版)",
        _code,
    ),
    _rule(r"(?<!\d)(?P<digits>\d0|95|85)(?=后(?!天|付|可|续))", _code),
    _rule(rf"(?:(?P<low>{_N}){_TO})?(?P<value>{_N})\s*(?P<sign>[%‰])", _percent),
    _rule(
        r"(?<![\d℃])-(?=\d+(?:\.\d+)?\s*(?:℃|°C|度|[~～至到]\s*-?\d+(?:\.\d+)?\s*(?:℃|°C|度)))",
        "零下",
    ),
    _rule(rf"[¥￥]\s*(?P<value>{_N})(?:\s*元)?(?!万){_PER}", _price),
    _rule(
        rf"(?:(?P<low>{_N}){_TO})?(?P<value>{_N})\s*(?P<myriads>万)?元(?![素宵旦气器件组店])(?:钱(?!包))?{_PER}", _price
    ),
    _rule(rf"(?P<sign>[$€£])\s*(?P<value>{_N})", _currency),
    _rule(rf"(?:RMB|rmb|CNY)\s*(?P<value>{_N}){_PER}", _price),
    _rule(rf"(?P<value>{_N})\s*(?:RMB|rmb|CNY)(?![A-Za-z]){_PER}", _price),
    _rule(rf"(?P<value>\d+\.\d{{1,2}})\s*块(?:钱(?!包))?{_PER}", _price),
    _rule(r"(?P<value>\d+\.\d{1,2})(?=包邮|秒杀)", _price),
    _rule(rf"满(\d+)\s*-\s*(\d+)(?!\d|\s*(?:{_U}|[{MEASURES}]))", _less),
    _rule(rf"(?<=\d)\s*-\s*(?={_N}\s*元?\s*=)", "减"),
    _rule(
        rf"(?<![\d.])(?P<value>\d+\.\d{{1,2}})(?=(?:\s*[一二两三四五六七八九十]|\s+\d+\s*)(?:公斤|斤|[{PACKAGES}]))",
        _price,
    ),
    _rule(
        rf"(?<=[斤袋瓶包盒罐箱件套份])(?P<value>\d+\.\d{{1,2}})(?![\d.]|\s*(?:{_U}|[{MEASURES}%折成厚宽高长版])|\s*[/*×~～-])",
        _price,
    ),
    _rule(
        rf"(?P<word>{_PRICE_WORD})(?P<value>\d+\.\d{{1,2}})(?![\d.]|\s*(?:{_U}|[{MEASURES}%折成厚宽高长万亿])|\s*/\s*\d)",
        _price,
    ),
    _rule(rf"(?<![\d/.])(?P<value>{_N})\s*/\s*(?P<n>{_N})?\s*(?P<u>(?:{_UNDER}){_END_OF_UNIT}|{_M})", _bare_price),
    _rule(r"(?P<value>\d(?:\.\d+)?|\d\d)\s*折(?![叠扇])", _discount),
    _rule(
        rf"(?P<value>{_N})\s*(?P<unit>{_U}|[{MEASURES}转下拍跳字词])\s*/\s*(?P<amount>{_N})?\s*"
        rf"(?P<under>(?:{_UNDER})(?![A-Za-z²³])|小时|分钟?(?!米)|[天日次周月年秒人])",
        _rate,
    ),
    _rule(r"(?<![\d.])(?P<whole>[1-9])\.(?P<parts>\d{1,2})\s*(?:m(?![A-WYZa-wyz²³23])|米)", _metres),
    _rule(rf"(?P<value>{_N})\s*[wW](?=[+单人件粉份])", _myriads),
    _rule(rf"(?P<value>{_N})\s*(?P<unit>{_U}){_END_OF_UNIT}", _measured),
    _rule(r"(?<![\d:])(\d+):(\d+)(?![\d:])", lambda found: f"{say_number(found[1])}比{say_number(found[2])}"),
    _rule(r"(?<![\d/.])(\d+)/(\d+)(?![\d/.])", lambda found: f"{say_number(found[2])}分之{say_number(found[1])}"),
    _rule(_N, _number),
    _rule(r"\s*±\s*", "正负"),
    _rule(r"\s*(?:≥|>=)\s*", "大于等于"),
    _rule(r"\s*(?:≤|<=)\s*", "小于等于"),
    _rule(rf"\s*>\s*(?=[{NUMERAL}])", "大于"),
    _rule(rf"\s*<\s*(?=[{NUMERAL}])", "小于"),
    _rule(r"≈\s*", "约"),
    _rule(r"(?<=[\u4e00-\u9fff])\s*=\s*(?=[\u4e00-\u9fff])", "等于"),
    _rule(rf"([{PACKAGES}])\s*[*×✕xX]\s*(?=[{NUMERAL}]+(?:毫升|升|克|公斤|毫克))", r"\1每\1"),
    _rule(
        rf"(?<=[\u4e00-\u9fff])\s*[*×✕xX]\s*(?=[{NUMERAL}]+[{PACKAGES}])(?![{NUMERAL}]+个?(?:小时|月))",
        "",
    ),
    _rule(rf"(?<=[\u4e00-\u9fff])\s*[*×✕xX]\s*(?=[{NUMERAL}])", "乘"),
    _rule(rf"(?<=[{NUMERAL}日号月年分克斤升米块毛度码岁天瓶件时钟个G]){_TO}(?=(?:零下)?[{NUMERAL}])", "到"),
    _rule(rf"([{NUMERAL}][\u4e00-\u9fff]{{1,4}})\s*/\s*(?={_M}|打)", r"\1一"),
    _rule(rf"(?<=[{PACKAGES}斤克])\s*/\s*(?=[{PACKAGES}])", "一"),
    _rule(r"\s*\+(?:\s+(?=[\u4e00-\u9fff]))?", "加"),
    _rule(rf"(?<=[{NUMERAL}])\s+(?=[{MEASURES}])", ""),
]
