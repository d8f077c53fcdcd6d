"""Who uses this house."""

from __future__ import annotations

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.tables.base import Base


class GivenRow(Base):
    """The highest number that was ever given to a kind of row, also to those that are gone.  what: "person"."""

    __tablename__ = "given"

    what: Mapped[str] = mapped_column(primary_key=True)
    highest: Mapped[int]


class PersonRow(Base):
    """folded: the name without cases, so that two people's names differ by more than that.  disabled: since when.

    password_hash: None for who cannot log in.  quiet_from, quiet_to: minutes of the local day.
    daily_tokens, daily_money: a person's budget; None is no limit.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str]
    folded: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]
    language: Mapped[str | None]
    quiet_from: Mapped[int | None]
    quiet_to: Mapped[int | None]
    daily_tokens: Mapped[int | None]
    daily_money: Mapped[float | None]
    created: Mapped[int]
    disabled: Mapped[int | None]
