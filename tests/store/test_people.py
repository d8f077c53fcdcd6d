"""Names and passwords that can be, the owner who always stays, and what a person leaves behind."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from huozhong.errors import RequestError
from huozhong.store.database import Store
from huozhong.store.keys import list_keys, make_key
from huozhong.store.passwords import checked_password, hash_password, is_password
from huozhong.store.people import (
    HOUSE,
    Person,
    add_person,
    change_person,
    find_person,
    find_row,
    has_owner,
    list_people,
    remove_person,
    set_password,
    skip_numbers,
    take_over,
)
from huozhong.store.sessions import list_sessions, open_session
from huozhong.store.tables.base import now
from huozhong.store.tables.conversations import ConversationRow

GOOD = "春眠不觉晓 42"


def test_names_differ_by_more_than_cases_and_widths(store: Store) -> None:
    with store.begin() as session:
        ann = add_person(session, " Ann ", "owner", GOOD)
        assert (ann.name, ann.role) == ("Ann", "owner")
        for same in ("ann", "ANN", "Ａｎｎ", "Ann "):
            row = find_row(session, same)
            assert row is not None
            assert row.id == ann.id
            with pytest.raises(RequestError, match="taken"):
                add_person(session, same, "member", GOOD)
        assert find_row(session, "") is None  # the house has no name to log in with
        assert [one.name for one in list_people(session)] == ["Ann"]


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\nb", "a\u202eb", "\u200b", "a\x00b", "\ud800"])
def test_names_that_cannot_be(store: Store, name: str) -> None:
    with store.begin() as session, pytest.raises(RequestError, match="visible"):
        add_person(session, name, "member", GOOD)


@pytest.mark.parametrize(
    "password", ["", "short12", "12345678", "87654321", "aaaaaaaa", "PASSWORD", "x" * 201, "小明小明小明小明"]
)
def test_passwords_that_are_guessed_first_are_refused(password: str) -> None:
    with pytest.raises(RequestError) as refused:
        checked_password(password, "小明小明小明小明")
    assert refused.value.code == "weak_password"
    assert not password or password not in str(refused.value)


def test_a_password_is_the_same_in_full_width(store: Store) -> None:
    stored = hash_password(checked_password("ｐａｓｓ２０２６word", "Ann"))
    assert is_password(stored, "pass2026word")
    assert not is_password(stored, "pass2026wore")
    assert not is_password(None, "pass2026word")
    assert not is_password("not a hash", "pass2026word")
    assert not is_password(stored, "\ud800" * 10_000)


def test_the_last_owner_stays(store: Store) -> None:
    with store.begin() as session:
        assert not has_owner(session)  # the house is none who logs in
        owner = add_person(session, "Ann", "owner", GOOD)
    for change in ({"role": "member"}, {"disabled": True}):
        with pytest.raises(RequestError, match="owner"), store.begin() as session:
            change_person(session, owner.id, change)
    with pytest.raises(RequestError, match="owner"), store.begin() as session:
        remove_person(session, owner.id)
    with store.begin() as session:
        add_person(session, "Bea", "owner", GOOD)
        assert change_person(session, owner.id, {"role": "child", "quiet_from": 1320, "quiet_to": 420}).role == "child"
        remove_person(session, owner.id)
        assert has_owner(session)


def test_the_house_can_be_neither_changed_nor_removed(store: Store) -> None:
    for act in (
        lambda s: change_person(s, HOUSE, {"role": "child"}),
        lambda s: remove_person(s, HOUSE),
        lambda s: set_password(s, HOUSE, GOOD),
    ):
        with pytest.raises(RequestError, match="no such person"), store.begin() as session:
            act(session)


@pytest.mark.parametrize(
    "change",
    [{"role": "king"}, {"quiet_from": 1440}, {"quiet_to": -1}, {"daily_tokens": -5}, {"language": "<b>"}],
)
def test_impossible_changes_name_their_field(store: Store, change: dict[str, object]) -> None:
    with store.begin() as session:
        person = add_person(session, "Ann", "owner", GOOD)
        with pytest.raises(RequestError, match=next(iter(change))):
            change_person(session, person.id, change)


def test_who_goes_takes_sessions_keys_and_conversations_along(store: Store) -> None:
    with store.begin() as session:
        add_person(session, "Ann", "owner", GOOD)
        bob = add_person(session, "Bob", "member", GOOD)
        open_session(session, bob.id, agent="", address="")
        make_key(session, bob, "mine", ["chat"])
        session.execute(conversation("c", bob.id))
        remove_person(session, bob.id)
        assert find_person(session, bob.id) is None
        assert list_sessions(session, bob.id) == list_keys(session, bob.id) == []
        assert session.scalar(select(ConversationRow)) is None


def conversation(number: str, person_id: int):  # type: ignore[no-untyped-def]
    return ConversationRow.__table__.insert().values(
        id=number, person_id=person_id, title="t", title_is_own=False, pinned=False, settings={}, created=now(),
        updated=now(),
    )  # fmt: skip


def test_the_first_owner_takes_over_what_was_written_before(store: Store) -> None:
    with store.begin() as session:
        session.execute(conversation("old", HOUSE))
        owner = add_person(session, "Ann", "owner", GOOD)
        take_over(session, owner.id)
        assert session.scalar(text("SELECT person_id FROM conversation WHERE id = 'old'")) == owner.id
        assert find_person(session, HOUSE) is not None


def test_quiet_hours_go_over_midnight() -> None:
    night = Person(2, "a", "child", quiet_from=22 * 60, quiet_to=7 * 60)
    assert [night.is_quiet(h * 60) for h in (21, 22, 23, 0, 6, 7, 12)] == [False, True, True, True, True, False, False]
    lesson = Person(2, "a", "child", quiet_from=8 * 60, quiet_to=9 * 60)
    assert [lesson.is_quiet(m) for m in (479, 480, 539, 540)] == [False, True, True, False]
    assert not Person(2, "a", "child").is_quiet(0)
    assert not Person(2, "a", "child", quiet_from=60, quiet_to=60).is_quiet(60)


def test_a_number_is_never_given_again(store: Store) -> None:
    with store.begin() as session:
        add_person(session, "Ann", "owner", GOOD)
        ben = add_person(session, "Ben", "member", GOOD)
        remove_person(session, ben.id)
        cem = add_person(session, "Cem", "member", GOOD)
        assert cem.id == ben.id + 1
        remove_person(session, cem.id)
    with store.begin() as session:
        assert add_person(session, "Ben", "member", GOOD).id == cem.id + 1
        skip_numbers(session, 5)
        assert add_person(session, "Dan", "member", GOOD).id == cem.id + 7
