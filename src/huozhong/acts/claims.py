"""What somebody says a problem comes to: 我算的是13对吗 after a problem, or at its end, 一共13个，对吗.

`claim` takes it off, so that the problem can be worked out and held against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.asking import numbers_in, simple
from huozhong.verify.numbers import told

_DOUBT = re.compile(
    r"[\s,，。.、~～]*(?:(?:这样|这个|我|算|做|写|答|得|得数|答案|的|是|算得|做得|写得)*(?:对不对|对没对"
    r"|对了?[吗吧么嘛]|对还是错|是不是(?:对|正确)?的?|是否正确|正确吗|没错吧"
    r"|错了?[吗没]|行[吗不]|是[吗吧]|可以吗)|[吗吧么]|(?:is|am|are|was) (?:that|this|it|i) (?:right|correct|true"
    r"|wrong)|right|correct|isn'?t it)[呀啊呢哦啦]?[\s?？!！。.]*$",
    re.IGNORECASE,
)
_MINE = re.compile(
    r"(?:那么?|可是?|但是?|哦|嗯|所以|[,，:：\s])*(?:(?:我|他|她|老师|同学|同桌|妈妈|爸爸|书上|答案书|标准答案|答案"
    r"|结果|得数)+"
    r"|难道|应该|不应该|怎么不|是不是|不是|会不会|是|等于|算[出的得]|得到?)(?:算|做|写|说|觉得|认为|猜|想|出来|出|的"
    r"|了|得|答案|结果|也|都|应该|就|好像|是|等于|为|不是|会|到|[,，:：])*",
)
_MINE_EN = re.compile(
    r"(?:but |so |and |well,? )?(?:i (?:got|get|think(?: it(?:'s| is))?|say|have|found|make it)|my (?:answer"
    r"|result) (?:is|was)|(?:is|isn'?t) (?:it|the answer|that)|(?:is|would)"
    r" (?:the )?(?:answer|result)(?: be)?|it(?:'s| is)|the answer is|should(?:n'?t)? it be|he says|she says"
    r"|my (?:teacher|friend) (?:says|got))\s*",
    re.IGNORECASE,
)
_RESULT = re.compile(
    r"(?:那么?|所以|就|这样)*(?:[\u4e00-\u9fff]{0,3}[完满到](?:需?要|用|得)|一共|总共|共|合计|还剩下?|剩下?|还有"
    r"|现在有|现在|就有|应找回?|找回|找|平均每[^\d]{1,4}|平均|一共需?要|需要|要付|应付|要|得到|得|等于"
    r"|是)[^\d，。,]{0,8}"
)
_MUST_ASK = re.compile(r"[多几]|how|what", re.IGNORECASE)
_UNIT = re.compile(r"\s*(?:[\u4e00-\u9fff²³]{0,6}|[A-Za-z%°$ ]{0,16})[\s。.!！?？]*")
_BORDER = re.compile(r"[，。？！；,?!;\n]|\.(?=\s)")


@dataclass(frozen=True)
class Claim:
    """problem: the message without it, "" where it is all of the message; value: what was said."""

    problem: str
    value: Fraction


def claim(question: str) -> Claim | None:
    """The result that a message claims in its end and asks about, or None."""
    text = simple(question).strip()
    doubt = _DOUBT.search(text)
    body = text[: doubt.start()] if doubt else text
    if (value := _mine(body, needs_words=doubt is None and text[-1:] not in "?？")) is not None:
        return Claim("", value)
    borders = [match.end() for match in _BORDER.finditer(body)]
    for at in reversed(borders[-2:]):
        problem, last = body[:at].strip(), body[at:].strip()
        if len(told(problem)) < 2:
            continue
        if _MUST_ASK.search(problem):
            if (value := _mine(last, needs_words=True)) is not None:
                return Claim(problem, value)
        elif doubt and (asked := _as_question(last)) is not None:
            return Claim(f"{problem}{asked[0]}", asked[1])
    return None


def _mine(text: str, *, needs_words: bool) -> Fraction | None:
    """我算的是13个 and nothing else."""
    lead = _MINE.match(text) or _MINE_EN.match(text)
    if lead is None and needs_words:
        return None
    if (
        needs_words
        and lead
        and not re.search(r"[算得做写说猜想]|觉得|认为|答案|结果|得数|\b(?:i|my|he|she)\b", lead[0], re.I)
    ):
        return None
    rest = text[lead.end() if lead else 0 :]
    found, _ = numbers_in(rest)
    if len(found) != 1 or found[0].start > 1 or not _UNIT.fullmatch(rest[found[0].end :]):
        return None
    if rest[: found[0].start].strip(" $¥￥"):
        return None
    tail = rest[found[0].end :]
    if re.search(
        r"[加减乘除和比的有大小月日岁多几共各]|年$|times|plus|minus|and", tail
    ):  # 5月吗, 3岁吗 are no results of sums
        return None
    return found[0].value


def _as_question(clause: str) -> tuple[str, Fraction] | None:
    """一共13个 as 一共多少个, and 13."""
    lead = _RESULT.match(clause)
    if lead is None:
        return None
    found, _ = numbers_in(clause)
    if len(found) != 1 or found[0].start != lead.end() or not _UNIT.fullmatch(clause[found[0].end :]):
        return None
    return f"{clause[: found[0].start]}多少{clause[found[0].end :]}？", found[0].value
