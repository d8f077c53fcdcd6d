"""Packed weights in one file, to be memory-mapped.

    8 bytes magic | uint64 where the tree begins | uint32 its length | uint32 CRC-32 of it | padding
    arrays, each at a multiple of 64 bytes
    tree, JSON

The tree names the source it was packed from, the file's own length, and the weights' dataclasses, whose leaves say
where an array lies.  A file that is not what its tree says, or whose tree is not what was written, counts as absent.
The arrays themselves are not summed: reading 9 GB to check them would cost what the map saves.

Writing streams: an array is handed out as part of the mapped file and filled there, so that a large model never
sits in memory that cannot be given back.  Room is reserved before an array is handed out, so a full disk is an
error and not a crash.  The file gets its name when everything is on the disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import mmap
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from huozhong.engine.weights.layout import (
    CompressedAttentionWeights,
    CompressorWeights,
    DenseWeights,
    GroupedAttentionWeights,
    IndexerWeights,
    LatentAttentionWeights,
    LayerWeights,
    Mapped,
    MixWeights,
    MoeWeights,
    PredictionWeights,
    Weights,
)
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.errors import HuozhongError
from huozhong.files import whole_file
from huozhong.model.architecture import (
    Architecture,
    CompressedAttention,
    Experts,
    GroupedAttention,
    Indexer,
    LatentAttention,
    LinearScaling,
    Llama3Scaling,
    Rope,
    Streams,
)
from huozhong.model.config import YarnScaling

VERSION = 2  # of the packed formats and of this file
MAGIC = b"HZPACK02"
ALIGNMENT = 64
_PREFIX = struct.Struct("<8sQII")
_MAX_TREE = 256 << 20
_STALE_SECONDS = 24 * 3600.0  # a temporary file as old as this belongs to a process that died
_CLASSES: dict[str, Any] = {
    c.__name__: c
    for c in (
        Weights,
        LayerWeights,
        LatentAttentionWeights,
        IndexerWeights,
        GroupedAttentionWeights,
        DenseWeights,
        MoeWeights,
        CompressedAttentionWeights,
        CompressorWeights,
        MixWeights,
        PredictionWeights,
        PackedMatrix,
        Architecture,
        LatentAttention,
        Indexer,
        GroupedAttention,
        CompressedAttention,
        Streams,
        Experts,
        Rope,
        YarnScaling,
        Llama3Scaling,
        LinearScaling,
    )
}


class _Damaged(Exception):
    """The file is not what we wrote; `read` takes it for absent."""


# -- reading ---------------------------------------------------------------------------------------------


def read(path: Path, source: dict[str, Any]) -> Weights | None:
    """The weights in `path`, memory-mapped, if it is whole and was packed from `source`; else None."""
    try:
        with path.open("rb") as file:
            header = _read_header(file)
            if header["version"] != VERSION or header["source"] != source:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        weights = _from_tree(header["weights"], data)
    except (OSError, _Damaged, HuozhongError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None  # absent, unreadable or damaged: the caller packs again
    if not isinstance(weights, Weights):
        return None
    weights = dataclasses.replace(weights, mapped=Mapped(path, np.frombuffer(data, np.uint8)))
    if weights.architecture.tie_word_embeddings:  # one matrix, also for whoever keeps something per matrix
        weights = dataclasses.replace(weights, head=weights.embedding)
    return weights


def _read_header(file: BinaryIO) -> dict[str, Any]:
    size = os.fstat(file.fileno()).st_size
    prefix = file.read(_PREFIX.size)
    if len(prefix) != _PREFIX.size:
        raise _Damaged("too short")
    magic, start, length, checksum = _PREFIX.unpack(prefix)
    if magic != MAGIC or length > _MAX_TREE:
        raise _Damaged("another kind of file")
    if start + length != size:
        raise _Damaged("cut off")
    file.seek(start)
    text = file.read(length)
    if len(text) != length or zlib.crc32(text) != checksum:
        raise _Damaged("damaged tree")
    header: dict[str, Any] = json.loads(text)
    return header


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


# -- writing ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def create(path: Path, source: dict[str, Any]) -> Iterator[PackedFile]:
    """A file to pack into, which becomes `path` if `finish` was reached, and nothing otherwise.

    Raises OSError (no room, no permission).
    """
    _remove_stale(path)
    with whole_file(path) as file:
        packed = PackedFile(file, source)
        yield packed
        assert packed.finished, "packing ended early"


class PackedFile:
    """A packed file while it is written."""

    def __init__(self, file: BinaryIO, source: dict[str, Any]) -> None:
        self.finished = False
        self._file, self._source = file, source
        self._end = ALIGNMENT
        self._maps: list[mmap.mmap] = []
        self._offset_of: dict[int, int] = {}  # by the address of an array
        self._kept: list[NDArray[Any]] = []  # so that no address is used twice

    def new(self, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        """An array to fill, which lies in the file."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        offset = self._reserve(size)
        page = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        data = mmap.mmap(self._file.fileno(), offset - page + size, offset=page)
        array = np.frombuffer(data, dtype, math.prod(shape), offset - page).reshape(shape)
        self._maps.append(data)
        self._remember(array, offset)
        return array

    def finish(self, weights: Weights) -> None:
        """Write what is not in the file yet, and the tree."""
        if weights.architecture.tie_word_embeddings:
            assert weights.head is weights.embedding
        header = {"version": VERSION, "source": self._source, "weights": self._to_tree(weights)}
        text = json.dumps(header).encode()
        start = self._reserve(len(text))
        self._write(text, start)
        self._file.truncate(start + len(text))
        self._write(_PREFIX.pack(MAGIC, start, len(text), zlib.crc32(text)), 0)
        for data in self._maps:
            data.flush()
        self.finished = True

    def _to_tree(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return [self._to_tree(item) for item in value]
        if isinstance(value, np.ndarray):
            return {"dtype": value.dtype.str, "shape": list(value.shape), "offset": self._place(value)}
        if dataclasses.is_dataclass(value):
            fields = {f.name: self._to_tree(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return {"class": type(value).__name__, "fields": fields}
        assert value is None or isinstance(value, int | float | str), type(value)
        return value

    def _place(self, array: NDArray[Any]) -> int:
        """Where an array lies in the file; one that was made elsewhere is written now."""
        if array.ctypes.data not in self._offset_of:
            array = np.ascontiguousarray(array)
            offset = self._reserve(array.nbytes)
            self._write(array.reshape(-1).view(np.uint8).data, offset)
            self._remember(array, offset)
            return offset
        return self._offset_of[array.ctypes.data]

    def _remember(self, array: NDArray[Any], offset: int) -> None:
        self._offset_of[array.ctypes.data] = offset
        self._kept.append(array)

    def _reserve(self, size: int) -> int:
        """Where `size` bytes go; the disk has room for them.  Raises OSError where it has not."""
        offset = -(-self._end // ALIGNMENT) * ALIGNMENT
        self._end = offset + size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file.fileno(), offset, max(size, 1))
        else:  # written zeros are as sure, and slower
            self._file.seek(offset)
            for done in range(0, size, 1 << 20):
                self._file.write(bytes(min(1 << 20, size - done)))
            self._file.flush()
        return offset

    def _write(self, data: Any, offset: int) -> None:
        self._file.seek(offset)
        self._file.write(data)


def _remove_stale(path: Path) -> None:
    for old in path.parent.glob(f"*{path.name}*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                old.unlink()
