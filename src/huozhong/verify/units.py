"""Units of school and kitchen, exactly: length, area, volume, mass, time, money, temperature, speed, data.

Every factor is a `Fraction` of the definition (an inch is 0.0254 m, a pound 0.45359237 kg, a US gallon 231 cubic
inches).  Some names mean two things: 分 is a tenth of a 角 beside 元 and 角, otherwise a minute; a ton is 2000 lb
beside pounds, otherwise a tonne; 度 is a degree Celsius.  `read` finds what stands in a text and settles such names
for all of it together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify import numerals
from huozhong.verify.numbers import Number, number_at


@dataclass(frozen=True)
class Unit:
    """`factor` of the kind's base unit are one of it; a temperature is `factor`·t + `offset` degrees Celsius."""

    kind: str
    zh: str
    en: str
    plural: str
    factor: Fraction
    offset: Fraction = Fraction(0)
    symbol: str = ""


@dataclass(frozen=True)
class Quantity:
    """A number of units, or several that belong together (3米5厘米): `text[start:end]`."""

    start: int
    end: int
    parts: tuple[tuple[Number, Unit], ...]

    @property
    def kind(self) -> str:
        return self.parts[0][1].kind

    @property
    def base(self) -> Fraction:
        """The value in the kind's base unit."""
        return sum((number.value * unit.factor + unit.offset for number, unit in self.parts), Fraction(0))


@dataclass(frozen=True)
class Named:
    """A unit without a number: `text[start:end]`."""

    start: int
    end: int
    unit: Unit


# kind | Chinese, singular, plural | factor | other names.  A name in /slashes/ is only read right behind a number.
_TABLE = """
length|千米 kilometre kilometres|1000|公里 km kilometer kilometers kms 千公尺
length|米 metre metres|1|公尺 meter meters /m/
length|分米 decimetre decimetres|0.1|dm decimeter decimeters 公寸
length|厘米 centimetre centimetres|0.01|cm centimeter centimeters 公分 cms
length|毫米 millimetre millimetres|0.001|mm millimeter millimeters 公厘
length|微米 micrometre micrometres|0.000001|μm um micrometer micrometers
length|纳米 nanometre nanometres|0.000000001|nm nanometer nanometers
length|里 li li|500|华里 市里
length|丈 zhang zhang|10/3|市丈
length|尺 chi chi|1/3|市尺
length|寸 cun cun|1/30|市寸
length|英寸 inch inches|0.0254|吋 英吋 /in/ /″/ /"/
length|英尺 foot feet|0.3048|呎 ft /′/
length|码 yard yards|0.9144|yd yds
length|英里 mile miles|1609.344|mi 哩
length|海里 nautical_mile nautical_miles|1852|浬 nmi
area|平方千米 square_kilometre square_kilometres|1000000|平方公里 km² km2 km^2 square_kilometer square_kilometers sq_km
area|公顷 hectare hectares|10000|ha 顷
area|公亩 are ares|100|
area|亩 mu mu|2000/3|市亩
area|平方米 square_metre square_metres|1|平米 m² m2 m^2 square_meter square_meters sq_m 平方公尺
area|平方分米 square_decimetre square_decimetres|0.01|dm² dm2 dm^2 square_decimeter square_decimeters
area|平方厘米 square_centimetre square_centimetres|0.0001|cm² cm2 cm^2 square_centimeter square_centimeters sq_cm
area|平方毫米 square_millimetre square_millimetres|0.000001|mm² mm2 mm^2 square_millimeter square_millimeters
area|英亩 acre acres|4046.8564224|
area|平方英尺 square_foot square_feet|0.09290304|sq_ft
area|平方英寸 square_inch square_inches|0.00064516|sq_in
area|平方码 square_yard square_yards|0.83612736|
area|平方英里 square_mile square_miles|2589988.110336|
volume|立方千米 cubic_kilometre cubic_kilometres|1000000000000|km³ km3
volume|立方米 cubic_metre cubic_metres|1000|m³ m3 m^3 cubic_meter cubic_meters
volume|立方分米 cubic_decimetre cubic_decimetres|1|dm³ dm3 dm^3 cubic_decimeter cubic_decimeters
volume|立方厘米 cubic_centimetre cubic_centimetres|0.001|cm³ cm3 cm^3 cc cubic_centimeter cubic_centimeters
volume|立方毫米 cubic_millimetre cubic_millimetres|0.000001|mm³ mm3 mm^3
volume|升 litre litres|1|公升 liter liters /L/ /l/
volume|分升 decilitre decilitres|0.1|dL dl deciliter deciliters
volume|厘升 centilitre centilitres|0.01|cL cl centiliter centiliters
volume|毫升 millilitre millilitres|0.001|mL ml milliliter milliliters
volume|加仑 gallon gallons|3.785411784|gal
volume|夸脱 quart quarts|0.946352946|qt
volume|品脱 pint pints|0.473176473|pt
volume|杯 cup cups|0.2365882365|
volume|液盎司 fluid_ounce fluid_ounces|0.0295735295625|fl_oz
volume|立方英尺 cubic_foot cubic_feet|28.316846592|cu_ft
volume|立方英寸 cubic_inch cubic_inches|0.016387064|cu_in
mass|吨 tonne tonnes|1000000|公吨 metric_ton metric_tons /t/
mass|短吨 ton tons|907184.74|美吨
mass|千克 kilogram kilograms|1000|公斤 kg kgs kilo kilos kilogramme kilogrammes
mass|克 gram grams|1|公克 gramme grammes /g/
mass|毫克 milligram milligrams|0.001|mg
mass|微克 microgram micrograms|0.000001|μg ug
mass|担 dan dan|50000|市担
mass|斤 jin jin|500|市斤 台斤?
mass|两 liang liang|50|市两
mass|钱 qian qian|5|
mass|磅 pound pounds|453.59237|lb lbs 英镑?
mass|盎司 ounce ounces|28.349523125|oz 安士
mass|英石 stone stones|6350.29318|
mass|克拉 carat carats|0.2|
time|秒 second seconds|1|sec secs /s/ 秒钟
time|毫秒 millisecond milliseconds|0.001|ms
time|分钟 minute minutes|60|min mins
time|刻钟 quarter_of_an_hour quarters_of_an_hour|900|刻
time|小时 hour hours|3600|钟头 个钟头 个小时 hr hrs 个钟 /h/ 时
time|天 day days|86400|日 整天
time|星期 week weeks|604800|周 礼拜 个星期 个礼拜 周时间
calendar|个月 month months|1|月
calendar|季度 quarter_of_a_year quarters_of_a_year|3|个季度 季
calendar|年 year years|12|整年
calendar|年代 decade decades|120|
calendar|世纪 century centuries|1200|个世纪
money|元 yuan yuan|100|块 块钱 圆 元钱 人民币 ¥ ￥ rmb
money|角 jiao jiao|10|毛 毛钱 角钱
money|分 fen fen|1|分钱
dollar|美元 dollar dollars|100|美金 $ bucks
dollar|美分 cent cents|1|¢
dollar|25美分 quarter quarters|25|
dollar|10美分 dime dimes|10|
dollar|5美分 nickel nickels|5|
temperature|摄氏度 degree_Celsius degrees_Celsius|1|°C 摄氏 celsius degree_celsius degrees_C degrees_c degree_C /C/
temperature|华氏度 degree_Fahrenheit degrees_Fahrenheit|5/9 -160/9|°F 华氏 fahrenheit degrees_F degrees_f degree_F /F/
temperature|开尔文 kelvin kelvins|1 -273.15|开 /K/
data|位 bit bits|1/8|比特
data|字节 byte bytes|1|B
data|KB KB KB|1024|kb KiB 千字节 K kilobyte kilobytes
data|MB MB MB|1048576|mb MiB 兆 兆字节 M megabyte megabytes
data|GB GB GB|1073741824|gb GiB G 吉字节 gigabyte gigabytes
data|TB TB TB|1099511627776|tb TiB terabyte terabytes
"""
_BEHIND_NUMBERS = {
    "两", "里", "丈", "寸", "码", "杯", "担", "开", "时", "日",
     "周", "季", "位", "K", "M", "G", "B", "quarter", "quarters", "nickel", "nickels", "dime", "dimes",
    "stone", "stones", "are", "ares", "mi", "pt", "min", "second", "sec",
}  # fmt: skip
_SPEED = re.compile(
    r"(?P<km>km/h|kmh|kph|千米/(?:小时|时|h)|公里/(?:小时|时|h)|千米每(?:小)?时|公里每(?:小)?时"
    r"|(?:kilomet(?:re|er)s?|km) (?:per|an) hour)(?![A-Za-z])"
    r"|(?P<mps>m/s|米/秒|米每秒|met(?:re|er)s? (?:per|a) second)(?![A-Za-z])|(?P<mpm>m/min|米/分钟?"
    r"|米每分钟?|met(?:re|er)s? (?:per|a) minute)(?![A-Za-z])"
    r"|(?P<kps>km/s|千米/秒|公里/秒|千米每秒|公里每秒)|(?P<cms>cm/s|厘米/秒|厘米每秒)"
    r"|(?P<mph>mph|英里/小时|英里每小时|miles? (?:per|an) hour)(?![A-Za-z])",
)
SPEEDS = {
    "km": Unit("speed", "千米/时", "kilometre per hour", "kilometres per hour", Fraction(5, 18), symbol="km/h"),
    "mps": Unit("speed", "米/秒", "metre per second", "metres per second", Fraction(1), symbol="m/s"),
    "mpm": Unit("speed", "米/分", "metre per minute", "metres per minute", Fraction(1, 60), symbol="m/min"),
    "kps": Unit("speed", "千米/秒", "kilometre per second", "kilometres per second", Fraction(1000), symbol="km/s"),
    "cms": Unit("speed", "厘米/秒", "centimetre per second", "centimetres per second", Fraction(1, 100), symbol="cm/s"),
    "mph": Unit("speed", "英里/小时", "mile per hour", "miles per hour", Fraction(1397, 3125), symbol="mph"),
}


def _read_table() -> tuple[dict[str, Unit], set[str]]:
    units: dict[str, Unit] = {}
    only_behind: set[str] = set(_BEHIND_NUMBERS)
    for line in _TABLE.strip().splitlines():
        kind, names, factors, others = line.split("|")
        zh, en, plural = (name.replace("_", " ") for name in names.split())
        factor, *offset = factors.split()
        unit = Unit(kind, zh, en, plural, Fraction(factor), Fraction(offset[0]) if offset else Fraction(0))
        for name in (zh, en, plural, *(other.replace("_", " ") for other in others.split() if not other.endswith("?"))):
            bare = name.strip("/") if len(name) > 2 and name[0] == name[-1] == "/" else name
            if bare != name:
                only_behind.add(bare)
            units.setdefault(bare, unit)
    return units, only_behind


NAMES, _ONLY_BEHIND = _read_table()
_BY_LENGTH = sorted(NAMES, key=len, reverse=True)
_CASED = {"m", "M", "K", "B", "G", "L", "l", "C", "F", "g", "t", "s", "h", "in"}
_UNIT = re.compile(
    "|".join(
        (re.escape(name) if name in _CASED else f"(?i:{re.escape(name)})").replace(r"\ ", r"[\s-]+")
        + ("(?![A-Za-z²³^2-3])" if name[-1].isascii() and name[-1].isalpha() else "")
        for name in _BY_LENGTH
    )
)
# A unit's name that is part of another word: 时间, 里面, 分数.
_NOT_BEFORE = {
    "时": "间候", "里": "面边头", "分": "数别子母", "角": "形", "年": "级龄", "克": "服", "两": "个数位种",
    "日": "期子圆元", "元": "素旦",
    "毛": "病巾笔", "周": "长", "升": "级", "位": "数置", "开": "始", "码": "头", "天": "平", "寸": "步",
}  # fmt: skip
_DEGREE = re.compile(r"度(?![角数])")
_GAP = re.compile(r"\s*-?\s*(?:an?\s+|of\s+an?\s+)?")
_JOINS = re.compile(r"(?:[零又]|\s*and\s+|\s+|,\s*)?")


def unit_at(text: str, at: int, *, behind_number: bool = True) -> tuple[int, Unit] | None:
    """The unit whose name begins at `at`, the longest one, and where it ends."""
    if speed := _SPEED.match(text, at):
        return speed.end(), SPEEDS[str(speed.lastgroup)]
    match = _UNIT.match(text, at)
    if match is None:
        degree = _DEGREE.match(text, at)
        return (degree.end(), NAMES["摄氏度"]) if degree and behind_number else None
    name = re.sub(r"[\s-]+", " ", match[0])
    unit = NAMES.get(name) or NAMES.get(name.lower()) or next(NAMES[n] for n in _BY_LENGTH if n.lower() == name.lower())
    if text[match.end() : match.end() + 1] in set(_NOT_BEFORE.get(name, "")):
        return None
    if not behind_number and (name in _ONLY_BEHIND or name.lower() in _ONLY_BEHIND):
        return None
    if at and text[at].isascii() and text[at].isalpha() and text[at - 1].isascii() and text[at - 1].isalpha():
        return None
    return match.end(), unit


def quantity_at(text: str, at: int) -> Quantity | None:
    """The quantity that begins at `at`: 5千克, 3米5厘米, 2小时30分, $5, five feet two inches, half an hour."""
    sign = re.compile(r"(?:-|负|零下)(?=[\d零一二三四五六七八九十])").match(text, at)
    start, end = at, at
    parts: list[tuple[Number, Unit]] = []
    currency = re.compile(r"[$¥￥]\s*").match(text, at)
    if currency and (found := number_at(text, currency.end())) and text[found.end : found.end + 1] != "$":
        return Quantity(start, found.end, ((found.number, NAMES[currency[0].strip()]),))
    at = sign.end() if sign else at
    while True:
        found = number_at(text, at)
        if found is None:
            break
        gap = _GAP.match(text, found.end)
        assert gap is not None
        named = unit_at(text, found.end) or unit_at(text, gap.end())
        if named is None or (parts and not _follows(parts[-1][1], named[1])):
            break
        number = Number(-found.number.value, found.number.style) if sign else found.number
        end, unit = named
        if number.value % 1 == Fraction(1, 2) and (half := re.compile(r"半(?![径个圆])").match(text, end)):
            end = half.end()  # 2小时半: the numbers' reading has it already
        parts.append((number, unit))
        if rest := _UNSAID.match(text, end) if unit.zh in _SMALLER else None:
            small, tiny = _SMALLER[unit.zh]
            value = numerals.read(rest[0]) if not rest[0].isdigit() else Fraction(rest[0])
            if value is not None and value != 0:
                parts.append((Number(value), NAMES[small if len(rest[0]) == 1 else tiny]))
                return Quantity(start, rest.end(), tuple(parts))
        joins = _JOINS.match(text, end)
        at = joins.end() if joins else end
    return Quantity(start, end, tuple(parts)) if parts else None


# What is not said behind a unit: 1米35 is 1米35厘米, 三块五 is 三块五角.
_SMALLER = {"米": ("分米", "厘米"), "元": ("角", "分")}
_UNSAID = re.compile(
    r"\d{1,2}(?=$|[^\d.A-Za-z一二三四五六七八九十百千万米厘分毫角毛元块个%/])"
    r"|[一二三四五六七八九](?=$|[等是有合化换折的=,，。？?、)\s和与比])"
)


def _follows(larger: Unit, smaller: Unit) -> bool:
    if smaller.zh == "分" and larger.kind == "time":
        return True
    if larger.zh == "分" and smaller.zh == "秒":
        return True
    return larger.kind == smaller.kind and larger.factor > smaller.factor and larger.kind != "temperature"


_START = re.compile(r"(?:零下|[-负$¥￥])?[\d零〇一二两三四五六七八九十百千万亿半廿]|[A-Za-z(]")


def read(text: str) -> tuple[list[Quantity], list[Named]]:
    """All quantities of a tidy text, and the units that stand without a number; ambiguous names are settled."""
    quantities: list[Quantity] = []
    named: list[Named] = []
    at = 0
    while at < len(text):
        inside = at and text[at].isascii() and text[at].isalpha() and text[at - 1].isascii() and text[at - 1].isalpha()
        if not inside and _START.match(text, at) and (quantity := quantity_at(text, at)):
            quantities.append(quantity)
            at = quantity.end
        elif not inside and (unit := _unit_alone(text, at)):
            named.append(Named(at, unit[0], unit[1]))
            at = unit[0]
        else:
            at += 1
    return _settled(text, quantities, named)


def _unit_alone(text: str, at: int) -> tuple[int, Unit] | None:
    """A unit without a number; what is named only behind one is asked for: 几小时, 多少里."""
    unit = unit_at(text, at)
    if unit is None:
        return None
    end = at
    while end and text[end - 1].isspace():
        end -= 1
    asked = _ASKED.search(text[max(0, end - _LONGEST_ASKED) : end])  # not in all before: a book would take for ever
    return unit if asked else unit_at(text, at, behind_number=False)


_LONGEST_ASKED = 4
_ASKED = re.compile(r"(?:多少|几|\)|[?□_=]|成|为|到|用|和|与|many|in|to|into|of|作|个|以|合)\s*$")


def _settled(text: str, quantities: list[Quantity], named: list[Named]) -> tuple[list[Quantity], list[Named]]:
    kinds = {unit.kind for q in quantities for _, unit in q.parts} | {n.unit.kind for n in named}
    names = {unit.zh for q in quantities for _, unit in q.parts} | {n.unit.zh for n in named}
    other: dict[str, Unit] = {}
    if "time" in kinds or not names & {"元", "角"}:
        other["分"] = NAMES["分钟"]
    if "短吨" in names and not names & {"磅", "盎司", "英石"}:
        other["短吨"] = NAMES["吨"]
    return (
        [Quantity(q.start, q.end, tuple((n, other.get(u.zh, u)) for n, u in q.parts)) for q in quantities],
        [Named(n.start, n.end, other.get(n.unit.zh, n.unit)) for n in named],
    )


def convert(quantity: Quantity, unit: Unit) -> Fraction:
    """How many of `unit` a quantity of its kind is."""
    return (quantity.base - unit.offset) / unit.factor


def split(base: Fraction, units: list[Unit]) -> list[Fraction] | None:
    """A value in several units of one kind, the largest first; None unless all but the last are whole and it fits."""
    out = []
    for unit in units[:-1]:
        whole = base // unit.factor
        out.append(Fraction(whole))
        base -= whole * unit.factor
    return [*out, base / units[-1].factor]
