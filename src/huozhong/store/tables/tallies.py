"""What apps count for whoever teaches: which steps go wrong, and of whom it may be counted."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.tables.base import Base


class TallyConsentRow(Base):
    """A person lets an app count.  since: when they said so; without a row nothing is counted."""

    __tablename__ = "tally_consent"

    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    app: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[int]


class TallyRow(Base):
    """day: YYYY-MM-DD of the server's place.  what: the step; how: how it went: words of an app."""

    __tablename__ = "tally"

    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    app: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    how: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]
