"""The door to the database: what it opens, what it refuses and in which words, and that a transaction is whole."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

from huozhong.errors import StoreError
from huozhong.store.database import Store
from huozhong.store.people import HOUSE, Person, find_person
from huozhong.store.tables.base import Base, now
from huozhong.store.tables.conversations import ConversationRow
from huozhong.store.tables.people import PersonRow


def person(name: str) -> PersonRow:
    return PersonRow(name=name, folded=name.casefold(), role="member", created=now())


def test_a_new_house_has_one_who_needs_no_login(store: Store) -> None:
    with store.read() as session:
        assert find_person(session, HOUSE) == Person(HOUSE, "", "owner")
        assert find_person(session, 2) is None


def test_the_next_person_has_the_next_number(store: Store) -> None:
    with store.begin() as session:
        session.add(row := person("小明"))
        session.flush()
        assert row.id == 2


def test_migrations_make_what_the_tables_say(store: Store) -> None:
    found = inspect(store.engine)
    for table in Base.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        assert {i["name"] for i in found.get_indexes(table.name)} >= {str(i.name) for i in table.indexes}


def test_opened_again_it_holds_what_it_held(url: str) -> None:
    first = Store.open(url)
    with first.begin() as session:
        session.add(person("Ann"))
    first.close()
    again = Store.open(url)
    with again.read() as session:
        assert session.scalar(select(PersonRow.name).where(PersonRow.folded == "ann")) == "Ann"
    again.close()


def test_several_open_a_new_one_at_once(url: str) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Store.open(url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_block_that_fails_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.begin() as session:
            session.add(person("Ann"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as session:
        assert len(session.scalars(select(PersonRow)).all()) == 1


def test_foreign_keys_hold(store: Store) -> None:
    row = ConversationRow(
        id="x", person_id=99, title="", title_is_own=False, pinned=False, settings={}, created=1, updated=1
    )
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.begin() as session:
        session.add(row)


def test_writers_in_many_threads_wait_for_each_other(store: Store) -> None:
    def write(worker: int) -> None:
        for index in range(10):
            with store.begin() as session:
                session.add(person(f"{worker}-{index}"))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as session:
        assert session.scalar(text("SELECT count(*) FROM person")) == 81


def test_in_memory_it_is_one_database_for_all_threads() -> None:
    store = Store.open()
    with store.begin() as session:
        session.add(person("Ann"))
    seen: list[int] = []

    def look() -> None:
        with store.read() as session:
            seen.append(len(session.scalars(select(PersonRow)).all()))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [2]
    assert store.file is None
    store.close()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "house.db"
    store = Store.open(f"sqlite:///{file}")
    assert store.file == file
    for one in file.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600, one
    store.close()


def test_a_newer_database_is_not_touched(url: str) -> None:
    store = Store.open(url)
    with store.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match=r"newer Huozhong.*9999.*update"):
        Store.open(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("house.db", r"no database that can be used \(house.db\)"),
        ("mysql://root:secret@localhost/x", r"no database that can be used \(mysql\)"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot be used"),
        ("sqlite:////proc/nothing/house.db", "cannot be opened"),
    ],
)
def test_what_is_no_database(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)
    assert caught.value.chinese


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    file = tmp_path / "photo.db"
    file.write_bytes(b"GIF89a" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(f"sqlite:///{file}")
    assert file.read_bytes() == b"GIF89a" * 1000


def test_held_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huozhong.store.database._PATIENCE_MS", 200)
    file = tmp_path / "house.db"
    store = Store.open(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Another program holds the database"), store.begin() as session:
        session.add(person("Ann"))
    with store.read() as session:  # reading goes on
        assert len(session.scalars(select(PersonRow)).all()) == 1
    other.execute("COMMIT")
    with store.begin() as session:
        session.add(person("Ann"))
    other.close()
    store.close()
