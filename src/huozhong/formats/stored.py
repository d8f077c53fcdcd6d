"""A tensor as it lies in a file, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.model.tensors import Shape

Rows = slice | NDArray[np.intp]  # which rows of a matrix
FLOAT_TYPES = ("F32", "F16", "BF16", "F8_E4M3")  # as safetensors calls them; every other type is a GGUF block format


class Octets(Protocol):
    """Bytes [rows, bytes per row], in the file or made of it when rows are asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def nbytes(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: Rows, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as it lies in the file.

    type: one of `FLOAT_TYPES` (the scales of F8_E4M3 lie apart) or a GGUF block format (Q4_0, Q6_K ...).
    shape: outermost dimension first.  data: uint8 [rows, bytes per row], mostly memory-mapped; rows are every
    dimension but the last, so a vector is one row.
    """

    type: str
    shape: Shape
    data: Octets
