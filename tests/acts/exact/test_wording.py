"""Words of arithmetic become signs, and what may mean two things becomes nothing."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.wording import in_signs


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        ("三加四乘以五", "3+4×5"),
        ("25与14的和乘以3", "(25+14)×3"),
        ("3加4再乘5", "(3+4)×5"),
        ("6000除以59与35的差", "6000÷(59-35)"),
        ("27的三分之二与5的和", "(27×(2/3))+5"),
        ("比18多60%的数", "18×(1+60%)"),
        ("5与8的差", "8-5"),
        ("二分之一加三分之一", "(1/2)+(1/3)"),
        ("100的一半的一半", "(100÷2)÷2"),
    ],
)
def test_words(words: str, signs: str) -> None:
    assert in_signs(words, english=False) == signs


@pytest.mark.parametrize(
    "words",
    [
        "30除5",
        "7/56的商",
        "2008/8与47的差",
        "比60多1/5的数",
        "010-65276611",
        "2008-08-08",
        "8:30",
        "三心二意",
        "三分之二",
        "5",
    ],
)
def test_what_may_mean_two_things(words: str) -> None:
    assert in_signs(words, english=False) is None


def test_english() -> None:
    assert in_signs("the sum of 3 and 5", english=True) == "3+5"
    assert in_signs("half of 30", english=True) == "(1/2)×30"
    assert in_signs("7 dogs and 3 cats", english=True) is None
