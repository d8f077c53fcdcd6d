"""Documents that people added: their passages and the index over them.  The files themselves are not kept."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.tables.base import Base


class FileRow(Base):
    """size: bytes.  sha256: hexadecimal.  pages: 0 where it has none to speak of.  index: `memory.index.Index`'s bytes.

    conversation_id: where it was first asked about; it goes when that is forgotten.  None: nobody asked yet.
    """

    __tablename__ = "file"
    __table_args__ = (Index("ix_file_person_id_created", "person_id", "created"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"))
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    pages: Mapped[int]
    passages: Mapped[int]
    index: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created: Mapped[int]


class PassageRow(Base):
    """number: counted from 0 within the file.  page: counted from 1, None where there are none."""

    __tablename__ = "passage"

    file_id: Mapped[str] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    page: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text)
