"""POST /v1/call_home: whom a sentence asks to call, for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huozhong.errors import SkillError
from huozhong.skills.trusted import Service


def call_home(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """{"said", "contacts", "dialect"} -> decision, contact, up to three candidates, number, margin, cost, sentences."""
    from huozhong.apps.callhome.contacts import read_contacts
    from huozhong.apps.callhome.resolve import who
    from huozhong.apps.callhome.words import sentence

    said, dialect = body.get("said"), body.get("dialect", "")
    if not isinstance(said, str):
        raise SkillError("said 是一句话。", "'said' is a sentence.")
    if not isinstance(dialect, str):
        raise SkillError("dialect 是地名，例如 广州。", "'dialect' is the name of a place, such as 广州.")
    answer = who(said, read_contacts(body.get("contacts")), dialect)
    return answer.as_json() | {"sentence": {tongue: sentence(answer, tongue) for tongue in ("zh", "en")}}


SERVICES = {
    "call_home": Service(
        call_home,
        "Whom a sentence in a Chinese dialect asks to call: one contact, up to three, an emergency number, or nobody.",
        {
            "said": {"type": "string", "description": "as it is typed, dictated, or written by a recogniser"},
            "contacts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {name: {"type": "string"} for name in ("id", "name", "relation", "number")},
                },
            },
            "dialect": {
                "type": "string",
                "description": "city, county, province or tongue, as people call it; empty: not known",
            },
        },
        ("said", "contacts"),
    )
}
