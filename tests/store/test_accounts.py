"""Sessions, keys and join codes: what the house keeps of them lets nobody in, and they end when they should."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from huozhong.errors import RequestError
from huozhong.store.database import Store
from huozhong.store.joining import current_codes, drop_codes, join, new_code
from huozhong.store.keys import find_key, list_keys, make_key, remove_key
from huozhong.store.people import Person, add_person, change_person
from huozhong.store.sessions import (
    IDLE_MS,
    end_session,
    end_sessions,
    find_session,
    forget_old_sessions,
    list_sessions,
    open_session,
)
from huozhong.store.tables.accounts import ApiKeyRow, JoinCodeRow, SessionRow
from huozhong.store.tables.base import now

GOOD = "春眠不觉晓 42"


@pytest.fixture
def people(store: Store) -> tuple[Person, Person]:
    with store.begin() as session:
        return add_person(session, "Ann", "owner", GOOD), add_person(session, "Bob", "member", GOOD)


def test_a_session_is_found_by_its_token_alone(store: Store, people: tuple[Person, Person]) -> None:
    ann, bob = people
    with store.begin() as session:
        token, number = open_session(session, bob.id, agent="x" * 999, address="192.168.1.9")
        found = find_session(session, token)
        assert found is not None
        assert (found[0].name, found[1].id, len(found[1].agent)) == ("Bob", number, 200)
        row = session.scalar(select(SessionRow))
        assert row is not None
        for wrong in (number, row.token_hash, token[:-1], token + "a", "", "\ud800"):
            assert find_session(session, wrong) is None
        assert not end_session(session, ann.id, number), "another person's"
        assert find_session(session, token) is not None
        assert end_session(session, bob.id, number)
        assert find_session(session, token) is None


def test_sessions_end_by_themselves_and_with_their_person(store: Store, people: tuple[Person, Person]) -> None:
    _, bob = people
    with store.begin() as session:
        tokens = [open_session(session, bob.id, agent=str(n), address="")[0] for n in range(3)]
        session.execute(update(SessionRow).where(SessionRow.agent == "0").values(seen=now() - IDLE_MS - 1))
        session.execute(update(SessionRow).where(SessionRow.agent == "1").values(created=1))
        assert [find_session(session, token) is None for token in tokens] == [True, True, False]
        forget_old_sessions(session)
        assert len(list_sessions(session, bob.id)) == 2
        change_person(session, bob.id, {"disabled": True})
        assert find_session(session, tokens[2]) is None
        change_person(session, bob.id, {"disabled": False})
        own = find_session(session, tokens[2])
        assert own is not None
        end_sessions(session, bob.id, but=own[1].id)
        assert [one.id for one in list_sessions(session, bob.id)] == [own[1].id]


def test_a_new_session_stays_although_the_others_are_of_a_time_to_come(
    store: Store, people: tuple[Person, Person]
) -> None:
    _, bob = people
    with store.begin() as session:
        for _ in range(60):
            open_session(session, bob.id, agent="", address="")
        session.execute(update(SessionRow).values(seen=now() + 86_400_000))
        token, number = open_session(session, bob.id, agent="", address="")
        assert find_session(session, token) is not None
        assert number in {one.id for one in list_sessions(session, bob.id)}
        assert len(list_sessions(session, bob.id)) == 50


def test_a_person_has_at_most_fifty_sessions(store: Store, people: tuple[Person, Person]) -> None:
    with store.begin() as session:
        for _ in range(53):
            open_session(session, people[1].id, agent="", address="")
        assert len(list_sessions(session, people[1].id)) == 50


def test_a_key_is_kept_as_a_hash(store: Store, people: tuple[Person, Person]) -> None:
    ann, bob = people
    with store.begin() as session:
        key, info = make_key(session, bob, " editor ", ["chat", "models", "chat"])
        assert (info.name, info.scopes, key.startswith(info.prefix)) == ("editor", ("chat", "models"), True)
        row = session.scalar(select(ApiKeyRow))
        assert row is not None
        assert key not in str(vars(row))
        found = find_key(session, key)
        assert found is not None
        assert found[0] == bob
        assert find_key(session, row.key_hash) is None
        assert not remove_key(session, ann.id, info.id), "another person's"
        assert remove_key(session, bob.id, info.id)
        assert find_key(session, key) is None


def test_only_owners_keys_are_admins_and_only_while_they_are_owners(
    store: Store, people: tuple[Person, Person]
) -> None:
    ann, bob = people
    with store.begin() as session:
        for scopes in (["admin"], ["chat", "metrics"]):
            with pytest.raises(RequestError, match="owner"):
                make_key(session, bob, "x", scopes)
        for scopes, word in (([], "empty"), (["root"], "root")):
            with pytest.raises(RequestError, match=word):
                make_key(session, ann, "x", scopes)
        with pytest.raises(RequestError, match="name"):
            make_key(session, ann, " ", ["chat"])
        key, _ = make_key(session, ann, "all", ["admin", "chat"])
        change_person(session, bob.id, {"role": "owner"})
        change_person(session, ann.id, {"role": "member"})
        found = find_key(session, key)
        assert found is not None
        assert found[1].scopes == ("chat",)
        assert list_keys(session, ann.id)[0].scopes == ("admin", "chat")


def test_a_class_joins_with_one_code(store: Store) -> None:
    with store.begin() as session:
        code = new_code(session, "child")
        assert len(code.code) == 8
        for name in ("小明", "小红"):
            assert join(session, code.spelled.lower(), name, GOOD).role == "child"
        for wrong in ("", "AAAA-AAAA", code.code[:-1], "%", "\ud800"):
            with pytest.raises(RequestError, match="wrong or has expired"):
                join(session, wrong, "x", GOOD)
        newer = new_code(session, "child")
        with pytest.raises(RequestError, match="wrong or has expired"):
            join(session, code.code, "x", GOOD)
        assert [one.code for one in current_codes(session)] == [newer.code]
        session.execute(update(JoinCodeRow).values(expires=now() - 1))
        with pytest.raises(RequestError, match="wrong or has expired"):
            join(session, newer.code, "x", GOOD)
        assert current_codes(session) == []


def test_the_owners_code_works_once_and_is_not_listed(store: Store) -> None:
    with store.begin() as session:
        code = new_code(session, "owner", uses=1)
        assert current_codes(session) == []
        drop_codes(session)
        with pytest.raises(RequestError, match="password"):
            join(session, code.code, "Ann", "12345678")  # a bad password uses nothing up
        assert join(session, code.code, "Ann", GOOD).role == "owner"
        with pytest.raises(RequestError, match="wrong or has expired"):
            join(session, code.code, "Eve", GOOD)
        assert session.scalar(text("SELECT count(*) FROM join_code")) == 0
