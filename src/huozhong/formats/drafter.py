"""A drafter's folder: a small network that guesses what one certain model will say next (`train draft` makes them).

    config.json          what it is, which model it belongs to, which tokens it guesses
    model.safetensors    its own weights; embedding and head are the model's

It has the form of DeepSeek-V3's prediction module (arXiv:2412.19437, §2.2) with a layer of the model's own kind, dense.
Any model can thus be given one afterwards; a guess is checked, so a drafter never changes an answer.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.hf.folder import CONFIG, WEIGHTS, find_folder, needed_entry, read_entries, read_json
from huozhong.formats.hf.folder import replace_model_folder as replace_folder
from huozhong.formats.hf.safetensors import Entry, HfTensor, safetensors_pieces
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import ModelSource
from huozhong.formats.stored import Rows, Stored
from huozhong.model.architecture import Architecture, CompressedAttention, LatentAttention
from huozhong.model.tensors import Shape, expected_tensors

MODEL_TYPE = "huozhong_drafter"
_LAYER = "model.layers.0."
_SAID_BY = "huozhong train draft"


@dataclass(frozen=True, kw_only=True)
class DrafterConfig:
    """What config.json says.

    base: `mark_of` the model that it belongs to; base_name: what people call that.  intermediate_size: inner width of
    its feed-forward part.  guessed: the tokens that it may guess, those that the model says most; rising.
    """

    base: str
    base_name: str
    hidden_size: int
    vocab_size: int
    intermediate_size: int
    guessed: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        return {"model_type": MODEL_TYPE, **values, "guessed": list(self.guessed)}


def mark_of(source: ModelSource) -> str:
    """A model's content in few letters: its shape and its norms, which no quantisation touches.

    So a drafter that was trained on one file of a model fits every other of it, and low-rank adapters merged into the
    model leave it at home, too; any other model differs.
    """
    a = source.architecture
    mark = hashlib.blake2b(f"{a.vocab_size} {a.hidden_size} {a.num_layers} {a.attention}".encode(), digest_size=12)
    for layer in range(a.num_layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            mark.update(source.tensor(f"model.layers.{layer}.{norm}.weight").astype("<f4").tobytes())
    mark.update(source.tensor("model.norm.weight").astype("<f4").tobytes())
    return mark.hexdigest()


def check_can_have(base: ModelSource) -> None:
    """Raises ConfigError for a model that no kind of drafter can guess for."""
    if isinstance(base.architecture.attention, CompressedAttention):
        raise ConfigError(f"{base.path}: models with compressed attention (DeepSeek-V4) cannot have a drafter yet.")


def drafter_architecture(base: ModelSource, intermediate_size: int) -> Architecture:
    """The architecture whose only layer is a drafter's, with rows in the order of a folder.

    Raises ConfigError for a model that cannot have one.
    """
    check_can_have(base)
    a = HuggingFaceView(base).architecture
    if isinstance(a.attention, LatentAttention) and a.attention.indexer is not None:
        raise ConfigError(
            f"{base.path}: models with sparse attention cannot have a drafter; they bring prediction modules of their "
            "own, which are used as they are."
        )
    return dataclasses.replace(
        a, num_layers=0, num_nextn_predict_layers=1, experts=None, moe_layers=(), intermediate_size=intermediate_size
    )


def drafter_tensors(architecture: Architecture) -> Iterator[tuple[str, Shape]]:
    """Name in the drafter's file and shape of each tensor; architecture: `drafter_architecture`."""
    for name, shape in expected_tensors(architecture):
        if name.startswith(_LAYER):
            yield name.removeprefix(_LAYER), shape


class DrafterSource:
    """A drafter on disk as a `ModelSource` whose only layer is number 0; checked when opened.

    Raises CheckpointError, or ConfigError when it belongs to another model than `base`.
    """

    kind: Literal["folder", "gguf"] = "folder"
    modules_left_out = 0

    def __init__(self, folder: str | Path, base: ModelSource) -> None:
        self.path = find_folder(folder)
        self.metadata = read_json(self.path / CONFIG)
        self.config = _read_config(self.path / CONFIG, self.metadata)
        _check_belongs(self.path, self.config, base)
        self.architecture = drafter_architecture(base, self.config.intermediate_size)
        entries = read_entries(self.path)
        self._entries: dict[str, Entry] = {
            _LAYER + name: needed_entry(self.path, entries, name, shape)
            for name, shape in drafter_tensors(self.architecture)
        }
        for entry in self._entries.values():
            if entry.dtype not in ("BF16", "F16", "F32"):
                raise CheckpointError(f"{entry.path}: holds {entry.dtype} numbers; a drafter's are BF16, F16 or F32.")

    @property
    def mark(self) -> str:
        """What it holds, in few letters."""
        mark = hashlib.blake2b(json.dumps(self.metadata, sort_keys=True).encode(), digest_size=12)
        for entry in self._entries.values():
            mark.update(np.ascontiguousarray(entry.data).tobytes())
        return mark.hexdigest()

    def names(self) -> list[str]:
        return list(self._entries)

    def stored(self, name: str) -> Stored:
        entry = self._entry(name)
        return Stored(entry.dtype, entry.shape, entry.rows)

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        return self.tensor(name)[rows]

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self._entry(name).read()

    def files(self) -> list[Path]:
        return [self.path / CONFIG, self.path / WEIGHTS]

    def small_files(self) -> dict[str, bytes]:
        return {}

    def _entry(self, name: str) -> Entry:
        if (entry := self._entries.get(name)) is None:
            raise CheckpointError(f"{self.path}: the drafter has no tensor {name!r}.")
        return entry


def write_drafter(
    folder: Path, config: DrafterConfig, tensors: Mapping[str, NDArray[np.float32]], dtype: str = "bfloat16"
) -> None:
    """Write, or atomically replace, a drafter's folder.  tensors: by the names of `drafter_tensors`.

    Raises CheckpointError when the disk refuses, or when the folder holds something else.
    """

    def reader(values: NDArray[np.float32]) -> Callable[[], NDArray[np.float32]]:
        return lambda: values

    found = [HfTensor(name, values.shape, reader(values)) for name, values in tensors.items()]
    text = json.dumps(config.to_json() | {"torch_dtype": dtype}).encode() + b"\n"
    replace_folder(folder, {CONFIG: [text], WEIGHTS: safetensors_pieces(found, dtype)})


def _read_config(path: Path, said: Mapping[str, Any]) -> DrafterConfig:
    if said.get("model_type") != MODEL_TYPE:
        raise CheckpointError(
            f"{path}: is no drafter's (model_type {said.get('model_type')!r}); drafters are what '{_SAID_BY}' writes."
        )
    values: dict[str, Any] = {}
    for field in dataclasses.fields(DrafterConfig):
        value = said.get(field.name)
        if field.name == "guessed":
            if not isinstance(value, list) or not _is_rising(value):
                raise CheckpointError(f"{path}: guessed must be a rising list of token numbers.")
            values["guessed"] = tuple(value)
        elif field.type == "int" and not (type(value) is int and value > 0):
            raise CheckpointError(f"{path}: {field.name} must be a positive whole number, not {value!r}.")
        elif field.type == "str" and not isinstance(value, str):
            raise CheckpointError(f"{path}: {field.name} must be text, not {value!r}.")
        else:
            values[field.name] = value
    config = DrafterConfig(**values)
    if config.guessed[-1] >= config.vocab_size:
        raise CheckpointError(f"{path}: guessed names token {config.guessed[-1]} of {config.vocab_size}.")
    return config


def _is_rising(value: list[Any]) -> bool:
    if not value or not all(type(one) is int and one >= 0 for one in value):
        return False
    return all(one < other for one, other in pairwise(value))


def fits(folder: str | Path, base: ModelSource) -> bool:
    """Whether the drafter there belongs to this model.  Raises CheckpointError for what is no drafter."""
    path = find_folder(folder)
    return _belongs(_read_config(path / CONFIG, read_json(path / CONFIG)), base)


def _belongs(config: DrafterConfig, base: ModelSource) -> bool:
    a = base.architecture
    return (config.hidden_size, config.vocab_size) == (a.hidden_size, a.vocab_size) and config.base == mark_of(base)


def _check_belongs(folder: Path, config: DrafterConfig, base: ModelSource) -> None:
    if _belongs(config, base):
        return
    raise ConfigError(
        f"{folder}: this drafter was trained for another model ({config.base_name}), not for {base.path.name}; take "
        f"that model's, or make one with '{_SAID_BY} {base.path.name} --data FILE'."
    )
