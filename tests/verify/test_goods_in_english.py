"""Written by hand: how goods are spoken of in English, and what must be seen in it."""

from __future__ import annotations

import pytest

from huozhong.verify import number_words
from huozhong.verify.goods_in_english import banned, numerals_in, say_number, spoken, trace, unsaid

SHEET = ["Product: Luochuan apples", "Price: 39.9 yuan per box", "Selling point: ripened on the tree, thin skin"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("39.9 yuan per box", "thirty-nine point nine yuan per box"),
        ("¥199.00", "one hundred and ninety-nine yuan"),
        ("$39.90", "thirty-nine dollars ninety"),
        ("$0.05", "five cents"),
        ("£1", "one pound"),
        ("2 bags of 2.5kg", "two bags of two point five kilos"),
        ("1kg", "one kilo"),
        ("350 ml", "three hundred and fifty millilitres"),
        ("1,234 boxes", "one thousand two hundred and thirty-four boxes"),
        ("20 yuan off 199 yuan", "twenty yuan off one hundred and ninety-nine yuan"),
        ("12% off", "twelve percent off"),
        ("the 21st", "the twenty-first"),
        ("our 12th year", "our twelfth year"),
        ("A2-306", "A two three zero six"),
        ("iPhone15", "iPhone fifteen"),
        ("39.9 yuan/box", "thirty-nine point nine yuan per box"),
        ("¥58/kg, $3.99/lb", "fifty-eight yuan per kilo, three dollars ninety-nine per pound"),
        ("8:30 pm", "eight thirty pm"),
        ("at 10:05", "at ten oh five"),
        ("9:00 to 9:00 am", "nine o'clock to nine am"),
        ("1/3 off, 3/4 full, 3/2", "one third off, three quarters full, three halves"),
        ("10-20 kg in 3-5 days", "ten to twenty kilos in three to five days"),
        ("$10-$15", "ten dollars to fifteen dollars"),
        ("since 1998, in 2026, in 2005", "since nineteen ninety-eight, in twenty twenty-six, in two thousand and five"),
        ("100+ orders", "more than one hundred orders"),
        ("400-820-8820", "four zero zero, eight two zero, eight eight two zero"),
        ("No. 5, 24/7", "number five, twenty-four seven"),
        ("a 3-pack of A2-306", "a three pack of A two three zero six"),
    ],
)
def test_numbers_are_said_as_people_say_them(written: str, said: str) -> None:
    assert spoken(written) == said


def test_what_is_said_is_read_back_as_the_same_number() -> None:
    for number in [*range(1, 2000, 7), 10_000, 20_015, 1_000_001, 123_456_789]:
        read = number_words.read(say_number(str(number)), 0)
        assert read is not None
        assert read.value == number


def test_numerals_and_the_laws_words_are_seen() -> None:
    assert numerals_in("Buy two and get another free, 5% off.") == ["5%", "two", "free"]
    assert numerals_in("This one is for you.") == []
    assert [hit.word for hit in banned("The best apples, number-one of all, and they cure colds.")] == [
        "The best",
        "number-one",
        "cure",
    ]


def test_names_and_words_that_the_sheet_does_not_have() -> None:
    said = "Hello friends. These Luochuan apples are from Japan, and organic."
    assert [(name.text, name.line) for name in trace(said, SHEET)] == [("Luochuan", 1), ("Japan", None)]
    assert [word.text for word in unsaid(said, SHEET)] == ["Japan", "organic"]
    assert unsaid("Hello everybody, look at the skin of this apple before you order.", SHEET) == []


@pytest.mark.parametrize(
    "claim",
    [
        "These are organic.", "They come from Switzerland.", "Doctors recommend them.", "It lowers your cholesterol.",
        "Everybody in Hollywood eats them.", "They never rot.", "We won a gold medal.", "Delivery is on us.",
    ],
)  # fmt: skip
def test_a_claim_that_no_line_makes_is_never_talk(claim: str) -> None:
    assert unsaid(claim, SHEET)
