"""The models that were brought to this machine: their names, their folders, and what each folder says of itself.

    models_folder()/deepseek-r1@1.5b/        the model deepseek-r1:1.5b ("@", because Windows has no ":" in names)
        huozhong.json                        the manifest: where it came from, its files, their sizes and hashes
        ...                                  a Hugging Face folder, or one GGUF file (or its shards)

Here they are named, found and listed.  `huozhong.hub` brings and removes them.  A folder whose name begins with
a dot is unfinished, and no model yet.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from huozhong.errors import CheckpointError, ConfigError
from huozhong.files import data_folder

MANIFEST = "huozhong.json"
_NAME = re.compile(r"\w[\w.-]*(:\w[\w.-]*)?")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class InstalledFile:
    """One file of a stored model.  sha256: hexadecimal; None for a linked file, which was not read."""

    name: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class ModelManifest:
    """What `huozhong.json` says.  source: "hf:owner/repo", "ms:owner/repo" or a path; arrived: ISO 8601, UTC.

    revision: the hub's commit; None for what was imported.  linked: the files are links to where they lay.
    """

    name: str
    source: str
    revision: str | None
    arrived: str
    linked: bool
    files: tuple[InstalledFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    def to_json(self) -> str:
        return json.dumps({"version": 1, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class InstalledModel:
    """A model in the store."""

    name: str
    folder: Path
    manifest: ModelManifest

    def unlike(self) -> Literal["gone", "changed"] | None:
        """Whether files are gone, or have another size than they came with; None: all is as it was, so far as that."""
        sizes = [(_size(self.folder / file.name), file.size) for file in self.manifest.files]
        if any(now is None for now, _ in sizes):
            return "gone"
        return "changed" if any(now != then for now, then in sizes) else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # also a link to nowhere
        return None


def models_folder() -> Path:
    """Where brought models live: $HUOZHONG_MODELS, or the user's data folder."""
    if chosen := os.environ.get("HUOZHONG_MODELS"):
        return Path(chosen).expanduser()
    return data_folder() / "models"


def is_name(text: str) -> bool:
    """Whether `text` could be a stored model's name: NAME or NAME:TAG of letters, digits, '_', '-' and '.'."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """`text` as a name, in lower case (some file systems do not tell cases apart)."""
    if not is_name(text):
        raise ConfigError(
            f"{text!r} cannot be a model's name; use NAME or NAME:TAG of letters, digits, '_', '-' and '.'."
        ).in_chinese(f"{text!r} 不能做模型名；请用 名字 或 名字:标签，只含字母、数字、'_'、'-' 和 '.'。")
    return text.lower()


def folder_of(name: str) -> Path:
    """The folder that the model `name` has, or would have."""
    return models_folder() / checked_name(name).replace(":", "@")


def name_of(path: Path) -> str:
    """How the model in a folder or a .gguf file is called: its stored name, or else the folder's or file's own."""
    for lies in (path.absolute(), path.resolve()):  # a stored .gguf file may be a link to elsewhere
        folder = lies.parent if lies.suffix == ".gguf" else lies
        if folder.parent in (models_folder().absolute(), models_folder().resolve()):
            return folder.name.replace("@", ":")
    resolved = path.resolve()
    return resolved.stem if resolved.suffix == ".gguf" else resolved.name


def find(name: str) -> Path | None:
    """The folder of the stored model `name`; a name without a tag also finds the only one that has a tag."""
    if not is_name(name):
        return None
    folder = folder_of(name)
    if (folder / MANIFEST).is_file():
        return folder
    if ":" not in name:
        tagged = [one for one in stored_folders() if one.name.partition("@")[0] == folder.name]
        if len(tagged) == 1:
            return tagged[0]
    return None


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest in `folder`; `CheckpointError` when it cannot be understood."""
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("version") != 1:
            raise ValueError("its version is not 1")
        files = tuple(InstalledFile(str(f["name"]), int(f["size"]), f["sha256"]) for f in raw.pop("files"))
        return ModelManifest(**raw, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); remove the model and bring it again.").in_chinese(
            f"{path} 读不了（{error}）；请删除这个模型再重新导入。"
        ) from None


def installed_models() -> list[InstalledModel]:
    """Every model in the store, by name."""
    return [InstalledModel(name_of(folder), folder, read_manifest(folder)) for folder in stored_folders()]


def stored_folders() -> list[Path]:
    """Every stored model's folder, by name; no manifest is read, so one that is damaged hides no other."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.name[0] != "." and (one / MANIFEST).is_file())
