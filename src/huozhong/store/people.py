"""People, as the rest of the house sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from huozhong.store.tables.people import PersonRow

Role = Literal["owner", "member", "child"]

# Who asks where nobody logs in: the house itself.  The first migration puts it there.
HOUSE = 1


@dataclass(frozen=True)
class Person:
    """name: "" for the house.  language: a BCP 47 tag, or None for the browser's own."""

    id: int
    name: str
    role: Role
    language: str | None = None


def person_of_row(row: PersonRow) -> Person:
    """A row as a `Person`."""
    assert row.role in ("owner", "member", "child")
    return Person(row.id, row.name, row.role, row.language)  # type: ignore[arg-type]


def find_person(session: Session, number: int) -> Person | None:
    """The person with this number."""
    row = session.get(PersonRow, number)
    return None if row is None else person_of_row(row)
