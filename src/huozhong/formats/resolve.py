"""Where the model of a name or a path lies."""

from __future__ import annotations

from pathlib import Path

from huozhong.errors import CheckpointError
from huozhong.formats import installed
from huozhong.formats.source import gguf_files

BUILT_IN = Path(__file__).resolve().parent.parent / "models"


def is_built_in(path: Path) -> bool:
    """Whether a path is that of a model which came with this package."""
    return path.resolve().parent == BUILT_IN


def built_in_names() -> list[str]:
    """The models that came with the program."""
    return sorted(folder.name for folder in BUILT_IN.glob("*") if (folder / "config.json").is_file())


def resolve_model(name_or_path: str | Path) -> Path:
    """Where the model of a name (built in, or brought here) or of a path lies: a folder, or a .gguf file.

    Names come before paths; a path with a "/" in it is never a name.

    Raises `CheckpointError` with what there is when there is no such model.
    """
    path = Path(name_or_path).expanduser()
    builtin = built_in_names()
    if isinstance(name_or_path, str) and name_or_path in builtin:
        return BUILT_IN / name_or_path
    if isinstance(name_or_path, str) and (stored := installed.find(name_or_path)) is not None:
        return stored
    if (path / "config.json").is_file() or (path.suffix == ".gguf" and path.is_file()):
        return path
    if path.is_dir() and gguf_files(path):
        return path
    known = f"built-in models: {', '.join(builtin)}" if builtin else "no model is built in"
    if (path / "adapter_config.json").is_file():
        raise CheckpointError(
            f"{path} holds an adapter (LoRA), which is no model by itself; name its base, and the adapter beside it."
        ).in_chinese(f"{path} 里是适配器（LoRA），单独不是模型；请写它的基座模型，再把适配器一起给出。")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder without config.json, so it holds no model ({known}).").in_chinese(
            f"{path} 是文件夹，但没有 config.json，里面没有模型（内置模型：{'、'.join(builtin) or '没有'}）。"
        )
    raise CheckpointError(
        f"there is no model {str(name_or_path)!r}: give a folder, a .gguf file or a name ({known})."
    ).in_chinese(
        f"没有模型 {str(name_or_path)!r}：请给出文件夹、.gguf 文件或名字（内置模型：{'、'.join(builtin) or '没有'}）。"
    )
