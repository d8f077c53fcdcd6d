"""Times of the day as people write them: 8:30, 下午3点半, 9时一刻, half past eight, 7 p.m."""

from __future__ import annotations

import re
from dataclasses import dataclass

from huozhong.verify import numerals

_NUMBER = r"(?:\d{1,2}|[零〇一二两三四五六七八九十廿]{1,3})"
_PERIOD = "凌晨|清晨|早上|早晨|今早|明早|上午|中午|正午|午后|下午|傍晚|晚上|今晚|夜里|夜晚|深夜|半夜|早|晚"
_TIME = re.compile(
    rf"(?P<period>{_PERIOD})?\s*(?:的|在|是)?(?:"
    rf"(?P<h>\d{{1,2}})\s*[:：]\s*(?P<m>[0-5]\d)(?!\d)(?:\s*(?P<half>a\.?m\.?|p\.?m\.?)(?![a-z]))?"
    rf"|(?P<zh>{_NUMBER})\s*[点时](?!间|候|侯|的速|速|计|制)(?:钟|整)?(?:过|差)?(?P<rest>半|[一1三3]刻"
    rf"|(?P<zm>{_NUMBER})分(?!之|米)|(?P<zn>\d{{2}}|零[一-九]|[二三四五]?十[一二三四五六七八九]?)(?=[^\d个小天分刻.]"
    rf"|$))?"
    rf"|(?P<eh>\d{{1,2}})\s*(?:(?P<ehalf>a\.?m\.?|p\.?m\.?)(?![a-z])|o'?clock)"
    rf"|(?P<to>half past|quarter past|quarter to)\s+(?P<th>\d{{1,2}}|one|two|three|four|five|six|seven|eight|nine"
    rf"|ten|eleven|twelve)(?![a-z]))",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(noon|midnight)\b", re.IGNORECASE)
_WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_EVENING = ("午后", "下午", "傍晚", "晚上", "今晚", "夜里", "夜晚", "深夜", "晚")
_HOURS = re.compile(
    r"每时|[/／]时|几时(?!间)|\d\.\d+时|(?<!小)时(?:之?后|以后|内|行|可以|刚好|的)"
    r"|(?<![\d十])[1一]时|共\d+时"
)
DAY = 24 * 60


@dataclass(frozen=True)
class Time:
    """minutes: since midnight; is_sure: whether it says which half of the day is meant.  text[start:end]."""

    minutes: int
    is_sure: bool
    start: int
    end: int

    @property
    def zh(self) -> str:
        """8时30分."""
        hour, minute = divmod(self.minutes % DAY, 60)
        return f"{hour}时{minute}分" if minute else f"{hour}时"

    @property
    def en(self) -> str:
        """8:30."""
        return clock(self.minutes)


def clock(minutes: int) -> str:
    """8:30."""
    hour, minute = divmod(minutes % DAY, 60)
    return f"{hour}:{minute:02}"


def times_in(text: str) -> list[Time]:
    """Every time of the day, in order; a later one without a half of the day is in the half of the one before."""
    found: list[Time] = []
    measured = _HOURS.search(text) is not None
    for match in _TIME.finditer(text):
        time = None if measured and _is_bare(match) else _read(match)
        if time is not None:
            if found and not time.is_sure and found[-1].is_sure and found[-1].minutes >= DAY // 2 > time.minutes:
                later = time.minutes + DAY // 2
                if later > found[-1].minutes:
                    time = Time(later, True, time.start, time.end)
            found.append(time)
    for match in _NAMED.finditer(text):
        found.append(Time(DAY // 2 if match[1].lower() == "noon" else 0, True, match.start(), match.end()))
    return sorted(found, key=lambda one: one.start)


def _is_bare(match: re.Match[str]) -> bool:
    """8时 alone, which is eight hours where a text calls them so: 每时行60千米，8时到达."""
    return match["zh"] is not None and "时" in match[0] and not match["period"] and not match["rest"]


def _read(match: re.Match[str]) -> Time | None:
    half = (match["half"] or match["ehalf"] or "").lower().replace(".", "")
    if match["to"]:
        hour: int | None = _whole(match["th"].lower())
        minute: int | None = {"half past": 30, "quarter past": 15, "quarter to": -15}[match["to"].lower()]
    elif match["zh"]:
        hour, minute = _whole(match["zh"]), _minutes(match)
    else:
        hour, minute = _whole(match["h"] or match["eh"]), int(match["m"] or 0)
    if hour is None or minute is None or hour > 24 or minute > 59:
        return None
    period = match["period"] or ""
    if (half == "pm" or period in _EVENING) and hour < 12:
        late = period in ("夜里", "深夜", "晚上") and hour < 5  # 夜里2点
        hour += 0 if late else 12
    elif (half == "am" or period in ("凌晨", "半夜")) and hour == 12:
        hour = 0
    elif period in ("中午", "正午") and hour < 3:
        hour += 12
    is_sure = bool(half or period) or hour > 12 or hour == 0
    return Time(hour * 60 + minute, is_sure, match.start(), match.end())


def _whole(written: str) -> int | None:
    if written.isdigit():
        return int(written)
    if written in _WORDS:
        return _WORDS.index(written) + 1
    return numerals.read_whole(written)


def _minutes(match: re.Match[str]) -> int | None:
    rest = match["rest"]
    if not rest:
        return 0
    if rest == "半":
        return 30
    if rest.endswith("刻"):
        return 15 if rest[0] in "一1" else 45
    written = (match["zm"] or match["zn"]).removeprefix("零").removeprefix("〇") or "零"
    return _whole(written)
