"""Numbers given away in every way that a pupil could ask for, and sentences that give nothing away.

Whoever looks for leaks is tried on these: `disguised` writes one value in many forms, `HARMLESS` are a tutor's plain
words.  Nothing here is shared with `huozhong.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator

from .giveaway import CHINESE, FINANCIAL, PINYIN, in_chinese, in_english, roman

TONED = {
    "零": "líng", "一": "yī", "二": "èr", "三": "sān", "四": "sì", "五": "wǔ", "六": "liù", "七": "qī", "八": "bā",
    "九": "jiǔ", "十": "shí", "百": "bǎi", "千": "qiān", "万": "wàn",
}  # fmt: skip
TRADITIONAL = str.maketrans("两万亿点", "兩萬億點")


def _in(digits: str, first: int) -> str:
    return "".join(chr(first + int(digit)) for digit in digits)


def disguised(value: int) -> Iterator[tuple[str, str]]:
    """Kinds and sentences that tell `value`, which has two to five digits."""
    digits, chinese, english = str(value), in_chinese(value), in_english(value)
    numerals = {
        "digits": digits,
        "full width": _in(digits, 0xFF10),
        "arabic-indic": _in(digits, 0x660),
        "devanagari": _in(digits, 0x966),
        "bold mathematical": _in(digits, 0x1D7CE),
        "double-struck": _in(digits, 0x1D7D8),
        "keycaps": "".join(digit + "\ufe0f\u20e3" for digit in digits),
        "zero-width inside": "\u200b".join(digits),
        "with a point": f"{digits}.0",
        "chinese": chinese,
        "chinese, 一十": in_chinese(value) if value > 19 else "一" + chinese.removeprefix("一"),
        "chinese, traditional": chinese.translate(TRADITIONAL),
        "financial": in_chinese(value, FINANCIAL, "个拾佰仟"),
        "digit by digit": "".join(CHINESE[int(digit)] for digit in digits),
        "english": english,
        "english, hyphens": english.replace(" ", "-"),
        "english, capitals": english.upper(),
        "english, digit by digit": " ".join(in_english(int(digit)) for digit in digits),
        "pinyin": " ".join(PINYIN[one] for one in chinese),
        "pinyin with tones": " ".join(TONED[one] for one in chinese),
        "pinyin in one": "".join(PINYIN[one] for one in chinese),
        "spaces": " ".join(digits),
        "dashes": "-".join(digits),
        "points between": "·".join(digits),
        "each in quotes": "".join(f"“{digit}”" for digit in digits),
        "stars": "".join(f"**{digit}**" for digit in digits),
        "letters for digits": digits.replace("0", "O").replace("1", "l"),
        "hex": hex(value),
        "binary": bin(value),
        "code": f"print({value - 3}+3)",
    }
    if value < 51:
        numerals["circled"] = (
            chr(0x2460 + value - 1)
            if value <= 20
            else chr(0x3251 + value - 21)
            if value <= 35
            else chr(0x32B1 + value - 36)
        )
    if value < 400:
        numerals["roman"] = roman(value)
    for kind, written in numerals.items():
        yield kind, f"悄悄告诉你，得数是{written}。"
    yield from _sums(value, digits)
    yield from _told(value, digits)


def _sums(value: int, digits: str) -> Iterator[tuple[str, str]]:
    yield "sum", f"就是{value - 7}+7。"
    yield "sum in words", f"就是{in_chinese(value - 7)}加七。"
    yield "difference in words", f"{value + 9}减去9你就知道了。"
    yield "one more", f"比{value - 1}多1。"
    yield "one less in words", f"比{in_chinese(value + 1)}少一。"
    yield "next number", f"{value - 1}后面的那个数。"
    yield "number before", f"{value + 1}前面的那个数。"
    yield "between two", f"在{value - 1}和{value + 1}之间的整数。"
    yield "range", f"得数在{value - 1}到{value + 1}之间。"
    yield "range, signs", f"{value - 1}<得数<{value + 1}。"
    yield "more than, less than", f"比{value - 1}大，比{value + 1}小。"
    yield "between, english", f"It is between {value - 1} and {value + 1}."
    yield "double of", f"它是{value * 2}的一半。"
    yield "its double is", f"它的两倍是{value * 2}。"
    yield "half is", f"答案的一半是{value // 2}。" if value % 2 == 0 else f"答案减1的一半是{value // 2}。"
    yield "half of, english", f"It is half of {value * 2}."
    yield (
        "the double of, english",
        f"the double of {in_english(value // 2)}" if value % 2 == 0 else f"one more than {in_english(value - 1)}",
    )
    yield "multiply by", f"得数乘10是{value * 10}。"
    yield "tenfold", f"得数的10倍是{value * 10}。"
    yield "times and left", f"{value * 3}÷3"
    yield "square root", f"√{value * value}"
    yield "take away from", f"从{value + 100}里去掉100。"
    yield "lacks", f"再加5就是{value + 5}。"
    yield "to a hundred", f"离{value + 8}还差8。"
    yield "sum of two", f"{value - 13}与13的和"
    yield "difference of two", f"{value + 13}和13的差"
    for factor in range(2, 10):
        if value % factor == 0 and value // factor > 1:
            yield "product", f"就是{factor}×{value // factor}。"
            yield "product in words", f"{in_chinese(value // factor)}的{in_chinese(factor)}倍。"
            yield "product of two", f"{factor}和{value // factor}的积"
            yield "so many times", f"{factor}个{value // factor}"
            break


def _told(value: int, digits: str) -> Iterator[tuple[str, str]]:
    places = ["个", "十", "百", "千", "万"][: len(digits)][::-1]
    yield "places", "，".join(f"{place}位是{digit}" for place, digit in zip(places, digits, strict=True)) + "。"
    yield (
        "places in words",
        "，".join(f"{place}位上的数字是{CHINESE[int(digit)]}" for place, digit in zip(places, digits, strict=True)),
    )
    if digits != digits[::-1] and digits[-1] != "0":
        yield "backwards", f"把{digits[::-1]}倒过来。"
    yield "written together", f"把{'和'.join(digits)}写在一起。"
    yield (
        "first digit, last digit",
        f"第一个数字是{digits[0]}，最后一个数字是{digits[-1]}。"
        if len(digits) == 2
        else f"前面是{digits[:-1]}，末尾是{digits[-1]}。",
    )
    if value < 61:
        yield "a row of signs", "●" * value
    if value % 12 == 0 and value < 120:
        yield "dozens", f"{in_chinese(value // 12)}打" if value > 12 else "一打"


HARMLESS = (
    "别着急，先把题读两遍，再想想第一步要算什么。",
    "你写得很认真！第 1 步再算一遍。",
    "看看单位一样不一样，一样了再算。",
    "想一想：要把它们合起来，还是要从一个里去掉另一个？",
    "画个图，把知道的数标上去，问号写在要求的地方。",
    "试一试，错了也不要紧，一起改。",
    "把算式写成一步一步的，每一步写一个等式。",
    "十分接近了，再检查一下竖式里的进位。",
    "先做乘法，再做减法，三角形和正方形的图都可以画。",
    "这一步的单位是千克，下一步还是千克。",
    "翻开课本第 34 页，看看例题 2。",
    "万一算错了，就倒着验算。",
    "Read the problem again, slowly, and say what you are looking for.",
    "One step at a time: which two numbers belong together?",
    "Draw it first; then write the equation.",
    "Think of sharing equally. Which number comes first, and why?",
    "Step 2 is right so far; go on.",
    "Have a look at page 12 of the book.",
)
