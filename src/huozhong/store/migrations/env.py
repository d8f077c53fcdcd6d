"""Alembic runs this file to migrate: `store.migrate` hands it an open connection, in whose transaction all happens."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
