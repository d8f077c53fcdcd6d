"""Rooms: trusted apps with a page of their own, beside the form that every app has.

Such an app's folder holds page/ (index.html and what it loads; link.html too, if who comes by a link sees another) and
rooms.py with `DOORS`, what the page asks; and, where somebody without an account may come in by a link, `open_link`.
The host serves all of it, and knows no app by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huozhong.errors import SkillError
from huozhong.skills.run import Ask
from huozhong.skills.trusted import HOUSE_APPS, trusted

Who = Literal["person", "owner", "link"]
OpenLink = Callable[[Path, str], bool]


class Missing(SkillError):
    """What was asked for is not there (or not this guest's): HTTP 404."""


@dataclass(frozen=True)
class Guest:
    """Who is at the door.  id: the person's number in the house, 0 for who came by a link."""

    id: int
    name: str
    role: Literal["owner", "teacher", "member", "child", "link"]
    language: Literal["zh", "en"]


@dataclass(frozen=True)
class Visit:
    """One request.

    folder: where this app keeps its things on this machine; it is there.  state: what the running server remembers
    for this app, one dict as long as it lives.  names: {id} and the like of the door's path.  body: a JSON object,
    bytes or None, as the door takes.  kind: the body's content type, "" for none.  ask: the house's model, for doors
    that ask.  address: the house as this guest reached it ("http://192.168.1.5:8000"), for links and QR codes.
    """

    guest: Guest
    folder: Path
    state: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    kind: str = ""
    ask: Ask | None = None
    address: str = ""


@dataclass(frozen=True)
class Blob:
    """An answer that is not JSON.  name: sent as a download of that name."""

    data: bytes
    kind: str
    name: str | None = None


@dataclass(frozen=True)
class Door:
    """What a room's page may ask, at /house/room/NAME/PATH, and by a link at /link/NAME/SECRET/PATH.

    call: a function, run in a thread -> dict (JSON), `Blob` or None (204); or a coroutine function of the same; or an
    async generator of dicts, which are server-sent events; it is closed when its reader leaves.  Errors that people
    can mend are `SkillError` (400) and `Missing` (404).
    who: "link" lets in people and who comes by a link; "owner" an owner alone.  asks: wants the house's model.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    call: Callable[[Visit], Any]
    takes: Literal["nothing", "json", "bytes"] = "nothing"
    who: Who = "person"
    asks: bool = False
    max_bytes: int = 1 << 20


@dataclass(frozen=True)
class Room:
    """A trusted app's page.  folder: the app's, with page/ in it.  open_link: whether a link's secret is good."""

    name: str
    folder: Path
    doors: tuple[Door, ...]
    open_link: OpenLink | None

    @property
    def page(self) -> Path:
        return self.folder / "page"

    @property
    def link_page(self) -> str:
        """What somebody sees first who comes by a link."""
        return "link.html" if (self.page / "link.html").is_file() else "index.html"

    @property
    def largest(self) -> int:
        """Bytes of the largest body that one of its doors takes."""
        return max((door.max_bytes for door in self.doors if door.takes != "nothing"), default=0)


def rooms(house: Path = HOUSE_APPS) -> dict[str, Room]:
    """The rooms of this machine's trusted apps, by the app's name."""
    found = {}
    for module in trusted(house, "rooms"):
        folder = Path(module.__file__).parent
        open_link = getattr(module, "open_link", None)
        found[folder.name] = Room(folder.name, folder, tuple(module.DOORS), open_link)
    return found
