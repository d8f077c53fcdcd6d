from __future__ import annotations

import pytest

from huozhong.memory.passages import MOST, Passage, cut, unwrapped, width

SENTENCE = "村里的老人说，看云能知道明天下不下雨，可是年轻人只看手机。"


def test_nothing_is_lost_and_nothing_is_too_long() -> None:
    page = "\n\n".join(SENTENCE * count for count in (1, 30, 2, 5, 0, 80))
    passages = cut([page, SENTENCE])
    assert "".join("".join(p.text.split()) for p in passages) == "".join((page + SENTENCE).split())
    assert all(width(p.text) <= MOST for p in passages)
    assert all(p.text.endswith("。") for p in passages)
    assert [p.page for p in passages][-2:] == [1, 2]


def test_a_passage_has_a_readable_length() -> None:
    passages = cut([(SENTENCE + "\n") * 100])
    assert all(width(p.text) > 120 for p in passages[:-1])


def test_a_text_without_sentences_or_spaces_is_cut_anyway() -> None:
    passages = cut(["字" * 5000, "a" * 9000, "word " * 3000])
    assert all(width(p.text) <= MOST for p in passages)
    assert "".join(p.text for p in passages if p.page == 1) == "字" * 5000


def test_a_heading_stays_with_what_it_heads() -> None:
    page = f"{SENTENCE * 10}\n\n第二章 养鸡\n\n{SENTENCE * 9}"
    assert not any(p.text.endswith("养鸡") for p in cut([page]))


@pytest.mark.parametrize("page", ["", "\n \n", "\t"])
def test_an_empty_page_has_no_passages(page: str) -> None:
    assert cut([page]) == []


def test_a_document_without_pages_has_no_page_numbers() -> None:
    assert cut(["短文。"], paged=False) == [Passage("短文。", None)]


def test_lines_that_end_with_the_paper_go_on() -> None:
    assert unwrapped("人民检察院办理刑事案件，应当保障人\n权，尊重事实。\n第二条 依法办理") == (
        "人民检察院办理刑事案件，应当保障人权，尊重事实。\n第二条 依法办理"
    )
    assert unwrapped("The quick brown fox jumps over\nthe lazy dog and keeps on run-\nning until evening.") == (
        "The quick brown fox jumps over the lazy dog and keeps on running until evening."
    )
