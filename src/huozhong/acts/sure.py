"""What a rule is sure of, before any model is asked: a sum to be checked, times of the day, a problem to be posed.

No model was taught these labels.  Where a rule finds one, it is the only one that can be written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from huozhong.acts import posing, tables
from huozhong.acts.choosing import answers, question, say, table
from huozhong.acts.claims import claim
from huozhong.acts.exact import Done, do, kinds_possible
from huozhong.acts.exact.asking import simple
from huozhong.acts.exact.clock import asks_time
from huozhong.acts.exact.done import said, said_en
from huozhong.acts.labels import CHECK, CLOCK, JUDGE_RESULT, PAIR, RATE, TELL_PROBLEM, cannot_label, talk_label
from huozhong.text.language import is_english
from huozhong.verify.arithmetic import final_answer
from huozhong.verify.numbers import told

Messages = Sequence[Mapping[str, Any]]


def sure(messages: Messages, seed: int) -> tuple[str, Done | str] | None:
    """The label, and what is said after it; None where only the model can tell."""
    asked = question(messages)
    if (judged := posing.judge(messages, seed)) is not None:
        return JUDGE_RESULT, judged
    if (posed := posing.pose(messages, seed)) is not None:
        return TELL_PROBLEM, posed
    if (checked := _claimed(messages)) is not None:
        return CHECK, checked
    for label in (CHECK, CLOCK, PAIR, RATE):
        if (done := do(label, asked)) is not None:
            return label, done
    if (pointed := _pointed(messages, seed)) is not None:
        return pointed
    if asks_time(simple(asked)) and len(told(asked)) > 1:
        return CLOCK, _NO_TIME[is_english(asked)]
    if _NEEDS_A_CLOCK.fullmatch(simple(asked).strip()):
        label = cannot_label("时事")
        return label, tables.reply(label, messages, seed) or ""
    return None


_NO_TIME = (
    "这道题要算的是钟点，它的说法我没读懂，没有把握，不乱写答案。换个说法试试，比如“8:30再过45分钟是几点”。",
    "This asks for a time of the day, and I am not sure how it is meant. Try it like this: what time is it 45 minutes "
    "after 8:30?",
)
# Only whoever has a clock or a calendar can tell.
_NEEDS_A_CLOCK = re.compile(
    r"(?:请问|你知道|告诉我|知道|能告诉我|[,，\s])*(?:(?:现在|这会儿?|此刻|当前|目前|北京时间)(?:是)?(?:几点|什么时间"
    r"|什么时候|多少点|几时)(?:钟|了)*"
    r"|(?:几点|什么时间)(?:钟|了)+|现在的?(?:时间|日期)(?:是)?(?:多少|几点|什么)?"
    r"|(?:(?:再|又)?过|还有)?[\d一二两三四五六七八九十半]+个?(?:小时|分钟|钟头)(?:之?后|以后)?(?:就|会|又)?是?(?:几点"
    r"|什么时间)(?:钟|了)?"
    r"|(?:今天|今日|明天|后天|昨天|前天|现在)(?:是)?(?:(?:星期|礼拜|周)几|几号|几月几[日号]|什么日子|哪一?天|农历几号"
    r"|的日期是?(?:什么|多少|几号)?)"
    r"|(?:今年|现在|明年|去年)(?:是)?(?:哪一?年|几几年|多少年|二零几几年|公元多少年|什么年|闰年吗?)"
    r"|这个?月(?:是)?(?:几月|有(?:几|多少)天)|现在是?几月"
    r"|离?(?:过年|春节|放假|周末|国庆|中秋|元旦|圣诞)?还有(?:几|多少)天(?:过年|春节|放假|周末|国庆|中秋"
    r"|元旦)?)[了呀啊呢吗哦哈嘛\s?？!！。]*"
    r"|(?:(?:hey|hi|please|tell me|can you tell me|do you know|excuse me),?\s*)*(?:what(?:'s| is)? (?:the )?(?:time"
    r"|date|day|year|month)(?: is it| it is)?(?: today| now| right now)?|what time (?:is it|it is)(?: now"
    r"| right now)?"
    r"|what(?:'s| is) today(?:'s date)?|what day (?:is|of the week is) (?:it|today)(?: today)?|which day is (?:it"
    r"|today)|the time,? please|today's date)[\s?.!]*",
    re.IGNORECASE,
)


@cache
def _points() -> tuple[tuple[re.Pattern[str], str, dict[str, list[str]]], ...]:
    return tuple(
        (re.compile(f"(?:{part['when']})[\\s。.!！?？~～，,]*", re.IGNORECASE), part["label"], part)
        for part in table("pointed")["talk"]
    )


def _pointed(messages: Messages, seed: int) -> tuple[str, str] | None:
    """Unkind words, and what everybody asks a machine about itself."""
    asked = re.sub(
        r"^(?:小火苗|ember|喂|哎|嘿|hey)[,，\s]*", "", simple(question(messages)).strip(), flags=re.IGNORECASE
    )
    language = "en" if is_english(asked) else "zh"
    for when, kind, texts in _points():
        if when.fullmatch(asked):
            return talk_label(kind), say(texts[language], messages, seed)
    return None


def _claimed(messages: Messages) -> str | None:
    """Whether what somebody got for the sum or problem before is right: 我算的是12对吗."""
    found = claim(question(messages))
    if found is None or found.problem:
        return None
    before = [message for message in messages[:-1] if message.get("role") == "user"]
    last = next(iter(answers(messages)), "")
    result = final_answer(last)
    if not before or result is None or not any(mark in last for mark in ("=", "答", "Answer")):
        return None
    english = is_english(question(messages)) or (is_english(question(before)) and is_english(last))
    show = said_en if english else said
    if not kinds_possible(question(before)):
        return verdict(last, found.value, english)
    if _is_same(found.value, result):
        return f"Yes, it is {show(result)}." if english else f"对，就是{show(result)}。"
    return (
        f"No, it is {show(result)}, not {show(found.value)}. Look at the steps above once more."
        if english
        else f"不对，是{show(result)}，不是{show(found.value)}。再看看上面的步骤。"
    )


def verdict(answer: str, claimed: Fraction, english: bool) -> str:
    """How a claim stands to an answer that rests on a plan, which may be wrong itself."""
    result = final_answer(answer)
    if result is None:
        return "I am not sure." if english else "这个我没有把握。"
    if _is_same(claimed, result):
        return "That is what you have too: right!" if english else "和你算的一样，对！"
    if english:
        return f"You have {said_en(claimed)} and I have {said_en(result)}. Compare the steps: one of us made a slip."
    return f"你算的是{said(claimed)}，我算的是{said(result)}，不一样。请对照上面的步骤，看看是哪一步不同。"


def _is_same(claimed: Fraction, result: Fraction) -> bool:
    return claimed == result or (result.denominator not in (1, 2, 4, 5) and abs(claimed - result) <= abs(result) / 100)
