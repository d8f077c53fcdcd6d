"""CLOCK, times of the day: 从8:30到10:15多久, 8点半再过45分钟是几点, a film starts at 7:30 and lasts 105 minutes.

Read when a question names two times and asks what is between them, or one time and how long something takes and asks
for the other time, and says no other number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from huozhong.acts.exact.asking import asked, simple
from huozhong.acts.exact.done import Done, finish
from huozhong.acts.exact.times import DAY, Time, clock, times_in
from huozhong.verify.numbers import mentions
from huozhong.verify.units import read

_HOW_LONG = re.compile(
    r"多久|多长时间|多少时间|多长的时间|(?:多少|几)(?:个)?(?:小时|钟头|分钟?|时间)|几小时|相差|相隔|时长"
    r"|how long|how many (?:hours|minutes)|how much time|what is the time between",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"几点|什么时候|什么时间|何时|几时|到?多少点|(?:at )?what time|\bwhen\b",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"(?:之前|以前|前)(?![往面进])|提前|早了?(?!上|晨|操|饭)|\bbefore\b|\bearlier\b|\bago\b", re.IGNORECASE
)
_BEGINS = re.compile(
    r"(?:几点|什么时候|什么时间|何时|几时)(?:钟|几分)?(?:就|要|应该?|必须|最晚|最迟|从家)*(?:出发|出门|开始|离开|起床"
    r"|动身|开车|走|开的?|入睡|睡)|(?:出发|开始|出门|离开|起床)(?:的?时间|时是|是)"
    r"|(?:when|what time) (?:did|does|do|should|must|was)\b.*\b(?:start|leave|begin|left|set off)|start(?:ed)? at what",
    re.IGNORECASE,
)
_ENDED = re.compile(
    r"到(?:达|校|学校|家|站|了|公司)|结束|放学|散场|完成|做完|写完|回到|回家|停|arriv|end|finish|over|get to|reach",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"每|平均|倍|比|千米|公里|\d\s*(?:米|元|人|页|个(?!小时|钟头))|\beach\b|\bper\b|\bmiles?\b", re.IGNORECASE
)


def done(question: str) -> Done | None:
    """The time or the time between that is asked for, or None."""
    text = simple(question)
    if not re.search(r"[点时:]|o'?clock|\b[ap]\.?m\b|past|noon|midnight|quarter", text, re.IGNORECASE):
        return None
    said = text
    text = re.sub(r"(?:12|24)\s*(?:小时|时)(?:计时|制)法?", lambda count: "#" * len(count[0]), text)
    times = times_in(text)
    if not times or len(times) > 2 or re.search("第[一二两三四五]+天", text):
        return None
    english = asked(question).english
    taken = [one for one in _lengths(text, times) if one is not None]
    if _has_other_numbers(text, times, taken) or _MANY.search(text):
        return None
    if len(times) == 2 and not taken and _HOW_LONG.search(text):
        return _between(times[0], times[1], text, english)
    if len(times) == 1 and taken and _WHICH.search(text):
        begins = _BEGINS.search(text) is not None and _ENDED.search(text) is not None
        back = begins or _BACK.search(text[: _WHICH.search(text).start()]) is not None  # type: ignore[union-attr]
        return _moved(times[0], [one.minutes for one in taken], back, english)
    if len(times) == 1 and not taken:
        return _in_other_count(times[0], said, english)
    return None


def asks_time(text: str) -> bool:
    """Whether a time of the day is asked for in a question that names one: no sum of a plan is that."""
    return _WHICH.search(text) is not None and bool(times_in(text))


@dataclass(frozen=True)
class _Length:
    """How long something takes, in minutes: text[start:end]."""

    minutes: int
    start: int
    end: int


def _lengths(text: str, times: list[Time]) -> list[_Length | None]:
    blank = list(text)
    for time in times:
        blank[time.start : time.end] = "#" * (time.end - time.start)
    found: list[_Length | None] = []
    for quantity in read("".join(blank))[0]:
        if quantity.kind != "time" or quantity.base >= DAY * 60:  # 一天营业多少小时
            continue
        minutes = quantity.base / 60
        found.append(_Length(int(minutes), quantity.start, quantity.end) if minutes.denominator == 1 else None)
    return found


def _has_other_numbers(text: str, times: list[Time], taken: list[_Length]) -> bool:
    spans = [(time.start, time.end) for time in times] + [(one.start, one.end) for one in taken]
    return any(not any(start < one.end and one.start < end for start, end in spans) for one in mentions(text))


def _between(first: Time, second: Time, text: str, english: bool) -> Done | None:
    start, end = first.minutes, second.minutes
    wraps = end <= start
    if wraps:
        end += DAY if first.is_sure or second.is_sure else DAY // 2
        if end <= start:
            return None
    minutes = end - start
    lines = [*_in_minutes(end), *_in_minutes(start), f"{end}-{start}={minutes}"]
    if end % 60 == 0 == start % 60:
        lines = [f"{end // 60}-{start // 60}={minutes // 60}"]
    short = _length(minutes, english)
    if re.search(r"(?:多少|几)分钟?|how many minutes", text, re.IGNORECASE) and minutes > 60:
        short = f"{minutes} minutes" if english else f"{minutes}分钟"
    elif minutes > 60 and minutes % 60:
        short += f" ({minutes} minutes)" if english else f"（{minutes}分钟）"
    if english:
        return finish(True, lines, f"From {clock(start)} to {clock(end)} it is {_length(minutes, True)}", short)
    later = "第二天" if end > DAY else ""
    return finish(False, lines, f"从{_zh(start)}到{later}{_zh(end)}，经过{_length(minutes, False)}", short)


def _moved(time: Time, lengths: list[int], back: bool, english: bool) -> Done:
    """lengths: in minutes, one after the other."""
    length = sum(lengths)
    end = time.minutes - length if back else time.minutes + length
    lines = [f"{'+'.join(map(str, lengths))}={length}"] if len(lengths) > 1 else []
    lines += [*_in_minutes(time.minutes), f"{time.minutes}{'-' if back else '+'}{length}={end}"] if end >= 0 else []
    day = end // DAY
    short = clock(end) if english else _zh(end)
    which = {0: "", 1: "第二天", -1: "前一天"}.get(day, f"{abs(day)}天{'后' if day > 0 else '前'}")
    if english:
        which = {0: "", 1: " the next day", -1: " the day before"}.get(
            day, f" {abs(day)} days {'later' if day > 0 else 'before'}"
        )
        said = f"{_length(length, True)} {'before' if back else 'after'} {time.en} it is {short}{which}"
        return finish(True, lines, said, f"{short}{which}")
    said = f"{time.zh}{'往前' if back else '再过'}{_length(length, False)}，是{which}{short}"
    return finish(False, lines, said, f"{which}{short}")


_OTHER_COUNT = re.compile(
    r"24\s*(?:时|小时)(?:计时|制)|12\s*(?:时|小时)(?:计时|制)|(?:上午|下午|晚上|早上)(?:的)?几点|普通计时|24-?hour"
    r"|12-?hour",
    re.IGNORECASE,
)


def _in_other_count(time: Time, text: str, english: bool) -> Done | None:
    """15:30是下午几点, 下午3点用24时计时法怎么表示"""
    if not _OTHER_COUNT.search(text):
        return None
    if english:
        hour, minute = divmod(time.minutes, 60)
        half = f"{(hour + 11) % 12 + 1}:{minute:02} {'p.m.' if hour >= 12 else 'a.m.'}"
        return finish(
            True,
            (),
            f"{half} is {time.en} on the 24-hour clock",
            half if time.minutes >= 780 and "p" not in text[time.start : time.end] else time.en,
        )
    named = f"{_period(time.minutes)}{_zh((time.minutes - 60) % (DAY // 2) + 60)}"
    to_24 = re.search(r"24\s*(?:时|小时)", text) and not re.search(r"普通|12", text)
    return finish(False, (), f"{named}就是{time.zh}（24时计时法）", time.zh if to_24 else named)


def _period(minutes: int) -> str:
    hour = minutes // 60
    return "凌晨" if hour < 6 else "上午" if hour < 12 else "中午" if hour < 13 else "下午" if hour < 18 else "晚上"


def _in_minutes(minutes: int) -> list[str]:
    hour, minute = divmod(minutes, 60)
    return [f"{hour}×60+{minute}={minutes}"] if minute else [f"{hour}×60={minutes}"]


def _zh(minutes: int) -> str:
    hour, minute = divmod(minutes % DAY, 60)
    return f"{hour}时{minute}分" if minute else f"{hour}时"


def _length(minutes: int, english: bool) -> str:
    hours, rest = divmod(minutes, 60)
    if english:
        parts = [f"{hours} hour{'s' * (hours != 1)}"] * bool(hours) + [f"{rest} minute{'s' * (rest != 1)}"] * bool(rest)
        return " ".join(parts) or "0 minutes"
    return f"{hours}小时" * bool(hours) + f"{rest}分钟" * bool(rest) or "0分钟"
