"""One layer's pages of compressed attention, as NumPy sees them: rows, entries, indexer keys and open state.

What lies where says `PageLayout`.  Shape letters: reference_compressed.py's, and P pages, B bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.batch import RowSpan
from huozhong.engine.kernels.cache_rows import pack_rows, quantize_part, unpack_rows
from huozhong.engine.kernels.reference_sparse import int8_dots
from huozhong.engine.weights.quant import GROUP
from huozhong.model.architecture import CacheFormat
from huozhong.model.page_layout import RING, PageLayout

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


class LayerPages:
    """The pages [P, B] of one layer of a cache of `format`; rows and entries have `width` numbers, keys `key_width`."""

    def __init__(self, pages_PB: U8, layout: PageLayout, format: CacheFormat, width: int, key_width: int) -> None:
        self._pages, self._layout, self._format = pages_PB, layout, format
        self._width, self._key_width = width, key_width

    def write_rows(self, span: RowSpan, rows_TK: F32) -> None:
        """The span's rows."""
        self._write(span.pages, np.arange(span.start, span.end), 0, self._layout.page_size, self._packed(rows_TK))

    def read_rows(self, span: RowSpan, first: int, stop: int) -> F32:
        """Rows of positions first ... stop - 1."""
        found = self._read(span.pages, np.arange(first, stop), 0, self._layout.page_size, self._layout.row)
        return self._unpacked(found)

    def write_entry(self, span: RowSpan, entry: int, values_K: F32) -> None:
        place = np.array([entry])
        self._write(span.pages, place, self._layout.entries, self._layout.count, self._packed(values_K[None]))

    def read_entries(self, span: RowSpan, count: int) -> F32:
        """The first `count` entries of the sequence."""
        layout = self._layout
        return self._unpacked(self._read(span.pages, np.arange(count), layout.entries, layout.count, layout.row))

    def write_key(self, span: RowSpan, entry: int, key_J: F32) -> None:
        octets = key_J[None].view(np.uint8)
        if self._format != "f32":
            q, scale = quantize_part(key_J[None])
            octets = np.concatenate([q.view(np.uint8), np.ascontiguousarray(scale).view(np.uint8)], axis=1)
        self._write(span.pages, np.array([entry]), self._layout.keys, self._layout.count, octets)

    def key_dots(self, span: RowSpan, count: int, q_IJ: F32, quantized: tuple[NDArray[np.int8], F32]) -> F32:
        """Products [I, count] of a row's queries, also given as int8 and scales, with the first keys."""
        layout = self._layout
        octets = self._read(span.pages, np.arange(count), layout.keys, layout.count, layout.key)
        if self._format == "f32":
            dots_IN: F32 = np.einsum("ij,nj->in", q_IJ, octets.view(np.float32))
            return dots_IN
        width = self._key_width
        keys = octets[:, :width].view(np.int8).reshape(count, -1, GROUP).astype(np.float64)
        scales = np.ascontiguousarray(octets[:, width:]).view(np.float16).astype(np.float32)
        return int8_dots(quantized, keys, scales)

    def open_state(self, span: RowSpan, position: int) -> F32:
        """The open state behind a position, to be read and written."""
        layout = self._layout
        page, at = span.pages[position // layout.page_size], layout.open_state + position % RING * 4 * layout.open
        return self._pages[page, at : at + 4 * layout.open].view(np.float32)

    # -- bytes -------------------------------------------------------------------------------------

    def _packed(self, x_NK: F32) -> U8:
        if self._format == "q8":
            return pack_rows(x_NK, (self._width,))
        x: NDArray[Any] = np.ascontiguousarray(x_NK, np.float16 if self._format == "f16" else np.float32)
        return x.view(np.uint8)

    def _unpacked(self, octets_NB: U8) -> F32:
        if self._format == "q8":
            return unpack_rows(octets_NB, (self._width,))
        return octets_NB.view(np.float16 if self._format == "f16" else np.float32).astype(np.float32)

    def _places(self, numbers: NDArray[np.intp], at: int, per_page: int, size: int) -> NDArray[np.intp]:
        """Columns [N, size] of the bytes of things of which a page has `per_page`, from byte `at` on."""
        columns: NDArray[np.intp] = at + (numbers % per_page)[:, None] * size + np.arange(size)
        return columns

    def _write(self, pages: NDArray[np.int32], numbers: NDArray[np.intp], at: int, per_page: int, octets: U8) -> None:
        columns = self._places(numbers, at, per_page, octets.shape[1])
        self._pages[pages[numbers // per_page][:, None], columns] = octets

    def _read(self, pages: NDArray[np.int32], numbers: NDArray[np.intp], at: int, per_page: int, size: int) -> U8:
        columns = self._places(numbers, at, per_page, size)
        return np.ascontiguousarray(self._pages[pages[numbers // per_page][:, None], columns])
