"""One forward pass over a batch of sequences, and the latent cache it reads and writes.

`Runner.forward` takes one Chunk per sequence: part of a prompt, or tokens generated since.  A token's logits
do not depend on the other chunks, on how a prompt was cut into chunks, or on which pages hold the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.engine.bandwidth import usable_cores
from huozhong.engine.kernels.batch import ForwardBatch, PagedCache, RowSpan
from huozhong.engine.weights.layout import Weights
from huozhong.model.architecture import Architecture, CacheFormat, CompressedAttention, LatentAttention, page_bytes
from huozhong.model.rope import rope_table

F32 = NDArray[np.float32]
Want = Literal["last", "all", "none", "hidden"]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Consecutive tokens of one sequence.

    tokens: int32 [T]; start: position of the first; pages: int32 page table covering start + T positions.
    want: logits of the last or all tokens, or all hidden states after the last norm.
    prefill: these are prompt tokens (also when there is just one of them): they are computed un-absorbed,
    generated tokens absorbed, and the two forms differ in the last bits.
    """

    tokens: NDArray[np.int32]
    start: int
    pages: NDArray[np.int32]
    want: Want
    prefill: bool


class Runner:
    """A model ready to run: packed weights and a paged cache of `num_pages` pages of `page_size` positions.

    num_threads: None takes the CPUs this process may use.  cache_format: how the cache keeps a number.
    Grouped and sparse attention want pages of a multiple of 16 positions, compressed attention of its `page_step`.
    """

    def __init__(
        self,
        weights: Weights,
        num_pages: int,
        page_size: int = 64,
        num_threads: int | None = None,
        cache_format: CacheFormat = "f32",
    ) -> None:
        assert min(num_pages, page_size) > 0
        assert num_threads is None or num_threads > 0
        self.weights = weights
        self.num_threads = num_threads or usable_cores()
        c = weights.architecture
        tiled = not isinstance(c.attention, LatentAttention) or c.attention.indexer is not None
        step = c.attention.page_step if isinstance(c.attention, CompressedAttention) else 16
        assert page_size % step == 0 or not tiled
        self.page_bytes = page_bytes(c, page_size, cache_format)  # of one layer
        layers = c.num_layers + len(weights.prediction)
        pages_LPB = np.zeros((layers, num_pages, self.page_bytes), np.uint8)
        self.cache = PagedCache(pages_LPB, page_size, cache_format)
        self.rope = rope_table(c.rope, num_pages * page_size)
        compressed = None
        if isinstance(c.attention, CompressedAttention):
            compressed = rope_table(c.attention.compress_rope, num_pages * page_size)
        self._model = kernels.load(weights, self.rope, self.num_threads, compressed)

    def experts(self) -> kernels.ExpertStats | None:
        """How experts were read that stay on the disk; None where they are in memory."""
        return self._model.experts()

    @property
    def architecture(self) -> Architecture:
        return self.weights.architecture

    @property
    def num_pages(self) -> int:
        return int(self.cache.pages.shape[1])

    @property
    def page_size(self) -> int:
        return self.cache.page_size

    def read_page(self, page: int) -> bytes:
        """A copy of what all layers keep in a page: layers x page_bytes."""
        return self.cache.pages[:, page].tobytes()

    def write_page(self, page: int, data: bytes) -> None:
        """Put back what `read_page` returned, in this page or another."""
        self.cache.pages[:, page] = np.frombuffer(data, np.uint8).reshape(-1, self.page_bytes)

    def forward(self, chunks: Sequence[Chunk]) -> list[F32 | None]:
        """Per chunk: float32 logits [V] ("last") or [T, V] ("all"), hidden states [T, D] ("hidden"), or None.

        Fills the cache.
        """
        batch = self._batch(chunks)
        return _outputs(chunks, *self._model.forward(self.cache, batch))

    def forward_with_states(self, chunks: Sequence[Chunk]) -> tuple[list[F32 | None], list[F32]]:
        """`forward` without "hidden", and of every chunk the states [T, D or more] that what guesses needs."""
        block = self.weights.block
        return self.forward_with_layers(chunks, () if block is None else block.config.taps)

    def forward_with_layers(
        self, chunks: Sequence[Chunk], layers: tuple[int, ...]
    ) -> tuple[list[F32 | None], list[F32]]:
        """The same with the states behind the last norm (no layers), or with what goes out of some layers, side by side
        [T, layers * D]; out of the last it is what the last norm makes of that.
        """
        batch = self._batch(chunks)
        batch = replace(batch, hidden_rows=np.arange(len(batch.tokens_T), dtype=np.int32))
        if layers:
            logits, hidden_TD, states = self._model.forward_tapped(self.cache, batch, np.array(layers, np.int32))
            if layers[-1] == self.architecture.num_layers - 1:
                states[:, -hidden_TD.shape[1] :] = hidden_TD
        else:
            logits, hidden_TD = self._model.forward(self.cache, batch)
            states = hidden_TD
        ends = np.cumsum([len(chunk.tokens) for chunk in chunks])
        return _outputs(chunks, logits, hidden_TD), np.split(states, ends[:-1])

    def draft(self, chunks: Sequence[Chunk], states: Sequence[F32], module: int = 0) -> list[F32 | None]:
        """An MTP module's logits, as `forward` gives the model's: what comes after the tokens that follow.

        A chunk's `tokens` are those that follow its positions (one further on than in `forward`), `states` the
        chunk's hidden states there.  Every position must have passed, in order, for the last to be good.
        """
        states_TD = np.ascontiguousarray(np.concatenate(states))
        return _outputs(chunks, *self._model.draft(module, states_TD, self.cache, self._batch(chunks)))

    def draft_ahead(
        self, chunks: Sequence[Chunk], states: Sequence[F32], limits: Sequence[int], *, vocab: int, p_min: float
    ) -> tuple[NDArray[np.int32], F32]:
        """What the first MTP module guesses after each chunk, up to limits[s] tokens, each from the one before.

        chunks, states: as for `draft` (the page tables cover the guesses too).  Only tokens below `vocab` are
        guessed, and a chunk's guesses end where the product of their probabilities falls below `p_min`.
        Returns tokens [S, K] and the module's own probability of each, 0 where there is none.
        """
        states_TD = np.ascontiguousarray(np.concatenate(states))
        return self._model.draft_ahead(
            0, states_TD, np.array(limits, np.int32), vocab, p_min, self.cache, self._batch(chunks)
        )

    def _batch(self, chunks: Sequence[Chunk]) -> ForwardBatch:
        spans: list[RowSpan] = []
        logit_rows: list[int] = []
        hidden_rows: list[int] = []
        first = 0
        for chunk in chunks:
            end = first + len(chunk.tokens)
            assert end > first, "a chunk needs at least one token"
            room = len(chunk.pages) * self.page_size
            assert 0 <= chunk.start <= room - len(chunk.tokens), "page table too short"
            pages = np.ascontiguousarray(chunk.pages, dtype=np.int32)
            spans.append(RowSpan(first, end - first, chunk.start, chunk.prefill, pages))
            logit_rows += {"last": [end - 1], "all": range(first, end), "none": [], "hidden": []}[chunk.want]
            if chunk.want == "hidden":
                hidden_rows += range(first, end)
            first = end
        tokens = np.concatenate([chunk.tokens for chunk in chunks]).astype(np.int32, copy=False)
        return ForwardBatch(tokens, tuple(spans), np.array(logit_rows, np.int32), np.array(hidden_rows, np.int32))


def _outputs(chunks: Sequence[Chunk], logits: F32, hidden: F32) -> list[F32 | None]:
    out: list[F32 | None] = []
    row = hidden_row = 0
    for chunk in chunks:
        if chunk.want == "none":
            out.append(None)
        elif chunk.want == "last":
            out.append(logits[row])
            row += 1
        elif chunk.want == "all":
            out.append(logits[row : row + len(chunk.tokens)])
            row += len(chunk.tokens)
        else:
            out.append(hidden[hidden_row : hidden_row + len(chunk.tokens)])
            hidden_row += len(chunk.tokens)
    return out
