"""Numbers as the exam writes them."""

from __future__ import annotations

from fractions import Fraction

Made = tuple[str, str]  # a question and its gold


def shown(value: Fraction | int) -> str:
    """A terminating decimal, or a/b."""
    value = Fraction(value)
    for places in range(9):
        if (value * 10**places).denominator == 1:
            digits = str(abs(value.numerator * 10**places // value.denominator)).zfill(places + 1)
            whole = f"{digits[:-places]}.{digits[-places:]}" if places else digits
            return "-" * (value < 0) + whole
    return f"{value.numerator}/{value.denominator}"


_DIGITS = "零一二三四五六七八九"


def in_chinese(value: int) -> str:
    """Below a hundred million, as schools write it."""
    if value >= 10000:
        high, low = divmod(value, 10000)
        rest = "" if not low else ("零" if low < 1000 else "") + (("一" if 10 <= low < 20 else "") + in_chinese(low))
        return in_chinese(high) + "万" + rest
    out, zero = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // size % 10
        if digit:
            out += ("零" if zero and out else "") + _DIGITS[digit] + name
        zero = not digit if out else False
    return (out[1:] if 10 <= value < 20 else out) or "零"
