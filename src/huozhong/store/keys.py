"""API keys of people: programs come in with them.  A key is shown once; the house keeps its hash."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.people import Person, person_of_row
from huozhong.store.sessions import hash_of
from huozhong.store.tables.accounts import ApiKeyRow
from huozhong.store.tables.base import new_id, now
from huozhong.store.tables.people import PersonRow

Scope = Literal["chat", "models", "embeddings", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = ("chat", "models", "embeddings", "metrics", "admin")
OWNERS_SCOPES = frozenset({"metrics", "admin"})
KEY_START = "hz-"
_SHOWN = 10  # characters of a key by which its owner knows it again
_MOST = 50
_LONGEST_NAME = 60


@dataclass(frozen=True)
class KeyInfo:
    """prefix: the key's first characters.  used: when it last came in (milliseconds), None for never."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created: int
    used: int | None


def make_key(session: Session, person: Person, name: str, scopes: Sequence[str]) -> tuple[str, KeyInfo]:
    """(key, what is known of it).  `RequestError` for scopes that do not exist or that this person may not give."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if not scopes or unknown:
        said = f"has the unknown scope {unknown[0]!r}" if unknown else "is empty"
        raise RequestError(f"'scopes' {said}; choose among {', '.join(SCOPES)}.", param="scopes")
    if person.role != "owner" and OWNERS_SCOPES & set(scopes):
        raise RequestError("Only an owner's key can have the scopes metrics and admin.", param="scopes")
    if not 1 <= len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise RequestError(f"'name' has 1 to {_LONGEST_NAME} visible characters.", param="name")
    count = session.scalar(select(func.count()).select_from(ApiKeyRow).where(ApiKeyRow.person_id == person.id)) or 0
    if count >= _MOST:
        raise RequestError(f"You have {count} keys; remove one first.", code="too_many_keys")
    key = KEY_START + secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=new_id(),
        key_hash=hash_of(key),
        person_id=person.id,
        name=name.strip(),
        prefix=key[:_SHOWN],
        scopes=list(dict.fromkeys(scopes)),
        created=now(),
    )
    session.add(row)
    session.flush()
    return key, _info(row)


def find_key(session: Session, key: str) -> tuple[Person, KeyInfo] | None:
    """Whose key it is; None for an unknown one, and for people who are disabled."""
    found = session.execute(
        select(ApiKeyRow, PersonRow)
        .join(PersonRow, PersonRow.id == ApiKeyRow.person_id)
        .where(ApiKeyRow.key_hash == hash_of(key), PersonRow.disabled.is_(None))
    ).one_or_none()
    if found is None:
        return None
    row, person = found
    # A key that was made by an owner who is one no longer does no more than the person may.
    scopes = tuple(s for s in row.scopes if person.role == "owner" or s not in OWNERS_SCOPES)
    return person_of_row(person), KeyInfo(row.id, row.name, row.prefix, scopes, row.created, row.used)


def touch_key(session: Session, number: str) -> None:
    """It was used now."""
    row = session.get(ApiKeyRow, number)
    if row is not None:
        row.used = now()


def list_keys(session: Session, person_id: int) -> list[KeyInfo]:
    """A person's keys, the newest first."""
    rows = session.scalars(select(ApiKeyRow).where(ApiKeyRow.person_id == person_id).order_by(ApiKeyRow.created.desc()))
    return [_info(row) for row in rows]


def remove_key(session: Session, person_id: int, number: str) -> bool:
    """Remove one of the person's own keys; False where it is not theirs."""
    condition = (ApiKeyRow.person_id == person_id, ApiKeyRow.id == number)
    found = session.scalar(select(ApiKeyRow.id).where(*condition))
    session.execute(delete(ApiKeyRow).where(*condition))
    return found is not None


def _info(row: ApiKeyRow) -> KeyInfo:
    return KeyInfo(row.id, row.name, row.prefix, tuple(row.scopes), row.created, row.used)
