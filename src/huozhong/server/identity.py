"""Who asks."""

from __future__ import annotations

from fastapi import Request

from huozhong.errors import RequestError
from huozhong.store.people import HOUSE, Person


def person_of(request: Request) -> Person:
    """The person behind a request: where nobody logs in, the house."""
    return Person(HOUSE, "", "owner")


def owner_only(request: Request) -> None:
    """`RequestError` for everybody but an owner; a dependency of routes."""
    if person_of(request).role != "owner":
        raise RequestError("这是管理员的事。 / Only an owner of this house may do that.", code="forbidden")
