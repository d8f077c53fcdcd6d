"""A Hugging Face folder as a model: config.json becomes an `Architecture`, tensors have the names they have there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.blocks import dequantize
from huozhong.formats.hf.configs import FP8_BLOCK, architecture_from_hf
from huozhong.formats.hf.deepseek_names import modules_of, named_here
from huozhong.formats.hf.folder import CONFIG, find_folder, needed_entry, read_entries, read_json, refuse_unknown
from huozhong.formats.hf.fp4 import GROUP, Fp4Rows
from huozhong.formats.hf.safetensors import Entry, decode
from huozhong.formats.hf.tiktoken import TIKTOKEN, tokenizer_json
from huozhong.formats.stored import FLOAT_TYPES, Rows, Stored
from huozhong.model.architecture import Architecture
from huozhong.model.tensors import TABLE, Shape, expected_tensors

SMALL_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja")
_SCALES = "_scale_inv"


class FolderSource:
    """See `source.ModelSource`.  BF16, F16, F32, DeepSeek's float8 with a scale for every 128 x 128 block, and experts
    of four bits with a scale for each 32."""

    kind: Literal["folder", "gguf"] = "folder"

    def __init__(self, path: str | Path) -> None:
        """Raises CheckpointError or ConfigError."""
        self.path = find_folder(path)
        self.metadata: dict[str, Any] = read_json(self.path / CONFIG)
        self._entries = read_entries(self.path)
        architecture, modules = architecture_from_hf(self.metadata), set[str]()
        if architecture.family == "deepseek_v4":
            modules = modules_of(self._entries)
            self._entries = named_here(self._entries)
        self.architecture = self._with_modules_there(architecture)
        self.modules_left_out = len(modules) + len(self._layers_behind())
        self._names: list[str] = []
        for name, shape in expected_tensors(self.architecture):
            self._check(name, shape)
            self._names.append(name)
        known = {known for name in self._names for known in (name, name + _SCALES)}
        refuse_unknown(self._entries, known, self.architecture.num_layers)

    def names(self) -> list[str]:
        return list(self._names)

    def stored(self, name: str) -> Stored:
        entry = self._entry(name)
        if (four := self._fp4(name)) is not None:
            return Stored("MXFP4", (len(four), entry.shape[1] * 2), four)
        return Stored(entry.dtype, entry.shape, entry.rows)

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        entry = self._entry(name)
        if (four := self._fp4(name)) is not None:
            return dequantize(four[rows], "MXFP4")
        values = decode(entry.rows[rows], entry.dtype)
        if entry.dtype == "F8_E4M3":
            numbers = np.arange(len(entry.rows))[rows]
            scales = self._entries[name + _SCALES].read()[numbers // FP8_BLOCK]
            values *= np.repeat(scales, FP8_BLOCK, axis=1)[:, : values.shape[1]]
        return values

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self.rows(name, slice(None)).reshape(self.stored(name).shape)

    def files(self) -> list[Path]:
        return sorted(file for file in self.path.iterdir() if file.suffix in (".safetensors", ".json"))

    def small_files(self) -> dict[str, bytes]:
        names = (*SMALL_FILES, TIKTOKEN)
        files = {name: (self.path / name).read_bytes() for name in names if (self.path / name).is_file()}
        if TIKTOKEN in files and "tokenizer.json" not in files:
            files["tokenizer.json"] = tokenizer_json(files, where=str(self.path))
        files.pop(TIKTOKEN, None)
        return files

    # -- checks ------------------------------------------------------------------------------------------

    def _entry(self, name: str) -> Entry:
        if (entry := self._entries.get(name)) is None:
            raise CheckpointError(f"{self.path}: the model has no tensor {name!r}.")
        return entry

    def _with_modules_there(self, architecture: Architecture) -> Architecture:
        """Prediction modules that the files leave out, as transformers does on saving, are not missed."""
        a = architecture
        there = self._layers()
        modules = [i for i in range(a.num_nextn_predict_layers) if str(a.num_layers + i) in there]
        if len(modules) == a.num_nextn_predict_layers:
            return a
        count = len(modules) if modules == list(range(len(modules))) else 0
        return dataclasses.replace(a, num_nextn_predict_layers=count, moe_layers=a.moe_layers[: a.num_layers + count])

    def _layers(self) -> set[str]:
        return {name.split(".")[2] for name in self._entries if name.startswith("model.layers.")}

    def _layers_behind(self) -> list[str]:
        """Numbers of layers behind those of the model and of its modules."""
        every = self.architecture.num_layers + self.architecture.num_nextn_predict_layers
        return [number for number in self._layers() if number.isdecimal() and int(number) >= every]

    def _fp4(self, name: str) -> Fp4Rows | None:
        """The rows of an expert of four bits; None for any other tensor."""
        entry, scales = self._entries.get(name), self._entries.get(name + _SCALES)
        if entry is None or scales is None or entry.dtype not in ("I8", "U8") or scales.dtype != "F8_E8M0":
            return None
        return Fp4Rows(entry.rows, scales.rows)

    def _check(self, name: str, shape: Shape) -> None:
        if (four := self._fp4(name)) is not None:
            if four.packed.shape == (shape[0], shape[-1] // 2) and four.scales.shape == (shape[0], shape[-1] / GROUP):
                return
            raise CheckpointError(
                f"{self._entry(name).path}: tensor {name!r} of four bits is {list(four.packed.shape)} with scales "
                f"{list(four.scales.shape)}; config.json needs {list(shape)}."
            )
        entry = needed_entry(self.path, self._entries, name, shape)
        where = f"{entry.path}: tensor {name!r}"
        if name.endswith(TABLE) and entry.dtype in ("I64", "I32"):
            return
        if entry.dtype not in FLOAT_TYPES:
            raise CheckpointError(f"{where} is stored as {entry.dtype}; BF16, F16, F32 and F8_E4M3 can be read.")
        if entry.dtype == "F8_E4M3":
            self._check_scales(name, entry, where)

    def _check_scales(self, name: str, entry: Entry, where: str) -> None:
        scales = self._entries.get(name + _SCALES)
        if scales is None or len(entry.shape) != 2:
            raise CheckpointError(f"{where} is float8 without {(name + _SCALES)!r}, its scales.")
        needed = tuple(-(-size // FP8_BLOCK) for size in entry.shape)
        if scales.shape != needed or scales.dtype not in ("F32", "BF16", "F16", "F8_E8M0"):
            raise CheckpointError(
                f"{scales.path}: tensor {(name + _SCALES)!r} is {scales.dtype} {list(scales.shape)}; "
                f"float32 {list(needed)} is needed."
            )
