"""AVERAGE: 3、5、7的平均数, 85分、90分和95分的平均分, the median of 3, 1 and 2, 求12,15,18的总和."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from huozhong.acts.exact.asking import asked, numbers_in
from huozhong.acts.exact.done import Done, decimal, factor, finish, is_short, text_of
from huozhong.acts.exact.small_words import rest_of

_WORDS = re.compile(
    r"平均分|平均数?值?|均值|中位数|众数|极差|总和|总数|加起来|除以|一组|组|[两二三四五六七八九十]个|[,，;；]|的?和"
)
_WORDS_EN = re.compile(
    r"\b(?:average|mean|median|mode|sum|range|values?|set|data|add|up|arithmetic|list|three|four|five|six)\b|[,.{}]",
    re.IGNORECASE,
)
_GAP = re.compile(r"\s*(?:[、,，;；和与跟及]|以及|还有|and|,\s*and)?\s*", re.IGNORECASE)
_KINDS = (
    ("median", r"中位数|median"),
    ("mode", r"众数|\bmode\b"),
    ("range", r"极差|\brange\b"),
    ("mean", r"平均|均值|average|\bmean\b"),
    ("sum", r"总和|\bsum\b|\btotal\b|的和|加起来"),
)
_NAMES = {
    "mean": ("平均数", "mean"),
    "median": ("中位数", "median"),
    "mode": ("众数", "mode"),
    "range": ("极差", "range"),
    "sum": ("和", "sum"),
}


def done(question: str) -> Done | None:
    """The mean (median, mode, range, sum) of a list of numbers, or None."""
    ask = asked(question)
    kinds = [kind for kind, pattern in _KINDS if re.search(pattern, ask.core, re.IGNORECASE)]
    values, unit, rest, gaps = _list(ask.core)
    if (
        not kinds
        or len(values) < 2
        or not all(_GAP.fullmatch(gap) for gap in gaps)
        or rest_of(rest, ask.english, _WORDS_EN if ask.english else _WORDS)
    ):
        return None
    kind = kinds[0]
    if kind in ("median", "mode", "range") and len(kinds) > 1 and kinds[1] != "sum":
        return None
    if kind == "mean":
        result, lines = _mean(values)
    elif kind == "sum":
        result, lines = (
            sum(values, Fraction(0)),
            [f"{'+'.join(map(factor, values))}={text_of(sum(values, Fraction(0)))}"],
        )
    elif kind == "range":
        result = max(values) - min(values)
        lines = [f"{factor(max(values))}-{factor(min(values))}={text_of(result)}"]
    elif kind == "median":
        result, lines = _median(values)
    else:
        return _mode(ask.english, values, unit)
    places = ask.places
    if places is not None and result * 10**places % 1:
        short = decimal(result, places)
    else:
        short = (
            text_of(result)
            if is_short(result)
            else f"{text_of(result)}（约{decimal(result, 2)}）"
            if not ask.english
            else f"{text_of(result)} (about {decimal(result, 2)})"
        )
    shown = ", ".join(map(text_of, values)) if ask.english else "、".join(map(text_of, values))
    first = lines or (
        [f"{'<'.join(map(text_of, sorted(set(values))))}"] if kind == "median" and len(set(values)) > 1 else []
    )
    if ask.english:
        return finish(
            True, lines, "; ".join([*first, f"the {_NAMES[kind][1]} of {shown} is {short}"]), f"{short}{unit}"
        )
    name = "平均分" if "平均分" in ask.core else _NAMES[kind][0]
    return finish(False, lines, "，".join([*first, f"所以{shown}的{name}是{short}"]), f"{short}{unit}")


def _mean(values: list[Fraction]) -> tuple[Fraction, list[str]]:
    total = sum(values, Fraction(0))
    mean = total / len(values)
    return mean, [f"{'+'.join(map(factor, values))}={text_of(total)}", f"{factor(total)}÷{len(values)}={text_of(mean)}"]


def _median(values: list[Fraction]) -> tuple[Fraction, list[str]]:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle], []
    low, high = ordered[middle - 1], ordered[middle]
    return (low + high) / 2, [f"({factor(low)}+{factor(high)})÷2={text_of((low + high) / 2)}"]


def _mode(english: bool, values: list[Fraction], unit: str) -> Done | None:
    counts = Counter(values)
    most = max(counts.values())
    if most == 1:
        return finish(
            english,
            (),
            "Every number occurs once" if english else "每个数都只出现一次",
            "there is no mode" if english else "没有众数",
        )
    found = [value for value in counts if counts[value] == most]
    shown = (", " if english else "、").join(map(text_of, found)) + unit
    said = f"{shown} occurs {most} times, most often" if english else f"{shown}出现了{most}次，次数最多"
    return finish(english, (), said, shown)


def _list(text: str) -> tuple[list[Fraction], str, str, list[str]]:
    """The numbers, the unit behind every one of them (分, 岁, 厘米), the rest of the text, and what stands between."""
    text = re.sub(
        r"这?(?:一共)?(?:[两二三四五六七八九十几]|(?<![\d.])\d)个(?:数据?|数字|同学|人)?(?=的|平均|总和|$"
        r"|[:,，])|这组数据?|一组数据?",
        "",
        text,
    )
    if re.search(r"\d,\d{3}(?!\d)", text) and not re.search(r"[、，和]|, |and", text):
        return [], "", text, []  # 100,200,300: one number or three
    found, _ = numbers_in(text)
    values, spans = [one.value for one in found], [(one.start, one.end) for one in found]
    units = [
        re.match(r"\s*([\u4e00-\u9fff]{1,3}?|[a-z]{1,3})(?=[、,，和与跟及的平这]|$|\s)", text[end:]) for _, end in spans
    ]
    unit = units[0][1] if units and units[0] and all(u and u[1] == units[0][1] for u in units) else ""
    unit = "" if re.match("[的和与跟及]|and|is", unit) else unit
    pieces, last = [], 0
    for start, end in spans:
        pieces.append(text[last:start])
        last = end + (len(unit) if text[end:].startswith(unit) else 0)
    return values, unit, " ".join([*pieces, text[last:]]), pieces[1:]
