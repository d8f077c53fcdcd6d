"""One forward pass over a batch of sequences, and the latent cache it reads and writes.

`Runner.forward` takes one Chunk per sequence: part of a prompt, or tokens generated since.  A token's logits
do not depend on the other chunks, on how a prompt was cut into chunks, or on which pages hold the cache.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.engine.kernels import reference
from huozhong.engine.kernels.batch import Batch, Span
from huozhong.engine.weights import Weights
from huozhong.model.config import ModelConfig, yarn_mscale

F32 = NDArray[np.float32]
Want = Literal["last", "all", "none", "hidden"]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Consecutive tokens of one sequence.

    tokens: int32 [T]; start: position of the first; pages: int32 page table covering start + T positions.
    want: logits of which tokens, or "hidden": every token's state after the final norm, and no logits.
    prefill: these are prompt tokens (also when there is just one of them): they are computed un-absorbed, generated
    tokens absorbed, and the two forms differ in the last bits.
    """

    tokens: NDArray[np.int32]
    start: int
    pages: NDArray[np.int32]
    want: Want
    prefill: bool


class Runner:
    """A model ready to run: packed weights and a latent cache of `num_pages` pages of `page_size` positions.

    cache_LPSC: float32 [layers, pages, page_size, latent_dim]; a row is the normed KV latent, then the
    rotated key.
    num_threads: None takes the CPUs this process may use.
    """

    def __init__(
        self, weights: Weights, num_pages: int, page_size: int = 64, num_threads: int | None = None
    ) -> None:
        assert min(num_pages, page_size) > 0
        assert num_threads is None or num_threads > 0
        self.weights = weights
        self.page_size = page_size
        self.num_threads = num_threads or len(os.sched_getaffinity(0))
        c = weights.config
        self.cache_LPSC: F32 = np.zeros((c.num_hidden_layers, num_pages, page_size, c.latent_dim), np.float32)
        self.rope = rope_table(c, num_pages * page_size)
        self._model = kernels.load(weights, self.rope, self.num_threads)

    @property
    def config(self) -> ModelConfig:
        return self.weights.config

    @property
    def num_pages(self) -> int:
        return self.cache_LPSC.shape[1]

    def forward(self, chunks: Sequence[Chunk]) -> list[F32 | None]:
        """Per chunk: float32 logits [V] ("last"), [T, V] ("all"), states [T, D] ("hidden") or None ("none").

        Fills the cache.
        """
        apart = [chunk for chunk in chunks if chunk.want == "hidden"]
        if not apart:
            return self._logits(chunks)
        # The native forward has no door for states yet; the slow twin computes the same.
        batch = self._batch(apart)
        states = iter(np.split(
            reference.hidden(self.weights, self.rope, self.cache_LPSC, batch), [s.first_row for s in batch.spans[1:]]
        ))
        others = [chunk for chunk in chunks if chunk.want != "hidden"]
        logits = iter(self._logits(others) if others else [])
        return [next(states) if chunk.want == "hidden" else next(logits) for chunk in chunks]

    def _logits(self, chunks: Sequence[Chunk]) -> list[F32 | None]:
        batch = self._batch(chunks)
        logits = self._model.forward(self.cache_LPSC, batch)
        out: list[F32 | None] = []
        row = 0
        for chunk in chunks:
            if chunk.want == "none":
                out.append(None)
            elif chunk.want == "last":
                out.append(logits[row])
                row += 1
            else:
                out.append(logits[row : row + len(chunk.tokens)])
                row += len(chunk.tokens)
        return out

    def _batch(self, chunks: Sequence[Chunk]) -> Batch:
        spans: list[Span] = []
        logit_rows: list[int] = []
        first = 0
        for chunk in chunks:
            end = first + len(chunk.tokens)
            assert end > first, "a chunk needs at least one token"
            room = len(chunk.pages) * self.page_size
            assert 0 <= chunk.start <= room - len(chunk.tokens), "page table too short"
            pages = np.ascontiguousarray(chunk.pages, dtype=np.int32)
            spans.append(Span(first, end - first, chunk.start, chunk.prefill, pages))
            every = range(first, end)
            logit_rows += {"last": [end - 1], "all": every, "hidden": every, "none": []}[chunk.want]
            first = end
        tokens = np.concatenate([chunk.tokens for chunk in chunks]).astype(np.int32, copy=False)
        return Batch(tokens, tuple(spans), np.array(logit_rows, np.int32))


def rope_table(config: ModelConfig, positions: int) -> F32:
    """Cosines and sines [positions, 2, qk_rope_head_dim / 2], float32, with YaRN (Peng et al. 2023, §3).

    Angles are float32 products, as in transformers, so that far positions agree with it.
    """
    dim = config.qk_rope_head_dim
    frequency = 1.0 / config.rope_theta ** (np.arange(0, dim, 2) / dim)
    magnitude = 1.0
    if (yarn := config.rope_scaling) is not None:
        low, high = (
            dim
            * np.log(yarn.original_max_position_embeddings / (beta * 2 * np.pi))
            / (2 * np.log(config.rope_theta))
            for beta in (yarn.beta_fast, yarn.beta_slow)
        )
        low, high = max(np.floor(low), 0), min(np.ceil(high), dim - 1)
        ramp = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
        frequency = frequency * (1 - ramp) + frequency / yarn.factor * ramp
        magnitude = yarn_mscale(yarn.factor, 1.0)
        if yarn.mscale and yarn.mscale_all_dim:
            magnitude = yarn_mscale(yarn.factor, yarn.mscale) / yarn_mscale(yarn.factor, yarn.mscale_all_dim)
    angle = np.arange(positions, dtype=np.float32)[:, None] * frequency.astype(np.float32)
    table = np.stack([np.cos(angle.astype(np.float64)), np.sin(angle.astype(np.float64))], axis=1) * magnitude
    return table.astype(np.float32)
