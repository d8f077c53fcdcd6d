"""One face over the ways a model lies on disk: a Hugging Face folder of safetensors, or a GGUF file.

    source = open_model("DeepSeek-V2-Lite")        # or "qwen2.5-1.5b-q4_k_m.gguf"
    source.architecture, source.tensor("model.norm.weight")

Tensors have their Hugging Face names in both; data stay in the memory map until rows are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.source import GgufSource
from huozhong.formats.hf.folder import CONFIG
from huozhong.formats.hf.source import FolderSource
from huozhong.formats.stored import Rows, Stored
from huozhong.model.architecture import Architecture


class ModelSource(Protocol):
    """A model on disk, checked when opened: every tensor that its architecture needs is there, whole and in shape.

    metadata: what the file says about itself: config.json, or the GGUF keys.
    modules_left_out: how many prediction modules (MTP) there are tensors of that are none of `names`.
    """

    path: Path
    kind: Literal["folder", "gguf"]
    architecture: Architecture
    metadata: dict[str, Any]
    modules_left_out: int

    def names(self) -> list[str]:
        """The tensors of the model by Hugging Face name, embedding first."""

    def stored(self, name: str) -> Stored:
        """A tensor's raw data.  Raises CheckpointError when there is no such tensor."""

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        """Some rows of a tensor, dequantised: [rows, last dimension].  A stack's rows follow one another."""

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A fresh float32 array, dequantised.  Raises CheckpointError when there is no such tensor."""

    def files(self) -> list[Path]:
        """The files that the model is made of: what changes when the model does."""

    def small_files(self) -> dict[str, bytes]:
        """tokenizer.json and its neighbours by name, as far as a folder has them.

        A GGUF file has none; `formats.gguf.vocab` makes them from its metadata.
        """


def open_model(path: str | Path) -> ModelSource:
    """The model in a folder with config.json, in a .gguf file, or in a folder with one .gguf file (or its parts).

    Raises CheckpointError or ConfigError.
    """
    path = Path(path)
    if path.suffix == ".gguf":
        return GgufSource(path)
    if path.is_dir() and not (path / CONFIG).is_file():
        found = gguf_files(path)
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise CheckpointError(f"{path}: holds several models ({names}); name the one you want.")
        if found:
            return GgufSource(found[0])
    return FolderSource(path)


def gguf_files(folder: Path) -> list[Path]:
    """The GGUF models in a folder: of a model in parts only the first part."""
    files = sorted(file for file in folder.glob("*.gguf") if file.is_file())
    return [file for file in files if "-of-" not in file.name or "-00001-of-" in file.name]
