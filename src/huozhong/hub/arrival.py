"""How a model enters the store, whole or not at all, and how it leaves.

A model arrives in a folder beside its own whose name begins with a dot and ends in ".partial".  When every file is
there, checked and on the disk, the folder gets its name in one step.  An unfinished one stays for the next try.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from huozhong.errors import HubError
from huozhong.files import locked, sync_folder, write_whole
from huozhong.formats import resolve
from huozhong.formats.installed import (
    MANIFEST,
    InstalledFile,
    InstalledModel,
    ModelManifest,
    checked_name,
    find,
    folder_of,
    models_folder,
    read_manifest,
)

_DONE = "finished.json"
_LOCK = "lock"
_SPARE_BYTES = 64 * 2**20


@dataclass
class Arrival:
    """A model on its way in: a folder to fill, and the files of it that are finished."""

    name: str
    folder: Path

    def finished(self) -> dict[str, tuple[InstalledFile, str | None]]:
        """Files that earlier tries finished, by name, each with the hub's key of its content."""
        try:
            raw = json.loads((self.folder / _DONE).read_text(encoding="utf-8"))
            done = {name: (InstalledFile(name, size, sha256), key) for name, size, sha256, key in raw}
        except (OSError, ValueError, TypeError):
            return {}  # nothing yet, or a write that was cut off: those files are fetched again
        return {
            n: d
            for n, d in done.items()
            if (self.folder / n).is_file() and (self.folder / n).stat().st_size == d[0].size
        }

    def finish_file(self, file: InstalledFile, key: str | None) -> None:
        """Remember that `file` is here and checked."""
        done = {**self.finished(), file.name: (file, key)}
        rows = [[f.name, f.size, f.sha256, key] for f, key in done.values()]
        write_whole(self.folder / _DONE, json.dumps(rows))

    def complete(
        self, source: str, revision: str | None, files: list[InstalledFile], *, linked: bool
    ) -> InstalledModel:
        """Give the folder its name.  A model of that name is replaced."""
        keep = {file.name for file in files}
        for path in list(self.folder.iterdir()):
            if path.name not in keep and path.name != _LOCK:
                path.unlink()
        manifest = ModelManifest(
            self.name, source, revision, datetime.now(UTC).isoformat(timespec="seconds"), linked, tuple(files)
        )
        write_whole(self.folder / MANIFEST, manifest.to_json())
        target = folder_of(self.name)
        replaced = target.with_name(f".{target.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        if target.exists():
            os.rename(target, replaced)
        os.rename(self.folder, target)
        (target / _LOCK).unlink(missing_ok=True)
        sync_folder(target.parent)
        shutil.rmtree(replaced, ignore_errors=True)
        return InstalledModel(self.name, target, manifest)


@contextmanager
def arriving(name: str) -> Iterator[Arrival]:
    """A folder for the model `name`, alone: a second `arriving` of the same name meanwhile is a `HubError`."""
    name = free_name(name)
    folder = partial_folder(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / _LOCK, "a+")  # noqa: SIM115  (closed below; on Windows before the rename)
    except OSError as error:
        raise HubError(
            f"{folder} 不能写（{error.strerror}）。", f"{folder} cannot be written ({error.strerror})."
        ) from None
    try:
        # The file may have gone away with a folder that was completed between opening and locking it.
        if not locked(lock.fileno()) or not (folder / _LOCK).exists():
            raise HubError(
                f"另一个命令正在取模型 {name}；请等它结束。",
                f"Another command is bringing the model {name} right now; wait for it to end.",
            )
        yield Arrival(name, folder)
    except OSError as error:
        raise HubError(
            f"模型 {name} 写不进磁盘（{error.strerror}：{error.filename or folder}）。",
            f"The model {name} cannot be written ({error.strerror}: {error.filename or folder}).",
        ) from None
    finally:
        lock.close()


def free_name(name: str) -> str:
    """`name` as a stored model's, which no built-in model may have: names find those first."""
    name = checked_name(name)
    if name in resolve.built_in_names():
        raise HubError(
            f"{name} 是内置模型的名字；请用 --name 另取一个。",
            f"{name} is the name of a built-in model; choose another one with --name.",
        )
    return name


def partial_folder(name: str) -> Path:
    folder = folder_of(name)
    return folder.with_name(f".{folder.name}.partial")


def unfinished() -> list[tuple[str, int]]:
    """Models that began to arrive: name and bytes so far."""
    found = []
    root = models_folder()
    for folder in sorted(root.glob(".*.partial")) if root.is_dir() else []:
        size = sum(file.stat().st_size for file in folder.iterdir() if file.name not in (_LOCK, _DONE))
        found.append((folder.name[1:].removesuffix(".partial").replace("@", ":"), size))
    return found


def forget_unfinished(name: str) -> int:
    """Delete what has begun to arrive under this name, and nothing else; the bytes that were freed."""
    folder = partial_folder(name)
    if not folder.is_dir():
        return 0
    freed = sum(file.lstat().st_size for file in folder.iterdir())
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def remove(name: str) -> int:
    """Delete the stored model `name`, and what began to arrive under that name; the bytes that were freed.

    Links are removed, never what they point to.  `HubError` when there is no such model.
    """
    folders = [folder for folder in (find(name), partial_folder(name)) if folder is not None and folder.is_dir()]
    if not folders:
        raise HubError(
            f"没有名为 {name!r} 的模型；huozhong list 列出所有模型。",
            f"There is no stored model {name!r}; huozhong list shows what there is.",
        )
    freed = 0
    for folder in folders:
        freed += sum(file.lstat().st_size for file in folder.iterdir())
        doomed = folder.with_name(f".{folder.name.lstrip('.')}.removed")
        try:
            shutil.rmtree(doomed, ignore_errors=True)
            os.rename(folder, doomed)  # first, so that no half model is ever listed
            shutil.rmtree(doomed)
        except OSError as error:
            raise HubError(
                f"{folder} 删不掉（{error.strerror}）。", f"{folder} cannot be deleted ({error.strerror})."
            ) from None
    return freed


def need_space(folder: Path, count: int) -> None:
    """`HubError` unless `count` more bytes fit on the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    if count + _SPARE_BYTES > free:
        raise HubError(
            f"磁盘空间不够：还要 {gigabytes(count)}，{folder} 所在的磁盘只剩 {gigabytes(free)}；"
            "请腾出空间，或用环境变量 HUOZHONG_MODELS 指定另一个磁盘。",
            f"Not enough room: {gigabytes(count)} are still needed and the disk of {folder} has {gigabytes(free)} "
            "left; make room, or let HUOZHONG_MODELS name a folder on another disk.",
        )


def gigabytes(count: float) -> str:
    """A number of bytes for people: 1.1 GB, 27 MB."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def installed(name: str) -> InstalledModel | None:
    """The stored model of exactly this name."""
    folder = folder_of(name)
    if not (folder / MANIFEST).is_file():
        return None
    return InstalledModel(checked_name(name), folder, read_manifest(folder))
