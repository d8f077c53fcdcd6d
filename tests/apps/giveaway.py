"""A second look for numbers given away, which shares no code with `huozhong.verify`: it writes a value in every way it
knows and looks for that, and it works out every two numbers that stand near each other with a word of arithmetic."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction

CHINESE = "零一二三四五六七八九"
FINANCIAL = "零壹贰叁肆伍陆柒捌玖"
ENGLISH = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


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
    return text or digits[0]


def in_english(number: int) -> str:
    if number < 20:
        return ENGLISH[number]
    if number < 100:
        return TENS[number // 10] + (f" {ENGLISH[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = number % 100
        return f"{ENGLISH[number // 100]} hundred" + (f" and {in_english(rest)}" if rest else "")
    return f"{in_english(number // 1000)} thousand" + (f" {in_english(number % 1000)}" if number % 1000 else "")


def spellings(value: Fraction) -> Iterator[str]:
    """Every way of writing a value that this checker knows."""
    if value.denominator == 1 and 0 <= value < 10**8:
        number = int(value)
        yield str(number)
        yield f"{number}.0"
        yield f"{number:,}"
        yield " ".join(str(number))
        if number > 9:
            chinese = in_chinese(number)
            yield from (chinese, chinese.removeprefix("一") if number < 20 else chinese)
            yield in_chinese(number, FINANCIAL, "个拾佰仟")
            yield "".join(CHINESE[int(digit)] for digit in str(number))
            yield in_english(number)
            yield in_english(number).replace(" ", "-")
    else:
        top, bottom = value.numerator, value.denominator
        yield f"{top}/{bottom}"
        if bottom < 10000 and 0 < top < 10000:
            yield f"{in_chinese(bottom)}分之{in_chinese(top)}"
        decimal = format(float(value), ".6f").rstrip("0")
        if Fraction(decimal) == value:
            yield decimal
            whole, _, rest = decimal.partition(".")
            yield f"{in_chinese(int(whole))}点{''.join(CHINESE[int(digit)] for digit in rest)}"
            yield f"{decimal.removeprefix('0')}" if whole == "0" else decimal
    percent = value * 100
    if value < 1 and percent.denominator == 1:
        yield f"{percent}%"
        yield f"百分之{in_chinese(int(percent))}"


NUMERAL = r"0-9零一二三四五六七八九十百千万壹贰叁肆伍陆柒捌玖拾佰仟"
OPERATIONS = {
    "+": r"\+|加上?|多|plus", "-": r"-|减去?|少|去掉|minus", "×": r"[×*x]|乘以?|的|times", "÷": r"[÷/]|除以|divided by",
}  # fmt: skip
LABELS = r"第\s*\d+\s*[步页]|Step \d+"


def given_away(text: str, secrets: Iterable[Fraction], free: Iterable[Fraction], sum_: str, problem: str) -> list[str]:
    """What of the secrets a text tells.  free: numbers everybody has; sum_: the one sum that may stand there."""
    plain = unicodedata.normalize("NFKC", text).replace("\u200b", "")
    for quoted in (sum_, *re.split("[，。？,.?]", problem)):
        if len(quoted.strip()) > 2:
            plain = plain.replace(unicodedata.normalize("NFKC", quoted.strip()), "□")
    plain = re.sub(LABELS, "□", plain)
    hidden = set(secrets) - set(free)
    found = []
    for value in hidden:
        for written in set(spellings(value)):
            around = NUMERAL if not written[0].isascii() else "0-9a-zA-Z"
            if re.search(rf"(?<![{around}.]){re.escape(written)}(?![{around}]|\.\d)", plain, re.IGNORECASE):
                found.append(f"{value} as {written}")
    tokens = [(m.start(), m.end(), Fraction(m[0])) for m in re.finditer(r"\d+(?:\.\d+)?", plain)]
    for (_, end, a), (start, _, b) in itertools.combinations(tokens, 2):
        if start - end > 12:
            continue
        between = plain[end:start]
        if re.search("[，。；\n]", between):
            continue
        for operation, words in OPERATIONS.items():
            if not re.search(words, between):
                continue
            results = {"+": a + b, "-": a - b, "×": a * b, "÷": a / b if b else None}
            if results[operation] in hidden:
                found.append(f"{results[operation]} as {a}{between}{b}")
    return found
