"""A database of any earlier revision becomes today's, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from huozhong.errors import StoreError
from huozhong.store.dialects import lock_for_migration

_FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the database to `revision`, in the connection's transaction.

    Raises `StoreError` for a database that a newer program has written.
    """
    lock_for_migration(connection)
    current = _current(connection)
    if current == (newest_revision() if revision == "head" else revision):
        return
    # Only here: it is a tenth of a second and ten megabytes that nearly no start needs.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise StoreError(
            f"这个数据库是更新版本的火种写的（{current}）；请升级火种，或换一个数据库。",
            f"A newer Huozhong has written this database (revision {current}); update Huozhong, or use another "
            "database.",
        )
    command.upgrade(config, revision)


def newest_revision() -> str:
    """As the files of the revisions are named: r0003_files.py is revision 0003."""
    return max(path.name[1:].partition("_")[0] for path in (_FOLDER / "versions").glob("r*_*.py"))


def _current(connection: Connection) -> str | None:
    """The revision that the database says it has; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
