"""The village tutor: hints that never give the answer away, and a pupil's own steps checked exactly.

A model is asked for its working of a problem, and only where all that it says agrees and holds is there a plan
(`acts.inquiry`).  The hints are built from the plan's steps,
not worded by a model, and each of them is held against `verify.leak` before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from huozhong.acts.ask import asked
from huozhong.acts.inquiry import COMMON, inquiry
from huozhong.acts.read_back import known_numbers
from huozhong.acts.reading import read
from huozhong.acts.solve import Node, Operation, leaves, parse
from huozhong.acts.steps import Step, Worked, plain
from huozhong.acts.wording import another_way, explained, in_asked_unit, worded
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool
from huozhong.text.language import is_english
from huozhong.verify.leak import leaks
from huozhong.verify.numbers import Number, mentions
from huozhong.verify.units import NAMES, convert
from huozhong.verify.working import Claim, Working, read_working

LEVELS = 5  # restate, which quantities, which operation, the sum without its result, check yours
MOST_PROBLEM = 500  # characters

State = dict[str, Any]

# -- a plan ------------------------------------------------------------------------------------------------------


def tutor_next(problem: str, said: Sequence[str]) -> str:
    """What to ask the model next about a problem, given what it said so far; empty when that is enough."""
    return inquiry(_problem(problem), said)[0]


def tutor_begin(problem: str, said: Sequence[str]) -> State:
    """What is remembered of a problem.  said: the answers to what `tutor_next` wanted asked."""
    problem = _problem(problem)
    question, plan = inquiry(problem, said)
    state: State = {"problem": problem, "plan": "" if plan is None or question else str(plan)}
    return state | {"reached": [], "level": 0, "tried": False, "done": False}


def _problem(problem: str) -> str:
    problem = str(problem).strip()
    if not problem or len(problem) > MOST_PROBLEM:
        raise SkillError(
            f"请写上题目，最多 {MOST_PROBLEM} 个字。", f"Write the problem down, at most {MOST_PROBLEM} characters."
        )
    return problem


class Lesson:
    """A problem with a confirmed plan, and how far the pupil has come."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.problem: str = state["problem"]
        self.text = read(self.problem).text
        self.english = is_english(self.problem)
        self.plan: Node = parse(state["plan"])
        self.work = Worked(self.text, self.plan)
        self.reached = {Fraction(one) for one in state["reached"]}
        self.done: bool = state["done"]

    @cached_property
    def answers(self) -> set[Fraction]:
        """What counts as the answer: in the unit that is asked for, rounded where it has to be, in percent."""
        units = read(self.problem).units
        values = {self.work.answer.value}
        if units.inside is not None and units.asked is not None:
            values.add(units.converted(self.work.answer.value))
        if self.work.asked is not None and self.work.asked.kind == "percent":
            values.add(self.work.answer.value * 100)
        return values

    @cached_property
    def between(self) -> set[Fraction]:
        """Results on the way, of this way and of another one that comes to the same."""
        ways = [self.plan, another_way(self.plan)]
        return {step.result.value for way in ways if way is not None for step in Worked(self.text, way).steps}

    @property
    def secrets(self) -> set[Fraction]:
        return self.answers | self.between | {self.work.exact.value}

    @property
    def known(self) -> set[Fraction]:
        """Numbers that may be told: of the problem, and those the pupil has come to."""
        brought = {number.value for number in leaves(self.plan)} - self.secrets
        return {number.value for number in known_numbers(self.problem)} | brought | self.reached

    @property
    def step(self) -> Step:
        """The first step whose result is not reached."""
        open_steps = [step for step in self.work.steps if step.result.value not in self.reached]
        return open_steps[0] if open_steps else self.work.steps[-1]

    def is_safe(self, text: str, shown: Iterable[str] = ()) -> bool:
        """Whether a text tells nothing that the pupil should find."""
        return not leaks(text, self.secrets, self.known, (self.problem, self.text, *shown))


# -- a turn ------------------------------------------------------------------------------------------------------


def tutor(state: Mapping[str, Any], mine: str = "", give: bool = False, pages: Sequence[str] = ()) -> State:
    """A turn: what to say to the pupil (`answer`) and what to remember (`state`).

    mine: the pupil's steps or result, or any words; give: whether the answer is asked for; pages: passages of books.
    """
    now: State = dict(state)
    working = read_working(str(mine or ""))
    if not now["plan"]:
        return {"answer": _unsure(now["problem"], working) + _pages(None, now["problem"], pages), "state": now}
    lesson = Lesson(now)
    parts: list[str] = []
    if lesson.done:
        return {"answer": _say(lesson, "again") + _pages(lesson, now["problem"], pages), "state": now}
    if working.claims or working.number is not None:
        parts += _judged(lesson, working, now)
    elif str(mine or "").strip() and not give:
        parts.append(_say(lesson, "first"))
    if now["done"]:
        parts.append(_say(lesson, "right"))
    elif give and now["tried"]:
        parts.append(_told(lesson))
    else:
        if give:
            parts.append(_say(lesson, "own"))
        lesson = Lesson(now)
        now["level"] = min(now["level"] + 1, LEVELS)
        parts.append(_hint(lesson, now["level"]))
    return {"answer": "\n\n".join(parts) + _pages(lesson, now["problem"], pages), "state": now}


_SAYINGS = {
    "first": (
        "这一题你能自己做出来。我不说得数，只帮你想。",
        "You can do this one. I do not tell results; I help you think.",
    ),
    "own": (
        "先自己列一步算式（对不对都行），写给我看，再来看答案。",
        "First write down one step of your own, right or wrong; then you may see the answer.",
    ),
    "right": (
        "**对了！** 再把得数放回题里读一遍，看说不说得通。",
        "**Right!** Put it back into the problem and read it once more.",
    ),
    "again": ("这道题你已经做对了，换一道吧。", "You have solved this one; take another."),
    "between": ("这个数对，是中间的一步，还没到最后。", "That is right, and it is a step on the way, not the end yet."),
    "wrong": ("这个得数不对，再想想。", "That is not it; think again."),
    "other": (
        "算得没错，可是我的思路里没有这一步：想一想它求的是什么。",
        "The sum is right, but my way has no such step: what does it tell you?",
    ),
    "left": ("每一步都算对了，接着往下。", "Every step is right so far; go on."),
}  # fmt: skip


def _say(lesson: Lesson, what: str) -> str:
    return _SAYINGS[what][lesson.english]


def _judged(lesson: Lesson, working: Working, now: State) -> list[str]:
    """What the pupil wrote, marked; what was reached is remembered."""
    if not working.claims:
        return _judged_number(lesson, working, now)
    told = {number.value for number in known_numbers(lesson.problem)}
    now["tried"] = now["tried"] or any(told & set(claim.operands) for claim in working.claims)
    lines: list[str] = []
    known = lesson.known
    useful = True
    for at, claim in enumerate(working.claims, 1):
        strange = [value for value in claim.operands if value not in known | COMMON]
        if strange or not claim.is_right:
            lines.append(_wrong_step(lesson, at, claim, strange))
            return lines
        known = known | {claim.value}
        useful = claim.value in lesson.between | lesson.answers
        if useful and str(claim.value) not in now["reached"]:
            now["reached"] = [*now["reached"], str(claim.value)]
            now["level"] = 1
            lesson = Lesson(now)
        lines.append(_mark(lesson, at, claim, "✓"))
    if working.number in lesson.answers and (working.claims[-1].value in lesson.answers):
        now["done"] = True
    elif not useful:
        lines.append(_say(lesson, "other"))
    elif working.number is not None and working.number not in (working.claims[-1].claimed, *lesson.answers):
        lines.append(_say(lesson, "wrong"))
    else:
        lines.append(_say(lesson, "left"))
    return lines


def _judged_number(lesson: Lesson, working: Working, now: State) -> list[str]:
    stated = {working.number} if working.number is not None else set()
    wanted = lesson.work.asked
    if working.quantity is not None and wanted is not None:  # 2小时40分 where minutes are asked for
        unit = NAMES.get(wanted.written)
        if unit is not None and unit.kind == working.quantity.kind:
            stated.add(convert(working.quantity, unit))
    if stated & lesson.answers:
        now["done"] = True
        return []
    if reached := stated & lesson.between:
        value = str(next(iter(reached)))
        if value not in now["reached"]:
            now["reached"] = [*now["reached"], value]
            now["level"] = 1
        return [_say(lesson, "between")]
    return [_say(lesson, "wrong")]


def _mark(lesson: Lesson, at: int, claim: Claim, sign: str) -> str:
    """Step 1 ✓, with what was written where that tells nothing."""
    name = f"Step {at}" if lesson.english else f"第 {at} 步"
    line = f"{sign} {name}：{claim.written}"
    return line if lesson.is_safe(line, (claim.expression,)) else f"{sign} {name}"


def _wrong_step(lesson: Lesson, at: int, claim: Claim, strange: Sequence[Fraction]) -> str:
    line = _mark(lesson, at, claim, "✗")
    if claim.is_right or strange:
        why = ("这一步里有个数题里没有，也没有算出来过：它从哪里来？",
               "One number of this step is neither told nor worked out: where is it from?")  # fmt: skip
    elif re.search(r"[-+*/^]", claim.written.rsplit("=", 1)[-1].replace("×", "*").replace("÷", "/").lstrip("-")):
        why = ("等号两边不一样大：一步写一个等式，再算一遍。", "Both sides of = must be the same: one equation a step.")
    else:
        why = ("就是这一步算错了，再算一遍。", "This is the step that went wrong: work it out once more.")
    return f"{line}\n{why[lesson.english]}"


def _told(lesson: Lesson) -> str:
    """The answer, explained: after an attempt of the pupil's own."""
    reading = read(lesson.problem)
    numbers = known_numbers(lesson.problem)
    answer = in_asked_unit(worded(reading.text, numbers, lesson.plan), reading.units)
    why = explained(reading.text, numbers, lesson.plan).rsplit("\n", 1)[0]
    head = "You tried it yourself. This is one way:" if lesson.english else "你自己试过了，一起来看一种做法："
    return f"{head}\n\n{why}\n\n{answer}"


# -- hints -------------------------------------------------------------------------------------------------------


def _hint(lesson: Lesson, level: int) -> str:
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
    clauses = [clause for clause in _clauses(lesson.problem) if mentions(clause)]
    lines = "\n".join(f"- {clause}" for clause in clauses if wanted is None or wanted.clause not in clause)
    if lesson.english:
        question = ([""] + [one for one in _clauses(lesson.problem) if re.search(r"\b(?:how|what)\b", one, re.I)])[-1]
        return f"You know:\n{lines}\n\nYou look for: {question}. Say it in your own words first."
    question = wanted.clause if wanted is not None else _clauses(lesson.problem)[-1]
    return f"题里告诉我们：\n{lines}\n\n要求的是：{question}。先用自己的话说一遍。"


def _clauses(text: str) -> list[str]:
    pieces = re.split(r"[，。；！？,;!?\n]|\.(?!\d)", text)
    return [piece.strip() for piece in pieces if piece.strip()]


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
            clause = next((one for one in _clauses(lesson.text) if lesson.text[mention.start : mention.end] in one), "")
            if clause and len(clause) <= (60 if lesson.english else 24):
                return f"“{clause}”"
    return f"“{plain(number)}”"


_OPERATIONS = {
    "+": ("要把它们合起来：想一想加法。", "They are put together: think of adding."),
    "-": (
        "要从一个里去掉另一个，或者比一比相差多少：想一想减法。",
        "Something is taken away or compared: think of subtracting.",
    ),
    "×": ("同样多的有好几份，或者要求一个数的几倍、几分之几：想一想乘法。",
          "The same amount is there several times, or a part of it is meant: think of multiplying."),
    "÷": (
        "要平均分，或者看一个里面有几个另一个：想一想除法。",
        "It is shared equally, or you see how often one fits: think of dividing.",
    ),
    "^": ("同一个数自己乘自己：想一想乘法。", "A number is multiplied by itself."),
}  # fmt: skip


def _operation(lesson: Lesson, step: Step) -> str:
    ends = " Which number comes first, and why?" if lesson.english else "哪个数写在前面？为什么？"
    return _OPERATIONS[step.node.op][lesson.english] + ends


def _sum(lesson: Lesson, step: Step) -> str:
    if lesson.english:
        return f"{step.expression} = ____\n\nWork it out and write it to me."
    unit = f" {step.unit}" if step.unit and step.unit != "倍" else ""
    return f"{step.expression}＝（　　）{unit}\n\n自己算一算，把得数写给我。"


_INVERSE = {
    "+": ("减法", "subtraction"), "-": ("加法", "addition"), "×": ("除法", "division"), "÷": ("乘法", "multiplication"),
    "^": ("除法", "division"),
}  # fmt: skip


def _check(lesson: Lesson, step: Step) -> str:
    how = _INVERSE[step.node.op][lesson.english]
    if lesson.english:
        return f"{_sum(lesson, step)}\n\nThen go backwards with {how}: you should come back to {plain(step.left)}."
    return f"{_sum(lesson, step)}\n\n算完用{how}倒着验算，应该回到{plain(step.left)}。再看看单位，读一遍通不通。"


# -- where there is no plan, books, and a model's wording -----------------------------------------------------------


def _unsure(problem: str, working: Working) -> str:
    """What can be said of a problem that nobody could be sure of; a pupil's own sums are checked all the same."""
    english = is_english(problem)
    lines = []
    for at, claim in enumerate(working.claims, 1):
        name = f"Step {at}" if english else f"第 {at} 步"
        lines.append(f"{'✓' if claim.is_right else '✗'} {name}：{claim.written}")
        if not claim.is_right:
            break
    clauses = "\n".join(f"- {clause}" for clause in _clauses(problem) if mentions(clause))
    if english:
        lines.append(
            "**I am not sure about this problem,** and give no way that may be wrong. I can check your sums.\n\n"
            f"What is known:\n{clauses}\n\nDraw it, and ask a teacher or look into the book."
        )
    else:
        lines.append(
            "**这道题我没有把握，** 不乱指路。你写的每一步算式，我可以帮你验算。\n\n"
            f"已经知道的：\n{clauses}\n\n画个图想一想，再问问老师，或者看看书上的例题。"
        )
    return "\n\n".join(lines)


_PLACE = re.compile(r"(《[^》]*》)\s*第\s*(\d+)\s*页[:：]\s*(.*)", re.S)
_MOST_PAGES, _LONGEST_QUOTE = 2, 50
_WORKED = re.compile(r"解[:：法]|答[:：案]|[=＝≈]|分析|Answer|Solution", re.IGNORECASE)


def _pages(lesson: Lesson | None, problem: str, pages: Sequence[str]) -> str:
    """课本第 34 页, with its first words where they tell nothing: nothing is quoted that is worked out there, and no
    number that the problem does not tell, for the page may solve this very problem."""
    known = {number.value for number in known_numbers(problem)} | (lesson.known if lesson is not None else set())
    out = []
    for passage in pages[:_MOST_PAGES]:
        found = _PLACE.match(str(passage))
        if found is None:
            continue
        place = f"{found[1]}第 {found[2]} 页"
        words = " ".join(_WORKED.split(found[3], maxsplit=1)[0].split())
        quote = f"{place}：{words[:_LONGEST_QUOTE]}…"
        is_plain = len(words) > 3 and {one.number.value for one in mentions(words)} <= known
        if is_plain and (lesson is None or lesson.is_safe(quote)):
            out.append(quote)
        elif lesson is None or lesson.is_safe(place):
            out.append(place)
    return "".join(f"\n\n> 📖 {one}" for one in out)


def tutor_reword(state: Mapping[str, Any], answer: str, said: str) -> str:
    """A model's friendlier wording of what the tutor says, where it tells no more than that; otherwise as it was."""
    said = str(said).strip()
    numbers = {one.number.value for one in mentions(answer)}
    fits = len(said) <= 2 * len(answer) + 40 and {one.number.value for one in mentions(said)} <= numbers
    if not said or not fits or not state["plan"] or state["done"] or is_english(said) != is_english(answer):
        return answer
    lesson = Lesson(state)
    if not lesson.is_safe(said, (lesson.step.expression,)) or lesson.step.expression not in said.replace(" ", ""):
        return answer
    return said


def _lent(call: Any) -> Tool:
    return Tool(
        call, "家教：把题分成提示，检查学生自己的算式", "the tutor: hints for a problem, a pupil's steps checked"
    )


TOOLS = {one.__name__: _lent(one) for one in (tutor_next, tutor_begin, tutor, tutor_reword)}
