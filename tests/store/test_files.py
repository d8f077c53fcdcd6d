from __future__ import annotations

from sqlalchemy import select

from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.files import (
    StoredFile,
    add_file,
    attach_files,
    delete_file,
    find_file,
    forget_unasked,
    indexes_of,
    own_files,
    passages_of,
)
from huozhong.store.people import HOUSE
from huozhong.store.tables.conversations import ConversationRow
from huozhong.store.tables.files import FileRow, PassageRow
from huozhong.store.tables.people import PersonRow

OTHER = 7


def add(store: Store, name: str = "养猪.pdf", person: int = HOUSE) -> StoredFile:
    with store.begin() as session:
        return add_file(
            session,
            person,
            name=name,
            kind="pdf",
            size=1000,
            sha256="ab" * 32,
            pages=2,
            passages=[("第一页", 1), ("第二页上", 2), ("第二页下", 2)],
            index=b"index of " + name.encode(),
        )


def conversation(store: Store, number: str) -> None:
    with store.begin() as session:
        session.add(
            ConversationRow(
                id=number,
                person_id=HOUSE,
                title="",
                title_is_own=False,
                pinned=False,
                model=None,
                settings={},
                leaf_id=None,
                created=1,
                updated=1,
                deleted=None,
            )
        )


def test_a_file_is_kept_with_its_passages(store: Store) -> None:
    kept = add(store)
    with store.read() as session:
        assert find_file(session, HOUSE, kept.id) == kept
        assert (kept.pages, kept.passages) == (2, 3)
        assert [(one.number, one.page, one.text) for one in passages_of(session, kept.id)] == [
            (0, 1, "第一页"),
            (1, 2, "第二页上"),
            (2, 2, "第二页下"),
        ]
        assert [one.text for one in passages_of(session, kept.id, [2, 9])] == ["第二页下"]
        assert indexes_of(session, HOUSE, [kept.id, "none"]) == [(kept, "index of 养猪.pdf".encode())]


def test_the_same_file_is_kept_once_until_it_is_asked_about(store: Store) -> None:
    first = add(store)
    assert add(store).id == first.id
    assert add(store, "another name.pdf").id != first.id
    conversation(store, "c")
    with store.begin() as session:
        attach_files(session, HOUSE, [first.id], "c")
    assert add(store).id != first.id  # its fate is another conversation's


def test_nobody_else_has_it(store: Store) -> None:
    kept = add(store)
    conversation(store, "c")
    with store.begin() as session:
        assert find_file(session, OTHER, kept.id) is None
        assert indexes_of(session, OTHER, [kept.id]) == []
        assert attach_files(session, OTHER, [kept.id], "c") == []
        assert not delete_file(session, OTHER, kept.id)
        assert find_file(session, HOUSE, kept.id) is not None


def test_it_goes_with_its_conversation_or_its_person(store: Store) -> None:
    kept = add(store)
    conversation(store, "c")
    with store.begin() as session:
        assert attach_files(session, HOUSE, [kept.id, "none", kept.id], "c") == [kept]
    with store.begin() as session:
        session.delete(session.get(ConversationRow, "c"))
    with store.read() as session:
        assert session.scalars(select(PassageRow)).all() == []
        assert find_file(session, HOUSE, kept.id) is None
    again = add(store)
    with store.begin() as session:
        assert delete_file(session, HOUSE, again.id)
    with store.begin() as session:
        session.add(PersonRow(id=OTHER, name="b", folded="b", role="member", created=1))
    add(store, person=OTHER)
    with store.begin() as session:
        session.delete(session.get(PersonRow, OTHER))
    with store.read() as session:
        assert session.scalars(select(FileRow)).all() == []


def test_a_file_that_nobody_asked_about_goes_after_a_day(store: Store) -> None:
    old, new, asked = add(store, "old"), add(store, "new"), add(store, "asked")
    conversation(store, "c")
    with store.begin() as session:
        attach_files(session, HOUSE, [asked.id], "c")
        for number in (old.id, asked.id):
            row = session.get(FileRow, number)
            assert row is not None
            row.created -= 25 * 3600 * 1000
    with store.begin() as session:
        forget_unasked(session)
    with store.read() as session:
        assert {row.id for row in session.scalars(select(FileRow))} == {new.id, asked.id}


def test_what_was_cleared_is_nobodys_to_look_through(store: Store) -> None:
    unasked, asked, others = add(store, "unasked"), add(store, "asked"), add(store, "others")
    conversation(store, "c")
    conversation(store, "d")
    with store.begin() as session:
        attach_files(session, HOUSE, [asked.id], "c")
        attach_files(session, HOUSE, [others.id], "d")
    with store.read() as session:
        assert set(own_files(session, HOUSE)) == {unasked.id, asked.id, others.id}
    Conversations(store).delete(HOUSE, "d")
    with store.read() as session:
        assert set(own_files(session, HOUSE)) == {unasked.id, asked.id}
    at, _ = Conversations(store).clear(HOUSE)
    with store.read() as session:
        assert own_files(session, HOUSE) == []
        assert find_file(session, HOUSE, unasked.id) is None
    Conversations(store).undo_clear(HOUSE, at)
    with store.read() as session:
        assert own_files(session, HOUSE) == [asked.id]


def test_the_house_forgets_by_itself_what_nobody_asked_about(store: Store) -> None:
    old = add(store, "old")
    with store.begin() as session:
        row = session.get(FileRow, old.id)
        assert row is not None
        row.created -= 25 * 3600 * 1000
    Conversations(store).purge()
    with store.read() as session:
        assert own_files(session, HOUSE) == []
