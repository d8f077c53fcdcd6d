"""GGUF files: one file (or numbered parts) with metadata and tensors, as llama.cpp and Ollama use them.  No torch.

A file is, little-endian: "GGUF", a version, two counts; the metadata (key, type, value); the tensors' names, shapes,
formats and offsets; padding; the data.  Dimensions are stored innermost first; here they are in NumPy's order.

Nothing in a file is trusted: every count, length and offset is compared with the bytes that are really there before
it is used, so a lie is one `CheckpointError`, never a huge allocation or a read past the end.  The data stay in the
memory map.  `blocks.py` knows the formats of the numbers.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.files import write_whole
from huozhong.formats.gguf.blocks import FORMATS, OTHER_FORMATS, dequantize, row_bytes
from huozhong.formats.stand_ins import what_stands_in
from huozhong.model.tensors import Shape

_MAGIC, _VERSIONS, _WRITTEN_VERSION = b"GGUF", (2, 3), 3
_ALIGNMENT = 32  # where general.alignment does not say otherwise
_MAX_HEADER = 256 << 20  # metadata and tensor list together; the largest vocabularies need about 10 MB
_MAX_STRINGS = 1 << 22  # of one array; the largest vocabularies have 300,000
_MAX_DIMENSIONS = 4
_MAX_NAME = 1 << 10
_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)

# The metadata's value types by their number in the file.
_SCALARS = {
    0: ("<B", "u1"), 1: ("<b", "i1"), 2: ("<H", "<u2"), 3: ("<h", "<i2"), 4: ("<I", "<u4"), 5: ("<i", "<i4"),
    6: ("<f", "<f4"), 7: ("<B", "u1"), 10: ("<Q", "<u8"), 11: ("<q", "<i8"), 12: ("<d", "<f8"),
}  # fmt: skip
_BOOL, _STRING, _ARRAY = 7, 8, 9
_CODE_OF_DTYPE = {
    "u1": 0, "i1": 1, "u2": 2, "i2": 3, "u4": 4, "i4": 5, "f4": 6, "b1": 7, "u8": 10, "i8": 11, "f8": 12,
}  # fmt: skip


@dataclass(frozen=True)
class GgufTensor:
    """One tensor as it is stored.

    type: a key of `blocks.FORMATS`.  shape: outermost dimension first.
    data: uint8 [rows, bytes of a row], rows being every dimension but the last; a view of the memory map.
    """

    name: str
    type: str
    shape: Shape
    data: NDArray[np.uint8]

    def values(self) -> NDArray[np.float32]:
        """A fresh float32 array of `shape`."""
        return dequantize(self.data, self.type).reshape(self.shape)


class GgufFile:
    """A GGUF file, checked when opened.  For one part of several, all parts as one.

    metadata: by key; numbers, strings and booleans as Python's, arrays as read-only NumPy arrays or lists of str.
    Of several parts it is the first one's.  tensors: by name, in the file's order.
    Raises CheckpointError.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.metadata: dict[str, Any] = {}
        self.tensors: dict[str, GgufTensor] = {}
        parts = parts_of(self.path)
        for number, part in enumerate(parts):
            metadata, tensors = _read_part(part)
            _check_part(part, metadata, number, len(parts))
            if number == 0:
                self.metadata = metadata
            for tensor in tensors:
                if tensor.name in self.tensors:
                    raise CheckpointError(f"{part}: tensor {tensor.name!r} occurs twice.")
                self.tensors[tensor.name] = tensor
        total = self.metadata.get("split.tensors.count")
        if len(parts) > 1 and type(total) is int and total != len(self.tensors):
            raise CheckpointError(
                f"{self.path}: its parts hold {len(self.tensors)} tensors where {total} belong; download them again."
            )


def parts_of(path: str | Path) -> list[Path]:
    """Every file of the model that `path` belongs to: itself, or NAME-00001-of-0000N.gguf and its siblings.

    Raises CheckpointError when one is missing.
    """
    path = Path(path)
    match = _PART.fullmatch(path.name)
    if match is None:
        return [path]
    count, number = int(match["count"]), int(match["number"])
    if not 1 <= number <= count:
        raise CheckpointError(f"{path}: there is no part {number} of {count}; was the file renamed?")
    parts = []
    for index in range(1, count + 1):
        part = path.with_name(f"{match['stem']}-{index:05d}-of-{count:05d}.gguf")
        if not part.is_file():
            raise CheckpointError(f"{part}: this part of the model is missing; put all {count} parts side by side.")
        parts.append(part)
    return parts


def _check_part(path: Path, metadata: dict[str, Any], number: int, count: int) -> None:
    stated = metadata.get("split.count", 1)
    if stated in (0, 1) and count == 1:
        return
    if stated != count:
        raise CheckpointError(
            f"{path}: is part of a model in {stated} files; give it back its name, such as NAME-00001-of-00003.gguf."
        )
    if metadata.get("split.no", number) != number:
        raise CheckpointError(f"{path}: is not the part that its name says; download it again.")


# -- reading ---------------------------------------------------------------------------------------------


def _read_part(path: Path) -> tuple[dict[str, Any], list[GgufTensor]]:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file.")
        if path.stat().st_size < 24:
            raise CheckpointError(f"{path}: is too short for a GGUF file; the file is truncated.")
        file = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
    header = _Header(path, file)
    num_tensors, num_keys = header.start()
    metadata = {}
    for _ in range(num_keys):
        key = header.string("a key of the metadata", _MAX_NAME)
        if key in metadata:
            raise CheckpointError(f"{path}: metadata key {key!r} occurs twice.")
        metadata[key] = header.value(key)
    entries = [header.tensor() for _ in range(num_tensors)]
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
        raise CheckpointError(f"{path}: general.alignment is {alignment!r}; it must be a power of two.")
    start = -(-header.at // alignment) * alignment
    return metadata, _place(path, entries, file[start:], alignment)


@dataclass(frozen=True)
class _Entry:
    """A tensor as the header describes it; offset: bytes from the start of the data."""

    name: str
    type: str
    shape: Shape
    offset: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape[:-1]) * row_bytes(self.type, self.shape[-1])


def _place(path: Path, entries: list[_Entry], data: NDArray[np.uint8], alignment: int) -> list[GgufTensor]:
    """The tensors with their data, each inside the file and none over another."""
    names: set[str] = set()
    end, before = 0, ""
    for entry in sorted(entries, key=lambda entry: entry.offset):
        where = f"{path}: tensor {entry.name!r}"
        if entry.name in names:
            raise CheckpointError(f"{where} occurs twice.")
        names.add(entry.name)
        if entry.offset % alignment:
            raise CheckpointError(f"{where} does not begin at a multiple of {alignment} bytes.")
        if entry.offset < end:
            raise CheckpointError(f"{where} lies over tensor {before!r}.")
        end, before = entry.offset + entry.bytes, entry.name
        if end > len(data):
            raise CheckpointError(f"{where} needs {end - len(data)} bytes more; the file is truncated.")
    tensors = []
    for entry in entries:
        rows = data[entry.offset : entry.offset + entry.bytes].reshape(-1, row_bytes(entry.type, entry.shape[-1]))
        tensors.append(GgufTensor(entry.name, entry.type, entry.shape, rows))
    return tensors


class _Header:
    """Reads forward from the start of a file; `at` is how far it has come."""

    def __init__(self, path: Path, file: NDArray[np.uint8]) -> None:
        self.path, self.at = path, 0
        self._bytes = file[:_MAX_HEADER].data
        self._cut = len(file) > _MAX_HEADER

    def start(self) -> tuple[int, int]:
        """Magic and version; the counts of tensors and metadata keys, checked against the file's size."""
        if stand_in := what_stands_in(bytes(self._bytes[:64])):
            raise stand_in(self.path)
        if bytes(self._take(4, "its first four bytes")) != _MAGIC:
            raise CheckpointError(f"{self.path}: does not begin with GGUF; it is not a GGUF file.")
        version = self._number("<I", "the version")
        if version not in _VERSIONS:
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
            kind = "big-endian" if swapped else f"version {version}"
            raise CheckpointError(f"{self.path}: is a {kind} GGUF file; only little-endian 2 and 3 can be read.")
        num_tensors = self._number("<Q", "the number of tensors")
        num_keys = self._number("<Q", "the number of metadata keys")
        self._fits(num_tensors, 8 + 4 + 8 + 4 + 8, "tensors")
        self._fits(num_keys, 8 + 4 + 1, "metadata keys")
        return num_tensors, num_keys

    def string(self, what: str, limit: int | None = None) -> str:
        length = self._number("<Q", what)
        if limit is not None and length > limit:
            raise CheckpointError(f"{self.path}: {what} is {length} bytes long; the file is damaged.")
        try:
            return str(self._take(length, what), "utf-8")
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.path}: {what} is not UTF-8 text ({error.reason}).") from error

    def value(self, key: str) -> Any:
        what = f"the value of {key!r}"
        kind = self._number("<I", what)
        if kind == _ARRAY:
            return self._array(what)
        if kind == _STRING:
            return self.string(what)
        if kind not in _SCALARS:
            raise CheckpointError(f"{self.path}: {what} has the unknown type {kind}.")
        number = self._number(_SCALARS[kind][0], what)
        return bool(number) if kind == _BOOL else number

    def tensor(self) -> _Entry:
        name = self.string("the name of a tensor", _MAX_NAME)
        what = f"tensor {name!r}"
        dimensions = self._number("<I", what)
        if not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise CheckpointError(f"{self.path}: {what} has {dimensions} dimensions; 1 to 4 are possible.")
        shape = tuple(self._number("<Q", what) for _ in range(dimensions))[::-1]
        code, offset = self._number("<I", what), self._number("<Q", what)
        type = next((name for name, form in FORMATS.items() if form.code == code), None)
        if type is None:
            stored = OTHER_FORMATS.get(code, f"the unknown type {code}")
            raise CheckpointError(f"{self.path}: {what} is stored as {stored}; only {', '.join(FORMATS)} can be read.")
        if min(shape) < 1 or math.prod(shape) >= 1 << 63:
            raise CheckpointError(f"{self.path}: {what} has the impossible shape {list(shape)}.")
        if shape[-1] % FORMATS[type].size:
            raise CheckpointError(
                f"{self.path}: {what} has rows of {shape[-1]} numbers, which are not whole blocks of {type}."
            )
        return _Entry(name, type, shape, offset)

    def _array(self, what: str) -> list[str] | np.ndarray:
        kind, count = self._number("<I", what), self._number("<Q", what)
        if kind == _STRING:
            self._fits(count, 8, f"strings in {what}")
            if count > _MAX_STRINGS:
                raise CheckpointError(f"{self.path}: {what} has {count} strings; {_MAX_STRINGS} are the limit.")
            return [self.string(what) for _ in range(count)]
        if kind not in _SCALARS:
            problem = "nested arrays" if kind == _ARRAY else f"elements of the unknown type {kind}"
            raise CheckpointError(f"{self.path}: {what} has {problem}.")
        dtype = np.dtype(_SCALARS[kind][1])
        self._fits(count, dtype.itemsize, f"numbers in {what}")
        numbers = np.frombuffer(self._take(count * dtype.itemsize, what), dtype)
        return numbers != 0 if kind == _BOOL else numbers

    def _number(self, form: str, what: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form), what))[0]

    def _fits(self, count: int, size: int, what: str) -> None:
        """`count` things of at least `size` bytes must still follow."""
        if count * size > len(self._bytes) - self.at:
            self._too_long(f"claims {count} {what}")

    def _take(self, length: int, what: str) -> memoryview:
        if length > len(self._bytes) - self.at:
            self._too_long(f"ends inside {what}")
        self.at += length
        return self._bytes[self.at - length : self.at]

    def _too_long(self, problem: str) -> None:
        if self._cut:
            raise CheckpointError(f"{self.path}: {problem}, beyond the {_MAX_HEADER >> 20} MiB that a header may have.")
        raise CheckpointError(f"{self.path}: {problem}; the file is truncated or damaged.")


# -- writing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewTensor:
    """A tensor to write.  read: makes its packed bytes, uint8 of any shape, when its turn comes."""

    name: str
    type: str
    shape: Shape
    read: Callable[[], NDArray[np.uint8]]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape[:-1]) * row_bytes(self.type, self.shape[-1])


def write_gguf(path: str | Path, metadata: Mapping[str, Any], tensors: Sequence[GgufTensor | NewTensor]) -> None:
    """Write, or atomically replace, a GGUF file (version 3).

    metadata: str, bool, int (stored as 32 bits where it fits), float (32 bits), a list of str, or NumPy arrays and
    scalars, which keep their type.  Only one `NewTensor` is in memory at a time.
    Raises CheckpointError when the disk refuses.
    """
    path = Path(path)
    try:
        write_whole(path, _file_pieces(metadata, [_as_new(tensor) for tensor in tensors]))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror}).") from error


def _as_new(tensor: GgufTensor | NewTensor) -> NewTensor:
    if isinstance(tensor, NewTensor):
        return tensor
    data = tensor.data
    return NewTensor(tensor.name, tensor.type, tensor.shape, lambda: data)


def _file_pieces(metadata: Mapping[str, Any], tensors: list[NewTensor]) -> Iterator[bytes | memoryview]:
    alignment = int(metadata.get("general.alignment", _ALIGNMENT))
    header = bytearray(_MAGIC + struct.pack("<IQQ", _WRITTEN_VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        header += _string_bytes(key) + _value_bytes(key, value)
    offset = 0
    for tensor in tensors:
        dimensions = len(tensor.shape)
        header += _string_bytes(tensor.name) + struct.pack(f"<I{dimensions}Q", dimensions, *tensor.shape[::-1])
        header += struct.pack("<IQ", FORMATS[tensor.type].code, offset)
        offset += -(-tensor.bytes // alignment) * alignment
    yield bytes(header) + bytes(-len(header) % alignment)
    for tensor in tensors:
        data = np.ascontiguousarray(tensor.read())
        assert data.dtype == np.uint8, f"{tensor.name}: {data.dtype}"
        assert data.size == tensor.bytes, f"{tensor.name}: {data.shape}"
        yield data.data.cast("B")
        yield bytes(-tensor.bytes % alignment)


def _string_bytes(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value_bytes(key: str, value: Any) -> bytes:
    """The value with its type in front."""
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string_bytes(value)
    if isinstance(value, list):
        assert all(isinstance(text, str) for text in value), f"{key}: give numbers as a NumPy array"
        joined = b"".join(map(_string_bytes, value))
        return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + joined
    if not isinstance(value, np.ndarray):
        scalar = value if isinstance(value, np.generic) else _scalar(value)
        return struct.pack("<I", _code(key, scalar.dtype)) + scalar.tobytes()
    assert value.ndim == 1, f"{key}: arrays in arrays cannot be written"
    little = value.astype(value.dtype.newbyteorder("<"))
    return struct.pack("<IIQ", _ARRAY, _code(key, value.dtype), len(value)) + little.tobytes()


def _scalar(value: bool | int | float) -> np.generic:
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, float):
        return np.float32(value)
    if value >= 0:
        return np.uint32(value) if value < 1 << 32 else np.uint64(value)
    return np.int32(value) if value >= -(1 << 31) else np.int64(value)


def _code(key: str, dtype: np.dtype) -> int:
    code = _CODE_OF_DTYPE.get(f"{dtype.kind}{dtype.itemsize}")
    assert code is not None, f"{key}: {dtype} has no place in GGUF"
    return code
