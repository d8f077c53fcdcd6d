"""Five hints for a step, from what the problem says to the check: of its own numbers, and never its result.

A number of the problem that is a result as well (the answer is 2, and two share something) is not said in the tutor's
own words either: the problem's clause is quoted, and in a sum stands a gap, 16÷□.  A change of units is left to the
pupil like any other step.
"""

from __future__ import annotations

import re

from huozhong.acts.ask import asked
from huozhong.acts.confirmed import exactly
from huozhong.acts.reading import read
from huozhong.acts.solve import Node, Operation
from huozhong.acts.steps import Step, plain
from huozhong.apps.tutor.lesson import Lesson, clauses_of
from huozhong.verify.numbers import Mention, Number, mentions

GAP = "□"
LEVELS = 5  # restate, which quantities, which operation, the sum without its result, check yours


def hint(lesson: Lesson, level: int) -> str:
    """The words of a level, 1 to `LEVELS`, for the first step that is not reached."""
    step = lesson.step
    makers = (_restated, _which, _operation, _sum, _check)
    text = f"{_heading(lesson, level)}\n\n{makers[level - 1](lesson, step)}"
    if lesson.is_safe(text, (sum_of(lesson, step),)):
        return text
    return "Read the problem once more, slowly." if lesson.english else "再慢慢读一遍题，把数和问题圈出来。"


def sum_of(lesson: Lesson, step: Step) -> str:
    """The sum without its result, with a gap for a number that is not said: `4×5`, `16÷□`."""
    hidden = [lesson.hides(number) for number in (step.left, step.right)]
    if step.node.op == "^":
        return "×".join([GAP] * int(step.right.value)) if hidden[0] else step.expression
    sides = step.expression.partition(step.node.op)[::2]
    return step.node.op.join(GAP if gap else side for gap, side in zip(hidden, sides, strict=True))


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
        return f"You know:\n{lines}\n\nYou look for: “{question}”. Say it in your own words first."
    question = wanted.clause if wanted is not None else clauses_of(lesson.problem)[-1]
    return f"题里告诉我们：\n{lines}\n\n要求的是“{question}”。先用自己的话说一遍。"


def _which(lesson: Lesson, step: Step) -> str:
    named = dict.fromkeys(_described(lesson, side, number) for side, number in _sides(step))
    listed = "\n".join(f"- {one}" for one in named)  # in lines: "3 and 5" would be a sum in words
    if lesson.english:
        return f"Look at this, and leave the rest for later:\n{listed}\n\nWhat can you find out from it?"
    purpose = f"先求{step.name}。" if step.name and lesson.is_safe(step.name) else ""
    facts = [one for fact in read(lesson.problem).units.facts if (one := _as_question(fact)) and lesson.is_safe(one)]
    units = f"先把单位变成一样的：{'，'.join(facts)}？" if facts else ""
    return f"{units}{purpose}看这里，别的先放一放：\n{listed}\n\n由它们能知道什么？"


def _sides(step: Step) -> tuple[tuple[Node, Number], tuple[Node, Number]]:
    return (step.node.left, step.left), (step.node.right, step.right)


_FACT = re.compile(r"(?P<from>从[^是]*到[^是]*|[^=]*)[是=]\(?[\d./]+\)?(?P<unit>\D+)")


def _as_question(fact: str) -> str:
    """3米=300厘米 as 3米是多少厘米; empty for what cannot be asked so."""
    found = _FACT.fullmatch(fact)
    return f"{found['from']}是多少{found['unit']}" if found else ""


def _described(lesson: Lesson, side: Node, number: Number) -> str:
    """每天吃4个, or the result that the pupil came to."""
    if isinstance(side, Operation):
        return f"your {plain(number)}" if lesson.english else f"你算出的{plain(number)}{lesson.work.unit_name(side)}"
    clause = _clause_of(lesson, number)
    if lesson.hides(number):
        return f"“{clause}”" if clause else _place(lesson, number)
    if clause and len(clause) <= (60 if lesson.english else 24):
        return f"“{clause}”"
    if written := next((lesson.text[m.start : m.end] for m in _told(lesson, number)), ""):
        return f"“{written}”"
    return f"the {plain(number)} that belongs to it" if lesson.english else f"公式或者换算里的{plain(number)}"


def _told(lesson: Lesson, number: Number) -> list[Mention]:
    return [one for one in mentions(lesson.text) if one.number.value == number.value]


def _clause_of(lesson: Lesson, number: Number) -> str:
    """The problem's own clause that tells a number, be it in another unit; "" for none."""
    own, changed = clauses_of(lesson.problem), clauses_of(lesson.text)
    for mention in _told(lesson, number):
        at = 0
        for place, clause in enumerate(changed):
            start = lesson.text.index(clause, at)
            at = start + len(clause)
            if start <= mention.start < at:
                literal = own[place] if len(own) == len(changed) else clause
                return literal if literal in lesson.problem else ""
    return ""


def _place(lesson: Lesson, number: Number) -> str:
    """Where a number stands that is not said."""
    clause = _clause_of(lesson, number)
    if lesson.english:
        return f"the number in “{clause}”" if clause else "the number that belongs to it"
    if clause and number.value in lesson.changed:
        return f"“{clause}”变好单位的数"
    return f"“{clause}”里的数" if clause else "公式或者换算里的数"


_NAMES = {
    "+": ("加法", "adding"), "-": ("减法", "subtracting"), "×": ("乘法", "multiplying"), "÷": ("除法", "dividing"),
    "^": ("乘法", "multiplying"),
}  # fmt: skip


def _operation(lesson: Lesson, step: Step) -> str:
    """What the step does with these very numbers; by a rule's own idea or formula where there is one.

    The sum is not said in words either, so that only the next hint has it: nothing like 从36个里去掉20个.
    """
    name = _NAMES[step.node.op][lesson.english]
    if lesson.english:
        return f"{_why_in_english(lesson, step)} Think of {name}. Which number comes first, and why?"
    idea = _idea(lesson)
    order = "哪个数写在前面？为什么？" if step.node.op in "-÷" else "列个式子试试。"
    why = "想一想，式子里的数各是题里的哪一个。" if "=" in idea else f"{_why(lesson, step)}想一想{name}。"
    return f"{idea}{why}{order}"


def _why(lesson: Lesson, step: Step) -> str:
    """36个是一共的，20个是其中的一部分: what the two quantities are to each other."""
    node, work = step.node, lesson.work
    a, b = (_quantity(lesson, *side) for side in _sides(step))
    units = [work.units.get(side) for side in (node.left, node.right)]
    if not any(unit is not None and unit.powers for unit in units) and step.left.value != 1:
        return f"{a}、{b}，题里用哪个词把它们连起来："
    if node.op == "+":
        return f"{a}、{b}，要放到一起："
    if node.op == "-" and step.left.value == 1 and step.right.value < 1:
        return f"把整个看成{'“1”' if not lesson.hides(step.left) else '一样'}，占了{b}，要找剩下那一份："
    if node.op == "-":
        compares = work.asked is not None and node is work.plan and _COMPARES.search(work.asked.clause)
        return (
            f"{a}、{b}，放在一起比一比，看大的多出来哪一段："
            if compares
            else f"{a}是全部，{b}是其中一部分，要找另一部分："
        )
    if node.op == "÷":
        is_measured = units[1] is not None and units[1].powers  # 3/5米 is no share
        if step.right.style in ("fraction", "percent") and not is_measured:
            return f"{a}占了整个的{_said(lesson, step.right)}，要找整个："
        same = units[0] is not None and units[1] is not None and units[0].top == units[1].top
        return f"看{a}里面有几个{b}：" if same else f"{a}要分得一样多，每一份是多少："
    for share, whole in ((step.right, a), (step.left, b)):
        if share.style in ("fraction", "percent") or share.value < 1:
            return f"把{whole}看成整个，要找占{_said(lesson, share)}那一份："
    for rate, count in ((node.left, b), (node.right, a)):
        reading = work.readings.get(rate) if isinstance(rate, Number) else None
        if reading is not None and reading.per:
            each = f"{_said(lesson, rate)}{reading.written}"  # type: ignore[arg-type]
            return f"每{reading.per}{reading.between}{each}，{count}一共是几个几："
    return f"一份是{a}，{'' if b == plain(step.right) else b}有这样几份："


_COMPARES = re.compile("比|相差|差多|多多|少多|多几|少几")


def _quantity(lesson: Lesson, side: Node, number: Number) -> str:
    """20个, with the unit that it has in the problem or came out with."""
    if isinstance(side, Operation):
        return f"{plain(number)}{lesson.work.unit_name(side)}"
    if lesson.hides(number):
        return _place(lesson, number)
    reading = lesson.work.readings.get(side)
    return f"{plain(number)}{'' if reading is None or reading.unit is None else reading.written}"


def _said(lesson: Lesson, number: Number) -> str:
    """A number, or where it stands."""
    return _place(lesson, number) if lesson.hides(number) else plain(number)


def _why_in_english(lesson: Lesson, step: Step) -> str:
    a, b = (_said(lesson, number) for number in (step.left, step.right))
    return {
        "+": f"You have {a} here and {b} there, and want them in one.",
        "-": f"{a} is all of it; {b} is a part. You want the other part.",
        "×": f"One lot is {a}, and there are several lots: look for how many.",
        "÷": f"{a} is shared out, the same for each.",
        "^": f"It is about {a} and itself.",
    }[step.node.op]


def _idea(lesson: Lesson) -> str:
    """三角形的面积=底×高÷2, or 假设全是鸡."""
    done = exactly(lesson.problem)
    if done is None or not lesson.is_first:
        return ""
    idea = re.split(r"，(?=[\d(])|[：:]", done.answer)[0]
    if re.search(r"\d[^÷×]*[+\-=]\s*\d", idea) or idea == done.answer or not lesson.is_safe(idea):
        return ""
    return f"{idea}。"


def _sum(lesson: Lesson, step: Step) -> str:
    written = sum_of(lesson, step)
    gaps = dict.fromkeys(_place(lesson, number) for _, number in _sides(step) if lesson.hides(number))
    if lesson.english:
        gap = f"\n\n{GAP} is {'; '.join(gaps)}." if GAP in written else ""
        return f"{written} = ____{gap}\n\nWork it out and write it to me."
    unit = f" {step.unit}" if step.unit and step.unit != "倍" else ""
    gap = f"\n\n{GAP}是{'，'.join(gaps)}。" if GAP in written else ""
    return f"{written}＝（　　）{unit}{gap}\n\n自己算一算，把得数写给我。"


_BACKWARDS = {"+": "-", "-": "+", "×": "÷", "÷": "×", "^": "÷"}


def _check(lesson: Lesson, step: Step) -> str:
    how = _NAMES[_BACKWARDS[step.node.op]][lesson.english]
    is_hidden = lesson.hides(step.left)
    if lesson.english:
        back = "the number in front" if is_hidden else plain(step.left)
        return f"{_sum(lesson, step)}\n\nThen go backwards with {how}: you should come back to {back}."
    back = "前面那个数" if is_hidden else plain(step.left)
    return f"{_sum(lesson, step)}\n\n算完用{how}倒着验算，应该回到{back}。再看看单位，读一遍通不通。"
