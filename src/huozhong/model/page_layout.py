"""What lies where in a page of the cache of compressed attention (DeepSeek-V4), and how wide a number is there.

A page holds whole windows of both kinds, and beside them what the next window is made from, so that nothing of a
sequence lies anywhere else: sharing, swapping and the disk take pages as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

CacheFormat = Literal["f32", "f16", "q8"]  # how the cache keeps a number

# Positions whose open state a page keeps: window and overlap (8), and as many refused guesses as there may be.
RING = 16
_ALIGNMENT = 64


@dataclass(frozen=True)
class PageLayout:
    """Bytes of one layer's part of a page: offsets of rows (0), entries, indexer keys and open state, and its size.

    row: bytes of a cached row or entry.  key: of an indexer's key.  open: float32 numbers of one position's open state.
    every: positions that an entry stands for, 0 without entries.
    """

    page_size: int
    row: int
    every: int
    key: int
    open: int

    @property
    def entries(self) -> int:
        return self.page_size * self.row

    @property
    def count(self) -> int:
        """Entries of a page."""
        return self.page_size // self.every if self.every else 0

    @property
    def keys(self) -> int:
        return _aligned(self.entries + self.count * self.row)

    @property
    def open_state(self) -> int:
        return _aligned(self.keys + self.count * self.key)

    @property
    def size(self) -> int:
        return self.open_state + RING * 4 * self.open


def part_bytes(width: int, format: CacheFormat) -> int:
    """Bytes of `width` numbers that lie together.  q8: a byte a number, and a half-precision scale for each 32."""
    if format == "q8":
        return width + width % 2 + 2 * math.ceil(width / 32)
    return width * {"f32": 4, "f16": 2}[format]


def key_bytes(width: int, format: CacheFormat) -> int:
    """An indexer's key: int8 and its scales, unless the cache rounds nothing."""
    return width * 4 if format == "f32" else width + width // 32 * 2


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
