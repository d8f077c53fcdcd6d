"""Which passages a question is given, and how it is told of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from huozhong.server.documents import best, excerpts, keep_document
from huozhong.store.database import Store
from huozhong.store.files import StoredFile
from huozhong.store.people import HOUSE

PAGES = [f"第{number}条规矩讲的是别的事，和村里的树木、道路、水井有关。" * 12 for number in range(1, 40)]
PAGES[16] = "卫生费每户五元，月初交给会计；交晚了不罚款，但是要自己送到村委会去。" * 8


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open()
    yield opened
    opened.close()


@pytest.fixture
def rules(store: Store) -> StoredFile:
    return keep_document(store.begin, HOUSE, "村规.txt", "\f".join(PAGES).encode())


def test_of_a_long_document_the_passages_that_answer(store: Store, rules: StoredFile) -> None:
    with store.read() as session:
        found = excerpts(session, HOUSE, [rules.id], "卫生费多少钱？", room=1000, count=len)
    assert not found.whole
    assert any(source.passage.page == 17 for source in found.sources)
    assert [source.n for source in found.sources] == list(range(1, len(found.sources) + 1))
    numbers = [source.passage.number for source in found.sources]
    assert numbers == sorted(numbers)
    assert sum(len(source.passage.text) for source in found.sources) <= 1000
    asked = found.question("卫生费多少钱？")
    assert "《村规.txt》第 17 页" in asked
    assert asked.endswith("问题：卫生费多少钱？")


def test_a_short_document_is_given_whole(store: Store) -> None:
    kept = keep_document(store.begin, HOUSE, "note.md", b"# Rules\n\nNo music after ten.\n\nKeep dogs on a lead.")
    with store.read() as session:
        found = excerpts(session, HOUSE, [kept.id], "When must it be quiet?", room=1000, count=len)
    assert found.whole
    assert found.question("When must it be quiet?").count("note.md, passage 1") == 1
    assert found.question("When must it be quiet?").endswith("Question: When must it be quiet?")


def test_a_document_that_shares_nothing_gives_nothing(store: Store, rules: StoredFile) -> None:
    with store.read() as session:
        assert excerpts(session, HOUSE, [rules.id], "quantum", room=500, count=len).sources == ()
        shown = best(session, HOUSE, [rules.id], "quantum").shown("en")
    assert "no passage of yours" in shown


def test_others_documents_are_not_looked_at(store: Store, rules: StoredFile) -> None:
    with store.read() as session:
        assert excerpts(session, 2, [rules.id], "卫生费", room=1000, count=len).sources == ()


def test_a_model_that_is_too_small_shows_the_passages(store: Store, rules: StoredFile) -> None:
    with store.read() as session:
        found = best(session, HOUSE, [rules.id], "卫生费什么时候交？")
    shown = found.shown("zh")
    assert shown.startswith("我太小")
    assert "**[1] 《村规.txt》第 17 页**" in shown
    assert found.shown("en").startswith("I am too small to read documents.")
    assert "**[1] 村规.txt, page 17**" in found.shown("en")
    assert found.sources[0].as_json() == {"n": 1, "id": rules.id, "name": "村规.txt", "page": 17, "passage": 16}
