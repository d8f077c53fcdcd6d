"""What people use, added up by day, person and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from huozhong.store.dialects import insert_or_add
from huozhong.store.people import find_person
from huozhong.store.tables.usage import UsageRow


@dataclass(frozen=True, kw_only=True)
class Used:
    """Tokens, joules, and money in the currency that it is kept by."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    joules: float = 0.0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """Of prompts and answers together: what a budget counts."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Used) -> Used:
        return Used(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Used)})


@dataclass(frozen=True)
class UsageKey:
    """day: YYYY-MM-DD of the server's place."""

    person_id: int
    day: str
    model: str
    currency: str


def add_usage(session: Session, used: Mapping[UsageKey, Used]) -> None:
    """Add to what is there already.  Of people who were removed meanwhile nothing is kept."""
    gone: dict[int, bool] = {}
    for key, amount in used.items():
        if key.person_id not in gone:
            gone[key.person_id] = find_person(session, key.person_id) is None
        if not gone[key.person_id]:
            names = {f.name: getattr(amount, f.name) for f in fields(Used)}
            insert_or_add(session, UsageRow, vars(key), names)


def used_on(session: Session, person_id: int, day: str) -> Used:
    """All models together; money of all currencies as it is, as a house has one."""
    rows = session.scalars(select(UsageRow).where(UsageRow.person_id == person_id, UsageRow.day == day))
    return sum((_used(row) for row in rows), Used())


def token_prices(session: Session) -> dict[str, float]:
    """The most that a token of each model has cost anybody, on a day's average."""
    tokens = UsageRow.prompt_tokens + UsageRow.completion_tokens
    rows = session.execute(
        select(UsageRow.model, func.max(UsageRow.money / tokens)).where(tokens > 0).group_by(UsageRow.model)
    )
    return {model: float(price) for model, price in rows}


def usage_since(session: Session, day: str) -> list[tuple[UsageKey, Used]]:
    """Everybody's, from a day on, the oldest first."""
    rows = session.scalars(
        select(UsageRow).where(UsageRow.day >= day).order_by(UsageRow.day, UsageRow.person_id, UsageRow.model)
    )
    return [(UsageKey(row.person_id, row.day, row.model, row.currency), _used(row)) for row in rows]


def _used(row: UsageRow) -> Used:
    return Used(**{f.name: getattr(row, f.name) for f in fields(Used)})
