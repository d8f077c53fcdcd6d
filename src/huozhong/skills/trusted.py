"""The Python of apps that are trusted: of those that came with the program, and of installed packages.

An app's folder may hold, beside its SKILL.md: tools.py (`TOOLS`, lent to every app), commands.py (`register`, which
adds to the terminal's command), services.py (`SERVICES`, what it answers to programs), and rooms.py with a page
(`skills.rooms`).  What people bring as a file has none of it that is run.  Light on purpose: every `huozhong` command
looks here for others.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

HOUSE_APPS = Path(__file__).parents[1] / "apps"  # those that came with the program


@dataclass(frozen=True)
class Service:
    """What a trusted app answers to programs, as POST /v1/NAME: a JSON object in, another one out.

    call: gets the body and the folder where this app keeps its things on this machine; raises `SkillError`, with one
    sentence, for whatever it cannot answer.  summary: for /openapi.json, as `properties` and `required` are, the
    body's JSON schema; a field that is not among them is refused by the host.
    """

    call: Callable[[dict[str, Any], Path], dict[str, Any]]
    summary: str
    properties: dict[str, Any]
    required: tuple[str, ...] = ()


def app_folders(house: Path) -> Iterator[tuple[Literal["house", "package"], Path]]:
    """("house" or "package", folder) of every app whose Python is trusted."""
    yield from (("house", folder) for folder in folders_below(house))
    for folder in _package_folders(tuple(map(_as_it_lies, sys.path))):
        yield "package", folder


def _as_it_lies(place: str) -> tuple[str, int]:
    """A place that packages are installed in, and when something was installed there last."""
    try:
        return place, os.stat(place or ".").st_mtime_ns
    except OSError:
        return place, 0


@lru_cache(maxsize=2)  # to ask every installed package takes five milliseconds of each request for an app
def _package_folders(places: tuple[tuple[str, int], ...]) -> tuple[Path, ...]:
    """The folders of packages' apps, as long as nothing is installed or removed."""
    return tuple(Path(str(entry.load())) for entry in entry_points(group="huozhong.apps"))


def folders_below(folder: Path) -> list[Path]:
    """Folders that may hold an app; hidden ones are somebody's else."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink() and one.name[0] not in "._")


def trusted(house: Path, kind: str) -> list[Any]:
    """The modules `kind`.py of the apps that have one, loaded; of two apps of one name the house's."""
    lenders: dict[str, Path] = {}
    for _, folder in app_folders(house):
        if (folder / f"{kind}.py").is_file():
            lenders.setdefault(folder.name, folder)
    return [_loaded(folder, kind) for folder in lenders.values()]


def services(house: Path = HOUSE_APPS) -> dict[str, tuple[str, Service]]:
    """What the apps answer to programs: by its name, the app's name and the service."""
    return {
        name: (module.__name__.split(".")[1], service)
        for module in trusted(house, "services")
        for name, service in module.SERVICES.items()
    }


@cache  # trusted code is loaded once, as any module is
def _loaded(folder: Path, kind: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"huozhong_app.{folder.name}.{kind}", folder / f"{kind}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
