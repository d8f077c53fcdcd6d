"""What people say after an answer: a number changed, something else asked, "why?", "another way?".

The reasoning begins with a label of `acts.labels`, then come the numbers of the question before and those of this one,
then a plan in their letters.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from distractors import clauses
from plan_text import plan_of, uses_letter
from school import Made, written
from school import _numbers as draw_numbers
from school import _words as draw_words
from word_problems import _other as another_number

from huozhong.acts.labels import CONTINUE, EXPLAIN, OTHER_WAY
from huozhong.acts.solve import Node, leaves, parse, replace_leaves, value_of
from huozhong.verify.numbers import Number, mentions, told

_ASKS = re.compile("多少|几|？|\\?|求")
_WHY = (
    "为什么？ 为什么 为啥？ 为啥 为什么呢？ 为什么是这个答案？ 怎么算的？ 怎么算出来的？ 怎么得来的？ 这是怎么算的？ 能讲讲吗？ 讲一下 讲解一下 解释一下 "
    "请解释一下 为什么这么算？ 为什么要这样做？ 我不懂 我没看懂 没听懂 不明白 我还是不明白 看不懂 再讲一遍 请再讲一遍 说说理由 说一下思路 思路是什么？ 过程呢？ "
    "详细一点 能详细说说吗？ 步骤呢？ 请写出过程 怎么想的？ 凭什么？ 为什么用乘法？ 为什么用除法？ 为什么用减法？ 为什么要除？ 为什么要加？ 这样对吗，为什么？ "
    "教教我 你是怎么想的？ 老师，我不会 具体怎么算？ 什么意思？ 能说清楚点吗 给我讲讲这道题 这一步怎么来的？ 咋算的？ 咋来的？ 为什么要先算这个？"
).split()
_WAYS = (
    "换一种方法 换一种方法做 换种方法 换个方法 还有别的方法吗？ 还有别的算法吗？ 还有其他解法吗？ 用另一种方法解 能换一种方法吗？ 有没有别的做法？ 另一种方法呢？ "
    "换个思路 请用别的方法 换一种算法 还能怎么算？ 还可以怎么做？ 再用一种方法做一遍 有没有更简单的方法？ 第二种方法呢？ 别的解法 换一个解法 两种方法都写一下"
).split()
_EN_WHY = (
    "Why?",
    "why",
    "How did you get that?",
    "Can you explain?",
    "Explain please",
    "How come?",
    "Please show the steps.",
    "I don't understand.",
)
_EN_WAYS = ("Another way?", "Is there another way?", "Can you do it another way?", "Show me a different method.")
_WITH_THIS = (
    "如果{c}呢？", "要是{c}呢？", "那{c}呢？", "如果{c}，结果是多少？", "假如{c}呢？", "如果改成{c}呢", "换成{c}呢？", "{c}呢？", "如果{c}，答案是多少？",
    "如果{c}会怎样？", "那如果{c}呢？", "要是{c}，又是多少？", "改成{c}再算一次", "把条件改成{c}", "现在{c}，再算算",
)  # fmt: skip
_NUMBER_ONLY = (
    "如果是{n}{u}呢？",
    "那{n}{u}呢？",
    "{n}{u}呢？",
    "换成{n}{u}呢？",
    "改成{n}{u}呢？",
    "要是{n}{u}呢？",
    "如果把{o}{u}改成{n}{u}呢？",
    "把{o}换成{n}呢？",
)
_EN_NUMBER = (
    "What if it were {n} instead of {o}?",
    "What about {n} instead of {o}?",
    "And if it is {n} instead of {o}?",
    "Change {o} to {n}.",
)
_UNIT = re.compile("[\u4e00-\u9fff]{1,2}")

# One story, its question, and what may be asked next: text, equation, next question, its equation.  See `school_kinds`.
NEXT = (
    ("{货}每{量}{n1}元，{人1}买了{k1}{量}，一共花了多少元？", "n1*k1", "付{n2}元，应找回多少元？|给了{n2}元，找回多少？", "n2-n1*k1"),
    ("{货}每{量}{n1}元，{人1}买了{k1}{量}，一共花了多少元？", "n1*k1", "那{k2}{量}呢？|买{k2}{量}要多少元？", "n1*k2"),
    ("{人1}有{n1}元，买{货}用去{n2}元，还剩多少元？", "n1-n2", "再买一本{n3}元的书，还剩多少元？|又花了{n3}元，还剩多少？", "n1-n2-n3"),
    ("一本书有{n1}页，{人1}每天看{k1}页，几天可以看完？", "n1/k1", "如果每天看{k2}页呢？|每天看{k2}页，几天看完？", "n1/k2"),
    ("一本书有{n1}页，{人1}已经看了{n2}页，还剩多少页？", "n1-n2", "剩下的每天看{k1}页，还要几天？|每天看{k1}页，几天能看完剩下的？", "(n1-n2)/k1"),
    ("一辆汽车每小时行{n1}千米，{k1}小时行多少千米？", "n1*k1", "那{k2}小时呢？|{k2}小时能行多少千米？", "n1*k2"),
    ("一辆汽车{k1}小时行{n1}千米，平均每小时行多少千米？", "n1/k1", "照这样{k2}小时行多少千米？|那{k2}小时呢？", "n1/k1*k2"),
    ("两地相距{n1}千米，一辆汽车每小时行{n2}千米，几小时可以到达？", "n1/n2", "已经行了{k1}小时，还剩多少千米？|行{k1}小时后离终点还有多远？", "n1-n2*k1"),
    ("一个长方形长{n1}米，宽{n2}米，面积是多少平方米？", "n1*n2", "周长呢？|那周长是多少米？|它的周长呢", "(n1+n2)*2"),
    ("一个长方形长{n1}厘米，宽{n2}厘米，周长是多少厘米？", "(n1+n2)*2", "面积呢？|那面积是多少？|它的面积呢", "n1*n2"),
    ("一个正方形的边长是{n1}厘米，周长是多少厘米？", "n1*4", "面积呢？|面积是多少？", "n1*n1"),
    ("一个圆的半径是{n1}厘米，周长是多少厘米？", "2*3.14*n1", "面积呢？|它的面积是多少？", "3.14*n1^2"),
    ("一个正方体的棱长是{n1}分米，体积是多少立方分米？", "n1*n1*n1", "表面积呢？|那表面积是多少？", "n1*n1*6"),
    ("{班}有男生{k1}人，女生{k2}人，一共有多少人？", "k1+k2", "男生比女生多几人？|相差多少人？", "k1-k2"),
    ("{班}有男生{k1}人，女生{k2}人，一共有多少人？", "k1+k2", "每{k3}人一组，可以分几组？|分成{k3}人一组，有几组？", "(k1+k2)/k3"),
    ("{果}有{n1}个，{果2}的个数是它的{m1}倍，{果2}有多少个？", "n1*m1", "一共有多少个？|两种一共多少个？|一共呢？", "n1+n1*m1"),
    ("{果}有{n1}个，{果2}比它多{n2}个，{果2}有多少个？", "n1+n2", "一共有多少个？|两种一共呢？", "n1+n1+n2"),
    ("{人1}每天写{k1}个字，{k2}天写多少个字？", "k1*k2", "那一个星期呢？|一周写多少个？", "k1*7"),
    ("{人1}每天写{k1}个字，{k2}天写多少个字？", "k1*k2", "如果每天多写{k3}个呢？|每天多写{k3}个，一共多少个？", "(k1+k3)*k2"),
    ("一件衣服原价{n1}元，打{z1}折出售，现价多少元？", "n1*z1", "便宜了多少元？|比原价便宜多少？", "n1-n1*z1"),
    ("一件衣服原价{n1}元，打{z1}折出售，现价多少元？", "n1*z1", "买{k1}件要多少元？|那买{k1}件呢？", "n1*z1*k1"),
    ("{树}有{n1}棵，{树2}比它多{f1}，{树2}有多少棵？", "n1*(1+f1)", "一共有多少棵？|两种树一共多少棵？", "n1+n1*(1+f1)"),
    ("仓库里有{n1}吨货物，运走{f1}，运走了多少吨？", "n1*f1", "还剩多少吨？|那还剩多少？|剩下多少吨呢？", "n1-n1*f1"),
    ("{人1}今年{k1}岁，妈妈的年龄是他的{m1}倍，妈妈今年多少岁？", "k1*m1", "妈妈比他大多少岁？|他们相差几岁？", "k1*m1-k1"),
    ("每箱有{k1}瓶牛奶，{k2}箱有多少瓶？", "k1*k2", "喝了{k3}瓶，还剩多少瓶？|喝掉{k3}瓶后还剩几瓶？", "k1*k2-k3"),
    ("每箱有{k1}瓶牛奶，{k2}箱有多少瓶？", "k1*k2", "如果是{k3}箱呢？|那{k3}箱呢？|{k3}箱有多少瓶", "k1*k3"),
    ("修路队每天修{n1}米，{k1}天修多少米？", "n1*k1", "这条路长{n2}米，还要修多少米？|全长{n2}米，还剩多少米？", "n2-n1*k1"),
    ("一项工程，甲队单独做{k1}天完成，乙队单独做{k2}天完成，两队合做几天完成？", "1/(1/k1+1/k2)", "甲队每天完成几分之几？|甲一天做多少？", "1/k1"),
    ("{人1}考了语文{n1}分，数学{n2}分，两科一共多少分？", "n1+n2", "平均多少分？|平均分呢？|那平均呢", "(n1+n2)/2"),
    ("把{n1}元存入银行，年利率是{p1}，存一年利息多少元？", "n1*p1", "存{k6}年呢？|那{k6}年呢？", "n1*p1*k6"),
)  # fmt: skip


@dataclass(frozen=True)
class FollowUp:
    """What was asked before and its equation, what comes now, and what is written: label, numbers, plan."""

    before: str
    equation: Node
    question: str
    label: str
    first: str
    plan: str


def explained(question: str, equation: Node, rng: random.Random) -> FollowUp | None:
    """Why, or another way: the plan once more."""
    english = question.isascii()
    label = EXPLAIN if rng.random() < 0.6 else OTHER_WAY
    said = rng.choice((_EN_WHY if english else _WHY) if label == EXPLAIN else (_EN_WAYS if english else _WAYS))
    found = plan_of([question, said], equation)
    return None if found is None or not uses_letter(found[1]) else FollowUp(question, equation, said, label, *found)


def changed_number(question: str, equation: Node, rng: random.Random) -> FollowUp | None:
    """One of the numbers that the plan needs is another: 如果每天看20页呢？"""
    used = {(leaf.value, leaf.style) for leaf in leaves(equation)}
    places = [one for one in mentions(question) if (one.number.value, one.number.style) in used]
    if not places:
        return None
    place = rng.choice(places)
    old = Number(place.number.value, place.number.style)
    if leaves(equation).count(old) != 1:
        return None
    new = another_number(old, rng)
    if any(number.value == new.value for number in told(question)) or new.value <= 0:
        return None
    said = _said(question, place.start, place.end, str(new), rng)
    if said is None:
        return None
    equation_now = replace_leaves(equation, {old: new})
    if value_of(equation_now) <= 0 or [(n.value, n.style) for n in told(said) if n.value == new.value] == []:
        return None
    found = plan_of([question, said], equation_now)
    return None if found is None or not uses_letter(found[1]) else FollowUp(question, equation, said, CONTINUE, *found)


def _said(question: str, start: int, end: int, new: str, rng: random.Random) -> str | None:
    old = question[start:end]
    if question.isascii():
        return rng.choice(_EN_NUMBER).format(n=new, o=old)
    unit = _UNIT.match(question, end)
    if rng.random() < 0.4 and unit and not _ASKS.search(unit[0]):
        return rng.choice(_NUMBER_ONLY).format(
            n=new, o=old, u=unit[0][:1] if unit[0][:1] not in "千平立公小分厘" else unit[0]
        )
    at = 0
    for clause in clauses(question):
        if at <= start < at + len(clause):
            text = (clause[: start - at] + new + clause[end - at :]).rstrip("，,。．；;？? ")
            if _ASKS.search(text) or len(text) > 24:
                return None
            return rng.choice(_WITH_THIS).format(c=text)
        at += len(clause)
    return None


def asked_next(rng: random.Random) -> FollowUp | None:
    """Something else about the same story."""
    text, equation, after, next_equation = rng.choice(NEXT)
    after = rng.choice(after.split("|"))
    chosen = draw_numbers(f"{text} {after}", next_equation, rng)
    if chosen is None:
        return None
    words = draw_words(rng)

    def fill(template: str) -> str:
        return re.sub(
            r"\{([a-z]\d|[\u4e00-\u9fff]\d?)\}",
            lambda match: written(match[1], chosen[match[1]]) if match[1] in chosen else words[match[1]],
            template,
        )

    def tree(formula: str) -> Node:
        return parse(re.sub(r"[a-z]\d", lambda match: str(chosen[match[0]]), formula.replace("/", "÷")))

    before, question = fill(text), fill(after)
    found = plan_of([before, question], tree(next_equation))
    if found is None or not uses_letter(found[1]):
        return None
    return FollowUp(before, tree(equation), question, CONTINUE, *found)


def follow_up(question: str, equation: Node, rng: random.Random) -> FollowUp | None:
    kind = rng.random()
    if kind < 0.3:
        return explained(question, equation, rng)
    if kind < 0.7:
        return changed_number(question, equation, rng)
    return asked_next(rng)


__all__ = ["FollowUp", "Made", "follow_up"]
