"""One face over the ways a model lies on disk: a Hugging Face folder of safetensors, or a GGUF file.

    source = open_model("DeepSeek-V2-Lite")        # or "qwen2.5-1.5b-q4_k_m.gguf"
    source.architecture, source.tensor("model.norm.weight")

Tensors have their Hugging Face names in both; data stay in the memory map until rows are asked for.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.checkpoint import CONFIG, Entry, decode, find_folder, read_entries, read_json
from huozhong.formats.hf.configs import FP8_BLOCK
from huozhong.model.architecture import Architecture
from huozhong.model.tensors import expected_tensors

Rows = slice | NDArray[np.intp]  # which rows of a matrix
FLOAT_TYPES = ("F32", "F16", "BF16", "F8_E4M3")
SMALL_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja")
_SCALES = "_scale_inv"


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as it lies in the file.

    type: F32, F16, BF16, F8_E4M3 (whose scales lie apart) or a GGUF block format (Q4_0, Q6_K ...).
    shape: outermost dimension first.  data: uint8 [rows, bytes per row], memory-mapped; rows are every dimension
    but the last, so a vector is one row.
    """

    type: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8]


class ModelSource(Protocol):
    """A model on disk, checked when opened: every tensor that its architecture needs is there, whole and in shape.

    metadata: what the file says about itself: config.json, or the GGUF keys.
    """

    path: Path
    kind: Literal["folder", "gguf"]
    architecture: Architecture
    metadata: dict[str, Any]

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

        A GGUF file has none; `text.gguf_vocab` makes them from its metadata.
        """


def open_model(path: str | Path) -> ModelSource:
    """The model in a folder with config.json, in a .gguf file, or in a folder with one .gguf file (or its parts).

    Raises CheckpointError or ConfigError.
    """
    path = Path(path)
    if path.suffix == ".gguf":
        return _open_gguf(path)
    if path.is_dir() and not (path / CONFIG).is_file():
        found = gguf_files(path)
        if len(found) > 1:
            names = ", ".join(file.name for file in found)
            raise CheckpointError(f"{path}: holds several models ({names}); name the one you want.")
        if found:
            return _open_gguf(found[0])
    return FolderSource(path)


def gguf_files(folder: Path) -> list[Path]:
    """The GGUF models in a folder: of a model in parts only the first part."""
    files = sorted(file for file in folder.glob("*.gguf") if file.is_file())
    return [file for file in files if "-of-" not in file.name or "-00001-of-" in file.name]


def _open_gguf(path: Path) -> ModelSource:
    from huozhong.formats.gguf.source import GgufSource  # which builds on this file

    return GgufSource(path)


class FolderSource:
    """A Hugging Face folder: BF16, F16, F32, or DeepSeek's float8 with a scale for every 128 x 128 block."""

    kind: Literal["folder", "gguf"] = "folder"

    def __init__(self, path: str | Path) -> None:
        self.path = find_folder(path)
        self.metadata: dict[str, Any] = read_json(self.path / CONFIG)
        self._entries = read_entries(self.path)
        self.architecture = self._with_modules_there(Architecture.from_hf(self.metadata))
        self._names: list[str] = []
        for name, shape in expected_tensors(self.architecture):
            self._check(name, shape)
            self._names.append(name)
        self._refuse_unknown()

    def names(self) -> list[str]:
        return list(self._names)

    def stored(self, name: str) -> Stored:
        entry = self._entry(name)
        return Stored(entry.dtype, entry.shape, entry.rows)

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        entry = self._entry(name)
        values = decode(entry.rows[rows], entry.dtype)
        if entry.dtype == "F8_E4M3":
            numbers = np.arange(len(entry.rows))[rows]
            scales = self._entries[name + _SCALES].read()[numbers // FP8_BLOCK]
            values *= np.repeat(scales, FP8_BLOCK, axis=1)[:, : values.shape[1]]
        return values

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self.rows(name, slice(None)).reshape(self._entry(name).shape)

    def files(self) -> list[Path]:
        return sorted(file for file in self.path.iterdir() if file.suffix in (".safetensors", ".json"))

    def small_files(self) -> dict[str, bytes]:
        return {name: (self.path / name).read_bytes() for name in SMALL_FILES if (self.path / name).is_file()}

    # -- checks ------------------------------------------------------------------------------------------

    def _entry(self, name: str) -> Entry:
        if (entry := self._entries.get(name)) is None:
            raise CheckpointError(f"{self.path}: the model has no tensor {name!r}.")
        return entry

    def _with_modules_there(self, architecture: Architecture) -> Architecture:
        """Prediction modules that the files leave out, as transformers does on saving, are not missed."""
        a = architecture
        there = {name.split(".")[2] for name in self._entries if name.startswith("model.layers.")}
        modules = [i for i in range(a.num_nextn_predict_layers) if str(a.num_layers + i) in there]
        if len(modules) == a.num_nextn_predict_layers:
            return a
        count = len(modules) if modules == list(range(len(modules))) else 0
        return dataclasses.replace(a, num_nextn_predict_layers=count, moe_layers=a.moe_layers[: a.num_layers + count])

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        entry = self._entries.get(name)
        if entry is None:
            raise CheckpointError(f"{self.path}: tensor {name!r} is missing; config.json needs it.")
        where = f"{entry.path}: tensor {name!r}"
        if entry.shape != shape:
            raise CheckpointError(f"{where} has shape {list(entry.shape)}; config.json needs {list(shape)}.")
        if entry.dtype not in FLOAT_TYPES:
            raise CheckpointError(f"{where} is stored as {entry.dtype}; BF16, F16, F32 and F8_E4M3 can be read.")
        if entry.dtype == "F8_E4M3":
            self._check_scales(name, entry, where)

    def _check_scales(self, name: str, entry: Entry, where: str) -> None:
        scales = self._entries.get(name + _SCALES)
        if scales is None or len(entry.shape) != 2:
            raise CheckpointError(f"{where} is float8 without {(name + _SCALES)!r}, its scales.")
        needed = tuple(-(-size // FP8_BLOCK) for size in entry.shape)
        if scales.shape != needed or scales.dtype not in ("F32", "BF16", "F16"):
            raise CheckpointError(
                f"{scales.path}: tensor {(name + _SCALES)!r} is {scales.dtype} {list(scales.shape)}; "
                f"float32 {list(needed)} is needed."
            )

    def _refuse_unknown(self) -> None:
        """A tensor that nothing explains means another architecture; leaving it out would give nonsense."""
        known = set(self._names)
        for name, entry in self._entries.items():
            duplicate = name == "lm_head.weight" or name.endswith(".rotary_emb.inv_freq")
            if name.removesuffix(_SCALES) in known or duplicate or not math.prod(entry.shape):
                continue
            layer = name.removeprefix("model.layers.").split(".")[0]
            if layer.isdecimal() and int(layer) >= self.architecture.num_layers:
                continue  # prediction modules that config.json does not ask for, or their duplicates
            raise CheckpointError(f"{entry.path}: tensor {name!r} has no place in the model of config.json.")
