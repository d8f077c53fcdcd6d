"""`bring`: a model from a folder or a GGUF file, say on a USB stick, into the store."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from huozhong.errors import HubError
from huozhong.files import whole_file
from huozhong.formats.installed import (
    MANIFEST,
    InstalledFile,
    InstalledModel,
    ModelManifest,
    checked_name,
    models_folder,
    read_manifest,
)
from huozhong.hub.arrival import arriving, free_name, installed, need_space
from huozhong.hub.check import check_opens
from huozhong.hub.choose import choose
from huozhong.hub.download import Unwatched, Watcher
from huozhong.hub.sources import RemoteFile

_CHUNK = 4 * 2**20
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def bring(path: Path, watcher: Watcher, *, name: str | None = None, link: bool = False) -> InstalledModel:
    """Copy the model at `path` into the store (or link to it) after checking that it can be opened.

    path: a .gguf file (of several shards, any one), or a folder.  name: what to call it; None for the file's or
    folder's own name.  link: leave the files where they are; the model is gone when they are.
    Raises `HubError` or `CheckpointError`; nothing is left behind then.
    """
    path = path.expanduser()
    files = model_files(path)
    name = free_name(name if name is not None else _own_name(path))
    if (before := installed(name)) is not None:
        raise HubError(
            f"已有名为 {name} 的模型（来自 {before.manifest.source}）；请用 --name 另取一个名字，"
            f"或先 huozhong remove {name}。",
            f"There is a model {name} already (from {before.manifest.source}); choose another --name, or first: "
            f"huozhong remove {name}.",
        )
    check_opens(path)
    with arriving(name) as arrival:
        for old in arrival.folder.iterdir():
            if old.name != "lock":
                old.unlink()
        total = sum(file.stat().st_size for file in files)
        if not link:
            need_space(arrival.folder, total)
        watcher.start(total)
        stored_files = []
        for file in files:
            watcher.file(file.name)
            target = arrival.folder / file.name
            stored_files.append(_link(file, target, watcher) if link else _copy(file, target, watcher))
        return arrival.complete(str(path.resolve()), None, stored_files, linked=link)


def copy_stored(path: Path, name: str) -> InstalledModel:
    """The model at `path` once more, as `name`: where the disk can, the same files under two names.

    Nobody writes into a stored file, so neither can change the other; removing one leaves the other.
    Raises as `bring` does.
    """
    files, name = model_files(path), free_name(name)
    if installed(name) is not None:
        raise HubError(
            f"已有名为 {name} 的模型；请换一个名字。", f"There is a model {name} already; take another name."
        )
    manifest = read_manifest(path) if (path / MANIFEST).is_file() else None
    with arriving(name) as arrival:
        for old in arrival.folder.iterdir():
            if old.name != "lock":
                old.unlink()
        known = {} if manifest is None else {file.name: file for file in manifest.files}
        stored = []
        for file in files:
            target = arrival.folder / file.name
            if not _same_file(file, target):
                need_space(arrival.folder, file.stat().st_size)
                stored.append(_copy(file, target, Unwatched()))
            else:
                stored.append(known.get(file.name) or InstalledFile(file.name, file.stat().st_size, None))
        source = str(path.resolve()) if manifest is None else manifest.source
        revision = None if manifest is None else manifest.revision
        return arrival.complete(source, revision, stored, linked=manifest is not None and manifest.linked)


def manifest_for(name: str, path: Path, copy: Path) -> ModelManifest:
    """What the copy of the model at `path`, which lies in the folder `copy`, says of itself."""
    before = read_manifest(path) if (path / MANIFEST).is_file() else None
    known = {} if before is None else {file.name: file for file in before.files}
    files = []
    for file in sorted(one for one in copy.iterdir() if one.is_file() and one.name != MANIFEST):
        old = known.get(file.name)
        files.append(InstalledFile(file.name, file.stat().st_size, None if old is None else old.sha256))
    arrived = datetime.now(UTC).isoformat(timespec="seconds")
    if before is None:
        return ModelManifest(name, str(path.resolve()), None, arrived, False, tuple(files))
    return ModelManifest(name, before.source, before.revision, arrived, False, tuple(files))


def _same_file(file: Path, target: Path) -> bool:
    """Give a stored file a second name; False where that cannot be, or where the file is not the store's own."""
    try:
        if file.is_symlink():
            os.symlink(os.readlink(file), target)
        elif models_folder().resolve() in file.resolve().parents:
            os.link(file, target)
        else:
            return False
    except OSError:  # another disk, or one that knows no links
        return False
    return True


def model_files(path: Path) -> list[Path]:
    """The files that make up the model at `path`; `HubError` when there is none."""
    if path.is_dir():
        folder, select = path, None
    elif path.is_file() and path.suffix.lower() == ".gguf":
        folder, select = path.parent, path.name
    else:
        raise HubError(
            f"{path} 既不是模型文件夹，也不是 .gguf 文件。", f"{path} is neither a model folder nor a .gguf file."
        )
    found = [RemoteFile(one.name, one.stat().st_size) for one in sorted(folder.iterdir()) if one.is_file()]
    inside = [one / "config.json" for one in sorted(folder.iterdir()) if one.is_dir()]  # a training's checkpoint-500
    found += [RemoteFile(f"{one.parent.name}/config.json", 0) for one in inside if one.is_file()]
    names = [file.path for file in found]
    if select is None and "config.json" not in names and any(name.lower().endswith(".gguf") for name in names):
        found = [file for file in found if not file.name.endswith(".safetensors")]
    return [folder / file.name for file in choose(found, select, str(path))]


def _own_name(path: Path) -> str:
    """The name a model had in another machine's store, or one made of its file's or folder's name."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir() and (folder / MANIFEST).is_file():
        return checked_name(read_manifest(folder).name)
    own = path.resolve()
    text = _SHARD.sub("", own.stem) if path.is_file() else own.name
    return checked_name(re.sub(r"[^\w.-]+", "-", text).strip("-.") or "model")


def _link(file: Path, target: Path, watcher: Watcher) -> InstalledFile:
    size = file.stat().st_size
    try:
        os.symlink(file.resolve(), target)
    except OSError as error:
        raise HubError(
            f"不能创建链接（{error.strerror}）；请不用 --link，改为复制。",
            f"A link cannot be made ({error.strerror}); copy instead, without --link.",
        ) from None
    watcher.advance(size)
    return InstalledFile(file.name, size, None)


def _copy(file: Path, target: Path, watcher: Watcher) -> InstalledFile:
    """Copy one file, synced to the disk, and check that all of it came."""
    size, digest = file.stat().st_size, hashlib.sha256()
    try:
        with open(file, "rb") as source, whole_file(target) as out:
            while piece := source.read(_CHUNK):
                out.write(piece)
                digest.update(piece)
                watcher.advance(len(piece))
    except OSError as error:
        raise HubError(
            f"{file.name} 复制失败（{error.strerror}）。", f"{file.name} could not be copied ({error.strerror})."
        ) from None
    if target.stat().st_size != size:
        raise HubError(
            f"{file.name} 在复制时变了大小；请再试一次。",
            f"{file.name} changed its size while it was copied; try again.",
        )
    return InstalledFile(file.name, size, digest.hexdigest())
