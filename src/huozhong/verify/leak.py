"""Numbers that must not be told, found in a text however they are written.

A tutor that keeps an answer to itself must not say it in Chinese numerals, in English, in another unit, digit by digit
or as a sum that comes to it.  `leaks` finds the values that are secret in digits of every script (１６, ⑯, 𝟏𝟔), spaced
and split digits (1 6, 十位是1，个位是6), Chinese numerals (十六, 一十六, 壹拾陆, 十6, 一六), pinyin, English (sixteen,
16th, s-i-x-t-e-e-n), Roman numerals, fractions, percentages, units (1米20 for 120), rows of the same sign, sums in
signs or words (`verify.told_sums`), what is told by what becomes of it (`verify.told_riddles`), and otherwise
(`verify.told_otherwise`).  What only numbers things (第2步, 第16页, 3月16日) tells nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from huozhong.verify import number_words, numerals, units
from huozhong.verify.numbers import mentions, number_at, tidy
from huozhong.verify.told_otherwise import told_otherwise
from huozhong.verify.told_riddles import riddles
from huozhong.verify.told_sums import Operand, Written, sums

Form = Literal[
    "digits", "chinese", "english", "fraction", "unit", "spaced", "places", "pinyin", "roman", "signs", "code", "sum"
]


@dataclass(frozen=True)
class Leak:
    """A secret value told at `text[start:end]`, and how."""

    start: int
    end: int
    value: Fraction
    form: Form


def leaks(
    text: str, secrets: Iterable[Fraction], allowed: Iterable[Fraction] = (), shown: Iterable[str] = ()
) -> list[Leak]:
    """Where a text tells a secret, in order; each place once.

    allowed: numbers that are known to everybody, secret or not: those of the problem, and those that were reached.
    shown: texts that may be quoted, such as the problem itself and the sum that is to be worked out; a sum or a
    quantity that stands in one of them is no leak.
    """
    hidden = frozenset(Fraction(one) for one in secrets) - frozenset(Fraction(one) for one in allowed)
    clean, places = _clean(text)
    quoted = [_bare(_clean(one)[0]) for one in shown]
    labels = [(found.start(), found.end()) for found in _LABEL.finditer(clean)]
    found = []
    for start, end, value, form in _told(clean):
        if value not in hidden or any(a <= start and end <= b for a, b in labels):
            continue
        if form in ("sum", "spaced", "unit") and any(_stands_in(_bare(clean[start:end]), one) for one in quoted):
            continue
        found.append(Leak(places[start], places[end - 1] + 1, value, form))
    return _longest(found)


def _longest(found: list[Leak]) -> list[Leak]:
    """Without those that lie within another one."""
    kept: list[Leak] = []
    for leak in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or leak.end > kept[-1].end:
            kept.append(leak)
    return kept


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text).translate(str.maketrans("*xX/", "×××÷"))


def _stands_in(piece: str, text: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(piece)}(?![\d.])", text) is not None


# -- a text without disguises ------------------------------------------------------------------------------------


def _clean(text: str) -> tuple[str, list[int]]:
    """The text in plain characters, and for each of them its place in the text.

    ⑯ is 16, ½ is (1/2), 4² is 4^2, 𝟏 is 1, í is i; what is not seen (zero-width characters, marks above) is left out.
    """
    out: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if unicodedata.category(character) in ("Cf", "Mn", "Me"):
            continue
        plain = _plain(character)
        out.append(plain)
        places += [at] * len(plain)
    return "".join(out), places


def _plain(character: str) -> str:
    if character.isascii() or "\u4e00" <= character <= "\u9fff":
        return character
    if character >= "\u0660" and unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    if unicodedata.decomposition(character).startswith("<super>") and character.isdigit():
        return f"^{unicodedata.digit(character)}"
    wide = unicodedata.normalize("NFKD", character)
    if "\u2044" in wide:  # ½
        return f"({wide.replace(chr(0x2044), '/')})"
    seen = "".join(one for one in wide if unicodedata.category(one) not in ("Mn", "Cf"))
    return tidy(seen) if seen and unicodedata.category(character)[0] in "NLPSZ" and character != "…" else character


# What numbers things, and says nothing about how many there are.
_N = rf"(?:\d+|[{numerals.CHARACTERS}]+)"
_LABEL = re.compile(
    rf"第\s*{_N}\s*(?:步|页|頁|课|課|章|节|節|单元|單元|小?题|题|行|段|问|版|册|冊|条提示|个提示|层提示|关|稿)"
    rf"|(?:课本|书|教材)\s*{_N}\s*页|(?:图|表|例题?|练习|附录|题号|步骤|提示)\s*{_N}(?![\d.%万千百]|\s*[+\-×÷*/=个只元米])"
    rf"|\d{{4}}\s*年(?:\s*\d+\s*月)?(?:\s*\d+\s*[日号])?|[一二三四五六七八九〇零]{{4}}年(?:{_N}月)?(?:{_N}[日号])?"
    rf"|(?<!个){_N}\s*月\s*(?:{_N}\s*[日号])?|(?:星期|礼拜|(?<!每)周)[一二三四五六日天]"
    rf"|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|(?<!\d)\d{{1,2}}:\d{{2}}(?!\d)|{_N}\s*年级(?:\s*[（(]?{_N}[)）]?\s*班)?"
    rf"|(?:(?<![A-Za-z])(?:page|step|chapter|lesson|unit|grade|p\.?|no\.|hint|exercise|question)\s*)\d+"
    rf"|(?m:^\s*[（(]?\d{{1,2}}[.、)）:：](?=\s*[^\s\d])(?!\s*$))|(?m:^\s*\d{{1,2}}\s(?=[\u4e00-\u9fff]{{2}}))",
    re.IGNORECASE,
)

# -- what is told, in every form -----------------------------------------------------------------------------------

_Told = tuple[int, int, Fraction, Form]


def _told(text: str) -> Iterator[_Told]:
    meant = {one.start for one in mentions(text)}
    operands = list(_operands(text))
    for one in operands:
        if _is_meant(text, one, meant):
            yield one.start, one.end, one.value, one.form
            yield from _other_values(text, one)
    yield from _runs(text)
    yield from _short(text)
    yield from _spaced(text)
    yield from _by_places(text)
    yield from _in_units(text)
    yield from _in_letters(text)
    yield from _in_signs(text)
    for made in (*sums(text, operands), *riddles(text, operands), *told_otherwise(text, operands)):
        yield made.start, made.end, made.value, "sum"


_STARTS = re.compile(rf"\(?\d|\.\d|[半俩仨幺{numerals.CHARACTERS}]|{number_words.START.pattern}", re.IGNORECASE)
_ZEROS = re.compile(r"\.\d+")


def _operands(text: str) -> Iterator[Operand]:
    """The numbers of a text, one after the other, read as far as each goes."""
    at = 0
    while start := _STARTS.search(text, at):
        begin = start.start()
        at = begin + 1
        if (mixed := _MIXED.match(text, begin)) and (value := _mixed(mixed[0])) is not None:
            at = mixed.end()
            yield Operand(begin, at, value, "chinese")
            continue
        if point := _ZEROS.match(text, begin):
            at = point.end()
            yield Operand(begin, at, Fraction(point[0]), "digits")
            continue
        found = number_at(text, begin)
        if found is None or found.end <= begin:
            continue
        at = found.end
        form: Written = "chinese" if found.kind == "half" else found.kind
        yield Operand(begin, at, found.number.value, "fraction" if found.number.style != "decimal" else form)


def _other_values(text: str, one: Operand) -> Iterator[_Told]:
    """25% tells 25 too, 16万 tells 16, 1/4 and 2又1/4 their digits."""
    written = text[one.start : one.end]
    for digits in re.finditer(r"\d+(?:\.\d+)?", written):
        value = Fraction(digits[0])
        if value != one.value and not re.fullmatch(r"\d[\d,]*(?:\.\d+)?", written):
            yield one.start + digits.start(), one.start + digits.end(), value, "digits"
    if one.form != "english" and (part := re.search(rf"(?:百分之|[又点])?([{numerals.CHARACTERS}]+)$", written)):
        value_of_part = numerals.read(part[1]) if "分之" in written else None
        if value_of_part is not None and len(part[1]) > 1:
            yield one.start + part.start(1), one.end, value_of_part, "chinese"


_SMALL = re.compile("[一二三四五六七八九十两兩零〇半百千万俩仨]")
_TELLS = re.compile(
    r"(?:是|为|得|等于|等於|有|剩|剩下|共|差|出|＝|=|：|:|答案|结果|得数|写|填|选|猜|到|成)\s*[“\"'「(（]?$"
)
_ENDS = re.compile(
    r"\s*(?:$|[，。；、！？,.;!?\"”」’')）\n]|[个個只隻本张張支枝条根块辆台棵件套双瓶杯盒箱袋包元角分米克斤人天名岁吨升倍页颗朵把])"
)
_NO_NUMBER = re.compile(
    r"十分(?!之|钟|鐘|米)|十足|千万(?=[别不要记小])|百货|百姓|百科|万一|五一(?=节|劳|假)|六一(?=节|儿)|十一(?=节|假|国)"
)


def _is_meant(text: str, one: Operand, meant: set[int]) -> bool:
    """A numeral of one character is many a thing besides a number: 一起, 三角形, 十分."""
    written = text[one.start : one.end]
    if one.form == "english":
        return (
            written.lower() != "one" or re.search(r"(?:is|are|equals?|=|answer|get)\W*$", text[: one.start]) is not None
        )
    if one.form not in ("chinese", "fraction") or re.search(r"\d", written):
        return True
    if _NO_NUMBER.match(text, one.start):
        return False
    before, after = text[max(0, one.start - 6) : one.start], text[one.end :]
    if not _SMALL.fullmatch(written):
        return True
    if before.endswith("第"):
        return True
    if written in "一半" and not (_TELLS.search(before) and _ENDS.match(after)):
        return False
    return one.start in meant or bool(_TELLS.search(before) and _ENDS.match(after))


# -- Chinese numerals that are odd -----------------------------------------------------------------------------------

_CN_DIGIT = {c: str(numerals.read_whole(c)) for c in numerals.CHARACTERS if (numerals.read_whole(c) or 99) < 10}
_CN_DIGIT |= {"零": "0", "〇": "0", "幺": "1"}
_CN_DIGIT = {c: d for c, d in _CN_DIGIT.items() if len(d) == 1 and c not in "十拾"}
_ONES = "".join(_CN_DIGIT)
_MIXED = re.compile(rf"(?<![\d.])(?=[^\d]*\d)(?=\d?[{numerals.CHARACTERS}])[\d{numerals.CHARACTERS}]+(?![\d.])")
_RUN = re.compile(rf"[幺{numerals.CHARACTERS}]{{2,}}")


def _mixed(written: str) -> Fraction | None:
    """十6, 1十6, 3百2十: a digit in the place of a numeral."""
    if re.search(r"\d\d", written) or not re.search("[十百千拾佰仟]", written):
        return None
    return numerals.read(re.sub(r"\d", lambda digit: numerals.write_whole(int(digit[0])), written))


def _runs(text: str) -> Iterator[_Told]:
    """Digit by digit (一六, 幺六), and what stands in a run that is no numeral as a whole: 四四十六."""
    for run in _RUN.finditer(text):
        written = run[0]
        if _NO_NUMBER.match(text, run.start()):
            continue
        if all(character in _CN_DIGIT for character in written):
            yield run.start(), run.end(), Fraction(int("".join(map(_CN_DIGIT.__getitem__, written)))), "chinese"
        elif numerals.read(written) is None:
            for a in range(len(written)):
                for b in range(a + 2, len(written) + 1):
                    value = numerals.read(written[a:b])
                    if value is not None:
                        yield run.start() + a, run.start() + b, value, "chinese"


_SHORT = re.compile(
    rf"(?P<jiao>\d+|[{_ONES}十]+)角(?P<fen>\d|[{_ONES}])(?![\d分{numerals.CHARACTERS}])"
    rf"|(?P<tenths>\d|[{_ONES}])成(?P<hundredths>\d|[{_ONES}])|(?P<count>\d+)\s*(?P<size>[百佰千仟])(?![克米瓦])|(?P<dozen>半打)"
)


def _short(text: str) -> Iterator[_Told]:
    """一角六, 二成五, 35百, 半打."""
    for found in _SHORT.finditer(text):
        a, b = (
            None if written is None else Fraction(written) if written.isdecimal() else numerals.read(written)
            for written in (found["jiao"] or found["tenths"] or found["count"], found["fen"] or found["hundredths"])
        )
        if found["dozen"]:
            yield found.start(), found.end(), Fraction(6), "chinese"
        elif a is not None and found["size"]:
            yield found.start(), found.end(), a * (100 if found["size"] in "百佰" else 1000), "chinese"
        elif a is not None and b is not None:
            yield found.start(), found.end(), (a * 10 + b) / (1 if found["jiao"] else 100), "chinese"


_BETWEEN = r"[^\S\n]*[·•・_*~|'\"“”‘’「」\[\]【】()（）^\\$-]?[^\S\n]*[·•・_*~|'\"“”‘’「」\[\]【】()（）\\$]?[^\S\n]*"
_SPACED = re.compile(rf"(?<![\d.+×÷=])\d(?:(?!-\d)(?=[^\d]){_BETWEEN}\d)+(?![\d.%])")
_SPACED_CN = re.compile(
    rf"[幺{numerals.CHARACTERS}](?:(?![幺{numerals.CHARACTERS}]){_BETWEEN}[幺{numerals.CHARACTERS}])+"
)
_DOTTED = re.compile(r"(?<!\d)\d(?:(?:\.{2,}|…+|。|-{2,}|—+)\d)+(?!\d)")
_DASHED = re.compile(r"(?<![\d.\-])\d(?:\s?-\s?\d)+(?![\d.])")


def _spaced(text: str) -> Iterator[_Told]:
    """1 6, “1”“6”, 1…6, 1-2-6, 十 六, 一·六."""
    for pattern in (_SPACED, _DOTTED, _DASHED):
        for found in pattern.finditer(text):
            yield found.start(), found.end(), Fraction(int(re.sub(r"\D", "", found[0]))), "spaced"
    for found in _SPACED_CN.finditer(text):
        written = "".join(c for c in found[0] if c in numerals.CHARACTERS or c == "幺")
        value = numerals.read(written)
        if value is None and all(character in _CN_DIGIT for character in written):
            value = Fraction(int("".join(map(_CN_DIGIT.__getitem__, written))))
        if value is not None:
            yield found.start(), found.end(), value, "spaced"


_PLACE = re.compile(
    rf"(?P<place>万|千|百|十|个)位[上的数字]*(?:是|为|写|填|放|有)?\s*[“\"]?(?P<digit>\d|[{_ONES}])(?!\d)"
    rf"|(?P<digit2>\d|[{_ONES}])\s*(?:在|放在|写在)(?P<place2>万|千|百|十|个)位"
    rf"|(?P<digit3>\d|[{_ONES}])个(?P<place3>万|千|百|十|一)"
)
_SIZES = {"万": 10**4, "千": 1000, "百": 100, "十": 10, "个": 1, "一": 1}


def _by_places(text: str) -> Iterator[_Told]:
    """十位是1，个位是6; 1个十和6个一."""
    found = list(_PLACE.finditer(text))
    for at, first in enumerate(found):
        total, last = Fraction(0), first
        for one in found[at : at + 5]:
            if one.start() - last.end() > 8:
                break
            place = one["place"] or one["place2"] or one["place3"]
            digit = one["digit"] or one["digit2"] or one["digit3"]
            total += _SIZES[place] * int(_CN_DIGIT.get(digit, digit))
            last = one
            yield first.start(), one.end(), total, "places"


# -- units, letters, signs -----------------------------------------------------------------------------------------


def _in_units(text: str) -> Iterator[_Told]:
    """1米20 is 120 of 厘米, 2小时 is 120 of 分钟; a single number that everybody knows is not meant."""
    for quantity in units.read(text)[0]:
        kind = quantity.kind
        if kind in ("temperature", "data"):
            continue
        used = {unit.factor for _, unit in quantity.parts}
        for factor in {unit.factor for unit in units.NAMES.values() if unit.kind == kind} - (
            used if len(quantity.parts) == 1 else set()
        ):
            value = quantity.base / factor
            if value.denominator <= 1000:
                yield quantity.start, quantity.end, value, "unit"


_PINYIN = {
    "ling": "零", "yi": "一", "er": "二", "liang": "两", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七",
    "ba": "八", "jiu": "九", "shi": "十", "bai": "百", "qian": "千", "wan": "万",
}  # fmt: skip
_SYLLABLES = "|".join(sorted(_PINYIN, key=len, reverse=True))
_SYLLABLE = rf"(?:{_SYLLABLES})[1-5]?"
_IN_PINYIN = re.compile(rf"(?<![A-Za-z])(?:{_SYLLABLE})(?:[\s'\-]*(?:{_SYLLABLE}))+(?![A-Za-z])", re.IGNORECASE)
_SPELLED = re.compile(r"(?<![A-Za-z])[A-Za-z](?:[\s.\-_*·]+[A-Za-z]){2,}(?![A-Za-z])")
_ROMAN = re.compile(
    r"(?<![A-Za-z])(?:[IVXLCDM]{2,}|[ivxlcdm]{2,})(?![A-Za-z])|(?<![A-Za-z])[VX](?![A-Za-z\d])(?=[个只元。]|$)"
    r"|(?<=[是为得写＝=:：])[LCDM](?![A-Za-z\d])"
)
_LOOKALIKE = re.compile(
    r"(?<![A-Za-z\d.])(?=[\dlIOo]*\d)(?=\d*[lIOo])[\dlIOo]{2,}(?![A-Za-z\d.])"
    r"|(?<=[是为得写＝=:：])[lIOo]{2,}(?![A-Za-z\d.])"
)
_CODE = re.compile(r"(?<![\dA-Za-z])0(?:x[0-9a-f]+|b[01]+|o[0-7]+)(?![\dA-Za-z])", re.IGNORECASE)
_ORDINALS = {
    "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11,
    "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17,
    "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30, "fortieth": 40, "fiftieth": 50,
    "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90, "hundredth": 100,
}  # fmt: skip
_FIRST = {"first": 1, "second": 2, "third": 3}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_ORDINAL = re.compile(
    rf"(?<![A-Za-z])(?:(?P<ten>{'|'.join(_TENS)})[\s-]+(?P<one>{'|'.join((*_FIRST, *_ORDINALS))})"
    rf"|(?P<word>{'|'.join(_ORDINALS)}))(?![A-Za-z])",
    re.IGNORECASE,
)
_DIGIT_WORDS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9",
}  # fmt: skip
_DIGIT_BY_WORD = re.compile(
    rf"(?<![A-Za-z-])(?:{'|'.join(_DIGIT_WORDS)})(?:[\s,-]+(?:{'|'.join(_DIGIT_WORDS)}))+(?![A-Za-z-])", re.IGNORECASE
)


def _in_letters(text: str) -> Iterator[_Told]:
    for found in _IN_PINYIN.finditer(text):
        written = "".join(_PINYIN[one.lower()] for one in re.findall(_SYLLABLES, found[0], re.IGNORECASE))
        if (value := numerals.read(written)) is not None:
            yield found.start(), found.end(), value, "pinyin"
    for found in _SPELLED.finditer(text):
        letters = re.sub("[^A-Za-z]", "", found[0])
        words = number_words.read(letters, 0) if number_words.START.match(letters) else None
        if words is not None and words.end == len(letters):
            yield found.start(), found.end(), words.value, "english"
    for found in _ROMAN.finditer(text):
        if (number := _roman(found[0].upper())) is not None:
            yield found.start(), found.end(), Fraction(number), "roman"
    for found in _LOOKALIKE.finditer(text):
        yield found.start(), found.end(), Fraction(found[0].translate(str.maketrans("lIOo", "1100"))), "digits"
    for found in _CODE.finditer(text):
        yield found.start(), found.end(), Fraction(int(found[0], 0)), "code"
    for found in _ORDINAL.finditer(text):
        parts = [found[name].lower() for name in ("ten", "one", "word") if found[name]]
        total = sum((_TENS | _FIRST | _ORDINALS)[part] for part in parts)
        yield found.start(), found.end(), Fraction(total), "english"
    for found in _DIGIT_BY_WORD.finditer(text):
        digits = "".join(_DIGIT_WORDS[word.lower()] for word in re.findall("[A-Za-z]+", found[0]))
        yield found.start(), found.end(), Fraction(int(digits)), "english"


_ROMANS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


def _roman(written: str) -> int | None:
    """Its value, where it is written as it should be."""
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[letter] for letter in written]
    total = sum(-value if values[at + 1 :] and value < values[at + 1] else value for at, value in enumerate(values))
    rest, again = total, ""
    for size, letters in _ROMANS:
        again += letters * (rest // size)
        rest %= size
    return total if again == written else None


_SIGNS = re.compile(
    r"([^\w\s.。…\-—=*_~□、，,!！?？:：#+()（）\"'`/\\<>|&])(?:[^\S\n]*\1){2,}|(\|)(?:\2){2,}|(?<!\w)(正)\3+(?!\w)"
)


def _in_signs(text: str) -> Iterator[_Told]:
    """🍎🍎🍎🍎, ●●●●, 正正."""
    for found in _SIGNS.finditer(text):
        sign = found[1] or found[2] or found[3]
        count = found[0].count(sign) * (5 if sign == "正" else 1)
        yield found.start(), found.end(), Fraction(count), "signs"
