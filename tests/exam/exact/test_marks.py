"""Right, wrong with confidence, declined; and how much of the 500 code reads when it is told the label."""

from __future__ import annotations

import pytest

from huozhong.exam.exact.marks import conclusion, declined, exact_floor, is_right


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("1千克=1000克，所以5千克=5000克。答：5000克。", "number 5000", True),
        ("5千克=300克", "number 5000", False),
        ("答：9.8。", "one 9.8 9.11", True),
        ("9.8更大，因为9.80>9.11", "one 9.8 9.11", True),
        ("答：9.11。", "one 9.8 9.11", False),
        ("9.8和9.11一样大", "one 9.8 9.11", False),
        ("答：19.8。", "one 9.8 9.11", False),
        ("答：1/3<40%<0.5。", "order 1/3 40% 0.5", True),
        ("答：0.5>40%>1/3。", "order 1/3 40% 0.5", False),
        ("答：9.8>9.11。", "sign >", True),
        ("9.8小于9.11", "sign >", False),
        ("答：17是质数。", "yes", True),
        ("答：91不是质数，是合数。", "yes", False),
        ("Answer: No, 0.5>1/3.", "no", True),
        ("答：1、2、3、6。", "numbers 1 2 3 6", True),
        ("答：1、2、3。", "numbers 1 2 3 6", False),
        ("答：12=2×2×3。", "product 2 2 3", True),
        ("205读作二百零五。答：二百零五。", "text 二百零五", True),
        ("答：3/4。", "text 3/4", True),
        ("答：13/4。", "text 3/4", False),
        ("", "number 5", False),
        ("<think>\n5\n</think>\n\n答：6", "number 5", False),
    ],
)
def test_marks(text: str, gold: str, right: bool) -> None:
    assert is_right(text, gold) is right


def test_the_conclusion_is_what_follows_the_answer_or_the_last_line() -> None:
    assert conclusion("因为…\n所以是5") == "所以是5"
    assert conclusion("9.8。答：9.8。") == "9.8。"


@pytest.mark.parametrize("text", ["我太小了，做不了这个。", "这道题我不太确定，可能是5。", "I am not quite sure."])
def test_declined(text: str) -> None:
    assert declined(text)


def test_a_wrong_number_is_not_declined() -> None:
    assert not declined("答：300克。")


@pytest.mark.parametrize("seed", [0, 7, 2026])
def test_code_reads_99_of_100_when_it_is_told_what_is_asked(seed: int) -> None:
    missed = exact_floor(seed)
    assert len(missed) <= 5, missed
