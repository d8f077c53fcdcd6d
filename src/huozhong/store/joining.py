"""Codes with which people join: a short one for the room that holds for a day, and the first owner's, once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.people import ROLES, Person, Role, add_person
from huozhong.store.tables.accounts import JoinCodeRow
from huozhong.store.tables.base import now

HOUR_MS = 3_600_000
# No characters that look alike on a blackboard.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 8  # 39 bits, and `server.attempts` lets an address try a few hundred in a day


@dataclass(frozen=True)
class JoinCode:
    """expires: milliseconds since 1970 UTC.  uses_left: None for any number of people."""

    code: str
    role: Role
    expires: int
    uses_left: int | None

    @property
    def spelled(self) -> str:
        """In two halves, as people read it aloud."""
        return f"{self.code[:4]}-{self.code[4:]}"


def new_code(session: Session, role: Role, *, hours: float = 24, uses: int | None = None) -> JoinCode:
    """A new code for this role; the role's former one holds no longer."""
    session.execute(delete(JoinCodeRow).where((JoinCodeRow.role == role) | (JoinCodeRow.expires < now())))
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    row = JoinCodeRow(code=code, role=role, uses_left=uses, created=now(), expires=now() + int(hours * HOUR_MS))
    session.add(row)
    session.flush()
    return _code(row)


def current_codes(session: Session) -> list[JoinCode]:
    """Those that hold, but never the first owner's."""
    rows = session.scalars(
        select(JoinCodeRow).where(JoinCodeRow.expires > now(), JoinCodeRow.role != "owner").order_by(JoinCodeRow.role)
    )
    return [_code(row) for row in rows]


def drop_codes(session: Session) -> None:
    """Nobody joins any more."""
    session.execute(delete(JoinCodeRow).where(JoinCodeRow.role != "owner"))


def join(session: Session, code: str, name: str, password: str) -> Person:
    """A new person with the code's role.  `RequestError` for a wrong or old code, and as `people.add_person`."""
    spelled = "".join(c for c in code.upper() if c.isalnum())
    row = session.scalar(select(JoinCodeRow).where(JoinCodeRow.code == spelled, JoinCodeRow.expires > now()))
    if row is None or row.uses_left == 0:
        raise RequestError(
            "这个加入码不对，或者已经过期；请向管理员要一个新的。 / "
            "This join code is wrong or has expired; ask the owner for a new one.",
            param="code",
            code="wrong_code",
        )
    assert row.role in ROLES
    person = add_person(session, name, row.role, password)
    if row.uses_left is not None:
        row.uses_left -= 1
        if row.uses_left == 0:
            session.delete(row)
    return person


def _code(row: JoinCodeRow) -> JoinCode:
    return JoinCode(row.code, row.role, row.expires, row.uses_left)  # type: ignore[arg-type]
