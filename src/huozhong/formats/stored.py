"""A tensor as it lies in a file, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.model.tensors import Shape

Rows = slice | NDArray[np.intp]  # which rows of a matrix
FLOAT_TYPES = ("F32", "F16", "BF16", "F8_E4M3")  # as safetensors calls them; every other type is a GGUF block format


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as it lies in the file.

    type: one of `FLOAT_TYPES` (the scales of F8_E4M3 lie apart) or a GGUF block format (Q4_0, Q6_K ...).
    shape: outermost dimension first.  data: uint8 [rows, bytes per row], memory-mapped; rows are every dimension
    but the last, so a vector is one row.
    """

    type: str
    shape: Shape
    data: NDArray[np.uint8]
