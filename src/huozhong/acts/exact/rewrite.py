"""REWRITE: 3/4化成小数, 0.25是百分之几, 12/18约分, 3/4的倒数, 3.14159保留两位小数, 三千零五写成数字, 205怎么读."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from huozhong.acts.exact.asking import Asked, asked, numbers_in
from huozhong.acts.exact.done import PLACES, Done, decimal, finish, mixed, text_of
from huozhong.acts.exact.small_words import rest_of
from huozhong.verify import numerals
from huozhong.verify.numbers import Number, decimals_of

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "percent",
        re.compile(
            r"百分数|百分之几|百分之多少|百分率|百分比|(?:多少|几|\(\s*\)|[_?？])\s*%|\bper ?cent(?:age)?s?\b",
            re.IGNORECASE,
        ),
    ),
    ("mixed", re.compile(r"带分数|\bmixed (?:number|fraction)s?\b", re.IGNORECASE)),
    ("improper", re.compile(r"假分数|\bimproper fractions?\b", re.IGNORECASE)),
    (
        "fraction",
        re.compile(
            r"(?:最简单的|最简)?(?<![带假百])分数|几分之几|多少分之多少|\b(?:simplest )?fractions?\b", re.IGNORECASE
        ),
    ),
    ("decimal", re.compile(r"(?:有限)?小数(?!点)|\bdecimals?(?: numbers?| forms?)?\b", re.IGNORECASE)),
)
_TURNING = re.compile(
    r"化简|化成|化为|化作|化|改写成|改写为|改写|改成|转化成|转化为|转化|转换成|转换为|转换|转成|转为|换成|变成|变为"
    r"|变|换算成|换算"
    r"|写成|写为|写作|表示成|表示为|表示|约成|约分|化简|最简|整数比|比值|倒数|相反数|绝对值|四舍五入|近似[数值]?|精确"
    r"|保留"
    r"|省略|尾数|后面的|约等于|约|取|成|作"
    r"|\b(?:as|into|convert(?:ed)?|change|express(?:ed)?|turn|rewrite|written|form|simplif(?:y|ied)|reduced?"
    r"|lowest|simplest|terms|reciprocal|opposite|absolute|inverse|round(?:ed|ing)?|off|nearest)\b|≈|→|->",
    re.IGNORECASE,
)
_BY = re.compile(r"(?:用|以)[^,，。]{0,3}$")
_REDUCE_WORD = re.compile(r"约分|化简|最简|约成|simplif|simplest|lowest terms|reduce", re.IGNORECASE)
_RAW = re.compile(
    r"\(?(?P<top>\d+)\s*/\s*(?P<bottom>\d+)\)?"
    r"|(?P<of>[\d一二三四五六七八九十百零两]+)分之(?P<parts>[\d一二三四五六七八九十百零两]+)"
)
_OTHER_WORD = {"reciprocal": r"倒数|reciprocal", "opposite": r"相反数|opposite", "absolute": r"绝对值|absolute value"}
_ROUND = re.compile(
    r"(?:到|至|省略|保留)(?P<place>十|百|千|万|十万|百万|千万|亿)位?|(?P<wan>万|亿)位?(?:后面的尾数)"
    r"|nearest (?P<en>ten thousand|ten|hundred|thousand|million)",
    re.IGNORECASE,
)
_ROUND_WORD = re.compile(r"四舍五入|省略|精确到|近似|nearest", re.IGNORECASE)
_PLACE = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "十万": 10**5, "百万": 10**6, "千万": 10**7, "亿": 10**8,
          "ten": 10, "hundred": 100, "thousand": 1000, "ten thousand": 10**4, "million": 10**6}  # fmt: skip
_UNIT_WAN = re.compile(
    r"(?:用|以)?[“\"]?(?P<unit>[万亿])[”\"]?(?:作|做|为)?(?:单位)|(?:用|以)[“\"]?(?P<other>[万亿])[”\"]?(?:来)?表示"
)
_READING = re.compile(
    r"读作|读成|读法|读出来|读出|读|念作|念成|念法|念|汉字|中文|大写|人民币|写作|写成|写为|写|转成|换成|改写成|改成"
    r"|变成|表示"
    r"|成|作"
)
_WRITING = re.compile(r"写作|写成|写为|写|阿拉伯|表示成|表示|化成|改写成|改成|转成|转换成|换成|变成|用|成|作|汉字|中文")
_RATIO = re.compile(r"(?P<a>\d+(?:\.\d+)?|\d+/\d+)\s*(?::|比)\s*(?P<b>\d+(?:\.\d+)?|\d+/\d+)")
_DISCOUNT = re.compile(r"(?P<n>[一二三四五六七八九\d][一二三四五六七八九\d.]*折)")


def done(question: str) -> Done | None:
    """The number in its other form, or None when no other form is asked for."""
    ask = asked(question)
    for act in (_discount, _ratio, _wan, _rounded, _other_of, _reduced, _turned, _aloud, _in_digits):
        if found := act(ask):
            return found
    return None


def _only(ask: Asked, text: str, also: re.Pattern[str] = _TURNING) -> tuple[Number, str] | None:
    """The one number of a text beside which it says nothing, and how it is written."""
    found, rest = numbers_in(text.replace("四舍五入", ""))
    if len(found) != 1 or rest_of(rest, ask.english, also):
        return None
    return found[0].number, re.sub(r"\s*/\s*", "/", found[0].written)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _say(ask: Asked, lines: Sequence[str], whole: str, short: str) -> Done:
    return finish(ask.english, lines, whole, short)


def _shown(number: Number, written: str) -> str:
    """How the number stands in an equality: 三分之二 as 2/3, 0.25 as it is."""
    if re.fullmatch(r"-?[\d.%/()又]+", written):
        return f"({written})" if re.fullmatch(r"\d+/\d+", written) else written
    return str(number)


# -- into another form ---------------------------------------------------------------------------------


def _turned(ask: Asked) -> Done | None:
    text = ask.core
    named = sorted((match.start(), match.end(), form) for form, pattern in _FORMS for match in pattern.finditer(text))
    if not named:
        return None
    by = [place for place in named if _BY.search(text[: place[0]]) and not re.match(r"\s*\d", text[place[1] :])]
    target = (by or named)[-1][2]
    for start, end, _ in reversed(named):
        text = f"{text[:start]} {text[end:]}"
    found = _only(ask, text)
    return _into(ask, target, *found) if found else None


def _into(ask: Asked, form: str, number: Number, written: str) -> Done | None:
    value, left = number.value, _shown(number, written)
    if form == "decimal":
        return _as_decimal(ask, value, left)
    if form == "percent":
        return _as_percent(ask, value, left)
    if form == "mixed":
        if value.denominator == 1 or abs(value) < 1:
            return None
        whole, rest = divmod(value.numerator, value.denominator)
        lines = [f"{value.numerator}÷{value.denominator}={whole}……{rest}"]
        if ask.english:
            short = f"{whole} {rest}/{value.denominator}"
            return _say(ask, lines, f"{left.strip('()')} = {short}", short)
        return _say(ask, lines, f"{lines[0]}，所以{left.strip('()')}={mixed(value)}", mixed(value))
    if value.denominator == 1 and form == "improper":
        return None
    short = f"{value.numerator}/{value.denominator}" if value.denominator != 1 else str(value.numerator)
    lines = [_fraction_line(number, left, value)]
    return _say(ask, lines, lines[0].replace("(", "").replace(")", "") if "=" in lines[0] else f"{left}={short}", short)


def _fraction_line(number: Number, left: str, value: Fraction) -> str:
    """0.25=(25/100)=(1/4)"""
    reduced = f"({value.numerator}/{value.denominator})"
    if number.style == "percent" and (value * 100).denominator == 1:
        raw = f"({int(value * 100)}/100)"
    elif number.style == "decimal" and (places := decimals_of(value)):
        raw = f"({value.numerator * 10**places // value.denominator}/{10**places})"
    else:
        raw = reduced
    if value.denominator == 1:
        return f"{left}={value.numerator}"
    return f"{left}={raw}" if raw == reduced else f"{left}={raw}={reduced}"


def _as_decimal(ask: Asked, value: Fraction, left: str) -> Done | None:
    places = decimals_of(value)
    division = f"{value.numerator}÷{value.denominator}"
    if places is not None and places <= 8 and (ask.places is None or places <= ask.places):
        short = decimal(value, places)
        lines = [f"{division}={short}"] if "/" in left or "又" in left else [f"{left}={short}"]
        return _say(ask, lines, f"{left.strip('()')}={division}={short}" if "/" in left else f"{left}={short}", short)
    keep = ask.places if ask.places is not None else 3
    short = decimal(value, keep)
    about = "about " if ask.english else "约"
    return _say(
        ask,
        [f"{division}≈{short}"],
        f"{left.strip('()')}={division}≈{short}",
        short if ask.places is not None else f"{about}{short}",
    )


def _as_percent(ask: Asked, value: Fraction, left: str) -> Done | None:
    hundred = value * 100
    places = decimals_of(hundred)
    if places is not None and places <= PLACES:
        short = f"{text_of(hundred)}%"
        if "/" in left and decimals_of(value) is not None:
            lines = [
                f"{value.numerator}÷{value.denominator}={decimal(value, decimals_of(value) or 0)}",
                f"{decimal(value, decimals_of(value) or 0)}={short}",
            ]
            return _say(ask, lines, f"{left.strip('()')}={decimal(value, decimals_of(value) or 0)}={short}", short)
        return _say(ask, [f"{left}={short}"], f"{left.strip('()')}={short}", short)
    keep = ask.places if ask.places is not None else 1
    short = f"{decimal(hundred, keep)}%"
    return _say(ask, [f"{left}≈{short}"], f"{left.strip('()')}≈{short}", f"{'about ' if ask.english else '约'}{short}")


def _reduced(ask: Asked) -> Done | None:
    if not _REDUCE_WORD.search(ask.core):
        return None
    places = list(_RAW.finditer(ask.core))
    if len(places) != 1:
        return None
    raw = places[0]
    rest = re.sub(r"分数|fractions?", " ", _without(ask.core, raw), flags=re.IGNORECASE)
    if rest_of(rest, ask.english, _TURNING):
        return None
    top, bottom = (raw["top"], raw["bottom"]) if raw["top"] else (raw["parts"], raw["of"])
    values = [Fraction(part) if part.isdigit() else numerals.read(part) for part in (top, bottom)]
    if None in values or not values[1]:
        return None
    a, b = (int(value) for value in values if value is not None)
    common = math.gcd(a, b)
    short = f"{a // common}/{b // common}" if b != common else str(a // common)
    if common == 1:
        said = f"{a}/{b} is already in its simplest form" if ask.english else f"{a}和{b}互质，{a}/{b}已经是最简分数"
        return _say(ask, (), said, short)
    lines = [f"{a}÷{common}={a // common}", f"{b}÷{common}={b // common}"]
    said = (
        f"{a}/{b} = {short}"
        if ask.english
        else f"{a}和{b}的最大公因数是{common}，分子分母同时除以{common}，{a}/{b}={short}"
    )
    return _say(ask, lines, said, short)


def _other_of(ask: Asked) -> Done | None:
    for kind, word in _OTHER_WORD.items():
        if not re.search(word, ask.core, re.IGNORECASE):
            continue
        found = _only(ask, ask.core)
        if found is None:
            return None
        number, written = found
        left = written if re.search(r"\d", written) else str(number).strip("()")
        if kind == "reciprocal":
            return _reciprocal(ask, number.value, left)
        value = -number.value if kind == "opposite" else abs(number.value)
        zh, en = word.split("|")
        said = f"The {en} of {left} is {text_of(value)}" if ask.english else f"{left}的{zh}是{text_of(value)}"
        return _say(ask, (), said, text_of(value))
    return None


def _reciprocal(ask: Asked, value: Fraction, left: str) -> Done:
    if value == 0:
        return _say(
            ask,
            (),
            "0 has no reciprocal" if ask.english else "0不能作除数，0没有倒数",
            "none" if ask.english else "没有倒数",
        )
    result = 1 / value
    short = f"{result.numerator}/{result.denominator}" if result.denominator != 1 else str(result.numerator)
    a, b = (f"({x.numerator}/{x.denominator})" if x.denominator != 1 else str(x.numerator) for x in (value, result))
    said = f"The reciprocal of {left} is {short}" if ask.english else f"{left}×{short}=1，所以{left}的倒数是{short}"
    return _say(ask, [f"{a}×{b}=1"], said, short)


# -- rounding ------------------------------------------------------------------------------------------


def _rounded(ask: Asked) -> Done | None:
    if ask.places is not None:
        found = _only(ask, ask.core)
        if found is None or found[0].style == "fraction":
            return None
        value, left = found[0].value, found[1] if re.search(r"\d", found[1]) else text_of(found[0].value)
        is_percent = found[0].style == "percent"
        short = f"{decimal(value * 100, ask.places)}%" if is_percent else decimal(value, ask.places)
        return _say(ask, (), f"{left}≈{short}" if _differs(left, short) else f"{left}={short}", short)
    match = _ROUND.search(ask.core)
    found = _only(ask, _without(ask.core, match)) if match and _ROUND_WORD.search(ask.core) else None
    if match is None or found is None:
        return None
    name = (match["place"] or match["wan"] or match["en"]).lower()
    place, value = _PLACE[name], found[0].value
    whole = int(value / place + Fraction(1, 2)) * place
    short = f"{whole // place}{name}" if name in ("万", "亿") else str(whole)
    return _say(ask, (), f"{text_of(value)}≈{short}", short)


def _differs(left: str, short: str) -> bool:
    try:
        return Fraction(left.rstrip("%")) != Fraction(short.rstrip("%"))
    except ValueError:
        return True


def _wan(ask: Asked) -> Done | None:
    match = _UNIT_WAN.search(ask.core)
    found = _only(ask, _without(ask.core, match)) if match else None
    if match is None or found is None:
        return None
    unit = match["unit"] or match["other"]
    size = 10**4 if unit == "万" else 10**8
    value = found[0].value / size
    if (decimals_of(value) or 0) > 8:
        return None
    short = f"{decimal(value, decimals_of(value) or 0)}{unit}"
    return _say(
        ask,
        [f"{text_of(found[0].value)}÷{size}={decimal(value, decimals_of(value) or 0)}"],
        f"{text_of(found[0].value)}={short}",
        short,
    )


def _ratio(ask: Asked) -> Done | None:
    match = _RATIO.search(ask.core)
    if match is None or not re.search("化简|最简|比值", ask.core):
        return None
    a, b = Fraction(match["a"]), Fraction(match["b"])
    if not b or rest_of(re.sub("[比值]", " ", _without(ask.core, match)), ask.english, _TURNING):
        return None
    value = a / b
    written = f"{match['a']}:{match['b']}"
    if "比值" in ask.core:
        short = text_of(value)
        return _say(ask, (), f"{written}={match['a']}÷{match['b']}={short}", short)
    return _say(ask, (), f"{written}={value.numerator}:{value.denominator}", f"{value.numerator}:{value.denominator}")


def _discount(ask: Asked) -> Done | None:
    match = _DISCOUNT.search(ask.core)
    if match is None or not re.search("百分之[几多]|百分数|%", ask.core):
        return None
    rest = re.sub(r"百分之几|百分之多少|百分数|%|原价|打|出售|就|相当于", "", _without(ask.core, match))
    found = numbers_in(match["n"])[0]
    if rest_of(rest, ask.english, _TURNING) or len(found) != 1:
        return None
    short = f"{text_of(found[0].value * 100)}%"
    return _say(ask, (), f"{match['n']}就是按原价的{short}出售", short)


# -- numerals ------------------------------------------------------------------------------------------


def _in_digits(ask: Asked) -> Done | None:
    """三千零五写成数字"""
    if not re.search("写|数字|阿拉伯|表示", ask.core) or re.search("大写|读|念", ask.core):
        return None
    found = _only(ask, ask.core, _WRITING)
    if found is None or not re.fullmatch(f"[{numerals.CHARACTERS}点]{{2,}}", found[1]):
        return None
    return _say(ask, (), f"{found[1]}写作{text_of(found[0].value)}", text_of(found[0].value))


def _aloud(ask: Asked) -> Done | None:
    """205怎么读, 205写成汉字, 1234的大写"""
    if not re.search("读|念|汉字|中文|大写", ask.core):
        return None
    found = _only(ask, ask.core, _READING)
    if found is None or not re.fullmatch(r"\d[\d,]*(?:\.\d+)?|\d+/\d+|\d+(?:\.\d+)?%", found[1]):
        return None
    number, written = found
    say: Callable[[Fraction], str] = numerals.write
    try:
        if "大写" in ask.core:
            if number.value.denominator != 1:
                return None
            short = numerals.write_whole(int(number.value), financial=True)
            return _say(ask, (), f"{written}的大写是{short}", short)
        if number.style == "percent":
            short = f"百分之{say(number.value * 100)}"
        elif "/" in written:
            top, bottom = written.split("/")
            short = f"{numerals.write_whole(int(bottom))}分之{numerals.write_whole(int(top))}"
        elif "." in written:
            whole, digits = written.replace(",", "").split(".")
            short = f"{numerals.write_whole(int(whole))}点{''.join('零一二三四五六七八九'[int(d)] for d in digits)}"
        else:
            short = say(number.value)
    except ValueError:
        return None
    return _say(ask, (), f"{written}读作{short}", short)
