"""Units by dimensional reasoning: what is counted or measured, 每天4个 as 个/天, carried through + - × ÷.

A unit is a product of powers of names, `元` per `千克` for instance; 平方米 is 米 squared.  What is not known is None,
and nothing is made up for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LENGTHS = ("千米", "分米", "厘米", "毫米", "米")
_PHYSICAL = (
    *LENGTHS,
    *(
        "公里",
        "海里",
        "光年",
        "里",
        "公顷",
        "亩",
        "毫升",
        "升",
        "吨",
        "千克",
        "公斤",
        "毫克",
        "克",
        "斤",
        "两",
        "小时",
        "分钟",
        "秒钟",
        "秒",
    ),
    *("天", "星期", "周", "个月", "年", "世纪", "元", "角", "美元", "块钱", "分", "度", "岁"),
)
_COUNTS = (
    "个只本张支枝条根块辆台棵株件套双副把艘列匹头座间位名口瓶杯盒箱袋包桶筐篮盘碗份串束朵片页行排层圈次遍趟颗粒枚幅盏道题句字节门种盆堆捆架顶所家扇罐壶板"
    "群对组步场封锅批人户段级面栋幢篇册部听格桌班队车船筒卷匙滴代匣吊滩排拍"
)
SQUARE = "平方"
CUBE = "立方"
_LATIN = {
    "km": "千米",
    "cm": "厘米",
    "dm": "分米",
    "mm": "毫米",
    "kg": "千克",
    "ml": "毫升",
    "mL": "毫升",
    "m": "米",
    "g": "克",
    "L": "升",
    "t": "吨",
}
# Written differently, the same thing.
_SAME = {
    "公里": "千米",
    "公斤": "千克",
    "时": "小时",
    "钟头": "小时",
    "个小时": "小时",
    "秒钟": "秒",
    "日": "天",
    "礼拜": "星期",
    "周": "星期",
    "名": "人",
    "位": "人",
    "个人": "人",
    "块钱": "元",
    "元钱": "元",
    "枝": "支",
    "月": "个月",
}
_NAME = "|".join(
    sorted(
        {
            *_PHYSICAL,
            *_COUNTS,
            *_LATIN,
            *_SAME,
            *(f"{power}{length}" for power in (SQUARE, CUBE) for length in (*LENGTHS, "公里", "cm", "dm", "m", "km")),
        }
        - {"时", "日", "月"},
        key=len,
        reverse=True,
    )
)
NAME = re.compile(rf"(?:{_NAME})(?:\^?[²³23](?![\d.]))?")
# 一 and 1 before a measure word: a piece of something.
_PER = rf"(?:(?:每|平均每|每一|每1)(?P<per>{_NAME}|时|日|月))"
_ONE = rf"(?:(?:一|1)(?P<one>{_NAME}))"
_FREE = r"[^，。；：、？！,;:?!\d每一共总比]{0,12}"
_BEFORE = re.compile(rf"(?:{_PER}|{_ONE})(?P<between>{_FREE})$")
_BINDS = "(?:装|站|坐|排|捆|分|扎|包|放|插|住|围|为|成|做|编|装成|装满|分成|编成|捆成|扎成|分为|订|订成|串成|剪|锯|用)"
_AFTER = re.compile(rf"\s*(?:(?:/|／|每|÷)(?P<per>{_NAME}|时|日|月|分)|{_BINDS}?(?:一|1)(?P<bound>{_NAME}))")
_MEASURED = frozenset(_SAME.get(name, name) for name in _PHYSICAL) | {"小时", "分钟"}
_POWERED = re.compile(f"{SQUARE}|{CUBE}|[a-zA-Z]")


@dataclass(frozen=True)
class Unit:
    """Powers of names, sorted; no names at all for a bare ratio."""

    powers: tuple[tuple[str, int], ...] = ()

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """The unit of a product; of a quotient with sign -1."""
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, 0) + sign * power
        return Unit(tuple(sorted((name, power) for name, power in powers.items() if power)))

    def over(self, other: Unit) -> Unit:
        """The unit of a quotient."""
        return self.times(other, -1)

    @property
    def top(self) -> tuple[tuple[str, int], ...]:
        """What stands above the stroke."""
        return tuple(part for part in self.powers if part[1] > 0)

    @property
    def is_measured(self) -> bool:
        """Whether there are other units of this kind to change it into: 1000, 60 or 12 times of it may be meant."""
        return any(name in _MEASURED for name, _ in self.powers)

    def name(self) -> str | None:
        """How a teacher writes it behind a result, 个 for 个/天 too; "" for a ratio, None for what has no name."""
        if not self.powers:
            return ""
        if len(self.top) != 1:
            return None
        name, power = self.top[0]
        if power == 1:
            return name
        return {2: SQUARE, 3: CUBE}[power] + name if name in LENGTHS and power in (2, 3) else None


RATIO = Unit()


def unit_of(written: str) -> Unit:
    """平方米 is 米 squared, kg 千克."""
    power = 1
    for sign, value in ((SQUARE, 2), (CUBE, 3)):
        if written.startswith(sign):
            written, power = written.removeprefix(sign), value
    if written[-1] in "²³23" and len(written) > 1:
        written, power = written[:-1].removesuffix("^"), 2 if written[-1] in "²2" else 3
    name = _LATIN.get(written, written)
    return Unit(((_SAME.get(name, name), power),))


@dataclass(frozen=True)
class Reading:
    """The unit at one place.  written: as it stands there; per: 天 of 每天吃4个; between: 吃."""

    unit: Unit | None
    written: str = ""
    per: str = ""
    between: str = ""
    end: int = 0


def read_at(text: str, start: int, end: int, fraction: bool = False) -> Reading:
    """The unit of the number (or of the 多少) at text[start:end].  fraction: a ratio if it has no unit."""
    match = re.compile(
        rf"\s*(?:多|余)?(?P<big>[百千十]?万|亿)?(?P<name>{NAME.pattern}|[时日](?![候期间代]))(?!级)"
    ).match(text, end)
    ratio = (
        fraction
        or text[start:end].endswith(("折", "成", "%"))
        or re.match(r"\s*(?:倍|折|成(?![为了本])|%)", text[end:])
        or _is_ratio(text, start, end)
    )
    if text[:start].endswith("第"):
        return Reading(None, end=end)
    if match is None or re.match(r"\s*(?:倍|分之)", text[end:]):
        return Reading(_share(text, start, end) if ratio else None, end=end)
    written = match["name"]
    if fraction and _SAME.get(written, written) not in _MEASURED and not _POWERED.match(written):
        return Reading(_share(text, start, end), end=end)  # (1/9)种月季
    if written == "分" and re.search("小时|分钟|秒|[时点]", text):
        written = "分钟"
    if written == "个" and text[match.end() :][:2] in ("小时", "星期"):
        written = text[match.end() :][:2]
    unit = unit_of(written)
    if match["big"]:
        unit = Unit(((f"{match['big']}{unit.powers[0][0]}", unit.powers[0][1]),))
    per, between = _per(text, start, match.end(), unit)
    if per:
        unit = unit.over(unit_of("分钟" if per == "分" else per))
    return Reading(unit, (match["big"] or "") + written, per, between, match.end())


def _share(text: str, start: int, end: int) -> Unit:
    """A ratio, and 每天完成1/6 is a ratio for each day."""
    per, _ = _per(text, start, end, RATIO)
    return RATIO.over(unit_of(per)) if _SAME.get(per, per) in ("天", "小时", "分钟", "个月", "星期") else RATIO


def _is_ratio(text: str, start: int, end: int) -> bool:
    return bool(re.match(r"\s*(?:[:∶：]|比)\s*\d", text[end:]) or re.search(r"\d\s*(?:[:∶：]|比)\s*$", text[:start]))


def _per(text: str, start: int, end: int, unit: Unit) -> tuple[str, str]:
    """What it is for one of, and the words between that and the number."""
    after = _AFTER.match(text, end)
    if after and (per := after["per"] or after["bound"]) and _SAME.get(per, per) not in dict(unit.powers):
        return per, ""
    before = _BEFORE.search(text[:start])
    if before is None:
        return "", ""
    per = before["per"] or before["one"]
    if _SAME.get(per, per) in dict(unit.powers):
        return "", ""
    # 一本书有120页 is 页 alone unless several of these are counted: 一本12元，买5本
    if before["one"] and not re.search(rf"(?:\d|几|多少)\s*{per}(?!钱)", text):
        return "", ""
    return per, before["between"]
