"""A pupil's steps, marked: which is the first that is wrong, and what it looks like that went wrong there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from huozhong.acts.asked import asks_two
from huozhong.acts.inquiry import COMMON
from huozhong.acts.read_back import known_numbers
from huozhong.acts.reading import read
from huozhong.apps.tutor.lesson import Lesson, State
from huozhong.verify.numbers import mentions, told
from huozhong.verify.slips import Slip, slip_of
from huozhong.verify.units import NAMES, convert
from huozhong.verify.working import Claim, Working

Tallies = list[list[str]]

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
        "**对了！** 别忘了写单位和“答”。再把得数放回题里读一遍，看说不说得通。",
        "**Right!** Put it back into the problem and read it once more.",
    ),
    "again": ("这道题你已经做对了，换一道吧。", "You have solved this one; take another."),
    "between": ("这个数对，是中间的一步，还没到最后。", "That is right, and it is a step on the way, not the end yet."),
    "wrong": ("这个得数不对，再想想。", "That is not it; think again."),
    "other": (
        "算得没错，可是我的思路里没有这一步：想一想它求的是什么。",
        "The sum is right, but my way has no such step: what does it tell you?",
    ),
    "method": (
        "算得没错，这两个数也选对了。再想想：它们之间该用哪种算法？",
        "The sum is right, and these are the right two numbers. Which operation belongs between them?",
    ),
    "unit": (
        "这两个数的单位不一样，不能直接算：先把单位变成一样的。",
        "These two numbers have different units: make the units the same first.",
    ),
    "left": ("每一步都算对了，接着往下。", "Every step is right so far; go on."),
    "answer": ("算式都对，“答”里写的数却不是算出来的那个：再对一对。",
               "The sums are right, but the number behind 'Answer' is another one: compare them."),
    "set up": ("这个算式和我的思路不一样：想一想，每个数是题里的哪一个。",
               "My way has no such sum: which number of the problem is each of these?"),
    "work it out": ("算式列对了。算一算，把得数写给我。",
                    "The sum is set up right. Work it out and write me the result."),
}  # fmt: skip

_SLIPS: dict[Slip, tuple[str, str]] = {
    "carry": ("看看进位：哪一位满十了？", "Look at the carrying: which place makes ten?"),
    "borrow": ("看看退位：不够减的那一位，向前一位借了没有？借走的减了没有？",
               "Look at the borrowing: which place was too small, and was the ten taken away?"),
    "table": ("再背一遍乘法口诀，对一对。", "Say the times table once more and compare."),
    "zero": ("数一数末尾的0：多了还是少了？", "Count the zeros at the end."),
    "point": ("看看小数点：它应该点在哪里？", "Look at the decimal point: where does it belong?"),
    "sign": ("看清运算符号：写的和算的是同一个吗？", "Look at the sign: did you do what you wrote?"),
    "order": ("前后两个数写反了吧？想一想谁减谁、谁除以谁。", "Are the two numbers the wrong way round?"),
    "one off": ("只差一点点，慢慢再数一遍。", "Very near: count once more, slowly."),
    "digits": ("个位和十位的数字写颠倒了吧？", "Are two digits turned round?"),
}  # fmt: skip


_COPIED = (
    "有个数和题里的不一样：是不是抄错了？把题里的数再读一遍。",
    "One number differs from the problem: was it copied wrongly? Read the numbers once more.",
)
_FROM_NOWHERE = (
    "这一步里有个数题里没有，也没有算出来过：它从哪里来？",
    "One number of this step is neither told nor worked out: where is it from?",
)


_SAYINGS["copied"] = _COPIED


def say(lesson: Lesson, what: str) -> str:
    """A fixed sentence, in the problem's language."""
    return _SAYINGS[what][lesson.english]


def judged(lesson: Lesson, working: Working, mine: str, now: State) -> tuple[list[str], Tallies]:
    """What the pupil wrote, marked, and what may be counted of it; what was reached is remembered in `now`."""
    if not working.claims and working.sum is not None:
        return _judged_sum(lesson, working.sum, now)
    if not working.claims:
        return _judged_number(lesson, working, mine, now)
    known_before = {number.value for number in known_numbers(lesson.problem)}
    now["tried"] = now["tried"] or any(known_before & set(claim.operands) for claim in working.claims)
    lines: list[str] = []
    tallies: Tallies = []
    parts = {Fraction(part) for one in lesson.known if one.denominator != 1 for part in one.as_integer_ratio()}
    parts |= {
        part for one in told(lesson.problem) if one.style == "percent" for part in (one.value * 100, Fraction(100))
    }
    known, useful, last = lesson.known | parts, True, working.claims[-1]  # 3/5 is written with a 3
    for at, claim in enumerate(working.claims, 1):
        # What a right side computes on with follows from the left one; a step may have been done in the head.
        of_itself = set(claim.made) if claim.is_right else set()
        strange = [value for value in claim.operands if value not in known | COMMON | of_itself | lesson.between]
        if strange or not claim.is_right:
            why, kind = _why(lesson, claim, strange, known)
            lines.append(f"{_mark(lesson, at, claim, '✗')}\n{why[lesson.english]}")
            return lines, [*tallies, [_sign(claim), kind]]
        known = known | {claim.value, *of_itself}
        useful = claim.value in lesson.between | lesson.answers
        if useful and str(claim.value) not in now["reached"]:
            now["reached"] = [*now["reached"], str(claim.value)]
            now["level"] = 1
            lesson = Lesson(now)
        lines.append(_mark(lesson, at, claim, "✓"))
        tallies.append([_sign(claim), "right" if useful else _aside(lesson, claim)])
    if last.value in lesson.answers and working.number in lesson.answers:
        now["done"] = True
    elif last.value in lesson.answers and working.number not in (last.claimed, None):
        lines.append(say(lesson, "answer"))
        tallies.append(["answer", "copied"])
    elif not useful:
        lines.append(say(lesson, _aside(lesson, last)))
    elif working.number is not None and working.number not in (last.claimed, *lesson.answers):
        lines.append(say(lesson, "wrong"))
    else:
        lines.append(say(lesson, "left"))
    return lines, tallies


def _judged_sum(lesson: Lesson, written: Claim, now: State) -> tuple[list[str], Tallies]:
    """A sum without its result: whether it is one of the way, and no word of what it comes to."""
    known = lesson.known | COMMON | lesson.between
    fits = written.value in lesson.between | lesson.answers and known.issuperset(written.operands)
    now["tried"] = now["tried"] or fits
    if fits:  # 20 of 36-20, which was come to in the head
        own = (lesson.between - lesson.known) & set(written.operands)
        now["reached"] = [*now["reached"], *(str(one) for one in own if str(one) not in now["reached"])]
    return [say(lesson, "work it out" if fits else "set up")], [[_sign(written), "unfinished" if fits else "other"]]


def _judged_number(lesson: Lesson, working: Working, mine: str, now: State) -> tuple[list[str], Tallies]:
    stated = {working.number} if working.number is not None else set()
    wanted = lesson.work.asked
    if working.quantity is not None and wanted is not None:  # 2小时40分 where minutes are asked for
        unit = NAMES.get(wanted.written)
        if unit is not None and unit.kind == working.quantity.kind:
            stated.add(convert(working.quantity, unit))
    if asks_two(lesson.problem):  # 鸡23只，兔12只
        both = {one.number.value for one in mentions(mine)}
        stated |= both & lesson.answers if len(both) > 1 and both <= lesson.secrets else set()
    if stated & lesson.answers:
        now["done"] = True
        return [], [["answer", "right"]]
    if reached := stated & lesson.between:
        value = str(next(iter(reached)))
        if value not in now["reached"]:
            now["reached"] = [*now["reached"], value]
            now["level"] = 1
        return [say(lesson, "between")], [["answer", "unfinished"]]
    return [say(lesson, "wrong")], [["answer", "wrong"]]


def _sign(claim: Claim) -> str:
    """The operation of a sum of two numbers, "sum" for a longer one."""
    signs = re.findall(r"(?<=[\d)%])\s*([-+*/×÷])", claim.expression)
    return signs[0].replace("*", "×").replace("/", "÷") if len(signs) == 1 else "sum"


def _mark(lesson: Lesson, at: int, claim: Claim, sign: str) -> str:
    """Step 1 ✓, with what was written where that tells nothing."""
    name = f"Step {at}" if lesson.english else f"第 {at} 步"
    line = f"{sign} {name}{': ' if lesson.english else '：'}{claim.written}"
    own = {*claim.operands, claim.claimed}  # which the pupil has written
    return line if lesson.is_safe(line, (claim.expression,), own) else f"{sign} {name}"


def _why(
    lesson: Lesson, claim: Claim, strange: Sequence[Fraction], known: set[Fraction]
) -> tuple[tuple[str, str], str]:
    """What is said of a wrong step, and its kind."""
    right_side = claim.written.rsplit("=", 1)[-1].replace("×", "*").replace("÷", "/").lstrip("-")
    if not claim.is_right and re.search(r"[-+*/^]", right_side):
        return ("等号两边不一样大：一步写一个等式，再算一遍。",
                "Both sides of = must be the same: one equation a step."), "equals"  # fmt: skip
    if strange:
        near = any(_is_miscopied(value, other) for value in strange for other in known)
        return (_COPIED, "copied") if near else (_FROM_NOWHERE, "unknown number")
    slip = slip_of(claim.expression, claim.claimed)
    if slip is not None:
        head = ("就是这一步。", "It is this step. ")
        return (head[0] + _SLIPS[slip][0], head[1] + _SLIPS[slip][1]), slip
    return ("就是这一步算错了，再算一遍。", "This is the step that went wrong: work it out once more."), "sum"


def _is_miscopied(written: Fraction, told_number: Fraction) -> bool:
    """36 as 63, 136 as 126, 1200 as 120: the same digits in another order, or one of them different or left out."""
    if written.denominator != 1 or told_number.denominator != 1 or told_number < 10:
        return False
    a, b = str(written), str(told_number)
    if sorted(a) == sorted(b):
        return True
    if len(a) == len(b) and len(a) > 1:
        return sum(x != y for x, y in zip(a, b, strict=True)) == 1
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return len(longer) - len(shorter) == 1 and len(shorter) > 1 and any(
        longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer))
    )  # fmt: skip


def _aside(lesson: Lesson, claim: Claim) -> str:
    """Why a right sum is no step of the way: other units, another operation between the right numbers, or other."""
    only_told = {number.value for number in told(lesson.problem)} - {number.value for number in told(lesson.text)}
    if read(lesson.problem).units.facts and set(claim.operands) & only_told:
        return "unit"
    brought = set(claim.operands) & COMMON - lesson.known
    if any(_is_miscopied(value, other) for value in brought for other in lesson.known):
        return "copied"
    wanted = {lesson.step.left.value, lesson.step.right.value}
    return "method" if set(claim.operands) == wanted else "other"
