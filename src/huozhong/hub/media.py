"""Models on what is plugged in: a USB stick, a card, another disk.  Looked for within bounds, so that none hangs."""

from __future__ import annotations

import os
import re
import string
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huozhong.formats.installed import MANIFEST

DEEPEST = 3  # folders below the medium's own
_MOST_ENTRIES = 5000
_MOST_FOUND = 100
_SECONDS = 3.0
_LATER_SHARD = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")


@dataclass(frozen=True)
class Found:
    """A model that lies on a medium.  path: a .gguf file or a folder.  size: bytes.  name: as people would call it."""

    path: Path
    name: str
    size: int


def media() -> list[Path]:
    """Where this system shows what is plugged in, as far as something is."""
    if sys.platform == "win32":
        system = os.environ.get("SYSTEMDRIVE", "C:").rstrip("\\").upper()
        drives = [Path(f"{letter}:\\") for letter in string.ascii_uppercase if f"{letter}:" != system]
        return [drive for drive in drives if drive.exists()]
    if sys.platform == "darwin":
        return [one for one in _children(Path("/Volumes")) if not one.is_symlink()]
    # Below /media and /run/media desktops make a folder for each user; below /mnt people mount by hand.
    return [child for place in ("/media", "/run/media", "/mnt") for child in _children(Path(place))]


def find_models(roots: list[Path] | None = None) -> list[Found]:
    """The models on all media (or below `roots`), by name; as many as bounds of time and number let be seen."""
    walk = _Walk(time.monotonic() + _SECONDS)
    for root in media() if roots is None else roots:
        walk.into(root, DEEPEST)
    return sorted(walk.found, key=lambda one: one.name.lower())


class _Walk:
    """Through folders, until the bounds are reached."""

    def __init__(self, until: float) -> None:
        self.found: list[Found] = []
        self._until = until
        self._entries = 0

    def into(self, folder: Path, depth: int) -> None:
        entries = []
        for entry in _entries(folder):
            self._entries += 1
            if self._is_over():
                return
            entries.append(entry)
        files = {entry.name: entry for entry in entries if _is(entry, "file")}
        if "config.json" in files and any(name.endswith((".safetensors", ".gguf")) for name in files):
            size = sum(_size(entry) for entry in files.values())
            self.found.append(Found(folder, _stored_name(folder), size))
            return
        for name, entry in sorted(files.items()):
            if name.lower().endswith(".gguf") and not _LATER_SHARD.search(name.lower()) and not self._is_over():
                stored = MANIFEST in files
                self.found.append(
                    Found(Path(entry.path), _stored_name(folder) if stored else Path(name).stem, _size(entry))
                )
        for entry in sorted(entries, key=lambda one: one.name):
            if depth > 0 and _is(entry, "folder") and not entry.name.startswith((".", "$")) and not self._is_over():
                self.into(Path(entry.path), depth - 1)

    def _is_over(self) -> bool:
        return self._entries > _MOST_ENTRIES or len(self.found) >= _MOST_FOUND or time.monotonic() > self._until


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:  # not ours to read, or pulled out at this moment
        return


def _is(entry: os.DirEntry[str], kind: str) -> bool:
    """Links are not followed: they may lead off the medium."""
    try:
        return entry.is_file(follow_symlinks=False) if kind == "file" else entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def _stored_name(folder: Path) -> str:
    """A folder of another machine's store is called as the model was there."""
    return folder.name.replace("@", ":")


def _children(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _is(entry, "folder")]
