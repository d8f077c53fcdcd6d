"""The exact part's marks: right, wrong with confidence, or declined.

An answer that says no (`verify.refusal`) or that it is not sure is declined: a child is not misled by it.  Everything
else that is not right is wrong with confidence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from huozhong.acts import labels
from huozhong.acts.exact import do
from huozhong.exam.exact.asked import Asked, asked
from huozhong.verify.arithmetic import same_answer
from huozhong.verify.numbers import mentions
from huozhong.verify.refusal import is_refusal

KINDS: Mapping[str, tuple[str, ...]] = {
    "units": (labels.CONVERT,),
    "comparison": (labels.COMPARE,),
    "numerals": (labels.REWRITE, labels.CALCULATE),
    "forms": (labels.REWRITE,),
    "equations": (labels.EQUATION,),
    "factors": (labels.FACTORS,),
    "averages": (labels.AVERAGE,),
    "sums": (labels.CALCULATE,),
}  # the labels that are right for a kind of question
_UNSURE = re.compile(r"不(?:太|很|敢)?确定|没(?:有)?把握|拿不准|算不出|not (?:quite |very )?sure", re.IGNORECASE)
_CONCLUSION = re.compile(r"(?:答案(?:是|为)?|答|answer(?: is)?)\s*[:：]?\s*", re.IGNORECASE)
_SIGNS = {">": r">|＞|大于|greater|larger|bigger", "<": r"<|＜|小于|less|smaller", "=": r"=|＝|等于|相等|equal"}
_IS_IT = r"\s*(?:更|比|较|最|大|小|重|轻|长|短|多|少|远|>|<|＞|＜|is\b|was\b)"


def is_right(text: str, gold: str) -> bool:
    """Whether an answer says what `gold` (see `exam.exact.asked`) asks for."""
    kind, _, wanted = gold.partition(" ")
    text = text.rsplit("</think>", 1)[-1].strip()
    if kind == "number":
        return same_answer(text, wanted)
    said = conclusion(text)
    if kind == "text":
        return _names(said, wanted)
    if kind == "one":
        right, *others = wanted.split(" ")
        if not _names(said, right):
            return False
        also = [other for other in others if _names(said, other)]
        return not also or bool(re.search(re.escape(right) + _IS_IT, said))
    if kind == "order":
        places = [said.find(item) for item in wanted.split(" ")]
        return -1 not in places and places == sorted(places)
    if kind == "sign":
        return [sign for sign, pattern in _SIGNS.items() if re.search(pattern, said, re.IGNORECASE)] == [wanted]
    if kind in ("yes", "no"):
        return _says_no(said) == (kind == "no")
    if kind == "product":
        said = re.split("[=＝]", said)[-1]
    found = [int(m.number.value) for m in mentions(said) if m.number.value.denominator == 1]
    return sorted(found) == sorted(map(int, wanted.split(" ")))


def conclusion(text: str) -> str:
    """What stands after the last 答：, or the last line."""
    pieces = _CONCLUSION.split(text)
    if len(pieces) > 1 and pieces[-1].strip():
        return pieces[-1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _names(said: str, wanted: str) -> bool:
    """Whether `wanted` stands in it as a whole: 9.8 does not stand in 19.8, in 9.81 or in 9.8%."""
    return re.search(rf"(?<![\d./]){re.escape(wanted)}(?![\d/%]|\.\d)", said) is not None


def _says_no(said: str) -> bool:
    return re.search(r"不是|不能|不对|不会|不比|没有|并不|不大|不小|\bno\b|\bnot\b", said, re.IGNORECASE) is not None


def declined(text: str) -> bool:
    """Whether the answer says that it cannot, or that it is not sure."""
    return is_refusal(text) or _UNSURE.search(text) is not None


def exact_floor(seed: int = 0) -> list[tuple[Asked, str]]:
    """The questions that code does not answer rightly when it is told their label, and what it says instead.

    What a model gets wrong beyond them it decided wrongly.
    """
    missed = []
    for question in asked(seed):
        done = next((d for label in KINDS[question.kind] if (d := do(label, question.text))), None)
        if done is None or not is_right(done.answer, question.gold):
            missed.append((question, "" if done is None else done.answer))
    return missed
