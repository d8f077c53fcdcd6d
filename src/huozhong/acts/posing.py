"""Problems that are posed and whose answer is judged: 出一道数学题, 考考我, 再来一道 after a sum, give me a problem.

Stateless as the riddles are: which problem was posed is read out of the last answer, its numbers with it.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

from huozhong.acts.choosing import Messages, answers, choose, question, table
from huozhong.acts.exact.asking import numbers_in, simple
from huozhong.acts.solve import Node, parse, value_of
from huozhong.acts.steps import Worked, plain
from huozhong.acts.wording import worded
from huozhong.text.language import is_english
from huozhong.verify.numbers import Number, told

_LETTERS = "abc"


@dataclass(frozen=True)
class Template:
    """kinds: words by which it may be asked for; ranges: first, last and step of each number."""

    kinds: tuple[str, ...]
    text: str
    plan: str
    ranges: tuple[tuple[int, int, int], ...]
    english: bool

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The text with any numbers."""
        return re.compile(re.sub(r"\\\{[abc]\\\}", r"(\\d+)", re.escape(self.text)))

    def posed(self, numbers: Sequence[int]) -> Posed:
        values = dict(zip(_LETTERS, numbers, strict=False))
        plan = parse(re.sub("[abc]", lambda match: str(values[match[0]]), self.plan))
        return Posed(self.text.format(**values), plan, self.english)


@dataclass(frozen=True)
class Posed:
    """A problem with its numbers in it."""

    text: str
    plan: Node
    english: bool

    @property
    def value(self) -> Fraction:
        return value_of(self.plan)


@cache
def templates(english: bool) -> tuple[Template, ...]:
    """All problems of one language."""
    return tuple(
        Template(
            tuple(entry["kind"].split()),
            entry["text"],
            entry["plan"],
            tuple(tuple(entry[letter]) for letter in _LETTERS if letter in entry),
            english,
        )
        for entry in table("problems")["en" if english else "zh"]
    )


def posed_in(text: str) -> Posed | None:
    """The problem that an answer poses, with its numbers."""
    for english in (False, True):
        for template in templates(english):
            if (found := template.pattern.search(text)) is not None:
                return template.posed([int(group) for group in _in_order(template, found)])
    return None


def _in_order(template: Template, found: re.Match[str]) -> list[str]:
    """The numbers as a, b, c, whatever order they stand in."""
    letters = re.findall(r"\{([abc])\}", template.text)
    return [group for _, group in sorted(zip(letters, found.groups(), strict=True))]


# -- posing ----------------------------------------------------------------------------------------------------

_ASKS = re.compile(
    r"(?:请|帮我|给我|你|能不能|可以|能|再|来|想|我想|我要|要|麻烦|小火苗|那|好的?|嗯|[,，\s])*(?:出|来|考|换|做|练"
    r"|问|给|布置)(?:我|一?下|几|个|点|些|给我)*"
    r"(?:一|两|1|2|几)?(?:道|个|题|些)?(?:[\u4e00-\u9fff]{0,6}(?:的|点的)?)?(?:数学|算术|应用|口算|计算|加法|减法"
    r"|乘法|除法|加减法?|乘除法?|分数|小数|百分数|面积|周长|行程|图形"
    r"|[一二三四五六]年级|奥数|简单|难|练习)?(?:一点)?(?:的|点儿?的)?(?:数学|应用|计算)?(?:题目?|问题)(?:给我|考考我"
    r"|做做|做一做|做|练练|练习一?下|玩玩?)?[吧呗吗么啊呀呢好。！!？?\s]*"
    r"|(?:你)?(?:来)?考(?:考|一考|下|一下)?我(?:吧|呗|呀|啊|数学|算术|一下|一道题?|一题|[。！!\s])*"
    r"|我想?要?(?:做|练)(?:一?道|几道|点)?(?:数学|应用|算术|口算)?题[吧呗吗啊呀。！!\s]*"
)
_ASKS_EN = re.compile(
    r"(?:please |can you |could you |ok |okay |hey |ember,? )*(?:(?:give|ask|pose|set|make|tell|show|write) (?:me "
    r"|up )?(?:a|an|one|another|some|one more)?\s?(?:new |easy |hard |harder |easier |little )?"
    r"(?:math|maths|word|addition|subtraction|multiplication|division|arithmetic|area|speed)?\s?(?:problem|question"
    r"|sum|exercise|task)s?(?: please| for me| to solve)?"
    r"|(?:quiz|test|challenge) me(?: on math| in math| with math| please)?|(?:another|one more|next) (?:math "
    r"|word )?(?:problem|question|sum))[\s.!?]*",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"(?:好|好的|嗯|可以|那|行|要|对|请|[,，\s])*(?:(?:再|还|又)(?:来|出|做|考|要|给我?|练)(?:我)?(?:一|个|道|题|1"
    r"|下)*(?:题|个)?|下一?[道个题]题?|继续(?:出题)?|换一?[道个题]题?|来下一[道个题])[吧呗啊呀啦。！!\s]*"
    r"|(?:ok |okay |yes,? )?(?:one more|another one|another|next|next one|again|more)(?: please)?[\s.!]*",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"答：|答案|Answer:|^请听题|^来一道|^好，考考你|^看你的了")
# Words about a problem that is there already: 给我讲讲这道题 wants no new one.
_OF_THIS = re.compile(
    r"讲|解释|说明|分析|为什么|怎么|[这那]一?[道个]?题|上一?[道个]|刚才|刚刚|explain|this (?:problem|question)"
)
_FOR_FUN = re.compile(r"谜|笑话|成语|歇后语|诗|英语|语文|物理|化学|历史|脑筋急转弯|riddle|joke", re.IGNORECASE)


def pose(messages: Messages, seed: int) -> str | None:
    """A new problem, where one is asked for; None otherwise."""
    asked = question(messages)
    last = next(iter(answers(messages)), "")
    text = simple(asked).strip()
    is_new = len(text) <= 40 and not _FOR_FUN.search(text) and not _OF_THIS.search(text)
    wants = is_new and bool(_ASKS.fullmatch(text) or _ASKS_EN.fullmatch(text))
    goes_on = _MORE.fullmatch(text) is not None and (_was_posed(last) or _ANSWERED.search(last) is not None)
    if not wants and not goes_on:
        return None
    english = is_english(asked)
    found = _new(text, messages, seed, english)
    said: str = choose(table("problems")["says"][f"ask_{'en' if english else 'zh'}"], messages, seed)
    return said.format(problem=found.text)


def _was_posed(answer: str) -> bool:
    """Whether an answer poses a problem or judges what was answered to one."""
    return posed_in(answer) is not None or any(
        answer.startswith(text.split("{")[0]) and text.split("{")[0]
        for key in ("right_zh", "right_en", "tell_zh", "tell_en")
        for text in table("problems")["says"][key]
    )


def _new(text: str, messages: Messages, seed: int, english: bool) -> Posed:
    """Of the kind that is named, else of a kind that was not posed yet in this conversation."""
    known = templates(english)
    wished = [template for template in known if any(kind in text.lower() for kind in template.kinds)]
    said = "\n".join(answers(messages))
    fresh = [template for template in wished or known if not template.pattern.search(said)]
    mixed = hashlib.sha256(f"{seed}\n{text}\n{len(messages)}\n{said[-200:]}".encode()).digest()
    rng = random.Random(int.from_bytes(mixed[:8]))
    template = rng.choice(fresh or wished or list(known))
    while True:
        numbers = [rng.randrange(first, last + 1, step) for first, last, step in template.ranges]
        found = template.posed(numbers)
        if found.value > 0 and found.value.denominator == 1 and len(set(numbers)) == len(numbers):
            return found


# -- judging ---------------------------------------------------------------------------------------------------

_GIVES_UP = re.compile(
    r"不知|不会|不懂|放弃|告诉我|答案|太难|算不出|想不出|怎么算|怎么做|讲讲|don'?t know|give up|tell me|no idea"
    r"|how do|answer\??$|too hard",
    re.IGNORECASE,
)
_HINT = re.compile(r"提示|线索|hint|clue", re.IGNORECASE)
_AROUND = re.compile(
    r"(?:我|算|的|得|是|等于|答案|应该|觉得|猜|想|出来|结果|一共|还剩|有|了|吧|吗|呀|啊|呢|对|不|个|只|块|本|支|棵|元"
    r"|米|千米|小时|平方|立方|分米|克|千克|下|页|天|人|每|平均|嗯|哦|那|就|大概"
    r"|it|is|it's|i|think|got|the|answer|equals?|maybe|are|ducks|stickers|crayons|cookies|dollars|metres|meters"
    r"|square|km|left|[\s,，。.!！?？:：=＝$~²])*",
    re.IGNORECASE,
)


def judge(messages: Messages, seed: int) -> str | None:
    """Whether what was answered to the posed problem is right; None where none was posed or it is no answer."""
    last = next(iter(answers(messages)), "")
    text = simple(question(messages)).strip()
    posed = posed_in(last) if last and text else None
    if posed is None:
        return None
    if _GIVES_UP.search(text) and len(text) <= 20:
        return _say("tell", messages, seed, posed)
    if _HINT.search(text) and len(text) <= 12:
        return _say("wrong", messages, seed, posed).split("\n", 1)[0].split("。", 1)[-1].strip() + f"\n{posed.text}"
    guess = _guessed(text)
    if guess is None:
        return None
    if guess == posed.value:
        return _say("right", messages, seed, posed)
    second = any(mark in last for mark in ("提示：", "A hint:"))
    return _say("tell" if second else "wrong", messages, seed, posed)


def _guessed(text: str) -> Fraction | None:
    """The one number of an answer, or the result of the sum that it writes down."""
    if (sum_ := re.fullmatch(r"[\d\s+\-×x*÷/().]+[=＝]\s*(\d+(?:\.\d+)?)\D{0,6}", text)) is not None:
        return Fraction(sum_[1])
    found, rest = numbers_in(text)
    return found[0].value if len(found) == 1 and _AROUND.fullmatch(rest) else None


def _say(key: str, messages: Messages, seed: int, posed: Posed) -> str:
    language = "en" if posed.english else "zh"
    text = str(choose(table("problems")["says"][f"{key}_{language}"], messages, seed, lambda one: one.split("{")[0]))
    numbers: list[Number] = told(posed.text)
    return text.format(
        answer=_named(posed), hint=_hint(posed), problem=posed.text, working=worded(posed.text, numbers, posed.plan)
    )


def _named(posed: Posed) -> str:
    work = Worked(posed.text, posed.plan)
    return f"{plain(work.answer)}{'' if posed.english else work.unit_name(posed.plan)}"


def _hint(posed: Posed) -> str:
    """The first step, without its result; of one step what kind of sum it is."""
    steps = Worked(posed.text, posed.plan).steps
    if len(steps) > 1:
        first = steps[0].expression
        return f"first work out {first}." if posed.english else f"先算{first}。"
    names = {"+": ("加法", "add"), "-": ("减法", "subtract"), "×": ("乘法", "multiply"), "÷": ("除法", "divide")}
    name = names[steps[0].node.op]
    return f"{name[1]}." if posed.english else f"用{name[0]}。"
