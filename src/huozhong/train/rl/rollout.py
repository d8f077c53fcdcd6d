"""Where answers to learn from come from: the `Sampler` that a run is given, and the slow one in torch.

The fast sampler is the engine's; it lives with the command that may import both rooms.
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


class TorchSampler:
    """The reference: recomputes everything for each token.  For tests, and where no engine can run.

    vocab_size: of the tokenizer; a model's table may be longer, and those tokens are never chosen.
    """

    def __init__(self, *, vocab_size: int, eos_id: int, batch: int = 64) -> None:
        self.vocab_size, self.eos_id, self.batch = vocab_size, eos_id, batch
        self._model: Transformer | None = None

    def load(self, model: Transformer) -> None:
        self._model = model

    def close(self) -> None:
        self._model = None

    @torch.no_grad()
    def generate(self, asks: Sequence[Ask], *, max_tokens: int, greedy: bool = False) -> list[Drawn]:
        model = self._model
        assert model is not None, "load the weights first"
        model.eval()
        drawn = [
            answer
            for start in range(0, len(asks), self.batch)
            for answer in self._batch(model, asks[start : start + self.batch], max_tokens, greedy)
        ]
        model.train()
        return drawn

    def _batch(self, model: Transformer, asks: Sequence[Ask], max_tokens: int, greedy: bool) -> list[Drawn]:
        rngs = [np.random.Generator(np.random.PCG64(ask.seed)) for ask in asks]
        ids = [list(ask.prompt) for ask in asks]
        logprobs: list[list[float]] = [[] for _ in asks]
        finished = [False] * len(asks)
        device = next(model.parameters()).device
        for _ in range(max_tokens):
            live = [n for n in range(len(asks)) if not finished[n]]
            if not live:
                break
            longest = max(len(ids[n]) for n in live)
            tokens_BT = torch.tensor([ids[n] + [0] * (longest - len(ids[n])) for n in live], device=device)
            ends_B = torch.tensor([len(ids[n]) - 1 for n in live], device=device)
            hidden_BTD = model(tokens_BT)
            logits_BV = model.logits(hidden_BTD[torch.arange(len(live)), ends_B])[:, : self.vocab_size]
            all_logprobs_BV = logits_BV.double().log_softmax(-1).cpu().numpy()
            for n, logprobs_V in zip(live, all_logprobs_BV, strict=True):
                token = int(logprobs_V.argmax()) if greedy else _draw(logprobs_V, rngs[n])
                ids[n].append(token)
                logprobs[n].append(float(logprobs_V[token]))
                finished[n] = token == self.eos_id
        return [Drawn(tuple(ids[n][len(ask.prompt) :]), tuple(logprobs[n]), finished[n]) for n, ask in enumerate(asks)]


def _draw(logprobs_V: np.ndarray, rng: np.random.Generator) -> int:
    """By inversion with one random number, as the engine draws."""
    cumulative_V = np.cumsum(np.exp(logprobs_V))
    return min(int(np.searchsorted(cumulative_V, rng.random() * cumulative_V[-1], side="right")), len(logprobs_V) - 1)


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
class TraceRows:
    """Traces packed into B rows of T tokens, several in a row, kept apart by doc_BT.

    targets_BT: the next token where it was generated, else -100.  advantage_BT and sampler_BT (the sampler's
    log-probability) belong to the target of the same place and are 0 elsewhere.
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    doc_BT: Tensor
    pos_BT: Tensor
    advantage_BT: Tensor
    sampler_BT: Tensor

    @property
    def count(self) -> int:
        """Generated tokens."""
        return int((self.targets_BT != NO_TARGET).sum())

    def split(self, size: int) -> list[TraceRows]:
        """Micro-batches of `size` rows."""
        parts = (getattr(self, name).split(size) for name in self.__dataclass_fields__)
        return [TraceRows(*part) for part in zip(*parts, strict=True)]

    def to(self, device: torch.device) -> TraceRows:
        return TraceRows(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


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
