"""A house becomes a file and a house again, from either database into either; nothing is overwritten by surprise."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.store.exchange.test_keep import filled
from tests.store.test_search import add_person, found, say

from huozhong.errors import StoreError
from huozhong.store.backup import backup, check, restore
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.exchange.ours import to_json
from huozhong.store.people import HOUSE
from huozhong.store.people import add_person as add_person_of_the_house


def contents(store: Store, *people: int) -> list[Any]:
    kept = Conversations(store)
    return [to_json(*kept.get(person, id)) for person in people for id in kept.ids(person)]


@pytest.fixture
def other_url(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> str:
    """A database of the other kind."""
    if url.startswith("sqlite"):
        return str(request.getfixturevalue("postgres").new_database())
    return f"sqlite:///{tmp_path / 'other.db'}"


def test_out_of_one_database_into_the_other(store: Store, other_url: str, tmp_path: Path) -> None:
    ann = add_person(store, "Ann")
    filled(store)
    hers = say(store, "她的话", ann)
    file = tmp_path / "backups" / "house.backup"
    kept = backup(store, file)
    assert (kept.people, kept.conversations, kept.messages) == (2, 2, 7)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["house.backup"]
    assert restore(file, other_url) == kept
    with Store.open(other_url) as other:
        assert contents(other, HOUSE, ann) == contents(store, HOUSE, ann)
        assert found(other, "她的话", ann) == [hers]  # also the index is there
        assert add_person(other, "Ben") == ann + 1
        assert found(other, "新的话", ann) == []
        assert found(other, "新的话", ann) != [say(other, "新的话", ann)]
    with pytest.raises(StoreError, match=r"already|empty one"):
        restore(file, other_url)


def test_while_others_write(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store:
        filled(store)
        with store.begin() as session:
            session.execute(text("UPDATE conversation SET title = 'half'"))
            kept = backup(store, tmp_path / "backup")
            raise_if_half = sqlite3.connect(tmp_path / "backup").execute("SELECT title FROM conversation").fetchone()
        assert kept.conversations == 1
        assert raise_if_half == ("我的对话",)


def test_nothing_is_overwritten_by_surprise(tmp_path: Path) -> None:
    house, file = tmp_path / "house.db", tmp_path / "backup"
    url = f"sqlite:///{house}"
    with Store.open(url) as store:
        filled(store)
        backup(store, file)
        with pytest.raises(StoreError, match=r"is there already.*--replace"):
            backup(store, file)
        say(store, "更晚的话")
        with pytest.raises(StoreError, match=r"in use as a house already.*--replace"):
            restore(file, url)
        with pytest.raises(StoreError, match="A server is using this database"):
            restore(file, url, replace=True)
    kept = restore(file, url, replace=True)
    assert kept.old is not None
    with Store.open(url) as store:
        assert found(store, "更晚的话") == []
    with Store.open(f"sqlite:///{kept.old}") as store:
        assert len(found(store, "更晚的话")) == 1
        assert backup(store, file, replace=True).conversations == 2


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "bytes", "other"])
def test_what_is_no_backup(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "backup"
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store:
        for n in range(30):
            say(store, f"{n} " * 200)
        backup(store, file)
    whole = file.read_bytes()
    match damage:
        case "text":
            file.write_text("hello " * 1000)
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "bytes":
            file.write_bytes(whole[:20_000] + b"\xff" * 8000 + whole[28_000:])
        case "other":
            file.unlink()
            connection = sqlite3.connect(file)
            connection.execute("CREATE TABLE x (y)")
            connection.commit()
            connection.close()
    target = tmp_path / "new" / "house.db"
    with pytest.raises(StoreError, match=r"no backup of Huozhong's|is damaged"):
        restore(file, f"sqlite:///{target}")
    assert not target.exists()


def test_of_a_newer_program(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store:
        backup(store, file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer Huozhong"):
        restore(file, f"sqlite:///{tmp_path / 'new.db'}")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup", "house.db"]


def test_the_disk_says_no(tmp_path: Path) -> None:
    with Store.open() as store, pytest.raises(StoreError, match="cannot be written"):
        backup(store, Path("/proc/nothing/backup"))
    with pytest.raises(StoreError, match="There is no file"):
        check(tmp_path / "nothing")


def test_the_commands(tmp_path: Path) -> None:
    house = f"sqlite:///{tmp_path / 'house.db'}"
    with Store.open(house) as store:
        filled(store)

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "huozhong.cli.main", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"HUOZHONG_LANG": "en"})
        return done.returncode, done.stdout + done.stderr

    file = str(tmp_path / "backup")
    assert run("backup", file, "--database", house) == (
        0, f"Backed up to {file}: 1 people, 1 conversations, 5 messages.\n",
    )  # fmt: skip
    status, said = run("restore", file, "--database", house)
    assert (status, said.count("\n")) == (2, 1)
    assert "--replace" in said
    status, said = run("restore", file, "--database", house, "--replace")
    assert status == 0
    assert "kept as" in said
    assert run("backup", file, "--database", f"sqlite:///{tmp_path / 'nothing.db'}")[0] == 2


def test_who_came_after_the_backup_is_nobody_who_comes_after_it_is_restored(url: str, tmp_path: Path) -> None:
    """What lies beside the database under a number (memories, vectors, chosen apps) was not restored with it."""
    file = tmp_path / "house.backup"
    with Store.open(url) as store:
        backup(store, file)
        with store.begin() as session:
            later = add_person_of_the_house(session, "Later", "member", "春眠不觉晓 42")
    fresh = f"sqlite:///{tmp_path / 'restored.db'}"
    restore(file, fresh)
    with Store.open(fresh) as store, store.begin() as session:
        assert add_person_of_the_house(session, "Other", "member", "春眠不觉晓 42").id > later.id
