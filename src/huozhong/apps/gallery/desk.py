"""The desk of the room: this machine's gallery, what its owner laid down, and pictures that are being looked at.

A picture is taken apart at once; its vector waits in memory, for whoever sent it, for some minutes, until it is used to
register somebody or to look.  The picture itself is gone when its request is answered.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.gallery.faces import FrontEnd, front_end
from huozhong.errors import DataError, SkillError
from huozhong.files import write_whole
from huozhong.memory.gallery import FRAMES, Consent, Gallery, Look, Person
from huozhong.memory.pooling import Attention

WAITS = 300  # seconds that a picture's vector waits
MOST_WAITING = 400
LONGEST = 200  # characters of what an owner lays down


@dataclass(frozen=True)
class Rules:
    """What an owner laid down.  place: where the camera is.  purpose: what for.  other_way: how else to come in.
    keeper: whom to turn to."""

    place: str
    purpose: str
    other_way: str
    keeper: str


@dataclass(frozen=True)
class Frame:
    """A picture's vector.  faces: how many were on it; the largest is the one."""

    guest: int
    vector: NDArray[np.float32]
    faces: int
    at: float


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """What the gallery refuses, as what people are told."""
    try:
        yield
    except DataError as error:
        raise SkillError(error.chinese or str(error), str(error)) from None


class Desk:
    """Opened once a server, or once a command."""

    def __init__(self, folder: Path, front: type[FrontEnd] | None = None) -> None:
        """DataError where the gallery is damaged or another process has it."""
        self._folder = folder
        self._front_class = front or front_end()
        self._front: FrontEnd | None = None
        self._lock = threading.RLock()  # one picture at a time: the front end need not be safe among threads
        self._frames: dict[str, Frame] = {}
        self._gallery: Gallery | None = None
        self.rules = _read_rules(folder / "rules.json")
        if self.rules is not None:
            self._open()

    def _open(self) -> None:
        assert self.rules is not None
        weights = self._folder / "attention.npz"
        front = self._front_class
        self._gallery = Gallery(
            self._folder, dim=front.dim, space=front.space, other_way=self.rules.other_way, given=front.given,
            attention=Attention.read(weights) if weights.exists() else None,
        )  # fmt: skip

    @property
    def gallery(self) -> Gallery:
        """SkillError before an owner has laid down the rules."""
        if self._gallery is None:
            raise SkillError(
                "还没有设好：请管理员先写明用在哪里、为了什么、不刷脸怎么办。",
                "Not set up: an owner must first say where, what for, and which other way in there is.",
            )
        return self._gallery

    def lay_down(self, rules: Rules) -> None:
        """What holds from now on; DataError where no other way in is named."""
        rules = Rules(*(text.strip() for text in asdict(rules).values()))
        for text in asdict(rules).values():
            if not text or len(text) > LONGEST:
                raise _said(f"四项都要写，每项最多 {LONGEST} 个字。",
                            f"All four are needed, of at most {LONGEST} characters each.")  # fmt: skip
        with self._lock:
            changed = self.rules is not None and rules.purpose != self.rules.purpose
            if changed and self.gallery.people():
                raise _said("已登记的人只同意了原来的用途；要改用途，请先删除他们，再重新征得同意。",
                            "Those who are registered agreed to the present purpose alone; to change it, delete them "
                            "and ask for their consent anew.")  # fmt: skip
            write_whole(self._folder / "rules.json", json.dumps(asdict(rules), ensure_ascii=False))
            self.rules = rules
            if self._gallery is None:
                self._open()
            self.gallery.offer(rules.other_way)

    # -- pictures ------------------------------------------------------------------------------------------------------

    @property
    def front(self) -> FrontEnd:
        """Loaded when the first picture comes; DataError says what is missing."""
        with self._lock:
            if self._front is None:
                self._front = self._front_class()
            return self._front

    def problem(self) -> DataError | None:
        """Why no pictures can be looked at on this machine."""
        try:
            self._front_class.check()
        except DataError as error:
            return error
        return None

    def take(self, guest: int, data: bytes, *, alone: bool) -> tuple[str, Frame]:
        """A picture's name and vector.  alone: exactly one face may be on it.  DataError says what is wrong with it."""
        with self._lock:
            front = self.front
            picture = front.pixels(data)
            places = front.found(picture, thorough=alone)
            if not places:
                raise _said("没看到脸：正对镜头，再近一点，亮一点。",
                            "No face is seen: look straight at the camera, come closer, find more light.")  # fmt: skip
            if alone and len(places) > 1:
                raise _said(f"看到 {len(places)} 张脸：登记时只能有本人一个。",
                            f"{len(places)} faces are seen: only the person who registers may be there.")  # fmt: skip
            frame = Frame(guest, front.vector(picture, places[0]), len(places), time.monotonic())
            name = secrets.token_urlsafe(16)
            self._frames = {key: one for key, one in self._frames.items() if one.at > frame.at - WAITS}
            while len(self._frames) >= MOST_WAITING:
                del self._frames[next(iter(self._frames))]
            self._frames[name] = frame
            return name, frame

    def taken(self, guest: int, names: list[str]) -> list[Frame]:
        """The pictures of those names, which are used up by this; another's count as not there."""
        with self._lock:
            frames = [self._frames.get(name) for name in dict.fromkeys(names)]
            mine = [frame for frame in frames if frame is not None and frame.guest == guest]
            if len(mine) != len(names):
                raise _said("照片等得太久，已经作废：请重新拍。", "The pictures waited too long: take them again.")
            for name in names:
                del self._frames[name]
            return mine

    # -- people --------------------------------------------------------------------------------------------------------

    def register(self, name: str, frames: list[Frame], consent: Consent, who: str) -> Person:
        """Register somebody for the purpose that was laid down."""
        gallery = self.gallery
        assert self.rules is not None
        if not FRAMES[0] <= len(frames) <= FRAMES[1]:
            raise _said(f"登记要 {FRAMES[0]} 到 {FRAMES[1]} 张照片。",
                        f"Registering takes {FRAMES[0]} to {FRAMES[1]} pictures.")  # fmt: skip
        rows = np.stack([frame.vector for frame in frames])
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        if (units @ units.T).min() < self._front_class.alike:
            raise _said("这几张不像同一个人，或者有一张太模糊：请重新拍。",
                        "These do not look like one person, or one is too blurred: take them again.")  # fmt: skip
        return gallery.register(name, rows, replace(consent, purpose=self.rules.purpose), who=who)

    def look(self, frames: list[Frame], who: str) -> Look:
        return self.gallery.look(np.stack([frame.vector for frame in frames]), who=who)

    def close(self) -> None:
        if self._gallery is not None:
            self._gallery.close()


def _read_rules(path: Path) -> Rules | None:
    if not path.exists():
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Rules(**{key: str(value) for key, value in kept.items()})
    except (ValueError, TypeError, AttributeError):
        raise _said(f"{path} 已损坏；请换回备份，或删掉它重新设置。",
                    f"{path} is damaged; put back a copy of it, or delete it and set up anew.") from None  # fmt: skip


def _said(chinese: str, english: str) -> DataError:
    return DataError(english).in_chinese(chinese)
