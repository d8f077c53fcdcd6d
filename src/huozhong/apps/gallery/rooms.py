"""What the gallery's page asks.  An owner registers, lists, deletes, hands out and reads the log; members have a face
looked at; children and links get nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

from huozhong.apps.gallery.desk import Desk, Rules, in_words
from huozhong.apps.gallery.shown import (
    duties_json,
    export_json,
    log_json,
    look_json,
    people_json,
    person_json,
    threshold_json,
)
from huozhong.errors import SkillError
from huozhong.memory.gallery import FRAMES, LONGEST_YEARS, Consent
from huozhong.skills.rooms import Blob, Door, Guest, Missing, Visit

_PICTURE = 12 << 20  # bytes
_opening = threading.Lock()


def _desk(visit: Visit) -> Desk:
    """The server's desk.  SkillError where it cannot be opened; nothing is here for children."""
    if visit.guest.role in ("child", "link"):
        raise Missing("孩子的账号用不了这个应用。", "This app is not for children's accounts.")
    with _opening, in_words():
        desk = visit.state.get("desk")
        if desk is None:
            desk = visit.state["desk"] = Desk(visit.folder)
    made: Desk = desk
    return made


def _who(guest: Guest) -> str:
    return f"{guest.name or guest.role} ({guest.id})"


def state(visit: Visit) -> dict[str, Any]:
    """What everybody at the page needs: the rules, who may do what, and why pictures cannot be looked at."""
    desk = _desk(visit)
    problem = desk.problem()
    told: dict[str, Any] = {
        "role": visit.guest.role,
        "rules": None if desk.rules is None else vars(desk.rules),
        "problem": problem and {"zh": problem.chinese, "en": str(problem)},
        "frames": list(FRAMES),
        "years": LONGEST_YEARS,
    }
    if desk.rules is not None:
        with in_words():
            told["threshold"] = threshold_json(desk.gallery.threshold())
            told["people"] = len(desk.gallery.people())
            told["duties"] = duties_json(told["people"])
    return told


def lay_down(visit: Visit) -> dict[str, Any]:
    desk, body = _desk(visit), _fields(visit.body, "place", "purpose", "other_way", "keeper")
    with in_words():
        desk.lay_down(Rules(*(_text(body, key) for key in ("place", "purpose", "other_way", "keeper"))))
    return state(visit)


def frame(visit: Visit) -> dict[str, Any]:
    """A picture, taken apart: its name for `look` or `register`.  ?alone=1: nobody else may be on it."""
    desk = _desk(visit)
    desk.gallery  # noqa: B018  nothing is taken apart before the rules are laid down
    with in_words():
        name, taken = desk.take(visit.guest.id, visit.body, alone=visit.query.get("alone") == "1")
    return {"frame": name, "faces": taken.faces}


def look(visit: Visit) -> dict[str, Any]:
    desk, body = _desk(visit), _fields(visit.body, "frames")
    with in_words():
        frames = desk.taken(visit.guest.id, _names(body))
        return look_json(desk.look(frames, _who(visit.guest)), max(one.faces for one in frames))


def people(visit: Visit) -> dict[str, Any]:
    with in_words():
        return people_json(_desk(visit))


def register(visit: Visit) -> dict[str, Any]:
    desk = _desk(visit)
    body = _fields(visit.body, "name", "frames", "signed_by", "signed_as", "until", "born", "agreed")
    if body.get("agreed") is not True:
        raise SkillError("没有同意，就不登记。", "Without consent nobody is registered.")
    born = body.get("born")
    if born is not None and (isinstance(born, bool) or not isinstance(born, int) or not 1900 <= born <= 2200):
        raise SkillError("出生年份是四位数。", "The year of birth has four digits.")
    try:
        until = date.fromisoformat(_text(body, "until"))
    except ValueError:
        raise SkillError("请选到哪一天为止。", "Choose until which day.") from None
    consent = Consent(_text(body, "signed_by"), _text(body, "signed_as"), "", until, born)
    with in_words():
        frames = desk.taken(visit.guest.id, _names(body))
        person = desk.register(_text(body, "name"), frames, consent, _who(visit.guest))
    return person_json(person)


def delete(visit: Visit) -> None:
    desk = _desk(visit)
    with in_words():
        try:
            desk.gallery.delete(_number(visit), who=_who(visit.guest))
        except KeyError:
            raise _nobody() from None


def export(visit: Visit) -> Blob:
    desk, number = _desk(visit), _number(visit)
    with in_words():
        try:
            return Blob(export_json(desk, number, _who(visit.guest)), "application/json", f"face-{number}.json")
        except KeyError:
            raise _nobody() from None


def log(visit: Visit) -> dict[str, Any]:
    before = visit.query.get("before", "")
    if before and not before.isdecimal():
        raise SkillError("before 是一个整数。", "'before' is a whole number.")
    with in_words():
        return log_json(_desk(visit), int(before[:12]) if before else None)


def witness(visit: Visit) -> dict[str, Any]:
    """{"head": what somebody wrote down} -> after which line the chain's hash was that; null: it never was."""
    head = _text(_fields(visit.body, "head"), "head")
    with in_words():
        return {"line": _desk(visit).gallery.audit.line_of(head)}


def _fields(body: Any, *names: str) -> dict[str, Any]:
    for name in body:
        if name not in names:
            raise SkillError(f"不认识的项：{name[:60]}。", f"Unknown field: {name[:60]}.")
    fields: dict[str, Any] = body
    return fields


def _text(body: dict[str, Any], name: str) -> str:
    if not isinstance(body.get(name), str):
        raise SkillError(f"{name} 是一段文字。", f"'{name}' is a text.")
    text: str = body[name].strip()
    return text


def _names(body: dict[str, Any]) -> list[str]:
    names = body.get("frames")
    if not isinstance(names, list) or not 1 <= len(names) <= FRAMES[1] or not all(isinstance(n, str) for n in names):
        raise SkillError(
            f"frames 是 1 到 {FRAMES[1]} 张照片的名字。", f"'frames' are 1 to {FRAMES[1]} pictures' names."
        )
    return names


def _number(visit: Visit) -> int:
    text = visit.names["id"]
    if not text.isdecimal() or len(text) > 18:
        raise _nobody()
    return int(text)


def _nobody() -> Missing:
    return Missing("没有这个人。", "There is no such person.")


def _owner(method: Any, path: str, call: Callable[[Visit], Any], takes: Any = "nothing") -> Door:
    return Door(method, path, call, takes=takes, who="owner")


DOORS = (
    Door("GET", "state", state),
    Door("POST", "frames", frame, takes="bytes", max_bytes=_PICTURE),
    Door("POST", "look", look, takes="json"),
    _owner("PUT", "rules", lay_down, "json"),
    _owner("GET", "people", people),
    _owner("POST", "people", register, "json"),
    _owner("DELETE", "people/{id}", delete),
    _owner("POST", "people/{id}/export", export),
    _owner("GET", "log", log),
    _owner("POST", "log/witness", witness, "json"),
)
