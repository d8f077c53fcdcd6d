"""The one door to the database: opened, migrated, and every transaction begun here.

SQLite: one file beside the models, readable by its owner alone; WAL, so that readers never wait for the writer.  What
is committed survives the end of the program at any moment, and a power cut too, unless its transaction was begun with
`lasting=False`: that does not wait for the disk, and lasts with the next one that does.  One writer at a time, in
order, by a lock of this process; another process's writing is waited for (`_PATIENCE_MS`).  PostgreSQL: the same code;
a connection that the server has dropped is replaced before it is used.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from huozhong.errors import StoreError
from huozhong.files import data_folder
from huozhong.store.migrate import migrate

_PATIENCE_MS = 5000
IN_MEMORY = "sqlite://"


def default_url() -> str:
    """The database that a house has when nobody names one: house.db in the data folder."""
    return f"sqlite:///{data_folder() / 'house.db'}"


class Store:
    """An open database.  Its sessions are used in threads; none is shared between two."""

    def __init__(self, engine: Engine) -> None:
        """Not for others: `open` makes one."""
        self.engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._in_memory = isinstance(engine.pool, StaticPool)
        self._writing = threading.Lock()

    @classmethod
    def open(cls, url: str = IN_MEMORY) -> Store:
        """Open a database and bring its tables up to date; a SQLite file is made where there is none.

        url: "sqlite:///path", "sqlite://" (in memory) or "postgresql://user@host/name".  `StoreError` when it cannot
        be used: unreachable, locked, no database, or of a newer program.
        """
        engine = _engine(url)
        store = cls(engine)
        try:
            with store.begin() as session:
                migrate(session.connection())
        except BaseException:
            engine.dispose()
            raise
        return store

    @staticmethod
    def file_of(url: str) -> Path | None:
        """The SQLite file that a URL means; None for PostgreSQL.  `StoreError` for one in memory, or no database."""
        parsed = _checked(url)
        if parsed.get_backend_name() != "sqlite":
            return None
        if parsed.database in (None, "", ":memory:"):
            raise StoreError(
                "内存里的数据库不能备份或恢复。", "A database in memory is neither backed up nor restored."
            )
        return Path(str(parsed.database))

    @property
    def file(self) -> Path | None:
        """The SQLite file; None in memory and for PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self._is_sqlite and not self._in_memory and name else None

    @contextlib.contextmanager
    def begin(self, *, lasting: bool = True) -> Iterator[Session]:
        """A transaction that may write: committed when the block ends well, else as if it had never been.

        lasting: False for what is written often and followed by something that lasts.  `StoreError` where the
        database fails (locked, disk full, gone).  Not to be nested.
        """
        with contextlib.ExitStack() as stack:
            if self._is_sqlite:
                stack.enter_context(self._writing)
            yield from self._transaction("BEGIN IMMEDIATE", lasting)

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads: it sees one moment, and waits for no writer."""
        with contextlib.ExitStack() as stack:
            if self._in_memory:
                stack.enter_context(self._writing)  # there is but one connection
            yield from self._transaction("BEGIN", lasting=False)

    def _transaction(self, begin: str, lasting: bool) -> Iterator[Session]:
        session = Session(self.engine, expire_on_commit=False)
        try:
            with session:
                options: dict[str, Any] = {"huozhong_begin": begin, "huozhong_lasting": lasting}
                if begin == "BEGIN" and not self._is_sqlite:
                    options["isolation_level"] = "REPEATABLE READ"  # as SQLite's readers have it
                session.connection(execution_options=options)
                yield session
                session.commit()
        except DBAPIError as error:
            raise _store_error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = _checked(url)
    if parsed.get_backend_name() == "postgresql":
        try:
            return create_engine(parsed, pool_pre_ping=True, pool_size=8, max_overflow=24)
        except ModuleNotFoundError:
            raise StoreError(
                "用 PostgreSQL 要先安装：pip install 'huozhong[postgresql]'。",
                "PostgreSQL needs its driver: pip install 'huozhong[postgresql]'.",
            ) from None
    in_memory = parsed.database in (None, "", ":memory:")
    if in_memory:
        engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        _make_file(Path(str(parsed.database)))
        engine = create_engine(parsed, pool_size=8, max_overflow=40, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        shown = url.partition("://")[0] or url
        raise StoreError(
            f"不认识的数据库地址（{shown}）；请用 sqlite:///文件 或 postgresql://用户@主机/库名。",
            f"This is no database that can be used ({shown}); give sqlite:///FILE or postgresql://USER@HOST/NAME.",
        )
    return parsed.set(drivername="sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg")


def _make_file(path: Path) -> None:
    """An empty file that only its owner reads, before SQLite would make one for everybody."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"打不开数据库文件 {path}（{error.strerror}）；请用 --database sqlite:///文件 换一个地方。",
            f"The database {path} cannot be opened ({error.strerror}); choose another place with "
            "--database sqlite:///FILE.",
        ) from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say (`_begin_sqlite`)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_PATIENCE_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # IMMEDIATE for writers: two that have both read could not both go on to write.
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('huozhong_lasting', True) else 'NORMAL'}")
    connection.exec_driver_sql(options.get("huozhong_begin", "BEGIN IMMEDIATE"))


def _store_error(error: DBAPIError) -> StoreError:
    reason = str(error.orig).partition("\n")[0]
    if "locked" in reason:
        return StoreError(
            "数据库正被另一个程序占用；请关掉它，再试一次。",
            "Another program holds the database; close it, and try again.",
        )
    if "disk is full" in reason or "No space left" in reason:
        return StoreError(
            "磁盘满了，没有保存；请腾出空间，再试一次。",
            "The disk is full, so this was not saved; make room, and try again.",
        )
    if isinstance(error, OperationalError) or "not a database" in reason or "malformed" in reason:
        return StoreError(f"数据库用不了（{reason}）。", f"The database cannot be used ({reason}).")
    raise error
