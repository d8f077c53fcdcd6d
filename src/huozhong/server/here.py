"""Who may change what is on this machine."""

from __future__ import annotations

import ipaddress

from fastapi import Request

from huozhong.errors import RequestError
from huozhong.server.identity import owner_only, person_of
from huozhong.store.people import HOUSE


def owner_here(request: Request) -> None:
    """A dependency of routes that load, bring or put away models: `RequestError` for who may not.

    An owner who has logged in may, from anywhere.  Where nobody logs in everybody is the house, so there only who
    sits at this machine may: a server that was opened to a network without accounts lets nobody there fill its disk.
    """
    owner_only(request)
    if person_of(request).id == HOUSE and not _is_here(request):
        raise RequestError(
            "只能在这台机器上操作，或者用 huozhong serve --lan 的管理员账号。 / "
            "That can be done on this machine only, or by an owner who has logged in (huozhong serve --lan).",
            code="forbidden",
        )


def may_keep(request: Request) -> bool:
    """Whether who asks may say how long a model stays in memory: among people with accounts, owners alone."""
    person = person_of(request)
    return person.id == HOUSE or person.role == "owner"


def _is_here(request: Request) -> bool:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
