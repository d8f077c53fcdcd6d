"""What a question asks for: the clause with 多少 or 几, its unit, and the sentence that the answer makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from huozhong.acts.measures import Unit, read_at

Kind = Literal["number", "percent", "part", "times"]
_CLAUSES = re.compile(r"[，。；？！,;?!．\n（）]|\((?!\d)|(?<!\d)\)|\.(?!\d)|(?<=[^\d]):|：")
_ASKS = re.compile(
    r"百分之(?:几|多少)|几分之几|多少倍|几倍|多少|几(?!何|乎|次方)|多(?P<how>长|高|宽|深|厚|重|远|大|久)(?![于])"
)
# What is said in percent: 发芽率是多少.  Not 效率, 频率, 汇率.
_RATE = re.compile(
    r"(?:发芽|合格|出勤|缺勤|成活|及格|优秀|优良|命中|出油|出粉|出米|出糖|含盐|含糖|含水|增长|达标|废品|次品|利|税"
    r"|近视|升学|就业|完成|正确|错误|回收|百分)率(?:约)?(?:是|为|=|＝|达)?\s*$"
)
_NOT = re.compile(r"第几|几点|十几|几十|好几|哪[一几]|几月|几号|星期几|几时|各|分别")
_LEAD = re.compile(
    r"^\s*(?:(?:请问|问|试求|求|试问|那么|那|则|请你?算(?:一算|出|算)?|你能算出|你知道|想一想|算一算|请计算|请"
    r"|聪明的你知道)\s*)+"
)
_TAIL = re.compile(r"\s*(?:呢|吗|啊|呀|=|＝|﹖)*\s*$")


@dataclass(frozen=True)
class Asked:
    """clause: without 问 and 呢; start, end: of 多少 with its unit in it.  unit None: not said."""

    kind: Kind
    clause: str
    start: int
    end: int
    word: str  # 多少, 几, 多长
    unit: Unit | None
    written: str  # the unit as it stands there

    @property
    def shown(self) -> str:
        """The unit as it stands behind a result in brackets: 元 for 多少元钱, 平方分米 for 多少dm^2."""
        name = self.unit.name() if self.unit is not None else None
        if name and re.search(r"[\d²³^]", self.written):
            return name
        return self.written[:1] + self.written[1:].removesuffix("钱")

    def sentence(self, result: str, unit: str) -> str | None:
        """还剩几个 with its result; None where that would not read well."""
        before, after = self.clause[: self.start], self.clause[self.end :]
        if len(self.clause) > 32 or _NOT.search(self.clause) or len(_ASKS.findall(self.clause)) > 1:
            return None
        if re.search(r"^(?:如果|若|当|假如|已知|要使)|[“”\"=]|下列|为什么|列式|怎样", self.clause):
            return None
        if before in ("是", "=") or re.match("[)）]", after):
            return None
        if after.startswith("时间") and unit in ("秒", "分钟", "小时", "天", "年"):
            after = after.removeprefix("时间")
        if re.search(r"\d", after):  # the last number of an answer is its result
            return None
        if re.fullmatch("多[^少].*", self.word):
            return self._how(before, after, result, unit)
        if (
            self.kind == "number"
            and not self.written
            and after
            and not re.match(r"[钱了才就能可的就要,]|的|合|完|天|后", after)
        ):
            if not unit:
                return None
            after = re.sub("^钱", "", after)
        if after.startswith("钱"):
            after, unit = after[1:], unit or "元"
        unit = self.shown if re.search(r"[\d²³^]", self.written) else self.written or unit
        if unit == "人" and not self.written and after:
            unit = "名"
        return re.sub(r"\((\d+/\d+)\)", r"\1", f"{before}{result}{unit}{after}")

    def _how(self, before: str, after: str, result: str, unit: str) -> str | None:
        how = self.word[1:]
        if not unit or after:
            return None
        if before[-1:] and before[-1] in "有铺挖砌堆垒垫升接能":
            return f"{before}{result}{unit}{how if how in '长高宽深厚重' else ''}"
        before = before.removesuffix("是")
        return f"{before}{how if how in '长高宽深厚重' and not before.endswith(how) else ''}{result}{unit}"


def asked(question: str) -> Asked | None:
    """The last thing that a Chinese question asks for; None where no 多少 or 几 is in it."""
    at, clauses = 0, []
    for match in [*_CLAUSES.finditer(question), None]:
        end = match.start() if match else len(question)
        clauses.append((at, question[at:end]))
        at = match.end() if match else end
    for offset, whole in reversed(clauses):
        found = list(_ASKS.finditer(whole))
        if found:
            return _read(question, offset, whole, found[-1])
    return None


def _read(question: str, offset: int, whole: str, found: re.Match[str]) -> Asked:
    word = found[0]
    kind: Kind = "number"
    if word.startswith("百分之") or (word == "多少" and _RATE.search(whole[: found.start()])):
        kind = "percent"
    elif word == "几分之几":
        kind = "part"
    elif word.endswith("倍"):
        kind = "times"
    lead = _LEAD.match(whole)
    cut = lead.end() if lead else len(whole) - len(whole.lstrip())
    tail = _TAIL.search(whole)
    clause = whole[cut : tail.start() if tail else len(whole)]
    if cut < found.start() and whole[found.start() - 1] in "=＝":  # 宽=多少
        clause = f"{clause[: found.start() - cut - 1]}是{clause[found.start() - cut :]}"
    reading = read_at(question, offset + found.start(), offset + found.end())
    end, unit, written = found.end() - cut, None, ""
    if kind == "number" and reading.written and not found["how"]:
        unit, written = reading.unit, question[offset + found.end() : reading.end].strip()
        end = reading.end - offset - cut
    elif kind == "times":
        written = "倍"
    elif kind == "number" and (big := re.match(r"[百千十]?[万亿]", clause[end:])):
        end, written = end + big.end(), big[0]
    return Asked(kind, clause, max(0, found.start() - cut), min(end, len(clause)), word, unit, written)


_EN = re.compile(
    r"how many (?P<more>more |fewer |other |total )?"
    r"(?!(?:are|is|did|does|do|will|can|were|was|has|have|had|would|could|should|must|in|left|remain)\b)"
    r"(?P<what>[a-z]+(?: of [a-z]+)?(?: [a-z]+)??)"
    r"(?= (?:are|is|did|does|do|will|can|were|was|has|have|had|would|could|should|must|in|left"
    r"|altogether|remain|to|per|on|for|of|he|she|they|each)\b|\s*\?|$)",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"how much (?:money|change|does|did|do|will|is|was|would|should|in)\b"
    r"|(?:how much|what)\b.*(?:cost|pric|pay|paid|spen|earn|mak|sav|owe|charg|profit|revenue|left)",
    re.IGNORECASE,
)


def english_noun(question: str, value: Fraction = Fraction(2)) -> tuple[str, str]:
    """What stands before and behind the result of an English question: ("", " apples"), ("$", "")."""
    found = list(_EN.finditer(question))
    if found:
        what = found[-1]["what"].lower()
        return "", f" {what.removesuffix('s') if value == 1 and not what.endswith('ss') else what}"
    if "$" in question and _MONEY.search(question):
        return "$", ""
    if re.search("percent", question, re.IGNORECASE) and re.search("what percent|percentage", question, re.IGNORECASE):
        return "", "%"
    return "", ""
