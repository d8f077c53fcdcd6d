"""Whether what came can be run: asked before gigabytes are fetched, and again before the model gets its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from huozhong.errors import HubError
from huozhong.formats.ready import check_words
from huozhong.formats.source import ModelSource, open_model
from huozhong.model.architecture import Family


def check_family(config: Path) -> None:
    """`HubError` unless this config.json names an architecture that the engine runs."""
    try:
        raw = json.loads(config.read_text(encoding="utf-8"))
        family = raw["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HubError(f"{config.name} 看不懂（{error}）。", f"{config.name} cannot be understood ({error}).") from None
    if family not in get_args(Family):
        known = ", ".join(get_args(Family))
        raise HubError(
            f"这个模型的结构是 {family!r}，本程序不能运行；能运行的有：{known}。",
            f"This model's architecture is {family!r}, which cannot be run here; those that can: {known}.",
        )


def check_opens(path: Path) -> ModelSource:
    """The model in a folder or a GGUF file; a `HuozhongError` when the engine could not run it or read its words."""
    if (path / "config.json").is_file():
        check_family(path / "config.json")
    source = open_model(path)
    check_words(source)
    return source
