"""What one forward pass is given: rows of tokens, and where each run of rows belongs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huozhong.model.architecture import CacheFormat


@dataclass(frozen=True, eq=False)
class RowSpan:
    """`length` rows of one sequence, beginning at row `first_row` of the batch and at position `start`.

    prefill: prompt rows, computed un-absorbed; otherwise generated rows, computed absorbed.
    pages: int32 page table of the sequence; position p lives in page pages[p // page_size].
    """

    first_row: int
    length: int
    start: int
    prefill: bool
    pages: NDArray[np.int32]

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, eq=False)
class ForwardBatch:
    """tokens_T: int32 token of every row.  logit_rows, hidden_rows: int32 rows whose logits, or whose hidden
    states after the last norm, are wanted."""

    tokens_T: NDArray[np.int32]
    spans: tuple[RowSpan, ...]
    logit_rows: NDArray[np.int32]
    hidden_rows: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PagedCache:
    """The paged cache.  pages: uint8 [layers, pages, bytes], of `page_size` positions each.

    How a page is laid out inside is the kernels' own business; nobody else looks into one.
    """

    pages: NDArray[np.uint8]
    page_size: int
    format: CacheFormat
