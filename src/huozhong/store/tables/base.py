"""What all tables share.  Times are whole milliseconds since 1970 UTC; ids that leave the server are random text."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

_ODD = re.compile("[\0\ud800-\udfff]")

# Named, so that a migration can name what it changes, in every database alike.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def storable(text: str) -> str:
    """Text as every database can keep it: NUL, and halves of characters (lone surrogates), become U+FFFD."""
    return _ODD.sub("\ufffd", text)


class Line(TypeDecorator[str]):
    """A short text, always `storable`."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Prose(Line):
    """A text of any length, always `storable`."""

    impl = Text
    cache_ok = True


class Base(DeclarativeBase):
    """A row of a table.  `int` is 64 bits wide (times do not fit 32), a `dict` or `list` is JSON (None is NULL)."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        int: BigInteger(),
        str: Line(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


def new_id() -> str:
    """16 characters that nobody guesses."""
    return secrets.token_urlsafe(12)


def now() -> int:
    """Milliseconds since 1970 UTC, as this machine's clock says."""
    return time.time_ns() // 1_000_000
