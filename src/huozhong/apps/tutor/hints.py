"""Five hints for a step, from what the problem says to the check: of its own numbers, and never its result."""

from __future__ import annotations

import re

from huozhong.acts.ask import asked
from huozhong.acts.confirmed import exactly
from huozhong.acts.read_back import known_numbers
from huozhong.acts.reading import read
from huozhong.acts.solve import Node, Operation
from huozhong.acts.steps import Step, plain
from huozhong.acts.wording import explained
from huozhong.apps.tutor.lesson import Lesson, clauses_of
from huozhong.verify.numbers import Number, mentions

LEVELS = 5  # restate, which quantities, which operation, the sum without its result, check yours


def hint(lesson: Lesson, level: int) -> str:
    """The words of a level, 1 to `LEVELS`, for the first step that is not reached."""
    step = lesson.step
    shown = (step.expression,)
    makers = (_restated, _which, _operation, _sum, _check)
    text = f"{_heading(lesson, level)}\n\n{makers[level - 1](lesson, step)}"
    if lesson.is_safe(text, shown):
        return text
    return "Read the problem once more, slowly." if lesson.english else "再慢慢读一遍题，把数和问题圈出来。"


_HEADINGS = (
    ("先说说题意", "What the problem says"),
    ("用哪些数", "Which numbers"),
    ("用什么方法", "Which operation"),
    ("列出来", "Write it down"),
    ("算完检查", "Check yours"),
)


def _heading(lesson: Lesson, level: int) -> str:
    return f"**{_HEADINGS[level - 1][lesson.english]}**"


def _restated(lesson: Lesson, step: Step) -> str:
    wanted = asked(lesson.problem)
    clauses = [clause for clause in clauses_of(lesson.problem) if mentions(clause)]
    lines = "\n".join(f"- {clause}" for clause in clauses if wanted is None or wanted.clause not in clause)
    if lesson.english:
        question = ([""] + [one for one in clauses_of(lesson.problem) if re.search(r"\b(?:how|what)\b", one, re.I)])[-1]
        return f"You know:\n{lines}\n\nYou look for: {question}. Say it in your own words first."
    question = wanted.clause if wanted is not None else clauses_of(lesson.problem)[-1]
    return f"题里告诉我们：\n{lines}\n\n要求的是：{question}。先用自己的话说一遍。"


def _which(lesson: Lesson, step: Step) -> str:
    named = dict.fromkeys(_described(lesson, side, number) for side, number in (
        (step.node.left, step.left), (step.node.right, step.right)))  # fmt: skip
    if lesson.english:
        return f"Look at {' and '.join(named)}. Leave the rest for later. What can you find out from this?"
    purpose = f"先求{step.name}。" if step.name else ""
    facts = read(lesson.problem).units.facts
    units = f"先把单位变成一样的：{'，'.join(facts)}。" if facts else ""
    return f"{units}{purpose}看{'和'.join(named)}，别的先放一放。由它们能知道什么？"


def _described(lesson: Lesson, side: Node, number: Number) -> str:
    """每天吃4个, or the result that the pupil came to."""
    if isinstance(side, Operation):
        return f"your {plain(number)}" if lesson.english else f"你算出的{plain(number)}{lesson.work.unit_name(side)}"
    for mention in mentions(lesson.text):
        if mention.number.value == number.value:
            clause = next(
                (one for one in clauses_of(lesson.text) if lesson.text[mention.start : mention.end] in one), ""
            )
            if clause and len(clause) <= (60 if lesson.english else 24):
                return f"“{clause}”"
    return f"“{plain(number)}”"


_NAMES = {
    "+": ("加法", "adding"), "-": ("减法", "subtracting"), "×": ("乘法", "multiplying"), "÷": ("除法", "dividing"),
    "^": ("乘法", "multiplying"),
}  # fmt: skip
_REASON = re.compile(r"^(?P<why>.*?)(?:，用.法|, so (?:add|subtract|multiply|divide))?[：:]")
_AS_ROWS = re.compile(r"，(?P<count>\d[^，]{0,6}?)就(?:有\d+(?:\.\d+)?个\S+|是这么多倍)$")


def _operation(lesson: Lesson, step: Step) -> str:
    """What the step does with these very numbers; by a rule's own idea or formula where there is one."""
    why = _why(lesson, step)
    if lesson.english:
        return f"{why}. Think of {_NAMES[step.node.op][1]}. Which number comes first, and why?"
    order = "哪个数写在前面？为什么？" if step.node.op in "-÷" else "列个式子试试。"
    return f"{_idea(lesson)}{why}想一想{_NAMES[step.node.op][0]}。{order}"


def _why(lesson: Lesson, step: Step) -> str:
    lines = explained(lesson.text, known_numbers(lesson.problem), lesson.plan).split("\n")
    found = _REASON.match(lines[lesson.work.steps.index(step)])
    why = found["why"] if found is not None else ""
    if lesson.english:
        return re.sub(r"^(.*?) is there (.*?) times over$", r"\1, \2 times over: how much is that together", why)
    why = _AS_ROWS.sub(r"，\g<count>一共是几个几", why)
    if re.fullmatch(r".*和.*相乘", why):
        why = f"{why.removesuffix('相乘')}之间，是“几个几”"
    return f"{why}：" if why else ""


def _idea(lesson: Lesson) -> str:
    """三角形的面积=底×高÷2, or 假设全是鸡."""
    done = exactly(lesson.problem)
    if done is None or not lesson.is_first:
        return ""
    idea = re.split(r"，(?=[\d(])|[：:]", done.answer)[0]
    return "" if re.search(r"\d{2}|\d[^÷×]*[+\-=]\d", idea) or idea == done.answer else f"{idea}。"


def _sum(lesson: Lesson, step: Step) -> str:
    if lesson.english:
        return f"{step.expression} = ____\n\nWork it out and write it to me."
    unit = f" {step.unit}" if step.unit and step.unit != "倍" else ""
    return f"{step.expression}＝（　　）{unit}\n\n自己算一算，把得数写给我。"


_BACKWARDS = {"+": "-", "-": "+", "×": "÷", "÷": "×", "^": "÷"}


def _check(lesson: Lesson, step: Step) -> str:
    how = _NAMES[_BACKWARDS[step.node.op]][lesson.english]
    if lesson.english:
        return f"{_sum(lesson, step)}\n\nThen go backwards with {how}: you should come back to {plain(step.left)}."
    return f"{_sum(lesson, step)}\n\n算完用{how}倒着验算，应该回到{plain(step.left)}。再看看单位，读一遍通不通。"
