from __future__ import annotations

from huozhong.memory.terms import terms


def test_chinese_is_found_by_pairs_and_other_scripts_by_words() -> None:
    assert len(terms("养猪场")) == 2
    assert set(terms("养猪")) <= set(terms("村里的养猪场"))
    assert not set(terms("猪")) & set(terms("养猪"))  # alone it is another term than in a pair
    assert len(terms("the village's pigs")) == 4


def test_what_people_write_differently_is_the_same() -> None:
    assert terms("ＰＩＧ") == terms("pig") == terms("Pigs")
    assert terms("stories") == terms("story")
    assert terms("２０２６年") == terms("2026年")
    assert terms("bus") != terms("bu")
    assert terms("glass") == terms("GLASS") != terms("glas")


def test_mixed_text_keeps_both() -> None:
    assert len(terms("用Python写3个")) == 5  # 用, python, 写, 3, 个
    assert terms("。，!? \n") == []


def test_rare_characters_and_other_paired_scripts() -> None:
    assert len(terms("𠮷野家")) == 2
    assert len(terms("カタカナ")) == 3
    assert len(terms("한국어")) == 2
