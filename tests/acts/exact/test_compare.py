"""What is more, what is less, and in which order."""

from __future__ import annotations

import pytest

from huozhong.acts.exact.compare import done


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("9.8和9.11哪个大", "9.8"),
        ("９．８和９．１１哪个大？", "9.8"),
        ("3千克和2900克哪个重", "3千克"),
        ("比较9.8和9.11的大小", "9.8>9.11"),
        ("9.8○9.11", "9.8>9.11"),
        ("3/4和4/5谁更大", "4/5"),
        ("把0.5、1/3、40%从小到大排列", "1/3<40%<0.5"),
        ("三分之二和五分之三哪个大", "2/3"),
        ("-3和-5哪个大", "-3"),
        ("9.8比9.11大吗", "对，9.8>9.11"),
        ("1米和99厘米哪个长一些", "1米"),
        ("3,5,2,9中最大的数是哪个", "9"),
        ("25%和1/4哪个大", "一样大"),
        ("哪个更大：0.7还是3/4", "3/4"),
        ("Which is greater, 2/3 or 3/5?", "2/3"),
        ("which is bigger 9.8 or 9.11", "9.8"),
        ("Is 0.5 bigger than 1/3?", "Yes, 0.5>1/3"),
        ("sort 3, 1, 2 in ascending order", "1<2<3"),
        ("5元和48角哪个多", "5元"),
        ("两小时和119分钟哪个长", "两小时"),
        ("1.5千米( )1499米 填上>、<或=", "1.5千米>1499米"),
        ("最小的数是哪一个：0.3、0.03、0.33", "0.03"),
        ("在○里填上>、<或=：3.05○3.5", "3.05<3.5"),
        ("72千米/时和19米/秒哪个快", "72千米/时"),
        ("比较大小：7/8和8/9", "7/8<8/9"),
        ("二十三和三十二哪个大", "32"),
        ("3.5万和34000哪个大", "3.5万"),
        ("100和99谁大", "100"),
    ],
)
def test_answered(question: str, short: str) -> None:
    found = done(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    "question",
    [
        "小明和小红谁高",
        "小明有5个，小红有3个，谁多",
    ],
)
def test_not_its_kind(question: str) -> None:
    assert done(question) is None
