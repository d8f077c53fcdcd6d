"""What comes next in an answer: the model's own words, or words that code knows.

A pure state machine over text; it knows no tokens and no engine.  `Turn.next` is given the reasoning as far as it is
written and says one of three things:

`Free`      the model writes.
`Planning`  the model writes a plan, the line that is its own.
`Forced`    what is written next is certain.  With an answer, the reasoning ends there and the answer follows.

A plan that cannot be finished, or whose result cannot be meant (half a child), is followed by a line that says why;
then the model plans again.  When `PLANS` of them have failed the answer says honestly that it is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from string import ascii_lowercase
from typing import Any

from huozhong.acts import opening, tables
from huozhong.acts.asked import asks_two, asks_whole, rounded
from huozhong.acts.exact import Done, do
from huozhong.acts.labels import (
    CANNOT,
    CONTINUE,
    EXACT_ACTS,
    EXPLAIN,
    JUDGE_RIDDLE,
    LABELS,
    OTHER_WAY,
    PROBLEM_ACTS,
    SURE_ACTS,
    TALK,
    TELL_IDIOM,
    TELL_JOKE,
    TELL_RIDDLE,
    TELL_SAYING,
    cannot_label,
    talk_label,
)
from huozhong.acts.one_unit import OneUnit
from huozhong.acts.reading import Reading, read
from huozhong.acts.solve import Node, NoDivisor, TooLittle, TooLong, Unsolvable, leaves, parse, solve
from huozhong.acts.steps import is_of_another_kind, without_conversions
from huozhong.acts.sure import sure, verdict
from huozhong.acts.wording import another_way, explained, in_asked_unit, worded
from huozhong.text.language import is_english
from huozhong.verify.arithmetic import final_answer
from huozhong.verify.numbers import MOST_TOLD, Number, first_line, told

PLANS = 2  # tried before the answer says that it is not sure
LONGEST_PLAN = 24  # characters beside the letters that were told, twice: of 22,127 published plans one is longer
AGAIN = "再想想"  # how a line ends that says why a plan cannot be
_TOLD_FOR_FUN = frozenset((TELL_IDIOM, TELL_JOKE, TELL_RIDDLE, TELL_SAYING))
_OTHER_KIND = "单位不合"
PROBLEM = "a="  # what a problem's reasoning begins with

_LETTER = re.compile(r"[a-z]")
_POEM = re.compile(r"[诗詩绝絕律首吟咏词]|poem|poetry|verse|quatrain|rhym", re.IGNORECASE)
_ANOTHER_POEM = re.compile(
    r"(?:再|换|还要|另)[^\d]{0,4}[首篇]诗?[。！!吧呀]*|(?:one more|another)(?: poem)?[.!]?", re.IGNORECASE
)
_ASKS_STEPS = re.compile(r"为什么|为啥|怎么|方法|办法|算|\b(?:why|how|way|explain|method|solve)\b", re.IGNORECASE)
_WORKED = re.compile(r"[=＝]|答：|答案|Answer", re.IGNORECASE)  # in an answer to a problem or a sum

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Free:
    """The model writes what it likes."""


@dataclass(frozen=True)
class Planning:
    """The model writes `line`, a plan in the first so many letters.  tried: plans that failed before.

    small: whether no constants but small ones are wanted, because a plan has failed.
    sums: whether only + and - are wanted: all numbers are of the unit that is asked for.
    """

    line: str
    letters: int
    tried: tuple[str, ...]
    small: bool = False
    sums: bool = False


@dataclass(frozen=True)
class Forced:
    """What is written next, for certain.  answer: None while the reasoning goes on."""

    reasoning: str
    answer: str | None = None


Next = Free | Planning | Forced
FREE = Free()


class Turn:
    """The answer to the last of `messages`, which is the user's.  seed: chooses among replies."""

    def __init__(self, messages: Sequence[Message], seed: int = 0) -> None:
        self._messages = [m for m in messages if m.get("role") in ("user", "assistant")]
        self._seed = seed
        self._question = _text(self._messages[-1]) if self._messages else ""
        self._outcomes: dict[str, Done | str | None] = {}
        self._told: dict[str, list[Number]] = {}

    @cached_property
    def _reading(self) -> Reading:
        """The question as the model is shown it."""
        return read(self._question, self._before[0] if self._before is not None else "")

    @cached_property
    def _reading_before(self) -> str:
        """The question before as the model is shown it; empty for none."""
        asked = [_text(message) for message in self._messages[:-1] if message["role"] == "user"]
        return read(asked[-1], asked[-2] if len(asked) > 1 else "").text if asked else ""

    @cached_property
    def _sure(self) -> tuple[str, Done | str] | None:
        """The label that a rule is sure of, and what follows it: then nothing else is possible."""
        return sure(self._messages, self._seed)

    @property
    def is_sure(self) -> bool:
        """Whether a rule knows the label."""
        return self._sure is not None

    @cached_property
    def _kinds_of_talk(self) -> frozenset[str]:
        """If it is talk, which; what nobody could tell is not understood or not known."""
        return opening.likely(self._question) or frozenset((talk_label("没懂"), cannot_label("知识")))

    @cached_property
    def is_exact(self) -> bool:
        """Whether the question is one that code reads without doubt: a sum, two units, an equation.

        Such a question is no story with a plan to find, nothing to decline, and nothing to write freely about.  Of
        5,500 published problems 58 are read so, every one of them a bare sum, an equation or a formula.
        """
        return any(self._outcome(label) is not None for label in EXACT_ACTS)

    @cached_property
    def may_be_poem(self) -> bool:
        """Whether this question, or the one before ("再来一首"), can be a wish for a poem."""
        before = self._before[0] if self._before is not None else ""
        return not self.is_sure and not self.is_exact and _POEM.search(f"{before}\n{self._question}") is not None

    @cached_property
    def _is_another_poem(self) -> bool:
        """Whether this is "再来一首" after a poem that was asked for: nothing but a poem can be meant."""
        return (
            self._before is not None
            and _POEM.search(self._before[0]) is not None
            and _ANOTHER_POEM.fullmatch(self._question.strip()) is not None
        )

    @cached_property
    def _is_other_wish(self) -> bool:
        """Whether a joke, a riddle or the like is asked for, so that the question before is done with."""
        return (
            self._kinds_of_talk <= _TOLD_FOR_FUN
            and not told(self._question)
            and _ASKS_STEPS.search(self._question) is None
        )

    def possible(self, label: str) -> bool:
        """Whether code could go on after this label of `labels`, or after `PROBLEM`."""
        if self._sure is not None or label in SURE_ACTS:
            return self._sure is not None and label == self._sure[0]
        if self._is_another_poem:
            return False
        if self.is_exact and label not in (*EXACT_ACTS, *PROBLEM_ACTS, JUDGE_RIDDLE):
            return False
        if label == PROBLEM:
            return bool(self._numbers(PROBLEM))
        if label in opening.known() and label not in self._kinds_of_talk:
            return False
        if label.startswith((TALK, CANNOT)):  # there is always a reply; a test holds it
            return True
        if label not in PROBLEM_ACTS:
            return self._outcome(label) is not None
        if not self._before or not told(self._before[0]) or self._is_other_wish:
            return False
        return label not in (EXPLAIN, OTHER_WAY) or _WORKED.search(self._before[1]) is not None

    def next(self, written: str) -> Next:
        """What follows the reasoning `written` so far."""
        first, newline, rest = written.partition("\n")
        if not newline:
            return self._begun(first)
        if first in PROBLEM_ACTS and self.possible(first):
            _, newline, rest = rest.partition("\n")
            return self._planned(first, rest) if newline else FREE
        is_problem = self.possible(PROBLEM) and first == self._first_line(PROBLEM)
        return self._planned(PROBLEM, rest) if is_problem else FREE

    # -- the first line --------------------------------------------------------------------------

    def _begun(self, first: str) -> Next:
        if first and PROBLEM.startswith(first) and self.possible(PROBLEM):
            return Forced(self._first_line(PROBLEM).removeprefix(first) + "\n")
        if first not in LABELS or not self.possible(first):
            return FREE
        if first in PROBLEM_ACTS:
            return Forced(f"\n{self._first_line(first)}\n")
        outcome = self._outcome(first)
        assert outcome is not None
        if isinstance(outcome, str):
            return Forced("", outcome)
        return Forced("".join(f"\n{line}" for line in outcome.lines), outcome.answer)

    def _outcome(self, label: str) -> Done | str | None:
        """What an exact act or a table has to say; None: nothing."""
        if label not in self._outcomes:
            if self._sure is not None and label == self._sure[0]:
                self._outcomes[label] = self._sure[1]
            elif label in EXACT_ACTS:
                self._outcomes[label] = do(label, self._question)
            else:
                self._outcomes[label] = tables.reply(label, self._messages, self._seed)
        return self._outcomes[label]

    @cached_property
    def _before(self) -> tuple[str, str] | None:
        """The question before this one, and what was answered."""
        asked = [at for at, m in enumerate(self._messages[:-1]) if m["role"] == "user"]
        if not asked:
            return None
        answers = [m for m in self._messages[asked[-1] + 1 : -1] if m["role"] == "assistant"]
        return _text(self._messages[asked[-1]]), _text(answers[-1]) if answers else ""

    def _numbers(self, act: str) -> list[Number]:
        """What the letters stand for."""
        if act not in self._told:
            before = told(self._reading_before) if act != PROBLEM else []
            self._told[act] = list(dict.fromkeys((*before, *told(self._reading.text))))[:MOST_TOLD]
        return self._told[act]

    def _first_line(self, act: str) -> str:
        return first_line(self._numbers(act))

    # -- plans -----------------------------------------------------------------------------------

    def _planned(self, act: str, written: str) -> Next:
        """After the numbers' line: plans, each with what was wrong about it, and the one that is being written."""
        tried: list[str] = []
        *lines, last = written.split("\n")
        sums = bool(lines) and lines[-1].startswith(_OTHER_KIND)
        planning = True
        for line in lines:
            if planning:
                tried.append(line)
            planning = line.endswith(AGAIN)
        if not planning:
            return self._worked(act, tried) if last == "" else FREE
        letters = len(self._numbers(act))
        if len(last) > LONGEST_PLAN + 2 * letters:
            return self._failed(act, [*tried, last], "\n算式太长了")
        return Planning(last, letters, tuple(tried), bool(tried) and "圆" not in self._reading.text, sums)

    def _worked(self, act: str, tried: list[str]) -> Forced:
        """The last of the plans, worked out."""
        numbers = self._numbers(act)
        plan: Node | None = None
        lines: list[str] = []
        try:
            plan = _in_numbers(tried[-1], numbers)
            if act == PROBLEM:
                plan = without_conversions(plan, numbers, self._reading.units.kinds)
            solution = solve(plan, lines)
        except Unsolvable as error:
            trouble = _why(error)
        else:
            trouble = self._trouble(act, plan, solution.answer) or self._contradiction(act, solution.answer)
            if not trouble:
                return Forced(solution.text(), self._answer(act, numbers, plan))
        work = [*lines, trouble]
        if plan is not None and not work[0].startswith((f"{plan}=", f"{plan}不")):
            work.insert(0, str(plan))
        return self._failed(act, tried, "\n".join(work))

    def _failed(self, act: str, tried: list[str], why: str) -> Forced:
        if len(tried) < PLANS:
            return Forced(f"{why}，{AGAIN}\n")
        return Forced(why, _say(_NO_OTHER_WORDS if act in (EXPLAIN, OTHER_WAY) else _UNSURE, self._question))

    def _trouble(self, act: str, plan: Node, answer: Number) -> str:
        """What is wrong about a result, in a line; nothing if it may be right."""
        if act == PROBLEM and is_of_another_kind(self._reading.text, plan):
            return _OTHER_KIND
        if not {*leaves(plan)} & {*self._numbers(act)}:
            return "题里的数一个也没有用"
        asked = self._question
        if act != PROBLEM and self._before is not None and not asks_whole(asked):
            asked = self._before[0]
        if asks_whole(asked) and rounded(asked, answer.value).denominator != 1:
            return f"得{answer}，不是整数"
        return ""

    def _contradiction(self, act: str, answer: Number) -> str:
        """What explains an answer, or finds it in another way, comes to the same; a line if it does not."""
        if act not in (EXPLAIN, OTHER_WAY) or self._before is None:
            return ""
        said = final_answer(self._before[1])
        meant = {answer.value, rounded(self._before[0], answer.value)}
        return (
            "" if said is None or any(_is_near(said, value) for value in meant) else f"得{answer}，和上一题的答案不同"
        )

    def _answer(self, act: str, numbers: list[Number], plan: Node) -> str:
        before, now = self._reading_before, self._reading
        if act == EXPLAIN:
            return explained(before, numbers, plan)
        if act == OTHER_WAY:
            other = another_way(plan)
            if other is None:
                return f"{_say(_ONLY_WAY, self._question)}\n{worded(before, numbers, plan)}"
            return worded(before, numbers, other)
        if act == CONTINUE:  # the units and what is asked mostly stand in the question before
            return self._with_units(worded(f"{before}\n{now.text}", numbers, plan), now.units)
        answer = self._with_units(in_asked_unit(worded(now.text, numbers, plan), now.units), now.units)
        if now.claimed is None:
            return f"{answer}\n{_say(_ONE_OF_TWO, self._question)}" if asks_two(now.text) else answer
        return f"{answer}\n{verdict(answer, now.claimed, is_english(self._question))}"

    def _with_units(self, answer: str, units: OneUnit) -> str:
        """What was converted stands before the steps."""
        if not units.facts:
            return answer
        if is_english(self._question):
            return f"First, {', '.join(units.facts)}.\n{answer}"
        return f"先看清数和单位：{'，'.join(units.facts)}。\n{answer}"


def _text(message: Message) -> str:
    return str(message.get("content") or "")


def _is_near(said: Fraction, value: Fraction) -> bool:
    """Equal, or as equal as a result with few decimals, or one in percent, can be."""
    return any(abs(one - value) <= abs(value) / 100 for one in (said, said / 100))


def _in_numbers(plan: str, numbers: Sequence[Number]) -> Node:
    """A plan in letters as an equation; `Unsolvable` for what is none."""
    values = dict(zip(ascii_lowercase, map(str, numbers), strict=False))
    try:
        return parse(_LETTER.sub(lambda match: values[match[0]], plan))
    except KeyError:
        raise Unsolvable("a letter that was not told") from None


def _why(error: Unsolvable) -> str:
    if isinstance(error, TooLittle):
        return f"{error}不够减"
    if isinstance(error, NoDivisor):
        return f"{error}，0不能做除数"
    return "数太大了" if isinstance(error, TooLong) else "这样列不成算式"


def _say(words: tuple[str, str], question: str) -> str:
    return words[is_english(question)]


# Chinese, English.
_ONLY_WAY = ("这道题我只想得到这一种算法：", "I know only this one way:")
_ONE_OF_TWO = (
    "题里问的不止一个数，我这里只算了一个，另外的没有把握。把另一个单独问我一次，我再试。",
    "More than one number is asked for, and this is only one of them. Ask me for the other one by itself.",
)
_NO_OTHER_WORDS = (
    "算的步骤都写在上一个回答里了，别的说法我没有把握。请把整道题再发一遍，我重新算，你再问我。",
    "The steps are in my last answer; I am not sure of any other words for them. Send me the whole problem once more, "
    "and I work it out afresh.",
)
_UNSURE = (
    "这道题我试了两种算法，结果都不合理，没有把握，不乱写答案。请看看题里的数有没有写错，或者把题目说得更清楚些，再问我一次。",
    "I tried two ways and neither makes sense, so I am not sure and would rather not guess. Please check the numbers "
    "in the problem, or ask me again in other words.",
)
