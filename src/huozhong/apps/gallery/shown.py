"""What the page and the terminal show of people, looks, threshold and log, as JSON."""

from __future__ import annotations

import json
from typing import Any

from huozhong.apps.gallery.desk import Desk
from huozhong.memory.duties import FILING, duties
from huozhong.memory.gallery import Look, Person, Threshold

LINES = 200  # of the log, at a time


def person_json(person: Person) -> dict[str, Any]:
    """For an owner's eyes alone."""
    consent = person.consent
    return {
        "id": person.id,
        "name": person.name,
        "purpose": consent.purpose,
        "until": consent.until.isoformat(),
        "since": person.since.isoformat(),
        "signed_by": consent.signed_by,
        "signed_as": consent.signed_as,
    }


def threshold_json(threshold: Threshold) -> dict[str, Any]:
    return {"likeness": round(threshold.likeness, 4), "rate": threshold.rate, "known": threshold.known}


def look_json(look: Look, faces: int) -> dict[str, Any]:
    """An answer for whoever asked: the name of who it is, and nothing else about them."""
    return {
        "name": look.person.name if look.person else None,
        "likeness": round(look.likeness, 4),
        "threshold": threshold_json(look.threshold),
        "other_way": look.other_way,
        "faces": faces,
    }


def duties_json(people: int) -> list[dict[str, Any]]:
    return [{"zh": duty.chinese, "en": duty.english, "due": duty.due, "done": duty.done} for duty in duties(people)]


def people_json(desk: Desk) -> dict[str, Any]:
    people = desk.gallery.people()
    return {
        "people": [person_json(person) for person in people],
        "threshold": threshold_json(desk.gallery.threshold()),
        "duties": duties_json(len(people)),
        "filing": len(people) >= FILING,
    }


def log_json(desk: Desk, before: int | None = None) -> dict[str, Any]:
    """The newest lines of the log, or those before a number, with the chain checked.  DataError where it is broken."""
    audit = desk.gallery.audit
    audit.bear_out(audit.count, audit.head)
    lines = audit.lines()
    end = len(lines) if before is None else max(0, min(before - 1, len(lines)))
    start = max(0, end - LINES)
    shown = [line | {"number": number} for number, line in enumerate(lines[start:end], start + 1)]
    return {"lines": shown[::-1], "count": audit.count, "head": audit.head}


def export_json(desk: Desk, id: int, who: str) -> bytes:
    """All that is kept of a person, with how far the log is: they then hold a witness of it.  KeyError: nobody."""
    told = desk.gallery.export(id, who=who)
    audit = desk.gallery.audit
    told |= {"log_lines": audit.count, "log_head": audit.head}
    return json.dumps(told, ensure_ascii=False, indent=1).encode()
