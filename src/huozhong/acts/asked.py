"""What a problem asks for, as far as the result of a plan can be held against it."""

from __future__ import annotations

import math
import re
from fractions import Fraction

# Things and living beings: half of one is no answer.  Not times, lengths, money or turns, and not what is shared out
# (每人几个, 平均几本), where halves are meant now and then.
_COUNTED = "个人名位只头匹支枝本辆棵株朵条张件台架艘栋间座颗粒枚道页户盏幅封盆根"
_ASKED = re.compile(
    rf"(?:多少|几)(?:[{_COUNTED}](?!月|小时|半|单位|百分|工|多小时|刻|分之)|学生|同学|男生|女生|老师|工人|战士|客人"
    rf"|孩子)"
)
_ASKED_EN = re.compile(
    r"\bhow many (?!(?:more |fewer |other )*(?:hours?|minutes?|seconds?|days?|weeks?|months?|years?|times|kilo[a-z]*|"
    r"grams?|met(?:er|re)s?|cent[a-z]*|milli[a-z]*|lit(?:er|re)s?|miles?|feet|foot|inch|yards?|pounds?|ounces?|tons?|"
    r"dollars?|euros?|yuan|percent|square|cubic|degrees?|cups?|gallons?|quarts?|pints?)\b)",
    re.IGNORECASE,
)
_SHARED = re.compile(r"平均|每|各|倍|分之|比|average|\beach\b|\bper\b|\bmean\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[，。；！？,;!?\n]|\.(?=\s|$)")
_ASKS = re.compile(r"多少|几|\bhow (?:many|much|long|far|tall|old|heavy)\b|\bwhat\b", re.IGNORECASE)
_NO_THINGS = re.compile(r"\d[十百千]?[万亿]|里面?有")  # 12.5万辆; 11.7里有多少个2.6


_AT_LEAST = re.compile(r"至少|最少|\bat least\b|\bminimum\b", re.IGNORECASE)
_PACKED = re.compile(
    r"(?:多少|几)(?:个?[盒箱袋瓶桶筐]|[套件双段趟次排串组]|个?[盒袋箱瓶]子)"
)  # whole where it is rounded
_AT_MOST = re.compile(r"最多|至多|\bat most\b|\bmaximum\b", re.IGNORECASE)


def rounded(question: str, value: Fraction) -> Fraction:
    """A number of things that does not come out even, as it is meant: at least so many boats, at most so many coats."""
    asking = ([""] + [clause for clause in _CLAUSE.split(question) if _ASKS.search(clause)])[-1]
    if value.denominator == 1 or not (asks_whole(question) or _PACKED.search(asking)):
        return value
    if _AT_LEAST.search(asking):
        return Fraction(math.ceil(value))
    return Fraction(math.floor(value)) if _AT_MOST.search(asking) else value


def asks_whole(question: str) -> bool:
    """Whether the last thing that a question asks for is a number of things, which is whole."""
    asking = [clause for clause in _CLAUSE.split(question) if _ASKS.search(clause)]
    if not asking or _SHARED.search(asking[-1]) or _NO_THINGS.search(question):
        return False
    return bool(_ASKED.search(asking[-1]) or _ASKED_EN.search(asking[-1]))


_FOLLOWS = re.compile(
    r"\s*(?:那么?|如果|要是|假如|假设|若|换成|改成|改为|再|and|what if|how about|if|suppose)", re.IGNORECASE
)


def is_follow_up(question: str) -> bool:
    """Whether a message changes something of the question before it: 如果剪去50厘米呢."""
    return len(question) <= 40 and _FOLLOWS.match(question) is not None


_EACH_OF_TWO = re.compile(
    r"(?:各|分别)[^，。．？?\d]{0,8}(?:多少|几)|(?:多少|几)[^，。？?；]{0,8}(?:和|与|、)[^，。？?；]{0,8}(?:多少|几)"
    r"|how many of each|how many (?:\w+ and \w+) |\brespectively\b|two numbers",
    re.IGNORECASE,
)
_ONE_FOR_ALL = re.compile(
    r"平均|每[^，。]{1,4}各|各自?的?(?:和|总)|同样多|一样多|平分|各(?:用|拿|放|分|取)[^，。]{0,4}\d"
)


def asks_two(question: str) -> bool:
    """Whether more than one number is asked for: 各有多少, 分别是多少, or two questions."""
    clauses = [clause for clause in _CLAUSE.split(question) if _ASKS.search(clause)]
    if not clauses:
        return False
    last = clauses[-1]
    if _EACH_OF_TWO.search(last) and not _ONE_FOR_ALL.search(question):
        return True
    marks = [piece for piece in re.split(r"[？?]", question) if _ASKS.search(piece)]
    return len(marks) > 1 and len(clauses) > 1
