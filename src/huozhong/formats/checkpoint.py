"""Models of ours: strict Hugging Face `deepseek_v3` folders, checked against their config.  No torch here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.hf.folder import (
    CONFIG,
    GENERATION,
    INDEX,
    WEIGHTS,
    find_folder,
    needed_entry,
    read_entries,
    read_json,
    refuse_unknown,
    replace_model_folder,
)
from huozhong.formats.hf.safetensors import WRITABLE, HfTensor, safetensors_pieces
from huozhong.model.architecture import Architecture
from huozhong.model.config import ModelConfig
from huozhong.model.tensors import Shape
from huozhong.model.tensors import expected_tensors as tensors_of

# -- what a folder must hold -----------------------------------------------------------------------------


def expected_tensors(config: ModelConfig) -> dict[str, Shape]:
    """Every tensor that a model of this config has, by Hugging Face name, with its shape, in order."""
    return dict(tensors_of(Architecture.from_config(config)))


def _plausible(config: ModelConfig, tensors: int) -> ModelConfig:
    """The config, with no more layers than show that one is missing from a file of so many tensors."""
    most = tensors + 1
    return dataclasses.replace(
        config,
        num_hidden_layers=min(config.num_hidden_layers, most),
        first_k_dense_replace=min(config.first_k_dense_replace, most),
        num_nextn_predict_layers=min(config.num_nextn_predict_layers, most),
    )


def _duplicates(config: ModelConfig) -> Iterator[tuple[str, str]]:
    """(name, the tensor it repeats): each prediction module ships the embedding and the head again.

    Not where head and embedding are tied: such a file does not repeat them for the main model either.
    """
    layers = range(config.num_hidden_layers, config.num_hidden_layers + config.num_nextn_predict_layers)
    for layer in () if config.tie_word_embeddings else layers:
        yield f"model.layers.{layer}.embed_tokens.weight", "model.embed_tokens.weight"
        yield f"model.layers.{layer}.shared_head.head.weight", "lm_head.weight"


# -- reading ---------------------------------------------------------------------------------------------


def read_config(folder: str | Path) -> ModelConfig:
    """The config of a model folder.  Raises CheckpointError (no folder, no JSON) or ConfigError."""
    return ModelConfig.from_hf(read_json(find_folder(folder) / CONFIG))


class CheckpointReader:
    """A model folder, checked when opened: every tensor that its config needs is there, whole and in shape.

    folder: Hugging Face folder.  Raises CheckpointError or ConfigError.  Data is memory-mapped and converted
    tensor by tensor.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = find_folder(folder)
        self.config = ModelConfig.from_hf(read_json(self.folder / CONFIG))
        self._entries = read_entries(self.folder)
        self._names: dict[str, Shape] = {}
        for name, shape in tensors_of(Architecture.from_config(_plausible(self.config, len(self._entries)))):
            self._check(name, shape)
            self._names[name] = shape
        refuse_unknown(self._entries, self._names, self.config.num_hidden_layers)

    def names(self) -> list[str]:
        """The tensors of the model, embedding first; the duplicates of prediction modules are left out."""
        return list(self._names)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A fresh float32 array.  Raises CheckpointError when there is no such tensor."""
        if name not in self._names:
            raise CheckpointError(f"{self.folder}: the model has no tensor {name!r}.")
        return self._entries[name].read()

    def _check(self, name: str, shape: Shape) -> None:
        entry = needed_entry(self.folder, self._entries, name, shape)
        if entry.dtype not in ("BF16", "F16", "F32"):
            raise CheckpointError(
                f"{entry.path}: tensor {name!r} is stored as {entry.dtype}; convert it to BF16, F16 or F32."
            )


# -- writing ---------------------------------------------------------------------------------------------


def write_checkpoint(
    folder: str | Path,
    config: ModelConfig,
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    dtype: str = "bfloat16",
    extra_files: Mapping[str, bytes] | None = None,
) -> None:
    """Write, or atomically replace, a model folder.

    tensors: `expected_tensors(config)` by name, float32 (an `lm_head.weight` that is tied is left out).
    dtype: "bfloat16" or "float32" on disk; `e_score_correction_bias` is float32 always.
    extra_files: more files by plain name (tokenizer.json ...).
    Raises CheckpointError when the disk refuses, or when `folder` holds something other than a model.
    """
    if dtype not in WRITABLE:
        raise CheckpointError(f"dtype {dtype!r} cannot be written; choose 'bfloat16' or 'float32'.")
    for name in extra_files or {}:
        assert Path(name).name == name, f"{name} is not a plain file name"
        assert name not in (CONFIG, GENERATION, WEIGHTS, INDEX), f"{name} is written by this function"
    files = {name: [content] for name, content in _small_files(config, dtype, extra_files or {}).items()}
    weights = safetensors_pieces(_tensors_to_write(config, tensors), dtype)
    replace_model_folder(Path(folder), {**files, WEIGHTS: weights})


def _small_files(config: ModelConfig, dtype: str, extra: Mapping[str, bytes]) -> dict[str, bytes]:
    special = {key: getattr(config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    generation = {key: value for key, value in special.items() if value is not None}
    texts = {CONFIG: {**config.to_hf(), "torch_dtype": dtype}, GENERATION: generation}
    encoded = {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in texts.items()}
    return {**extra, **encoded}


def _tensors_to_write(config: ModelConfig, tensors: Mapping[str, NDArray[np.float32]]) -> Iterator[HfTensor]:
    shapes = expected_tensors(config)
    sources = {name: name for name in shapes} | dict(_duplicates(config))
    unknown = set(tensors) - set(sources) - {"lm_head.weight"}
    assert not unknown, f"tensors that the config does not have: {sorted(unknown)}"
    for name, source in sources.items():
        values, shape = tensors[source], shapes[source]
        assert values.shape == shape, f"{name}: {values.shape} is not {shape}"
        yield HfTensor(name, shape, lambda values=values: values)  # type: ignore[misc]
