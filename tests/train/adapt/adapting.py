"""How tests adapt a model."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from huozhong.formats.gguf.vocab import small_files
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.train.adapt.adaptation import Adapted, adapt
from huozhong.train.adapt.settings import Settings
from huozhong.train.adapt.tasks import SftTask


def opened(path: Path) -> tuple[HuggingFaceView, dict[str, bytes]]:
    source = open_model(path)
    return HuggingFaceView(source), source.small_files() if source.kind == "folder" else small_files(source.metadata)


def settings(out: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "base": "tiny", "out": out, "method": "lora", "rank": 8, "alpha": 16.0, "lr": 1e-2, "epochs": 8, "batch": 4,
        "threads": 1, "dtype": "float32",
    }  # fmt: skip
    return Settings(**(values | changes))


def run(path: Path, task: SftTask, wish: Settings, **options: Any) -> Adapted:
    view, files = opened(path)
    done = adapt(view, files, task, wish, console=Console(file=StringIO()), **options)
    assert done is not None
    return done
