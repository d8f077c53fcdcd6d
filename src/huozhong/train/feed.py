"""What a training step reads: packed rows as tensors, from the recipe's sources and from its held-out text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from huozhong.errors import DataError
from huozhong.text.data import NO_TARGET, Batch, PackedBatches
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.recipe import Recipe


@dataclass(frozen=True)
class Rows:
    """B rows of T tokens as int64 tensors.

    targets_BT: the next token, -100 where it carries no loss.  doc_BT: which document of its row a token is in.
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    doc_BT: Tensor

    @classmethod
    def from_batch(cls, batch: Batch) -> Rows:
        arrays = (batch.tokens_BT, batch.targets_BT, batch.doc_BT)
        return cls(*(torch.from_numpy(array).long() for array in arrays))

    @property
    def count(self) -> int:
        """Targets that carry loss."""
        return int((self.targets_BT != NO_TARGET).sum())

    def to(self, device: torch.device) -> Self:
        return self._each(lambda x_BT: x_BT.to(device))

    def cut(self, length: int) -> Self:
        """The same tokens in rows of `length`, which divides T: a document that crosses a cut is seen in parts."""
        return self._each(lambda x_BT: x_BT.reshape(-1, length))

    def none(self) -> Self:
        """No rows, of the same length."""
        return self._each(lambda x_BT: x_BT[:0])

    def split(self, size: int) -> list[Self]:
        """Micro-batches of `size` rows; the last may be shorter."""
        parts = (torch.split(getattr(self, field.name), size) for field in fields(self))
        return [type(self)(*part) for part in zip(*parts, strict=True)]

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(*(change(getattr(self, field.name)) for field in fields(self)))


def training_batches(recipe: Recipe, tokenizer: Tokenizer) -> PackedBatches:
    """Endless batches of one optimiser step each.  Raises DataError if the shards are another tokenizer's."""
    stream = PackedBatches(
        recipe.data.train,
        batch_size=recipe.rows_per_step,
        seq_len=recipe.data.seq_len,
        seed=recipe.run.seed,
        pad_id=tokenizer.pad_id or 0,
    )
    _check_vocabulary(stream, tokenizer, recipe, "train")
    return stream


def heldout_rows(recipe: Recipe, tokenizer: Tokenizer) -> Rows:
    """The first `heldout_rows` rows (all, if there are fewer) of the held-out text; always the same."""
    assert recipe.data.heldout is not None
    stream = PackedBatches(
        recipe.data.heldout, batch_size=recipe.data.heldout_rows, seq_len=recipe.data.seq_len, epochs=1
    )
    _check_vocabulary(stream, tokenizer, recipe, "heldout")
    return Rows.from_batch(next(stream))


def _check_vocabulary(stream: PackedBatches, tokenizer: Tokenizer, recipe: Recipe, key: str) -> None:
    if stream.vocab_hash and stream.vocab_hash != tokenizer.fingerprint:
        raise DataError(
            f"[data] {key} was made with another tokenizer than {recipe.tokenizer}; make the shards again "
            f"with it, or name the right tokenizer folder."
        )
