"""A database of every earlier revision, with somebody's conversations in it, becomes today's and keeps them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from tests.store.conftest import PostgresServer
from tests.store.test_search import found

from huozhong import store as package
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.migrate import migrate, newest_revision
from huozhong.store.people import HOUSE, add_person, remove_person
from huozhong.store.tables.base import Base

STEPS = list(ScriptDirectory(str(Path(package.__file__).parent / "migrations")).walk_revisions())[::-1]


def test_they_are_a_line() -> None:
    assert [step.revision for step in STEPS] == [f"{number:04}" for number in range(1, len(STEPS) + 1)]
    assert [step.down_revision for step in STEPS] == [None, *(step.revision for step in STEPS[:-1])]


def test_the_newest_is_known_by_its_file() -> None:
    assert newest_revision() == STEPS[-1].revision


def test_what_is_up_to_date_is_opened_without_the_migrations_tool(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'house.db'}"
    Store.open(url).close()
    code = f"import sys; from huozhong.store.database import Store; Store.open({url!r}).close(); "
    assert subprocess.run([sys.executable, "-c", code + "sys.exit('alembic' in sys.modules)"]).returncode == 0


def old_database(url: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program of that revision left it, filled with what has been there since the first one."""
    with monkeypatch.context() as patch:
        patch.setattr("huozhong.store.database.migrate", lambda connection: migrate(connection, revision))
        with Store.open(url) as store, store.begin() as session:
            array = "ARRAY['§1', '火种', '火', '种']" if url.startswith("postgresql") else "'§1 火种 火 种'"
            message = "INSERT INTO message (id, conversation_id, seq, role, content, reasoning, created, updated, "
            for statement in (
                "INSERT INTO conversation (id, person_id, title, title_is_own, pinned, settings, created, updated) "
                "VALUES ('old', 1, '从前', true, true, '{\"system\": \"x\"}', 5, 6)",
                message + "state) VALUES ('q', 'old', 1, 'user', '什么是火种？', '', 5, 5, 'done')",
                message + "state, parent_id, usage) VALUES ('a', 'old', 2, 'assistant', '火种', 'hm', 6, 6, 'running', "
                "'q', '{\"cost\": null}')",
                f"INSERT INTO search (person_id, conversation_id, message_id, grams) VALUES (1, 'old', 'q', {array})",
            ):
                session.execute(text(statement.replace(":", "\\:")))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.revision)
def test_from_each(url: str, step: object, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = str(step.revision)  # type: ignore[attr-defined]
    old_database(url, revision, monkeypatch)
    with Store.open(url) as store:
        with store.read() as session:
            assert session.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == STEPS[-1].revision
        columns = {
            table.name: {column["name"] for column in inspect(store.engine).get_columns(table.name)}
            for table in Base.metadata.sorted_tables
        }
        for table in Base.metadata.sorted_tables:
            assert columns[table.name] == {column.name for column in table.columns}
        kept = Conversations(store)
        assert kept.recover() == 1
        conversation, messages = kept.get(HOUSE, "old")
        assert (conversation.title, conversation.pinned, conversation.settings) == ("从前", True, {"system": "x"})
        assert [(m.id, m.parent_id, m.content, m.state, m.usage) for m in messages] == [
            ("q", None, "什么是火种？", "done", None),
            ("a", "q", "火种", "cut", {"cost": None}),
        ]
        assert found(store, "火种") == ["old"]
        turn = kept.ask(HOUSE, "old", parent="a", content="后来呢")
        assert turn.question.seq == 3


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.revision)
def test_whoever_joins_an_old_house_is_nobody_who_was_there(
    url: str, step: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_database(url, str(step.revision), monkeypatch)  # type: ignore[attr-defined]
    with Store.open(url) as store, store.begin() as session:
        one = add_person(session, "Ann", "member", "春眠不觉晓 42")
        remove_person(session, one.id)
        other = add_person(session, "Ann", "member", "春眠不觉晓 42")
        assert HOUSE < one.id < other.id


def test_who_left_before_the_count_was_kept_is_known_to_postgresql(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    old_database(url, "0005", monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("huozhong.store.database.migrate", lambda connection: migrate(connection, "0005"))
        with Store.open(url) as store, store.begin() as session:
            row = "INSERT INTO person (name, folded, role, created) VALUES ('b', 'b', 'member', 1) RETURNING id"
            gone = session.execute(text(row)).scalar_one()
            session.execute(text("DELETE FROM person WHERE name = 'b'"))
    with Store.open(url) as store, store.begin() as session:
        assert add_person(session, "Ann", "owner", "春眠不觉晓 42").id > gone
