"""One's own face as an avatar: a seam for an engine that the user installs.  None comes with the program.

The drawn head needs none of this.  A face is driven only after that very person, logged in here, was recorded saying
a phrase made up just now, and the engine found the recording to be alive and the phrase to be said.  The picture that
is driven is taken from that recording and from nowhere else, so nobody else's face can be put in: there is no way to
bring a picture.  Whatever is made of it is shown with `LABEL` over it and carries `metadata()`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.skills import label

LABEL = "AI合成 · AI-generated"
SECONDS = 300  # that a phrase is good for
_WORDS = ("苹果", "月亮", "火车", "大海", "黄色", "雨伞", "山路", "春天", "石头", "面条", "白云", "木门")


@dataclass(frozen=True)
class Seen:
    """What an engine found in a recording.  said: the words that it heard."""

    alive: bool
    faces: int
    said: str


class FaceEngine(Protocol):
    """An installed package's, by the entry point "huozhong.face_engines"; it gets the recording and nothing else."""

    name: str

    def look(self, recording: bytes) -> Seen: ...


@dataclass(frozen=True)
class Consent:
    """Who agreed to what: kept until it is taken back."""

    person: int
    phrase: str
    when: float
    engine: str
    recording: str  # its SHA-256


@cache
def engine() -> FaceEngine | None:
    """The installed engine, or None."""
    for entry in entry_points(group="huozhong.face_engines"):
        found: FaceEngine = entry.load()()
        return found
    return None


def state(folder: Path, person: int) -> dict[str, Any]:
    """What the page shows: whether there is an engine, and whether this person agreed."""
    return {"engine": engine() is not None, "consent": _path(folder, person).exists(), "label": LABEL}


def challenge(folder: Path, person: int) -> dict[str, Any]:
    """A phrase to be said into the camera, good for five minutes and once."""
    words = [secrets.choice(_WORDS) for _ in range(3)]
    phrase = f"我同意用我的脸，{'，'.join(words)}，{secrets.randbelow(9000) + 1000}"
    record = json.dumps({"phrase": phrase, "until": time.time() + SECONDS}, ensure_ascii=False)
    write_whole(_path(folder, person, "asked"), record.encode())
    return {"phrase": phrase, "seconds": SECONDS}


def consent(folder: Path, person: int, recording: bytes, found: FaceEngine | None) -> dict[str, Any]:
    """Record that this person agrees.  Raises SkillError, and keeps nothing, where anything is missing."""
    if found is None:
        raise SkillError(
            "这里没有装人像引擎，只能用画的头像。装了 huozhong.face_engines 的软件包以后再来。",
            "No face engine is here: use the drawn head, or install one (entry point huozhong.face_engines).",
        )
    asked = _path(folder, person, "asked")
    challenge_ = json.loads(asked.read_text(encoding="utf-8")) if asked.exists() else None
    asked.unlink(missing_ok=True)  # once, whatever comes of it
    if challenge_ is None or challenge_["until"] < time.time():
        raise SkillError("请先要一句话，五分钟内念完。", "Ask for a phrase first, and say it within five minutes.")
    seen = found.look(recording)
    if not seen.alive:
        raise SkillError("看不出是真人当面录的。", "This does not look like a person in front of the camera.")
    if seen.faces != 1:
        raise SkillError("画面里要有一张脸，只有一张。", "There must be one face in the picture, and one only.")
    if _bare(seen.said) != _bare(challenge_["phrase"]):
        raise SkillError("念的不是屏幕上那句话。", "What was said is not the phrase on the screen.")
    agreed = Consent(person, challenge_["phrase"], time.time(), found.name, hashlib.sha256(recording).hexdigest())
    write_whole(_path(folder, person), json.dumps(asdict(agreed), ensure_ascii=False).encode())
    return state(folder, person)


def agreed(folder: Path, person: int) -> Consent:
    """The consent of this person.  Raises SkillError without one: then nothing of the face may be made."""
    try:
        return Consent(**json.loads(_path(folder, person).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise SkillError(
            "没有本人同意的录像，不能用这张脸。",
            "Without a recorded consent of that very person this face is not used.",
        ) from None


def metadata(folder: Path, person: int) -> dict[str, Any]:
    """What goes into every picture or film that is made of the face; raises as `agreed` does."""
    one = agreed(folder, person)
    return label.metadata(one.engine) | {"Consent": one.recording[:16], "Visible": LABEL}


def forget(folder: Path, person: int) -> None:
    """The consent is taken back."""
    _path(folder, person).unlink(missing_ok=True)
    _path(folder, person, "asked").unlink(missing_ok=True)


def _path(folder: Path, person: int, kind: str = "consent") -> Path:
    return folder / f"face-{person}.{kind}.json"


def _bare(text: str) -> str:
    return "".join(one for one in text if one.isalnum())
