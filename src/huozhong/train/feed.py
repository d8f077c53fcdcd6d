"""What a training step reads: rows mixed from several folders of shards by weight, and the held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from huozhong.errors import DataError
from huozhong.text.data import PackedBatches
from huozhong.train.recipe import Source


@dataclass(frozen=True)
class Rows:
    """B rows of T tokens as int64 tensors.

    targets_BT: the next token, -100 where it carries no loss.  doc_BT: which document of its row a token
    is in.
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    doc_BT: Tensor

    @property
    def count(self) -> int:
        """Targets that carry loss."""
        return int((self.targets_BT >= 0).sum())

    def to(self, device: torch.device) -> Rows:
        return Rows(self.tokens_BT.to(device), self.targets_BT.to(device), self.doc_BT.to(device))

    def split(self, size: int) -> list[Rows]:
        """Micro-batches of `size` rows; the last may be shorter."""
        parts = zip(*(x.split(size) for x in (self.tokens_BT, self.targets_BT, self.doc_BT)), strict=True)
        return [Rows(*part) for part in parts]


class Mixture:
    """Endless rows from weighted sources.

    Which source gives the next row is decided without chance: the one furthest behind its share.  So the
    mixture is exact over any stretch, and its state is one count per source beside the sources' own
    positions.
    """

    def __init__(self, sources: Sequence[Source], *, seq_len: int, seed: int) -> None:
        total = sum(source.weight for source in sources)
        self._shares = [source.weight / total for source in sources]
        self._taken = [0] * len(sources)
        self._streams = [
            PackedBatches(_existing(source.path), batch_size=1, seq_len=seq_len, seed=seed + index)
            for index, source in enumerate(sources)
        ]

    def take(self, rows: int) -> Rows:
        """The next `rows` rows."""
        return _stack([self._next() for _ in range(rows)])

    def state(self) -> dict[str, Any]:
        """JSON-able; `restore` on a mixture of the same sources goes on with exactly the next row."""
        return {"taken": list(self._taken), "streams": [stream.state() for stream in self._streams]}

    def restore(self, state: dict[str, Any]) -> None:
        self._taken = list(state["taken"])
        for stream, saved in zip(self._streams, state["streams"], strict=True):
            stream.restore(saved)

    def _next(self) -> Any:
        after = sum(self._taken) + 1
        behind = [share * after - taken for share, taken in zip(self._shares, self._taken, strict=True)]
        index = behind.index(max(behind))
        self._taken[index] += 1
        return next(self._streams[index])


def heldout_rows(folder: str, *, seq_len: int, rows: int) -> Rows:
    """The first `rows` rows (or all, if there are fewer) of a folder, packed the same way at every
    scoring.
    """
    stream = PackedBatches(_existing(folder), batch_size=1, seq_len=seq_len, seed=0, epochs=1)
    batches = [batch for _, batch in zip(range(rows), stream, strict=False)]
    if not batches:
        raise DataError(
            f"held-out folder {folder} has not even one row of {seq_len} tokens; give it more text."
        )
    return _stack(batches)


def _existing(folder: str) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise DataError(
            f"data folder {folder} does not exist; make shards first, or correct [data] in the recipe."
        )
    return path


def _stack(batches: list[Any]) -> Rows:
    def tensor(field: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(batch, field) for batch in batches]).astype(np.int64))

    return Rows(tensor("tokens_BT"), tensor("targets_BT"), tensor("doc_BT"))
