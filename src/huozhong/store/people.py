"""People, as the rest of the house sees them: who there is, and how an owner adds, changes and removes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.passwords import checked_password, hash_password
from huozhong.store.tables.base import now
from huozhong.store.tables.people import GivenRow, PersonRow

# A teacher is a member who also sees, without names, which steps go wrong for those who let it be counted.
Role = Literal["owner", "teacher", "member", "child"]
ROLES: tuple[Role, ...] = ("owner", "teacher", "member", "child")

# Who asks where nobody logs in: the house itself.  The first migration puts it there.
HOUSE = 1

LONGEST_NAME = 40
_DAY_MINUTES = 24 * 60
_CHANGEABLE = frozenset({"role", "language", "quiet_from", "quiet_to", "daily_tokens", "daily_money", "disabled"})


@dataclass(frozen=True)
class Person:
    """name: "" for the house.  language: a BCP 47 tag, or None for the browser's own.

    quiet_from, quiet_to: minutes of the local day between which a child is not answered; daily_tokens, daily_money:
    what may be used in a day, None for no limit.  disabled: may not come in.
    """

    id: int
    name: str
    role: Role
    language: str | None = None
    quiet_from: int | None = None
    quiet_to: int | None = None
    daily_tokens: int | None = None
    daily_money: float | None = None
    disabled: bool = False

    @property
    def has_budget(self) -> bool:
        return self.daily_tokens is not None or self.daily_money is not None

    def is_quiet(self, minute: int) -> bool:
        """Whether a minute of the local day lies in the person's quiet hours, which may go over midnight."""
        start, end = self.quiet_from, self.quiet_to
        if start is None or end is None or start == end:
            return False
        return start <= minute < end if start < end else minute >= start or minute < end


def person_of_row(row: PersonRow) -> Person:
    """A row as a `Person`."""
    assert row.role in ROLES
    return Person(
        row.id,
        row.name,
        row.role,
        row.language,
        row.quiet_from,
        row.quiet_to,
        row.daily_tokens,
        row.daily_money,
        row.disabled is not None,
    )


def find_person(session: Session, number: int) -> Person | None:
    """The person with this number."""
    row = session.get(PersonRow, number)
    return None if row is None else person_of_row(row)


def folded(name: str) -> str:
    """A name as it is compared: neither cases nor full-width letters make another one."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def find_row(session: Session, name: str) -> PersonRow | None:
    """The person of a name, as it is stored; never the house."""
    if "\0" in name:  # PostgreSQL knows no such text
        return None
    found = session.scalar(select(PersonRow).where(PersonRow.folded == folded(name)))
    return None if found is None or found.id == HOUSE else found


def list_people(session: Session) -> list[Person]:
    """Everybody who can log in, the oldest first."""
    rows = session.scalars(select(PersonRow).where(PersonRow.id != HOUSE).order_by(PersonRow.id))
    return [person_of_row(row) for row in rows]


def has_owner(session: Session) -> bool:
    """Whether somebody can log in as an owner."""
    return _owners(session) > 0


def add_person(session: Session, name: str, role: Role, password: str) -> Person:
    """A new person.  `RequestError` for a name that is taken or cannot be one, and for a bad password."""
    name = checked_name(name)
    if find_row(session, name) is not None:
        raise RequestError(
            f"已经有人叫“{name}”了，请换一个名字。 / The name {name!r} is taken; choose another.",
            param="name",
            code="name_taken",
        )
    hashed = hash_password(checked_password(password, name))
    number = _next_number(session)
    row = PersonRow(id=number, name=name, folded=folded(name), role=role, password_hash=hashed, created=now())
    session.add(row)
    session.flush()
    return person_of_row(row)


def checked_name(name: str) -> str:
    """A name without spaces around it; `RequestError` for an empty or long one, or one with invisible characters."""
    name = unicodedata.normalize("NFC", name).strip()
    bad = any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in name)
    if not 1 <= len(name) <= LONGEST_NAME or bad or not folded(name):
        raise RequestError(
            f"名字要 1 到 {LONGEST_NAME} 个看得见的字符。 / A name has 1 to {LONGEST_NAME} visible characters.",
            param="name",
            code="bad_name",
        )
    return name


def set_password(session: Session, number: int, password: str) -> None:
    """Give a person another password; whoever calls ends the sessions.  `RequestError` as `add_person`."""
    row = _row(session, number)
    row.password_hash = hash_password(checked_password(password, row.name))


def change_person(session: Session, number: int, changes: Mapping[str, Any]) -> Person:
    """Change fields of a `Person`; `RequestError` for impossible ones, and where no owner would be left."""
    row = _row(session, number)
    was_owner = row.role == "owner"
    for name, value in changes.items():
        assert name in _CHANGEABLE
        if name == "disabled":
            row.disabled = (row.disabled or now()) if value else None
        else:
            _check(name, value)
            setattr(row, name, value)
    session.flush()
    if was_owner:
        _keep_an_owner(session)
    return person_of_row(row)


def remove_person(session: Session, number: int) -> None:
    """Remove a person with all that is theirs.  `RequestError` for the last owner."""
    row = _row(session, number)
    session.delete(row)
    session.flush()
    if row.role == "owner":
        _keep_an_owner(session)


def skip_numbers(session: Session, count: int) -> None:
    """Nobody is given the next `count` numbers: another house has given them, or may have."""
    session.execute(update(GivenRow).where(GivenRow.what == "person").values(highest=_highest() + count))


def take_over(session: Session, number: int) -> None:
    """What was written while nobody had to log in becomes this person's: the first owner's."""
    for table in PersonRow.metadata.sorted_tables:
        if "person_id" in table.columns and table.name not in ("session", "api_key", "usage"):
            column = table.columns["person_id"]
            session.execute(update(table).where(column == HOUSE).values(person_id=number))


def _check(name: str, value: Any) -> None:
    if name == "role":
        good = value in ROLES
    elif name in ("quiet_from", "quiet_to"):
        good = value is None or 0 <= value < _DAY_MINUTES
    elif name in ("daily_tokens", "daily_money"):
        good = value is None or 0 <= value < 2**53
    else:
        good = value is None or value in ("zh-CN", "zh-TW", "zh", "en")
    if not good:
        raise RequestError(f"'{name}' cannot be {value!r}.", param=name)


def _row(session: Session, number: int) -> PersonRow:
    row = session.get(PersonRow, number) if HOUSE < number < 2**31 else None
    if row is None:
        raise RequestError("There is no such person.", code="not_found")
    return row


def _highest() -> Any:
    """The highest number that anybody has or had; of the row of `GivenRow` that is updated."""
    there = select(func.max(PersonRow.id)).scalar_subquery()
    return case((there > GivenRow.highest, there), else_=GivenRow.highest)


def _next_number(session: Session) -> int:
    """One that nobody had before: what still runs for somebody who left, or lies in files, is nobody else's then.

    Neither database sees to that by itself: SQLite gives the highest again, and PostgreSQL's counting goes back with
    a backup.
    """
    skip_numbers(session, 1)
    return session.execute(select(GivenRow.highest).where(GivenRow.what == "person")).scalar_one()


def _owners(session: Session) -> int:
    condition = (PersonRow.role == "owner", PersonRow.id != HOUSE, PersonRow.disabled.is_(None))
    return session.scalar(select(func.count()).select_from(PersonRow).where(*condition)) or 0


def _keep_an_owner(session: Session) -> None:
    if not has_owner(session):
        raise RequestError("至少要留一位管理员。 / At least one owner has to stay.", param="role", code="last_owner")
