"""Any model on disk, seen as the Hugging Face folder that it would be.  No torch.

Training reads a base through this view and export writes it through the same one, with the trained changes added: what
GGUF stacks or reorders (experts, Llama's queries and keys) is undone here, in one place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.formats.hf.export import hf_config, hf_tensors
from huozhong.formats.hf.safetensors import HfTensor
from huozhong.formats.source import ModelSource
from huozhong.formats.stored import Rows, Stored
from huozhong.model.architecture import Architecture
from huozhong.model.tensors import Shape

_TABLES = ("model.embed_tokens.weight", "lm_head.weight")  # large, and in the same order of rows everywhere
Change = Callable[[str, NDArray[np.float32]], NDArray[np.float32]]  # name and values -> new values


class HuggingFaceView:
    """A `ModelSource` of kind "folder" over `source`; `changed` may replace a tensor's values as it is read.

    Raises ConfigError where config.json has no words for what a GGUF file says.
    """

    kind: Literal["folder", "gguf"] = "folder"

    def __init__(self, source: ModelSource, changed: Change | None = None) -> None:
        self.source, self._changed = source, changed
        self.path: Path = source.path
        self.metadata, self.architecture = source.metadata, source.architecture
        self.modules_left_out = source.modules_left_out
        if source.kind == "gguf":
            self.metadata = hf_config(source.architecture)
            self.architecture = _with_rows_of_a_folder(source.architecture, self.metadata)
        self._tensors: dict[str, HfTensor] = {tensor.name: tensor for tensor in hf_tensors(source)}

    def names(self) -> list[str]:
        return list(self._tensors)

    def shape(self, name: str) -> Shape:
        return self._tensor(name).shape

    def stored(self, name: str) -> Stored:
        """A type and a shape; a view has no raw data."""
        return Stored("F32", self._tensor(name).shape, np.empty((0, 0), np.uint8))

    def tensor(self, name: str) -> NDArray[np.float32]:
        tensor = self._tensor(name)
        values = tensor.read().reshape(tensor.shape)
        return values if self._changed is None else self._changed(name, values)

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        return self.tensor(name)[rows]

    def pieces(self, name: str, numbers: int) -> Iterator[NDArray[np.float32]]:
        """A matrix some rows at a time, about so many numbers each, unchanged."""
        count, width = self.shape(name)
        step = max(1, numbers // width)
        if name in _TABLES:
            yield from (self.source.rows(name, slice(start, start + step)) for start in range(0, count, step))
            return
        values = self._tensor(name).read().reshape(count, width)
        yield from (values[start : start + step] for start in range(0, count, step))

    def files(self) -> list[Path]:
        return self.source.files()

    def small_files(self) -> dict[str, bytes]:
        return self.source.small_files()

    def _tensor(self, name: str) -> HfTensor:
        if (tensor := self._tensors.get(name)) is None:
            raise CheckpointError(f"{self.path}: the model has no tensor {name!r}.")
        return tensor


def _with_rows_of_a_folder(a: Architecture, config: dict[str, Any]) -> Architecture:
    """The architecture with a folder's order of rows, keeping what only the file's tensors tell (biases, layers)."""
    found = architecture_from_hf(config)
    return dataclasses.replace(a, family=found.family, rope=found.rope)
