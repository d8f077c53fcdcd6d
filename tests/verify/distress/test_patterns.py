"""The little language of the rules."""

from __future__ import annotations

import pytest

from huozhong.verify.distress.patterns import Lexicon, Shelf, WordIndex, compiled, words_of

LISTS = {"who": ["爸爸", "妈妈"], "e": ["my_dad"]}


def meets(source: str, text: str) -> bool:
    pattern = compiled(source, Lexicon(LISTS))
    present = WordIndex(word for place in pattern.places for word in place).present(text)
    return pattern.search(text, present) is not None


@pytest.mark.parametrize(
    ("source", "yes", "no"),
    [
        ("我 死", "我好想去死", "我吃了很多很多东西死"),
        ("我 死", "我死", "死我"),
        ("我 死", "我想死", "我想,死"),
        ("我 .. 死", "我想,死", "我想。死"),
        ("我 ... 死", "我想。很久。死", "死。我"),
        ("我 +死", "我死", "我想死"),
        ("我 !不 死", "我想死", "我不想死"),
        ("!不 想 死", "我想死", "我不想死"),
        ("!不|没有 想 死", "我想死", "我没有想死"),
        ("死 !海", "死了", "死海"),
        ("^ 救命 $", "救命!", "他喊救命"),
        ("{who} 打", "妈妈打", "哥哥打"),
        ("我{who} 打", "我妈妈打", "妈妈打"),
        ("{e} hits", "my dad hits", "my dads hits"),
        ("kill*", "he kills", "skills"),
        ("# 片", "吃3片", "吃三片"),
        ("i +want_to", "i want to", "i do want to"),
    ],
)
def test_patterns(source: str, yes: str, no: str) -> None:
    assert meets(source, yes)
    assert not meets(source, no)


@pytest.mark.parametrize(
    ("source", "words"), [("{nobody} 打", "no list"), ("a||b", "empty word"), ("^ $", "no words"), ("!不", "no words")]
)
def test_mistakes_are_named(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compiled(source, Lexicon(LISTS))


def test_longer_words_come_first() -> None:
    assert words_of("a|abc|ab", LISTS) == ["abc", "ab", "a"]


def test_a_shelf_gives_in_order_what_may_match() -> None:
    patterns = [compiled(source, Lexicon(LISTS)) for source in ("我 .. 自杀", "他 .. 跳楼", "我 .. 跳楼")]
    shelf = Shelf(patterns)
    assert [number for number, _ in shelf.possible({"我", "跳楼"})] == [1, 2]
    assert shelf.possible({"我"}) == []
