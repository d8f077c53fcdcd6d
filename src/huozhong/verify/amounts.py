"""Amounts in a text, written or spoken: 39.9元, 三十九块九, 500g, 五百克, 8.8折, 八八折, each a value and a unit.

Masses, volumes, lengths and money are in their base units, so that 1公斤, 2斤 and 1000g are one amount.  一 before a
measure word is an article and no amount, except before money and time; idioms (一定, 十分, 第一次) are none either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify.numbers import tidy
from huozhong.verify.spoken import MEASURES, UNITS
from huozhong.verify.written import IDIOMS, written

_BASES = {
    "克": ("克", Fraction(1)),
    "公斤": ("克", Fraction(1000)),
    "千克": ("克", Fraction(1000)),
    "斤": ("克", Fraction(500)),
    "两": ("克", Fraction(50)),
    "毫克": ("克", Fraction(1, 1000)),
    "吨": ("克", Fraction(10**6)),
    "升": ("升", Fraction(1)),
    "毫升": ("升", Fraction(1, 1000)),
    "米": ("米", Fraction(1)),
    "厘米": ("米", Fraction(1, 100)),
    "毫米": ("米", Fraction(1, 1000)),
    "公里": ("米", Fraction(1000)),
    "分米": ("米", Fraction(1, 10)),
    "公分": ("米", Fraction(1, 100)),
    "元": ("元", Fraction(1)),
    "块": ("元", Fraction(1)),
    "毛": ("元", Fraction(1, 10)),
    "角": ("元", Fraction(1, 10)),
    "分钟": ("分钟", Fraction(1)),
    "小时": ("分钟", Fraction(60)),
    "年": ("个月", Fraction(12)),
    "秒": ("分钟", Fraction(1, 60)),
}

_CN = "[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+[万亿]?)?"
_D = "[零〇一二三四五六七八九]"
_N = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_U = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_HAN = f"公斤|千克|毫升|毫克|厘米|毫米|公里|公分|分米|平方米|小时|分钟|个月|[{MEASURES}折两度号月日楼级码倍成]"
_AMOUNT = re.compile(
    rf"(?P<said>{_CN}[块元](?:零{_D}(?:分|(?![毛角{MEASURES}]))|{_D}毛{_D}?|{_D}(?![十百千万点])(?!(?!包邮)[{MEASURES}]))?|[一二两三四五六七八九][毛角](?:{_D}(?=分|(?![{MEASURES}十百千万])))?"
    rf"|百分之{_CN}|{_CN}分之{_CN}|{_D}{{1,2}}折|[一二两三四五六七八九]米{_D}{{1,2}}(?![十百千])|{_CN}(?:斤|公斤|升|小时|年|米)半|{_CN})"
    rf"|(?<![A-Za-z])(?:(?P<top>\d+)/(?P<bottom>[1-9]\d*)(?![\d/])|(?P<figures>{_N}))(?P<fold>[万亿w](?![a-zA-Z]))?(?P<percent>[%‰])?"
)
# Digits in the forms of speech, 9块9, 39块9毛9, 1米8, 2斤半; and half of something.
_LOOSE = re.compile(
    rf"(?<![\d.])(?:(?P<yuan>\d+)块(?P<tenths>\d)毛?(?P<cents>\d)?(?![\d.]|[{MEASURES}折%])"
    rf"|(?P<jiao>\d)[毛角](?P<fen>\d)(?![\d.]|[{MEASURES}折%])"
    rf"|(?P<metres>\d)米(?P<parts>\d{{1,2}})(?![\d.个]|[{MEASURES}])"
    rf"|(?P<more>\d+)(?=(?P<of>公斤|千克|斤|升|小时|年|米)半))"
    rf"|(?<![\d一二两三四五六七八九十百千个斤米年升时块])半(?=(?P<half>公斤|千克|斤|升|米|年|小时|个月)(?!价))"
)
_UNIT = re.compile(rf"\s*(?P<unit>(?:{_U})(?![A-WYZa-wyz])|{_HAN})")
_WRITTEN = re.compile(r"(?P<value>\d+(?:\.\d+)?)(?P<fold>[万亿])?(?P<rest>.*)")
_FOLDS = {"万": 10**4, "亿": 10**8, "w": 10**4}
_IN_NAME = re.compile(r"[A-Za-z][A-Za-z\d]*-?$")
_PRICE_WORD = re.compile(r"(?:只要|仅需|只需|仅|价|才|到手|付|省|减|降|满|卖)[了为是:：]?\s*$")
_ARTICLE = re.compile(r"(?:[年月天块元折毛%]|个月|小时|公斤|分钟|周)")

_NUMERAL = re.compile(
    rf"[\d%‰¥￥$]+|[〇零二三四五六七八九十百千万亿两俩仨一]*[零〇二三四五六七八九十百千万亿两俩仨](?!眼)[一]*"
    rf"|一(?={_ARTICLE.pattern})|[买送拍第]一(?![次步眼口时反])|(?<![大小多前后上下])半(?=价|折|斤|公斤|小时|年|天|[个份箱盒袋])|双倍|翻倍|几[十百千万倍成]|一半|[零一]点几"
)


@dataclass(frozen=True)
class Amount:
    """value in `unit`, "" where none is named; `text[start:end]` without the unit."""

    start: int
    end: int
    value: Fraction
    unit: str


def amounts(text: str) -> list[Amount]:
    """Every amount of a text, in order."""
    text = tidy(text)
    idioms = [set(range(*idiom.span())) for idiom in IDIOMS.finditer(text)]
    found = [_loose(match) for match in _LOOSE.finditer(text)]
    loose = {place for one in found for place in range(one.start, one.end)}
    for match in _AMOUNT.finditer(text):
        place = set(range(*match.span()))
        if place & loose:
            continue
        if any(place & idiom for idiom in idioms) or _IN_NAME.search(text[: match.start()]):
            continue
        if match["top"]:
            amount: Amount | None = _share(match.start(), match.end(), f"{match['top']}/{match['bottom']}")
        else:
            amount = _figures(text, match) if match["figures"] else _said(text, match)
        if amount is not None:
            found.append(amount)
    return sorted(found, key=lambda one: one.start)


def numerals_in(text: str) -> list[str]:
    """Whatever counts: digits, Chinese numerals, 半价, 双倍; not idioms, and not 一 before a measure word (一个)."""
    text = tidy(text)
    idioms = {place for idiom in IDIOMS.finditer(text) for place in range(*idiom.span())}
    return [match[0] for match in _NUMERAL.finditer(text) if not idioms & set(range(*match.span()))]


def _loose(match: re.Match[str]) -> Amount:
    groups = {name: value or "0" for name, value in match.groupdict().items()}
    start, end = match.span()
    if match["half"]:
        return _based(start, end, Fraction(1, 2), match["half"])
    if match["more"]:
        return _based(start, end, Fraction(match["more"]) + Fraction(1, 2), match["of"])
    if match["metres"]:
        return Amount(start, end, Fraction(f"{match['metres']}.{match['parts']}"), "米")
    tenths, cents = (groups["tenths"], groups["cents"]) if match["yuan"] else (groups["jiao"], groups["fen"])
    return Amount(start, end, Fraction(f"{groups['yuan']}.{tenths}{cents}"), "元")


def _figures(text: str, match: re.Match[str]) -> Amount | None:
    value = Fraction(match["figures"].replace(",", "")) * _FOLDS.get(match["fold"] or "", 1)
    if match["percent"]:
        return Amount(match.start(), match.end(), value, match["percent"])
    if text[match.start() - 1 : match.start()] in ("¥", "￥"):
        return Amount(match.start(), match.end(), value, "元")
    return _with_unit(text, match.start(), match.end(), value)


def _said(text: str, match: re.Match[str]) -> Amount | None:
    said = match["said"]
    if said in ("一", "十", "百", "千", "万", "亿", "零"):
        if said != "一" or not _ARTICLE.match(text, match.end()):
            return None
        return _with_unit(text, match.start(), match.end(), Fraction(1))
    end = match.end()
    if len(said) > 1 and said.endswith("两"):  # 十二两, but 九块九两包 ends before
        said, end = said[:-1], end - 1
    unit = _UNIT.match(text, end)
    figures = written(said + (unit["unit"] if unit else "")) if len(said) == 1 else written(said)
    if "%" in figures or "/" in figures:
        return _share(match.start(), end, figures)
    read = _WRITTEN.fullmatch(figures)
    if read is None:
        return None
    value = Fraction(read["value"]) * _FOLDS.get(read["fold"] or "", 1)
    rest = read["rest"] if len(said) > 1 else ""
    if rest:
        return _based(match.start(), end, value, rest)
    return _with_unit(text, match.start(), end, value)


def _share(start: int, end: int, figures: str) -> Amount | None:
    if percent := re.fullmatch(r"(\d+(?:\.\d+)?)%", figures):
        return Amount(start, end, Fraction(percent[1]), "%")
    top, _, bottom = figures.partition("/")
    if not (top.isdigit() and bottom.isdigit() and int(bottom)):
        return None
    return Amount(start, end, Fraction(int(top), int(bottom)), "")


def _with_unit(text: str, start: int, end: int, value: Fraction) -> Amount:
    unit = _UNIT.match(text, end)
    if unit is None and _PRICE_WORD.search(text[max(0, start - 6) : start]):
        return Amount(start, end, value, "元")
    return _based(start, end, value, unit["unit"] if unit else "")


def _based(start: int, end: int, value: Fraction, unit: str) -> Amount:
    unit = UNITS.get(unit, unit)
    if unit == "折":
        return Amount(start, end, value / 10 if value >= 10 else value, unit)
    base, factor = _BASES.get(unit, (unit, Fraction(1)))
    return Amount(start, end, value * factor, base)
