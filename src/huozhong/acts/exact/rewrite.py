"""REWRITE: 3/4化成小数, 0.25是百分之几, 12/18约分, 3/4的倒数, 3.14159保留两位小数, 三千零五写成数字, 205怎么读."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from huozhong.acts.exact.asking import Asked, asked
from huozhong.acts.exact.done import PLACES, Done, decimal, finish, mixed, text_of
from huozhong.verify import numerals
from huozhong.verify.numbers import Number, decimals_of, number_at

_TURN = (
    r"(?:化成|化为|化作|化|写成|写为|写作|改写成|改写为|改成|转化成|转化为|转换成|转换为|转成|转为|换成|变成|变为|换算成|用"
    r"|表示成|表示为|是|等于|=|as|to|into|in|a|an|the|of|equals?|is|->|→)"
)
_ASKS = r"(?:的?(?:形式|表示|来?表示|结果)?(?:是|等于|=|为)?(?:多少|几|什么|怎么写|怎么表示)?|\?|form)*"
_NUMBER = r"(?P<n>.+?)"
_HEAD = (
    r"(?:把|将|数|小数|分数|百分数|假分数|带分数|数字|convert|change|write|express|turn|rewrite|what(?:'s| is| are)?"
    r"|how do (?:i|you) (?:write|express)|number|fraction|decimal|the|percentage|\s)*"
)
_TARGETS: tuple[tuple[str, str], ...] = (
    ("decimal", r"(?:多少)?(?:有限)?小数|decimals?(?: number| form)?"),
    (
        "percent",
        r"(?:多少)?百分数|百分之几|百分之多少|百分率|百分比|多少%|\(?\s*\)?%|几%|per ?cent(?:age)?s?"
        r"|what percent(?:age)?",
    ),
    ("mixed", r"带分数|mixed (?:number|fraction)"),
    ("improper", r"假分数|improper fractions?"),
    (
        "fraction",
        r"(?:多少)?(?:最简|最简单的?)?分数|几分之几|fractions?(?: in (?:its )?(?:simplest|lowest) (?:form"
        r"|terms))?|simplest fraction",
    ),
)
_REDUCE = re.compile(
    rf"(?:约分|化简|化成最简(?:分数|整数比)?|化简成最简分数|把)?[:,]?{_HEAD}{_NUMBER}(?:这个)?(?:的?约分"
    rf"|约分|化简|化成?最简(?:分数|整数比|比)?|约成最简分数|的?最简(?:分数|整数比|比)|化简比"
    rf"|in (?:its )?(?:simplest|lowest) (?:form|terms))?"
    r"(?:后|之后)?(?:的?结果)?(?:是|等于|=|为|得)?(?:多少|几|什么|几分之几)?",
    re.IGNORECASE,
)
_REDUCE_WORD = re.compile(r"约分|化简|最简|simplif|simplest|lowest terms|reduce", re.IGNORECASE)
_OTHER_WORD = {"reciprocal": r"倒数|reciprocal", "opposite": r"相反数|opposite", "absolute": r"绝对值|absolute value"}
_OTHER_OF = re.compile(
    rf"(?:the )?(?:求)?{_HEAD}(?:(?:reciprocal|opposite|absolute value) of )?{_NUMBER}(?:的(?:倒数|相反数|绝对值))?"
    r"(?:是|等于|=|为)?(?:多少|几|什么)?",
    re.IGNORECASE,
)
_ROUND = re.compile(
    rf"{_HEAD}(?:round )?{_NUMBER}(?:四舍五入|省略|保留|精确|取近似数?|约等于|大约是|的近似[数值])?(?:到"
    rf"|至)?(?P<place>十|百|千|万|十万|百万|千万|亿)位?(?:后面的尾数)?(?:上)?(?:四舍五入)?(?:的?近似[数值]"
    rf"|约|大约)?(?:是|等于|为|≈)?(?:多少|几|什么)?"
    rf"|(?:round )?{_HEAD}(?P<m>.+?)\s*(?:rounded )?to the nearest (?P<en>ten|hundred|thousand|ten thousand|million)",
    re.IGNORECASE,
)
_ROUND_WORD = re.compile(r"四舍五入|省略|精确到|近似|nearest", re.IGNORECASE)
_PLACE = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "十万": 10**5, "百万": 10**6, "千万": 10**7, "亿": 10**8,
          "ten": 10, "hundred": 100, "thousand": 1000, "ten thousand": 10**4, "million": 10**6}  # fmt: skip
_UNIT_WAN = re.compile(
    rf"(?:把|将)?{_NUMBER}(?:改写|写|化|换算|转换|表示)?(?:成|为)?(?:用|以)[“\"]?(?P<unit>万|亿)[”\"]?(?:作"
    rf"|做|为)?(?:单位)?的?数?(?:表示)?(?:是|等于|为)?(?:多少)?"
)
_WRITE_DIGITS = re.compile(
    rf"(?:把|将)?(?:数字?|汉字)?[“\"]?{_NUMBER}[”\"]?(?:这个数)?(?:用)?(?:阿拉伯)?(?:写作|写成|化成|改写成"
    rf"|改成|转成|转换成|换成|变成|表示成|怎么写|用|如何写)?(?:阿拉伯)?(?:数字|数)?(?:怎么)?(?:来)?(?:表示"
    rf"|写|形式)?(?:是|为|成|作)?(?:多少|几|什么|:|\(\s*\))*"
)
_READ_ALOUD = re.compile(
    rf"(?:把|将)?(?:数字?)?{_NUMBER}(?:这个数)?(?:读作|读成|怎么读|怎样读|如何读|读法|的读法|念作|怎么念"
    rf"|用汉字|用中文|的汉字|的中文|写成汉字|写成中文|改写成汉字|改成中文|中文数字|汉字数字|转成中文|用大写"
    rf"|的大写|写成大写|怎么|怎样|如何|写|表示|数字|的|成|大写|人民币大写|是|为|:|什么|多少|\(\s*\))+"
)
_RATIO = re.compile(
    r"(?=.*(?:化简|最简|比值))(?:化简比?|求|把|将)?[:]?(?:比)?(?P<a>[\d./%]+)\s*[:比]\s*(?P<b>[\d./%]+)(?:这个比|的)?(?:化简比|化简"
    r"|化成最简整数比|的?最简整数比|的?最简比|比值|化成最简比)?(?:是|等于|为)?(?:多少|几|什么)?"
)
_DISCOUNT = re.compile(
    r"(?P<n>[一二三四五六七八九\d][一二三四五六七八九\d.]*折)(?:就|也)?(?:是|等于|相当于"
    r"|表示)?(?:原价的)?(?:百分之几|多少%|百分之多少|多少百分数|几%|百分数)(?:是多少)?"
)


def done(question: str) -> Done | None:
    """The number in its other form, or None when no other form is asked for."""
    ask = asked(question)
    for act in (_discount, _ratio, _wan, _rounded, _other_of, _reduced, _turned, _aloud, _in_digits):
        if found := act(ask):
            return found
    return None


def _number(text: str) -> tuple[Number, str] | None:
    """The number that a text is, with a sign perhaps, and how it was written."""
    text = text.strip().strip("“”\"',， ").removesuffix("这个数").removesuffix("的").strip()
    sign = re.match(r"[-负]\s*", text)
    start = sign.end() if sign else 0
    if re.fullmatch(r"\d+\s*/\s*\d+", text):
        top, bottom = (int(part) for part in text.split("/"))
        return (Number(Fraction(top, bottom), "fraction"), f"{top}/{bottom}") if bottom else None
    found = number_at(text, start)
    if found is None or found.end != len(text):
        return None
    number = Number(-found.number.value, found.number.style) if sign else found.number
    return number, text


def _say(ask: Asked, lines: Sequence[str], whole: str, short: str) -> Done:
    return finish(ask.english, lines, whole, short)


def _shown(number: Number, written: str) -> str:
    """How the number stands in an equality: 三分之二 as 2/3, 0.25 as it is."""
    if re.fullmatch(r"-?[\d.%/()又]+", written):
        return f"({written})" if re.fullmatch(r"\d+/\d+", written) else written
    return str(number)


# -- into another form ---------------------------------------------------------------------------------


def _turned(ask: Asked) -> Done | None:
    for form, names in _TARGETS:
        for pattern in (
            rf"{_HEAD}{_NUMBER}\s*{_TURN}*\s*(?:{names}){_ASKS}",
            rf"{_HEAD}{_NUMBER}(?:的|用)(?:{names})(?:形式)?(?:来)?(?:表示|写)?{_ASKS}",
            rf"(?:用|以)?(?:{names})(?:来|的形式)?(?:表示|写出)[:]?(?:数)?{_NUMBER}{_ASKS}",
            rf"(?:what )?(?:{names}) (?:is|equals|of) {_NUMBER}",
            rf"(?:{names}) (?:form )?(?:of|for) {_NUMBER}",
        ):
            match = re.fullmatch(pattern, ask.core, re.IGNORECASE)
            found = _number(re.sub(rf"\s*{_TURN}$", "", match["n"].strip())) or _number(match["n"]) if match else None
            if found:
                return _into(ask, form, *found)
    return None


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
    core = re.sub(
        r"^(?:simplify|reduce)\s*|\bto (?:its )?(?:simplest|lowest) (?:form|terms)$|^the fraction ",
        "",
        ask.core,
        flags=re.IGNORECASE,
    )
    match = _REDUCE.fullmatch(core)
    raw = (
        re.fullmatch(
            r"\(?(\d+)\s*/\s*(\d+)\)?|(\d+|[^\d\s]+?)分之(\d+|[^\d\s]+)", match["n"].strip().removesuffix("的")
        )
        if match
        else None
    )
    if raw is None:
        return None
    top, bottom = (raw[1], raw[2]) if raw[1] else (raw[4], raw[3])
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
        match = _OTHER_OF.fullmatch(ask.core)
        found = _number(match["n"]) if match else None
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
        text = re.sub(
            r"^(?:把|将|round|求|用|四舍五入法?|\s)*|(?:是|等于|约|≈|为|约是|约为|约等于|的?近似[数值]"
            r"|约等)*(?:多少|几|什么)?$|四舍五入|这个数",
            "",
            ask.core,
            flags=re.IGNORECASE,
        )
        found = _number(text)
        if found is None or found[0].style == "fraction":
            return None
        value, left = found[0].value, found[1] if re.search(r"\d", found[1]) else text_of(found[0].value)
        if found[0].style == "percent":
            short = f"{decimal(value * 100, ask.places)}%"
        else:
            short = decimal(value, ask.places)
        return _say(ask, (), f"{left}≈{short}" if _differs(left, short) else f"{left}={short}", short)
    if not _ROUND_WORD.search(ask.core):
        return None
    match = _ROUND.fullmatch(ask.core)
    found = _number(match["n"] or match["m"]) if match else None
    if match is None or found is None:
        return None
    place = _PLACE[(match["place"] or match["en"]).lower()]
    value = found[0].value
    whole = int(value / place + Fraction(1, 2)) * place
    short = f"{whole // place}{match['place']}" if place >= 10**4 and match["place"] in ("万", "亿") else str(whole)
    return _say(ask, (), f"{text_of(value)}≈{short}", short)


def _differs(left: str, short: str) -> bool:
    try:
        return Fraction(left.rstrip("%")) != Fraction(short.rstrip("%"))
    except ValueError:
        return True


def _wan(ask: Asked) -> Done | None:
    match = _UNIT_WAN.fullmatch(ask.core)
    found = _number(match["n"]) if match else None
    if match is None or found is None:
        return None
    size = 10**4 if match["unit"] == "万" else 10**8
    value = found[0].value / size
    if (decimals_of(value) or 0) > 8:
        return None
    short = f"{decimal(value, decimals_of(value) or 0)}{match['unit']}"
    return _say(
        ask,
        [f"{text_of(found[0].value)}÷{size}={decimal(value, decimals_of(value) or 0)}"],
        f"{text_of(found[0].value)}={short}",
        short,
    )


def _ratio(ask: Asked) -> Done | None:
    match = _RATIO.fullmatch(ask.core)
    if match is None:
        return None
    found = [_number(match["a"]), _number(match["b"])]
    if None in found or not found[1] or not found[1][0].value:
        return None
    value = found[0][0].value / found[1][0].value  # type: ignore[index]
    written = f"{match['a']}:{match['b']}"
    if "比值" in ask.core:
        short = text_of(value)
        return _say(ask, (), f"{written}={match['a']}÷{match['b']}={short}", short)
    return _say(ask, (), f"{written}={value.numerator}:{value.denominator}", f"{value.numerator}:{value.denominator}")


def _discount(ask: Asked) -> Done | None:
    match = _DISCOUNT.fullmatch(ask.core)
    found = _number(match["n"]) if match else None
    if match is None or found is None:
        return None
    short = f"{text_of(found[0].value * 100)}%"
    return _say(ask, (), f"{match['n']}就是按原价的{short}出售", short)


# -- numerals ------------------------------------------------------------------------------------------


def _in_digits(ask: Asked) -> Done | None:
    """三千零五写成数字"""
    if not re.search("写|数字|阿拉伯|表示|化成数", ask.core) or re.search(
        "汉字|中文|大写|读", ask.core.replace("汉字", "", 1)
    ):
        return None
    match = _WRITE_DIGITS.fullmatch(ask.core)
    if match is None:
        return None
    written = match["n"].strip('“”"')
    value = numerals.read(written)
    if value is None or len(written) < 2 or written in ("一下", "一个"):
        return None
    return _say(ask, (), f"{written}写作{text_of(value)}", text_of(value))


def _aloud(ask: Asked) -> Done | None:
    """205怎么读, 205写成汉字, 1234的大写"""
    if not re.search("读|念|汉字|中文|大写", ask.core):
        return None
    match = _READ_ALOUD.fullmatch(ask.core)
    if match is None or not re.fullmatch(r"\d[\d,]*(?:\.\d+)?|\d+/\d+|\d+(?:\.\d+)?%", match["n"]):
        return None
    found = _number(match["n"])
    if found is None:
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
