"""What a rule is sure of, before any model is asked: a sum to be checked, times of the day, a problem to be posed.

No model was taught these labels.  Where a rule finds one, it is the only one that can be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from huozhong.acts.choosing import answers, question
from huozhong.acts.claims import claim
from huozhong.acts.exact import Done, do, kinds_possible
from huozhong.acts.exact.done import said, said_en
from huozhong.acts.labels import CHECK, CLOCK, PAIR, RATE
from huozhong.acts.language import is_english
from huozhong.verify.arithmetic import final_answer

Messages = Sequence[Mapping[str, Any]]


def sure(messages: Messages, seed: int) -> tuple[str, Done | str] | None:
    """The label, and what is said after it; None where only the model can tell."""
    asked = question(messages)
    if (checked := _claimed(messages)) is not None:
        return CHECK, checked
    for label in (CHECK, CLOCK, PAIR, RATE):
        if (done := do(label, asked)) is not None:
            return label, done
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
