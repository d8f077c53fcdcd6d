"""What the app `callhome` asks for when it is used by its form: whom a sentence asks to call."""

from __future__ import annotations

import re

from huozhong.apps.callhome.contacts import read_contacts
from huozhong.apps.callhome.resolve import who
from huozhong.apps.callhome.words import sentence
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool


def call_who(said: str, contacts: str, dialect: str = "", language: str = "zh") -> str:
    """A sentence and lines of "relation name number" -> what the phone would ask back."""
    people = []
    for line in re.split(r"[\n;；]+", str(contacts)):
        parts = line.replace("，", " ").replace(",", " ").split()
        if parts:
            number = parts.pop() if re.fullmatch(r"[\d+ -]{3,}", parts[-1]) else ""
            people.append({"relation": parts[0] if parts else "", "name": "".join(parts[1:]), "number": number})
    if not people:
        raise SkillError("请写上联系人，一行一个。", "Write the contacts, one a line.")
    answer = who(str(said), read_contacts(people), str(dialect))
    text = sentence(answer, language)
    return text + (f" {answer.contact.number}" if answer.contact and answer.contact.number else "")


TOOLS = {"call_who": Tool(call_who, "听懂要打给谁", "understand whom to call")}
