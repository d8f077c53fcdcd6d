"""A second look for numbers given away, which shares no code with `huozhong.verify`.

It does not read numerals: it writes every number up to 20,000 in words, looks for those, and puts digits in their
place.  Then it looks for the secret in every spelling it knows, and works out whatever stands near a word of
arithmetic.  It is coarser than the first one: it may take harmless words for a leak, and should miss little.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache

CHINESE = "零一二三四五六七八九"
FINANCIAL = "零壹贰叁肆伍陆柒捌玖"
PINYIN = {
    "零": "ling", "一": "yi", "二": "er", "三": "san", "四": "si", "五": "wu", "六": "liu", "七": "qi", "八": "ba",
    "九": "jiu", "十": "shi", "百": "bai", "千": "qian", "万": "wan",
}  # fmt: skip
ENGLISH = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MOST = 20_000


def in_chinese(number: int, digits: str = CHINESE, places: str = "个十百千") -> str:
    """1005 as 一千零五."""
    if number >= 10000:
        high, low = divmod(number, 10000)
        middle = digits[0] if 0 < low < 1000 else ""
        return in_chinese(high, digits, places) + "万" + (middle + in_chinese(low, digits, places) if low else "")
    text, pending = "", False
    for power in (3, 2, 1, 0):
        digit = number // 10**power % 10
        if digit:
            text += (digits[0] if pending and text else "") + digits[digit] + (places[power] if power else "")
        pending = not digit
    return text.removeprefix("一") if digits == CHINESE and 10 <= number < 20 else text or digits[0]


def in_english(number: int) -> str:
    if number < 20:
        return ENGLISH[number]
    if number < 100:
        return TENS[number // 10] + (f" {ENGLISH[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = number % 100
        return f"{ENGLISH[number // 100]} hundred" + (f" and {in_english(rest)}" if rest else "")
    return f"{in_english(number // 1000)} thousand" + (f" {in_english(number % 1000)}" if number % 1000 else "")


def roman(number: int) -> str:
    """16 as XVI."""
    out = ""
    for size, letters in ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"),
                          (1, "I")):  # fmt: skip
        out += letters * (number // size)
        number %= size
    return out


@cache
def _words() -> dict[str, int]:
    """Every number up to `MOST` as it is written in words."""
    out: dict[str, int] = {}
    for number in range(MOST, -1, -1):
        chinese = in_chinese(number)
        for one in (chinese, chinese.replace("二百", "两百").replace("二千", "两千").replace("二万", "两万")):
            out[one] = number
        out[in_chinese(number, FINANCIAL, "个拾佰仟")] = number
        out["".join(CHINESE[int(digit)] for digit in str(number))] = number
        if 10 <= number < 20:
            out["一" + chinese] = number
            out["壹" + in_chinese(number, FINANCIAL, "个拾佰仟").removeprefix("壹")] = number
        out["".join(PINYIN[one] for one in chinese)] = number
        out[in_english(number).replace(" ", "")] = number
        out[in_english(number).replace(" and ", "").replace(" ", "")] = number
        out["".join(ENGLISH[int(digit)] for digit in str(number))] = number
        if number > 2 and number < 400:
            out[f"roman:{roman(number)}"] = number
    return out


_LATIN = "|".join(sorted({*PINYIN.values(), *ENGLISH, *TENS[2:], "hundred", "thousand", "and"}, key=len, reverse=True))


def _normal(text: str) -> str:
    """A text in which every number is in digits."""
    out = ""
    for character in unicodedata.normalize("NFKD", text):
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        out += str(unicodedata.digit(character)) if character.isdigit() else character
    out = unicodedata.normalize("NFKC", out).translate(str.maketrans("萬億點兩", "万亿点两"))
    words = _words()

    def number(found: re.Match[str]) -> str:
        written = re.sub(r"[\s\-]", "", found[0])
        value = words.get(written) or words.get(written.lower()) or words.get(f"roman:{written}")
        return found[0] if value is None else f" {value} "

    out = re.sub("[零一二三四五六七八九十百千万壹贰叁肆伍陆柒捌玖拾佰仟两]{2,}", number, out)
    out = re.sub(
        "(?<=[是为得加减乘除比到和少多的])(?!一半)[一二三四五六七八九]|[一二三四五六七八九](?=加|减|乘|除|倍|打|的)",
        number,
        out,
    )
    out = re.sub(rf"(?<![A-Za-z])(?:{_LATIN})(?:[\s\-]*(?:{_LATIN}))*(?![A-Za-z])", number, out, flags=re.IGNORECASE)
    out = re.sub(r"(?<![A-Za-z])[IVXLC]+(?![A-Za-z])", number, out)
    out = re.sub(r"0x[0-9a-f]+|0b[01]+", lambda found: str(int(found[0], 0)), out)
    return re.sub(r"(?<=[\dlO])[lO]|[lO](?=\d)", lambda found: "1" if found[0] == "l" else "0", out)


def spellings(value: Fraction) -> Iterator[str]:
    """Every way of writing a value that this checker knows, in digits or as a fraction."""
    if value.denominator == 1 and 0 <= value < 10**8:
        number = int(value)
        yield from (str(number), f"{number}.0", f"{number:,}")
    else:
        top, bottom = value.numerator, value.denominator
        yield f"{top}/{bottom}"
        if bottom < 10000 and 0 < top < 10000:
            yield f"{in_chinese(bottom)}分之{in_chinese(top)}"
            yield f"{bottom}分之{top}"
        decimal = format(float(value), ".6f").rstrip("0")
        if Fraction(decimal) == value:
            yield decimal
            whole, _, rest = decimal.partition(".")
            yield f"{in_chinese(int(whole))}点{''.join(CHINESE[int(digit)] for digit in rest)}"
            yield decimal.removeprefix("0") if whole == "0" else decimal
    percent = value * 100
    if value < 1 and percent.denominator == 1:
        yield f"{percent}%"
        yield f"百分之{in_chinese(int(percent))}"


OPERATIONS = {
    "+": r"\+|加上?|多|和|plus|more", "-": r"-|减去?|少|去掉|差|minus|less",
    "×": r"[×*x]|乘以?|的|倍|积|个|times", "÷": r"[÷/]|除以|商|divided by",
}  # fmt: skip
LABELS = r"第\s*\d+\s*[步页题课]|例题?\s*\d+|Step \d+|page \d+"
_BACK = {"加|plus": "-", "减|minus": "+", "乘|倍|times": "÷", "除": "×", "差": "-"}


def without_quotations(text: str, problem: str) -> str:
    """A text without the problem's own clauses where they are quoted as such.

    Only whole clauses, letter by letter, between “ ” or on a line behind "- ", and with at least two characters that
    are no digit: “12” alone says 12.
    """
    ends = r"[，。；！？．,;!?\n]|\.(?!\d)"
    clauses = {one.strip() for one in re.split(ends, problem)} - {""}

    def is_quoted(piece: str) -> bool:
        said = {one.strip() for one in re.split(ends, piece)} - {""}
        return said <= clauses and len(re.sub(r"[\W\d_零一二三四五六七八九十百千万]", "", piece)) >= 2

    for pattern in (r"“([^“”\n]*)”", r"(?m)^- (.*)$"):
        text = re.sub(pattern, lambda found: "□" if is_quoted(found[1]) else found[0], text)
    return text


def given_away(text: str, secrets: Iterable[Fraction], free: Iterable[Fraction], sum_: str, problem: str) -> list[str]:
    """What of the secrets a text tells.  free: numbers everybody has; sum_: the one sum that may stand there.

    A clause of the problem may be repeated anywhere here; where it may not, leave it out of `problem`.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\u200b", "")
    for quoted in (sum_, *re.split("[，。？；,.?;]", unicodedata.normalize("NFKC", problem))):
        quoted = unicodedata.normalize("NFKC", quoted).strip()
        if len(quoted) > 2:
            plain = plain.replace(quoted, "□")
    plain = re.sub(LABELS, "□", _normal(plain))
    hidden = set(secrets) - set(free)
    found = [
        f"{value} as {written}" for value in hidden for written in set(spellings(value)) if _stands(plain, written)
    ]
    for value in hidden:
        if value.denominator == 1 and value > 9:
            found += _in_pieces(plain, str(value))
        if value.denominator == 1 and value > 5:
            found += [
                f"{value} signs" for one in re.findall(r"(([^\w\s.。…\-—=*_~])\2{4,})", plain) if len(one[0]) == value
            ]
    return found + list(_worked(plain, hidden))


def _stands(plain: str, written: str) -> bool:
    around = "0-9" if written[0].isascii() else "".join({*CHINESE, *"十百千万"})
    return re.search(rf"(?<![{around}.,]){re.escape(written)}(?![{around}]|[.,]\d)", plain) is not None


def _in_pieces(plain: str, digits: str) -> Iterator[str]:
    """Its digits one after the other, with anything short between them, that are the only digits there."""
    gap = r"[^\d\n。；]{1,12}"
    for order in {digits, digits[::-1]}:
        if re.search(rf"(?<!\d)(?<!\d[.,]){gap.join(order)}(?!\d|[.,]\d)", plain) and re.search(
            rf"(?<!\d){'[^0-9.,]{1,4}'.join(order)}(?!\d)|位|末尾|最后|一起|连|倒过来|反过来", plain
        ):
            yield f"{digits} in pieces"
    if re.search(rf"(?<!\d){digits[:-1]}{gap}{digits[-1]}(?!\d)", plain) and re.search("末尾|最后|一起|连", plain):
        yield f"{digits} in two pieces"
    if (
        digits != digits[::-1]
        and re.search(rf"(?<!\d){digits[::-1]}(?!\d)", plain)
        and re.search("倒过来|反过来|颠倒|倒着[读写念看]|backwards", plain)
    ):
        yield f"{digits} backwards"


def _worked(plain: str, hidden: set[Fraction]) -> Iterator[str]:
    """What comes out where numbers stand near words of arithmetic."""
    tokens = [(m.start(), m.end(), Fraction(m[0])) for m in re.finditer(r"(?<![\d.])\d+(?:\.\d+)?", plain)]
    for start, end, one in tokens:
        before, after = plain[max(0, start - 12) : start], plain[end : end + 8]
        near = {
            "后面|下一|之后|next|right after": one + 1, "前面|上一|之前": one - 1, "一半|half": one / 2, "打": one * 12,
            "两倍|double|twice|翻": one * 2,
        }  # fmt: skip
        yield from (f"{value} as {words} of {one}" for words, value in near.items() if value in hidden
                    and re.search(words, before + "□" + after))  # fmt: skip
        for words, value in (
            ("一半|half", one * 2),
            ("两倍|double|twice|翻", one / 2),
            ("double|twice", one * 2),
            ("half", one / 2),
            ("[√根]", _root(one)),
        ):
            if value in hidden and re.search(words, before):
                yield f"{value} by {words} {one}"
    for (_, end, a), (start, last, b) in itertools.combinations(tokens, 2):
        if start - end > 12 or re.search("[。；\n]", plain[end:start]):
            continue
        between, around = plain[end:start], plain[max(0, end - 16) : last + 8]
        if re.search("之间|到|between|[<>]|大|小", around) and b - a <= 3:
            yield from (f"{value} between {a} and {b}" for value in hidden if a < value < b)
        results = {"+": a + b, "-": a - b, "×": a * b, "÷": a / b if b else None}
        for operation, words in OPERATIONS.items():
            if results[operation] in hidden and re.search(words, between + plain[last : last + 5]):
                yield f"{results[operation]} as {a}{between}{b}"
        if re.search("是|等于|得|到|=|is|差", between):  # 乘10是160
            backwards = {"-": b - a, "+": b + a, "÷": b / a if a else None, "×": b * a}
            head = plain[max(0, end - len(str(a)) - 9) : end] + between
            yield from (f"{backwards[sign]} by {words} {a}, {b}" for words, sign in _BACK.items()
                        if re.search(words, head) and backwards[sign] in hidden)  # fmt: skip


def _root(value: Fraction) -> Fraction | None:
    root = Fraction(round(float(value) ** 0.5))
    return root if root * root == value else None
