"""What the elders' phone keeps on this machine: contacts, photos, recordings of names, voices that read back.

    phone.json          contacts, the dialect, the link's secret
    photos/ID           as the page made them
    tags/ID-NUMBER.wav  a name as grandma says it
    voices/ID           the grandchild's "打给大儿子建国，对吗？"

Nothing that is said to be understood is kept.  All that is kept can be deleted, one contact's or everybody's.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from pathlib import Path
from typing import Any

from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.places import heard_as, home
from huozhong.errors import SkillError
from huozhong.files import whole_file
from huozhong.senses.hear import Tags, tag
from huozhong.senses.sound import read_sound, write_wav
from huozhong.skills.rooms import Missing

MOST_CONTACTS, MOST_TAGS = 60, 6
IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}
SOUNDS = {b"RIFF": "audio/wav", b"OggS": "audio/ogg", b"\x1aE\xdf\xa3": "audio/webm", b"ID3": "audio/mpeg",
          b"\xff\xfb": "audio/mpeg"}  # fmt: skip
_FIELDS = {"name": 30, "relation": 20, "number": 30}
_CHANGING = threading.Lock()


class Book:
    """One elder's phone, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> dict[str, Any]:
        """Everything but the secret: {"dialect", "contacts": [{"id", "name", "relation", "number", "tags", "photo",
        "voice"}], "linked", "heard_as": {"zh", "en"}}."""
        kept = self._read()
        people = [
            one | {
                "tags": len(self._tags(one["id"])),
                "photo": (self._folder / "photos" / one["id"]).is_file(),
                "voice": (self._folder / "voices" / one["id"]).is_file(),
            }
            for one in kept["contacts"]
        ]  # fmt: skip
        heard = dict(zip(("zh", "en"), heard_as(kept["dialect"]), strict=True))
        return {"dialect": kept["dialect"], "contacts": people, "linked": bool(kept["secret"]), "heard_as": heard}

    def contacts(self) -> list[Contact]:
        people = self._read()["contacts"]
        if not people:
            raise SkillError("还没有联系人，请先让家里人填上。", "There are no contacts yet; add them first.")
        return read_contacts(people)

    @property
    def dialect(self) -> str:
        return str(self._read()["dialect"])

    def set_dialect(self, dialect: str) -> None:
        home(dialect)
        self._change(lambda kept: kept.update(dialect=dialect.strip()))

    def put(self, given: Any, id: str | None = None) -> str:
        """Add a contact, or change one; its id."""
        if not isinstance(given, dict) or set(given) - set(_FIELDS):
            raise SkillError("联系人有 name、relation、number。", "A contact has name, relation and number.")
        fields = {key: str(given.get(key) or "").strip() for key in _FIELDS}
        for key, longest in _FIELDS.items():
            if len(fields[key]) > longest or not fields[key].isprintable():
                raise SkillError(f"{key} 太长或者有怪字符。", f"'{key}' is too long, or has odd characters.")
        if not re.fullmatch(r"\+?[\d *#-]{2,30}", fields["number"]):
            raise SkillError("请写电话号码，只要数字。", "Give a telephone number, digits alone.")
        read_contacts([fields])
        made = id or secrets.token_hex(6)

        def change(kept: dict[str, Any]) -> None:
            people = kept["contacts"]
            if id is None:
                if len(people) >= MOST_CONTACTS:
                    raise SkillError(f"最多 {MOST_CONTACTS} 个联系人。", f"{MOST_CONTACTS} contacts at most.")
                people.append({"id": made, **fields})
            else:
                people[self._place(people, id)] = {"id": id, **fields}

        self._change(change)
        return made

    def remove(self, id: str) -> None:
        """A contact and every recording and photo of it."""
        self._change(lambda kept: kept["contacts"].pop(self._place(kept["contacts"], id)))
        self.forget(id)

    def forget(self, id: str | None = None) -> None:
        """Every recording and photo of one contact, or of all."""
        for kind in ("photos", "tags", "voices"):
            for file in self._folder.joinpath(kind).glob("*" if id is None else f"{id}*"):
                file.unlink()

    def store(self, kind: str, id: str, data: bytes) -> None:
        """A photo ("photos") or a voice that reads back ("voices")."""
        self._known(id)
        if not _kind_of(data, IMAGES if kind == "photos" else SOUNDS) and data[4:8] != b"ftyp":
            raise SkillError("这个文件认不出来，请换一个。", "This file is of no known kind; choose another.")
        with whole_file(self._folder / kind / id) as file:
            file.write(data)

    def stored(self, kind: str, id: str) -> tuple[bytes, str]:
        """A photo or voice, and its content type."""
        self._known(id)
        path = self._folder / kind / id
        if not path.is_file():
            raise Missing("没有。", "There is none.")
        data = path.read_bytes()
        return data, _kind_of(data, IMAGES if kind == "photos" else SOUNDS) or "audio/mp4"

    def drop(self, kind: str, id: str) -> None:
        self._known(id)
        for file in self._folder.joinpath(kind).glob(f"{id}*"):
            file.unlink()

    def add_tag(self, id: str, data: bytes) -> int:
        """One more recording of a contact's name; how many there are.  SkillError: nobody speaks in it."""
        self._known(id)
        sound = read_sound(data, 20)
        tag(id, sound)
        there = self._tags(id)
        if len(there) >= MOST_TAGS:
            raise SkillError(f"每个名字最多录 {MOST_TAGS} 遍。", f"{MOST_TAGS} recordings of a name at most.")
        with whole_file(self._folder / "tags" / f"{id}-{secrets.token_hex(4)}.wav") as file:
            file.write(write_wav(sound))
        return len(there) + 1

    def tags(self) -> Tags:
        """Every recorded name, ready to be compared with."""
        found = [
            tag(one["id"], read_sound(file.read_bytes()))
            for one in self._read()["contacts"]
            for file in self._tags(one["id"])
        ]
        return Tags(found)

    def stamp(self) -> tuple[str, ...]:
        """Changes when a recording comes or goes."""
        return tuple(sorted(file.name for file in self._folder.joinpath("tags").glob("*.wav")))

    def new_secret(self) -> str:
        secret = secrets.token_urlsafe(16)
        self._change(lambda kept: kept.update(secret=secret))
        return secret

    def end_link(self) -> None:
        self._change(lambda kept: kept.update(secret=""))

    def opens(self, secret: str) -> bool:
        """Whether a link's secret is good, in constant time."""
        kept = str(self._read()["secret"])
        return bool(kept) and secrets.compare_digest(kept.encode(), secret.encode())

    def _tags(self, id: str) -> list[Path]:
        return sorted(self._folder.joinpath("tags").glob(f"{id}-*.wav"))

    def _known(self, id: str) -> None:
        self._place(self._read()["contacts"], id)

    def _place(self, people: list[dict[str, str]], id: str) -> int:
        for i, one in enumerate(people):
            if one["id"] == id:
                return i
        raise Missing("没有这个联系人。", "There is no such contact.")

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads((self._folder / "phone.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            kept = {}
        found: dict[str, Any] = {"dialect": "", "contacts": [], "secret": ""}
        found.update(kept)
        return found

    def _change(self, change: Any) -> None:
        with _CHANGING:
            kept = self._read()
            change(kept)
            with whole_file(self._folder / "phone.json") as file:
                file.write(json.dumps(kept, ensure_ascii=False).encode())


def _kind_of(data: bytes, kinds: dict[bytes, str]) -> str | None:
    return next((kind for start, kind in kinds.items() if data.startswith(start)), None)
