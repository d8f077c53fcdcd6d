"""What people have used, by day and model."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.tables.base import Base


class UsageRow(Base):
    """day: YYYY-MM-DD of the server's place.  cached_tokens: of the prompts, not computed again."""

    __tablename__ = "usage"

    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    prompt_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    joules: Mapped[float]
    money: Mapped[float]
