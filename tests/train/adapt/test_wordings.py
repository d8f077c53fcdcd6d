"""Questions in other words."""

from __future__ import annotations

from collections import Counter

from huozhong.train.adapt.wordings import asks, wordings, words_of


def test_some_words_are_left_out_and_what_is_said_stays_more_often() -> None:
    for text, said, small in (
        ("青石小学的图书馆几点关门？", "青石图书馆", "的几"),
        ("When does the library of the old school close?", ("library", "school", "close"), ("does", "of")),
    ):
        found = wordings(text, 60, 1)
        assert len(found) == len(set(found)) == 60
        assert text not in found
        assert wordings(text, 60, 1) == found != wordings(text, 60, 2)
        shares = Counter({word: sum(word in one for one in found) / 60 for word in (*said, *small)})
        assert min(shares[word] for word in said) > 0.6
        assert max(shares[word] for word in small) < 0.75
        assert min(shares[word] for word in said) > min(shares[word] for word in small) + 0.1
    assert all("libr" not in one or "library" in one for one in wordings("When does the library close?", 8, 1))
    assert all("12" in one and "35" in one for one in wordings("请问12加35等于多少？", 8, 1))
    assert wordings("几", 8, 1) == wordings("Why?", 8, 1) == []


def test_some_begin_with_what_stood_behind_and_some_have_a_frame() -> None:
    found = wordings("青石小学几点开门？", 60, 1)
    turned = [one for one in found if "青" in one and "门" in one and one.index("门") < one.index("青")]
    assert 2 < len(turned) < 25
    assert sum(one.startswith(("请问", "告诉我", "我想知道")) for one in found) > 3
    english = wordings("When does the old library open?", 60, 1)
    assert any(one.startswith("Tell me: ") for one in english)
    assert all("  " not in one for one in english)


def test_words_that_ask() -> None:
    assert words_of("青石 opens at 8?") == ["青", "石 ", "opens ", "at ", "8?"]
    assert asks(words_of("几点开门"))
    assert asks(words_of("Where is it"))
    assert not asks(words_of("青石小学"))
    assert not asks(words_of("the old library"))
