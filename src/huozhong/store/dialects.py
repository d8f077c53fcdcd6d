"""The few places where SQLite and PostgreSQL differ; everything else in the store is one code for both.

The index of `search.grams`: in SQLite FTS5 over words between spaces, kept up to date by triggers; in PostgreSQL a GIN
index over an array of the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, ColumnElement, Connection, Dialect, Integer, Table, Text, TypeDecorator, text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from huozhong.store.tables.base import Base

_SQLITE = (
    # Tokens are what stands between spaces: the ASCII tokenizer takes every other character as part of a word.
    "CREATE VIRTUAL TABLE search_index USING fts5(grams, content='search', content_rowid='number', "
    "tokenize='ascii', detail='none')",
    "CREATE TRIGGER search_added AFTER INSERT ON search BEGIN "
    "INSERT INTO search_index(rowid, grams) VALUES (new.number, new.grams); END",
    "CREATE TRIGGER search_removed AFTER DELETE ON search BEGIN "
    "INSERT INTO search_index(search_index, rowid, grams) VALUES ('delete', old.number, old.grams); END",
    "CREATE TRIGGER search_changed AFTER UPDATE OF grams ON search BEGIN "
    "INSERT INTO search_index(search_index, rowid, grams) VALUES ('delete', old.number, old.grams); "
    "INSERT INTO search_index(rowid, grams) VALUES (new.number, new.grams); END",
)
_POSTGRESQL = ("CREATE INDEX search_index ON search USING gin (grams)",)


def create_search_index(connection: Connection) -> None:
    """The index of an empty table `search`."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.execute(text(statement))


class Grams(TypeDecorator[list[str]]):
    """Words: an array in PostgreSQL, a text with spaces between them in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else " ".join(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str] | None:
        return value.split(" ") if isinstance(value, str) else value


def has_grams(connection: Connection, grams: Sequence[str], low: int, high: int) -> ColumnElement[bool]:
    """The condition that a row of `search` with a number from `low` to `high` holds all these words.

    Words are of letters, digits and "§" only.
    """
    if connection.dialect.name == "sqlite":
        wanted = " ".join(f'"{gram}"' for gram in grams)
        rows = "SELECT rowid FROM search_index WHERE search_index MATCH :wanted AND rowid BETWEEN :low AND :high"
        condition = text(f"search.number IN ({rows})").bindparams(wanted=wanted, low=low, high=high)
    else:
        condition = text("search.grams @> CAST(:wanted AS text[]) AND search.number BETWEEN :low AND :high")
        condition = condition.bindparams(wanted=[*grams], low=low, high=high)
    return cast("ColumnElement[bool]", condition)


def count_on(connection: Connection, tables: Iterable[Table]) -> None:
    """After rows were written with their numbers: the next number is the next one (SQLite sees that by itself)."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        key = table.primary_key.columns.values()[0]
        if isinstance(key.type, Integer) and len(table.primary_key.columns) == 1 and not key.foreign_keys:
            highest = f'(SELECT coalesce(max("{key.name}"), 0) + 1 FROM "{table.name}")'
            statement = text(f"SELECT setval(pg_get_serial_sequence(:table, :key), {highest}, false)")
            connection.execute(statement.bindparams(table=table.name, key=key.name))


def lock_for_migration(connection: Connection) -> None:
    """Others who would migrate wait until this transaction ends (SQLite's is exclusive from its beginning)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(20261130)"))


def insert_or_add(session: Session, table: type[Base], key: Mapping[str, Any], amounts: Mapping[str, Any]) -> None:
    """A row of a table by its primary key; where there is one, the amounts are added to its own."""
    # Only the database's own: each brings all of its drivers along, PostgreSQL's several megabytes.
    build: Any
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as build
    else:
        from sqlalchemy.dialects.postgresql import insert as build
    statement = build(table).values(**key, **amounts)
    added = {name: getattr(table, name) + statement.excluded[name] for name in amounts}
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=added))
