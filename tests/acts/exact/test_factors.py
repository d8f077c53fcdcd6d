"""Factors, multiples and primes."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.factors import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("36的因数有哪些", "1、2、3、4、6、9、12、18、36"),
        ("17是质数吗", "17是质数"),
        ("1是质数吗", "既不是质数也不是合数"),
        ("60分解质因数", "60=2×2×3×5"),
        ("把84分解质因数", "84=2×2×3×7"),
        ("12和18的最大公因数", "6"),
        ("12和18的最大公因数是多少？", "6"),
        ("4、6和8的最小公倍数", "24"),
        ("20以内的质数有哪些", "2、3、5、7、11、13、17、19"),
        ("50以内7的倍数", "7、14、21、28、35、42、49"),
        ("3的倍数有哪些", "3、6、9、12、15……"),
        ("24有几个因数", "8个"),
        ("15是奇数还是偶数", "15是奇数"),
        ("36能被4整除吗", "36能被4整除"),
        ("12是4的倍数吗", "12是4的倍数"),
        ("5是20的因数吗", "5是20的因数"),
        ("8和9互质吗", "互质"),
        ("91是不是质数", "91不是质数，是合数"),
        ("What are the factors of 24?", "1, 2, 3, 4, 6, 8, 12, 24"),
        ("is 17 prime?", "17 is prime"),
        ("gcd of 12 and 18", "6"),
        ("LCM of 4 and 6", "12"),
        ("12和18的公因数有哪些", "1、2、3、6"),
        ("prime factorization of 60", "60=2×2×3×5"),
        ("二十四的因数", "1、2、3、4、6、8、12、24"),
        ("最大公约数 48 36", "12"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "小明的岁数是12和18的最大公因数",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
