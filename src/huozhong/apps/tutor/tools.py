"""The village tutor: hints that never give the answer away, and a pupil's own steps checked exactly.

A rule reads the problem, or a model is asked for its working, and only where all that it says agrees, holds and is
confirmed is there a plan (`acts.inquiry`).  The hints are built from the plan's steps (hints.py), not worded by a
model, and each of them is held against `verify.leak` before it is shown; a pupil's steps are marked by marking.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huozhong.acts.inquiry import inquiry
from huozhong.acts.read_back import known_numbers
from huozhong.acts.reading import read
from huozhong.acts.wording import explained, in_asked_unit, worded
from huozhong.apps.tutor.books import looked_up, pages_below, unsure
from huozhong.apps.tutor.hints import LEVELS, hint, sum_of
from huozhong.apps.tutor.lesson import Lesson, State
from huozhong.apps.tutor.marking import judged, say
from huozhong.apps.tutor.photo import cleaned
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool
from huozhong.text.language import is_english
from huozhong.verify.numbers import mentions, told
from huozhong.verify.working import read_working

MOST_PROBLEM = 500  # characters


def tutor_next(problem: str, said: Sequence[str]) -> str:
    """What to ask the model next about a problem, given what it said so far; empty when that is enough."""
    return inquiry(_problem(problem), said)[0]


def tutor_begin(problem: str, said: Sequence[str]) -> State:
    """What is remembered of a problem.  said: the answers to what `tutor_next` wanted asked."""
    problem = _problem(problem)
    question, plan = inquiry(problem, said)
    state: State = {"problem": problem, "plan": "" if plan is None or question else str(plan)}
    return state | {"reached": [], "level": 0, "tried": False, "done": False}


def tutor_looked_up(problem: str) -> str:
    """What to look for in the pupil's books."""
    return looked_up(_problem(problem))


def _problem(problem: str) -> str:
    problem = cleaned(str(problem))
    if not problem or len(problem) > MOST_PROBLEM:
        raise SkillError(
            f"请写上题目，最多 {MOST_PROBLEM} 个字。", f"Write the problem down, at most {MOST_PROBLEM} characters."
        )
    return problem


def tutor(state: Mapping[str, Any], mine: str = "", give: bool = False, pages: Sequence[str] = ()) -> State:
    """A turn: what to say to the pupil (`answer`), what to remember (`state`), what may be counted (`tallies`).

    mine: the pupil's steps or result, or any words; give: whether the answer is asked for; pages: passages of books.
    """
    now: State = dict(state)
    mine = str(mine or "")
    working = read_working(mine)
    if not now["plan"]:
        below = pages_below(None, now["problem"], pages)
        return {"answer": unsure(now["problem"], working) + below, "state": now, "tallies": []}
    lesson = Lesson(now)
    parts: list[str] = []
    tallies: list[list[str]] = []
    if lesson.done:
        parts.append(say(lesson, "again"))
    else:
        if working.claims or working.number is not None:
            parts, tallies = judged(lesson, working, mine, now)
        elif mine.strip() and not give:
            parts.append(say(lesson, "first"))
        if now["done"]:
            parts.append(say(lesson, "right"))
        elif give and now["tried"]:
            parts.append(_told(lesson))
            tallies.append(["answer", "shown"])
        else:
            if give:
                parts.append(say(lesson, "own"))
            lesson = Lesson(now)
            now["level"] = min(now["level"] + 1, LEVELS)
            parts.append(hint(lesson, now["level"]))
            tallies.append(["hint", str(now["level"])])
    below = pages_below(lesson, now["problem"], pages)
    return {"answer": "\n\n".join(parts) + below, "state": now, "tallies": tallies}


def _told(lesson: Lesson) -> str:
    """The answer, explained: after an attempt of the pupil's own."""
    reading = read(lesson.problem)
    numbers = known_numbers(lesson.problem)
    answer = in_asked_unit(worded(reading.text, numbers, lesson.plan), reading.units)
    why = explained(reading.text, numbers, lesson.plan).rsplit("\n", 1)[0]
    head = "You tried it yourself. This is one way:" if lesson.english else "你自己试过了，一起来看一种做法："
    return f"{head}\n\n{why}\n\n{answer}"


def tutor_reword(state: Mapping[str, Any], answer: str, said: str) -> str:
    """A model's friendlier wording of what the tutor says, where it tells no more than that; otherwise as it was."""
    said = str(said).strip()
    numbers = {one.number.value for one in mentions(answer)}
    fits = len(said) <= 2 * len(answer) + 40 and {one.number.value for one in mentions(said)} <= numbers
    if not said or not fits or not state["plan"] or state["done"] or is_english(said) != is_english(answer):
        return answer
    lesson = Lesson(state)
    written = sum_of(lesson, lesson.step)
    # Where the problem itself tells a number that is to be found, a quotation in a model's words may point at it.
    points = any(lesson.hides(number) for number in told(lesson.problem))
    if points or not lesson.is_safe(said, (written,)) or written not in said.replace(" ", ""):
        return answer
    return said


def _lent(call: Any) -> Tool:
    return Tool(
        call, "家教：把题分成提示，检查学生自己的算式", "the tutor: hints for a problem, a pupil's steps checked"
    )


TOOLS = {one.__name__: _lent(one) for one in (tutor_next, tutor_begin, tutor_looked_up, tutor, tutor_reword)}
