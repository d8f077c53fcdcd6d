"""Numbers told neither as a sum nor as a riddle are found; near words that tell nothing are left alone."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.verify.leak import leaks


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("2的4次方", "16"),
        ("它是2的四次方。", "16"),
        ("2 to the power of 4", "16"),
        ("256的平方根", "16"),
        ("4乘自己", "16"),
        ("四乘以它本身", "16"),
        ("4 times itself", "16"),
        ("six-teen", "16"),
        ("it is xvi", "16"),
        ("a dozen and four", "16"),
        ("10000（二进制）", "16"),
        ("二进制写作10000", "16"),
        ("先写1，再写6", "16"),
        ("1後面跟6", "16"),
        ("倒过来写是61", "16"),
        ("20减去答案等于4", "16"),
        ("32除以它等于2", "16"),
        ("If you add 4 you get 20", "16"),
        ("Take away 6 and you get 10", "16"),
        ("5 short of 21", "16"),
        ("最小的比15大的整数", "16"),
        ("最大的比17小的数", "16"),
        ("1 out of 2", "1/2"),
        ("one over two", "1/2"),
        ("12点5", "25/2"),
        ("twelve point five", "25/2"),
        ("12 and a half", "25/2"),
        ("24 with a zero behind", "240"),
        ("24 tens", "240"),
        ("2 hundred 40", "240"),
    ],
)
def test_what_is_told_otherwise_is_found(text: str, secret: str) -> None:
    found = leaks(text, [Fraction(secret)])
    assert [one.value for one in found] == [Fraction(secret)]
    assert all(0 <= one.start < one.end <= len(text) for one in found)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("先看36个，再看4个", "16"),
        ("12点5分出发", "25/2"),
        ("Read it once more, a well-known way", "16"),
        ("4的倍数有哪些", "16"),
        ("Mix them, dim the light, and did you see?", "16"),
        ("20减去吃掉的，还剩多少？", "16"),
        ("If you add them, what do you get?", "20"),
        ("比15大吗？", "16"),
    ],
)
def test_what_tells_nothing_is_left_alone(text: str, secret: str) -> None:
    assert leaks(text, [Fraction(secret)], [Fraction(36), Fraction(4), Fraction(20)]) == []
