"""What a training step reads: packed rows as tensors, from the recipe's sources and from its held-out
text.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from huozhong.errors import DataError
from huozhong.text.data import NO_TARGET, Batch, PackedBatches
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.recipe import Recipe


@dataclass(frozen=True)
class Rows:
    """B rows of T tokens as int64 tensors.

    targets_BT: the next token, -100 where it carries no loss.  doc_BT: which document of its row a
    token is in.
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

    def to(self, device: torch.device) -> Rows:
        return Rows(self.tokens_BT.to(device), self.targets_BT.to(device), self.doc_BT.to(device))

    def cut(self, length: int) -> Rows:
        """The same tokens in rows of `length`, which divides T: a document that crosses a cut is seen in parts."""
        return Rows(*(x.reshape(-1, length) for x in (self.tokens_BT, self.targets_BT, self.doc_BT)))

    def none(self) -> Rows:
        """No rows, of the same length."""
        return Rows(self.tokens_BT[:0], self.targets_BT[:0], self.doc_BT[:0])

    def split(self, size: int) -> list[Rows]:
        """Micro-batches of `size` rows; the last may be shorter."""
        parts = (torch.split(x, size) for x in (self.tokens_BT, self.targets_BT, self.doc_BT))
        return [Rows(*part) for part in zip(*parts, strict=True)]


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
