"""What apps remember of a person: a folder a person, put aside when all is cleared, and gone with whom it is of."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from huozhong.files import data_folder


def remembered(person: int, app: str) -> Path:
    """The file of what one app remembers of one person; it need not be there yet."""
    return _home() / str(person) / f"{app}.json"


def put_aside(person: int, at: int) -> None:
    """For the next pupil: apps know nothing any more.  `bring_back` of the same time takes that back, until the next.

    Raises OSError when the disk refuses.
    """
    for old in _asides(person):
        shutil.rmtree(old)
    with contextlib.suppress(FileNotFoundError):  # no app remembered anything
        (_home() / str(person)).rename(_aside(person, at))


def bring_back(person: int, at: int) -> None:
    """What was put aside at that time is remembered again, unless apps have learnt something new since."""
    aside, home = _aside(person, at), _home() / str(person)
    if aside.is_dir() and not home.exists():
        aside.rename(home)


def forget(person: int) -> None:
    """Whoever goes leaves nothing behind."""
    for folder in (_home() / str(person), *_asides(person)):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _home() -> Path:
    return data_folder() / "apps-kept"


def _aside(person: int, at: int) -> Path:
    return _home() / f"{person}.aside-{at}"


def _asides(person: int) -> list[Path]:
    return list(_home().glob(f"{person}.aside-*"))
