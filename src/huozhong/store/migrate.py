"""A database of any earlier revision becomes today's, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from huozhong.errors import StoreError
from huozhong.store.dialects import lock_for_migration

_FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the database to `revision`, in the connection's transaction.

    Raises `StoreError` for a database that a newer program has written.
    """
    lock_for_migration(connection)
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise StoreError(
            f"这个数据库是更新版本的火种写的（{current}）；请升级火种，或换一个数据库。",
            f"A newer Huozhong has written this database (revision {current}); update Huozhong, or use another "
            "database.",
        )
    if current is None or current != (script.get_current_head() if revision == "head" else revision):
        command.upgrade(config, revision)
