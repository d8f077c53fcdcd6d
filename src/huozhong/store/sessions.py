"""Sessions: a browser that somebody has logged in with.

The browser keeps a random token and the house its hash, so that a copy of the database lets nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from huozhong.store.people import Person, person_of_row
from huozhong.store.tables.accounts import SessionRow
from huozhong.store.tables.base import new_id, now
from huozhong.store.tables.people import PersonRow

IDLE_MS = 30 * 86_400_000  # a session that was not used for so long is over
LONGEST_MS = 180 * 86_400_000
SEEN_MS = 60_000  # how exactly `seen` is kept
_MOST = 50  # sessions of one person; the oldest ones end
_LONGEST_AGENT = 200


@dataclass(frozen=True)
class SessionInfo:
    """created, seen: milliseconds since 1970 UTC.  agent: what the browser calls itself."""

    id: str
    created: int
    seen: int
    agent: str
    address: str


def hash_of(secret: str) -> str:
    """What is kept of a token or key: they are too random to be guessed from it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def open_session(session: Session, person_id: int, *, agent: str, address: str) -> tuple[str, str]:
    """(token, id) of a new session; the token is told nowhere else."""
    token, number = secrets.token_urlsafe(32), new_id()
    row = SessionRow(
        id=number,
        token_hash=hash_of(token),
        person_id=person_id,
        created=now(),
        seen=now(),
        agent=agent[:_LONGEST_AGENT],
        address=address,
    )
    session.add(row)
    session.flush()
    others = select(SessionRow.id).where(SessionRow.person_id == person_id, SessionRow.id != number)
    # The new one stays, also where the others are of a time to come: a clock may have been set back.
    kept = [number, *session.scalars(others.order_by(SessionRow.seen.desc()).limit(_MOST - 1))]
    session.execute(delete(SessionRow).where(SessionRow.person_id == person_id, SessionRow.id.not_in(kept)))
    return token, number


def find_session(session: Session, token: str) -> tuple[Person, SessionInfo] | None:
    """Whose session a token is; None for an unknown or ended one, and for people who are disabled."""
    found = session.execute(
        select(SessionRow, PersonRow)
        .join(PersonRow, PersonRow.id == SessionRow.person_id)
        .where(SessionRow.token_hash == hash_of(token))
    ).one_or_none()
    if found is None:
        return None
    row, person = found
    moment = now()
    # A clock that was set back makes no session eternal: then it counts as just seen, and ends by its use.
    if person.disabled is not None or moment - row.seen > IDLE_MS or moment - row.created > LONGEST_MS:
        return None
    return person_of_row(person), _info(row)


def touch_session(session: Session, number: str) -> None:
    """It was used now."""
    row = session.get(SessionRow, number)
    if row is not None:
        row.seen = now()


def list_sessions(session: Session, person_id: int) -> list[SessionInfo]:
    """A person's sessions, the last used first."""
    rows = session.scalars(select(SessionRow).where(SessionRow.person_id == person_id).order_by(SessionRow.seen.desc()))
    return [_info(row) for row in rows]


def end_session(session: Session, person_id: int, number: str) -> bool:
    """End one of the person's own sessions; False where it is not theirs."""
    condition = (SessionRow.person_id == person_id, SessionRow.id == number)
    found = session.scalar(select(SessionRow.id).where(*condition))
    session.execute(delete(SessionRow).where(*condition))
    return found is not None


def end_sessions(session: Session, person_id: int, *, but: str | None = None) -> None:
    """End all of a person's sessions, or all but one."""
    condition = [SessionRow.person_id == person_id]
    if but is not None:
        condition.append(SessionRow.id != but)
    session.execute(delete(SessionRow).where(*condition))


def forget_old_sessions(session: Session) -> None:
    """Remove those that are over."""
    session.execute(delete(SessionRow).where(SessionRow.seen < now() - IDLE_MS))


def _info(row: SessionRow) -> SessionInfo:
    return SessionInfo(row.id, row.created, row.seen, row.agent, row.address)
