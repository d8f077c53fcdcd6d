"""Documents and their passages.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Tables as of this revision, written out."""
    op.create_table(
        "file",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
        sa.Column("conversation_id", sa.String, sa.ForeignKey("conversation.id", ondelete="CASCADE")),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("pages", sa.BigInteger, nullable=False),
        sa.Column("passages", sa.BigInteger, nullable=False),
        sa.Column("index", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_file_person_id_created", "file", ["person_id", "created"])
    op.create_index("ix_file_conversation_id", "file", ["conversation_id"])
    op.create_table(
        "passage",
        sa.Column("file_id", sa.String, sa.ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("page", sa.BigInteger),
        sa.Column("text", sa.Text, nullable=False),
    )
