"""`huozhong backup` and `huozhong restore`: the house as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huozhong.cli.words import say

if TYPE_CHECKING:
    from huozhong.store.backup import Kept

File = Annotated[Path, typer.Argument(help="备份文件 / the backup")]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="HUOZHONG_DATABASE",
        help="数据库，同 serve / the database, as for serve (默认 / default: house.db in $HUOZHONG_HOME)",
        show_default=False,
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="已经有了也照做 / even where there is one already")]


def register(app: typer.Typer) -> None:
    """Add `backup` and `restore` to `app`."""
    app.command("backup", help="把所有人和对话备份成一个文件 / all people and conversations as one file")(
        backup_command
    )
    app.command("restore", help="从备份恢复 / put a backup back")(restore_command)


def backup_command(file: File, database: Database = None, replace: Replace = False) -> None:
    from huozhong.errors import StoreError
    from huozhong.store.backup import backup
    from huozhong.store.database import Store, default_url

    url = database or default_url()
    place = Store.file_of(url)
    if place is not None and not place.exists():
        raise StoreError(f"没有 {place} 这个数据库。", f"There is no database {place}.")
    with Store.open(url) as store:
        kept = backup(store, file, replace=replace)
    typer.echo(say(f"已备份到 {file}：{_chinese(kept)}。", f"Backed up to {file}: {_english(kept)}."))


def restore_command(file: File, database: Database = None, replace: Replace = False) -> None:
    from huozhong.store.backup import restore
    from huozhong.store.database import default_url

    kept = restore(file, database or default_url(), replace=replace)
    typer.echo(say(f"已恢复：{_chinese(kept)}。", f"Restored: {_english(kept)}."))
    if kept.old is not None:
        typer.echo(say(f"原来的数据库留在 {kept.old}。", f"The database that was there is kept as {kept.old}."))


def _people(kept: Kept) -> int:
    """Those with an account, or whoever uses a house without any; the house itself is one of the rows."""
    return max(kept.people - 1, 1)


def _chinese(kept: Kept) -> str:
    return f"{_people(kept)} 个人，{kept.conversations} 个对话，{kept.messages} 条消息"


def _english(kept: Kept) -> str:
    return f"{_people(kept)} people, {kept.conversations} conversations, {kept.messages} messages"
