"""PAIR, two numbers that are asked for together: 鸡兔同笼, the sum and the difference, the sum and how many times, ...

    鸡兔同笼，头35个，脚94只，鸡兔各有多少只？     两数的和是50，差是10，各是多少？
    甲乙共48个，甲是乙的3倍，各多少？            哥哥比弟弟多24张，是弟弟的3倍，各多少张？

Read only when the question names exactly the two (or three) numbers of such a kind, and both results can be meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.asking import asked, simple
from huozhong.acts.exact.cages import Answer, in_cage
from huozhong.acts.exact.done import Done, factor, finish, text_of
from huozhong.acts.exact.marked import Marked, marked
from huozhong.acts.measures import NAME

_BOTH = re.compile(
    r"各|分别|两个?数(?:是|为|都)?(?:多少|几)|这两|求[^，。]{0,6}两|多少[^，。？]*[和，、][^，。？]*(?:多少|几)"
    r"|\b(?:two|both) numbers\b|find (?:the|both)|each|respectively|how many of each",
    re.IGNORECASE,
)
_NAME = r"(?:[^⟨⟩，。；、？和与比是的有为]{1,6})"
_SUM = re.compile(
    r"(?:总和|之和|和(?=是|为|等于|⟨)|总数|合计|加起来|一?共(?!同)|总共)[^⟨，。；]{0,9}⟨(\d)⟩|sum[^⟨.,]{0,20}⟨(\d)⟩"
    r"|⟨(\d)⟩[^⟨.,]{0,12}altogether",
    re.IGNORECASE,
)
_SUM_LAST = re.compile(rf"({_NAME})[和与、跟]({_NAME})(?:两人|两个?|二人|俩)?(?:一?共|总共|合计|加起来)")
_DIFF = re.compile(r"(?:之?差(?=是|为|等于|⟨)|相差)[^⟨，。；比]{0,3}⟨(\d)⟩|difference[^⟨.,]{0,20}⟨(\d)⟩", re.IGNORECASE)
_MORE = re.compile(
    rf"({_NAME})(?:的[^，。⟨比]{{1,4}})?比({_NAME})(?:的[^，。⟨]{{1,4}})?(?:要|就|还)?(多|少|大|小|重|轻|长|短|高|矮"
    rf"|贵|便宜)[^⟨，。]{{0,3}}⟨(\d)⟩"
)
_TIMES = re.compile(
    rf"({_NAME})(?:的[^，。⟨是]{{0,5}})?(?:正好|恰好|刚好)?(?:是|为"
    rf"|有)({_NAME})(?:的[^，。⟨]{{1,4}})?的?⟨(\d)⟩倍(?:还)?(?:(多|少)[^⟨，。]{{0,2}}⟨(\d)⟩)?"
)
_TIMES_ALONE = re.compile(r"[，。；](?:且|又|并且|正好|恰好)?是({_NAME})的⟨(\d)⟩倍".replace("{_NAME}", _NAME))
_LEAD = re.compile(r"^(?:已知|其中|如果|若|且|又|而|但|知道|今年|现在|小组里|班里|学校|果园里|图书馆里?)+")
_OTHERS = re.compile(r"[三四五]个?(?:数|人|种|班|组|队)|丙|年后|年前|平均|每|剩|用去|卖|乘|余|商|面积")
_GIVES = re.compile(
    rf"({_NAME})(?:如果|若)?(?:拿出?|送|借)?(?:⟨(\d)⟩[^⟨，。]{{0,3}})?给({_NAME}?)⟨?(\d)?⟩?[^⟨，。]{{0,4}}(?:后|，"
    rf"|以后)*[^⟨，。]{{0,6}}(?:一样多|相等|同样多)"
)
_PERIMETER = re.compile(r"周长[^⟨，。]{0,3}⟨(\d)⟩")
_COUNTED = "个只本张支枝条根辆棵株头匹名人朵枚颗粒台架户题"


@dataclass(frozen=True)
class _Told:
    """What is told of the two: larger and smaller by name; how many times, and what more or less than that.

    first: a line that comes before, 36÷2=18 of a perimeter.
    """

    total: Fraction | None = None
    difference: Fraction | None = None
    times: Fraction | None = None
    rest: Fraction = Fraction(0)
    large: str = ""
    small: str = ""
    unit: str = ""
    first: str = ""


def done(question: str) -> Done | None:
    """Both numbers, or None."""
    text = simple(question)
    english = asked(question).english
    if len(text) > 160 or not re.search(r"各|分别|两|鸡|兔|几|多少|how many|numbers", text, re.IGNORECASE):
        return None
    said = marked(text)
    if (found := in_cage(said, english)) is not None:
        return _say(found, english)
    if not _BOTH.search(text) or _OTHERS.search(text) or not 2 <= len(said.values) <= 3:
        return None
    told = _told(said)
    found = _solved(told, english) if told is not None else None
    return _say(found, english) if found is not None else None


def _told(said: Marked) -> _Told | None:
    used: set[int] = set()
    told: dict[str, Fraction] = {}
    first = ""
    names: tuple[str, str] | None = None
    text = said.text
    if (times := _TIMES.search(text)) is not None:
        used.add(int(times[3]))
        told["times"] = said.values[int(times[3])]
        names = (_bare(times[1]), _bare(times[2]))
        if times[4]:
            used.add(int(times[5]))
            told["rest"] = said.values[int(times[5])] * (1 if times[4] == "多" else -1)
    if (more := _MORE.search(text)) is not None and int(more[4]) not in used:
        used.add(int(more[4]))
        told["difference"] = said.values[int(more[4])]
        pair = (_bare(more[1]), _bare(more[2]))
        pair = pair if more[3] in "多大重长高贵" else (pair[1], pair[0])
        if names is not None and not (_same(names[0], pair[0]) and _same(names[1], pair[1])):
            return None
        names = pair if names is None else names
        alone = _TIMES_ALONE.search(text)
        if alone is not None and int(alone[2]) not in used and _bare(alone[1]) == names[1]:
            used.add(int(alone[2]))
            told["times"] = said.values[int(alone[2])]
    elif (apart := _DIFF.search(text)) is not None:
        at = int(next(group for group in apart.groups() if group))
        used.add(at)
        told["difference"] = said.values[at]
    if (gives := _GIVES.search(text)) is not None and "difference" not in told:
        at = int(gives[2] or gives[4] or 9)
        if at in used or at >= len(said.values):
            return None
        used.add(at)
        told["difference"] = 2 * said.values[at]
        names = (_bare(gives[1]), _bare(gives[3]) or "另一个")
    if (around := _PERIMETER.search(text)) is not None and re.search("长[^，。]{0,6}宽|宽[^，。]{0,6}长", text):
        used.add(int(around[1]))
        told["total"] = said.values[int(around[1])] / 2
        first = _over(2 * told["total"], Fraction(2))
    for total in _SUM.finditer(text):
        at = int(next(group for group in total.groups() if group))
        if at not in used and "total" not in told:
            used.add(at)
            told["total"] = said.values[at]
            break
    if used != set(range(len(said.values))) or len(told.keys() - {"rest"}) != 2:
        return None
    large, small = names or ("", "")
    if "times" in told and names is None:
        return None
    return _Told(**told, large=large, small=small, unit=_unit(said), first=first)


_DOES = re.compile(r"(?:加工|做|生产|种|植|有|捐|养|买|运|看|收|存|数量|人数|年龄|现在|今年|正好)+$")


def _bare(name: str) -> str:
    return _DOES.sub("", _LEAD.sub("", name.strip())) or name.strip()


def _same(one: str, other: str) -> bool:
    """甲桶 and 甲桶油."""
    return one.startswith(other) or other.startswith(one)


def _unit(said: Marked) -> str:
    """The unit of the sum or difference: what stands behind the first number that is no 倍."""
    for at in range(len(said.values)):
        found = re.search(rf"⟨{at}⟩({NAME.pattern})", said.text)
        if found is not None and not said.text[found.start() :].startswith(f"⟨{at}⟩倍"):
            return found[1]
    return ""


def _solved(told: _Told, english: bool) -> Answer | None:
    total, apart, times = told.total, told.difference, told.times
    lines = [told.first] if told.first else []
    if total is not None and apart is not None:
        small, large = (total - apart) / 2, (total + apart) / 2
        lines += [f"{factor(total)}-{factor(apart)}={factor(total - apart)}", _over(total - apart, Fraction(2))]
        lines.append(f"{factor(small)}+{factor(apart)}={factor(large)}")
        why = (
            "Taking the difference away leaves twice the smaller number"
            if english
            else "从和里去掉多的部分，剩下的就是小的那个的2倍"
        )
    elif times is not None and (total is not None or (apart is not None and times != 1)):
        base = total if total is not None else apart
        assert base is not None
        share = base - told.rest
        if told.rest:
            sign = "-" if told.rest > 0 else "+"
            lines.append(f"{factor(base)}{sign}{factor(abs(told.rest))}={factor(share)}")
        parts = times + 1 if total is not None else times - 1
        lines.append(f"{factor(times)}{'+' if total is not None else '-'}1={factor(parts)}")
        if parts <= 0:
            return None
        small = share / parts
        large = base - small if total is not None else base + small
        lines += [_over(share, parts)]
        lines.append(f"{factor(base)}{'-' if total is not None else '+'}{factor(small)}={factor(large)}")
        kind = "和" if total is not None else "差"
        why = f"把{told.small}看成1份，{told.large}就是{text_of(times)}份，{kind}就是{text_of(parts)}份"
        why = "Call the smaller one part" if english else why
    else:
        return None
    if (
        small <= 0
        or large <= 0
        or (told.unit in _COUNTED and told.unit and {small.denominator, large.denominator} != {1})
    ):
        return None
    names = (
        (told.large, told.small) if told.large else (("the larger", "the smaller") if english else ("较大的", "较小的"))
    )
    return Answer(why, tuple(lines), ((names[0], large), (names[1], small)), told.unit)


def _over(value: Fraction, parts: Fraction) -> str:
    return f"{factor(value)}÷{factor(parts)}={factor(value / parts)}"


def _say(found: Answer, english: bool) -> Done:
    if english:
        short = " and ".join(f"{name} {text_of(value)}" for name, value in found.results)
        return finish(True, found.lines, f"{found.why}: {'; '.join(found.lines)}", short)
    counted = found.unit and found.unit[0] in _COUNTED
    word = "有" if counted else "" if found.unit == "岁" else "是"
    short = "，".join(f"{name}{word}{text_of(value)}{found.unit}" for name, value in found.results)
    return finish(False, found.lines, f"{found.why}：{'，'.join(found.lines)}", short)
