"""What people decided about the apps of a house: which a child sees (an owner's word), and everybody's favourites.

A small file beside the apps, written whole; not the store's, so that a shelf that is copied takes it along.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huozhong.errors import RequestError, SkillError
from huozhong.files import write_whole
from huozhong.skills.shelf import App
from huozhong.store.people import Person

# What a child sees before an owner has chosen: what one learns with, of the apps that came with the house.
FOR_CHILDREN = "学习"
MOST_CHOSEN = 500


class Permits:
    """The choices of a house, in `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def may_see(self, person: Person, app: App) -> bool:
        """Whether somebody may see and run an app: a child what an owner chose, everybody else all."""
        return person.role != "child" or self._allows(self.chosen(person.id), app)

    def may_try(self, person: Person) -> bool:
        """Whether somebody may run what is not on the shelf; a child may not, or choosing for it would mean nothing."""
        return person.role != "child"

    def chosen(self, child: int) -> frozenset[str] | None:
        """The names that an owner chose for a child; None where nobody chose."""
        names = self._read()["children"].get(str(child))
        return None if names is None else frozenset(names)

    def choose(self, child: int, names: Iterable[str] | None) -> None:
        """What a child sees from now on; None: what children see by default."""
        with self._lock:
            kept = self._read()
            if names is None:
                kept["children"].pop(str(child), None)
            else:
                kept["children"][str(child)] = sorted(set(names))
            self._write(kept)

    def seen_by(self, child: int, apps: Iterable[App]) -> list[str]:
        """The names of the apps that a child sees."""
        chosen = self.chosen(child)
        return [app.name for app in apps if self._allows(chosen, app)]

    def favourites(self, person: int) -> frozenset[str]:
        """The names that somebody marked."""
        return frozenset(self._read()["favourites"].get(str(person), []))

    def mark(self, person: int, name: str, on: bool) -> None:
        """Mark an app as a favourite, or no longer."""
        with self._lock:
            kept = self._read()
            names = set(kept["favourites"].get(str(person), []))
            names = names | {name} if on else names - {name}
            if len(names) > MOST_CHOSEN:
                raise RequestError(f"最多收藏 {MOST_CHOSEN} 个。 / At most {MOST_CHOSEN} favourites.", param="on")
            kept["favourites"][str(person)] = sorted(names)
            self._write(kept)

    def forget(self, person: int) -> None:
        """Nothing is kept of somebody who was removed."""
        with self._lock:
            kept = self._read()
            chosen, marked = (kept[what].pop(str(person), None) for what in ("children", "favourites"))
            if chosen is not None or marked is not None:
                self._write(kept)

    def _allows(self, chosen: frozenset[str] | None, app: App) -> bool:
        if chosen is not None:
            return app.name in chosen
        category = app.skill.metadata.get("category", "") if app.skill is not None else ""
        return app.origin == "house" and category == FOR_CHILDREN

    def _read(self) -> dict[str, dict[str, Any]]:
        kept: dict[str, dict[str, Any]] = {"children": {}, "favourites": {}}
        if self._file.exists():
            try:
                kept |= json.loads(self._file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                # Not an empty choice: a child would see what an owner took away.
                raise SkillError(
                    f"{self._file.name} 读不了；请修好或删掉它，再选一次。",
                    f"{self._file.name} cannot be read; mend or remove it, and choose again.",
                ) from None
        return kept

    def _write(self, kept: dict[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
