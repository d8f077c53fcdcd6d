"""What apps count for whoever teaches: which steps go wrong how often, and never a person's own words.

Nothing is counted of anybody who has not said yes to it, for this app; who takes that back has nothing there any more.
A person sees their own; a class is seen as sums, with the number of people but without names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.dialects import insert_or_add
from huozhong.store.tables.base import now
from huozhong.store.tables.tallies import TallyConsentRow, TallyRow

_WORD = re.compile(r"[\w+\-×÷ /]{1,24}")
MOST_A_DAY = 100  # different things that an app may count of a person in a day


@dataclass(frozen=True)
class Tally:
    """what: the step; how: how it went; times: how often; people: of how many."""

    what: str
    how: str
    times: int
    people: int


def lets_count(session: Session, person: int, app: str) -> bool:
    """Whether a person has said yes."""
    return session.get(TallyConsentRow, (person, app)) is not None


def let_count(session: Session, person: int, app: str) -> None:
    """A person says yes."""
    if not lets_count(session, person, app):
        session.add(TallyConsentRow(person_id=person, app=app, since=now()))


def forget_tallies(session: Session, person: int, app: str) -> None:
    """A person takes it back: what was counted goes, too."""
    for table in (TallyRow, TallyConsentRow):
        session.execute(delete(table).where(table.person_id == person, table.app == app))


def add_tally(session: Session, person: int, app: str, day: str, what: str, how: str) -> bool:
    """Count one more; whether that was done, which it is only with consent.

    day: YYYY-MM-DD.  `RequestError` for words that are none of an app's: long ones, or with signs in them.
    """
    for word in (what, how):
        if not _WORD.fullmatch(word):
            raise RequestError("What an app counts has 1 to 24 letters, digits and spaces.", param="what")
    if not lets_count(session, person, app):
        return False
    mine = (TallyRow.person_id == person, TallyRow.app == app, TallyRow.day == day)
    is_new = session.get(TallyRow, (person, app, day, what, how)) is None
    if is_new and (session.scalar(select(func.count()).select_from(TallyRow).where(*mine)) or 0) >= MOST_A_DAY:
        return False
    key = {"person_id": person, "app": app, "day": day, "what": what, "how": how}
    insert_or_add(session, TallyRow, key, {"times": 1})
    return True


def own_tallies(session: Session, person: int, app: str, day: str) -> list[Tally]:
    """A person's own since a day, what is most often first."""
    return _added_up(session, app, day, TallyRow.person_id == person)


def class_tallies(session: Session, app: str, day: str) -> list[Tally]:
    """Everybody's together since a day, what is most often first."""
    return _added_up(session, app, day)


def people_counted(session: Session, app: str) -> int:
    """How many people have said yes."""
    condition = TallyConsentRow.app == app
    return session.scalar(select(func.count()).select_from(TallyConsentRow).where(condition)) or 0


def forget_class(session: Session, app: str) -> None:
    """Everything that was counted goes, such as at the end of a term; who said yes need not say it again."""
    session.execute(delete(TallyRow).where(TallyRow.app == app))


def _added_up(session: Session, app: str, day: str, *conditions: object) -> list[Tally]:
    times, people = func.sum(TallyRow.times), func.count(TallyRow.person_id.distinct())
    rows = session.execute(
        select(TallyRow.what, TallyRow.how, times, people)
        .where(TallyRow.app == app, TallyRow.day >= day, *conditions)  # type: ignore[arg-type]
        .group_by(TallyRow.what, TallyRow.how)
        .order_by(times.desc(), TallyRow.what, TallyRow.how)
    )
    return [Tally(what, how, int(number), int(of)) for what, how, number, of in rows]
