"""What an answer called, and what came of it.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Tables as of this revision, written out."""
    op.add_column("message", sa.Column("calls", sa.JSON))
