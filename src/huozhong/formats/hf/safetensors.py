"""One safetensors file, read and written.

A file is 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.  It is read by
hand, because NumPy has no bfloat16 for the safetensors library to return.  Nothing in a file is trusted: every length
is checked before it is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.floats import decode_bfloat16, decode_exponents, decode_float8, encode_bfloat16
from huozhong.formats.stand_ins import what_stands_in
from huozhong.model.tensors import Shape

_MAX_HEADER = 100 << 20  # the safetensors library's own limit
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "F8_E4M3": "u1",
    "F8_E8M0": "u1",
}  # fmt: skip
WRITABLE = {"bfloat16": ("BF16", 2), "float32": ("F32", 4)}  # our word: (its name in the file, bytes per number)


# -- reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies; the constructor's caller has checked that it lies inside the file."""

    path: Path
    dtype: str
    shape: Shape
    data: NDArray[np.uint8]  # a view of the memory map

    @property
    def rows(self) -> NDArray[np.uint8]:
        """The data as uint8 [rows, bytes per row]; a vector is one row."""
        return self.data.reshape(math.prod(self.shape[:-1]), -1)

    def read(self) -> NDArray[np.float32]:
        return decode(self.data, self.dtype).reshape(self.shape)


def decode(data: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    """float32 of bytes (uint8 [..., bytes]) stored as a safetensors dtype; float8 without its scales."""
    raw = np.ascontiguousarray(data).view(_DTYPES[dtype])
    if dtype == "BF16":
        return decode_bfloat16(raw)
    if dtype == "F8_E8M0":
        return decode_exponents(raw)
    return decode_float8(raw) if dtype == "F8_E4M3" else raw.astype(np.float32)


def read_safetensors(path: Path) -> dict[str, Entry]:
    """Where every tensor of a file lies, by name; nothing is read but the header.  Raises CheckpointError."""
    try:
        size = path.stat().st_size
        if size < 8:
            raise CheckpointError(f"{path}: has only {size} bytes; the file is truncated.")
        file = np.memmap(path, dtype=np.uint8, mode="r")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: this part of the model is missing; bring it there, too.").in_chinese(
            f"{path}：模型缺少这个文件；请把它也放到那里。"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
    if stand_in := what_stands_in(file[:64].tobytes()):
        raise stand_in(path)
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


def _read_entry(path: Path, name: str, value: Any, data: NDArray[np.uint8]) -> Entry:
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


# -- writing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HfTensor:
    """A tensor under its Hugging Face name.  read: makes its float32 values when its turn comes."""

    name: str
    shape: Shape
    read: Callable[[], NDArray[np.float32]]

    def dtype(self, dtype: str) -> str:
        """What it is written as in a file of `dtype`: the experts' selection bias is float32 always."""
        return "float32" if self.name.endswith("e_score_correction_bias") else dtype


def safetensors_pieces(tensors: Iterable[HfTensor], dtype: str) -> Iterator[bytes]:
    """The bytes of a safetensors file of `dtype`, a key of `WRITABLE`; one tensor is in memory at a time."""
    ordered = sorted(tensors, key=lambda tensor: tensor.dtype(dtype) != "float32")  # keeps every tensor aligned
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in ordered:
        kind, size = WRITABLE[tensor.dtype(dtype)]
        end = offset + math.prod(tensor.shape) * size
        header[tensor.name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in ordered:
        values = tensor.read()
        assert values.size == math.prod(tensor.shape), f"{tensor.name}: {values.shape} is not {tensor.shape}"
        if tensor.dtype(dtype) == "float32":
            yield values.astype("<f4").tobytes()
        else:
            yield encode_bfloat16(values).astype("<u2").tobytes()
