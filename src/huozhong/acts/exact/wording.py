"""A sum in words turned into signs: 三加四乘以五 is 3+4×5, 25与14的和乘以3 is (25+14)×3, half of 30 is 30÷2."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from huozhong.acts.solve import Unsolvable, parse, value_of
from huozhong.verify.numbers import number_at

_ATOM = r"(\d+(?:\.\d+)?%?|\([^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\))"
_AND = r"(?:与|和|跟|同|、|,|加上?)"
Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _divides(match: re.Match[str]) -> str:
    """5除30 is 30÷5; who says 30除5 may mean either."""
    a, b = match[1], match[2]
    if a.isdigit() and b.isdigit() and 0 < int(a) < int(b) and int(b) % int(a) == 0:
        return f"({b}÷{a})"
    return match[0].replace("除", "✗")


def _difference(match: re.Match[str]) -> str:
    """3与5的差 is taken of the larger."""
    a, b = match[1], match[2]
    try:
        swap = value_of(parse(a)) < value_of(parse(b))
    except Unsolvable:
        swap = False
    return f"({b}-{a})" if swap else f"({a}-{b})"


def _more(match: re.Match[str]) -> str:
    """比36多12的数 is 36+12, but 比18多60%的数 is 18×(1+60%)."""
    a, sign, b = match[1], "+" if match[2] in "多大" else "-", match[3]
    if b.endswith("%"):
        return f"({a}×(1{sign}{b}))"
    if re.fullmatch(r"\(\d+/\d+\)", b) and "/" not in a:
        return match[0].replace("比", "✗")  # 比60多1/5的数 may be 60 and a fifth, or a fifth more
    return f"({a}{sign}{b})"


def _rules(*pairs: tuple[str, str | Callable[[re.Match[str]], str]]) -> list[Rule]:
    return [(re.compile(pattern.replace("A", _ATOM), re.IGNORECASE), new) for pattern, new in pairs]


# From what binds closest to what is done last; each is applied until nothing changes.
_ZH = _rules(
    (r"A(?:的平方(?!根)|平方(?!根))", r"(\1^2)"),
    (r"A(?:的立方(?!根)|立方(?!根))", r"(\1^3)"),
    (r"A的(\d+)次方", r"(\1^\2)"),
    (r"A的A倍", r"(\1×\2)"),
    (r"A的(?:一半|二分之一)", r"(\1÷2)"),
    (r"A的(\(\d+/\d+\)|\d+(?:\.\d+)?%)", r"(\1×\2)"),
    (rf"A{_AND}A这?(?:两个?数)?(?:相加)?的(?:和|总和|加和)", r"(\1+\2)"),
    (r"A(?:与|和|跟|同|、|,|减去?)A这?(?:两个?数)?(?:相减)?的(?:差|相差)", _difference),
    (r"A(?:与|和|跟|同|、|,|乘以?)A这?(?:两个?数)?(?:相乘)?的(?:积|乘积)", r"(\1×\2)"),
    (r"A(?:与|和|跟|除以|÷)A这?(?:两个?数)?(?:相除)?的(?:商)", r"(\1÷\2)"),
    (r"A\+A的和", r"(\1+\2)"),
    (r"A-A的差", r"(\1-\2)"),
    (r"A×A的(?:积|乘积)", r"(\1×\2)"),
    (r"A÷A的商", r"(\1÷\2)"),
    (r"从?A(?:里面?|中)?(?:减去|去掉|减掉|拿走|扣除)A", r"\1-\2"),
    (r"A个A(?:相加|加起来|连加|加在一起)?(?:的和)?", r"(\1×\2)"),
    (r"比A([多大少小])A的?数?", _more),
    (rf"A{_AND}A(?:相加|加起来|加在一起|求和|之和|合起来)", r"(\1+\2)"),
    (r"A(?:与|和|跟|同|、|,)A(?:相减|之差|相差|求差)", _difference),
    (r"A(?:与|和|跟|同|、|,)A(?:相乘|之积|乘起来|乘在一起)", r"(\1×\2)"),
    (r"A(?:与|和|跟)A相除", r"(\1÷\2)"),
    (r"A(?:除以|÷以)A", r"\1÷\2"),
    (r"A(?:乘以|乘上|乘|叉乘)A", r"\1×\2"),
    (r"A(?:除)A", _divides),
    (r"A(?:再)?(?:加上|加|添上|多加)A", r"\1+\2"),
    (r"A(?:再)?(?:减去|减掉|减|扣掉)A", r"\1-\2"),
    (r"A比A[多大](?:多少|几)?", r"(\1-\2)"),
    (r"A比A[少小](?:多少|几)?", r"(\2-\1)"),
)
_EN = _rules(
    (r"(?:the )?sum of A and A", r"(\1+\2)"),
    (r"(?:the )?difference (?:between|of) A and A", _difference),
    (r"(?:the )?product of A and A", r"(\1×\2)"),
    (r"(?:the )?quotient of A and A", r"(\1÷\2)"),
    (r"subtract(?:ing)? A from A", r"(\2-\1)"),
    (r"take A (?:away )?from A", r"(\2-\1)"),
    (r"add(?:ing)? A (?:and|to) A", r"(\1+\2)"),
    (r"multipl(?:y|ying) A (?:by|and|with|times) A", r"(\1×\2)"),
    (r"divid(?:e|ing) A by A", r"(\1÷\2)"),
    (r"(?:the )?square of A", r"(\1^2)"),
    (r"(?:the )?cube of A", r"(\1^3)"),
    (r"A squared", r"(\1^2)"),
    (r"A cubed", r"(\1^3)"),
    (r"A (?:raised )?to the power of A", r"(\1^\2)"),
    (r"double A", r"(2×\1)"),
    (r"triple A", r"(3×\1)"),
    (r"A percent(?: of)?", r"\1%×"),
    (r"A per cent of", r"\1%×"),
    (r"A of A", r"(\1×\2)"),
    (r"A (?:multiplied by|times|by) A", r"\1×\2"),
    (r"A (?:divided by|over) A", r"\1÷\2"),
    (r"A (?:plus|and|added to) A", r"\1+\2"),
    (r"A (?:minus|less|take away) A", r"\1-\2"),
)
_SIGN = str.maketrans(
    {"*": "×", "x": "×", "X": "×", "·": "×", "²": "²", "[": "(", "]": ")", "{": "(", "}": ")", "【": "(", "】": ")"}
)
# A telephone number, a date, a time: a minus or a colon between numbers is not always a sum.
_NO_SUM = re.compile(
    r"(?<![\d.])0\d|\d{3,4}-\d{3,4}-\d{4}|(?<!\d)(?:19|20)\d\d-\d{1,2}-\d{1,2}(?!\d)|\d:\d|(?<!\d)\d{3,4}-\d{7,8}(?!\d)"
)
_THEN = re.compile(r"(?:[,，]\s*(?:再|然后|接着|又|最后)?|再|然后再?|后再|接着)(?=[加减乘除×÷+])")
_OPERATOR = re.compile(r"[-+×÷^]")


def in_signs(text: str, english: bool) -> str | None:
    """The sum in signs (digits, + - × ÷ ^ % /, brackets), or None when anything else is left or it is no sum."""
    if re.search(r"(?<!\(\d)(?<!\(\d\d)/.*(?:商|[与和].*的[和差积])", text):
        return None  # 7/56的商, 2008/8与47的差: nobody knows what is divided by what
    if _NO_SUM.search(text):
        return None
    first, *then = _THEN.split(text) if not english else [text]
    for step in then:  # 3加4再乘5, 除以7，加28
        first = f"({first}){step}"
    signs = _numbers(first, english)
    if signs is None:
        return None
    for _ in range(12):
        before = signs
        for pattern, new in _EN if english else _ZH:
            signs = pattern.sub(new, signs)
        if signs == before:
            break
    signs = re.sub(r"\s+", "", signs)
    signs = re.sub(r"%×(?=$)", "%", signs)
    is_sum = _OPERATOR.search(signs.lstrip("-")) or re.fullmatch(r"\(\d+/\d+\)", signs)
    if not re.fullmatch(r"[\d.+\-×÷^()/%]+", signs) or not is_sum:
        return None
    lone = re.fullmatch(r"\((\d+)/(\d+)\)", signs)
    if lone and ("/" not in text or (int(lone[1]) < int(lone[2]) and re.fullmatch(r"[\s\d/()]+", text))):
        return None  # 三分之二 and 1/2 alone are no sums
    return f"{lone[1]}÷{lone[2]}" if lone else _bare(signs)


def _bare(signs: str) -> str:
    """Without a bracket around everything."""
    while signs.startswith("(") and signs.endswith(")"):
        depth, closed = 0, 0
        for at, sign in enumerate(signs):
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                closed = at
                break
        if closed != len(signs) - 1 or not _OPERATOR.search(signs):
            break
        signs = signs[1:-1]
    return signs


def _numbers(text: str, english: bool) -> str | None:
    """Digits for numerals, signs for their cousins; a / b between whole numbers is the fraction (a/b)."""
    out, at = "", 0
    text = text.translate(_SIGN) if not re.search(r"[A-WYZa-wyz]", text) else _english_times(text)
    text = text.replace("××", "^").replace("**", "^").replace("²", "^2").replace("³", "^3").replace("。", ".")
    while at < len(text):
        if text.startswith("一半", at):
            out, at = out + "一半", at + 2
            continue
        found = None if text[at] in "(" and not re.match(r"\(\d+/\d+\)", text[at:]) else number_at(text, at)
        if found is None or (english and text[at : found.end].lower() in ("double", "triple")):
            sign = text[at]
            out += "÷" if sign == "/" else sign
            at += 1
            continue
        value, style = found.number.value, found.number.style
        if style == "percent" or (style == "fraction" and found.kind == "half"):
            out += f"{_digits(value * 100)}%" if style == "percent" else "(1/2)"
        elif style == "fraction":
            raw = re.fullmatch(r"\(?(\d+)/(\d+)\)?", text[at : found.end])
            out += f"({raw[1]}/{raw[2]})" if raw else f"({value.numerator}/{value.denominator})"
        else:
            digits = _digits(value)
            if digits is None:
                return None
            out += digits
        at = found.end
    return re.sub(r"(?<![÷\d.)])(\d+)÷(\d+)(?![\d.])", _slash(text), out) if "/" in text else out


def _digits(value: Fraction) -> str | None:
    if value.denominator == 1:
        return str(value.numerator)
    places = 0
    while value.denominator != 1 and places < 12:
        value, places = value * 10, places + 1
    if value.denominator != 1:
        return None
    digits = str(value.numerator).zfill(places + 1)
    return f"{digits[:-places]}.{digits[-places:]}"


def _english_times(text: str) -> str:
    text = re.sub(r"(?<=[\d)])\s*[xX*]\s*(?=[\d(])", "×", text)
    return text.translate({ord("["): "(", ord("]"): ")", ord("·"): "×"})


def _slash(text: str) -> Callable[[re.Match[str]], str]:
    """3/4+1/2 is of fractions; where ÷ stands too, a / is one as well only if it is bracketed."""

    def fraction(match: re.Match[str]) -> str:
        top, bottom = int(match[1]), int(match[2])
        written = f"{match[1]}/{match[2]}"
        is_fraction = written in text and bottom > 1 and top % bottom and "÷" not in text
        return f"({written})" if is_fraction else match[0]

    return fraction
