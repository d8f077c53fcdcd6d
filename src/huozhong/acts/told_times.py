"""How long something took, where a story says from when to when: 上午8时出发，11时到达 becomes 3小时后到达.

A plan in letters would take 8 and 11 for numbers like any others.
"""

from __future__ import annotations

import re
from fractions import Fraction

from huozhong.acts.exact.asking import simple
from huozhong.acts.exact.calendar import days_between
from huozhong.acts.exact.clock import asks_time
from huozhong.acts.exact.times import DAY, times_in
from huozhong.text.language import is_english
from huozhong.verify.numbers import Number, told

_EACH_DAY = re.compile(r"每天|每日|平均一天|each day|every day|per day|a day", re.IGNORECASE)


def lasting(question: str) -> tuple[str, str] | None:
    """The question with a length of time in place of two times or dates, and what was worked out; None for others."""
    if is_english(question) or not re.search(r"[点时:：月日号]", question):
        return None
    return _of_times(question) or _of_dates(question)


def _of_times(question: str) -> tuple[str, str] | None:
    text = simple(question)
    times = times_in(text)
    if len(times) != 2 or asks_time(text) or len(text) != len(question):
        return None
    first, second = times
    rest = f"{text[: first.start]}#{text[first.end : second.start]}#{text[second.end :]}"
    if not told(rest) or not re.search(r"每|速|一共|共|效率", rest):
        return None
    minutes = second.minutes - first.minutes
    if minutes <= 0:
        minutes += DAY if first.is_sure or second.is_sure else DAY // 2
    if minutes <= 0:
        return None
    in_minutes = re.search(r"每分|/分|分钟(?:走|跑|行|做|打)", rest) is not None or (
        minutes % 60 != 0 and not re.search(r"每小时|每时|时速|/时|/小时|每个小时", rest)
    )
    length = f"{minutes}分钟" if in_minutes else f"{Number(Fraction(minutes, 60))}小时"
    between = text[first.end : second.start]
    joined = re.fullmatch(r"\s*(?:到|至|[-~～—]+)\s*", between)
    fact = f"从{first.zh}到{second.zh}是{length}"
    before = question[: first.start]
    if joined:
        return re.sub(r"从$", "", before) + f"{length}里" + question[second.end :], fact
    return f"{before}{question[first.end : second.start]}{length}后{question[second.end :]}", fact


def _of_dates(question: str) -> tuple[str, str] | None:
    """从2月1日到2月10日每天看20页: both ends count."""
    if not _EACH_DAY.search(question):
        return None
    found = days_between(simple(question))
    if found is None or len(simple(question)) != len(question):
        return None
    days, start, end = found
    if re.match(r"[这的共，,一]*\d+天", question[end:]):
        return None
    if len(told(question[:start] + question[end:])) < 1:
        return None
    written = question[start:end].removeprefix("从")
    return f"{question[:start]}{days + 1}天里{question[end:]}", f"{written}一共{days + 1}天（头尾都算）"
