"""COMPARE: 9.8和9.11哪个大, 3千克和2900克哪个重, 把0.5、1/3、40%从小到大排列, Which is greater, 2/3 or 3/5?"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from huozhong.acts.exact.asking import Asked, asked, numbers_in
from huozhong.acts.exact.done import PLACES, Done, decimal, finish
from huozhong.acts.exact.small_words import rest_of
from huozhong.verify.numbers import decimals_of
from huozhong.verify.units import Quantity, read

_MORE = "大多重长高快贵远宽厚深热久"
_LESS = "小少轻短矮慢低近窄薄浅冷便宜"
_WORDS = re.compile(
    r"到底|比较|相比|对比|比一比|比|大小|关系|最|更|较|一?些|一点|谁|排列|排序|排成一?列"
    r"|排起来|排一?排|排队|排|依次|顺序|次序|连接|连起来|符号|大于|小于|等于号|"
    r"一样|相等|相同|圆圈|括号|方框|分数|小数|百分数|温度|质量|重量|长度|时间|东西|到|至|列|两个?|[二三四五几]个|"
    rf"[{_MORE}{_LESS}○〇<>＞＜]"
)
_WORDS_EN = re.compile(
    r"\b(?:than|between|compare|larger|largest|bigger|biggest|greater|greatest|smaller"
    r"|smallest|less|least|more|most|heavier|heaviest|lighter|lightest|"
    r"longer|longest|shorter|shortest|faster|fastest|slower|slowest|sort|order|arrange"
    r"|put|rank|list|ascending|descending|increasing|decreasing|high|"
    r"higher|highest|low|lower|lowest|two|three|four|values|fraction|fractions|decimals"
    r"|decimal|true|hotter|colder|warmer|first)\b|[<>]",
    re.IGNORECASE,
)
_UP = re.compile(
    r"(?:从|由)?小(?:的)?(?:数)?到大|升序|<.*<|ascending|increasing|(?:smallest|least|lowest|low) to|smallest first",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"(?:从|由)?大(?:的)?(?:数)?到小|降序|>.*>|descending|decreasing|(?:largest|greatest|biggest|highest"
    r"|high) to|largest first",
    re.IGNORECASE,
)
_SIZES = re.compile(r"大小|连接|[<>].*[<>]|大.{1,3}小|○|〇|填|比较|compare|[□_(].*[<>]", re.IGNORECASE)
_QUESTION = re.compile(
    rf"比.*[{_MORE}{_LESS}]|大于|小于|等于.*吗|(?:bigger|larger|greater|smaller|less|more|heavier|longer"
    rf"|shorter|lighter) than",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    rf"(?:是不是|是否)?(?:(大于|小于|高于|低于|多于|少于)|比(?:更|要|还)?([{_MORE}{_LESS}]))(?:一?些"
    rf"|一?点)?(?:对)?(?:吗)?"
)
_EN_MORE = re.compile(r"\b(?:larg|big|great|heav|long|fast|more\b|most\b|high|hott|warm)", re.IGNORECASE)
_EN_LESS = re.compile(r"\b(?:small|less\b|least\b|light|short|slow|low|cold)", re.IGNORECASE)


@dataclass(frozen=True)
class _Item:
    """One of the things to compare, as it was written, and its value."""

    text: str
    value: Fraction
    written: str  # the value alone, without a unit


def done(question: str) -> Done | None:
    """Which is larger, smaller, or the order; None when something else is asked."""
    ask = asked(question)
    items, rest = _items(ask)
    if len(items) < 2 or rest_of(rest, ask.english, _WORDS_EN if ask.english else _WORDS):
        return None
    text = ask.core
    if all(item.text == "1" for item in items):
        return None  # 一大一小
    if re.search(r"比(?!较|大小)", rest.partition(" ")[0].replace("比一比", "")) or (
        " than " in text and not re.match("which|is|tell", text, re.IGNORECASE)
    ):
        return None  # 比36多12的数 is a number, and so is five more than six
    if _UP.search(text) or _DOWN.search(text):
        return _sorted(ask, items, down=not _UP.search(text))
    if not ask.english and len(items) == 2 and (claim := _claim(ask, rest)):
        return _judged(ask, items, claim)
    if ask.english and re.match(r"is\b", text, re.IGNORECASE) and len(items) == 2 and _QUESTION.search(text):
        return _judged(ask, items, ">" if _EN_MORE.search(rest) else "<")
    direction = _direction(rest, ask.english)
    if direction and re.search(
        r"哪|谁|最|which|what|largest|biggest|greatest|smallest|least|还是|or\b", text, re.IGNORECASE
    ):
        return _picked(ask, items, direction)
    if _SIZES.search(text) and len(items) == 2:
        return _sizes(ask, items)
    if _SIZES.search(text) and len(items) > 2 and re.search("大小|compare", text, re.IGNORECASE):
        return _sorted(ask, items, down=False)
    return None


def _claim(ask: Asked, rest: str) -> str | None:
    """9.8比9.11大吗, 9.8大于9.11吗: what stands between and behind the two numbers is all that is said."""
    match = _CLAIM.fullmatch(rest_of(rest, english=False))
    if match is None or not ask.is_doubt or re.search(r"哪|谁|多少|几|还是", rest):
        return None
    return ">" if match[1] in ("大于", "高于", "多于") or (match[2] and match[2] in _MORE) else "<"


def _direction(rest: str, english: bool) -> str | None:
    """`>` when the larger is wanted, `<` for the smaller; None when it does not say."""
    if english:
        more, less = bool(_EN_MORE.search(rest)), bool(_EN_LESS.search(rest))
    else:
        rest = re.sub(r"大小|多少", "", rest)
        more, less = (any(sign in rest for sign in signs) for signs in (_MORE, _LESS))
    if more == less:
        return None
    return ">" if more else "<"


def _items(ask: Asked) -> tuple[list[_Item], str]:
    """What is compared, and what else the question says."""
    text = ask.core
    quantities, named = read(text)
    if len(quantities) >= 2 and not named and len({q.kind for q in quantities}) == 1:
        items = [_Item(text[q.start : q.end].strip(), q.base, "") for q in quantities]
        rest = _without(text, [(q.start, q.end) for q in quantities])
        if re.search("快|慢|fast|slow", rest) and quantities[0].kind != "speed":
            return [], rest
        if not re.search(r"\d|[一二三四五六七八九十]{2}", rest):
            return items, rest
    return _numbers(text)


def _numbers(text: str) -> tuple[list[_Item], str]:
    text = re.sub(
        r"这?(?:[两二三四五六七八九十几]|(?<![\d.])\d)个(?:不同的)?(?:分数|小数|百分数|数字?)(?!\d)", "", text
    )
    text = re.sub(r"\b(which|the|larger|smaller|bigger) one\b|\bthese (?:two|three|four)\b", r"\1", text)
    found, rest = numbers_in(text)
    items = []
    for one in found:
        is_word = re.search(r"\d", one.written) is None
        items.append(_Item(str(one.number).strip("()") if is_word else one.written, one.value, one.written))
    return [_Item(item.text, item.value, item.text) for item in items], rest


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    out, at = [], 0
    for start, end in spans:
        out.append(text[at:start])
        at = end
    return " ".join([*out, text[at:]])


# -- saying it -----------------------------------------------------------------------------------------


def _working(ask: Asked, items: Sequence[_Item]) -> list[str]:
    """The values in one form: decimals of one length, or fractions of one denominator, or one unit."""
    values = [item.value for item in items]
    if not all(item.written for item in items):
        return []  # the units' own lines come from the caller
    if all("/" not in item.written and "分之" not in item.written for item in items) or all(
        (decimals_of(value) or 0) <= 3 and decimals_of(value) is not None for value in values
    ):
        if all(value.denominator == 1 for value in values):
            return []
        places = max(decimals_of(value) or 0 for value in values)
        if places > PLACES:
            return []
        shown = [(item.written, decimal(item.value, places)) for item in items]
        return [f"{_plain(a)}={b}" for a, b in shown if a != b and re.search(r"\d", a) and "分之" not in a]
    common = math.lcm(*(value.denominator for value in values))
    if common > 10**6:
        return []
    tops = [f"({value.numerator * common // value.denominator}/{common})" for value in values]
    return [
        f"{_plain(item.written)}={top}"
        for item, top in zip(items, tops, strict=True)
        if _plain(item.written) != top and re.search(r"\d", item.written)
    ]


def _plain(written: str) -> str:
    if re.fullmatch(r"-?\d+/\d+", written):
        return f"({written})"
    return written if re.fullmatch(r"-?[\d.%()/]+", written) else re.sub(r"\s+", "", written)


def _unit_lines(ask: Asked) -> list[str]:
    quantities, _ = read(ask.core)
    smallest = min((part for q in quantities for _, part in q.parts), key=lambda unit: unit.factor)
    lines = []
    for q in quantities:
        if any(part is not smallest for _, part in q.parts):
            value = (q.base - smallest.offset) / smallest.factor
            shown = (
                decimal(value, decimals_of(value) or 0)
                if decimals_of(value) is not None
                else f"{value.numerator}/{value.denominator}"
            )
            name = smallest.symbol or (f" {smallest.plural}" if ask.english else smallest.zh)
            lines.append(f"{ask.core[q.start : q.end].strip()}={shown}{name}")
    return lines


def _lines(ask: Asked, items: Sequence[_Item]) -> list[str]:
    return _working(ask, items) if items[0].written else _unit_lines(ask)


def _relation(a: Fraction, b: Fraction) -> str:
    return ">" if a > b else "<" if a < b else "="


def _said(ask: Asked, lines: Sequence[str], whole: str, short: str) -> Done:
    if ask.english:
        return finish(True, lines, "; ".join([*lines, whole]), short)
    return finish(False, lines, f"{'，'.join(lines)}，所以{whole}" if lines else whole, short)


def _picked(ask: Asked, items: Sequence[_Item], direction: str) -> Done:
    lines = _lines(ask, items)
    best = (max if direction == ">" else min)(item.value for item in items)
    winners = [item.text for item in items if item.value == best]
    ordered = sorted(items, key=lambda item: item.value, reverse=direction == ">")
    whole = ordered[0].text + "".join(_relation(a.value, b.value) + b.text for a, b in itertools.pairwise(ordered))
    if len({item.value for item in items}) == 1:
        return _said(ask, lines, whole, "they are equal" if ask.english else _same(ask.core))
    if len(winners) > 1:
        return _said(ask, lines, whole, (" and " if ask.english else "和").join(winners))
    return _said(ask, lines, whole, winners[0])


def _same(text: str) -> str:
    word = re.search(rf"[{_MORE}{_LESS}]", text)
    pairs = {"小": "大", "少": "多", "轻": "重", "短": "长", "矮": "高", "低": "高", "慢": "快"}
    return f"一样{pairs.get(word[0], word[0]) if word else '大'}"


def _sorted(ask: Asked, items: Sequence[_Item], *, down: bool) -> Done:
    ordered = sorted(items, key=lambda item: item.value, reverse=down)
    whole = ordered[0].text + "".join(_relation(a.value, b.value) + b.text for a, b in itertools.pairwise(ordered))
    return _said(ask, _lines(ask, items), whole, whole)


def _sizes(ask: Asked, items: Sequence[_Item]) -> Done:
    whole = f"{items[0].text}{_relation(items[0].value, items[1].value)}{items[1].text}"
    return _said(ask, _lines(ask, items), whole, whole)


def _judged(ask: Asked, items: Sequence[_Item], claim: str) -> Done:
    relation = _relation(items[0].value, items[1].value)
    whole = f"{items[0].text}{relation}{items[1].text}"
    if ask.english:
        return _said(ask, _lines(ask, items), whole, f"{'Yes' if relation == claim else 'No'}, {whole}")
    return _said(ask, _lines(ask, items), whole, f"{'对' if relation == claim else '不对'}，{whole}")


__all__ = ["Quantity", "done"]
