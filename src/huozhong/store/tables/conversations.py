"""What was said: conversations, each a tree of messages, and the index that finds them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from huozhong.store.dialects import Grams
from huozhong.store.tables.base import Base, Prose


class ConversationRow(Base):
    """title_is_own: a person wrote it.  leaf_id: the message that was shown last.  deleted: since when.

    settings: {"thinking": bool, "temperature": number, "system": text, "tools": [server]}, each of them optional.
    """

    __tablename__ = "conversation"
    __table_args__ = (Index("ix_conversation_person_id_updated", "person_id", "updated"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(Integer, ForeignKey("person.id", ondelete="CASCADE"))
    title: Mapped[str]
    title_is_own: Mapped[bool]
    pinned: Mapped[bool]
    model: Mapped[str | None]
    settings: Mapped[dict[str, Any]]
    leaf_id: Mapped[str | None]
    created: Mapped[int]
    updated: Mapped[int]
    deleted: Mapped[int | None]


class MessageRow(Base):
    """parent_id: the message that it follows.  seq: counts the conversation's messages as they come.

    state: done, running, stopped (by its reader), cut (the server went away) or failed (`error` says why).
    finish: the engine's word for how an answer ended.  rule: the fixed text that it is.  think_ms: how long it thought.
    calls: of tools of others, that the model made in this answer.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("uq_message_conversation_id_seq", "conversation_id", "seq", unique=True),
        Index("ix_message_state", "state"),
        Index("ix_message_parent_id", "parent_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    seq: Mapped[int]
    role: Mapped[str]
    content: Mapped[str] = mapped_column(Prose)
    reasoning: Mapped[str] = mapped_column(Prose)
    state: Mapped[str]
    finish: Mapped[str | None]
    usage: Mapped[dict[str, Any] | None]
    rule: Mapped[dict[str, Any] | None]
    model: Mapped[str | None]
    files: Mapped[list[Any] | None]
    calls: Mapped[list[Any] | None]
    error: Mapped[str | None] = mapped_column(Prose)
    created: Mapped[int]
    updated: Mapped[int]
    think_ms: Mapped[int | None]


class RenderingRow(Base):
    """An answer as the page shows it, kept so that a long chat opens at once.  version: of the program that made it."""

    __tablename__ = "rendering"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[str]
    html: Mapped[str] = mapped_column(Prose)


class SearchRow(Base):
    """A message's grams (see `store.search`), in the order in which messages were finished."""

    __tablename__ = "search"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    person_id: Mapped[int] = mapped_column(Integer)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), unique=True)
    grams: Mapped[list[str]] = mapped_column(Grams)
