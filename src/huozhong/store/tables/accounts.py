"""How people come in: sessions of browsers, keys of programs, and codes with which somebody joins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.tables.base import Base


class SessionRow(Base):
    """token_hash: SHA-256 of what the cookie holds.  seen: when it last asked.  agent, address: what asks, whence."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"), index=True)
    created: Mapped[int]
    seen: Mapped[int]
    agent: Mapped[str]
    address: Mapped[str]


class ApiKeyRow(Base):
    """key_hash: SHA-256 of the key, which is shown once.  prefix: its first characters.  scopes: a list of words."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    scopes: Mapped[list[Any]]
    created: Mapped[int]
    used: Mapped[int | None]


class JoinCodeRow(Base):
    """role: of whoever joins with it.  uses_left: None for a whole class.  expires: until when it holds."""

    __tablename__ = "join_code"

    code: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    uses_left: Mapped[int | None]
    created: Mapped[int]
    expires: Mapped[int]
