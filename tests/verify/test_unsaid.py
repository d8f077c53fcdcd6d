"""What no line of a sheet says is found, known claim or not; what is only talk is left alone, mostly."""

from __future__ import annotations

import pytest
from tests.verify.unseen import CLAIMS, TALK

from huozhong.verify.claims import trace
from huozhong.verify.unsaid import Unsaid, unsaid

SHEET = [
    "商品：洛川苹果", "价格：39.9元/箱", "规格：2.5kg*2袋", "赠品：削皮刀一把", "库存：300箱", "卖点：树上熟，皮薄多汁",
]  # fmt: skip


def is_talk(text: str) -> bool:
    """Whether nothing of a sentence would be held back or left out."""
    found = trace(text, SHEET)
    known = [(one.start, one.end) for one in found if one.line is not None]
    return len(known) == len(found) and not unsaid(text, SHEET, known)


@pytest.mark.parametrize("claim", [claim for kind in CLAIMS.values() for claim in kind])
def test_no_claim_passes_for_talk(claim: str) -> None:
    assert not is_talk(claim)
    assert not is_talk("大家好，" + claim)


def test_most_talk_passes() -> None:
    """26 of 40 did when it was first asked; a person may let the others pass."""
    assert sum(map(is_talk, TALK)) >= 26


def test_what_the_sheet_says_is_said_in_any_order() -> None:
    assert unsaid("皮薄，洛川的苹果", SHEET) == []
    assert unsaid("树上熟的，烟台的苹果", SHEET) == [Unsaid(5, 7, "烟台")]


def test_traced_places_count_as_said() -> None:
    assert unsaid("三十九块九", SHEET) != []
    assert unsaid("三十九块九", SHEET, [(0, 5)]) == []


@pytest.mark.parametrize("text", ["", "。", "12", "🙂", "大家好"])
def test_nothing_is_left_of_nothing(text: str) -> None:
    assert unsaid(text, []) == []
