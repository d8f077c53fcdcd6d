"""The highest number that a person was ever given, so that none is given twice.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The table as of this revision, with its one row."""
    given = op.create_table(
        "given",
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("highest", sa.BigInteger, nullable=False),
    )
    op.execute(given.insert().values(what="person", highest=_highest()))


def _highest() -> int:
    """PostgreSQL knows whom it counted even after they left; SQLite only who is there."""
    connection = op.get_bind()
    found = connection.execute(sa.text("SELECT max(id) FROM person")).scalar_one()
    if connection.dialect.name == "postgresql":
        counter = "pg_get_serial_sequence('person', 'id')"
        following = int(connection.execute(sa.text(f"SELECT nextval({counter})")).scalar_one())
        connection.execute(sa.text(f"SELECT setval({counter}, {following}, false)"))  # only looked at
        found = max(found, following - 1)
    return int(found)
