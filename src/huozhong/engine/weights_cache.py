"""Packed weights in one file, to be memory-mapped.

    8 bytes magic | uint32 header length | uint32 CRC-32 of the header | header, JSON | padding | arrays

The header names the source it was packed from, the file's own length, and a tree of the weights' dataclasses
whose leaves say where an array lies (at multiples of 64 bytes).  A file that is not what its header says, or
whose header is not what was written, counts as absent.  The arrays themselves are not summed: reading 9 GB to
check them would cost what the map saves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import mmap
import os
import struct
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.quant import PackedMatrix
from huozhong.engine.weights import AttentionWeights, DenseWeights, LayerWeights, MoeWeights, Weights
from huozhong.errors import HuozhongError
from huozhong.model.config import ModelConfig

VERSION = 1  # of the packed formats and of this file
MAGIC = b"HZPACKED"
ALIGNMENT = 64
_PREFIX = struct.Struct("<8sII")
_MAX_HEADER = 256 << 20
_STALE_SECONDS = 24 * 3600.0  # a temporary file as old as this belongs to a process that died
_CLASSES = {
    c.__name__: c for c in (LayerWeights, AttentionWeights, DenseWeights, MoeWeights, PackedMatrix)
}


class _Damaged(Exception):
    """The file is not what we wrote.  Never leaves this module."""


def read(path: Path, source: dict[str, Any]) -> Weights | None:
    """The weights in `path`, memory-mapped, if it is whole and was packed from `source`; else None."""
    try:
        with path.open("rb") as file:
            header = _read_header(file)
            if header["version"] != VERSION or header["source"] != source:
                return None
            if header["size"] != os.fstat(file.fileno()).st_size:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        config = ModelConfig.from_hf(header["config"])
        fields = {name: _from_tree(tree, data) for name, tree in header["weights"].items()}
        return Weights(config=config, format=header["format"], **fields)
    except (OSError, _Damaged, HuozhongError, KeyError, TypeError, ValueError, AttributeError):
        return None  # absent, unreadable or damaged: the caller packs again


def write(path: Path, weights: Weights, source: dict[str, Any]) -> None:
    """Write `path` whole or not at all.  Raises OSError (no room, no permission)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    arrays = _Arrays()
    parts = ("embedding", "layers", "norm", "head")
    tree = {name: _to_tree(getattr(weights, name), arrays) for name in parts}
    header = {
        "version": VERSION, "source": source, "format": weights.format, "config": weights.config.to_hf(),
        "weights": tree, "size": arrays.end,
    }  # fmt: skip
    text = json.dumps(header).encode()
    # Offsets count from the first array, so that the header's own length does not change them.
    start = _align(_PREFIX.size + len(text) + 32)
    text = json.dumps(header | {"size": start + arrays.end, "start": start}).encode()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        try:
            file.write(_PREFIX.pack(MAGIC, len(text), zlib.crc32(text)) + text)
            for array, offset in arrays.placed:
                file.seek(start + offset)
                file.write(array.reshape(-1).view(np.uint8).data)
            file.truncate(start + arrays.end)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _read_header(file: BinaryIO) -> dict[str, Any]:
    prefix = file.read(_PREFIX.size)
    if len(prefix) != _PREFIX.size:
        raise _Damaged("too short")
    magic, length, checksum = _PREFIX.unpack(prefix)
    if magic != MAGIC or length > _MAX_HEADER:
        raise _Damaged("another kind of file")
    text = file.read(length)
    if len(text) != length or zlib.crc32(text) != checksum:
        raise _Damaged("damaged header")
    header = json.loads(text)
    _shift(header["weights"], header["start"])
    return header


def _shift(tree: Any, start: int) -> None:
    """Turn offsets from the first array into offsets from the beginning of the file."""
    if isinstance(tree, list):
        for item in tree:
            _shift(item, start)
    elif isinstance(tree, dict):
        if "offset" in tree:
            tree["offset"] += start
        for item in tree.values():
            _shift(item, start)


class _Arrays:
    """Where each array goes; one that occurs twice (tied embeddings) goes in once."""

    def __init__(self) -> None:
        self.end = 0
        self.placed: list[tuple[NDArray, int]] = []
        self._offset_of: dict[int, int] = {}

    def place(self, array: NDArray) -> int:
        if id(array) not in self._offset_of:
            offset = _align(self.end)
            self.placed.append((array, offset))
            self._offset_of[id(array)] = offset
            self.end = offset + array.nbytes
        return self._offset_of[id(array)]


def _to_tree(value: Any, arrays: _Arrays) -> Any:
    if isinstance(value, tuple):
        return [_to_tree(item, arrays) for item in value]
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": list(value.shape), "offset": arrays.place(value)}
    if dataclasses.is_dataclass(value):
        fields = {f.name: _to_tree(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": fields}
    assert value is None or isinstance(value, int | str), type(value)
    return value


def _from_tree(tree: Any, data: mmap.mmap) -> Any:
    if isinstance(tree, list):
        return tuple(_from_tree(item, data) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if "class" in tree:
        fields = {name: _from_tree(item, data) for name, item in tree["fields"].items()}
        return _CLASSES[tree["class"]](**fields)
    dtype, shape, offset = np.dtype(tree["dtype"]), tree["shape"], tree["offset"]
    count = math.prod(shape)
    if offset < 0 or offset % ALIGNMENT or offset + count * dtype.itemsize > len(data):
        raise _Damaged("an array lies outside the file")
    return np.frombuffer(data, dtype, count, offset).reshape(shape)


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _remove_stale(path: Path) -> None:
    for old in path.parent.glob(f"{path.name}*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                old.unlink()
