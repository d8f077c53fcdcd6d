"""What apps count for whoever teaches, of people who let them.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Tables as of this revision, written out."""
    op.create_table(
        "tally_consent",
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tally",
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("how", sa.String, primary_key=True),
        sa.Column("times", sa.BigInteger, nullable=False),
    )
