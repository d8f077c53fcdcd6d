"""The only place that knows the disk format: a strict Hugging Face `deepseek_v3` folder.  No torch here.

    config.json  generation_config.json  model.safetensors  (or shards with model.safetensors.index.json)

A safetensors file is 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}}, then the
data.  The header is read here by hand, because NumPy has no bfloat16 for the library to return.  Nothing in
a file is trusted: every length is checked before it is used.

Writing replaces the whole folder at once.  The new folder is made complete, and synced, beside the old one
as `.NAME.partial`; then the two swap names.  Where the system cannot swap two folders, the old one is first
moved to `.NAME.replaced`, and a reader that finds no NAME looks there.  So after a crash at any moment the
old or the new folder is found, and the next write clears what is left over.  One writer per folder at a time.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from huozhong.errors import CheckpointError
from huozhong.model.architecture import Architecture
from huozhong.model.config import ModelConfig
from huozhong.model.tensors import Shape
from huozhong.model.tensors import expected_tensors as tensors_of

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
GENERATION = "generation_config.json"
_MAX_HEADER = 100 << 20  # the safetensors library's own limit
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
    "F8_E4M3": "u1",
}


# -- what a folder must hold -----------------------------------------------------------------------------


def expected_tensors(config: ModelConfig) -> dict[str, Shape]:
    """Every tensor that a model of this config has, by Hugging Face name, with its shape, in order."""
    return dict(tensors_of(Architecture.from_config(config)))


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
        for name, shape in tensors_of(Architecture.from_config(self.config)):  # a nonsensical one is never listed whole
            self._check(name, shape)
            self._names[name] = shape
        self._refuse_unknown()

    def names(self) -> list[str]:
        """The tensors of the model, embedding first; the duplicates of prediction modules are left out."""
        return list(self._names)

    def tensor(self, name: str) -> np.ndarray:
        """A fresh float32 array.  Raises CheckpointError when there is no such tensor."""
        if name not in self._names:
            raise CheckpointError(f"{self.folder}: the model has no tensor {name!r}.")
        return self._entries[name].read()

    def _check(self, name: str, shape: Shape) -> None:
        entry = self._entries.get(name)
        if entry is None:
            raise CheckpointError(f"{self.folder}: tensor {name!r} is missing; config.json needs it.")
        where = f"{entry.path}: tensor {name!r}"
        if entry.shape != shape:
            raise CheckpointError(f"{where} has shape {list(entry.shape)}; config.json needs {list(shape)}.")
        if entry.dtype not in ("BF16", "F16", "F32"):
            raise CheckpointError(f"{where} is stored as {entry.dtype}; convert it to BF16, F16 or F32.")

    def _refuse_unknown(self) -> None:
        """A tensor that nothing explains means another architecture; leaving it out would give nonsense."""
        for name, entry in self._entries.items():
            duplicate = name == "lm_head.weight" or name.endswith(".rotary_emb.inv_freq")
            if name in self._names or duplicate or not math.prod(entry.shape):
                continue
            layer = name.removeprefix("model.layers.").split(".")[0]
            if layer.isdecimal() and int(layer) >= self.config.num_hidden_layers:
                continue  # prediction modules that config.json does not ask for, or their duplicates
            raise CheckpointError(f"{entry.path}: tensor {name!r} has no place in the model of config.json.")


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies; the constructor's caller has checked that it lies inside the file."""

    path: Path
    dtype: str
    shape: Shape
    data: np.ndarray  # uint8 view of the memory map

    @property
    def rows(self) -> np.ndarray:
        """The data as uint8 [rows, bytes per row]; a vector is one row."""
        return self.data.reshape(math.prod(self.shape[:-1]), -1)

    def read(self) -> np.ndarray:
        return decode(self.data, self.dtype).reshape(self.shape)


def find_folder(folder: str | Path) -> Path:
    """The folder, or, where a crash interrupted its replacement, what it was before."""
    folder = Path(folder)
    if folder.is_dir():
        return folder
    replaced = _sibling(folder, "replaced")
    if (replaced / CONFIG).is_file():
        return replaced
    raise CheckpointError(f"{folder}: there is no such model folder.")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.  Raises CheckpointError."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"{path}: this file is missing; is it a Hugging Face model folder?") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not valid JSON ({error}).") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: must hold a JSON object, not {type(value).__name__}.")
    return value


def read_entries(folder: Path) -> dict[str, Entry]:
    """Where every tensor of a folder lies, by name; nothing is read but the headers.  Raises CheckpointError."""
    if (folder / WEIGHTS).exists():
        return _read_safetensors(folder / WEIGHTS)
    if not (folder / INDEX).exists():
        raise CheckpointError(f"{folder}: there is neither {WEIGHTS} nor {INDEX}.")
    placed = read_json(folder / INDEX).get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(file, str) for file in placed.values()):
        raise CheckpointError(f"{folder / INDEX}: weight_map must map tensor names to file names.")
    entries = {}
    for file in sorted(set(placed.values())):
        if file in ("", ".", "..") or "/" in file or "\\" in file:
            raise CheckpointError(f"{folder / INDEX}: {file!r} is not a plain file name.")
        shard = _read_safetensors(folder / file)
        for name, place in placed.items():
            if place == file:
                if name not in shard:
                    raise CheckpointError(f"{folder / file}: tensor {name!r} of {INDEX} is missing.")
                entries[name] = shard[name]
    return entries


def _read_safetensors(path: Path) -> dict[str, Entry]:
    try:
        size = path.stat().st_size
        if size < 8:
            raise CheckpointError(f"{path}: has only {size} bytes; the file is truncated.")
        file = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
    length = int.from_bytes(file[:8].tobytes(), "little")
    if length > _MAX_HEADER:
        raise CheckpointError(f"{path}: claims a header of {length} bytes; it is not a safetensors file.")
    if length > size - 8:
        raise CheckpointError(f"{path}: ends inside its header; the file is truncated.")
    try:
        header = json.loads(file[8 : 8 + length].tobytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is not valid JSON ({error}).") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: its header is not a JSON object.")
    header.pop("__metadata__", None)
    data = file[8 + length :]
    return {name: _read_entry(path, name, value, data) for name, value in header.items()}


def _read_entry(path: Path, name: str, value: Any, data: np.ndarray) -> Entry:
    where = f"{path}: tensor {name!r}"
    if not isinstance(value, dict):
        raise CheckpointError(f"{where} is not described by a JSON object.")
    dtype, shape, span = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str):
        raise CheckpointError(f"{where} has no dtype.")
    if not _is_sizes(shape) or not _is_sizes(span) or len(span) != 2:
        raise CheckpointError(f"{where} has an impossible shape or data_offsets.")
    start, end = span
    if end > len(data):
        raise CheckpointError(f"{where} needs {end - len(data)} bytes more; the file is truncated.")
    known = dtype in _DTYPES  # other dtypes (float8 ...) may lie in a file as long as the model needs none
    if start > end or (known and end - start != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize):
        raise CheckpointError(f"{where} has data_offsets that do not fit its shape and dtype.")
    return Entry(path, dtype, tuple(shape), data[start:end])


def _is_sizes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


# -- numbers that NumPy does not have --------------------------------------------------------------------


def decode(data: np.ndarray, dtype: str) -> np.ndarray:
    """float32 of bytes (uint8 [..., bytes]) stored as a safetensors dtype; float8 without its scales."""
    raw = np.ascontiguousarray(data).view(_DTYPES[dtype])
    if dtype == "BF16":
        return decode_bfloat16(raw)
    return decode_float8(raw) if dtype == "F8_E4M3" else raw.astype(np.float32)


def decode_float8(bits: np.ndarray) -> np.ndarray:
    """float32 of float8 e4m3fn bit patterns (uint8): 4 bits of exponent, 3 of fraction, no infinity; exact."""
    return _FLOAT8[bits]


def _float8_table() -> np.ndarray:
    codes = np.arange(256)
    exponent, fraction = codes >> 3 & 15, codes & 7
    magnitude = np.where(exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7.0))
    magnitude[codes & 127 == 127] = np.nan
    return np.where(codes & 128, -magnitude, magnitude).astype(np.float32)


_FLOAT8 = _float8_table()


def decode_bfloat16(bits: np.ndarray) -> np.ndarray:
    """float32 of bfloat16 bit patterns (uint16); exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def encode_bfloat16(values: np.ndarray) -> np.ndarray:
    """Bit patterns (uint16) of float32 values rounded to bfloat16, to nearest even; NaN stays NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16
    nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(nan, (bits >> 16) | 0x40, rounded).astype(np.uint16)


# -- writing ---------------------------------------------------------------------------------------------


def write_checkpoint(
    folder: str | Path,
    config: ModelConfig,
    tensors: Mapping[str, np.ndarray],
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
    folder = Path(folder).absolute()
    if dtype not in ("bfloat16", "float32"):
        raise CheckpointError(f"dtype {dtype!r} cannot be written; choose 'bfloat16' or 'float32'.")
    for name in extra_files or {}:
        assert Path(name).name == name, f"{name} is not a plain file name"
        assert name not in (CONFIG, GENERATION, WEIGHTS, INDEX), f"{name} is written by this function"
    files = {name: [content] for name, content in _small_files(config, dtype, extra_files or {}).items()}
    replace_model_folder(folder, {**files, WEIGHTS: _safetensors_pieces(config, tensors, dtype)})


def replace_model_folder(folder: Path, files: Mapping[str, Iterable[bytes]]) -> None:
    """Write, or atomically replace, a model folder that holds exactly `files`: by plain name, in pieces.

    Raises CheckpointError when the disk refuses, or when `folder` holds something other than a model.
    """
    folder = folder.absolute()
    _refuse_foreign(folder)
    partial, replaced = _sibling(folder, "partial"), _sibling(folder, "replaced")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.exists() and replaced.exists():
            os.rename(replaced, folder)  # a crash came between two renames; finish the way back first
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, pieces in files.items():
            _write_synced(partial / name, pieces)
        sync_folder(partial)
        _replace_folder(partial, folder, replaced)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(f"{folder}: cannot be written ({error.strerror}).") from error


def _sibling(folder: Path, suffix: str) -> Path:
    absolute = folder.absolute()
    return absolute.parent / f".{absolute.name}.{suffix}"


def _refuse_foreign(folder: Path) -> None:
    """Replacing deletes what was there, so it had better be a model."""
    if not folder.exists():
        return
    content = list(folder.iterdir()) if folder.is_dir() else [folder]
    is_model = (folder / CONFIG).exists() and not any(item.is_dir() for item in content)
    if content and not is_model:
        raise CheckpointError(f"{folder}: holds something other than a model; choose a new or empty folder.")


def _small_files(config: ModelConfig, dtype: str, extra: Mapping[str, bytes]) -> dict[str, bytes]:
    special = {key: getattr(config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    generation = {key: value for key, value in special.items() if value is not None}
    texts = {CONFIG: {**config.to_hf(), "torch_dtype": dtype}, GENERATION: generation}
    encoded = {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in texts.items()}
    return {**extra, **encoded}


def _safetensors_pieces(config: ModelConfig, tensors: Mapping[str, np.ndarray], dtype: str) -> Iterator[bytes]:
    """The bytes of a safetensors file, one tensor at a time."""
    shapes = expected_tensors(config)
    sources = {name: name for name in shapes} | dict(_duplicates(config))
    unknown = set(tensors) - set(sources) - {"lm_head.weight"}
    assert not unknown, f"tensors that the config does not have: {sorted(unknown)}"

    def is_wide(name: str) -> bool:
        return dtype == "float32" or name.endswith("e_score_correction_bias")

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    order = sorted(sources, key=lambda name: not is_wide(name))  # wide first keeps every tensor aligned
    offset = 0
    for name in order:
        shape = shapes[sources[name]]
        assert tensors[sources[name]].shape == shape, f"{name}: {tensors[sources[name]].shape} is not {shape}"
        end = offset + math.prod(shape) * (4 if is_wide(name) else 2)
        header[name] = {
            "dtype": "F32" if is_wide(name) else "BF16",
            "shape": list(shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        values = tensors[sources[name]]
        stored = values.astype("<f4") if is_wide(name) else encode_bfloat16(values).astype("<u2")
        yield stored.tobytes()


def _write_synced(path: Path, pieces: Iterable[bytes]) -> None:
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last through a crash."""
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it; its renames are journalled
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_folder(partial: Path, folder: Path, replaced: Path) -> None:
    """Put `partial` at `folder`; at every moment the old or the new one is at `folder` or `replaced`."""
    if not folder.exists():
        os.rename(partial, folder)
    elif not _exchange(partial, folder):
        shutil.rmtree(replaced, ignore_errors=True)
        os.rename(folder, replaced)
        os.rename(partial, folder)
    sync_folder(folder.parent)
    for old in (partial, replaced):
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step (Linux renameat2); False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    at_fdcwd, rename_exchange = -100, 2
    return renameat2(at_fdcwd, os.fsencode(one), at_fdcwd, os.fsencode(other), rename_exchange) == 0
