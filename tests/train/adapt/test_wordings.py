"""Questions in other words."""

from __future__ import annotations

from huozhong.train.adapt.wordings import wordings


def test_some_words_are_left_out_and_their_order_stays() -> None:
    for text in ("青石小学的图书馆几点关门？", "When does the library of the old school close?"):
        found = wordings(text, 8, 1)
        assert len(found) == len(set(found)) == 8
        assert text not in found
        for one in found:
            rest = iter(text)
            assert all(character in rest for character in one)
        assert 0.5 < sum(map(len, found)) / 8 / len(text) < 0.9
        assert wordings(text, 8, 1) == found != wordings(text, 8, 2)
    assert all("libr" not in one or "library" in one for one in wordings("When does the library close?", 8, 1))
    assert all("12" in one and "35" in one for one in wordings("请问12加35等于多少？", 8, 1))
    assert wordings("几", 8, 1) == wordings("Why?", 8, 1) == []
