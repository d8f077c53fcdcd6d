"""`huozhong people`: who has an account, for an owner who sits at the machine (and has forgotten the password)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from huozhong.cli.lan import ask_password, in_own_language
from huozhong.cli.words import say
from huozhong.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from huozhong.store.people import Person

Name = Annotated[str, typer.Argument(help="名字 / the name")]
RoleOption = Annotated[str, typer.Option("--role", help="owner 管理员, teacher 老师, member 成员, child 孩子")]
Database = Annotated[
    str | None,
    typer.Option(envvar="HUOZHONG_DATABASE", help="哪个数据库 / which database", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="不再询问 / without asking")]

Result = TypeVar("Result")


def register(app: typer.Typer) -> None:
    """Add `people` to `app`."""
    people = typer.Typer(
        name="people", help="这台机器上的账号 / who has an account on this machine", no_args_is_help=True
    )
    people.command("list", help="都有谁 / who there is")(list_command)
    people.command("add", help="添加一个人 / add somebody")(add_command)
    people.command("password", help="设新密码 / give somebody a new password")(password_command)
    people.command("remove", help="删除一个人和他的所有对话 / remove somebody with all their conversations")(
        remove_command
    )
    app.add_typer(people)


def list_command(database: Database = None) -> None:
    from rich.console import Console
    from rich.table import Table

    from huozhong.store.people import list_people

    with _session(database) as session:
        people = list_people(session)
    if not people:
        typer.echo(say("还没有人；serve --lan 会建第一个账号。", "Nobody yet; serve --lan makes the first account."))
        return
    table = Table(box=None, header_style="bold")
    for heading in (say("名字", "name"), say("角色", "role"), say("休息时间", "quiet"), say("每天", "a day"), ""):
        table.add_column(heading)
    for person in people:
        table.add_row(person.name, _role(person.role), _quiet(person), _budget(person), _state(person))
    Console().print(table)


def add_command(name: Name, role: RoleOption = "member", database: Database = None) -> None:
    from huozhong.store.people import ROLES, add_person

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise ConfigError(f"--role is {role!r}; choose among {', '.join(ROLES)}.")
    password = _password()
    person = _act(database, lambda session: add_person(session, name, known, password))
    typer.echo(say(f"添加了 {person.name}（{_role(person.role)}）。", f"Added {person.name} ({person.role})."))


def password_command(name: Name, database: Database = None) -> None:
    from huozhong.store.people import set_password
    from huozhong.store.sessions import end_sessions

    number = _act(database, lambda session: _find(session, name))
    password = _password()

    def act(session: Session) -> None:
        set_password(session, number, password)
        end_sessions(session, number)

    _act(database, act)
    typer.echo(say("新密码设好了，所有设备都要重新登录。", "The new password holds; every device has to log in again."))


def remove_command(name: Name, yes: Yes = False, database: Database = None) -> None:
    from huozhong.files import data_folder
    from huozhong.server.applying import app_permits
    from huozhong.server.keeping import Collections
    from huozhong.server.remembered import forget
    from huozhong.store.people import remove_person

    number = _act(database, lambda session: _find(session, name))
    question = say(f"删除 {name} 和他的所有对话？", f"Remove {name} with all their conversations?")
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
    _act(database, lambda session: remove_person(session, number))
    Collections(data_folder() / "vectors").delete_all(number)
    forget(number)
    app_permits().forget(number)
    typer.echo(say("已删除。", "Removed."))


def _role(role: str) -> str:
    return say({"owner": "管理员", "teacher": "老师", "member": "成员", "child": "孩子"}[role], role)


def _password() -> str:
    """Asked for on a terminal; the first line of anything else, for scripts."""
    return ask_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _find(session: Session, name: str) -> int:
    from huozhong.store.people import find_row

    row = find_row(session, name)
    if row is None:
        raise ConfigError(
            say(
                f"没有人叫“{name}”；huozhong people list 列出所有人。",
                f"Nobody is called {name!r}; see huozhong people list.",
            )
        )
    return row.id


def _act(database: str | None, act: Callable[[Session], Result]) -> Result:
    try:
        with _session(database) as session:
            return act(session)
    except RequestError as error:
        raise ConfigError(in_own_language(error)) from None


@contextmanager
def _session(database: str | None) -> Iterator[Session]:
    from huozhong.store.database import Store, default_url

    with Store.open(database or default_url()) as store, store.begin() as session:
        yield session


def _quiet(person: Person) -> str:
    if person.quiet_from is None or person.quiet_to is None:
        return ""
    return " – ".join(f"{minute // 60}:{minute % 60:02}" for minute in (person.quiet_from, person.quiet_to))


def _budget(person: Person) -> str:
    tokens = (
        None if person.daily_tokens is None else say(f"{person.daily_tokens:,} 词元", f"{person.daily_tokens:,} tokens")
    )
    money = None if person.daily_money is None else f"{person.daily_money:g}"
    return ", ".join(part for part in (tokens, money) if part)


def _state(person: Person) -> str:
    return say("停用", "disabled") if person.disabled else ""
