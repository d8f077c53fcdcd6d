"""Which apps this house has: those that came with it, those of installed packages, and those that people brought.

An app is a folder with a SKILL.md, named as the app is.  What comes with the program or in a Python package that the
owner installed (entry points `huozhong.apps`) is trusted code of its author; what is brought as a file is text, and
runs in the sandbox.  Apps of people lie in the data folder, and win no name that an app of the house has.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.skills.skill import LONGEST, Skill, read_skill
from huozhong.skills.tools import HOST, TRUSTED_ONLY, Tool
from huozhong.skills.trusted import app_folders, folders_below, trusted

Origin = Literal["house", "package", "people"]


@dataclass(frozen=True)
class App:
    """An app on the shelf.  folder: where its SKILL.md lies; problem: why it cannot be used, in Chinese and English."""

    name: str
    origin: Origin
    folder: Path
    skill: Skill | None
    problem: tuple[str, str] | None = None

    @property
    def has_scripts(self) -> bool:
        """Whether it brought programs of another host, which are never run here."""
        return (self.folder / "scripts").is_dir()


class AppShelf:
    """The apps of a house.  own: the folder of those that people brought; house: of those that came with it."""

    def __init__(self, own: Path, house: Path) -> None:
        self._own, self._house = own, house

    def apps(self) -> list[App]:
        """All of them, by name; one that cannot be used is there with its problem."""
        found: dict[str, App] = {}
        for origin, folder in self._folders():
            if folder.name not in found and (folder / "SKILL.md").is_file():
                found[folder.name] = _read(origin, folder)
        return [found[name] for name in sorted(found)]

    def find(self, name: str) -> App:
        """The app of this name; `SkillError` where there is none or it cannot be used."""
        for app in self.apps():
            if app.name == name:
                if app.problem is not None:
                    raise SkillError(*app.problem)
                return app
        raise SkillError(f"没有叫“{name[:60]}”的应用。", f"There is no app called '{name[:60]}'.")

    def add(self, text: str) -> App:
        """Take an app in, or a newer form of one that people brought; whole or not at all."""
        skill = read_skill(text)
        if any(app.name == skill.name and app.origin != "people" for app in self.apps()):
            raise SkillError(
                f"“{skill.name}”是自带的应用，请换个名字。", f"'{skill.name}' came with the house; take another name."
            )
        folder = self._own / skill.name
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "SKILL.md", skill.text)
        return App(skill.name, "people", folder, skill)

    def remove(self, name: str) -> None:
        """Take an app of people's away."""
        app = next((app for app in self.apps() if app.name == name), None)
        if app is None or app.origin != "people":
            raise SkillError(
                f"“{name[:60]}”不能删除：它不是自己添加的应用。",
                f"'{name[:60]}' cannot be removed: nobody here added it.",
            )
        shutil.rmtree(app.folder)

    def tools(self) -> dict[str, Tool]:
        """What the apps that are trusted lend to all: the `TOOLS` of their tools.py."""
        return {name: tool for module in trusted(self._house, "tools") for name, tool in module.TOOLS.items()}

    def unknown_tools(self, skill: Skill) -> list[str]:
        """Tools that an app asks for and that nobody here has: those of other hosts."""
        known = HOST.keys() | self.tools().keys()
        return [
            tool for tool in skill.tools if tool not in known or (tool in TRUSTED_ONLY and not self.is_trusted(skill))
        ]

    def is_trusted(self, skill: Skill) -> bool:
        """Whether it is, to the letter, an app that came with the house or in a package of the owner's."""
        return any(
            app.origin != "people" and app.skill is not None and app.skill.text == skill.text for app in self.apps()
        )

    def _folders(self) -> Iterator[tuple[Origin, Path]]:
        yield from app_folders(self._house)
        yield from (("people", folder) for folder in folders_below(self._own))


def _read(origin: Origin, folder: Path) -> App:
    file = folder / "SKILL.md"
    try:
        stat = file.stat()
    except OSError as error:
        return _unreadable(origin, folder, error)
    return _read_file(origin, folder, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _read_file(origin: Origin, folder: Path, mtime_ns: int, size: int) -> App:
    """An app's SKILL.md, read again only when it has changed: `mtime_ns` and `size` say of which state it is."""
    file = folder / "SKILL.md"
    try:
        if size > 4 * LONGEST:
            raise SkillError("文件太长。", "The file is too long.")
        skill = read_skill(file.read_text(encoding="utf-8"))
        if skill.name != folder.name:
            raise SkillError(
                f"文件夹叫“{folder.name}”，里面写的名字却是“{skill.name}”。",
                f"The folder is called '{folder.name}', and the app in it '{skill.name}'.",
            )
        return App(folder.name, origin, folder, skill)
    except (OSError, UnicodeDecodeError) as error:
        return _unreadable(origin, folder, error)
    except SkillError as error:
        return App(folder.name, origin, folder, None, (error.chinese, str(error)))


def _unreadable(origin: Origin, folder: Path, error: Exception) -> App:
    said = (f"读不了 SKILL.md（{error}）。", f"SKILL.md cannot be read ({error}).")
    return App(folder.name, origin, folder, None, said)
