"""Where answers to learn from come from: the `Sampler` that a run is given.

It is the engine's, and lives with the command that may import both rooms; tests have a slow one in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from huozhong.model.transformer import Transformer
from huozhong.text.data import NO_TARGET
from huozhong.train.feed import Rows


@dataclass(frozen=True)
class Ask:
    """One answer wanted: the prompt's ids, and the seed that it is drawn with."""

    prompt: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Drawn:
    """One answer.  token_ids: all that was generated, the end token included where `finished`.

    logprobs: of each token, natural, under the weights that the sampler computed with, at temperature 1.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finished: bool


class Sampler(Protocol):
    """Answers prompts with a policy's weights.

    The same weights, prompts and seeds must give the same answers, whatever they are batched with: that
    is what a resumed run relies on.
    """

    def load(self, model: Transformer) -> None:
        """Take over the model's weights as they are now."""
        ...

    def generate(self, asks: Sequence[Ask], *, max_tokens: int, greedy: bool = False) -> list[Drawn]:
        """One answer each, in the order of `asks`; drawn at temperature 1 from all tokens, or greedy."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


# -- packing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """One answer with its prompt and what it earned."""

    prompt: tuple[int, ...]
    drawn: Drawn
    advantage: float

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.drawn.token_ids)


@dataclass(frozen=True)
class TraceRows(Rows):
    """Traces packed into B rows of T tokens, several in a row, kept apart by doc_BT.

    targets_BT: the next token where it was generated.  advantage_BT and sampler_BT (the sampler's log-probability)
    belong to the target of the same place and are 0 elsewhere.
    """

    pos_BT: Tensor
    advantage_BT: Tensor
    sampler_BT: Tensor


def pack_traces(traces: Sequence[Trace], *, seq_len: int, multiple: int = 1, pad_id: int = 0) -> TraceRows:
    """Longest first, each into the first row that has room; rows are filled up to a multiple of `multiple`.

    Rows of one size let a compiled model run without compiling again.
    """
    order = sorted(range(len(traces)), key=lambda n: (-traces[n].length, n))
    rows: list[list[Trace]] = []
    room: list[int] = []
    for trace in (traces[n] for n in order):
        assert 1 < trace.length <= seq_len, "an answer does not fit a row"
        at = next((row for row, free in enumerate(room) if free >= trace.length), None)
        if at is None:
            rows.append([])
            room.append(seq_len)
            at = len(rows) - 1
        rows[at].append(trace)
        room[at] -= trace.length
    count = -(-max(1, len(rows)) // multiple) * multiple
    shape = (count, seq_len)
    tokens, targets = np.full(shape, pad_id, np.int64), np.full(shape, NO_TARGET, np.int64)
    doc, pos = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    advantage, sampler = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for b, row in enumerate(rows):
        start = 0
        for number, trace in enumerate(row):
            end, first = start + trace.length, start + len(trace.prompt) - 1  # first place with a target
            tokens[b, start:end] = trace.prompt + trace.drawn.token_ids
            targets[b, first : end - 1] = trace.drawn.token_ids
            doc[b, start:end], pos[b, start:end] = number, np.arange(trace.length)
            advantage[b, first : end - 1] = trace.advantage
            sampler[b, first : end - 1] = trace.drawn.logprobs
            start = end
        doc[b, start:] = len(row)
    return TraceRows(*(torch.from_numpy(a) for a in (tokens, targets, doc, pos, advantage, sampler)))
