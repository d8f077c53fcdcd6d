"""The house, its conversations, and their index.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from huozhong.store.dialects import Grams, create_search_index
from huozhong.store.tables.base import now

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Tables as of this revision, written out: later changes of `store/tables` must not change the past."""
    _create_person()
    _create_conversation()
    _create_message()
    op.create_table(
        "rendering",
        sa.Column("message_id", sa.String, _cascade("message.id"), primary_key=True),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("html", sa.Text, nullable=False),
    )
    op.create_table(
        "search",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, nullable=False),
        sa.Column("conversation_id", sa.String, _cascade("conversation.id"), nullable=False),
        sa.Column("message_id", sa.String, _cascade("message.id"), nullable=False),
        sa.Column("grams", Grams, nullable=False),
        sa.UniqueConstraint("message_id", name="uq_search_message_id"),
    )
    op.create_index("ix_search_conversation_id", "search", ["conversation_id"])
    create_search_index(op.get_bind())


def _cascade(target: str) -> sa.ForeignKey:
    return sa.ForeignKey(target, ondelete="CASCADE")


def _create_person() -> None:
    person = op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password_hash", sa.String),
        sa.Column("language", sa.String),
        sa.Column("quiet_from", sa.BigInteger),
        sa.Column("quiet_to", sa.BigInteger),
        sa.Column("daily_tokens", sa.BigInteger),
        sa.Column("daily_money", sa.Float),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("disabled", sa.BigInteger),
        sa.UniqueConstraint("folded", name="uq_person_folded"),
    )
    # Without its number, so that PostgreSQL's own counting goes on after it; it is the first, and so number 1.
    op.execute(person.insert().values(name="", folded="", role="owner", created=now()))


def _create_conversation() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("person_id", sa.Integer, _cascade("person.id"), nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("title_is_own", sa.Boolean, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("leaf_id", sa.String),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger),
    )
    op.create_index("ix_conversation_person_id_updated", "conversation", ["person_id", "updated"])


def _create_message() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("conversation_id", sa.String, _cascade("conversation.id"), nullable=False),
        sa.Column("parent_id", sa.String, _cascade("message.id")),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("finish", sa.String),
        sa.Column("usage", sa.JSON),
        sa.Column("rule", sa.JSON),
        sa.Column("model", sa.String),
        sa.Column("files", sa.JSON),
        sa.Column("error", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("think_ms", sa.BigInteger),
    )
    op.create_index("uq_message_conversation_id_seq", "message", ["conversation_id", "seq"], unique=True)
    op.create_index("ix_message_state", "message", ["state"])
    op.create_index("ix_message_parent_id", "message", ["parent_id"])
