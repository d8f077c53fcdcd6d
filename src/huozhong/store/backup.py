"""The whole house as one file, and back: a SQLite database, whatever database the house itself has.

A backup can be made while a server writes: it is the house at one moment.  It is checked before it gets its name.  To
restore is to put it where no house is yet, or, if that is asked for, in the place of one, which is kept beside it; a
backup of PostgreSQL can become a SQLite file and the other way round.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select

from huozhong.errors import StoreError
from huozhong.files import sync, sync_folder
from huozhong.store import tables
from huozhong.store.database import Store
from huozhong.store.dialects import count_on
from huozhong.store.people import skip_numbers
from huozhong.store.tables.base import Base
from huozhong.store.tables.conversations import ConversationRow, MessageRow
from huozhong.store.tables.people import PersonRow

_ROWS = 500  # copied together
# People whom the house took in after the backup was made have numbers that it does not know, and things beside the
# database that lie under them.  Nobody is given these; there are more of them than any house takes in between two.
_SKIPPED = 10_000


@dataclass(frozen=True)
class Kept:
    """What a backup holds, or a house was given back.  old: where the house lies that was there before."""

    people: int
    conversations: int
    messages: int
    old: Path | None = None


def backup(store: Store, file: Path, *, replace: bool = False) -> Kept:
    """Write the house to `file`, whole or not at all, readable by its owner alone.

    Raises `StoreError` where there is a file already (unless `replace`), or none can be written.
    """
    if file.exists() and not replace:
        raise StoreError(
            f"{file} 已经有了；换一个名字，或加上 --replace。",
            f"{file} is there already; choose another name, or say --replace.",
        )
    with _own_errors(file), _partial(file) as partial:
        if store.file is not None:
            _copy_file(store.file, partial)
        else:
            with Store.open(f"sqlite:///{partial}") as copy:
                _copy_rows(store, copy)
            _as_one_file(partial)
        kept = check(partial)
        _put(partial, file)
    return kept


def restore(file: Path, url: str, *, replace: bool = False) -> Kept:
    """Put a backup into the database at `url`, and bring it up to date.

    replace: also where there is a house already; a SQLite file is kept beside it (`Kept.old`).  Raises `StoreError`
    for a file that is no backup, and where it would overwrite something.
    """
    check(file)
    place = Store.file_of(url)
    if place is None:
        return _restore_rows(file, url)
    old = None
    with _own_errors(place), _partial(place) as partial:
        shutil.copyfile(file, partial)
        with Store.open(f"sqlite:///{partial}") as opened:  # an older one becomes today's, and a newer one is refused
            _skip(opened)
        _as_one_file(partial)
        kept = check(partial)
        if place.exists() and place.stat().st_size > 0:
            old = _put_aside(place, replace)
        _put(partial, place)
    return Kept(kept.people, kept.conversations, kept.messages, old)


def check(file: Path) -> Kept:
    """What a backup holds; `StoreError` if it is none, or damaged."""
    if not file.is_file():
        raise StoreError(f"没有 {file} 这个文件。", f"There is no file {file}.")
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            lost = connection.execute("PRAGMA foreign_key_check").fetchone()
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            people, conversations, messages = (
                connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("person", "conversation", "message")
            )
    except sqlite3.Error as error:
        raise StoreError(
            f"{file} 不是火种的备份，或者已经损坏（{error}）。",
            f"{file} is no backup of Huozhong's, or damaged ({error}).",
        ) from None
    if result != "ok" or lost is not None:
        what = result if result != "ok" else f"table {lost[0]}"
        raise StoreError(f"备份 {file} 已经损坏（{what}）。", f"The backup {file} is damaged ({what}).")
    return Kept(people, conversations, messages)


# -- inside ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _own_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"写不了 {file}（{error.strerror}）。", f"{file} cannot be written ({error.strerror})."
        ) from None
    except sqlite3.Error as error:
        raise StoreError(f"写不了 {file}（{error}）。", f"{file} cannot be written ({error}).") from None


@contextlib.contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """An empty file beside `file`, its owner's alone; gone in the end if it was not given a name."""
    file.absolute().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.absolute().with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield partial
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + ending).unlink(missing_ok=True)


def _put(partial: Path, file: Path) -> None:
    with open(partial, "r+b") as written:
        sync(written)
    os.replace(partial, file)
    sync_folder(file.absolute().parent)


def _copy_file(source: Path, target: Path) -> None:
    """SQLite's own way, which others may write beside."""
    with (
        contextlib.closing(sqlite3.connect(source)) as one,
        contextlib.closing(sqlite3.connect(target)) as other,
    ):
        one.execute("PRAGMA busy_timeout=5000")
        one.backup(other)
    _as_one_file(target)


def _as_one_file(database: Path) -> None:
    """What lies in files beside it goes into it."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def _put_aside(place: Path, replace: bool) -> Path:
    """Rename the house that is there; `StoreError` if that was not asked for, or somebody uses it."""
    if not replace:
        raise StoreError(
            f"{place} 里已经有数据；要用备份代替它，请加上 --replace（原来的会留在旁边）。",
            f"{place} is in use as a house already; to put the backup in its place, say --replace (the old one is kept "
            "beside it).",
        )
    try:
        _as_one_file(place)  # possible for its only user alone
    except sqlite3.OperationalError:
        raise StoreError(
            "火种正在使用这个数据库；请先停下它，再恢复。",
            "A server is using this database; stop it, and restore then.",
        ) from None
    old = place.with_name(f"{place.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    while old.exists():
        old = old.with_name(f"{old.name}x")
    os.rename(place, old)
    return old


def _restore_rows(file: Path, url: str) -> Kept:
    with Store.open(url) as target:
        with target.read() as session:
            is_used = session.scalar(select(func.count()).select_from(PersonRow)) != 1 or session.scalar(
                select(ConversationRow.id).limit(1)
            )
        if is_used:
            raise StoreError(
                "这个数据库里已经有数据；请给一个空的数据库。",
                "This database holds a house already; give an empty one.",
            )
        with tempfile.TemporaryDirectory() as folder:
            partial = Path(folder) / "house.db"
            shutil.copyfile(file, partial)
            with Store.open(f"sqlite:///{partial}") as source:
                _copy_rows(source, target)
        _skip(target)
    return check(file)


def _skip(store: Store) -> None:
    with store.begin() as session:
        skip_numbers(session, _SKIPPED)


def _copy_rows(source: Store, target: Store) -> None:
    """Everything, in one transaction, in place of what is there."""
    for module in pkgutil.iter_modules(tables.__path__):
        import_module(f"{tables.__name__}.{module.name}")  # so that all tables are known
    known = Base.metadata.sorted_tables
    with source.read() as reading, target.begin() as writing:
        for table in reversed(known):
            writing.execute(delete(table))
        for table in known:
            rows = reading.execute(select(table).order_by(*_order(table))).mappings()
            for some in rows.partitions(_ROWS):
                writing.execute(insert(table), [dict(row) for row in some])
        count_on(writing.connection(), known)


def _order(table: Table) -> tuple[ColumnElement[Any], ...]:
    """Messages after the ones that they follow."""
    if table is MessageRow.__table__:
        return (table.c.conversation_id, table.c.seq)
    return tuple(table.primary_key.columns)
