"""What to ask a model until its plan for a problem can be relied on, or cannot.

A model that shows its working is asked again in almost the same words, for small ones stumble over many; then for the
same problem with another number: who guessed is found out.  One that does not show it is told how to.  A plan whose
units do not come out as what is asked for has to stand another wording.  All that is said has to agree.

Agreeing with oneself is not being right: in the end the plan has to be one that `acts.confirmed` confirms.  What a rule
reads exactly is not asked at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from huozhong.acts.ask import asked
from huozhong.acts.confirmed import exact_plan, exactly, is_confirmed
from huozhong.acts.read_back import read_plan, twin
from huozhong.acts.reading import read
from huozhong.acts.solve import Node, leaves, value_of
from huozhong.acts.steps import Worked
from huozhong.text.language import is_english

# Numbers that steps bring along without being told.
COMMON = frozenset(Fraction(one) for one in ("1", "2", "4", "7", "10", "12", "24", "60", "100", "1000", "3.14"))


def inquiry(problem: str, said: Sequence[str]) -> tuple[str, Node | None]:
    """What is to be asked next, "" for nothing; and when all is asked, the plan that every answer agrees on, or None.

    said: the answers to what was asked before, in order.
    """
    if not said:
        done = exactly(problem)
        plan = None if done is None else exact_plan(problem, done)
        return (problem, None) if plan is None else ("", plan)
    plan = read_plan(problem, said[0])
    shows = plan is not None
    if len(said) == 1:
        return (_again(problem) if shows else _formal(problem)), None
    second = read_plan(problem, said[1])
    if second is None or (plan is not None and not is_alike(plan, second)):
        return "", None
    plan = plan or second
    if not is_confirmed(problem, plan):
        return "", None
    further = _further(problem, plan, shows)
    for answer, (_, text, planned) in zip(said[2:], further, strict=False):
        found = read_plan(text, answer)
        if found is None or not is_alike(found, planned):
            return "", None
    rest = further[len(said) - 2 :]
    return (rest[0][0], None) if rest else ("", plan)


def _further(problem: str, plan: Node, shows: bool) -> list[tuple[str, str, Node]]:
    """What a plan has to stand: how it is asked, the problem that is meant, its plan."""
    out: list[tuple[str, str, Node]] = []
    other = twin(problem, plan)
    if other is not None:
        out.append((other[0] if shows else _formal(other[0]), *other))
    if shows:
        out += [(words, problem, plan) for words in _in_other_words(problem)]
    if not _units_come_out(problem, plan) or not (other is not None or shows):
        out.append((_formal(problem if shows else _again(problem)), problem, plan))
    return out


def is_alike(one: Node, other: Node) -> bool:
    """Whether two plans take the same numbers to the same result, be it in another way."""
    numbers = [{leaf.value for leaf in leaves(plan)} - COMMON for plan in (one, other)]
    return value_of(one) == value_of(other) and numbers[0] == numbers[1]


def _units_come_out(problem: str, plan: Node) -> bool:
    """False where the plan's numbers have units that make another one than is asked for."""
    text = read(problem).text
    wanted, made = asked(text), Worked.measured(text, plan)
    return wanted is None or wanted.unit is None or made is None or made == wanted.unit


def _again(problem: str) -> str:
    return f"{'Problem: ' if is_english(problem) else '应用题：'}{problem}"


def _in_other_words(problem: str) -> tuple[str, str]:
    if is_english(problem):
        return f"Our teacher gave us a problem. {problem}", f"{problem} (Show every step.)"
    return f"今天老师出了一道题。{problem}", f"{problem}（要写出每一步）"


def _formal(problem: str) -> str:
    if is_english(problem):
        return f"{problem}\nWork it out step by step, one equation a line, and write 'Answer:' in the end."
    return f"{problem}\n请分步列式，每一步写成一个等式，最后写“答”。"
