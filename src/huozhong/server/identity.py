"""Who asks: the person behind a request, and what this way of coming in allows."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from huozhong.errors import RequestError
from huozhong.store.people import HOUSE, Person

# Where the door (`server.door`) leaves its visitor in a request's scope.
SCOPE_KEY = "huozhong.visitor"


@dataclass(frozen=True)
class Visitor:
    """session: the id of the browser's session.  scopes: of the API key that was sent; None where none was."""

    person: Person
    session: str | None = None
    scopes: frozenset[str] | None = None

    def may(self, scope: str) -> bool:
        """Whether this way of coming in reaches so far; what the person may is another question."""
        return self.scopes is None or scope in self.scopes or "admin" in self.scopes


THE_HOUSE = Visitor(Person(HOUSE, "", "owner"))


def visitor_of(request: Request) -> Visitor:
    """Who asks, and how they came in; where nobody logs in, the house."""
    visitor: Visitor = request.scope.get(SCOPE_KEY, THE_HOUSE)
    return visitor


def person_of(request: Request) -> Person:
    """The person behind a request: where nobody logs in, the house."""
    return visitor_of(request).person


def user_of(request: Request) -> str | None:
    """Whose turn a request is of, for the engine: a person's, or where nobody logs in, a machine's."""
    person = person_of(request)
    if person.id != HOUSE:
        return f"person {person.id}"
    return request.client.host if request.client else None


def owner_only(request: Request) -> None:
    """`RequestError` for everybody but an owner; a dependency of routes."""
    if person_of(request).role != "owner":
        raise RequestError("这是管理员的事。 / Only an owner of this house may do that.", code="forbidden")


def teachers_only(request: Request) -> None:
    """`RequestError` for everybody but a teacher and an owner; a dependency of routes."""
    if person_of(request).role not in ("owner", "teacher"):
        raise RequestError("这是老师和管理员的事。 / Only a teacher or an owner may see that.", code="forbidden")


def accounts_only(request: Request) -> None:
    """`RequestError` where nobody logs in; a dependency of routes that are about accounts."""
    if person_of(request).id == HOUSE:
        raise RequestError(
            "这里没有账号；请用 huozhong serve --lan 启动。 / "
            "This house knows no accounts; start it with huozhong serve --lan.",
            code="not_found",
        )
