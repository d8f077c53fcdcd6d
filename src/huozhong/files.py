"""The one way to write: whole or not at all; and where a user's data lies.

What is written lies under a hidden name beside its place until all of it is on the disk; then it gets its name in one
step.  After `kill -9`, a full disk or a power cut there is the old content or the new one, never half of either.

Every function raises OSError when the disk refuses; the caller knows what its user should be told.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO


def data_folder() -> Path:
    """Where this user's data lies (models, the house's database): $HUOZHONG_HOME, or the system's place for it."""
    if chosen := os.environ.get("HUOZHONG_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "huozhong"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "huozhong"


def app_folder(app: str) -> Path:
    """Where a trusted app keeps its things on this machine; it need not be there yet."""
    return data_folder() / "apps-data" / app


def locked(descriptor: int) -> bool:
    """Take an open file for this process alone, until it is closed; False when another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sync(file: IO[bytes] | IO[str]) -> None:
    """Everything written to an open file is on the disk when this returns."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last through a crash."""
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it; its renames are journalled
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write, which replaces `path` when the block ends well and is gone when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with open(partial, "x+b") as file:
        try:
            yield file
            sync(file)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes | str | Iterable[bytes | memoryview]) -> None:
    """Replace a file by `content`: text as UTF-8, or bytes, at once or piece by piece."""
    if isinstance(content, str):
        content = content.encode()
    with whole_file(path) as file:
        for piece in [content] if isinstance(content, bytes) else content:
            file.write(piece)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which replaces `folder` when the block ends well and is gone when it does not.

    Its files need not be synced one by one.  What the last crash left half done is finished or removed first.
    """
    folder = folder.absolute()
    partial, replaced = _sibling(folder, "partial"), _sibling(folder, "replaced")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists() and replaced.exists():
        os.rename(replaced, folder)  # a crash came between two renames; finish the way back first
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        _sync_tree(partial)
        _put(partial, folder, replaced)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)


def find_whole(folder: Path) -> Path | None:
    """Where a reader finds what `whole_folder` wrote: there or, after a crash between two renames, beside it."""
    if folder.is_dir():
        return folder
    replaced = _sibling(folder.absolute(), "replaced")
    return replaced if replaced.is_dir() else None


def _sibling(folder: Path, what: str) -> Path:
    return folder.parent / f".{folder.name}.{what}"


def _sync_tree(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _sync_tree(path)
        else:
            with open(path, "r+b") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def _put(partial: Path, folder: Path, replaced: Path) -> None:
    """Put `partial` at `folder`; at every moment the old or the new one is at `folder` or `replaced`."""
    if not folder.exists():
        os.rename(partial, folder)
    elif not _exchange(partial, folder):
        shutil.rmtree(replaced, ignore_errors=True)
        os.rename(folder, replaced)
        os.rename(partial, folder)
    sync_folder(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step (Linux renameat2); False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    at_fdcwd, rename_exchange = -100, 2
    swapped: int = renameat2(at_fdcwd, os.fsencode(one), at_fdcwd, os.fsencode(other), rename_exchange)
    return swapped == 0
