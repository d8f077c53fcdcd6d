"""A plan that was worked out, as a teacher of a primary school would write it: a sentence a step, units, and 答.

    小明有36个苹果，每天吃4个，吃了5天，还剩几个？        a-b×c
    先算5天吃一共多少个：4×5=20（个）。
    再算还剩几个：36-20=16（个）。
    答：还剩16个。

What is not certain is left out: a unit that the numbers' own units do not give, a name that the question does not
use, a sentence that would not read well.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction

from huozhong.acts.ask import english_noun
from huozhong.acts.one_unit import OneUnit
from huozhong.acts.solve import Node, Operation, Unsolvable, intermediate_values, leaves, replace_leaves, value_of
from huozhong.acts.steps import Step, Worked, as_percent, plain
from huozhong.text.language import is_english
from huozhong.verify.arithmetic import final_answer, parse_number
from huozhong.verify.numbers import Number, decimals_of, mentions


def worded(question: str, told: list[Number], plan: Node) -> str:
    """The answer to a problem: a sentence for each step, then what was asked for."""
    work = Worked(question, plan)
    if is_english(question):
        return "\n".join((*_english_steps(work), *_rounded(work), f"Answer: {_english_result(work)}."))
    return "\n".join((*_chinese_steps(work), *_rounded(work), f"答：{_sentence(work)}。"))


def in_asked_unit(answer: str, units: OneUnit) -> str:
    """An answer that was worked out in a small unit, told in the one that was asked for: 160分钟=(8/3)小时."""
    if units.inside is None or units.asked is None:
        return answer
    *steps, last = answer.split("\n")
    value = final_answer(answer)
    english = last.startswith("Answer")
    small = units.inside.plural if english else units.inside.zh
    if value is None:
        return answer
    result = units.converted(value)
    name = (units.asked.en if result == 1 else units.asked.plural) if english else units.asked.zh
    shown = plain(Number(result, "decimal" if decimals_of(result) is not None else "fraction"))
    before, after = f"{plain(Number(value))}{' ' * english}{small}", f"{shown}{' ' * english}{name}"
    told = f"{before} = {after}." if english else f"{before}={after}。"
    last = (
        last.replace(before, after)
        if before in last
        else f"{'Answer: ' if english else '答：'}{after}{'.' if english else '。'}"
    )
    return "\n".join((*steps, told, last))


def _rounded(work: Worked) -> Iterator[str]:
    """Why a result that does not come out even is answered by a whole number."""
    if work.answer != work.exact:
        result, more = plain(work.answer), work.answer.value > work.exact.value
        if is_english(work.question):
            yield f"It has to be a whole number, so it is {result}."
        else:
            unit = work.unit_name(work.plan)
            yield f"要取整数，{'不足一份的也要算一份' if more else '不够一份的不能算'}，所以是{result}{unit}。"


# -- Chinese ----------------------------------------------------------------------------------------------------


def _chinese_steps(work: Worked) -> Iterator[str]:
    steps = work.steps
    for at, step in enumerate(steps):
        is_last = at == len(steps) - 1
        line = f"{step.expression}={_result(work, step, is_last)}"
        if step.unit:
            line += f"（{step.unit}）"
        if len(steps) == 1:
            yield f"{line}。"
            continue
        name = _last_name(work) if is_last else step.name
        order = "先算" if at == 0 else "再算" if len(steps) == 2 or not is_last else "最后算"
        if not name:
            name, order = f"第{_NUMERALS[at] if at < len(_NUMERALS) else at + 1}步", ""
        yield f"{order}{name}：{line}。"


_NUMERALS = "一二三四五六七八九十"


def _result(work: Worked, step: Step, is_last: bool) -> str:
    result = plain(step.result)
    if is_last and work.asked is not None and work.asked.kind == "part":
        return plain(Number(step.result.value, "fraction"))
    if is_last and _is_percent(work):
        percent = as_percent(step.result.value)
        exact = parse_number(percent) == step.result.value
        return f"{result}={percent}" if exact else f"{result}≈{percent}"
    return result


def _is_percent(work: Worked) -> bool:
    return work.asked is not None and work.asked.kind == "percent"


def _last_name(work: Worked) -> str:
    """还剩几个, where the clause that asks is short."""
    if work.asked is None or len(work.asked.clause) > 14 or re.search(r"[\d“”\"']|^[多几]|^是", work.asked.clause):
        return ""
    return work.asked.clause


def _sentence(work: Worked) -> str:
    """还剩16个, or the bare result where that cannot be said well."""
    value = work.answer.value
    result = plain(work.answer)
    unit = work.unit_name(work.plan)
    if _is_percent(work):
        result, unit = as_percent(value), ""
    elif work.asked is not None and work.asked.kind == "part":
        result = plain(Number(value, "fraction"))
    bare = f"{result}{unit}"
    if work.asked is None or not _spoken_of(work):
        return bare
    sentence = work.asked.sentence(result, "" if work.asked.kind != "number" else unit)
    if sentence is None:
        return bare
    # whoever looks for the result finds it: it is the last number of the sentence
    return sentence if final_answer(f"答：{sentence}。") == parse_number(result) else bare


def _spoken_of(work: Worked) -> bool:
    """Whether the clause that asks names no number but those that were worked with.

    After 如果买5盒呢 the clause is still 买3盒要多少元.
    """
    assert work.asked is not None
    used = {number.value for number in leaves(work.plan)}
    return all(mention.number.value in used for mention in mentions(work.asked.clause))


# -- English ----------------------------------------------------------------------------------------------------


def _english_steps(work: Worked) -> Iterator[str]:
    for at, step in enumerate(work.steps):
        line = f"{_spaced(step.expression)} = {plain(step.result)}."
        if len(work.steps) == 1:
            yield line
        else:
            yield f"{'First' if at == 0 else 'Last' if at > 1 and at == len(work.steps) - 1 else 'Then'}: {line}"


def _spaced(expression: str) -> str:
    return re.sub(r"(?<=[\d)%])([-+×÷])", r" \1 ", expression)


def _english_result(work: Worked) -> str:
    before, after = english_noun(work.question, work.answer.value)
    if after == "%":
        value = work.answer.value
        return as_percent(value if value <= 1 else value / 100)
    result = plain(work.answer)
    if before == "$" and decimals_of(work.answer.value) == 1:
        result += "0"
    return f"{before}{result}{after}"


# -- why ----------------------------------------------------------------------------------------------------------


def explained(question: str, told: list[Number], plan: Node) -> str:
    """Why: what each step does, in words."""
    work = Worked(question, plan)
    if is_english(question):
        lines = [_english_reason(work, step) for step in work.steps]
        return "\n".join((*lines, f"Answer: {_english_result(work)}."))
    lines = [_reason(work, step) for step in work.steps]
    return "\n".join((*lines, f"答：{_sentence(work)}。"))


def _quantity(work: Worked, node: Node, number: Number) -> str:
    if isinstance(node, Number):
        reading = work.readings.get(node)
        written = "" if reading is None or reading.unit is None else reading.written
    else:
        written = work.unit_name(node)
    return f"{plain(number)}{written}"


def _reason(work: Worked, step: Step) -> str:
    node = step.node
    a, b = _quantity(work, node.left, step.left), _quantity(work, node.right, step.right)
    sum_ = f"{step.expression}={_result(work, step, step is work.steps[-1])}{step.unit}"
    ratio = [work.units.get(side) for side in (node.left, node.right)]
    if node.op == "+":
        return f"把{a}和{b}合起来，用加法：{sum_}。"
    if node.op == "-":
        compares = (
            work.asked is not None
            and node is work.plan
            and re.search("比|相差|差多|多多|少多|多几|少几", work.asked.clause)
        )
        return f"比一比{a}和{b}，相差多少，用减法：{sum_}。" if compares else f"从{a}里去掉{b}，用减法：{sum_}。"
    if node.op == "^":
        return f"{step.right}个{a}相乘：{sum_}。"
    if node.op == "×":
        return _product_reason(work, step, a, b, sum_)
    if ratio[0] is not None and ratio[0] == ratio[1]:
        share = "几分之几" if step.result.value < 1 else "几倍" if not ratio[0].powers or step.unit == "倍" else ""
        return f"求{a}是{b}的{share}，用除法：{sum_}。" if share else f"看{a}里面有几个{b}，用除法：{sum_}。"
    if str(step.right).startswith("("):
        return f"已知它的{plain(step.right)}是{a}，求它是多少，用除法：{sum_}。"
    return f"把{a}按{b}来平均分，用除法：{sum_}。"


def _product_reason(work: Worked, step: Step, a: str, b: str, sum_: str) -> str:
    for side, other, count in ((step.node.left, step.node.right, b), (step.node.right, step.node.left, a)):
        reading = work.readings.get(side) if isinstance(side, Number) else None
        if reading is not None and reading.per and work.units.get(other) == work.units.get(other) is not None:
            each = f"每{reading.per}{reading.between}{plain(side)}{reading.written}"  # type: ignore[arg-type]
            times = step.right if side is step.node.left else step.left
            many = f"就有{plain(times)}个{plain(side)}" if times.value.denominator == 1 else "就是这么多倍"  # type: ignore[arg-type]
            return f"{each}，{count}{many}，用乘法：{sum_}。"
    for number, other_text in ((step.right, a), (step.left, b)):
        if number.style in ("fraction", "percent"):
            return f"求{other_text}的{plain(number)}是多少，用乘法：{sum_}。"
    return f"{a}和{b}相乘：{sum_}。"


_WHY_EN = {
    "+": "Put {a} and {b} together, so add: {sum}.",
    "-": "Take {b} away from {a}, or find the difference, so subtract: {sum}.",
    "×": "{a} is there {b} times over, so multiply: {sum}.",
    "÷": "Share {a} by {b}, so divide: {sum}.",
    "^": "Multiply {a} by itself: {sum}.",
}


def _english_reason(work: Worked, step: Step) -> str:
    sum_ = f"{_spaced(step.expression)} = {plain(step.result)}"
    return _WHY_EN[step.node.op].format(a=plain(step.left), b=plain(step.right), sum=sum_)


# -- another way --------------------------------------------------------------------------------------------------


def another_way(plan: Node) -> Node | None:
    """A plan that reads differently and always comes to the same; None if there is none worth showing."""
    for other in _rewritten(plan):
        if other != plan and _always_same(plan, other) and _is_sensible(plan, other):
            return other
    return None


def _rewritten(node: Node) -> Iterator[Node]:
    """The rules of primary school at every place of a plan, the whole first."""
    if isinstance(node, Number):
        return
    yield from _laws(node)
    for left in _rewritten(node.left):
        yield Operation(node.op, left, node.right)
    for right in _rewritten(node.right):
        yield Operation(node.op, node.left, right)


def _laws(node: Operation) -> Iterator[Node]:
    op, a, b = node.op, node.left, node.right
    if op in "+-":
        yield from _factored_out(op, a, b)
    if op in "×÷" and isinstance(a, Operation) and a.op in "+-":  # (a+b)×c
        yield Operation(a.op, Operation(op, a.left, b), Operation(op, a.right, b))
    if op == "×" and isinstance(b, Operation) and b.op in "+-":  # a×(b+c)
        yield Operation(b.op, Operation("×", a, b.left), Operation("×", a, b.right))
    if op in "-÷" and isinstance(a, Operation) and a.op == op:  # a-b-c, a÷b÷c
        yield Operation(op, a.left, Operation("+" if op == "-" else "×", a.right, b))
    if op in "-÷" and isinstance(b, Operation) and b.op == ("+" if op == "-" else "×"):  # a-(b+c), a÷(b×c)
        yield Operation(op, Operation(op, a, b.left), b.right)
    if op == "÷" and isinstance(a, Operation) and a.op == "×":  # a×b÷c
        yield Operation("×", Operation("÷", a.left, b), a.right)
        yield Operation("×", a.left, Operation("÷", a.right, b))
    if op == "×" and isinstance(a, Operation) and a.op == "÷":  # a÷b×c
        yield Operation("÷", Operation("×", a.left, b), a.right)
        yield Operation("×", a.left, Operation("÷", b, a.right))
    if op == "+" and isinstance(a, Operation) and a.op == "-":  # a-b+c
        yield Operation("-", Operation("+", a.left, b), a.right)
    if op == "-" and isinstance(a, Operation) and a.op == "+":  # a+b-c
        yield Operation("+", Operation("-", a.left, b), a.right)
        yield Operation("+", a.left, Operation("-", a.right, b))
    if op == "×" and isinstance(a, Operation) and a.op == "×":  # a×b×c
        yield Operation("×", a.left, Operation("×", a.right, b))


def _factored_out(op: str, a: Node, b: Node) -> Iterator[Node]:
    """a×c+b×c, a÷c-b÷c, a+a×p."""
    one = Number(Fraction(1))
    if isinstance(a, Operation) and isinstance(b, Operation) and a.op == b.op and a.op in "×÷":
        pairs = [(a.left, a.right, b.left, b.right)]
        if a.op == "×":
            pairs += [
                (x, y, u, v)
                for x, y in ((a.left, a.right), (a.right, a.left))
                for u, v in ((b.left, b.right), (b.right, b.left))
            ]
        for x, common, u, other in pairs:
            if common == other:
                yield Operation(a.op, Operation(op, x, u), common)
    if isinstance(b, Operation) and b.op == "×" and a in (b.left, b.right):
        share = b.right if b.left == a else b.left
        yield Operation("×", a, Operation(op, one, share))


def _always_same(plan: Node, other: Node) -> bool:
    """Equal for these numbers and for others in their places."""
    rng = random.Random(0)
    numbers = list(dict.fromkeys(leaves(plan)))
    try:
        if value_of(plan) != value_of(other):
            return False
        for _ in range(6):
            new = {n: n if n.value == 1 else Number(Fraction(rng.randint(2, 999), rng.randint(1, 7))) for n in numbers}
            if value_of(replace_leaves(plan, new)) != value_of(replace_leaves(other, new)):
                return False
    except Unsolvable:
        return False
    return True


def _is_sensible(plan: Node, other: Node) -> bool:
    """No step below nothing, and none broken where none was."""
    before, after = intermediate_values(plan), intermediate_values(other)
    if any(value < 0 for value in after):
        return False
    broken = any(value.denominator > 1 for value in (*before, *(number.value for number in leaves(plan))))
    return broken or all(value.denominator == 1 for value in after)
