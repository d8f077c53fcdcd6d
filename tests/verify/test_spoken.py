"""Written numbers as they are said: the hand-written pairs, and what is left unread."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.verify.spoken import say_money, spoken, unread
from huozhong.verify.written import written

PAIRS = Path(__file__).parent / "spoken" / "spoken.txt"
RIGHT = 0.99


def pairs(file: Path) -> list[tuple[str, str]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(a, b) for a, _, b in (line.partition(" → ") for line in lines if line and not line.startswith("#"))]


def test_the_hand_written_pairs_come_true() -> None:
    all_pairs = pairs(PAIRS)
    assert len(all_pairs) >= 300
    assert len(dict(all_pairs)) == len(all_pairs), "a text stands there twice"
    wrong = [(text, wanted, spoken(text)) for text, wanted in all_pairs if spoken(text) != wanted]
    assert len(wrong) <= (1 - RIGHT) * len(all_pairs), wrong


def test_nothing_is_left_that_nobody_could_say() -> None:
    assert [(text, unread(spoken(text))) for text, _ in pairs(PAIRS) if unread(spoken(text))] == []
    assert all(unread(wanted) == [] for _, wanted in pairs(PAIRS))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("五百g两袋", ["g"]),
        ("三9", ["9"]),
        ("A*B", ["*"]),
        ("二XL", []),
        ("五G手机", []),
        ("百分之五%", ["%"]),
        ("三kg", ["kg"]),
    ],
)
def test_what_is_left_is_found(text: str, left: list[str]) -> None:
    assert [one.text for one in unread(text)] == left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "没有数的话",
        "iPhone",
        "A/B",
        "https://example.com/a?b=1",
        "1" * 40,
        "9" * 17 + "元",
        "5/0",
        "0.",
        "-",
        "1-",
        "¥",
    ],
)
def test_odd_texts_are_read_without_an_error(text: str) -> None:
    assert isinstance(spoken(text), str)
    assert isinstance(written(text), str)


@given(st.integers(10, 99_999_99))
@settings(max_examples=300, deadline=None)
def test_every_price_comes_back(cents: int) -> None:
    price = f"{cents // 100}.{cents % 100:02d}"
    said = say_money(price)
    assert unread(said) == []
    assert Fraction(written(said).removesuffix("元")) == Fraction(price), said


@given(st.integers(1, 10**9), st.sampled_from(["克", "件", "毫升", "袋", "天"]))
@settings(max_examples=300, deadline=None)
def test_every_count_comes_back(count: int, unit: str) -> None:
    if count > 1:  # 一件 is an article
        assert written(spoken(f"{count}{unit}")) == f"{count}{unit}"


@given(st.text("0123456789.,-~/*x×+%元斤g克kml年月日:¥折满减两二百千万点零一块毛A ", max_size=25))
@settings(max_examples=300, deadline=None)
def test_no_text_fails_and_no_digit_stays(text: str) -> None:
    assert not any(character.isdigit() and character.isascii() for character in spoken(text))
    written(text)
