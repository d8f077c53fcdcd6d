"""The elders' phone's doors: the family sets it up; grandma's phone comes in by a link and can only call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huozhong.apps.callhome.book import Book
from huozhong.apps.callhome.places import regions
from huozhong.apps.callhome.resolve import Answer, who
from huozhong.apps.callhome.words import sentence
from huozhong.errors import SkillError
from huozhong.senses.hear import Tags, hear
from huozhong.senses.sound import read_sound
from huozhong.skills.rooms import Blob, Door, Visit

_SOUND, _PHOTO = 8 << 20, 3 << 20


def open_link(folder: Path, secret: str) -> bool:
    """Whether a link lets grandma's phone in."""
    return Book(folder).opens(secret)


def phone(visit: Visit) -> dict[str, Any]:
    told = Book(visit.folder).all() | {"may_change": visit.guest.role not in ("child", "link")}
    return told | {"places": list(regions())} if told["may_change"] else told


def set_dialect(visit: Visit) -> dict[str, Any]:
    book = _changing(visit)
    body = visit.body
    if not isinstance(body, dict) or set(body) != {"dialect"} or not isinstance(body["dialect"], str):
        raise SkillError("只要 dialect，一个地名。", "'dialect' alone, the name of a place.")
    book.set_dialect(body["dialect"])
    return book.all()


def add(visit: Visit) -> dict[str, Any]:
    return {"id": _changing(visit).put(visit.body)}


def change(visit: Visit) -> dict[str, Any]:
    return {"id": _changing(visit).put(visit.body, visit.names["id"])}


def remove(visit: Visit) -> None:
    _changing(visit).remove(visit.names["id"])


def forget(visit: Visit) -> None:
    _changing(visit).forget()


def photo(visit: Visit) -> Blob:
    return Blob(*Book(visit.folder).stored("photos", visit.names["id"]))


def set_photo(visit: Visit) -> None:
    _changing(visit).store("photos", visit.names["id"], visit.body)


def voice(visit: Visit) -> Blob:
    return Blob(*Book(visit.folder).stored("voices", visit.names["id"]))


def set_voice(visit: Visit) -> None:
    _changing(visit).store("voices", visit.names["id"], visit.body)


def add_tag(visit: Visit) -> dict[str, Any]:
    return {"tags": _changing(visit).add_tag(visit.names["id"], visit.body)}


def drop_tags(visit: Visit) -> None:
    _changing(visit).drop("tags", visit.names["id"])


def drop_voice(visit: Visit) -> None:
    _changing(visit).drop("voices", visit.names["id"])


def link(visit: Visit) -> dict[str, Any]:
    return {"address": f"{visit.address}/link/callhome/{_changing(visit).new_secret()}/"}


def end_link(visit: Visit) -> None:
    _changing(visit).end_link()


def say(visit: Visit) -> dict[str, Any]:
    """What was typed, or dictated by the phone's own keyboard -> whom to call."""
    body = visit.body
    if not isinstance(body, dict) or set(body) != {"said"} or not isinstance(body["said"], str):
        raise SkillError("只要 said，一句话。", "'said' alone, a sentence.")
    book = Book(visit.folder)
    return _told(who(body["said"], book.contacts(), book.dialect), visit)


def heard(visit: Visit) -> dict[str, Any]:
    """A recording -> whom to call, by the names that were recorded.  It is not kept."""
    book = Book(visit.folder)
    people = {one.id: one for one in book.contacts()}
    found = hear(read_sound(visit.body, 20), _tags(visit, book))
    near = tuple(people[id] for id in found.nearest if id in people)
    if found.word is None:
        return _told(Answer("unsure", candidates=near, margin=found.margin), visit)
    return _told(Answer("call", people[found.word], near, margin=found.margin), visit)


def _tags(visit: Visit, book: Book) -> Tags:
    """The recorded names, read again when they have changed."""
    stamp = (str(visit.folder), book.stamp())
    kept = visit.state.get("tags")
    if kept is None or kept[0] != stamp:
        kept = visit.state["tags"] = (stamp, book.tags())
    found: Tags = kept[1]
    return found


def _told(answer: Answer, visit: Visit) -> dict[str, Any]:
    return answer.as_json() | {"sentence": sentence(answer, visit.guest.language)}


def _changing(visit: Visit) -> Book:
    if visit.guest.role in ("child", "link"):
        raise SkillError("请让家里的大人来改。", "Ask a grown-up of the house to change this.")
    return Book(visit.folder)


DOORS = (
    Door("GET", "phone", phone, who="link"),
    Door("PUT", "dialect", set_dialect, takes="json"),
    Door("POST", "contacts", add, takes="json"),
    Door("PUT", "contacts/{id}", change, takes="json"),
    Door("DELETE", "contacts/{id}", remove),
    Door("GET", "contacts/{id}/photo", photo, who="link"),
    Door("PUT", "contacts/{id}/photo", set_photo, takes="bytes", max_bytes=_PHOTO),
    Door("GET", "contacts/{id}/voice", voice, who="link"),
    Door("PUT", "contacts/{id}/voice", set_voice, takes="bytes", max_bytes=_SOUND),
    Door("DELETE", "contacts/{id}/voice", drop_voice),
    Door("POST", "contacts/{id}/tags", add_tag, takes="bytes", max_bytes=_SOUND),
    Door("DELETE", "contacts/{id}/tags", drop_tags),
    Door("DELETE", "recordings", forget),
    Door("POST", "link", link),
    Door("DELETE", "link", end_link),
    Door("POST", "say", say, takes="json", who="link"),
    Door("POST", "hear", heard, takes="bytes", who="link", max_bytes=_SOUND),
)
