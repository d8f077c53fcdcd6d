"""DeepSeek-V4's experts as its folders have them: four bits a number, and a power of two for each 32.

Two neighbours share a byte, the first in its lower half.  That is GGUF's MXFP4 in another order, and is read as such:
no bit changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.formats.stored import Rows

GROUP = 32  # numbers that share a scale
_BLOCK = 1 + GROUP // 2  # bytes of a scale and its numbers


@dataclass(frozen=True, eq=False)
class Fp4Rows:
    """The rows of a matrix as MXFP4 blocks, made when they are asked for.

    packed: uint8 [rows, width / 2].  scales: uint8 [rows, width / 32], exponents of two plus 127.
    """

    packed: NDArray[np.uint8]
    scales: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.packed), self.scales.shape[1] * _BLOCK

    @property
    def nbytes(self) -> int:
        return self.packed.nbytes + self.scales.nbytes

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, rows: Rows) -> NDArray[np.uint8]:
        pairs = np.asarray(self.packed[rows]).reshape(-1, self.scales.shape[1], GROUP // 2)
        numbers = np.stack([pairs & 15, pairs >> 4], axis=3).reshape(*pairs.shape[:2], GROUP)
        halves = numbers[..., : GROUP // 2] | numbers[..., GROUP // 2 :] << 4
        blocks = np.concatenate([np.asarray(self.scales[rows])[..., None], halves], axis=2)
        return blocks.reshape(len(pairs), -1)
